"""Exits and working orders trade. docs/model.md, "The path" and "Working orders"."""

import numpy as np

from backtester.kernels._jit import seldom
from backtester.kernels.levels import slipped, to_lot, trade_at, trade_price_at
from backtester.kernels.logs import reject
from backtester.kernels.positions import attach_exits, increase, reduce, trade_closing
from backtester.kernels.sizing import dust, ordered_quantity
from backtester.kernels.triggers import falling_to, trailing_level, working_level, working_trigger
from backtester.kernels.working import change_now, drop, drop_everywhere, is_active, take_out
from backtester.schema import (
    AVAILABLE,
    EQUITY_FRACTION,
    FILL_OR_KILL,
    GOOD_TILL_CANCELLED,
    LIMIT,
    MINIMUM,
    NO_DATA,
    NOBODY,
    ONE_CANCELS_OTHER,
    POSITION,
    POST_ONLY,
    RESTING,
    STOP,
    TAKE_PROFIT,
    TRAILING_STOP,
    UNFILLED,
)


@seldom
def trade_exit(run, j, kind, start):
    """Trade a stop, trailing stop or take-profit of slot `j`'s position.

    One that held already at `start` fills at the trade price of the moment, another at its own; a stop on the mark
    always at the trade price. Stops pay taker fee and slippage, take-profits the maker fee.
    """
    slot = run.slots[j]
    instrument = run.instruments[slot.instrument]
    target, side = slot.stop, slot.quantity
    if kind == TRAILING_STOP:
        target = trailing_level(run, j)
    elif kind == TAKE_PROFIT:
        target, side = slot.take_profit, -slot.quantity
    fill = target
    if (kind == STOP and slot.watch_mark) or holds_at(instrument, start, target, side):
        fill = trade_at(instrument, run.state[0].s)
    fee_rate = instrument.maker_fee_rate
    if kind != TAKE_PROFIT:
        fee_rate = instrument.taker_fee_rate
        fill = taken(run, instrument, fill, -slot.quantity, np.nan)
    reduce(run, j, abs(slot.quantity), fill, fee_rate, kind)


@seldom
def holds_at(quote, start, target, side):
    """Whether the trade price is at or beyond a level where the clock stood."""
    return falling_to(quote.trade_from, quote.trade_to, start, target, side) <= start


@seldom
def taken(run, instrument, fill, change, limit):
    """Level at which a taker trades: after slippage, but never beyond a `limit` (nan: none)."""
    rate = run.state[0].slippage if change > 0.0 else -run.state[0].slippage
    fill = slipped(fill, instrument.inverse, rate)
    if not np.isnan(limit):
        fill = min(fill, limit) if change > 0.0 else max(fill, limit)
    return fill


@seldom
def trade_working(run, w, start):
    """Trade a working order that has triggered; one that held already at `start` fills at the price of the moment."""
    order, row = run.working[w], run.orders[run.working[w].order]
    instrument = run.instruments[run.slots[order.slot].instrument]
    target, side = working_level(run, w)
    fill = target
    if (order.kind == STOP and row.watch_mark) or holds_at(instrument, start, target, side):
        fill = trade_at(instrument, run.state[0].s)
    if order.kind in (STOP, TRAILING_STOP):
        take(run, w, fill)
    else:
        trade(run, w, fill, instrument.maker_fee_rate)


@seldom
def take(run, w, price):
    """Trade a working order as a taker at the level `price`; a stop with a limit becomes that limit order first."""
    order, limit = run.working[w], run.orders[run.working[w].order].limit
    instrument = run.instruments[run.slots[order.slot].instrument]
    change = change_now(run, w)
    if order.kind == STOP and not np.isnan(limit):
        order.kind = LIMIT
        if price > limit if change > 0.0 else price < limit:
            return
    trade(run, w, taken(run, instrument, price, change, limit), instrument.taker_fee_rate)


@seldom
def trade(run, w, fill, fee_rate):
    """Trade a working order at level `fill`: closing half, then opening half, the marks of this moment; it is done."""
    order, row = run.working[w], run.working[w].order
    j, kind, change = order.slot, order.kind, change_now(run, w)
    take_out(run, w)
    state = run.state[0]
    state.order = run.orders[row].id
    rest = trade_closing(run, j, row, change, fill, fee_rate, kind)
    traded = rest != change
    if rest != 0.0:
        state.whole = order.time_in_force == FILL_OR_KILL
        sign = 1.0 if rest > 0.0 else -1.0
        if increase(run, j, abs(rest), sign, fill, fee_rate, run.orders[row].margin, kind):
            attach_exits(run, j, run.orders[row])
            traded = True
        state.whole = 0
    if traded and order.oco >= 0:
        drop_everywhere(run, ONE_CANCELS_OTHER, order.oco)
    state.order = NOBODY


@seldom
def arrive(run, w, equity):
    """Let a working order come to its slot at the open: it trades, rests, or is cancelled."""
    order, row = run.working[w], run.orders[run.working[w].order]
    quote, state = run.instruments[run.slots[order.slot].instrument], run.state[0]
    state.order = row.id
    sized = size_arriving(run, w, equity)
    state.order = NOBODY
    if not sized:
        take_out(run, w)
        return
    order.state, order.best = RESTING, trade_price_at(quote, 0.0)
    order.acting = is_active(run, w)
    if order.expires >= 0:
        state.next_expiry = min(state.next_expiry, order.expires + 1)
    side = order.change if order.change != 0.0 else change_now(run, w)
    if order.post_only and side != 0.0 and holds_at(quote, 0.0, row.limit, side):
        drop(run, w, POST_ONLY)
    elif order.acting and order.kind != TRAILING_STOP and working_trigger(run, w, 0.0) <= 0.0:
        take(run, w, quote.trade_from)
    elif order.time_in_force != GOOD_TILL_CANCELLED:
        drop(run, w, UNFILLED)


@seldom
def size_arriving(run, w, equity):
    """Size a working order at the open; returns whether there is anything to trade."""
    order, row = run.working[w], run.orders[run.working[w].order]
    j = order.slot
    instrument = run.instruments[run.slots[j].instrument]
    if not instrument.live:
        reject(run, NO_DATA, j, 0.0)
        return False
    if row.size_type == POSITION:
        return True
    if row.size_type == EQUITY_FRACTION and equity <= dust(run):
        reject(run, AVAILABLE, j, 0.0)
        return False
    wanted = ordered_quantity(run, row, equity)
    order.change = to_lot(wanted, instrument.lot)
    if order.change == 0.0:
        reject(run, MINIMUM, j, wanted)
    return order.change != 0.0
