"""What the orders of `on_bar` do: docs/model.md, "Orders" and "Working orders"."""

from dataclasses import replace

import numpy as np
import pytest

from tests.on_bar import DOWN, UP, account, asks, candles, holding, play, story
from tests.strategy_market import market

# Market orders


@pytest.mark.parametrize(
    ("size", "quantity"),
    [({"quantity": 2.0}, 2.0), ({"notional": 128.0}, 2.0), ({"equity_fraction": 0.5}, 8.0), ({"margin": 32.0}, 2.0)],
)
def test_sizes(size, quantity):
    prices = candles(64, 64)
    assert story(prices, asks(lambda slot: slot.buy(**size))) == [(1, "fill", quantity, 64, "")]
    assert story(prices, asks(lambda slot: slot.sell(**size))) == [(1, "fill", -quantity, 64, "")]
    assert story(prices, asks(lambda slot: slot.target(**{name: -value for name, value in size.items()}))) == [
        (1, "fill", -quantity, 64, "")
    ]


def test_a_target_trades_what_is_missing():
    script = holding(2.0, lambda slot: slot.target(quantity=-1.0)) | {2: lambda bar: bar["AUSDT"].target(0.0)}
    assert story(candles(*[64] * 4), script)[1:] == [
        (2, "fill", -2.0, 64, ""),
        (2, "fill", -1.0, 64, ""),
        (3, "fill", 1.0, 64, ""),
    ]


def test_it_acts_at_the_next_open():
    """Not at the close that was seen."""
    assert story(candles(64, (72, 80, 72, 80)), asks(lambda slot: slot.buy(1.0))) == [(1, "fill", 1.0, 72, "")]


def test_the_last_bar_asks_for_nothing():
    result, _ = play(candles(64, 64), {1: lambda bar: bar["AUSDT"].buy(1.0)})
    assert len(result.events) == 0


def test_without_data_a_market_order_is_rejected():
    prices = market([64.0] * 5, [64.0] * 5, gaps=[(0, 1, 2)])
    happened = story(prices, asks(lambda slot: slot.buy(1.0)))
    assert [row[:2] + row[4:] for row in happened] == [(1, "rejected", "no_data")]


def test_collateral_is_moved_into_an_isolated_position():
    _, looked = play(
        candles(64, 64), asks(lambda slot: slot.buy(2.0, collateral=96.0)), lambda bar: bar[0].isolated_margin
    )
    assert looked[1] == 96.0


# Closing


@pytest.mark.parametrize(("fraction", "left"), [(1.0, 0.0), (0.25, 1.5)])
def test_close_a_fraction(fraction, left):
    _, looked = play(candles(*[64] * 3), holding(2.0, lambda slot: slot.close(fraction)), lambda bar: bar[0].quantity)
    assert looked == [0.0, 2.0, left]


def test_close_at_a_limit():
    script = holding(2.0, lambda slot: slot.close(0.5, limit=72.0))
    assert story(candles(64, 64, 64, UP), script)[1:] == [(3, "limit", -1.0, 72, "")]


def test_close_when_flat_is_rejected():
    assert story(candles(64, 64), asks(lambda slot: slot.close()))[0][1::3] == ("rejected", "no_position")


# Working orders


def test_a_limit_buys_at_its_price_or_better():
    assert story(candles(64, DOWN), asks(lambda slot: slot.buy(1.0, limit=56.0))) == [(1, "limit", 1.0, 56, "")]
    assert story(candles(64, (48, 48, 48, 48)), asks(lambda slot: slot.buy(1.0, limit=56.0))) == [
        (1, "limit", 1.0, 48, "")
    ]
    assert story(candles(64, 64, 64), asks(lambda slot: slot.buy(1.0, limit=56.0))) == []


def test_a_limit_sells_at_its_price_or_better():
    assert story(candles(64, UP), asks(lambda slot: slot.sell(1.0, limit=72.0))) == [(1, "limit", -1.0, 72, "")]


def test_a_stop_buys_once_the_price_has_risen():
    assert story(candles(64, UP), asks(lambda slot: slot.buy(1.0, trigger=72.0))) == [(1, "stop", 1.0, 72, "")]
    assert story(candles(64, DOWN), asks(lambda slot: slot.sell(1.0, trigger=56.0))) == [(1, "stop", -1.0, 56, "")]
    assert story(candles(64, 64, (80, 80, 80, 80)), asks(lambda slot: slot.buy(1.0, trigger=72.0))) == [
        (2, "stop", 1.0, 80, "")
    ]


def test_a_stop_with_a_limit_rests_as_a_limit_behind_a_gap():
    buy = asks(lambda slot: slot.buy(1.0, trigger=72.0, limit=74.0))
    assert story(candles(64, 64, (80, 80, 80, 80), (80, 80, 64, 64)), buy) == [(3, "limit", 1.0, 74, "")]
    assert [row[:4] for row in story(candles(64, UP), buy)] == [(1, "limit", 1.0, 72)]


def test_several_orders_rest_beside_each_other():
    ladder = asks(*(lambda slot, price=price: slot.buy(1.0, limit=price) for price in (60.0, 56.0, 52.0)))
    assert [row[3] for row in story(candles(64, DOWN), ladder)] == [60, 56, 52]


@pytest.mark.parametrize(
    ("ask", "bar", "event"),
    [
        (lambda slot: slot.stop_loss(56.0), DOWN, ("stop", -2.0, 56)),
        (lambda slot: slot.stop_loss(56.0, fraction=0.5), DOWN, ("stop", -1.0, 56)),
        (lambda slot: slot.take_profit(72.0), UP, ("take_profit", -2.0, 72)),
        (lambda slot: slot.take_profit(72.0, fraction=0.25), UP, ("take_profit", -0.5, 72)),
        (lambda slot: slot.trailing_stop(0.25), DOWN, ("trailing_stop", -2.0, 48)),
        (lambda slot: slot.trailing_stop(distance=8.0, fraction=0.5), DOWN, ("trailing_stop", -1.0, 56)),
    ],
)
def test_exits_that_rest(ask, bar, event):
    assert [row[1:4] for row in story(candles(64, 64, bar), holding(2.0, ask))[1:]] == [event]


def test_exits_of_a_short_are_on_the_other_side():
    script = holding(-2.0, lambda slot: slot.stop_loss(72.0, fraction=0.5), lambda slot: slot.take_profit(56.0))
    assert [row[1:4] for row in story(candles(64, 64, (64, 80, 48, 48)), script)[1:]] == [
        ("stop", 1.0, 72),
        ("take_profit", 1.0, 56),
    ]


def test_a_trailing_stop_follows_the_best_price():
    prices = candles(64, 64, (64, 80, 64, 80), (80, 80, 64, 64))
    assert story(prices, holding(2.0, lambda slot: slot.trailing_stop(distance=8.0)))[-1][:4] == (
        3, "trailing_stop", -2.0, 72,
    )  # fmt: skip


def test_a_bracket_waits_for_its_entry():
    """The exits rest from the start, act once there is a position, and go when it is flat."""
    bracket = asks(
        lambda slot: slot.buy(2.0, limit=56.0),
        lambda slot: slot.stop_loss(40.0),
        lambda slot: slot.take_profit(72.0, fraction=0.5),
    )
    prices = candles(64, UP, DOWN, UP, (64, 64, 32, 32), 32)
    assert story(prices, bracket) == [
        (2, "limit", 2.0, 56, ""),
        (3, "take_profit", -1.0, 72, ""),
        (4, "stop", -1.0, 40, ""),
    ]


def test_what_waits_for_a_position_goes_when_it_is_flat():
    bracket = holding(2.0, lambda slot: slot.stop_loss(56.0), lambda slot: slot.take_profit(72.0))
    assert [row[1:2] + row[4:] for row in story(candles(64, 64, DOWN), bracket)[1:]] == [
        ("stop", ""),
        ("cancelled", "flat"),
    ]


def test_a_stop_may_watch_the_mark():
    """The trade price dips to 48 and the mark does not; the next bar's mark opens below."""
    trade = candles(64, 64, DOWN, 64, 48)
    still = np.array([[64.0], [64.0], [64.0], [64.0], [48.0]])
    marks = dict.fromkeys(("mark_open", "mark_high", "mark_low", "mark_close"), still)
    prices = replace(trade, mark_is_trade=trade.mark_is_trade & False, **marks)
    script = holding(2.0, lambda slot: slot.stop_loss(56.0, watch="mark"))
    assert [row[:4] for row in story(prices, script)[1:]] == [(4, "stop", -2.0, 48)]
    script = holding(2.0, lambda slot: slot.stop_loss(56.0))
    assert [row[:4] for row in story(prices, script)[1:]] == [(2, "stop", -2.0, 56)]


# Exits that go with an order


@pytest.mark.parametrize(
    ("terms", "event"),
    [
        ({"stop": 0.125}, ("stop", 56)),
        ({"stop_price": 60.0}, ("stop", 60)),
        ({"trailing": 0.125}, ("trailing_stop", 72)),
        ({"take_profit": 0.125}, ("take_profit", 72)),
        ({"take_profit_price": 76.0}, ("take_profit", 76)),
    ],
)
def test_exits_as_fractions_and_prices(terms, event):
    prices = candles(64, 64, (64, 80, 48, 48))
    rising = account(path="favourable")
    assert [row[1:4:2] for row in story(prices, asks(lambda slot: slot.buy(1.0, **terms)), rising)[1:]] == [event]


@pytest.mark.parametrize(("entry", "stop"), [({"limit": 48.0}, 36.0), ({"trigger": 80.0}, 60.0), ({}, 48.0)])
def test_a_fraction_counts_from_the_orders_own_price(entry, stop):
    """A quarter below 48, the limit; below 80, the trigger; or below the close, 64."""
    result, _ = play(candles(64, 64), asks(lambda slot: slot.buy(1.0, stop=0.25, take_profit=0.5, **entry)))
    orders = result.scenario.orders
    assert (orders.stop.tolist(), orders.take_profit.tolist()) == ([stop], [stop * 2])
