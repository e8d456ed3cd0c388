"""Law 5: the unit of money and the unit of quantity are names. Powers of two change no digit, so results are equal."""

import copy

import pytest

from tests.laws.engines import on_both, run, what_happened
from tests.twin.scenarios import random_scenario

MONEY = ("equity", "equity_low", "cash", "pool_pnl", "pool_initial_margin", "pool_requirement")
PRICES = ("entry", "liquidation_price")
TOTALS = ("equity", "realised", "fees", "funding", "liquidation_fees", "insurance_absorbed", "insurance_taken")
COUNTS = ("liquidations", "rejected", "cut", "bankrupt")


def change_units(scene, money, quantity, price):
    """Return the scenario with all money, quantities and prices multiplied."""
    scene = copy.deepcopy(scene)
    scene["account"]["balance"] *= money
    for name in ("top_up_cap", "first_fraction_above"):
        scene["venue"][name] *= money
    for instrument in scene["instruments"]:
        floor = money if instrument["tier_key"] == "notional" else quantity
        for table in (instrument, *instrument["tier_changes"]):
            table["tiers"] = [[row[0] * floor, *row[1:]] for row in table["tiers"]]
        instrument["min_notional"] *= money
        instrument["lot"] *= quantity
        instrument["unit_margin_rate"] /= quantity
    for bars in scene["bars"]:
        for column in bars.values():
            column[:] = times(column, price)
    for event in scene["funding"]:
        event["mark"] = times(event["mark"], price)
    for order in scene["orders"]:
        for name in ("limit", "stop", "take_profit", "trail"):
            order[name] = times(order[name], price)
        order["margin"] = times(order["margin"], money)
        order["size"] *= {"quantity": quantity, "equity_fraction": 1}.get(order["size_type"], money)
    for action in scene["margin_actions"]:
        for name in ("add", "remove"):
            if name in action:
                action[name] *= money
    return scene


def times(value, factor):
    """Return numbers, perhaps in nested lists and perhaps None, times a factor."""
    if isinstance(value, list):
        return [times(item, factor) for item in value]
    return None if value is None else value * factor


def check_units(scene, one, other, money, quantity, price):
    """Hold two results against each other, to the bit."""
    assert what_happened(one) == what_happened(other)
    for names, factor in ((MONEY, money), (("quantity",), quantity), (PRICES, price), (("worst_margin_ratio",), 1)):
        for name in names:
            assert times(one[name], factor) == other[name], name
    for a, b in zip(one["events"], other["events"], strict=True):
        assert a["s"] == b["s"]
        assert times([a["price"], a["fill"]], price) == [b["price"], b["fill"]]
        # the size of a funding event or trade is a quantity, the amount money; a cut's amount is what was wanted
        assert a["quantity"] * quantity == b["quantity"]
        of_a_cut = a["kind"] == "cut" and a["quantity"] != 0.0
        assert a["amount"] * (quantity if of_a_cut else money) == b["amount"]
    assert [row["amount"] * money for row in one["ledger"]] == [row["amount"] for row in other["ledger"]]
    assert [one["totals"][name] * money for name in TOTALS] == [other["totals"][name] for name in TOTALS]
    assert [one["totals"][name] for name in COUNTS] == [other["totals"][name] for name in COUNTS]


def is_inverse(scene):
    return scene["instruments"][0]["contract"] == "inverse"


@on_both
@pytest.mark.parametrize("k", [4.0, 1 / 8])
@pytest.mark.parametrize("seed", range(700, 740))
def test_money_scales(engine, seed, k):
    scene = random_scenario(seed)
    factors = (k, 1.0, 1 / k if is_inverse(scene) else k)
    check_units(scene, run(engine, scene), run(engine, change_units(scene, *factors)), *factors)


@on_both
@pytest.mark.parametrize("u", [16.0, 1 / 2])
@pytest.mark.parametrize("seed", range(740, 780))
def test_the_unit_of_quantity_is_a_name(engine, seed, u):
    """u times as many units, each worth a u-th: linear prices fall, inverse ones (quote per coin) rise."""
    scene = random_scenario(seed)
    factors = (1.0, u, u if is_inverse(scene) else 1 / u)
    check_units(scene, run(engine, scene), run(engine, change_units(scene, *factors)), *factors)


@on_both
@pytest.mark.parametrize("seed", range(780, 800))
def test_a_factor_that_is_no_power_of_two(engine, seed):
    """Digits change, results do not: at 1000 times the money, equity is 1000 times as much to 1e-9."""
    scene = random_scenario(seed)
    k = 1000.0
    scaled = change_units(scene, k, 1.0, 1 / k if is_inverse(scene) else k)
    one, other = run(engine, scene), run(engine, scaled)
    assert what_happened(one) == what_happened(other)
    balance = scaled["account"]["balance"]
    assert other["equity"] == pytest.approx(times(one["equity"], k), abs=1e-9 * balance)
