"""When working orders trade, at what price and size, against arithmetic written out by hand (docs/model.md)."""

from __future__ import annotations

import pytest

from tests.laws.engines import columns, flat, on_both
from tests.reference.working_helpers import (
    FEES,
    HALF,
    REDUCE,
    SLIPS,
    TWO,
    WHOLE,
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


# -- when each type trades, and what it pays ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "fill", "fee_rate"),
    [
        (limit(96), 96, 1 / 64),
        (limit(104, -1), 104, 1 / 64),
        (profit(96, 1), 96, 1 / 64),
        (profit(104, -1), 104, 1 / 64),
        (stop(104, 1), 104 * 65 / 64, 1 / 32),
        (stop(96, -1), 96 * 63 / 64, 1 / 32),
        (trailing(-1, offset=4), 96 * 63 / 64, 1 / 32),  # highest 100
        (trailing(1, offset_fraction=1 / 8), 99 * 65 / 64, 1 / 32),  # lowest 88
    ],
)
def test_on_the_path_at_its_own_price(engine, order, fill, fee_rate):
    result = played(engine, [flat(100), WIDE], order, instrument=FEES, venue=SLIPS)
    (event,) = result["events"]
    assert (event["bar"], event["kind"], event["fill"]) == (1, order["type"], fill)
    assert (event["quantity"], event["amount"]) == (order["size"], -fill * fee_rate)


@pytest.mark.parametrize(
    ("order", "fill"),
    [(limit(96), 90), (profit(96, 1), 90), (stop(96, -1), 90 * 63 / 64), (trailing(-1, offset=4), 90 * 63 / 64)],
)
def test_a_gap_trades_at_the_price_behind_it(engine, order, fill):
    result = played(engine, [flat(100), flat(90)], order, instrument=FEES, venue=SLIPS)
    (event,) = result["events"]
    assert (event["bar"], event["segment"], event["s"], event["fill"]) == (1, 0, 0.0, fill)
    assert event["amount"] == -fill * (1 / 32 if fill < 90 else 1 / 64)


def test_nothing_trades_before_the_bar_after_its_decision(engine):
    assert story(engine, [WIDE, flat(100), WIDE], limit(96, bar=0)) == [(2, "limit", 1, 96)]


def test_a_trailing_stop_starts_at_the_open_and_cannot_hold(engine):
    # the high of 120 was before its time: highest 100, then 104 on the path, so that 100 is touched on the way back
    candles = [(100, 120, 100, 100), (100, 104, 100, 100)]
    assert story(engine, candles, trailing(-1, offset=4, bar=0)) == [(1, "trailing_stop", -1, 100)]


def test_a_trailing_stop_of_both_distances(engine):
    for order in (trailing(-1, offset=8), trailing(-1, offset_fraction=1 / 16)):
        # best 128: 120 in both cases
        assert story(engine, [(112, 128, 112, 112)], order) == [(0, "trailing_stop", -1, 120)]


def test_a_stop_that_watches_the_mark_trades_at_the_trade_price(engine):
    # mark from 100 to 92 while the trade goes from 103 to 91: at the mark of 96, half the way, 97 is the trade price
    bars = columns([flat(103), (103, 103, 91, 91)])
    bars |= {"mark_" + name: column for name, column in columns([flat(100), (100, 100, 92, 92)]).items()}
    (event,) = played(engine, [], stop(96, watch="mark"), bars=[bars])["events"]
    assert (event["s"], event["price"], event["fill"]) == (0.5, 96, 97)


# -- arrival -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "fill"),
    [
        (limit(104), 100 * 65 / 64),
        (limit(101), 101),  # 101.5625 is beyond its limit
        (limit(100), 100),
        (limit(99.5, -1), 99.5),
        (limit(96, -1), 100 * 63 / 64),
        (profit(101, 1), 100 * 65 / 64),
        (profit(100, -1), 100 * 63 / 64),
        (stop(100, 1), 100 * 65 / 64),
        (stop(104, -1), 100 * 63 / 64),
        (limit(104, time_in_force="ioc"), 100 * 65 / 64),
        (limit(104, time_in_force="fok"), 100 * 65 / 64),
    ],
)
def test_what_holds_when_it_arrives_takes(engine, order, fill):
    result = played(engine, [flat(100)], order, instrument=FEES, venue=SLIPS)
    (event,) = result["events"]
    assert (event["segment"], event["kind"], event["fill"]) == ("open", order["type"], fill)
    assert event["amount"] == -fill / 32


def test_a_stop_on_the_mark_holds_by_the_mark_open(engine):
    bars = columns([flat(100)]) | {"mark_" + name: column for name, column in columns([flat(96)]).items()}
    assert story(engine, [], stop(97, watch="mark"), bars=[bars]) == [(0, "stop", -1, 100)]
    assert story(engine, [], stop(97), bars=[bars]) == []


def test_post_only(engine):
    order = limit(100, post_only=True)
    assert story(engine, [flat(100), WIDE], order) == [(0, "cancelled", 1, "post_only")]
    result = played(engine, [flat(101), WIDE], order, instrument=FEES)
    assert told(result) == [(1, "limit", 1, 100)]
    assert result["events"][0]["amount"] == -100 / 64


def test_post_only_goes_by_the_price_where_there_is_nothing_to_reduce_too(engine):
    order = limit(96, -1, post_only=True, **REDUCE)
    assert story(engine, [flat(100)], order) == [(0, "cancelled", -1, "post_only")]


@pytest.mark.parametrize("price", [100, 104])
def test_a_fraction_of_nothing_rests_and_has_a_side_when_there_is_a_position(engine, price):
    orders = limit(price, **HALF), {"bar": 0, "size": 2}
    assert story(engine, [flat(99), flat(99), flat(price)], *orders) == [(1, "fill", 2, 99), (2, "limit", -1, price)]


def test_a_post_only_fraction_of_nothing_has_no_side_and_rests(engine):
    candles = [flat(100), flat(100), flat(104)]
    order = limit(104, 0.5, size_type="position", post_only=True)
    found = story(engine, candles, order, {"bar": 0, "size": 2})
    assert [(kind, quantity) for _, kind, quantity, _ in found] == [("fill", 2), ("limit", -1)]


@pytest.mark.parametrize("force", ["ioc", "fok"])
def test_at_once_or_never(engine, force):
    candles = [flat(100), flat(90)]
    assert story(engine, candles, limit(96, time_in_force=force)) == [(0, "cancelled", 1, "unfilled")]
    order = limit(96, -1, time_in_force=force, **REDUCE)  # it holds, but there is nothing to reduce
    assert story(engine, candles, order) == [(0, "cancelled", -1, "unfilled")]


def test_ioc_is_cut_and_fok_is_not(engine):
    # 1000 at 8x carries 80 at 100
    cut = story(engine, [flat(100)], limit(100, 100, time_in_force="ioc"))
    assert cut == [(0, "cut", 80, "available"), (0, "limit", 80, 100)]
    whole = story(engine, [flat(100)], limit(100, 100, time_in_force="fok"))
    assert whole == [(0, "rejected", 100, "available")]
    tiers = {"tiers": [[0, 1 / 64, 64], [4000, 1 / 32, 4]]}  # 8x up to 4000: 40
    capped = story(engine, [flat(100)], limit(100, 50, time_in_force="fok"), instrument=tiers)
    assert capped == [(0, "rejected", 50, "tier")]


def test_a_fill_or_kill_reversal_keeps_its_closing_half(engine):
    orders = {"size": 1}, limit(100, -101, time_in_force="fok", bar=0)
    assert story(engine, [flat(100), flat(100)], *orders) == [
        (0, "fill", 1, 100),
        (1, "limit", -1, 100),
        (1, "rejected", -100, "available"),
    ]


def test_arrivals_come_after_all_market_orders_by_slot_then_as_given(engine):
    orders = [
        limit(100, 2, slot=1),
        limit(100, 3),
        stop(100, 1),
        {"size": 4, "slot": 1},
        {"size": 5},
    ]
    result = played(engine, [flat(100)], *orders, slots=TWO)
    found = [(event["slot"], event["quantity"]) for event in result["events"]]
    assert found == [(0, 5), (1, 4), (0, 3), (0, 1), (1, 2)]


# -- size --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size_type", "size", "quantity"),
    [("quantity", 2.75, 2.5), ("notional", 160, 1.5), ("equity_fraction", 0.25, 2.5), ("margin", 30, 2)],
)
def test_sized_at_the_open_of_its_arrival_and_rounded_there(engine, size_type, size, quantity):
    # O = 100, lots of 0.5: 2.75, 1.6, 0.25 * 1000 / 100 = 2.5 and 30 * 8 / 100 = 2.4
    order = limit(96, size, size_type=size_type)
    assert story(engine, [flat(100), flat(50)], order, instrument={"lot": 0.5}) == [(1, "limit", quantity, 50)]


def test_sized_with_the_leverage_after_the_margin_instructions(engine):
    actions = [{"bar": -1, "slot": 0, "set_leverage": 2}]
    order = limit(100, 50, size_type="margin")
    result = played(engine, [flat(100)], order, margin_actions=actions, account={"mode": "isolated"})
    assert told(result)[1:] == [(0, "limit", 1, 100)]  # 50 * 2 / 100
    assert result["cash"][0] == [1000 - 50, 50]


def test_sizes_that_are_none(engine):
    assert story(engine, [flat(100)], limit(96, 0.25), instrument={"lot": 0.5}) == [(0, "rejected", 0.25, "minimum")]
    assert story(engine, [None, flat(90)], limit(96)) == [(0, "rejected", 0, "no_data")]
    assert story(engine, [None, flat(90)], stop(96, **HALF)) == [(0, "rejected", 0, "no_data")]
    # 10 at 100 end in a gap to 16, everything is lost
    orders = {"size": 10}, limit(16, 0.5, size_type="equity_fraction", bar=0)
    account = {"balance": 125}
    assert story(engine, [flat(100), flat(16), flat(16)], *orders, account=account)[1:] == [
        (1, "cancelled", 0, "liquidation"),
        (1, "liquidation", -10, 16),
        (1, "bankrupt", 0, ""),
    ]
    late = orders[1] | {"bar": 1}
    found = story(engine, [flat(100), flat(16), flat(16)], orders[0], late, account=account)
    assert found[-1] == (2, "rejected", 0, "available")


def test_the_minimum_is_tested_when_it_trades_with_the_open_of_that_bar(engine):
    instrument = {"min_notional": 98}
    assert story(engine, [flat(100), (100, 100, 96, 100)], limit(96), instrument=instrument) == [(1, "limit", 1, 96)]
    assert story(engine, [flat(100), flat(97)], limit(97), instrument=instrument) == [(1, "rejected", 1, "minimum")]


def test_closing_a_half_and_then_the_whole(engine):
    # 3 are held, lots of 1: 1.5 go, then the 1.5 that are left, each at its price
    orders = {"size": 3}, limit(104, **HALF), limit(108, **WHOLE)
    assert story(engine, [(100, 112, 100, 112)], *orders, instrument={"lot": 1}) == [
        (0, "fill", 3, 100),
        (0, "limit", -1.5, 104),
        (0, "limit", -1.5, 108),
    ]


@pytest.mark.parametrize("type_", [{}, {"type": "market"}])
def test_a_market_order_by_position(engine, type_):
    orders = {"size": -3}, {"bar": 0, **HALF, **type_}, {"bar": 1, **WHOLE, **type_}, {"bar": 2, **WHOLE, **type_}
    assert story(engine, [flat(100)] * 4, *orders, instrument={"lot": 1}) == [
        (0, "fill", -3, 100),
        (1, "fill", 1.5, 100),
        (2, "fill", 1.5, 100),
        (3, "rejected", 0, "no_position"),
    ]


def test_a_fraction_closes_whichever_side_is_held(engine):
    # a stop at 96 is below a long, a stop at 104 above a short: one trigger has its side from the position
    orders = {"size": -2}, stop(104, **WHOLE)
    assert story(engine, [(100, 108, 96, 100)], *orders) == [(0, "fill", -2, 100), (0, "stop", 2, 104)]
    orders = {"size": 2}, stop(96, **WHOLE)
    assert story(engine, [(100, 108, 92, 100)], *orders) == [(0, "fill", 2, 100), (0, "stop", -2, 96)]


# -- many orders, and which is first -----------------------------------------------------------------------------------


def test_orders_stand_beside_each_other(engine):
    # a plain limit and two working ones; a later market order replaces the plain one alone
    orders = [{"size": 1, "limit": 95}, limit(96), limit(94), limit(93, bar=0), {"size": 1, "bar": 1}]
    assert story(engine, [flat(100), flat(100), flat(100), (100, 100, 92, 100)], *orders) == [
        (2, "cancelled", 1, "replaced"),
        (2, "fill", 1, 100),
        (3, "limit", 1, 96),
        (3, "limit", 1, 94),
        (3, "limit", 1, 93),
    ]


def test_ties_stops_then_take_profits_then_limits_by_slot(engine):
    slots = [{"instrument": 0, "leverage": 8}] * 4
    orders = [
        limit(96, 1),
        profit(96, 2, slot=1),
        stop(96, -3, slot=2),
        {"size": 4, "slot": 3, "stop": 96},
        trailing(-5, offset=4, slot=1),
    ]
    result = played(engine, [(100, 100, 96, 100)], *orders, slots=slots)
    assert [(event["kind"], event["slot"]) for event in result["events"][1:]] == [
        ("trailing_stop", 1),
        ("stop", 2),
        ("stop", 3),
        ("take_profit", 1),
        ("limit", 0),
    ]


def test_ties_in_a_slot_its_exits_then_orders_as_given(engine):
    orders = [
        {"size": 4, "stop": 96},
        {"bar": 0, "size": 1, "limit": 96},
        limit(96, 2, bar=-1),
        stop(96, -8, bar=-1),
        stop(96, -16, bar=-1),
        limit(96, 32, bar=-1),
    ]
    found = story(engine, [flat(100), (100, 100, 96, 100)], *orders)[1:]
    assert [(kind, quantity) for _, kind, quantity, _ in found] == [
        ("stop", -4),
        ("stop", -8),
        ("stop", -16),
        ("limit", 2),
        ("limit", 22),  # it closes the rest of the short of 24, and opens 10
        ("limit", 10),
        ("limit", 1),  # the plain limit was decided a bar later
    ]


# -- stops with a limit ------------------------------------------------------------------------------------------------


def test_a_stop_limit_trades_at_once_but_never_beyond_its_limit(engine):
    # 96 * 63/64 = 94.5 is beyond 95
    for price, fill in ((95, 95), (94, 94.5)):
        order = stop(96, limit=price)
        (event,) = played(engine, [flat(100), WIDE], order, instrument=FEES, venue=SLIPS)["events"]
        assert (event["kind"], event["price"], event["fill"], event["amount"]) == ("limit", 96, fill, -fill / 32)


def test_a_stop_limit_rests_where_its_limit_does_not_hold(engine):
    (event,) = played(engine, [flat(100), WIDE], stop(96, limit=98), instrument=FEES, venue=SLIPS)["events"]
    assert (event["kind"], event["segment"], event["fill"], event["amount"]) == ("limit", 1, 98, -98 / 64)


def test_a_stop_limit_that_holds_when_it_arrives(engine):
    assert story(engine, [flat(100)], stop(104, limit=99)) == [(0, "limit", -1, 100)]
    assert story(engine, [flat(100), flat(101), flat(102)], stop(104, limit=102)) == [(2, "limit", -1, 102)]


def test_a_stop_limit_behind_a_gap(engine):
    # the stop was jumped over, and so was the limit: it rests, and trades when the price comes back
    order = stop(96, limit=95)
    assert story(engine, [flat(100), flat(90), (90, 96, 90, 90)], order) == [(2, "limit", -1, 95)]


# -- trading -----------------------------------------------------------------------------------------------------------


def test_a_reversal_is_two_trades_with_the_exits_of_the_order(engine):
    orders = {"size": 1, "stop": 80}, limit(104, -3, stop=108)
    result = played(engine, [(100, 112, 100, 112)], *orders)
    assert told(result) == [(0, "fill", 1, 100), (0, "limit", -1, 104), (0, "limit", -2, 104), (0, "stop", 2, 108)]
    assert result["totals"]["equity"] == 1000 + 4 - 2 * 4


def test_an_order_that_leaves_a_position_replaces_the_exits_it_names(engine):
    orders = {"size": 2, "stop": 80, "take_profit": 120}, limit(96, 2, stop=92)
    candles = [flat(100), (100, 100, 92, 96)]
    assert story(engine, candles, *orders) == [(0, "fill", 2, 100), (1, "limit", 2, 96), (1, "stop", -4, 92)]
    kept = {"size": 2, "stop": 80, "take_profit": 120}, limit(96, 2, trail=8)
    assert story(engine, [(100, 120, 96, 120)], *kept) == [
        (0, "fill", 2, 100),
        (0, "limit", 2, 96),
        (0, "take_profit", -4, 120),
    ]


def test_a_rejected_order_attaches_nothing_and_is_done(engine):
    orders = {"size": 80}, limit(100, 1, stop=99, bar=0)  # all of the balance is in use
    assert story(engine, [flat(100), flat(100), (100, 100, 99, 100)], *orders) == [
        (0, "fill", 80, 100),
        (1, "rejected", 1, "available"),
    ]


def test_a_limit_is_cut_to_the_money_of_its_moment(engine):
    # 40 at 100 at 8x use 500 of the 1000, and the other 500 carry 4000 / 80 = 50
    orders = {"size": 40, "slot": 1}, limit(80, 80)
    slots = [{"instrument": 1, "leverage": 8}, {"instrument": 0, "leverage": 8}]
    bars = [columns([flat(100)] * 2), columns([flat(100), flat(80)])]
    instruments = [{"symbol": "A"}, {"symbol": "B"}]
    assert story(engine, [], *orders, slots=slots, bars=bars, instruments=instruments)[1:] == [
        (1, "cut", 50, "available"),
        (1, "limit", 50, 80),
    ]
