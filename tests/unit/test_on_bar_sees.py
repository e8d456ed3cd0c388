"""What a strategy sees at the close of a bar, against figures reckoned by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from backtester.allocation import Allocation
from backtester.engine import run
from backtester.errors import StrategyError
from backtester.strategy import SlotSpec
from tests.on_bar import account, candles, on_bar, play, said
from tests.strategy_market import market, random_market

PRICES = candles(64, 64, (64, 72, 64, 72), (72, 72, 56, 56), 56)
BUY = {0: lambda bar: bar["AUSDT"].buy(quantity=2.0)}


def slot_of(*names):
    return lambda bar: tuple(getattr(bar["AUSDT"], name) for name in names)


def margins(bar):
    return [bar.account.free_margin, bar.account.available_margin]


def test_prices_of_the_bar():
    names = ("open", "high", "low", "close", "mark")
    _, looked = play(PRICES, {}, lambda bar: [getattr(bar, name).item() for name in names])
    assert looked[2] == [64, 72, 64, 72, 72]
    assert looked[3] == [72, 72, 56, 56, 56]


def test_time_is_the_close_of_the_bar():
    _, looked = play(PRICES, {}, lambda bar: (bar.index, bar.time, pd.Timestamp(bar.open_time, tz="UTC")))
    start = pd.Timestamp("2025-01-01", tz="UTC")
    hour = pd.Timedelta("1h")
    assert looked == [(t, start + (t + 1) * hour, start + t * hour) for t in range(5)]


def test_a_position_and_its_pnl():
    names = ("quantity", "entry", "price", "mark", "pnl", "is_open", "leverage", "is_isolated")
    _, looked = play(PRICES, BUY, slot_of(*names))
    assert looked[0][0] == 0.0
    assert math.isnan(looked[0][1])
    assert looked[0][5:] == (False, 4.0, True)
    assert looked[1:4] == [
        (2.0, 64.0, 64.0, 64.0, 0.0, True, 4.0, True),
        (2.0, 64.0, 72.0, 72.0, 16.0, True, 4.0, True),
        (2.0, 64.0, 56.0, 56.0, -16.0, True, 4.0, True),
    ]


def test_the_margin_of_an_isolated_position():
    """128 at 4x: 32 of margin, a requirement of N/64, and a liquidation price of (32 - 128)/(2/64 - 2)."""
    _, looked = play(PRICES, BUY, slot_of("isolated_margin", "equity", "requirement", "margin_ratio"))
    assert looked[0] == (0.0, 0.0, 0.0, 0.0)
    assert looked[1:4] == [(32.0, 32.0, 2.0, 2 / 32), (32.0, 48.0, 2.25, 2.25 / 48), (32.0, 16.0, 1.75, 1.75 / 16)]
    price = 96 / (2 - 2 / 64)
    _, looked = play(PRICES, BUY, slot_of("liquidation_price", "distance"))
    assert np.isnan(looked[0]).all()
    assert looked[1] == pytest.approx((price, 1 - price / 64))
    assert looked[3] == pytest.approx((price, 1 - price / 56))


def test_the_account_of_an_isolated_position():
    """Profit that is not realised counts as equity, but cannot be moved."""
    _, looked = play(PRICES, BUY, lambda bar: (bar.account.equity, bar.account.free_margin))
    assert looked[:4] == [(1024.0, 1024.0), (1024.0, 992.0), (1040.0, 992.0), (1008.0, 992.0)]


def test_the_margin_of_a_position_in_cross():
    """2048 on 1024: no margin of its own, and a liquidation price of (1024 - 2048)/(32/64 - 32)."""
    large = {0: lambda bar: bar["AUSDT"].buy(quantity=32.0)}
    names = ("isolated_margin", "equity", "requirement", "margin_ratio", "liquidation_price", "is_isolated")
    _, looked = play(PRICES, large, slot_of(*names), account("cross"))
    assert math.isnan(looked[2][0])
    assert looked[0][1:4] == (1024.0, 0.0, 0.0)
    assert looked[2][1:] == pytest.approx((1280.0, 36.0, 36 / 1280, 1024 / 31.5, False))
    _, looked = play(PRICES, large, lambda bar: (bar.account.equity, bar.account.free_margin), account("cross"))
    assert looked[:4] == [(1024, 1024), (1024, 512), (1280, 1280 - 576), (768, 768 - 448)]


@pytest.mark.parametrize(("mode", "free", "available"), [("isolated", 7.0, 7.0), ("cross", 8.0 + 2.0 - 0.5, 8.0)])
def test_an_inverse_contract(mode, free, available):
    """256 contracts at 64 are 4 coins; twice the price makes 256*(1/64 - 1/128) = 2."""
    prices = candles(64, 64, (64, 128, 64, 128), symbol="BTCUSD")
    rich = account(mode, balance=8.0, instrument={"contract": "inverse"})
    result, looked = play(
        prices,
        {0: lambda bar: bar["BTCUSD"].buy(quantity=256.0)},
        lambda bar: [getattr(bar[0], name) for name in ("entry", "pnl", "requirement")] + margins(bar),
        rich,
    )
    assert looked[2] == [64.0, 2.0, 2 / 64, free, available]
    assert result.equity[-1] == 10.0


def test_the_liquidation_price_of_an_inverse_contract():
    prices = candles(64, 64, symbol="BTCUSD")
    rich = account(balance=8.0, instrument={"contract": "inverse"})
    _, looked = play(prices, {0: lambda bar: bar[0].buy(quantity=256.0)}, lambda bar: bar[0].liquidation_price, rich)
    assert looked[1] == pytest.approx((256 / 64 + 256) / (1 + 256 / 64))


def test_funding_paid_since_the_position_was_opened():
    """2 at 64 pay 1/64 twice; what the next position pays is counted anew, and what it receives is below 0."""
    times = pd.date_range("2025-01-01 02:00", periods=4, freq="2h", tz="UTC")
    prices = candles(*[64] * 10, funding={"AUSDT": pd.Series([1 / 64, 1 / 64, 1 / 64, -1 / 64], times)})
    script = BUY | {4: lambda bar: bar["AUSDT"].close(), 6: lambda bar: bar["AUSDT"].buy(quantity=4.0)}
    _, looked = play(prices, script, slot_of("funding_paid", "isolated_margin"))
    assert [paid for paid, _ in looked] == [0, 0, 2, 2, 4, 0, 0, 0, -4, -4]
    assert looked[2][1] == 30.0
    _, looked = play(prices, script, lambda bar: [(event.kind, event.quantity, event.amount) for event in bar.events])
    assert looked[2] == [("funding", 2.0, -2.0)]


def test_isolated_and_cross_stand_side_by_side_in_mixed():
    prices = market([64.0] * 4, [64.0] * 4)
    both = {0: lambda bar: [slot.buy(quantity=2.0) for slot in bar]}
    mixed = account("mixed", isolated=("AUSDT",))
    _, looked = play(prices, both, lambda bar: [(slot.is_isolated, slot.equity) for slot in bar], mixed)
    assert looked[1] == [(True, 32.0), (False, 992.0)]
    _, looked = play(prices, both, lambda bar: bar.account.free_margin, mixed)
    assert looked[1] == 992.0 - 32.0


def test_sub_accounts_hold_what_their_strategies_are_allotted():
    """A half and a quarter of 1024; an equity fraction counts the share of the whole account."""
    looked = []

    def step(bar):
        slot = bar["AUSDT"]
        looked.append((bar.share, slot.equity, slot.quantity, bar.account.equity, bar.account.free_margin))
        if bar.index == 0:
            slot.buy(equity_fraction=1.0)

    team = [Allocation(on_bar(step), share=0.5, name="one"), Allocation(on_bar(step), share=0.25, name="two")]
    run(team, market([64.0] * 3), account("sub_accounts"))
    assert looked[:2] == [(0.5, 512.0, 0.0, 1024.0, 256.0), (0.25, 256.0, 0.0, 1024.0, 256.0)]
    assert [row[2] for row in looked[2:4]] == [8.0, 4.0]


def test_what_has_happened_since_the_last_call():
    script = BUY | {2: lambda bar: bar["AUSDT"].close(0.5)}
    _, looked = play(PRICES, script, lambda bar: said(bar.events))
    assert looked == [[], [("fill", 2.0, 64.0, "")], [], [("fill", -1.0, 72.0, "")], []]
    _, fills = play(PRICES, script, lambda bar: said(bar.fills))
    assert fills == looked


def test_a_liquidation_is_no_fill():
    prices = candles(64, 64, (64, 64, 32, 32), 32)
    _, looked = play(prices, BUY, lambda bar: (bar.fills, bar.liquidations, bar["AUSDT"].is_open))
    fills, liquidations, is_open = looked[2]
    assert (fills, is_open) == ([], False)
    assert [(event.kind, event.quantity) for event in liquidations] == [("liquidation", -2.0)]
    assert liquidations[0].price == pytest.approx(96 / (2 - 2 / 64))
    assert looked[3][1] == []


def test_exits_are_fills():
    prices = candles(64, 64, (64, 64, 56, 56), 56)
    script = {0: lambda bar: bar["AUSDT"].buy(quantity=2.0, stop_price=60.0)}
    _, looked = play(prices, script, lambda bar: said(bar.fills))
    assert looked[2] == [("stop", -2.0, 60.0, "")]


def test_a_strategy_sees_the_events_of_its_own_slots():
    prices = market([64.0] * 4, [64.0] * 4)
    looked = {"one": [], "two": []}

    def stepping(name, symbol):
        def step(bar):
            looked[name].append([(event.slot, bar[event.slot].label, event.quantity) for event in bar.events])
            if bar.index == 0:
                bar[symbol].buy(quantity=float(len(looked)))

        return on_bar(step)

    team = [Allocation(stepping("one", "BUSDT"), name="one"), Allocation(stepping("two", "AUSDT"), name="two")]
    run(team, prices, account())
    assert looked == {
        "one": [[], [(1, "BUSDT", 2.0)], [], []],
        "two": [[], [(0, "AUSDT", 2.0)], [], []],
    }


def test_slots_by_name_symbol_and_number():
    specs = [SlotSpec("BUSDT", "long"), SlotSpec("BUSDT", "short"), SlotSpec("AUSDT")]

    def step(bar):
        assert [slot.label for slot in bar] == ["BUSDT long", "BUSDT short", "AUSDT"]
        assert len(bar) == 3
        assert bar["BUSDT"] is bar["BUSDT long"] is bar[0] is bar[np.int64(0)]
        assert bar["BUSDT short"] is bar[1]
        assert bar["AUSDT"].symbol == "AUSDT"
        assert bar[-1] is bar["AUSDT"]
        assert [slot.price for slot in bar] == [32.0, 32.0, 64.0]
        assert bar.symbols == ("AUSDT", "BUSDT")
        assert repr(bar[0]) == "<slot BUSDT long: +0>"

    run(on_bar(step, slots=lambda market: specs), market([64.0] * 3, [32.0] * 3), account())


def test_history_is_read_only_and_has_no_future():
    prices = random_market(40)

    def step(bar):
        n = bar.index + 1
        np.testing.assert_array_equal(bar.history(), prices.close[:n])
        np.testing.assert_array_equal(bar.history("mark_low", 5), prices.mark_low[max(0, n - 5) : n])
        np.testing.assert_array_equal(bar["BUSDT"].history("high", 3), prices.high[max(0, n - 3) : n, 1])
        for values in (bar.history(), bar.close, bar["BUSDT"].history("open")):
            with pytest.raises(ValueError, match="read-only"):
                values[-1] = 1.0

    run(on_bar(step), prices, account())


def test_a_bar_without_data_has_no_price_and_the_last_mark():
    prices = market([64.0] * 6, [32.0] * 6, gaps=[(0, 3, 4)])
    _, looked = play(prices, BUY, slot_of("price", "mark", "quantity", "pnl", "margin_ratio"))
    assert looked[2] == (64.0, 64.0, 2.0, 0.0, 2 / 32)
    assert math.isnan(looked[3][0])
    assert looked[3][1:] == looked[2][1:]


def test_a_late_listing_has_neither():
    prices = market([64.0] * 6, [32.0] * 6, gaps=[(0, 0, 2)])
    _, looked = play(prices, {}, slot_of("price", "mark", "distance", "liquidation_price"))
    assert np.isnan(looked[1]).all()
    assert looked[3][:2] == (64.0, 64.0)


def test_indicators_are_read_a_bar_at_a_time():
    prices = random_market(40)
    given = {"mean": prices.close.mean(axis=1), "close": prices.close}

    def step(bar):
        assert bar.indicator("mean") == given["mean"][bar.index]
        assert bar["CUSDT"].indicator("mean") == given["mean"][bar.index]
        assert bar["CUSDT"].indicator("close") == prices.close[bar.index, 2]
        np.testing.assert_array_equal(bar.indicator("close"), prices.close[bar.index])

    indicators = lambda market: {"mean": market.close.mean(axis=1), "close": market.close}  # noqa: E731
    run(on_bar(step, indicators=indicators), prices, account())


@pytest.mark.parametrize("ahead", [1, 20])
def test_indicators_that_look_ahead_are_refused(ahead):
    looks = on_bar(print, indicators=lambda market: {"next": np.roll(market.close, -ahead, axis=0)})
    with pytest.raises(StrategyError, match="it looks into the future: indicator next changes") as caught:
        run(looks, random_market(60), account())
    assert caught.value.bar is not None
    assert "shift(1) and not shift(-1)" in caught.value.cure


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda market: [1.0], "must return a mapping; found .1.0."),
        (lambda market: {"x": market.close[1:]}, r"indicator x has the wrong shape; found .39, 3.*\(40,\)"),
        (lambda market: {"x": ["a"] * 40}, "indicator x does not hold real numbers"),
        (lambda market: 1 / 0, r"its method `indicators` raised ZeroDivisionError in .*test_on_bar_sees\.py, line \d+"),
    ],
)
def test_indicators_that_are_none(given, said):
    with pytest.raises(StrategyError, match=said):
        run(on_bar(print, indicators=given), random_market(40), account())
