"""Does a margin rate that grows with the position do so everywhere, on both engines?

The tier has a maintenance rate of 1/64 at up to 32x; the margin rate is 1/32 up to 8, and 1/256 of the quantity above.
"""

import pytest

from backtester.errors import ConfigurationError
from backtester.venue import Instrument
from tests.laws.engines import events, flat, on_both, run, scenario

GROWING = {"tiers": [[0, 1 / 64, 32]], "tier_key": "quantity", "unit_margin_rate": 1 / 256}
FALL = [flat(128), (128, 128, 96, 96)]


@on_both
@pytest.mark.parametrize(("size", "rate"), [(4, 1 / 64), (8, 1 / 64), (16, 1 / 32), (-32, 1 / 16), (512, 1 / 2)])
def test_the_rate_of_a_size(engine, size, rate):
    scene = scenario([flat(128)], [{"size": size}], [{"instrument": 0, "leverage": 1}], instrument=GROWING)
    scene["account"] = {"balance": 100_000, "mode": "cross", "path": "adverse"}
    assert run(engine, scene)["pool_requirement"] == [[abs(size) * 128 * rate]]


@on_both
def test_where_it_is_liquidated(engine):
    """312 + 16*(112 - 128) = 56 = 16*112/32, where at 1/64 it would have been 28."""
    scene = scenario(FALL, [{"size": 16, "margin": 312}], instrument=GROWING)
    result = run(engine, scene)
    (liquidation,) = events(result, "liquidation")
    assert (liquidation["bar"], liquidation["segment"], liquidation["price"]) == (1, 0, 112)
    assert result["liquidation_price"][0] == [112]


@on_both
def test_slots_of_one_side_grow_together(engine):
    slots = [{"instrument": 0, "leverage": 8}] * 2
    orders = [{"size": 8}, {"size": 8, "slot": 1}]
    parts = {"instrument": GROWING, "account": {"balance": 2000, "mode": "cross"}}
    assert run(engine, scenario([flat(128)], orders, slots, **parts))["pool_requirement"] == [[64]]
    orders[1]["size"] = -8
    assert run(engine, scenario([flat(128)], orders, slots, **parts))["pool_requirement"] == [[32]]
    offset = {**parts, "venue": {"hedge_offset": "net"}}
    assert run(engine, scenario([flat(128)], [orders[0]], slots, **offset))["pool_requirement"] == [[16]]


@on_both
@pytest.mark.parametrize(("leverage", "most"), [(32, 8), (16, 16), (8, 32), (1, 64)])
def test_the_largest_position_of_a_leverage(engine, leverage, most):
    scene = scenario([flat(128)], [{"size": 64}], [{"instrument": 0, "leverage": leverage}], instrument=GROWING)
    scene["account"]["balance"] = 100_000
    result = run(engine, scene)
    assert result["quantity"] == [[most]]
    assert [event["reason"] for event in events(result, "cut")] == ["tier"] * (most < 64)


@on_both
def test_more_than_the_product_allows_opens_nothing(engine):
    scene = scenario([flat(128)], [{"size": 1}], [{"instrument": 0, "leverage": 40}], instrument=GROWING)
    assert [event["reason"] for event in events(run(engine, scene), "rejected")] == ["tier"]


@on_both
@pytest.mark.parametrize(("leverage", "refused"), [(16, False), (17, True)])
def test_the_leverage_of_an_open_position(engine, leverage, refused):
    actions = [{"bar": 0, "slot": 0, "set_leverage": leverage}]
    scene = scenario([flat(128)] * 2, [{"size": 16}], instrument=GROWING, margin_actions=actions)
    result = run(engine, scene)
    assert [event["reason"] for event in events(result, "rejected")] == ["tier"] * refused
    assert len(events(result, "set_leverage")) == 1 - refused


def test_it_goes_with_tiers_by_quantity_only():
    with pytest.raises(ConfigurationError, match=r"unit_margin_rate.*tier_key = .quantity"):
        Instrument("COIN", unit_margin_rate=0.01)


def test_a_rate_that_would_take_all_of_the_notional():
    with pytest.raises(ConfigurationError, match=r"maintenance_rate \* max_leverage below 1"):
        Instrument("COIN", tiers=((0, 0.02, 50),), tier_key="quantity", unit_margin_rate=0.01)
