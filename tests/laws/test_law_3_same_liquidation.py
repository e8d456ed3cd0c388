"""Law 3: one slot with the whole balance, no fees, funding from the pool: isolated and cross liquidate alike."""

import random

import pytest

from tests.laws.engines import columns, events, flat, on_both, run, scenario
from tests.twin.scenarios import random_scenario

SEEDS = range(400, 460)


def whole_balance(seed):
    """Return a random scenario with one slot that has the whole balance behind it."""
    rng = random.Random(seed)
    scene = random_scenario(seed)
    scene["venue"].update(funding_source="pool", partial_close="keep", on_insufficient="reduce")
    scene["venue"].update(initial_margin_buffer=0.0)  # which the whole balance would have to pay
    for instrument in scene["instruments"]:
        instrument.update(taker_fee=0.0, maker_fee=0.0, lot=0.0, min_notional=0.0, unit_margin_rate=0.0)
    most = scene["instruments"][0]["tiers"][-1][2]
    scene["slots"] = [{"instrument": 0, "leverage": most}]
    size = rng.choice([-1, 1]) * rng.uniform(0.5, 0.9) * most
    order = {"slot": 0, "size": size, "size_type": "equity_fraction", "margin": scene["account"]["balance"]}
    scene.update(orders=[{"bar": bar, **order} for bar in (-1, 0, 1)][rng.randrange(3) :][:1])
    scene.update(margin_actions=[], sub_account_shares=[])
    return scene


def liquidations(engine, scene, mode):
    scene["account"]["mode"] = mode
    return events(run(engine, scene), "liquidation")


@on_both
@pytest.mark.parametrize("seed", SEEDS)
def test_one_slot_isolated_is_cross(engine, seed):
    scene = whole_balance(seed)
    isolated, cross = (liquidations(engine, scene, mode) for mode in ("isolated", "cross"))
    assert len(isolated) == len(cross)
    for one, other in zip(isolated, cross, strict=True):
        assert (one["bar"], one["segment"]) == (other["bar"], other["segment"])
        assert (one["s"], one["price"]) == pytest.approx((other["s"], other["price"]), rel=1e-9)


def test_most_of_them_are_liquidated():
    counts = [len(liquidations("reference", whole_balance(seed), "cross")) for seed in SEEDS]
    assert sum(count > 0 for count in counts) >= len(SEEDS) // 3


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize("contract", ["linear", "inverse"])
def test_by_hand(engine, mode, contract):
    """Linear: 128 + 8 * (P - 100) = 8 * P / 64, P = 672 / 7.875. Inverse, 800: 2 + 800 / 100 = (800 + 12.5) / P."""
    linear = contract == "linear"
    scene = scenario(
        [flat(100), (100, 101, 60, 90)],
        [{"size": 8 if linear else 800, "margin": 128 if linear else 2}],
        instrument={"contract": contract},
        account={"mode": mode, "balance": 128 if linear else 2},
    )
    (event,) = events(run(engine, scene), "liquidation")
    assert (event["bar"], event["segment"]) == (1, 0)
    assert event["price"] == pytest.approx(672 / 7.875 if linear else 812.5 / 10, rel=1e-14)


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_tie_at_the_mark(engine, mode):
    """91.25 + 8 * (90 - 100) = 11.25 = 720 / 64 exactly, on a mark that stops there; the trade goes on to 80."""
    bars = columns([flat(100), (100, 100, 80, 95)])
    bars.update({"mark_" + name: column for name, column in columns([flat(100), (100, 100, 90, 95)]).items()})
    slots = [{"instrument": 0, "leverage": 64}]
    scene = scenario([], [{"size": 8, "margin": 91.25}], slots, bars=[bars],
                     account={"mode": mode, "balance": 91.25})
    (event,) = events(run(engine, scene), "liquidation")
    assert (event["bar"], event["segment"], event["s"], event["price"]) == (1, 0, 1.0, 90)
