"""Does a failure, a killed worker or an interruption cost no more than its own runs?"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from backtester.batch import Plan, plan_of, read_runs, run_plan
from backtester.batch.processes import _Hand
from backtester.batch.runner import Outcome
from backtester.batch.shared import Shared
from backtester.batch.work import Worker
from tests.batch.small import BOTH, NAMED, PLAIN, fragile, plan_with, same_rows

LEAVES = """
import sys

from backtester import Strategy, Targets

class Leaves(Strategy):
    when: str = "never"

    def __init__(self, **given):
        super().__init__(**given)
        if self.when == "made":
            sys.exit(3)

    def targets(self, market):
        if self.when == "asked":
            sys.exit(4)
        return Targets(notional=1_000.0)
"""


def dies_after_its_last_row(connection: Any, plan: Plan, curves: Path, kind: type[Worker]) -> None:
    """Do one task as a worker process does, and be gone before it is told that it is done."""
    task = connection.recv()
    for row in kind(plan, Shared(plan, 1), curves).rows(task):
        connection.send(row)
    os.kill(os.getpid(), signal.SIGKILL)


def test_an_error_that_no_file_can_hold_is_written_as_far_as_it_can(tmp_path: Path) -> None:
    bad = NAMED.format(kind="str", usual='"a"').replace("return", 'raise ValueError("bad \\udcff name")\n        #')
    (tmp_path / "bad.py").write_text(bad)
    assert run_plan(PLAIN | {"strategy": str(tmp_path / "bad.py")}, tmp_path / "out", workers=1).failed == 2
    assert read_runs(tmp_path / "out")["error"].str.endswith(r"bad \udcff name").all()


@pytest.mark.parametrize("processes", [False, True])
def test_a_failed_run_is_a_row_with_its_error(tmp_path: Path, processes: bool) -> None:
    plan = PLAIN | {"strategy": fragile(tmp_path), "params": {"trouble": ["error", ""]}, "processes": processes}
    outcome = run_plan(plan, tmp_path / "out", workers=2)
    assert (outcome.done, outcome.failed) == (4, 2)
    rows = read_runs(tmp_path / "out").set_index("params.trouble")
    assert rows.loc[""]["error"].isna().all()
    assert rows.loc["error"]["final_equity"].isna().all()
    said = rows.loc["error"]["error"].iloc[0]
    assert "its method `targets` raised ValueError in" in said
    assert "fragile.py, line 20: no such luck" in said


def test_markets_and_accounts_that_cannot_be_are_rows_too(tmp_path: Path) -> None:
    (tmp_path / "both.py").write_text(BOTH)
    plan = PLAIN | {"symbols": ["FAKE1,FAKE2", "BTCUSDT"], "venue": ["generic", "bybit"], "mode": ["cross", "mixed"]}
    plan |= {"strategy": str(tmp_path / "both.py")}
    outcome = run_plan(plan, tmp_path, workers=2)
    assert (outcome.done, outcome.failed) == (8, 5)
    rows = read_runs(tmp_path).set_index(["symbols", "venue", "mode"])["error"]
    assert rows["BTCUSDT"].str.contains("the synthetic market has no such symbol").all()
    assert "one margin mode for the whole account" in rows["FAKE1,FAKE2", "bybit", "mixed"]


def test_what_a_killed_worker_had_still_to_do_is_done_by_another(tmp_path: Path) -> None:
    params = {"trouble": "kill", "once": str(tmp_path / "once")}
    plan = PLAIN | {"strategy": fragile(tmp_path), "params": params, "processes": True, "metrics": "plain"}
    outcome = run_plan(plan | {"leverage": list(range(1, 17))}, tmp_path / "out", workers=1)  # four runs a task
    assert (outcome.done, outcome.failed) == (32, 1)
    assert read_runs(tmp_path / "out")["key"].nunique() == 32


@pytest.mark.parametrize("processes", [False, True])
def test_a_strategy_that_leaves_the_program_costs_its_own_runs(tmp_path: Path, processes: bool) -> None:
    (tmp_path / "leaves.py").write_text(LEAVES)
    params = {"when": ["made", "asked", "never"]}
    plan = PLAIN | {"strategy": str(tmp_path / "leaves.py"), "params": params, "processes": processes}
    outcome = run_plan(plan, tmp_path / "out", workers=2)
    assert (outcome.done, outcome.failed) == (6, 4)
    errors = read_runs(tmp_path / "out").set_index("params.when")["error"]
    assert errors["made"].str.startswith("SystemExit: 3").all()
    assert errors["asked"].str.contains("its method `targets` raised SystemExit").all()


def test_a_killed_worker_costs_its_own_run_and_a_second_call_brings_it(tmp_path: Path) -> None:
    params = {"trouble": ["kill", ""], "once": str(tmp_path / "once"), "size": [500, 1_000]}
    plan = PLAIN | {"strategy": fragile(tmp_path), "params": params, "processes": True}
    outcome = run_plan(plan, tmp_path / "out", workers=2)
    assert (outcome.done, outcome.failed) == (8, 1)
    rows = read_runs(tmp_path / "out")
    (error,) = rows["error"].dropna()
    assert "the worker process was gone (signal SIGKILL) before this run was done" in error
    again = run_plan(plan, tmp_path / "out", workers=2, resume=True)
    assert (again.skipped, again.done, again.failed) == (7, 1, 0)
    assert read_runs(tmp_path / "out")["error"].isna().all()


def test_a_worker_that_is_killed_between_two_tasks_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has given its last row, and has not said yet that there is nothing left."""
    plan = plan_with(processes=True, symbols="FAKE3", seed=1, leverage=5)
    run_plan(plan, tmp_path / "whole", workers=1)
    kills: list[int] = []
    real = _Hand.lost
    monkeypatch.setattr(_Hand, "lost", lambda self: kills.append(self.done) or real(self))
    monkeypatch.setattr("backtester.batch.processes._work", dies_after_its_last_row)
    outcome = run_plan(plan, tmp_path / "out", workers=2)
    assert (outcome.done, outcome.failed) == (4, 0)
    assert kills
    same_rows(tmp_path / "whole", tmp_path / "out")


def test_failed_runs_are_tried_again_and_finished_ones_are_not(tmp_path: Path) -> None:
    params = {"trouble": ["error", ""]}
    plan = PLAIN | {"strategy": fragile(tmp_path), "params": params}
    run_plan(plan, tmp_path / "out", workers=1)
    again = run_plan(plan, tmp_path / "out", workers=1, resume=True)
    assert (again.skipped, again.done, again.failed, again.set_aside) == (2, 2, 2, 0)
    assert len(read_runs(tmp_path / "out")) == 4


@pytest.mark.parametrize("processes", [False, True])
def test_an_interrupted_batch_keeps_what_it_has_and_ends_its_workers(tmp_path: Path, processes: bool) -> None:
    class Stop(Exception):
        pass

    def stop(now: Outcome) -> None:
        if now.done == 5:
            raise Stop

    plan = plan_with(processes=processes)
    with pytest.raises(Stop):
        run_plan(plan, tmp_path, workers=2, progress=stop)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batch-")]
    assert len(read_runs(tmp_path)) == 5
    again = run_plan(plan, tmp_path, workers=2, resume=True)
    assert (again.skipped, again.done) == (5, 43)


def test_an_interrupted_thread_does_not_do_the_rest_of_its_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backtester import engine

    runs, real, stopped = [], engine.run, threading.Event()

    def counted(*given: Any, **named: Any) -> Any:
        runs.append(1)
        if len(runs) == 3:
            stopped.wait()
        return real(*given, **named)

    def stop(now: Outcome) -> None:
        if now.done == 2:
            stopped.set()
            raise KeyboardInterrupt

    monkeypatch.setattr(engine, "run", counted)
    with pytest.raises(KeyboardInterrupt):
        run_plan(PLAIN | {"leverage": list(range(1, 401))}, tmp_path, workers=1, progress=stop)
    assert 3 <= len(runs) < 50  # of the 100 of its task


@pytest.mark.parametrize("named", [False, True])
def test_rows_are_written_once_if_the_writing_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    """Before the part has its name they are written by the next call, after that they are there."""
    from backtester.batch import store

    real = store.write_part

    def interrupted(part: Path, table: Any) -> None:
        if named:
            real(part, table)
        raise KeyboardInterrupt

    plan = plan_of(PLAIN)
    run_plan(plan, tmp_path / "whole", workers=1)
    rows = store.Rows(tmp_path / "out", plan)
    monkeypatch.setattr(store, "write_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        for row in store.rows_by_key(tmp_path / "whole").values():
            rows.add(row)
        rows.flush()
    monkeypatch.setattr(store, "write_part", real)
    rows.flush()
    same_rows(tmp_path / "whole", tmp_path / "out")
