"""Does Ctrl-C say what is waited for, and does a second one leave without what is in hand?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backtester.batch import read_runs

ROOT = Path(__file__).resolve().parents[2]
STUCK = """
import time
from pathlib import Path
from threading import current_thread, main_thread

from backtester import Strategy, Targets


class Stuck(Strategy):
    n: int = 0

    def targets(self, market):
        if self.n > 2 and current_thread() is not main_thread():
            Path(f"began{self.n}").write_text("")
            time.sleep(600)
        return Targets(notional=100.0)
"""
PLAN = """
strategy = "stuck.py:Stuck"
params.n = [1, 2, 3, 4]
market = "synthetic"
symbols = "FAKE1"
period = { end = 2024-01-11 }
check = false

[walk_forward]
train = "5d"
test = "4d"
"""
SAME = ("--market", "synthetic", "--symbols", "FAKE1", "--end", "2024-01-11")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")


def started(folder: Path, *options: str) -> subprocess.Popen[str]:
    (folder / "stuck.py").write_text(STUCK)
    (folder / "plan.toml").write_text(PLAN)
    command = [sys.executable, "-c", "from backtester.cli import main; main()", *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "100"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize(
    ("options", "what", "of"),
    [
        (("batch", "plan.toml", "--out", "out", "--workers", "2"), "runs", " of 8"),
        (("walk-forward", "plan.toml", "--out", "out", "--workers", "2"), "runs", ""),
        (("bootstrap", "stuck.py:Stuck", "--set", "n=3", *SAME, "--out", "out"), "draws", ""),
        (("compare", "stuck.py:Stuck", "--set", "n=3", *SAME, "--draws", "9"), "draws", ""),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_a_second_ctrl_c_does_not_wait_for_what_is_in_hand(
    options: tuple[str, ...], what: str, of: str, tmp_path: Path
) -> None:
    """Threads that sleep for ten minutes are left behind; what was taken from them before is on the disk."""
    with started(tmp_path, *options) as process:
        until((tmp_path / "began3").exists, process)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        first = process.stderr.readline()
        assert first == f"Stopping after the {what} in hand. Press Ctrl-C again to leave at once.\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 130  # of the ten minutes that the threads sleep
        errors = process.stderr.read()  # with what may have come together with the first line
    n = len(read_runs(tmp_path / "out")) if list(tmp_path.glob("out/runs/*")) else 0
    runs = f"{n}{of} runs are" if of or n > 1 else "1 run is"
    kept = f"{runs} in out: the same command with --resume goes on." if n else f"No {what[:-1]} was done."
    assert errors.splitlines() == [*([kept] if "--out" in options else []), "interrupted"]


def until(done: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait until something is there."""
    while not done():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def test_ctrl_c_at_the_very_end_leaves_at_once_without_a_word() -> None:
    """Python would wait there for a thread that nobody else waited for."""
    code = (
        "import threading, time\n"
        "from backtester.cli.stopping import leave_if_hurried\n"
        "threading.Thread(target=time.sleep, args=(600,)).start()\n"
        "leave_if_hurried()\n"
        "print('left', flush=True)\n"
    )
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)
    assert process.stdout is not None and process.stdout.readline() == "left\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)  # of the ten minutes that the thread sleeps
    assert (process.returncode, errors) == (130, "")


def test_a_stopped_search_says_how_to_go_on(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed")
    (tmp_path / "search.toml").write_text(
        'strategy = "grid_reversion"\nmarket = "synthetic"\nsymbols = "FAKE1"\nperiod = { end = 2024-01-11 }\n'
        '[optimise]\nof = "cross"\ntrials = 100000\n[optimise.space]\nleverage = { from = 2, to = 20 }\n'
    )
    process = started(tmp_path, "optimise", "search.toml", "--out", "out")
    until(lambda: len(list(tmp_path.glob("out/runs/part-*.parquet"))) > 1, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    rows = read_runs(tmp_path / "out")
    assert errors == f"{len(rows)} runs are in out: the same command with --resume goes on.\ninterrupted\n"
