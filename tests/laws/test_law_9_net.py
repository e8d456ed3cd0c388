"""Law 9: in a cross pool with `net`, two slots on one instrument are one slot with their sum."""

import random

import pytest

from tests.laws.engines import events, flat, has_data, near, on_both, run, scenario
from tests.twin.scenarios import random_scenario

SEEDS = range(1200, 1280)
ACCOUNT = ("equity", "equity_low", "worst_margin_ratio", "pool_pnl", "pool_initial_margin", "pool_requirement")


def pair(seed):
    """Return a random market with targets of one sign for one slot, and the same targets shared by two slots."""
    rng = random.Random(seed)
    scene = random_scenario(seed)
    scene["venue"].update(hedge_offset="net", reduction="full", liquidation_order="all")
    instrument = scene["instruments"][0]
    instrument.update(lot=0.0, min_notional=0.0, tier_changes=[])
    leverage = instrument["tiers"][-1][2]
    scene["account"]["mode"] = "cross"
    price = next((price for price in scene["bars"][0]["open"] if price is not None), 100.0)
    unit = scene["account"]["balance"] * price if instrument["contract"] == "inverse" else (
        scene["account"]["balance"] / price)
    side = rng.choice([-1, 1])
    bars = [t for t in range(-1, len(scene["open_time"]) - 1) if t == -1 or rng.random() < 0.15]
    targets = [(t, side * unit * rng.choice([2, 6, 10, 13]) / 16 * leverage) for t in bars]
    scene.update(margin_actions=[], sub_account_shares=[])
    one = {**scene, "slots": [{"instrument": 0, "leverage": leverage}], "orders": orders(targets, [1.0])}
    two = {**scene, "slots": [{"instrument": 0, "leverage": leverage}] * 2, "orders": orders(targets, [0.75, 0.25])}
    return one, two


def orders(targets, shares):
    return [
        {"bar": t, "slot": j, "size": share * size, "target": True}
        for t, size in targets for j, share in enumerate(shares)
    ]


@on_both
@pytest.mark.parametrize("seed", SEEDS)
def test_two_slots_on_one_side_are_one(engine, seed):
    one, two = pair(seed)
    a, b = run(engine, one), run(engine, two)
    if events(a, "cut", "rejected"):
        return  # the slots would be served one after the other
    money = 1e-9 * one["account"]["balance"]
    for name in ACCOUNT:
        assert near(a[name], b[name], money), name
    assert [q[0] for q in a["quantity"]] == pytest.approx([sum(q) for q in b["quantity"]], rel=1e-12)
    prices = [[event["price"] for event in events(result, "liquidation")] for result in (a, b)]
    assert prices[0] == pytest.approx(prices[1][::2], rel=1e-9)


def test_enough_of_them_count():
    results = [run("reference", pair(seed)[0]) for seed in SEEDS]
    free = [result for result in results if not events(result, "cut", "rejected")]
    assert len(free) >= len(SEEDS) // 5
    assert sum(result["totals"]["liquidations"] for result in free) >= 3


@on_both
@pytest.mark.parametrize("end", [104, 95.5, 92])
@pytest.mark.parametrize("shares", [(4, 4), (6, 2), (12, -4), (-2, 10)])
def test_a_hedge_is_its_difference(engine, shares, end):
    """Slots of 12 and -4, or of 6 and 2, behave as one slot of 8: the same equity, requirement and price.

    The tiers are those of the difference: 8 at 100 is 800, in the second tier. 64 + 8 * (P - 100) = 8 * P / 32 - 10
    at P = 726 / 7.75 (93.68) while 8 P > 640.
    """
    instrument = {"tiers": [[0, 1 / 64, 64], [640, 1 / 32, 64]]}
    parts = {"venue": {"hedge_offset": "net"}, "account": {"mode": "cross", "balance": 64}, "instrument": instrument}
    candles = [flat(100), (100, 104, end, 100) if end < 100 else flat(end), flat(100)]
    slot = {"instrument": 0, "leverage": 64}
    one = run(engine, scenario(candles, [{"size": 8}], [slot], **parts))
    sizes = [{"slot": j, "size": size} for j, size in enumerate(shares)]
    two = run(engine, scenario(candles, sizes, [slot] * 2, **parts))
    for name in ACCOUNT:
        assert one[name] == two[name], name
    assert one["pool_requirement"][0] == [800 / 32 - 10]
    assert bool(events(one, "liquidation")) == (end == 92)
    for result in (one, two):
        for event in events(result, "liquidation"):
            assert event["price"] == pytest.approx(726 / 7.75, rel=1e-14)
    assert two["liquidation_price"][0] == [pytest.approx(726 / 7.75, rel=1e-14)] * 2


@on_both
def test_has_data_is_what_it_says(engine):
    """A missing bar of the instrument changes neither form."""
    parts = {"venue": {"hedge_offset": "net"}, "account": {"mode": "cross", "balance": 64}}
    candles = [flat(100), None, flat(80)]
    slot = {"instrument": 0, "leverage": 64}
    one = scenario(candles, [{"size": 8}], [slot], **parts)
    two = scenario(candles, [{"size": 12}, {"slot": 1, "size": -4}], [slot] * 2, **parts)
    assert not has_data(one, 0, 1)
    assert run(engine, one)["equity"] == run(engine, two)["equity"] == [64, 64, 0]
