"""Can what reads a run be compiled without the engine, so that another process does it meanwhile?"""

import os
import subprocess
import sys
from pathlib import Path


def test_what_reads_runs_is_compiled_without_the_engine(tmp_path: Path) -> None:
    code = (
        "from backtester.kernels._jit import is_kept\n"
        "from backtester.warmup import warm_up_reading\n"
        "before = is_kept('tally')\n"
        "warm_up_reading()\n"
        "print(before, is_kept('tally'), is_kept('advance'))\n"
    )
    kept = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment = {**kept, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert done.stdout == "False True False\n"
    assert {file.name.partition(".")[0] for file in tmp_path.rglob("*.nbc")} == {"replay", "tally"}
