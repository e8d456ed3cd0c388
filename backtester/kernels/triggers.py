"""Where on a segment exits and working orders hold. docs/model.md, "The path" and "Working orders"."""

import numpy as np

from backtester.kernels._jit import kernel, seldom
from backtester.kernels.levels import crossing, level_of, trade_price_at
from backtester.kernels.working import change_now, is_active
from backtester.schema import LIMIT, LIQUIDATION, NOBODY, STOP, TAKE_PROFIT, TRAILING_STOP

NEVER = 2.0  # an `s` beyond every segment


@kernel
def rank(kind):
    """Order of triggers at equal s: pools, stops, take-profits, limits."""
    if kind == LIQUIDATION:
        return 0
    if kind in (STOP, TRAILING_STOP):
        return 1
    return 2 if kind == TAKE_PROFIT else 3


@seldom
def slot_trigger(run, j, start):
    """The first of slot `j`'s triggers from `start` on: its ``s`` and kind, and whose it is (-1: the position's)."""
    slot = run.slots[j]
    when, kind, which = NEVER, LIMIT, NOBODY
    if slot.has_exit:
        when, kind = exit_trigger(run, j, start)
    w = slot.working
    while w >= 0:
        if is_active(run, w):
            at, its = working_trigger(run, w, start), run.working[w].kind
            if at <= 1.0 and (at < when or (at == when and rank(its) < rank(kind))):
                when, kind, which = at, its, w
        w = run.working[w].next
    return when, kind, which


@seldom
def exit_trigger(run, j, start):
    """The first of the exits of slot `j`'s position from `start` on: its ``s`` and kind."""
    slot = run.slots[j]
    quote = run.instruments[slot.instrument]
    when, kind = NEVER, LIMIT
    if not np.isnan(slot.take_profit):
        at = falling_to(quote.trade_from, quote.trade_to, start, slot.take_profit, -slot.quantity)
        if at <= 1.0:
            when, kind = at, TAKE_PROFIT
    trail = trailing_level(run, j)
    if not np.isnan(trail):
        at = falling_to(quote.trade_from, quote.trade_to, start, trail, slot.quantity)
        if at <= when and at <= 1.0:
            when, kind = at, TRAILING_STOP
    if not np.isnan(slot.stop):
        if slot.watch_mark:
            at = falling_to(quote.mark_from, quote.mark_to, start, slot.stop, slot.quantity)
        else:
            at = falling_to(quote.trade_from, quote.trade_to, start, slot.stop, slot.quantity)
        if at <= when and at <= 1.0:
            when, kind = at, STOP
    return when, kind


@seldom
def working_trigger(run, w, start):
    """The ``s`` from `start` on at which a working order that is active holds."""
    order, row = run.working[w], run.orders[run.working[w].order]
    quote = run.instruments[run.slots[order.slot].instrument]
    target, side = working_level(run, w)
    if order.kind == STOP and row.watch_mark:
        return falling_to(quote.mark_from, quote.mark_to, start, target, side)
    return falling_to(quote.trade_from, quote.trade_to, start, target, side)


@seldom
def working_level(run, w):
    """Level at which a working order holds, and on which side: > 0 at or below it, < 0 at or above it."""
    order, change = run.working[w], change_now(run, w)
    if order.kind == LIMIT:
        return run.orders[order.order].limit, change
    if order.kind == TAKE_PROFIT:
        return order.trigger, change
    if order.kind == STOP:
        return order.trigger, -change
    inverse = run.instruments[run.slots[order.slot].instrument].inverse
    return level_behind(order.best, order.offset, order.offset_fraction, -change, inverse), -change


@seldom
def falling_to(first, last, start, target, side):
    """The ``s`` >= `start` at which a line is at or below `target` (side > 0) or at or above it (side < 0)."""
    now = first if start <= 0.0 else first + start * (last - first)
    if side < 0.0:
        now, last, first, target = -now, -last, -first, -target
    if now <= target:
        return start
    if last > target:
        return NEVER
    return min(1.0, max(start, crossing(first, last, target)))


@kernel
def trailing_level(run, j):
    """Level of the trailing stop of slot `j`'s position; nan: none."""
    slot = run.slots[j]
    inverse = run.instruments[slot.instrument].inverse
    return level_behind(slot.best, slot.trail, slot.trail_fraction, slot.quantity, inverse)


@seldom
def level_behind(best, offset, fraction, side, inverse):
    """Level `offset` (price) or `fraction` behind the best trade price, below it for side > 0; nan: none."""
    sign = 1.0 if side > 0.0 else -1.0
    if not np.isnan(offset):
        price = best - sign * offset
        return level_of(price, inverse) if price > 0.0 else -np.inf
    if not np.isnan(fraction):
        return level_of(best * (1.0 - sign * fraction), inverse)
    return np.nan


@seldom
def follow(run):
    """Let the trailing stops follow the trade price of this moment."""
    for j in range(len(run.slots)):
        slot = run.slots[j]
        quote = run.instruments[slot.instrument]
        if not quote.live:
            continue
        now = trade_price_at(quote, run.state[0].s)
        if slot.has_exit and not (np.isnan(slot.trail) and np.isnan(slot.trail_fraction)):
            slot.best = max(slot.best, now) if slot.quantity > 0.0 else min(slot.best, now)
        w = slot.working
        while w >= 0:
            if run.working[w].kind == TRAILING_STOP:
                follow_working(run, w, now)
            w = run.working[w].next


@seldom
def follow_working(run, w, now):
    """Let a trailing order follow the trade price `now`; it starts there each time that it begins to act."""
    order, change = run.working[w], change_now(run, w)
    if change == 0.0 or not order.acting:
        order.best = now
    else:
        order.best = max(order.best, now) if change < 0.0 else min(order.best, now)
    order.acting = change != 0.0
