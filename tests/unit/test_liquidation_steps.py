"""Do liquidations in steps close the right part at the right moment, on both engines?

Unless it says otherwise: 8 at 128 at 8x, maintenance 1/16 of the notional, with 184 behind it: at the line at 112,
where 184 + 8*(112 - 128) = 56 = 8*112/16.
"""

import pytest

from tests.laws.engines import events, flat, near, on_both, run, scenario

RATE = {"tiers": [[0, 1 / 16, 64]]}
LONG = {"size": 8, "margin": 184}
HOURS = 3600
FRACTIONS = {"reduction": "fraction_first", "first_fraction": 1 / 4}


def closed(result):
    """Return bar and signed quantity of each liquidation."""
    return [(event["bar"], event["quantity"]) for event in events(result, "liquidation")]


@on_both
def test_a_fraction_and_then_another(engine):
    """After 2 at 112, 152 + 6*(p - 128) = 6p/16 at 109.51; after 1.5 there, the rest is worth less than 512."""
    candles = [flat(128), (128, 128, 96, 96)]
    result = run(engine, scenario(candles, [LONG], instrument=RATE, venue={**FRACTIONS, "first_fraction_above": 512}))
    prices = [event["price"] for event in events(result, "liquidation")]
    assert [quantity for _, quantity in closed(result)] == [-2, -1.5, -4.5]
    assert prices[0] == 112
    assert near(prices[1:], [616 / 5.625, (4.5 * 128 - (152 - 1.5 * (128 - 616 / 5.625))) / (4.5 * 15 / 16)], 1e-9)


@on_both
def test_a_side_that_is_not_above_the_limit_goes_whole(engine):
    candles = [flat(128), (128, 128, 96, 96)]
    rules = {**FRACTIONS, "first_fraction_above": 896}  # 8 at 112
    assert closed(run(engine, scenario(candles, [LONG], instrument=RATE, venue=rules))) == [(1, -8)]


@on_both
def test_the_limit_counts_slots_of_one_side_together(engine):
    slots = [{"instrument": 0, "leverage": 8}] * 2
    parts = {"instrument": RATE, "account": {"balance": 184, "mode": "cross"}}
    orders = [{"size": 4}, {"size": 4, "slot": 1}]
    rules = {**FRACTIONS, "first_fraction_above": 512, "liquidation_cooldown": HOURS}
    result = run(engine, scenario([flat(128), (128, 128, 110, 110)], orders, slots, venue=rules, **parts))
    assert closed(result) == [(1, -1), (1, -1)]


@on_both
@pytest.mark.parametrize(
    ("cooldown", "expected"),
    [(0, [-2, -1.5]), (0.9 * HOURS, [-2, -1.5]), (1.1 * HOURS, [-2, -6]), (9 * HOURS, [-2, -6])],
)
def test_in_a_cooldown_the_rest_goes_whole(engine, cooldown, expected):
    """The lines are met at the same place of two bars, an hour apart."""
    candles = [flat(128), (128, 128, 112, 112), (112, 112, 616 / 5.625, 616 / 5.625)]
    rules = {**FRACTIONS, "liquidation_cooldown": cooldown}
    result = run(engine, scenario(candles, [LONG], instrument=RATE, venue=rules))
    assert [quantity for _, quantity in closed(result)] == expected


@on_both
@pytest.mark.parametrize(
    ("path", "minutes", "expected"),
    [("close", 12, [-2, -1.5]), ("close", 13, [-2, -6]), ("adverse", 44, [-2, -1.5]), ("adverse", 45, [-2, -6])],
)
def test_a_cooldown_inside_a_bar(engine, path, minutes, expected):
    """From 112 to 100 the line is met after 0.207 of the way: of an hour, or of the first of three segments.

    The first fraction is closed at the end of the way to 112, which is the hour's end, or that of its first third.
    """
    candles = [flat(128), (128, 128, 112, 112), (112, 112, 100, 100)]
    rules = {**FRACTIONS, "liquidation_cooldown": 60 * minutes}
    parts = {"instrument": RATE, "venue": rules, "account": {"balance": 1000, "mode": "isolated", "path": path}}
    result = run(engine, scenario(candles, [LONG], **parts))
    assert [quantity for _, quantity in closed(result)][:2] == expected


@on_both
def test_a_cooldown_is_of_the_whole_account(engine):
    slots = [{"instrument": 0, "leverage": 8}, {"instrument": 1, "leverage": 8}]
    bars = [scenario([flat(128), (128, 128, low, low)], [])["bars"][0] for low in (112, 111)]
    scene = scenario([], [LONG, {**LONG, "slot": 1}], slots, bars=bars, instrument=RATE)
    scene["venue"] |= {**FRACTIONS, "liquidation_cooldown": HOURS}
    assert closed(run(engine, scene)) == [(1, -2), (1, -8)]


@on_both
@pytest.mark.parametrize(("steps", "left"), [(1, 8), (2, 4), (3, 2), (4, 0), (9, 0)])
def test_down_several_tiers(engine, steps, left):
    """12 of 128 are in the fourth tier; their margin is gone at a gap of one price step."""
    tiers = [[0, 0, 64], [256, 1 / 32, 64], [512, 1 / 16, 64], [1024, 1 / 8, 64]]
    amount = 256 / 32 + 512 / 32 + 1024 / 16
    order = {"size": 12, "margin": 1536 / 8 - amount}  # exactly what 12 at 128 require, but for 1/64 of a step
    scene = scenario([flat(128), flat(128)], [order], [{"instrument": 0, "leverage": 64}], instrument={"tiers": tiers})
    scene["venue"] |= {"reduction": "tier_step", "tier_steps": steps}
    scene["orders"][0]["margin"] += 1
    scene["funding"] = [{"time": scene["open_time"][1], "instrument": 0, "rate": 1 / 1536, "mark": 128}]
    assert closed(run(engine, scene)) == [(1, left - 12)]


@on_both
@pytest.mark.parametrize("leftover", ["trader", "fund"])
def test_below_the_backstop_the_fund_takes_all(engine, leftover):
    """At 108 the equity is 24, less than half of 54; at 110 it is 40, more than half of 55."""
    rules = {"backstop_rate": 1 / 2, "leftover": leftover, "reduction": "to_initial"}
    result = run(engine, scenario([flat(128), flat(108)], [LONG], instrument=RATE, venue=rules))
    (liquidation,) = events(result, "liquidation")
    assert (liquidation["quantity"], liquidation["reason"]) == (-8, "backstop")
    assert result["totals"]["insurance_taken"] == 24
    assert result["equity"][1] == 1000 - 184


@on_both
def test_above_the_backstop_nothing_changes(engine):
    rules = {"backstop_rate": 1 / 2}
    result = run(engine, scenario([flat(128), flat(110)], [LONG], instrument=RATE, venue=rules))
    (liquidation,) = events(result, "liquidation")
    assert liquidation["reason"] == ""
    assert result["equity"][1] == 1000 - 8 * 18


@on_both
def test_a_backstop_takes_what_a_cross_account_has(engine):
    slots = [{"instrument": 0, "leverage": 8}, {"instrument": 1, "leverage": 8}]
    bars = [scenario([flat(128), flat(price)], [])["bars"][0] for price in (108, 128)]
    scene = scenario([], [{"size": 8}, {"size": -1, "slot": 1}], slots, bars=bars, instrument=RATE)
    scene["venue"] |= {"backstop_rate": 1 / 2, "liquidation_order": "largest_loss"}
    scene["account"] = {"balance": 184, "mode": "cross", "path": "adverse"}
    result = run(engine, scene)
    assert [event["reason"] for event in events(result, "liquidation")] == ["backstop"] * 2
    assert result["totals"]["insurance_taken"] == 24
    assert result["totals"]["bankrupt"]


@on_both
def test_a_gap_beyond_bankruptcy_is_absorbed(engine):
    result = run(engine, scenario([flat(128), flat(100)], [LONG], instrument=RATE, venue={"backstop_rate": 1 / 2}))
    assert result["totals"]["insurance_absorbed"] == 8 * 28 - 184
    assert result["totals"]["insurance_taken"] == 0


@on_both
@pytest.mark.parametrize(("own", "fee"), [(None, 896 / 64), (1 / 128, 896 / 128), (0, 0)])
def test_an_instrument_may_have_a_fee_of_its_own(engine, own, fee):
    candles = [flat(128), (128, 128, 112, 112)]
    scene = scenario(candles, [LONG], instrument={**RATE, "liquidation_fee": own}, venue={"liquidation_fee": 1 / 64})
    assert run(engine, scene)["totals"]["liquidation_fees"] == fee
