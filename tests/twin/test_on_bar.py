"""Do both engines show the same account to a strategy that trades bar by bar at random, and do the same with it?"""

from __future__ import annotations

import math
from typing import Any

import pytest

from backtester.engine import simulate
from backtester.event_driven import kernel_session
from backtester.event_driven.follow import Planned, follow
from backtester.event_driven.kernel_session import KernelSession
from backtester.event_driven.reference_session import ReferenceSession
from backtester.orders import MarginActions, Orders
from backtester.result import Result
from backtester.scenario import validate
from tests.laws.engines import run
from tests.twin.agreement import differences
from tests.twin.trader import VIEWS, Trader, account

SEEDS = 160
BATCH = 20
MONEY = 1e-8  # of the balance: sums in another order, seen through a difference
NOTHING = Planned(Orders.none(), MarginActions.none())


def trade(seed: int, session_of: Any) -> tuple[Any, list[Any]]:
    """Let the trader of a seed trade, and return the session and what he saw."""
    scenario, followers, _ = account(seed)
    session, n = session_of(scenario), scenario.market.n_bars
    follow(session, scenario.market, followers, NOTHING, list(range(n)), n)
    return session, list(Trader.seen)


def kernel(scenario: Any) -> KernelSession:
    return KernelSession(scenario, "full")


def result_of(seed: int) -> Result:
    return trade(seed, kernel)[0].result("trader")


def unlike(a: Any, b: Any, tolerance: float) -> bool:
    """Whether two views differ: numbers by more than money allows, words and events at all."""
    if isinstance(a, list | tuple):
        return len(a) != len(b) or any(unlike(x, y, tolerance) for x, y in zip(a, b, strict=True))
    if isinstance(a, str):
        return a != b
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) != math.isnan(b)
    return a != b and abs(a - b) > max(tolerance, 1e-6 * max(abs(a), abs(b)))


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_both_engines_show_and_do_the_same(first):
    events = 0
    for seed in range(first, first + BATCH):
        data = account(seed)[2]
        (mine, seen), (theirs, shown) = trade(seed, kernel), trade(seed, ReferenceSession)
        tolerance = MONEY * data["account"]["balance"]
        assert len(seen) == len(shown) == len(data["open_time"])
        for here, there in zip(seen, shown, strict=True):
            assert not unlike(here, there, tolerance), f"seed {seed}, bar {here[0]}, of {VIEWS}: {here} {there}"
        result = mine.result("trader")
        asked = result.scenario.to_dict(), theirs.scenario().to_dict()
        assert all(asked[0][name] == asked[1][name] for name in ("orders", "margin_actions"))
        assert differences(data, result.to_dict(), theirs.result()) == [], seed
        events += len(result.events)
    assert events > 20 * BATCH


@pytest.mark.parametrize("first", range(200, 200 + SEEDS, BATCH))
def test_what_was_asked_for_runs_again_without_the_strategy(first):
    """From its scenario file: the kernel gives the same logs byte for byte, the plain engine the same account."""
    for seed in range(first, first + BATCH):
        result = result_of(seed)
        again = simulate(result.scenario)
        assert again.events.tobytes() == result.events.tobytes()
        assert again.ledger.tobytes() == result.ledger.tobytes()
        scene = validate(result.scenario.to_dict())
        assert differences(scene, result.to_dict(), run("reference", scene)) == [], seed


def test_logs_that_fill_up_begin_again_and_lose_nothing(monkeypatch):
    """With room for a row: the run goes back to its first bar many times, and the strategy never notices."""
    whole = {seed: (result_of(seed), list(Trader.seen)) for seed in range(400, 420)}
    monkeypatch.setattr(kernel_session, "LOG_LENGTHS", (1, 8, 1))
    for seed, (result, seen) in whole.items():
        short = result_of(seed)
        assert short.events.tobytes() == result.events.tobytes()
        assert short.ledger.tobytes() == result.ledger.tobytes()
        assert short.position_changes.tobytes() == result.position_changes.tobytes()
        assert not unlike(seen, list(Trader.seen), MONEY * result.scenario.balance)
