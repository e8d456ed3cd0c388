"""Are time and memory told as the first run has them, times what there is to do?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from backtester.batch import estimate as module
from backtester.batch import plan_of
from backtester.batch.estimate import PROGRAM, estimate
from backtester.batch.tasks import Task
from backtester.batch.work import Row, Worker
from tests.batch.small import plan_with


def test_time_is_that_of_markets_wishes_and_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[float] = []

    def timed(call: Callable[[], object]) -> float:
        call()
        return taken.pop(0)

    monkeypatch.setattr(module, "_seconds", timed)
    plan = plan_of(plan_with())  # 4 markets, each with 2 wishes and 12 runs
    first = [7.0, 5.0, 3.0]  # loading, asking, running
    others = [2.0]  # asking with further parameters
    memory = [0.0, 0.0]  # asking and running once more
    taken += [*first, *others, *memory] * 2 + [*first, *memory]
    assert estimate(plan, 1).seconds == 4 * 7 + 4 * 5 + 4 * 2 + 48 * 3
    assert estimate(plan, 2).seconds == 4 * 7 + (4 * 5 + 4 * 2 + 48 * 3) / 2
    few = plan_of(plan_with(seed=1, symbols="FAKE3", params={}, leverage=5))  # two runs
    assert estimate(few, 8).seconds == 7 + (5 + 2 * 3) / 2
    assert not taken


@pytest.mark.parametrize(("long", "bars"), [(0.0, [240, 60]), (1e9, [240, 240, 240])])
def test_a_long_run_is_done_once_and_on_a_part(monkeypatch: pytest.MonkeyPatch, long: float, bars: list[int]) -> None:
    """Memory is then told by as many bars as take about a second while it is watched."""
    done: list[int] = []
    real = Worker.rows

    def counted(self: Worker, task: Task) -> Iterator[Row]:
        done.append(self._shared.market(task.wanted).n_bars)
        yield from real(self, task)

    monkeypatch.setattr(Worker, "rows", counted)
    monkeypatch.setattr(module, "LONG", long)
    monkeypatch.setattr(module, "FEW", 60)
    found = estimate(plan_of(plan_with()), 1)
    assert done == bars
    assert found.trial > 0


def test_what_cannot_be_told_by_a_part_is_told_by_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shock that comes later than the part."""
    monkeypatch.setattr(module, "FEW", 60)
    monkeypatch.setattr(module, "LONG", 0.0)
    late = plan_of(plan_with(shock="gap:-0.1@2024-01-09"))
    found = estimate(late, 1)
    assert found.problem == "" and found.memory > PROGRAM


def test_memory_by_a_part_is_near_that_by_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(plan_with(period={"start": "2024-01-01", "end": "2024-07-01"}))
    monkeypatch.setattr(module, "PROGRAM", 0)
    whole = estimate(plan, 1).memory
    monkeypatch.setattr(module, "LONG", 0.0)
    assert estimate(plan, 1).memory == pytest.approx(whole, rel=0.5)


def test_memory_grows_with_the_bars_the_workers_and_the_processes() -> None:
    short = plan_of(plan_with())
    long = plan_of(plan_with(period={"start": "2024-01-01", "end": "2024-12-31"}))
    bars = 365 * 24 * 2 * 8 * 8  # a year, two instruments, eight prices of 8 bytes
    assert estimate(long, 1).memory - PROGRAM > bars
    assert estimate(long, 1).memory > estimate(short, 1).memory
    assert estimate(long, 4).memory > estimate(long, 1).memory
    assert estimate(short._replace(processes=True), 4).memory > 5 * PROGRAM


def test_a_first_run_that_fails_says_why() -> None:
    for changes, words in (
        ({"symbols": "BTCUSDT"}, "the synthetic market has no such symbol"),
        ({"strategy": "hedged_pair", "params": {}, "symbols": "FAKE1"}, "hedged_pair"),
    ):
        found = estimate(plan_of(plan_with(**changes)), 1)
        assert (found.seconds, found.memory) == (0, 0)
        assert words.lower().replace("_", "") in found.problem.lower()
