"""Calculators by hand: dyadic numbers, one arithmetic line each, and what a bad pool is told."""

import math

import pytest

from backtester import calculators as calc
from backtester.calculators import Pool, Position, isolated
from backtester.errors import ConfigurationError
from backtester.venue import Instrument, VenueRules

COIN = Instrument("COIN", tiers=((0, 1 / 64, 64), (1024, 1 / 32, 16)))
OTHER = Instrument("OTHER", tiers=((0, 1 / 64, 64),))
INVERSE = Instrument("COIN_INVERSE", contract="inverse", tiers=((0, 1 / 64, 64),))
BY_QUANTITY = Instrument("LOTS", tiers=((0, 1 / 64, 64), (8, 1 / 16, 8)), tier_key="quantity")


def message(call, *args, **kwargs):
    with pytest.raises(ConfigurationError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


# --- what a pool is worth and must hold ---


def test_one_isolated_position():
    # 8 at 64 = 512 at 8x: 64 posted; now at 60: pnl -32, notional 480
    pool = isolated(Position(COIN, 8, 64, 60, leverage=8))
    assert pool.cash == 64
    assert calc.unrealized_pnl(pool) == -32
    assert calc.equity(pool) == 32
    assert calc.notional(pool) == 480
    assert calc.initial_margin(pool) == 60
    assert calc.free_margin(pool) == -28
    assert calc.maintenance_margin(pool) == 7.5
    assert calc.margin_ratio(pool) == 7.5 / 32
    assert not calc.is_liquidated(pool)


def test_a_second_tier_has_its_amount_and_a_buffer_comes_on_top():
    # 2048 / 32 - 1024 * (1/32 - 1/64) = 48, and 2048 / 128 for the close
    pool = Pool(512, (Position(COIN, 32, 64),), VenueRules(close_fee_buffer=1 / 128))
    assert calc.maintenance_margin(pool) == 48 + 16


def test_the_requirement_at_entry_does_not_follow_the_mark():
    pool = Pool(512, (Position(COIN, 8, 64, 128),), VenueRules(mm_basis="entry"))
    assert calc.maintenance_margin(pool) == 8


@pytest.mark.parametrize(("offset", "required"), [("none", 12), ("larger_side", 8), ("net", 4)])
def test_two_sides_of_one_symbol(offset, required):
    positions = (Position(OTHER, 8, 64), Position(OTHER, -4, 64))
    assert calc.maintenance_margin(Pool(100, positions, VenueRules(hedge_offset=offset))) == required


def test_a_flat_pool():
    pool = Pool(-5)
    assert (calc.equity(pool), calc.maintenance_margin(pool), calc.margin_ratio(pool)) == (-5, 0, 0)
    assert not calc.is_liquidated(pool)
    assert calc.margin_to_add(pool, {}) == 0


def test_equal_is_enough_to_be_liquidated():
    assert calc.is_liquidated(Pool(8, (Position(OTHER, 8, 64),)))
    assert not calc.is_liquidated(Pool(math.nextafter(8, 9), (Position(OTHER, 8, 64),)))


def test_no_equity_is_an_infinite_ratio():
    assert calc.margin_ratio(Pool(0, (Position(OTHER, 8, 64),))) == math.inf


# --- prices ---


@pytest.mark.parametrize(
    ("instrument", "quantity", "margin", "price", "bankrupt"),
    [
        (OTHER, 8, 64, (64 - 512) / (8 / 64 - 8), 56),
        (OTHER, -8, 64, (64 + 512) / (8 / 64 + 8), 72),
        (INVERSE, 512, 1, (512 / 64 + 512) / (1 + 8), 512 / 9),
        (INVERSE, -512, 1, (512 / 64 - 512) / (1 - 8), 512 / 7),
    ],
)
def test_isolated_prices(instrument, quantity, margin, price, bankrupt):
    pool = isolated(Position(instrument, quantity, 64), margin=margin)
    assert calc.liquidation_price(pool) == pytest.approx(price, rel=1e-14)
    assert calc.bankruptcy_price(pool) == pytest.approx(bankrupt, rel=1e-14)


def test_cross_counts_the_others_pnl_and_requirement():
    # other: short 4 at 48, now 54: pnl -24, requires 216 / 64 = 3.375
    pool = Pool(128, (Position(OTHER, 8, 64), Position(COIN, -4, 48, 54)))
    assert calc.liquidation_price(pool) == pytest.approx((128 - 27.375 - 512) / (8 / 64 - 8), rel=1e-14)
    assert calc.bankruptcy_price(pool) == (512 - 104) / 8


def test_long_and_short_of_a_hedge_share_one_price_and_have_two_ends():
    positions = (Position(OTHER, 8, 64), Position(OTHER, -6, 64))
    pool = Pool(32, positions)
    low = (32 - 128) / (14 / 64 - 2)  # 32 + 2 * (P - 64) = 14 * P / 64
    assert calc.liquidation_price(pool, 0) == calc.liquidation_price(pool, 1) == pytest.approx(low, rel=1e-14)
    assert calc.safe_range(pool) == (pytest.approx(low, rel=1e-14), math.inf)


def test_a_hedge_may_be_liquidated_on_both_sides():
    # rates of 1/64, and of 1/2 beyond a notional of 960: the kernels' law 8 has the same sums
    steep = Instrument("STEEP", tiers=((0, 1 / 64, 64), (960, 1 / 2, 64)))
    pool = Pool(64, (Position(steep, 8, 100), Position(steep, -6, 100)))
    low, high = calc.safe_range(pool)
    assert low == calc.liquidation_price(pool) == pytest.approx(136 / 1.78125, rel=1e-14)
    assert high == pytest.approx(329 / 2.09375, rel=1e-14)


def test_no_price():
    paid = isolated(Position(OTHER, 8, 64))  # 1x long: only a price below 0 would do
    assert math.isnan(calc.liquidation_price(isolated(Position(OTHER, 8, 64), margin=520)))
    assert math.isnan(calc.bankruptcy_price(paid))
    even = Pool(64, (Position(OTHER, 8, 64), Position(OTHER, -8, 64)))
    assert math.isnan(calc.liquidation_price(even))
    assert calc.safe_range(even) == (0, 256)  # the requirement alone grows: 64 = 16 * P / 64
    assert all(map(math.isnan, calc.safe_range(Pool(-64, even.positions))))
    assert calc.safe_range(isolated(Position(INVERSE, -512, 64), margin=16)) == (0, math.inf)


# --- surviving ---


def test_margin_to_add():
    # at 48: 64 - 128 = -64, and 384 / 64 = 6 is required
    pool = isolated(Position(OTHER, 8, 64), margin=64)
    assert calc.margin_to_add(pool, {"OTHER": 48}) == 70
    assert calc.margin_to_add(pool, {"OTHER": 60}) == 0
    assert calc.margin_to_add(isolated(Position(OTHER, 8, 64), margin=4), {"OTHER": 80}) == 4  # it is short of 4 now


def test_largest_size_of_cross_stays_on_its_tier_or_crosses_it():
    # a fall to 60 loses 4 each and requires 60/64 each in the first tier: 64 / (4 + 15/16) = 12.96, 778 of notional
    pool = Pool(64, (Position(COIN, 1, 64),))
    assert calc.largest_size(pool, {"COIN": 60}) == pytest.approx(64 / (4 + 15 / 16), rel=1e-14)
    # with 128: second tier, amount 16: (128 + 16) / (4 + 60/32)
    assert calc.largest_size(Pool(128, pool.positions), {"COIN": 60}) == pytest.approx(144 / 5.875, rel=1e-14)


def test_largest_size_of_isolated_is_where_the_tier_eats_the_margin():
    # 16x: 4 a coin; a fall to 61 loses 3. First tier: 61/64 < 1. Second: 4d - 3d = 61d/32 - 16
    pool = isolated(Position(COIN, 1, 64, leverage=16))
    assert calc.largest_size(pool, {"COIN": 61}) == pytest.approx(16 / (61 / 32 - 1), rel=1e-14)
    assert calc.largest_size(pool, {"COIN": 56}) == 0
    assert calc.largest_size(isolated(Position(COIN, 1, 64, leverage=8)), {"COIN": 61}) == math.inf


def test_largest_size_of_quantity_tiers_may_be_the_end_of_a_tier():
    # 61/64 of the 1 left over up to 8, then 61/16
    pool = isolated(Position(BY_QUANTITY, 1, 64, leverage=16))
    assert calc.largest_size(pool, {"LOTS": 61}) == 8


def test_largest_size_of_a_leg_of_a_hedge():
    # short against 8 long, net: falling to 48 the long loses 128; a short of d gains 16 d and frees its requirement
    positions = (Position(OTHER, -1, 64), Position(OTHER, 8, 64))
    pool = Pool(64, positions, VenueRules(hedge_offset="net"))
    # rising to 80: 64 + 16 * (8 - d) = (d - 8) * 80 / 64
    assert calc.largest_size(pool, {"OTHER": 80}) == pytest.approx(8 + 64 / 17.25, rel=1e-14)


def test_largest_size_below_the_other_leg_where_the_difference_changes_its_tier():
    # net of 10 long: beyond 288, 4 coins at 72, half is required. A short of 8 leaves 2: 144 / 64 = 2.25
    steep = Instrument("STEEP", tiers=((0, 1 / 64, 64), (288, 1 / 2, 64)))
    positions = (Position(steep, -1, 64, 72), Position(steep, 10, 80, 72))
    pool = Pool(80 + 64 + 2.25, positions, VenueRules(hedge_offset="net"))
    assert calc.largest_size(pool, {}) == pytest.approx(8, rel=1e-14)


def test_largest_leverage():
    # a fall to 56 loses 64 and 7 are required: 512 / 71
    pool = isolated(Position(OTHER, 8, 64, leverage=2))
    assert calc.largest_leverage(pool, {"OTHER": 56}) == 512 / 71
    assert calc.largest_leverage(pool, {"OTHER": 64}) == 64
    assert calc.largest_leverage(isolated(Position(COIN, 32, 64)), {"COIN": 64}) == 16  # its tier
    assert calc.largest_leverage(isolated(Position(OTHER, 8, 64, 96)), {"OTHER": 80}) == 64  # nothing is needed


def test_leverage_does_not_matter_to_cross():
    pool = Pool(128, (Position(OTHER, 8, 64),))
    assert calc.largest_leverage(pool, {"OTHER": 56}) == 64
    assert math.isnan(calc.largest_leverage(pool, {"OTHER": 32}))


# --- what becomes of a pool ---


def test_moves():
    pool = Pool(128, (Position(OTHER, 8, 64), Position(COIN, -4, 32)))
    assert calc.moved(pool, -0.25).marks == {"OTHER": 48, "COIN": 24}
    assert calc.moved(pool, -0.25, "COIN").marks == {"OTHER": 64, "COIN": 24}
    assert calc.marked(pool, {"OTHER": 65}).marks == {"OTHER": 65, "COIN": 32}


def test_fundings_move_the_liquidation_price():
    pool = isolated(Position(OTHER, 8, 64, 80, leverage=8))
    paid = calc.after_fundings(pool, 3, 1 / 512)
    assert calc.funding_payment(pool.positions[0], 1 / 512) == 1.25
    assert paid.cash == 64 - 3.75
    assert calc.liquidation_price(paid) == pytest.approx((60.25 - 512) / (8 / 64 - 8), rel=1e-14)
    assert calc.funding_payment(Position(INVERSE, -512, 64), 1 / 512) == -1 / 64


def test_fundings_of_one_symbol():
    pool = Pool(128, (Position(OTHER, 8, 64), Position(COIN, -4, 32)))
    assert calc.after_fundings(pool, 1, 1 / 128).cash == 128 - 4 + 1
    assert calc.after_fundings(pool, 1, 1 / 128, "COIN").cash == 129


# --- tiers ---


def test_tiers():
    assert calc.maintenance_tier(COIN, -16, 64) == (0, 1 / 64, 0, 64)  # up to and including the floor
    assert calc.maintenance_tier(COIN, 17, 64) == (1024, 1 / 32, 16, 16)
    assert calc.allowed_leverage(BY_QUANTITY, 9, 1) == 8
    assert calc.allowed_size(COIN, 20, 64) == 16
    assert calc.allowed_size(COIN, 16, 64) == math.inf
    assert calc.allowed_size(COIN, 100, 64) == 0


@pytest.mark.parametrize(("margin", "leverage"), [(1, 64), (16, 64), (32, 32), (64, 16), (1e6, 16)])
def test_leverage_of_a_margin(margin, leverage):
    assert calc.leverage_of_margin(COIN, margin, 64) == leverage


def test_leverage_of_a_margin_by_quantity_and_inverse():
    assert calc.leverage_of_margin(BY_QUANTITY, 16, 64) == 32  # 8 at 64
    small = Instrument("S", contract="inverse", tiers=((0, 1 / 64, 64), (4, 1 / 32, 16)))
    assert calc.leverage_of_margin(small, 0.125, 64) == 32  # 4 coins of notional


# --- bad input ---


def test_bad_positions():
    assert "position.quantity: is no position; found 0.0" in message(Position, COIN, 0, 64)
    assert "position.quantity: is not a number; found 'two'" in message(Position, COIN, "two", 64)
    assert "position.entry_price: must be above 0; found -1" in message(Position, COIN, 1, -1)
    assert "position.mark_price: must be above 0; found 0" in message(Position, COIN, 1, 64, 0)
    assert "position.leverage: must be above 0; found 0" in message(Position, COIN, 1, 64, leverage=0)
    said = message(Position, "BTCUSDT", 1, 64)
    assert "position.instrument: is not an instrument; found 'BTCUSDT'. Take one from a venue" in said
    assert "is not finite" in message(Position, COIN, math.inf, 64)


def test_bad_pools():
    long = Position(OTHER, 8, 64)
    assert "settle in different currencies" in message(Pool, 1, (long, Position(INVERSE, 8, 64)))
    said = message(Pool, 1, (long, Position(OTHER, -8, 65)))
    assert "pool.positions[1].mark_price: differs from that of another position on OTHER, 64.0; found 65.0" in said
    said = message(Pool, 1, (long, Position(COIN, 8, 64)), isolated=True)
    assert "pool.isolated: has 2 positions, and isolated margin stands behind one" in said
    assert "Make a pool for each position" in said
    assert "pool.cash: is not a number; found None" in message(Pool, None)


def test_bad_questions():
    pool = Pool(64, (Position(OTHER, 8, 64),))
    assert "found 'OTER'; nearest: OTHER" in message(calc.margin_to_add, pool, {"OTER": 60})
    assert "position: is no place among the pool's positions; found 1; allowed: 0 to 0" in message(
        calc.liquidation_price, pool, 1
    )
    assert "allowed: nothing: the pool has no position" in message(calc.liquidation_price, Pool(1))
    assert "move: leaves no price; found -1" in message(calc.moved, pool, -1)
    assert "prices: is on none" in message(calc.moved, pool, 0.1, "COIN")
    assert "n: is not a number of fundings; found -1" in message(calc.after_fundings, pool, -1, 0.1)
    assert "prices: is on none" in message(calc.after_fundings, pool, 1, 0.1, "COIN")
    assert "margin: must be above 0; found 0" in message(calc.leverage_of_margin, OTHER, 0, 64)
