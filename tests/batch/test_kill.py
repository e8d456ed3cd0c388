"""Is a batch that was killed, or stopped by Ctrl-C, finished by a second call with the rows it would have had?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backtester.batch import read_runs, run_plan
from tests.batch.small import fragile, same_rows

ROOT = Path(__file__).resolve().parents[2]
PLAN = """
strategy = {strategy}
params.size = [{sizes}]
params.slow = 0.05
market = "synthetic"
symbols = "FAKE1"
period = {{ start = 2024-01-01, end = 2024-01-11 }}
leverage = [5, 10]
processes = {processes}
"""
RUNS = 10 * 2 * 2  # sizes, leverages, modes

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")


@pytest.fixture(params=["threads", "processes", "dask"])
def how(request: pytest.FixtureRequest) -> str:
    """Who does the runs."""
    if request.param == "dask":
        pytest.importorskip("distributed", reason="dask.distributed is not installed")
    return str(request.param)


@pytest.fixture
def plan(how: str, tmp_path: Path) -> Path:
    file = tmp_path / "plan.toml"
    sizes = ", ".join(str(100 + k) for k in range(10))
    name = json.dumps(fragile(tmp_path))
    file.write_text(PLAN.format(strategy=name, sizes=sizes, processes=str(how == "processes").lower()))
    return file


def started(plan: Path, out: Path, how: str) -> subprocess.Popen[str]:
    code = "from backtester.cli import main; main()"
    command = [sys.executable, "-c", code, "batch", str(plan), "--out", str(out), "--workers", "2"]
    command += ["--engine", "dask" if how == "dask" else "local"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "100"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=plan.parent, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )


def with_rows(process: subprocess.Popen[str], out: Path) -> None:
    """Wait until a batch has written rows."""
    while not list((out / "runs").glob("part-*.parquet")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def of_session(leader: int) -> set[int]:
    """Return the processes of a session that are alive."""
    found = subprocess.run(["ps", "-s", str(leader), "-o", "pid=,stat="], capture_output=True, text=True, check=False)
    rows = [line.split() for line in found.stdout.splitlines()]
    return {int(pid) for pid, state, *_ in rows if not state.startswith("Z")}


def test_killed_in_the_middle_and_resumed_to_the_same_rows(plan: Path, how: str, tmp_path: Path) -> None:
    run_plan(plan, tmp_path / "whole", workers=1)
    killed = started(plan, tmp_path / "killed", how)
    with_rows(killed, tmp_path / "killed")
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    while of_session(killed.pid):  # worker processes end when there is nobody to work for
        time.sleep(0.01)
    before = len(read_runs(tmp_path / "killed"))
    assert 0 < before < RUNS
    resumed = run_plan(plan, tmp_path / "killed", workers=2, resume=True)
    assert (resumed.skipped, resumed.done, resumed.failed) == (before, RUNS - before, 0)
    same_rows(tmp_path / "whole", tmp_path / "killed")
    assert not list((tmp_path / "killed" / "runs").glob("*.tmp"))


def test_interrupted_it_says_what_there_is_and_how_to_go_on(plan: Path, how: str, tmp_path: Path) -> None:
    process = started(plan, tmp_path / "out", how)
    with_rows(process, tmp_path / "out")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
    _, errors = process.communicate()
    assert process.returncode == 130
    rows = read_runs(tmp_path / "out")
    first = "Stopping after the runs in hand. Press Ctrl-C again to leave at once."
    assert errors.splitlines() == [
        *([first] if how == "threads" else []),  # the others are ended at once
        f"{len(rows)} of {RUNS} runs are in {tmp_path / 'out'}: the same command with --resume goes on.",
        "interrupted",
    ]
    assert rows["error"].isna().all()
    assert rows["key"].is_unique
    assert not of_session(process.pid)
