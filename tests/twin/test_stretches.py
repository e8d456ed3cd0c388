"""Does each stretch have the money that a walk through events and ledger gives it, under every rule and order?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backtester.engine import simulate
from backtester.explaining.stretches import MONEY, stretches
from backtester.result import Result
from backtester.scenario import Scenario, validate
from tests.twin.ledger_walk import EXACT, Walk
from tests.twin.scenarios import random_scenario
from tests.twin.test_on_bar import result_of
from tests.twin.venue_scenarios import venue_scenario
from tests.twin.working import working_scenario, working_venue_scenario
from tests.unit.two_modes import in_both

SEEDS = 40


def check(run: Result, seed: int) -> dict[str, int]:
    """Compare every stretch of a run, and return how many have each part of money."""
    found, walked = stretches(run), Walk(run).stretches
    assert found.slot.tolist() == [each.slot for each in walked], seed
    assert found.order.tolist() == [each.order for each in walked], seed
    assert found.open.tolist() == [each.quantity != 0.0 for each in walked], seed
    assert found.liquidated.tolist() == [each.liquidated for each in walked], seed
    for name in MONEY:
        expected = [each.money[name] for each in walked]
        assert found.money[name] == pytest.approx(expected, rel=0.0, abs=EXACT * run.scenario.balance), (seed, name)
    return {name: int((found.money[name] != 0.0).sum()) for name in MONEY}


@pytest.mark.parametrize("draw", [random_scenario, venue_scenario, working_scenario, working_venue_scenario])
def test_each_stretch_has_its_money(draw: Callable[[int], dict]):
    seen = dict.fromkeys(MONEY, 0)
    for seed in range(SEEDS):
        scene = draw(seed)
        for run in (*in_both(scene), simulate(Scenario.from_dict(validate(scene)))):
            seen = {name: count + seen[name] for name, count in check(run, seed).items()}
    assert min(seen.values()) > 5, seen


def test_also_of_strategies_that_trade_bar_by_bar():
    assert sum(check(result_of(seed), seed)["price"] for seed in range(SEEDS)) > 100
