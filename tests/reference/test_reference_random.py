"""Laws of the model on random scenarios (section 6)."""

import copy
import json

import pytest

from backtester.reference import run
from tests.twin.scenarios import random_scenario

SEEDS = range(150)


def has_data(scene, slot, t):
    return all(column[t] is not None for column in scene["bars"][scene["slots"][slot]["instrument"]].values())


@pytest.mark.parametrize("seed", SEEDS)
def test_every_cash_movement_is_in_the_ledger(seed):
    scene = random_scenario(seed)
    result = run(scene)
    scale = scene["account"]["balance"] + sum(abs(row["amount"]) for row in result["ledger"])
    sums = [0.0] * len(result["pool_kind"])
    kinds: dict = {}
    rows = iter([*result["ledger"], {"bar": None}])
    row = next(rows)
    for t, cash in enumerate(result["cash"]):
        while row["bar"] == t:
            sums[row["pool"]] += row["amount"]
            kinds[row["kind"]] = kinds.get(row["kind"], 0.0) + row["amount"]
            row = next(rows)
        assert sums == pytest.approx(cash, abs=1e-12 * scale)
        moved = sum(amount for kind, amount in kinds.items() if kind != "transfer")
        assert result["equity"][t] == pytest.approx(moved + sum(result["pool_pnl"][t]), abs=1e-11 * scale)
        assert result["equity_low"][t] <= result["equity"][t] + 1e-12 * scale


@pytest.mark.parametrize("seed", SEEDS)
def test_an_isolated_pool_is_never_below_zero(seed):
    scene = random_scenario(seed)
    result = run(scene)
    balance = scene["account"]["balance"]
    for j, p in enumerate(result["pool_of_slot"]):
        if result["pool_kind"][p] == "standing":
            continue
        for t, (cash, pnl) in enumerate(zip(result["cash"], result["pool_pnl"], strict=True)):
            if result["quantity"][t][j] == 0.0:
                assert cash[p] == 0.0
            elif has_data(scene, j, t):
                assert cash[p] + pnl[p] >= -1e-9 * balance


@pytest.mark.parametrize("seed", range(40))
def test_a_prefix_gives_a_prefix(seed):
    scene = random_scenario(seed)
    result = run(scene)
    n = len(scene["open_time"]) // 2 + 1
    short = copy.deepcopy(scene)
    short["open_time"] = short["open_time"][:n]
    short["bars"] = [{name: column[:n] for name, column in bars.items()} for bars in short["bars"]]
    prefix = run(short)
    assert prefix["equity"] == result["equity"][:n]
    assert prefix["quantity"] == result["quantity"][:n]
    assert prefix["events"] == [event for event in result["events"] if event["bar"] < n]


@pytest.mark.parametrize("seed", range(40))
def test_an_empty_slot_changes_nothing(seed):
    scene = random_scenario(seed)
    result = run(scene)
    scene["slots"].append(dict(scene["slots"][0]))
    more = run(scene)
    assert more["equity"] == result["equity"]
    assert [event["kind"] for event in more["events"]] == [event["kind"] for event in result["events"]]


@pytest.mark.parametrize("seed", range(60))
def test_money_scales(seed):
    scene = random_scenario(seed)
    result = run(scene)
    scaled = run(scale_money(scene, 4.0))
    assert scaled["equity"] == pytest.approx([4.0 * value for value in result["equity"]], rel=1e-9)
    names = ("bar", "kind", "slot", "pool", "segment", "reason")
    assert [[e[n] for n in names] for e in scaled["events"]] == [[e[n] for n in names] for e in result["events"]]


def scale_money(scene, k):
    """Return the scenario with all money times k: linear prices times k, inverse prices by 1/k."""
    scene = copy.deepcopy(scene)
    inverse = scene["instruments"][0]["contract"] == "inverse"
    factor = 1 / k if inverse else k
    scene["account"]["balance"] *= k
    for instrument in scene["instruments"]:
        instrument["min_notional"] *= k
        if instrument["tier_key"] == "notional":
            instrument["tiers"] = [[floor * k, rate, leverage] for floor, rate, leverage in instrument["tiers"]]
    for bars in scene["bars"]:
        for column in bars.values():
            column[:] = [None if price is None else price * factor for price in column]
    for event in scene["funding"]:
        event["mark"] = None if event["mark"] is None else event["mark"] * factor
    for order in scene["orders"]:
        for name in ("limit", "stop", "take_profit", "trail"):
            order[name] = None if order[name] is None else order[name] * factor
        order["margin"] = None if order["margin"] is None else order["margin"] * k
        if order["size_type"] in ("notional", "margin"):
            order["size"] *= k
    for action in scene["margin_actions"]:
        for name in ("add", "remove"):
            if name in action:
                action[name] *= k
    return scene


@pytest.mark.parametrize("seed", range(20))
def test_results_are_json(seed):
    json.dumps(run(random_scenario(seed)), allow_nan=False)


@pytest.mark.parametrize("seed", range(400, 460))
def test_one_slot_isolated_is_cross(seed):
    """Law 3: one slot with the whole balance, no fees, funding from the pool."""
    scene = random_scenario(seed)
    scene["venue"].update(funding_source="pool", partial_close="keep", on_insufficient="reduce")
    for instrument in scene["instruments"]:
        instrument.update(taker_fee=0.0, maker_fee=0.0, lot=0.0, min_notional=0.0)
    scene["slots"] = [{"instrument": 0, "leverage": scene["instruments"][0]["tiers"][0][2] / 4}]
    first = next((order for order in scene["orders"] if order["slot"] == 0), None)
    if first is None:
        return
    size = 0.1 if first["size"] >= 0 else -0.1
    first = {**first, "size": size, "size_type": "equity_fraction", "limit": None, "trail": None, "stop": None,
             "margin": scene["account"]["balance"], "trail_fraction": None, "take_profit": None}
    scene.update(orders=[first], margin_actions=[], sub_account_shares=[])
    outcomes = []
    for mode in ("isolated", "cross"):
        scene["account"]["mode"] = mode
        result = run(scene)
        outcomes.append([
            (event["bar"], event["segment"], event["s"], event["price"])
            for event in result["events"] if event["kind"] == "liquidation"
        ])
    assert len(outcomes[0]) == len(outcomes[1])
    for one, other in zip(*outcomes, strict=True):
        assert one[:2] == other[:2]
        assert one[2:] == pytest.approx(other[2:], rel=1e-9)


@pytest.mark.parametrize("seed", range(500, 540))
def test_renumbered_instruments(seed):
    scene = random_scenario(seed)
    if scene["venue"]["funding_source"] == "main_first":
        return
    result = run(scene)
    n = len(scene["instruments"])
    scene["instruments"].reverse()
    scene["bars"].reverse()
    for row in [*scene["slots"], *scene["funding"]]:
        row["instrument"] = n - 1 - row["instrument"]
    balance = scene["account"]["balance"]
    assert run(scene)["equity"] == pytest.approx(result["equity"], abs=1e-9 * balance)
