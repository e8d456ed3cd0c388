"""Does a cluster of separate processes give the same rows, also when a worker dies and another one joins late?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from backtester.batch import plan_of, read_runs, run_plan
from backtester.batch.keys import Keys
from backtester.batch.runner import Outcome
from backtester.batch.shared import Shared
from backtester.batch.tasks import tasks_of
from backtester.batch.work import Worker
from backtester.errors import ConfigurationError
from tests.batch.small import PERIOD, SMALL, fragile, same_rows
from tests.cli.candle_folder import candles, put

pytest.importorskip("distributed", reason="dask.distributed is not installed")

SIZED = """
from backtester import Strategy, Targets
from size_{n} import SIZE

class Mine(Strategy):
    def targets(self, market):
        return Targets(notional=SIZE)
"""
ROOT = Path(__file__).resolve().parents[2]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a scheduler or a worker; all are ended at last."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with ExitStack() as running:

        def started(what: str, *options: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--no-dashboard", *options]
            command += ["--scheduler-file", str(tmp_path / "cluster.json")]
            process = subprocess.Popen(
                command, cwd=tmp_path, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            running.callback(process.wait)
            running.callback(process.kill)
            return process

        yield started


@pytest.fixture
def scheduler(start: Start, tmp_path: Path) -> str:
    return address_of(start("scheduler", "--host", "127.0.0.1", "--port", "0"), tmp_path / "cluster.json")


def address_of(process: subprocess.Popen[str], file: Path) -> str:
    """Wait until a scheduler has written where it is."""
    while not file.exists() or not file.read_text():
        assert process.poll() is None
        time.sleep(0.02)
    address: str = json.loads(file.read_text())["address"]
    return address


def worker(start: Start) -> subprocess.Popen[str]:
    return start("worker", "--no-nanny", "--nthreads", "1")


def test_the_same_rows_from_a_cluster(start: Start, scheduler: str, tmp_path: Path) -> None:
    run_plan(SMALL, tmp_path / "here", workers=1)
    worker(start), worker(start)
    outcome = run_plan(SMALL, tmp_path / "there", workers=2, scheduler=scheduler)
    assert (outcome.done, outcome.failed) == (48, 0)
    same_rows(tmp_path / "here", tmp_path / "there")


def test_a_worker_that_dies_and_one_that_joins_late_change_nothing(
    start: Start, scheduler: str, tmp_path: Path
) -> None:
    plan = {
        "strategy": fragile(tmp_path),
        "params": {"size": [100 + k for k in range(12)], "slow": 0.02},
        "market": "synthetic",
        "symbols": "FAKE1",
        "period": PERIOD,
        "leverage": [5, 10],
    }
    run_plan(plan, tmp_path / "here", workers=1)
    first = worker(start)

    def change(now: Outcome) -> None:
        if now.done == 4:
            worker(start)
            first.kill()

    outcome = run_plan(plan, tmp_path / "there", workers=2, scheduler=scheduler, progress=change)
    assert (outcome.done, outcome.failed) == (48, 0)
    assert first.poll() is not None
    same_rows(tmp_path / "here", tmp_path / "there")


def test_without_a_scheduler_one_is_started_here(tmp_path: Path) -> None:
    run_plan(SMALL, tmp_path / "here", workers=1)
    outcome = run_plan(SMALL, tmp_path / "dask", workers=2, engine="dask")
    assert (outcome.done, outcome.failed) == (48, 0)
    same_rows(tmp_path / "here", tmp_path / "dask")


def test_the_workers_started_here_do_not_write_to_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("distributed.scheduler.heartbeat_interval", lambda workers: 0.001)  # one is always under way

    def stop(now: Outcome) -> None:
        if now.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_plan(SMALL, tmp_path / "out", workers=2, engine="dask", progress=stop)
    assert capfd.readouterr().err == ""


def test_engines_are_checked_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="engine: is no engine; found 'dusk'; nearest: dask"):
        run_plan(SMALL, tmp_path, engine="dusk")
    with pytest.raises(ConfigurationError, match="scheduler: is named beside the engine local"):
        run_plan(SMALL, tmp_path, engine="local", scheduler="tcp://127.0.0.1:9")


def test_failed_runs_are_rows_too(start: Start, scheduler: str, tmp_path: Path) -> None:
    plan = {"strategy": fragile(tmp_path), "params": {"trouble": ["error", ""]}, "market": "synthetic"}
    worker(start)
    outcome = run_plan(plan | {"period": PERIOD, "symbols": "FAKE1"}, tmp_path / "out", scheduler=scheduler)
    assert (outcome.done, outcome.failed) == (4, 2)
    assert read_runs(tmp_path / "out")["error"].dropna().str.contains("no such luck").all()


def test_a_scheduler_that_does_not_answer_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backtester.batch.cluster.PATIENCE", 1)
    with pytest.raises(ConfigurationError, match="scheduler: does not answer"):
        run_plan(SMALL, tmp_path, scheduler="tcp://127.0.0.1:9")


def test_a_scheduler_that_dies_is_said_and_the_rows_so_far_are_kept(start: Start, tmp_path: Path) -> None:
    process = start("scheduler", "--host", "127.0.0.1", "--port", "0")
    address = address_of(process, tmp_path / "cluster.json")
    worker(start)
    plan = {"strategy": fragile(tmp_path), "params": {"size": [100 + k for k in range(60)], "slow": 0.1}}
    plan |= {"market": "synthetic", "symbols": "FAKE1", "period": PERIOD, "check": False}

    def end(now: Outcome) -> None:
        if now.done == 3:
            process.kill()

    with pytest.raises(ConfigurationError, match=r"scheduler: does not answer any more.*--resume"):
        run_plan(plan, tmp_path / "out", scheduler=address, progress=end)
    rows = read_runs(tmp_path / "out")
    assert 3 <= len(rows) < 120
    assert rows["error"].isna().all()


def test_a_worker_with_another_version_is_refused() -> None:
    import pickle

    from backtester.batch import cluster

    with pytest.raises(ConfigurationError, match="a worker has another version of this program"):
        cluster._worker(pickle.dumps((plan_of(SMALL), Path("curves"), Worker, "another", 0)))


def test_what_was_edited_since_is_read_again_by_a_worker_that_stays(
    start: Start, scheduler: str, tmp_path: Path
) -> None:
    """Candles and the strategy with what it imports: keys and rows are of what is there now."""
    n = tmp_path.name
    (tmp_path / "mine.py").write_text(SIZED.format(n=n))
    plan = {"strategy": str(tmp_path / "mine.py"), "market": str(tmp_path / "candles")}
    worker(start)
    for number, (size, seed) in enumerate(((1_000, 1), (1_000, 2), (3_000, 2))):
        (tmp_path / f"size_{n}.py").write_text(f"SIZE = {size}\n")
        put(tmp_path / "candles", trade=candles(seed))
        run_plan(plan, tmp_path / f"here{number}", workers=1)
        outcome = run_plan(plan, tmp_path / "there", scheduler=scheduler, resume=True)
        assert (outcome.skipped, outcome.done, outcome.failed) == (0, 2, 0)
        same_rows(tmp_path / f"here{number}", tmp_path / "there")


def test_a_worker_with_other_data_or_another_strategy_is_refused(tmp_path: Path) -> None:
    """As on a host with a copy of its own: the key that it makes is another one."""
    name = fragile(tmp_path)
    plan = plan_of({"strategy": name, "market": "synthetic", "symbols": "FAKE1", "period": PERIOD})
    task = next(tasks_of(plan, 1, Keys(plan, Shared(plan, 1)).on, ()))
    Keys(plan, Shared(plan, 1)).check(task)
    (tmp_path / "fragile.py").write_text((tmp_path / "fragile.py").read_text() + "# another copy\n")
    with pytest.raises(ConfigurationError, match="a worker has other data, strategies or rules"):
        Keys(plan, Shared(plan, 1)).check(task)
    (tmp_path / "fragile.py").unlink()
    Keys(plan, Shared(plan, 1)).check(task)  # its runs will say so


def test_a_host_with_a_copy_of_its_own_ends_the_call(
    start: Start, scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is in another folder, and finds another file by the same name."""
    fragile(tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "fragile.py").write_text((tmp_path / "fragile.py").read_text() + "# edited here\n")
    monkeypatch.chdir(tmp_path / "here")
    worker(start)
    plan = {"strategy": "fragile.py", "market": "synthetic", "symbols": "FAKE1", "period": PERIOD}
    with pytest.raises(ConfigurationError, match="scheduler: a worker has other data, strategies or rules"):
        run_plan(plan, "out", scheduler=scheduler)
    (tmp_path / "fragile.py").write_text((tmp_path / "here" / "fragile.py").read_text())
    assert run_plan(plan, "out", scheduler=scheduler).done == 2
