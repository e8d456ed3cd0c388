"""Are time and memory told as the first run has them, times what there is to do?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backtester.batch import estimate as module
from backtester.batch import plan_of
from backtester.batch.estimate import PROGRAM, estimate
from tests.batch.small import plan_with


def test_time_is_that_of_markets_wishes_and_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = iter([7.0, 5.0, 2.0, 3.0] * 3)  # loading, asking with the first parameters and with others, running

    def timed(call: Callable[[], object]) -> float:
        call()
        return next(taken)

    monkeypatch.setattr(module, "_seconds", timed)
    plan = plan_of(plan_with())  # 4 markets, each with 2 wishes and 12 runs
    assert estimate(plan, 1).seconds == 4 * 7 + 4 * 5 + 4 * 2 + 48 * 3
    assert estimate(plan, 2).seconds == 4 * 7 + (4 * 5 + 4 * 2 + 48 * 3) / 2
    few = plan_of(plan_with(seed=1, symbols="FAKE3", params={}, leverage=5))  # two runs
    assert estimate(few, 8).seconds == 7 + (5 + 2 * 3) / 2


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
