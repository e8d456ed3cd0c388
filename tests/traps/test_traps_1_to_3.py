"""Traps 1 to 3: liquidation that is switched off, booked at the wrong price, or not looked for inside the bar."""

import pytest

from tests.laws.engines import columns, events, flat, on_both, run, scenario

# 8 at 100 with 91.25 behind it and a rate of 1/64: 91.25 + 8 * (P - 100) = 8 * P / 64 at P = 90, where 11.25 is left.
LONG = {"size": 8, "margin": 91.25}
SLOTS = [{"instrument": 0, "leverage": 64}]
MODES = {
    "isolated": {},
    "cross": {},
    "mixed": {"slots": [{"instrument": 0, "leverage": 64, "mode": "isolated"}]},
    "mixed, cross": {"slots": [{"instrument": 0, "leverage": 64, "mode": "cross"}]},
    "sub_accounts": {"slots": [{"instrument": 0, "leverage": 64, "group": 0}], "sub_account_shares": [1.0]},
    "sub_accounts, isolated": {"slots": [{"instrument": 0, "leverage": 64, "mode": "isolated"}]},
}


@on_both
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [8, -8])
def test_trap_1_every_mode_liquidates(engine, mode, size):
    """No margin mode is without liquidation: each has the same finite price, and closes the position there.

    Long: P = 90. Short: 91.25 - 8 * (P - 100) = 8 * P / 64 at P = 891.25 / 8.125.
    """
    price = 90 if size > 0 else 891.25 / 8.125
    scene = scenario(
        [flat(100), (100, 120, 80, 100)], [{"size": size, "margin": 91.25}], SLOTS,
        account={"mode": mode.split(",")[0], "balance": 91.25},
    )
    scene.update(MODES[mode])
    result = run(engine, scene)
    assert result["liquidation_price"][0] == [pytest.approx(price, rel=1e-14)]
    (event,) = events(result, "liquidation")
    assert (event["bar"], event["price"]) == (1, pytest.approx(price, rel=1e-14))
    assert result["quantity"] == [[size], [0]]


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_trap_1_the_price_is_a_line_and_not_a_zone(engine, mode):
    """The test of the switch must be able to fail: a low of 90.125 does not liquidate, 90 does."""
    parts = {"account": {"mode": mode, "balance": 91.25}}
    for low, liquidated in ((90.125, False), (90, True)):
        bars = [columns([flat(100), (100, 100, low, 95)])]
        result = run(engine, scenario([], [LONG], SLOTS, bars=bars, **parts))
        assert bool(events(result, "liquidation")) == liquidated


@on_both
@pytest.mark.parametrize(("gap", "left"), [(89, 3.25), (88.59375, 0.0), (80, 0.0), (50, 0.0)])
def test_trap_2_a_gap_is_booked_where_it_opens(engine, gap, left):
    """A bar that opens beyond the liquidation price fills there, and costs what was posted at the most.

    At 89: 91.25 - 88 = 3.25 is left. At 88.59375 exactly nothing. At 80 the loss is 160: 68.75 more than the 91.25,
    absorbed by the insurance fund. Of 1000, 908.75 were never in the pool. At 90, 11.25 would have been left.
    """
    result = run(engine, scenario([flat(100), flat(gap), flat(100)], [LONG], SLOTS))
    (event,) = events(result, "liquidation")
    assert (event["bar"], event["segment"], event["price"], event["fill"]) == (1, "open", gap, gap)
    assert event["amount"] == 8 * (gap - 100)
    assert result["equity"][1:] == [908.75 + left] * 2
    assert result["cash"][1] == [908.75 + left, 0]
    assert result["totals"]["insurance_absorbed"] == max(0.0, 8 * (100 - gap) - 91.25)


@on_both
def test_trap_2_inside_the_bar_it_is_the_liquidation_price(engine):
    """The other way round: a price that was passed on the way is the fill, not the low of the bar."""
    result = run(engine, scenario([(100, 100, 50, 60)], [LONG], SLOTS))
    (event,) = events(result, "liquidation")
    assert event["fill"] == pytest.approx(90, abs=1e-12)
    assert result["equity"] == [pytest.approx(1000 - 80, abs=1e-10)]


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize("path", ["adverse", "favourable", "candle"])
def test_trap_3_a_wick_liquidates(engine, mode, path):
    """A bar that closes where it opened has been to its low all the same: 81 is below 90, and nobody sees 100 again."""
    scene = scenario(
        [flat(100), (100, 101, 81, 100), flat(100)], [LONG], SLOTS,
        account={"mode": mode, "balance": 91.25, "path": path},
    )
    result = run(engine, scene)
    (event,) = events(result, "liquidation")
    assert event["price"] == pytest.approx(90, abs=1e-12)
    assert result["quantity"] == [[8], [0], [0]]
    assert result["equity"][1:] == [pytest.approx(11.25, abs=1e-10)] * 2
    assert result["equity_low"][1] == pytest.approx(11.25, abs=1e-10)


@on_both
def test_trap_3_a_wick_under_two_positions(engine):
    """1 at 32 on another instrument needs 0.5, which is there as well: the first still ends at 90, the second at 32."""
    slots = [{"instrument": i, "leverage": 64} for i in range(2)]
    bars = [columns([flat(100), (100, 101, 81, 100)]), columns([flat(32), flat(32)])]
    account = {"mode": "cross", "balance": 91.75}
    result = run(engine, scenario([], [{"size": 8}, {"slot": 1, "size": 1}], slots, bars=bars, account=account))
    assert [event["price"] for event in events(result, "liquidation")] == [pytest.approx(90, abs=1e-12), 32]


@on_both
def test_trap_3_a_wick_that_is_survived_is_still_recorded(engine):
    """91 is above 90: 91.25 - 72 = 19.25 of equity and a requirement of 728 / 64 at the lowest, 91.25 at the close."""
    scene = scenario(
        [flat(100), (100, 101, 91, 100)], [LONG], SLOTS, account={"mode": "cross", "balance": 91.25}
    )
    result = run(engine, scene)
    assert not events(result, "liquidation")
    assert result["equity_low"][1] == 19.25
    assert result["worst_margin_ratio"][1] == 11.375 / 19.25
    assert result["equity"][1] == 91.25


@on_both
def test_trap_3_only_the_path_close_skips_wicks(engine):
    """Who asks for `close` gets what it says: the straight line from open to close."""
    scene = scenario([flat(100), (100, 101, 81, 100)], [LONG], SLOTS, account={"path": "close"})
    assert not events(run(engine, scene), "liquidation")
