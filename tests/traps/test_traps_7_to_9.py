"""Traps 7 to 9: prices that are out of date, what comes first in a bar, and equity that is not what is left."""

import pytest

from tests.laws.engines import events, flat, on_both, run, scenario

SLOT = [{"instrument": 0, "leverage": 8}]


def price_of(quantity, entry, money):
    """Return P with ``money + q * (P - e) = |q| * P / 64``."""
    return (money - quantity * entry) / (abs(quantity) / 64 - quantity)


@on_both
@pytest.mark.parametrize("rule", ["pro_rata", "keep"])
def test_trap_7_the_price_follows_a_partial_exit(engine, rule):
    """Half of 8 at 128 is sold at 136. `pro_rata`: 64 of the 128 stay for 4: the price is the same.

    `keep`: 128 + 32 stay for 4, and the price is far lower; the walk then does what the new price says.
    """
    orders = [{"size": 8}, {"bar": 0, "size": -4}]
    candles = [flat(128), flat(136), (136, 136, 64, 64)]
    scene = scenario(candles, orders, SLOT, venue={"partial_close": rule})
    result = run(engine, scene)
    before = price_of(8, 128, 128)
    after = price_of(4, 128, 64 if rule == "pro_rata" else 160)
    assert [row[0] for row in result["liquidation_price"][:2]] == [
        pytest.approx(before, rel=1e-14), pytest.approx(after, rel=1e-14),
    ]
    assert (after == before) == (rule == "pro_rata")
    (event,) = events(result, "liquidation")
    assert (event["price"], event["quantity"]) == (pytest.approx(after, rel=1e-14), -4)


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_trap_7_the_price_follows_an_added_lot(engine, mode):
    """8 at 128 and 8 more at 160: 16 at 144 with 128 + 160 (cross: 288) behind them."""
    orders = [{"size": 8}, {"bar": 0, "size": 8}]
    account = {"mode": mode, "balance": 288}
    result = run(engine, scenario([flat(128), flat(160), (160, 160, 96, 96)], orders, SLOT, account=account))
    assert result["entry"][1] == [144]
    prices = [price_of(8, 128, 128 if mode == "isolated" else 288), price_of(16, 144, 288)]
    assert [row[0] for row in result["liquidation_price"][:2]] == [pytest.approx(p, rel=1e-14) for p in prices]
    (event,) = events(result, "liquidation")
    assert (event["price"], event["quantity"]) == (pytest.approx(prices[1], rel=1e-14), -16)


@on_both
def test_trap_7_the_price_follows_added_margin_and_funding(engine):
    """8 at 128 with 128: 64 are added, then 8 * 128 / 64 = 16 of funding are paid."""
    scene = scenario(
        [flat(128)] * 3, [{"size": 8}], SLOT, margin_actions=[{"bar": 0, "slot": 0, "add": 64}],
        funding=[{"time": 2 * 3_600_000_000_000, "instrument": 0, "rate": 1 / 64, "mark": None}],
    )
    prices = [row[0] for row in run(engine, scene)["liquidation_price"]]
    assert prices == [pytest.approx(price_of(8, 128, money), rel=1e-14) for money in (128, 192, 176)]


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_trap_7_a_slot_can_be_liquidated_again(engine, mode):
    """Three times 8 at 128, each gone at 96, whatever happened to the slot before."""
    candles = [flat(128), flat(96)] * 3
    orders = [{"bar": bar, "size": 8} for bar in (-1, 1, 3)]
    account = {"mode": mode, "balance": 1024 if mode == "isolated" else 128}
    result = run(engine, scenario(candles, orders, SLOT, account=account))
    closed = events(result, "liquidation")
    if mode == "isolated":
        assert [event["bar"] for event in closed] == [1, 3, 5]
        assert result["equity"] == [1024, 896, 896, 768, 768, 640]
        assert result["totals"]["liquidations"] == 3
    else:
        assert [event["bar"] for event in closed] == [1]  # there is nothing left to open with
        assert result["equity"] == [128, 0, 0, 0, 0, 0]


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize("side", [1, -1])
def test_trap_8_the_nearer_stop_fires_first(engine, mode, side):
    """8 at 128 with 128: a stop 8 away costs 64; the liquidation beyond it would have cost more, and never comes."""
    stop, end = 128 - 8 * side, 128 - 48 * side
    candle = (128, max(128, end), min(128, end), end)
    scene = scenario(
        [flat(128), candle], [{"size": 8 * side, "stop": stop}], SLOT, account={"mode": mode, "balance": 128},
        venue={"liquidation_fee": 1 / 64},
    )
    result = run(engine, scene)
    assert [event["kind"] for event in result["events"]] == ["fill", "stop"]
    assert (result["events"][1]["fill"], result["events"][1]["s"]) == (stop, 8 / 48)
    assert result["equity"] == [128, 64]


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_trap_8_a_stop_beyond_the_liquidation_comes_too_late(engine, mode):
    """The liquidation price, 896 / 7.875 = 113.8, lies before a stop at 113."""
    scene = scenario(
        [flat(128), (128, 128, 80, 80)], [{"size": 8, "stop": 113}], SLOT, account={"mode": mode, "balance": 128}
    )
    assert [event["kind"] for event in run(engine, scene)["events"]] == ["fill", "liquidation"]


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_trap_8_a_stop_at_the_line_comes_too_late(engine, mode):
    """268 - 8 * 32 = 12 = 8 * 96 / 64: a stop exactly at 96 loses to the liquidation there."""
    scene = scenario(
        [flat(128), (128, 128, 64, 64)], [{"size": 8, "margin": 268, "stop": 96}], SLOT,
        account={"mode": mode, "balance": 268},
    )
    assert [event["kind"] for event in run(engine, scene)["events"]] == ["fill", "liquidation"]


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_trap_8_a_bar_that_opens_beyond_liquidates(engine, mode):
    """At 104, past both the stop at 120 and the liquidation at 113.8, there is nothing for a stop to save."""
    scene = scenario(
        [flat(128), flat(104)], [{"size": 8, "stop": 120}], SLOT, account={"mode": mode, "balance": 128}
    )
    result = run(engine, scene)
    assert [(event["kind"], event["segment"]) for event in result["events"][:2]] == [
        ("fill", "open"), ("liquidation", "open")
    ]
    assert not events(result, "stop")
    assert result["equity"] == [128, 0]
    assert result["totals"]["insurance_absorbed"] == 8 * 24 - 128


@on_both
def test_trap_8_a_bar_that_opens_between_stops(engine):
    """At 116, past the stop and not past the liquidation, the stop fills at the open."""
    result = run(engine, scenario([flat(128), flat(116)], [{"size": 8, "stop": 120}], SLOT))
    assert [(event["kind"], event["fill"]) for event in result["events"]] == [("fill", 128), ("stop", 116)]


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_trap_9_equity_does_not_come_back_from_below_zero(engine, mode):
    """8 at 128 with 128: at 96 the account owes 128, which the fund absorbs; back at 128 nothing of it is left."""
    scene = scenario(
        [flat(128), flat(96), flat(128), flat(256)], [{"size": 8}], SLOT, account={"mode": mode, "balance": 128}
    )
    result = run(engine, scene)
    assert result["equity"] == [128, 0, 0, 0]
    assert result["equity_low"] == [128, 0, 0, 0]
    assert result["totals"]["insurance_absorbed"] == 128
    assert result["totals"]["bankrupt"]


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_trap_9_equity_is_not_clamped_upwards(engine, mode):
    """A loss that leaves something leaves exactly that: 8 at 128 with 128, closed at 113 in the gap, 8 left."""
    scene = scenario(
        [flat(128), flat(113), flat(256)], [{"size": 8}], SLOT, account={"mode": mode, "balance": 128}
    )
    result = run(engine, scene)
    assert result["equity"] == [128, 8, 8]
    assert result["totals"]["insurance_absorbed"] == 0


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize("contract", ["linear", "inverse"])
def test_trap_9_an_unleveraged_short_is_liquidated(engine, mode, contract):
    """-1 at 128 with 128: 128 - (P - 128) = P / 64 at P = 256 / 1.015625, about twice the entry.

    In coin, -128 at 128 with 1: the loss is 1 - 128 / P, which never reaches 1; but long 128 is bankrupt at half.
    """
    if contract == "linear":
        candles, size, money, price = [flat(128), (128, 320, 128, 128)], -1, 128, 256 / 1.015625
    else:
        # 1 + 128 * (1/128 - u) = 128 u / 64: u = 2 / 130
        candles, size, money, price = [flat(128), (128, 128, 32, 128)], 128, 1, 130 / 2
    scene = scenario(
        candles, [{"size": size}], [{"instrument": 0, "leverage": 1}], account={"mode": mode, "balance": money},
        instrument={"contract": contract},
    )
    result = run(engine, scene)
    (event,) = events(result, "liquidation")
    assert event["price"] == pytest.approx(price, rel=1e-14)
    assert result["quantity"][1] == [0]
