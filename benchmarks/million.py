"""How much memory a plan of a million runs takes: prints one line for the runs and one for a call with `--resume`.

    python benchmarks/million.py [--runs 1000000] [--workers 1]

Every run goes through the engine: a grid on two made-up days of hourly bars, 50 exposures, 100 leverages, both margin
modes, as many seeds as it takes, plain metrics. The peak is that of the whole process of `backtester batch`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OF_A_SEED = 50 * 100 * 2
PLAN = """
strategy = "grid_reversion"
params.window = 12
params.exposure = [{exposures}]
market = "synthetic"
symbols = "FAKE1"
period = {{ start = 2024-01-01, end = 2024-01-03 }}
seed = "0..{last}"
leverage = [{leverages}]
metrics = "plain"
check = false
"""


def main(runs: int, workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder, "million.toml")
        exposures, leverages = (", ".join(map(str, row)) for row in ([k / 4 for k in range(1, 51)], range(1, 101)))
        last = max(runs // OF_A_SEED, 1) - 1
        plan.write_text(PLAN.format(exposures=exposures, leverages=leverages, last=last))
        for options in ([], ["--resume"]):
            print("\n".join(measured(plan, Path(folder, "out"), workers, options)), flush=True)


def measured(plan: Path, out: Path, workers: int, options: list[str]) -> list[str]:
    """Return what a call said, its time, and the most memory that its process had."""
    command = [sys.executable, "-c", "from backtester.cli import main; main()", "batch", str(plan), "--out", str(out)]
    command += ["--workers", str(workers), *options]
    start = time.perf_counter()
    with subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    ) as process:
        said = process.stdout.read().splitlines() if process.stdout else []
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    peak = used.ru_maxrss * unit / 2**30
    done = next((line for line in said if " done" in line), "failed").partition(": ")[0]
    return [f"{done} in {time.perf_counter() - start:,.0f} s with {workers} workers, at most {peak:.2f} GiB"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    main(asked.runs, asked.workers)
