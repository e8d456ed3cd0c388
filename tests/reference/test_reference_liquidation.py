"""Liquidations against arithmetic written out by hand (section 5 of the margin model)."""

import random

import pytest

from backtester.reference import run
from tests.reference.reference_helpers import columns, events, flat, scenario

ISOLATED = [{"instrument": 0, "leverage": 16}]
LONG_8 = {"size": 8, "margin": 91.25}
# 8 at 100 with 91.25 posted: 91.25 + 8 * (P - 100) = 8 * P / 64 at P = 90 (91.25 - 80 = 11.25 = 720 / 64)


def test_isolated_long_inside_a_bar():
    result = run(scenario([(100, 100, 70, 75)], [LONG_8], ISOLATED))
    (event,) = events(result, "liquidation")
    assert (event["bar"], event["slot"], event["pool"], event["segment"]) == (0, 0, 1, 0)
    assert event["s"] == 10 / 30  # from 100 to 70
    assert event["price"] == event["fill"] == pytest.approx(90, abs=1e-12)
    assert (event["quantity"], event["amount"]) == (-8, pytest.approx(-80, abs=1e-12))
    assert result["cash"] == [[pytest.approx(1000 - 91.25 + 11.25, abs=1e-12), 0]]
    assert result["worst_margin_ratio"][0] == pytest.approx(1, abs=1e-12)
    assert result["equity_low"][0] == pytest.approx(920, abs=1e-12)


def test_low_exactly_at_the_line_liquidates_and_one_tick_above_does_not():
    assert events(run(scenario([(100, 100, 90, 95)], [LONG_8], ISOLATED)), "liquidation")[0]["s"] == 1.0
    assert not events(run(scenario([(100, 100, 90.125, 95)], [LONG_8], ISOLATED)), "liquidation")


def test_gap_at_the_open_absorbs_what_is_missing():
    result = run(scenario([flat(100), flat(80)], [LONG_8], ISOLATED))
    (event,) = events(result, "liquidation")
    assert (event["bar"], event["segment"], event["s"], event["fill"], event["amount"]) == (1, "open", 0.0, 80, -160)
    assert result["cash"][1] == [1000 - 91.25, 0]
    assert result["totals"]["insurance_absorbed"] == 160 - 91.25
    assert result["worst_margin_ratio"] == [800 / 64 / 91.25, None]


def test_gap_exactly_at_bankruptcy():
    result = run(scenario([flat(100), flat(92)], [{"size": 8, "margin": 64}], ISOLATED))
    assert events(result, "liquidation")[0]["segment"] == "open"
    assert result["cash"][1] == [936, 0]
    assert result["totals"]["insurance_absorbed"] == 0


def test_stop_nearer_than_the_liquidation_price_comes_first():
    result = run(scenario([(100, 100, 70, 75)], [{**LONG_8, "stop": 95}], ISOLATED))
    assert [event["kind"] for event in result["events"]] == ["fill", "stop"]
    assert result["events"][1]["s"] == 5 / 30
    assert result["cash"] == [[1000 - 40, 0]]


def test_stop_at_the_liquidation_price_comes_too_late():
    result = run(scenario([(100, 100, 70, 75)], [{**LONG_8, "stop": 90}], ISOLATED))
    assert [event["kind"] for event in result["events"]] == ["fill", "liquidation"]


def test_open_past_liquidation_beats_the_stop():
    result = run(scenario([flat(100), flat(85)], [{**LONG_8, "stop": 95}], ISOLATED))
    assert [event["kind"] for event in result["events"]] == ["fill", "liquidation"]
    assert result["totals"]["insurance_absorbed"] == 120 - 91.25


def test_cross_with_two_instruments_moving_together():
    # 128 + 4 * (-20 s) - 4 * 16 s against 4 * (100 - 20 s) / 64 + 4 * (50 + 16 s) / 32: 115.5 = 144.75 s
    scene = scenario(
        [], [{"size": 4}, {"size": -4, "slot": 1}],
        [{"instrument": 0, "leverage": 16}, {"instrument": 1, "leverage": 16}],
        bars=[columns([(100, 100, 80, 100)]), columns([(50, 66, 50, 50)])],
        instruments=[{}, {"tiers": [[0, 1 / 32, 32]]}],
        account={"mode": "cross", "balance": 128},
    )
    result = run(scene)
    first, second = events(result, "liquidation")
    s = 115.5 / 144.75
    assert first["s"] == second["s"] == pytest.approx(s, abs=1e-15)
    assert first["fill"] == pytest.approx(100 - 20 * s, abs=1e-12)
    assert second["fill"] == pytest.approx(50 + 16 * s, abs=1e-12)
    assert result["cash"][0][0] == pytest.approx(12.5 + 0.75 * s, abs=1e-12)


@pytest.mark.parametrize(
    ("offset", "requirement", "initial"),
    [("none", 6.25 + 4.6875, 100 + 75), ("larger_side", 6.25, 100), ("net", 1.5625, 25)],
)
def test_hedge_offsets(offset, requirement, initial):
    # 4 long and 3 short at 100, rate 1/64, leverage 4
    slots = [{"instrument": 0, "leverage": 4}] * 2
    orders = [{"size": 4}, {"size": -3, "slot": 1}]
    result = run(scenario([flat(100)], orders, slots, venue={"hedge_offset": offset}, account={"mode": "cross"}))
    assert result["pool_requirement"] == [[requirement]]
    assert result["pool_initial_margin"] == [[initial]]


@pytest.mark.parametrize(
    ("offset", "requirement"), [("none", 12.5 + 4.6875), ("larger_side", 12.5), ("net", 1.5625)]
)
def test_hedge_offsets_with_quantity_tiers(offset, requirement):
    # the long side of 4 is in the second tier (400 / 32), the short side of 3 and the net of 1 in the first
    slots = [{"instrument": 0, "leverage": 4}] * 2
    instrument = {"tier_key": "quantity", "tiers": [[0, 1 / 64, 64], [3.5, 1 / 32, 32]]}
    orders = [{"size": 4}, {"size": -3, "slot": 1}]
    venue = {"hedge_offset": offset}
    result = run(scenario([flat(100)], orders, slots, venue=venue, instrument=instrument, account={"mode": "cross"}))
    assert result["pool_requirement"] == [[requirement]]


def test_two_slots_on_one_side_are_one_position():
    # floors 0 and 400: 3 + 5 at 100 are 800, MM = 800 / 16 - 400 * (1/16 - 1/64) = 50 - 18.75
    slots = [{"instrument": 0, "leverage": 4}] * 2
    instrument = {"tiers": [[0, 1 / 64, 64], [400, 1 / 16, 64]]}
    orders = [{"size": 3}, {"size": 5, "slot": 1}]
    result = run(scenario([flat(100)], orders, slots, instrument=instrument, account={"mode": "cross"}))
    assert result["pool_requirement"] == [[31.25]]


STEPS = {"tiers": [[0, 1 / 64, 64], [400, 1 / 16, 64]]}
CROSS_64 = [{"instrument": 0, "leverage": 64}]


def gap_to_80(balance, reduction, slots=CROSS_64, instrument=STEPS, **venue):
    account = {"mode": "cross", "balance": balance}
    venue = {"reduction": reduction, **venue}
    parts = {"venue": venue, "account": account, "instrument": instrument}
    return run(scenario([flat(100), flat(80)], [{"size": 8}], slots, **parts))


def test_full_reduction():
    # equity 180 - 160 = 20 against 640 / 16 - 18.75 = 21.25
    result = gap_to_80(180, "full")
    assert result["quantity"][1] == [0]
    assert result["cash"][1] == [20]


def test_tier_step_goes_to_the_floor():
    # 640 is in the tier from 400: 240 / 80 = 3 go, 5 stay; 20 > 400 / 64
    result = gap_to_80(180, "tier_step")
    assert [event["quantity"] for event in events(result, "liquidation")] == [-3]
    assert result["quantity"][1] == [5]
    assert result["cash"][1] == [180 - 60]
    assert result["pool_requirement"][1] == [6.25]


def test_tier_step_twice_is_flat():
    # 165 - 160 = 5 <= 6.25 after the first step; a side on its floor is in the tier below: flat
    result = gap_to_80(165, "tier_step")
    assert [event["quantity"] for event in events(result, "liquidation")] == [-3, -5]
    assert result["cash"][1] == [5]


def test_tier_step_at_entry_basis_measures_the_entry_notional():
    # 800 at entry: MM = 50 - 18.75 = 31.25; 190 - 160 = 30; down to 400 of 800: 4 of 8
    result = gap_to_80(190, "tier_step", mm_basis="entry")
    assert [event["quantity"] for event in events(result, "liquidation")] == [-4]
    assert result["pool_requirement"][1] == [6.25]


SIXTEEN = [{"instrument": 0, "leverage": 16}]
ONE_TIER = {"tiers": [[0, 1 / 32, 64]]}


def test_to_initial_closes_just_enough():
    # equity 20 = requirement 640 / 32; initial margin (8 - x) * 5 = 20 at x = 4
    result = gap_to_80(180, "to_initial", SIXTEEN, ONE_TIER)
    assert [event["quantity"] for event in events(result, "liquidation")] == [-4]
    assert result["cash"][1] == [100]
    assert result["pool_initial_margin"][1] == [20]


def test_to_initial_pays_the_fee_out_of_the_target():
    # fee 80 / 64 = 1.25 each: 20 - 1.25 x = 40 - 5 x at x = 16/3
    result = gap_to_80(180, "to_initial", SIXTEEN, ONE_TIER, liquidation_fee=1 / 64)
    (event,) = events(result, "liquidation")
    assert event["quantity"] == pytest.approx(-16 / 3, abs=1e-12)
    assert event["amount"] == pytest.approx(-20 * 16 / 3 - 1.25 * 16 / 3, abs=1e-12)
    assert result["equity"][1] == pytest.approx(20 - 20 / 3, abs=1e-12)


def test_to_initial_with_nothing_left_closes_all():
    result = gap_to_80(140, "to_initial", SIXTEEN, ONE_TIER)
    assert [event["quantity"] for event in events(result, "liquidation")] == [-8]
    assert result["totals"]["insurance_absorbed"] == 20


def test_liquidation_fee_is_at_most_what_is_left():
    # 20 left, fee 640 / 16 = 40
    result = gap_to_80(180, "full", liquidation_fee=1 / 16)
    assert result["totals"]["liquidation_fees"] == 20
    assert result["cash"][1] == [0]
    assert result["totals"]["insurance_absorbed"] == 0


def test_liquidation_slippage_and_fund():
    # closed at 80 * (1 - 1/64) = 78.75: 180 - 170 = 10 left, taken; bankruptcy at 100 - 180 / 8 = 77.5
    result = gap_to_80(180, "full", liquidation_slippage=1 / 64, leftover="fund")
    (event,) = events(result, "liquidation")
    assert (event["price"], event["fill"], event["amount"]) == (80, 78.75, -170)
    assert event["bankruptcy_price"] == 77.5
    assert result["totals"]["insurance_taken"] == 10
    assert result["totals"]["bankrupt"]
    (event,) = events(result, "bankrupt")
    assert (event["bar"], event["segment"], event["slot"]) == (1, "close", None)


@pytest.mark.parametrize(
    ("order", "closed"), [("all", [0, 1]), ("largest_requirement", [0]), ("largest_loss", [1])]
)
def test_liquidation_orders(order, closed):
    # slot 0: 8 at 100, now 98 (loss 16, requirement 784 / 64 = 12.25); slot 1: 4 at 100, now 80 (loss 80, 320 / 64 = 5)
    # equity 113.25 - 96 = 17.25 = 12.25 + 5
    scene = scenario(
        [], [{"size": 8}, {"size": 4, "slot": 1}],
        [{"instrument": 0, "leverage": 64}, {"instrument": 1, "leverage": 64}],
        bars=[columns([flat(100), flat(98)]), columns([flat(100), flat(80)])],
        account={"mode": "cross", "balance": 113.25}, venue={"liquidation_order": order},
    )
    assert [event["slot"] for event in events(run(scene), "liquidation")] == closed


def test_inverse_contract_moves_in_reciprocal_price():
    # 800 at 100, 1 coin: 1 + 800 * (1/100 - 1/m) = 800 / m / 64 -> 9 = 812.5 / m
    scene = scenario(
        [(100, 100, 80, 90)], [{"size": 800}], account={"balance": 4}, instrument={"contract": "inverse"}
    )
    result = run(scene)
    (event,) = events(result, "liquidation")
    price = 812.5 / 9
    assert event["fill"] == pytest.approx(price, rel=1e-14)
    assert event["s"] == pytest.approx((1 / 100 - 1 / price) / (1 / 100 - 1 / 80), rel=1e-12)
    assert result["cash"][0] == [pytest.approx(3 + 12.5 / price, rel=1e-13), 0]


def test_liquidated_pool_cancels_what_waits():
    orders = [{**LONG_8, "stop": 60}, {"bar": 0, "size": 4, "limit": 20}, {"bar": 1, "size": 1}]
    result = run(scenario([flat(100), flat(100), flat(80), flat(100)], orders, ISOLATED))
    assert [(event["kind"], event["bar"], event["reason"]) for event in result["events"]] == [
        ("fill", 0, ""), ("cancelled", 2, "liquidation"), ("cancelled", 2, "liquidation"), ("liquidation", 2, ""),
    ]


def test_bankruptcy_and_a_flat_rest():
    orders = [{"size": 8}, {"bar": 1, "size": 1, "size_type": "equity_fraction"}, {"bar": 2, "size": 1}]
    scene = scenario(
        [flat(100), flat(80), flat(80), flat(80)], orders, SIXTEEN, account={"mode": "cross", "balance": 100}
    )
    result = run(scene)
    assert result["totals"]["insurance_absorbed"] == 60
    assert result["equity"] == [100, 0, 0, 0]
    assert [(event["kind"], event["bar"], event["reason"]) for event in result["events"][2:]] == [
        ("bankrupt", 1, ""), ("rejected", 2, "available"), ("rejected", 3, "available"),
    ]


def test_a_pool_without_data_waits():
    result = run(scenario([flat(100), None, flat(80)], [LONG_8], ISOLATED))
    assert [event["bar"] for event in events(result, "liquidation")] == [2]
    assert result["equity"][1] == 1000


@pytest.mark.parametrize("seed", range(200))
def test_exact_ties_inside_a_segment_are_seen(seed):
    """A stop at the liquidation price: both are the same quotient of exact numbers, and liquidation comes first."""
    rng = random.Random(seed)
    side, size, rate = rng.choice([-1, 1]), rng.choice([1, 3, 5]), rng.randint(0, 40) / 1024
    entry, distance = rng.randint(600, 1200) / 8, rng.randint(80, 200) / 8
    level, end = entry - side * distance, entry - side * (distance + rng.randint(0, 100) / 8)
    margin = size * distance + size * level * rate
    candle = (entry, max(entry, end), min(entry, end), entry)
    order = {"size": side * size, "margin": margin, "stop": level}
    instrument = {"tiers": [[0, rate, 1024]]}
    result = run(scenario([candle], [order], [{"instrument": 0, "leverage": 1024}], instrument=instrument))
    assert [event["kind"] for event in result["events"]] == ["fill", "liquidation"]
    assert result["events"][1]["s"] == (entry - level) / (entry - end)
