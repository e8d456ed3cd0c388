"""Culprits are those that could not have stood alone; the blame of a liquidation is shared among them."""

import math

import pytest

from backtester.contagion import EARLIER, contagion
from tests.laws.engines import columns, flat, scenario
from tests.twin.scenarios import random_scenario
from tests.unit.two_modes import in_both, in_mode

CALM = columns([flat(100)] * 5)
FALLS = columns([flat(100), flat(100), (100, 100, 60, 60), flat(60), flat(90)])
SLOTS = [{"instrument": 0, "leverage": 8}, {"instrument": 1, "leverage": 8}]
BOTH = [{"bar": 0, "slot": 0, "size": 40}, {"bar": 0, "slot": 1, "size": 30}]


def shared(bars=(CALM, FALLS), orders=BOTH, slots=SLOTS, **more):
    return contagion(*reversed(in_both(scenario([], orders, slots, bars=list(bars), **more))))


def test_the_one_that_fell_took_the_calm_one_down():
    found = shared()
    victim, culprit = found.closings.to_dict("records")
    assert found.liquidations == 1
    assert (victim["role"], victim["blame"], victim["elsewhere"]) == ("victim", 0.0, "held")
    assert (victim["pnl"], victim["margin"], victim["requirement"]) == (0.0, 500.0, 62.5)
    assert victim["room"] == 437.5
    assert (culprit["role"], culprit["blame"], culprit["elsewhere"]) == ("culprit", 1.0, "liquidated")
    mark = (30 * 100 - 1000 + 62.5) / (30 * (1 - 1 / 64))  # 1000 + 30*(m - 100) = 62.5 + 30*m/64
    assert culprit["mark_price"] == pytest.approx(mark)
    assert culprit["room"] == pytest.approx(30 * 100 / 8 + 30 * (mark - 100) - 30 * mark / 64)
    assert culprit["later"] == pytest.approx(30 * (90 - mark))
    assert victim["later"] == 0.0
    assert found.matrix.to_dict("index") == {"COIN1": {"COIN0": 1.0}}


def test_two_culprits_share_the_blame_by_how_far_beyond_they_were():
    slots = [*SLOTS, {"instrument": 1, "leverage": 8}]
    orders = [{**BOTH[0], "size": 40}, {**BOTH[1], "size": 20}, {"bar": 0, "slot": 2, "size": 10}]
    closings = shared(orders=orders, slots=slots).closings
    assert closings["blame"].tolist() == [0.0, pytest.approx(2 / 3), pytest.approx(1 / 3)]


def test_a_loss_that_was_taken_before_is_to_blame_where_nobody_is_beyond_its_margin():
    bars = [columns([flat(100)] * 4 + [(100, 100, 95, 95), flat(95)]), columns([flat(100), flat(100), *[flat(72)] * 4])]
    orders = [{**BOTH[0], "size": 44}, {**BOTH[1], "size": 30}, {"bar": 2, "slot": 1, "size": 0, "target": True}]
    found = shared(bars, orders)
    (row,) = found.closings.to_dict("records")
    assert (row["role"], row["blame"], row["elsewhere"]) == ("victim", 0.0, "held")
    assert found.matrix.to_dict("index") == {EARLIER: {"COIN0": 1.0}}


def test_the_tiers_of_the_time_count_and_the_leverage_of_the_time():
    changed = [{"symbol": "COIN0", "tier_changes": [{"time": 2 * 3_600_000_000_000, "tiers": [[0, 1 / 32, 64]]}]}, {}]
    lowered = [{"bar": 0, "slot": 0, "set_leverage": 16}]
    victim = shared(instruments=changed, margin_actions=lowered).closings.iloc[0]
    assert victim["requirement"] == 40 * 100 / 32
    assert victim["margin"] == 40 * 100 / 16


def test_nothing_follows_the_last_bar():
    closings = shared([columns([flat(100)] * 3), columns([flat(100), flat(100), (100, 100, 60, 60)])]).closings
    assert all(math.isnan(later) for later in closings["later"])


def test_isolated_positions_share_nothing():
    found = contagion(in_mode(scenario([], BOTH, SLOTS, bars=[CALM, FALLS]), "isolated"))
    assert (len(found.closings), found.matrix.size, found.liquidations) == (0, 0, 0)


def test_blame_and_matrix_add_up_on_random_scenarios():
    liquidations = 0
    for seed in range(60):
        run = in_mode(random_scenario(seed), "cross")
        found = contagion(run)
        liquidations += found.liquidations
        assert found.closings["slot"].groupby(found.closings["liquidation"]).nunique().sum() == len(found.closings)
        for _, group in found.closings.groupby("liquidation"):
            assert group["blame"].sum() == pytest.approx(1.0 if (group["room"] < 0.0).any() else 0.0)
        assert found.closings["loss"].sum() == pytest.approx(run.liquidations["loss"].sum())
        victims = (found.closings["role"] == "victim").sum()
        assert found.matrix.to_numpy().sum() == pytest.approx(victims)
    assert liquidations > 20
