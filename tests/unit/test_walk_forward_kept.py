"""Does a walk-forward that was stopped or killed come to the same windows, with no run done twice?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from backtester.batch import read_runs
from backtester.batch.work import Worker
from backtester.errors import ConfigurationError, MarketDataError
from backtester.walk_forward import WalkForward, walk_forward
from data.locks import locked
from tests.batch.small import same_rows

PLAN: dict[str, Any] = {
    "strategy": "grid_reversion",
    "params": {"exposure": [2, 6]},
    "leverage": [5, 20],
    "market": "synthetic",
    "symbols": "FAKE1,FAKE2",
    "period": {"start": "2024-01-01", "end": "2024-02-01"},
    "walk_forward": {"train": "10d", "test": "6d"},
}
RUNS = 3 * 2 * 2 * 2  # windows, exposures, leverages, modes


class Stop(Exception):
    pass


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the runs that were done."""
    keys: list[str] = []
    real = Worker._measures
    counted = lambda self, task, job, wishes: keys.append(job.key) or real(self, task, job, wishes)  # noqa: E731
    monkeypatch.setattr(Worker, "_measures", counted)
    return keys


def stopped(out: Path, at: int) -> None:
    def stop(done: int, total: int, what: str) -> None:
        if done == at:
            raise Stop

    with pytest.raises(Stop):
        walk_forward(PLAN, workers=1, out=out, progress=stop)


def same(first: WalkForward, second: WalkForward) -> None:
    pd.testing.assert_frame_equal(first.table, second.table, check_exact=True)
    pd.testing.assert_frame_equal(first.choices, second.choices, check_exact=True)
    pd.testing.assert_frame_equal(first.equity, second.equity, check_exact=True)


def test_stopped_and_resumed_it_does_what_is_left(tmp_path: Path, done: list[str]) -> None:
    whole = walk_forward(PLAN, workers=2, out=tmp_path / "whole")
    assert len(done) == len(set(done)) == RUNS == len(read_runs(tmp_path / "whole"))
    same(whole, walk_forward(PLAN, workers=1))
    stopped(tmp_path / "parts", 10)
    before = len(read_runs(tmp_path / "parts"))
    assert 10 <= before < RUNS
    done.clear()
    same(walk_forward(PLAN, workers=2, out=tmp_path / "parts", resume=True), whole)
    assert len(done) == RUNS - before
    same_rows(tmp_path / "whole", tmp_path / "parts")


def test_another_measure_or_test_takes_what_is_there_and_other_runs_are_set_aside(
    tmp_path: Path, done: list[str]
) -> None:
    walk_forward(PLAN, workers=1, out=tmp_path)
    done.clear()
    for change in ({"measure": "calmar"}, {"of": "cross"}, {"aim": "least"}):
        plan = PLAN | {"walk_forward": PLAN["walk_forward"] | change}
        same(walk_forward(plan, workers=1, out=tmp_path, resume=True), walk_forward(plan, workers=1))
        assert len(done) == RUNS  # all of them of the second walk, which keeps nothing
        done.clear()
    other = PLAN | {"leverage": [5, 10]}
    walk_forward(other, workers=1, out=tmp_path, resume=True)
    assert len(done) == RUNS / 2
    assert len(read_runs(tmp_path)) == RUNS
    assert list((tmp_path / "earlier").glob("part-*.parquet"))


def test_the_rows_are_the_runs_of_each_choice(tmp_path: Path) -> None:
    result = walk_forward(PLAN, workers=1, out=tmp_path)
    rows = read_runs(tmp_path)
    choices = result.choices
    assert rows["start"].unique().tolist() == ["2024-01-01 00:00", "2024-01-07 00:00", "2024-01-13 00:00"]
    assert rows["end"].unique().tolist() == ["2024-01-11 00:00", "2024-01-17 00:00", "2024-01-23 00:00"]
    rows["window"] = rows["start"].rank(method="dense").astype(int)
    by = ["window", "params.exposure", "leverage", "mode"]
    found, told = (frame.sort_values(by, ignore_index=True) for frame in (rows, choices))
    pd.testing.assert_series_equal(found["sharpe"], told["in_sample"], check_names=False, check_exact=True)
    pd.testing.assert_series_equal(found["total_return"], told["in_sample_return"], check_names=False, check_exact=True)


def test_a_folder_is_not_written_to_by_accident(tmp_path: Path) -> None:
    stopped(tmp_path, 4)
    with pytest.raises(ConfigurationError, match=r"out: has runs of a batch.*--resume"):
        walk_forward(PLAN, workers=1, out=tmp_path)
    with locked(tmp_path), pytest.raises(MarketDataError, match="another process"):
        walk_forward(PLAN, workers=1, out=tmp_path, resume=True)


def test_a_run_that_failed_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = walk_forward(PLAN, workers=1)
    real = Worker._measures

    def fails(self: Worker, task: Any, job: Any, wishes: Any) -> Any:
        if job.run["leverage"] == 5:
            raise OSError("the disk was away")
        return real(self, task, job, wishes)

    monkeypatch.setattr(Worker, "_measures", fails)
    assert len(walk_forward(PLAN, workers=1, out=tmp_path).tried.failures) == RUNS / 2
    monkeypatch.setattr(Worker, "_measures", real)
    same(walk_forward(PLAN, workers=1, out=tmp_path, resume=True), whole)


def test_processes_come_to_the_same(tmp_path: Path) -> None:
    same(walk_forward(PLAN | {"processes": True}, workers=2), walk_forward(PLAN, workers=1))
