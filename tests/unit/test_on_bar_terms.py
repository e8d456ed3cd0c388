"""What the terms of orders, cancelling and margin instructions of `on_bar` do: docs/model.md."""

import numpy as np
import pytest

from backtester.strategy import Targets
from tests.on_bar import DOWN, UP, account, asks, candles, holding, play, story

# Terms


def test_reduce_only_never_opens_and_is_cut_to_the_position():
    buy = holding(-2.0, lambda slot: slot.buy(3.0, limit=56.0, reduce_only=True))
    assert story(candles(64, 64, DOWN), buy)[1:] == [(2, "limit", 2.0, 56, "")]
    nothing = asks(lambda slot: slot.buy(3.0, limit=56.0, reduce_only=True))
    assert story(candles(64, DOWN), nothing) == []
    at_once = asks(lambda slot: slot.buy(3.0, reduce_only=True))
    assert story(candles(64, 64), at_once)[0][1::3] == ("rejected", "no_position")


def test_post_only_is_cancelled_where_it_would_take():
    crossing = asks(lambda slot: slot.buy(1.0, limit=72.0, post_only=True))
    assert story(candles(64, 64), crossing)[0][1::3] == ("cancelled", "post_only")
    resting = asks(lambda slot: slot.buy(1.0, limit=56.0, post_only=True))
    assert story(candles(64, DOWN), resting) == [(1, "limit", 1.0, 56, "")]


@pytest.mark.parametrize("force", ["ioc", "fok"])
def test_time_in_force(force):
    away = asks(lambda slot: slot.buy(1.0, limit=56.0, time_in_force=force))
    assert story(candles(64, DOWN), away)[0][1::3] == ("cancelled", "unfilled")
    crossing = asks(lambda slot: slot.buy(1.0, limit=72.0, time_in_force=force))
    assert story(candles(64, 64), crossing)[0][:4] == (1, "limit", 1.0, 64)


def test_fill_or_kill_is_not_cut():
    """1024 at 4x carry 64 of it; 100 are cut, or not bought at all."""
    some = asks(lambda slot: slot.buy(100.0, limit=72.0, time_in_force="ioc"))
    none = asks(lambda slot: slot.buy(100.0, limit=72.0, time_in_force="fok"))
    assert [row[1:3] for row in story(candles(64, 64), some)] == [("cut", 64.0), ("limit", 64.0)]
    assert [row[1::3] for row in story(candles(64, 64), none)] == [("rejected", "available")]


@pytest.mark.parametrize(("bars", "last"), [(1, 1), (2, 2)])
def test_an_order_expires(bars, last):
    """In as many bars it may work; it is taken away at the open after them."""
    rests = asks(lambda slot: slot.buy(1.0, limit=56.0, expires=bars))
    assert story(candles(*[64] * (last + 1), 64, DOWN), rests)[0][:2] == (last + 1, "cancelled")
    assert story(candles(*[64] * last, DOWN), rests)[0][:2] == (last, "limit")


@pytest.mark.parametrize(("bars", "trades"), [(1, False), (2, True)])
def test_bars_are_those_of_the_decision_also_on_a_finer_simulation(bars, trades):
    """Four quarters to the hour: the dip is in the last quarter of the second hour after the order."""
    hours = candles(64, 64, DOWN, 64)
    quarters = candles(*[64] * 11, DOWN, *[64] * 4, freq="15min")
    rests = asks(lambda slot: slot.buy(1.0, limit=56.0, expires=bars))
    happened = story(hours.with_detail(quarters), rests)
    assert [row[:2] + row[4:] for row in happened] == [(2, "limit", "") if trades else (2, "cancelled", "expired")]


def test_one_cancels_other():
    def both(bar):
        slot = bar["AUSDT"]
        bar.one_cancels_other(slot.buy(1.0, limit=56.0), slot.sell(1.0, limit=72.0))

    assert [row[1:2] + row[4:] for row in story(candles(64, DOWN, UP), {0: both})] == [
        ("limit", ""),
        ("cancelled", "one_cancels_other"),
    ]


def test_cancel():
    kept = []
    script = {
        0: lambda bar: kept.append(bar["AUSDT"].buy(1.0, limit=56.0)),
        1: lambda bar: kept[0].cancel(),
    }
    _, looked = play(candles(64, 64, DOWN), script, lambda bar: [order.is_working for order in kept])
    assert looked == [[], [True], [False]]
    kept.clear()
    assert [row[:2] + row[4:] for row in story(candles(64, 64, DOWN), script)] == [(2, "cancelled", "asked")]


def test_cancel_in_the_same_call_and_after_the_end():
    def there_and_back(bar):
        order = bar["AUSDT"].buy(1.0, limit=56.0)
        assert order.is_working
        order.cancel()
        assert not order.is_working
        bar["AUSDT"].buy(1.0)
        bar["AUSDT"].sell(1.0, limit=100.0).cancel()

    result, _ = play(candles(64, DOWN), {0: there_and_back})
    assert len(result.scenario.orders.bar) == 1
    done = []
    script = {0: lambda bar: done.append(bar["AUSDT"].buy(1.0, limit=56.0)), 2: lambda bar: done[0].cancel()}
    result, _ = play(candles(64, DOWN, 64, 64), script)
    assert len(result.scenario.actions.bar) == 0


def test_twice_cancelled_is_cancelled_once():
    kept = []
    script = {
        0: lambda bar: kept.append(bar["AUSDT"].buy(1.0, limit=56.0)),
        1: lambda bar: [kept[0].cancel(), kept[0].cancel()],
    }
    assert [row[1:2] + row[4:] for row in story(candles(64, 64, 64), script)] == [("cancelled", "asked")]


def test_an_order_says_what_it_is():
    def step(bar):
        order = bar["AUSDT"].buy(1.0, limit=56.0)
        assert (order.type, order.id) == ("limit", -1)
        kept.append(order)

    kept = []
    play(candles(64, 64), {0: step})
    assert (kept[0].id, repr(kept[0])) == (0, "<Order 0: limit of slot 0>")


# Margin


def test_margin_is_added_and_removed():
    script = holding(2.0, lambda slot: slot.add_margin(64.0)) | {2: lambda bar: bar["AUSDT"].remove_margin(16.0)}
    _, looked = play(candles(*[64] * 4), script, lambda bar: (bar[0].isolated_margin, bar.account.free_margin))
    assert looked == [(0, 1024), (32, 992), (96, 928), (80, 944)]


@pytest.mark.parametrize(
    ("instruct", "events"),
    [
        (lambda slot: slot.add_margin(2_000.0), [("cut", "available"), ("add_margin", "")]),
        (lambda slot: slot.remove_margin(1.0), [("rejected", "available")]),
    ],
)
def test_more_margin_than_there_is_is_an_event(instruct, events):
    assert [row[1:2] + row[4:] for row in story(candles(*[64] * 3), holding(2.0, instruct), account())[1:]] == events


@pytest.mark.parametrize("instruct", [lambda slot: slot.add_margin(8.0), lambda slot: slot.remove_margin(8.0)])
def test_a_shared_pool_takes_no_margin(instruct):
    happened = story(candles(*[64] * 3), holding(2.0, instruct))
    assert [row[1:2] + row[4:] for row in happened[1:]] == [("rejected", "refused")]


def test_leverage_is_set():
    script = holding(2.0, lambda slot: slot.set_leverage(2.0))
    _, looked = play(candles(*[64] * 3), script, lambda bar: (bar[0].leverage, bar[0].isolated_margin))
    assert looked == [(4, 0), (4, 32), (2, 64)]


# Beside targets


def test_a_market_order_takes_the_place_of_a_target_and_a_working_order_does_not():
    wanted = {"targets": lambda market: Targets(quantity=np.where(np.arange(market.n_bars) < 2, 4.0, 8.0))}
    script = {2: lambda bar: bar["AUSDT"].sell(1.0)}
    assert [row[:3] for row in story(candles(*[64] * 6), script, **wanted)] == [(1, "fill", 4), (3, "fill", -1)]
    script = {2: lambda bar: bar["AUSDT"].sell(1.0, limit=72.0)}
    assert [row[:3] for row in story(candles(*[64] * 4, UP), script, **wanted)][1:] == [
        (3, "fill", 4), (4, "limit", -1),
    ]  # fmt: skip
