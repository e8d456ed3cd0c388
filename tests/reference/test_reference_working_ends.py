"""How working orders end: by each other, with the position, in time, on demand (docs/model.md, "Working orders")."""

from __future__ import annotations

import pytest

from tests.laws.engines import flat, on_both
from tests.reference.working_helpers import (
    FEES,
    HALF,
    REDUCE,
    TWO,
    WIDE,
    limit,
    played,
    profit,
    stop,
    story,
    told,
    trailing,
)

pytestmark = on_both


# -- one cancels the others --------------------------------------------------------------------------------------------


def test_one_cancels_the_others_in_all_slots(engine):
    orders = [limit(96, 1, oco=7), limit(95, 2, oco=7), limit(95, 3, oco=8), limit(94, 4, oco=7, slot=1), limit(94, 5)]
    assert story(engine, [flat(100), (100, 100, 92, 100)], *orders, slots=TWO) == [
        (1, "limit", 1, 96),
        (1, "cancelled", 2, "one_cancels_other"),
        (1, "cancelled", 4, "one_cancels_other"),
        (1, "limit", 3, 95),
        (1, "limit", 5, 94),
    ]


def test_only_a_trade_cancels_the_others(engine):
    orders = limit(97, oco=0), limit(96, oco=0)
    # the smallest order is 98: at the open of 97 it is refused, and the other one trades at an open of 100
    assert story(engine, [flat(99), flat(97), (100, 100, 96, 100)], *orders, instrument={"min_notional": 98}) == [
        (1, "rejected", 1, "minimum"),
        (2, "limit", 1, 96),
    ]
    ended = limit(100, oco=0, post_only=True), limit(96, oco=0, time_in_force="ioc"), limit(90, oco=0)
    assert story(engine, [flat(100), flat(90)], *ended) == [
        (0, "cancelled", 1, "post_only"),
        (0, "cancelled", 1, "unfilled"),
        (1, "limit", 1, 90),
    ]


def test_what_has_still_to_arrive_is_cancelled_too(engine):
    orders = limit(100, 1, oco=0), limit(100, 2, oco=0, slot=1), limit(90, 3, oco=0)
    assert story(engine, [flat(100)], *orders, slots=TWO) == [
        (0, "limit", 1, 100),
        (0, "cancelled", 0, "one_cancels_other"),
        (0, "cancelled", 0, "one_cancels_other"),
    ]


# -- reduce-only -------------------------------------------------------------------------------------------------------


def bracket(size=1.0):
    """Return a stop at 96 and a take-profit at 108 around a long position."""
    return stop(96, -size, oco=1, **REDUCE), profit(108, -size, oco=1, **REDUCE)


def test_a_bracket_placed_with_the_order_that_opens(engine):
    orders = {"size": 1}, *bracket()
    assert story(engine, [(100, 112, 100, 100)], *orders) == [
        (0, "fill", 1, 100),
        (0, "take_profit", -1, 108),
        (0, "cancelled", -1, "flat"),
    ]
    assert story(engine, [(100, 100, 92, 100)], *orders)[1:] == [(0, "stop", -1, 96), (0, "cancelled", -1, "flat")]


def test_a_bracket_of_a_part_is_one_or_the_other(engine):
    orders = {"size": 4}, *bracket()
    assert story(engine, [(100, 112, 92, 104)], *orders) == [
        (0, "fill", 4, 100),
        (0, "stop", -1, 96),
        (0, "cancelled", -1, "one_cancels_other"),
    ]


def test_it_rests_until_there_is_a_position(engine):
    # the price is at 92 and at 112 before the limit at 88 opens; only then the stop at 84 counts
    orders = limit(88), stop(84, **REDUCE), profit(92, **REDUCE)
    assert story(engine, [(100, 112, 92, 100), (100, 100, 80, 100)], *orders) == [
        (1, "limit", 1, 88),
        (1, "stop", -1, 84),
        (1, "cancelled", -1, "flat"),
    ]


def test_what_holds_already_when_it_begins_to_act(engine):
    # the take-profit at 92 holds at 96, where the position opens: at the price of the moment, as a maker
    orders = limit(96), profit(92, **REDUCE)
    result = played(engine, [flat(100), (100, 100, 96, 96)], *orders, instrument=FEES)
    assert told(result) == [(1, "limit", 1, 96), (1, "take_profit", -1, 96)]
    assert result["events"][1]["amount"] == -96 / 64


def test_it_rests_beside_a_position_that_it_would_enlarge(engine):
    orders = {"size": -1}, limit(104, -1, **REDUCE), limit(96, -1, **REDUCE)
    assert story(engine, [WIDE], *orders) == [(0, "fill", -1, 100)]


def test_it_is_cut_to_the_position_without_an_event(engine):
    orders = {"size": 1}, limit(104, -3, **REDUCE)
    assert story(engine, [(100, 112, 100, 112)], *orders) == [(0, "fill", 1, 100), (0, "limit", -1, 104)]
    market = {"size": 1}, {"type": "market", "bar": 0, "size": -3, **REDUCE}
    assert story(engine, [flat(100)] * 2, *market) == [(0, "fill", 1, 100), (1, "fill", -1, 100)]


def test_a_market_order_with_nothing_to_reduce(engine):
    order = {"type": "market", "size": -3, **REDUCE}
    assert story(engine, [flat(100)], order) == [(0, "rejected", -3, "no_position")]
    assert story(engine, [flat(100)] * 2, {"size": -1}, order | {"bar": 0})[1:] == [(1, "rejected", -3, "no_position")]


def test_reduce_only_comes_before_margin_is_needed(engine):
    """A reducing market order closes in the first pass, so that an opening of the same bar has its margin."""
    orders = {"size": 80}, {"bar": 0, "type": "market", "size": -80, **REDUCE}, {"bar": 0, "slot": 1, "size": 80}
    assert story(engine, [flat(100)] * 2, *orders, slots=TWO)[1:] == [(1, "fill", -80, 100), (1, "fill", 80, 100)]


@pytest.mark.parametrize("closing", [{"size": -1}, {"size": 0, "target": True}, {"size": -3}])
def test_flat_cancels_what_rests_and_only_reduces(engine, closing):
    orders = {"size": 1}, *bracket(), limit(90), {"bar": 0, **closing}
    found = story(engine, [flat(100), flat(100)], *orders)[1:]
    assert found[:3] == [(1, "fill", -1, 100), (1, "cancelled", -1, "flat"), (1, "cancelled", -1, "flat")]
    assert found[3:] == ([(1, "fill", -2, 100)] if closing["size"] == -3 else [])


def test_what_arrives_at_this_open_does_not_rest_yet(engine):
    # the long is reversed at the open; the bracket of the short arrives with that order and stays
    orders = {"size": 1}, {"bar": 0, "size": -2}, stop(104, 1, bar=0, **REDUCE)
    assert story(engine, [flat(100), flat(100), flat(104)], *orders)[1:] == [
        (1, "fill", -1, 100),
        (1, "fill", -1, 100),
        (2, "stop", 1, 104),
    ]


def test_an_exit_of_the_position_cancels_the_bracket(engine):
    orders = {"size": 1, "stop": 98}, *bracket()
    assert story(engine, [WIDE], *orders)[1:] == [
        (0, "stop", -1, 98),
        (0, "cancelled", -1, "flat"),
        (0, "cancelled", -1, "flat"),
    ]


def test_a_trailing_stop_takes_its_best_price_anew_when_it_begins_to_act(engine):
    # 120 was seen without a position; since it acts the highest is 104, so 96 is its level and not 112
    orders = trailing(-1, offset=8, **REDUCE), {"bar": 1, "size": 1}
    candles = [flat(100), (100, 120, 100, 100), (100, 104, 100, 100), flat(97), (97, 97, 95, 97)]
    assert story(engine, candles, *orders) == [(2, "fill", 1, 100), (4, "trailing_stop", -1, 96)]


def test_a_best_price_from_before_a_short_does_not_count(engine):
    # it arrives at 96; the short is opened at 100, so it buys at 104 and not at 100
    candles = [flat(96), flat(100), (100, 106, 100, 100)]
    orders = trailing(1, offset=4, **REDUCE), {"bar": 0, "size": -2}
    assert story(engine, candles, *orders) == [(1, "fill", -2, 100), (2, "trailing_stop", 1, 104)]


def test_a_trailing_stop_begins_inside_a_bar(engine):
    # opened at 96 on the way down, lowest 88: the stop of a long has its best price at 96, so 92 is touched
    orders = limit(96), trailing(-1, offset=4, **REDUCE)
    assert story(engine, [(100, 100, 88, 100)], *orders) == [(0, "limit", 1, 96), (0, "trailing_stop", -1, 92)]


# -- an end without a trade --------------------------------------------------------------------------------------------


def test_expiry(engine):
    candles = [flat(100), flat(100), (100, 100, 96, 100)]
    assert story(engine, candles, limit(96, expires=2)) == [(2, "limit", 1, 96)]
    assert story(engine, candles, limit(96, expires=1)) == [(2, "cancelled", 1, "expired")]


def test_a_stop_that_became_a_limit_expires_too(engine):
    candles = [(100, 100, 92, 92), flat(92), flat(95)]
    assert story(engine, candles, stop(96, limit=98, expires=1)) == [(2, "cancelled", -1, "expired")]


def test_expiry_comes_before_orders_and_after_the_margin_check(engine):
    # bar 1 opens at 84: the long of slot 0 is gone, and its order with it, before that expires
    orders = {"size": 8}, limit(80, expires=0), limit(82, 2, slot=1, expires=0), {"bar": 0, "slot": 1, "size": 1}
    assert story(engine, [flat(100), flat(84)], *orders, slots=TWO, account={"mode": "isolated"})[1:] == [
        (1, "cancelled", 1, "liquidation"),
        (1, "liquidation", -8, 84),
        (1, "cancelled", 2, "expired"),
        (1, "fill", 1, 84),
    ]


def test_cancelled_when_asked(engine):
    orders = limit(96), limit(95)
    actions = [{"bar": 0, "slot": 0, "cancel": 0}]
    candles = [flat(100), flat(100), flat(90)]
    assert story(engine, candles, *orders, margin_actions=actions) == [
        (1, "cancelled", 1, "asked"),
        (2, "limit", 1, 90),
    ]


def test_what_does_not_work_any_more_cannot_be_cancelled(engine):
    actions = [{"bar": 0, "slot": 0, "cancel": 0}, {"bar": 1, "slot": 0, "cancel": 0}]
    assert story(engine, [flat(96), flat(100), flat(100)], limit(96), margin_actions=actions) == [(0, "limit", 1, 96)]


def test_cancelled_at_the_close_that_decided_it(engine):
    actions = [{"bar": -1, "slot": 0, "cancel": 0}]
    assert story(engine, [flat(96)], limit(96), margin_actions=actions) == [(0, "cancelled", 0, "asked")]


def test_a_liquidation_cancels_what_rests_and_what_arrives(engine):
    # 8 at 100 at 8x: 100 behind them, gone at 84
    orders = [{"size": 8}, limit(80, 1), stop(80, **HALF), limit(84, 2, bar=0), limit(84, 3, bar=0, slot=1)]
    assert story(engine, [flat(100), flat(84)], *orders, slots=TWO, account={"mode": "isolated"}) == [
        (0, "fill", 8, 100),
        (1, "cancelled", 1, "liquidation"),  # sized
        (1, "cancelled", 0, "liquidation"),  # a fraction
        (1, "cancelled", 0, "liquidation"),  # about to arrive
        (1, "liquidation", -8, 84),
        (1, "limit", 3, 84),
    ]


def test_orders_rest_through_bars_without_data(engine):
    orders = limit(96), limit(94, expires=1)
    assert story(engine, [flat(100), None, None, flat(90)], *orders) == [
        (2, "cancelled", 1, "expired"),
        (3, "limit", 1, 90),
    ]
