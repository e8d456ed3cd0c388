"""Are the shipped plans, killed in the middle, finished to the same rows, and are these the same whoever does them?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from backtester.batch import read_plan, read_runs, run_plan
from backtester.batch.beside import content_of
from backtester.walk_forward import walk_forward
from tests.batch.small import same_rows

ROOT = Path(__file__).resolve().parents[2]
PLANS = sorted((ROOT / "strategies" / "plans").glob("*.toml"))
WALK = ROOT / "strategies" / "plans" / "walk_forward.toml"
WALKED = 12 * 9 * 2  # combinations, windows, modes
KILLED = """
import os, signal
from backtester import _parts
from backtester.batch import run_plan
from backtester.walk_forward import walk_forward

_parts.PATIENCE = _parts.SHARE = 0.0  # every row is written at once


def kill(done):
    if done == {after}:
        os.kill(os.getpid(), signal.SIGKILL)


if {walk}:
    walk_forward({plan!r}, out="out", workers=2, progress=lambda done, total, what: kill(done))
else:
    run_plan({plan!r}, "out", workers=2, progress=lambda now: kill(now.done))
"""


def killed(folder: Path, plan: Path, after: int, *, walk: bool) -> int:
    """Run a plan in a process of its own that dies after some runs, and return how many rows are there."""
    code = KILLED.format(after=after, walk=walk, plan=str(plan))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return len(read_runs(folder / "out"))


pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")


@pytest.mark.parametrize("file", [file for file in PLANS if file != WALK], ids=lambda file: file.stem)
def test_one_worker_or_two_that_are_killed_and_a_cluster_that_goes_on_leave_the_same_rows(
    file: Path, tmp_path: Path
) -> None:
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    n = read_plan(file).n_runs
    whole = run_plan(file, tmp_path / "whole", workers=1)
    assert (whole.done, whole.failed) == (n, 0)
    before = killed(tmp_path, file, n // 2, walk=False)
    assert n // 2 - 1 <= before < n
    resumed = run_plan(file, tmp_path / "out", workers=2, engine="dask", resume=True)
    assert (resumed.skipped, resumed.done, resumed.failed) == (before, n - before, 0)
    same_rows(tmp_path / "whole", tmp_path / "out")


def test_a_walk_forward_of_two_workers_that_are_killed_and_a_cluster_that_goes_on_has_the_same_windows(
    tmp_path: Path,
) -> None:
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    whole = walk_forward(WALK, workers=1, out=tmp_path / "whole")
    assert len(read_runs(tmp_path / "whole")) == WALKED
    before = killed(tmp_path, WALK, WALKED // 2, walk=True)
    assert WALKED // 2 - 1 <= before < WALKED
    resumed = walk_forward(WALK, workers=2, engine="dask", out=tmp_path / "out", resume=True)
    pd.testing.assert_frame_equal(resumed.table, whole.table, check_exact=True)
    pd.testing.assert_frame_equal(resumed.equity, whole.equity, check_exact=True)
    same_rows(tmp_path / "whole", tmp_path / "out")


def test_the_readme_says_how_to_run_each_plan() -> None:
    readme = (ROOT / "README.md").read_text()
    for file in PLANS:
        command = "walk-forward" if "walk_forward" in content_of(file) else "batch"
        assert f"backtester {command} strategies/plans/{file.name}" in readme, file.name
