"""Exits and limit orders in bars in which nothing happens. docs/model.md, "The path"."""

import numpy as np

from backtester.kernels import loops
from backtester.kernels._jit import kernel, seldom
from backtester.kernels._views import tail
from backtester.kernels.triggers import trailing_level, working_level
from backtester.kernels.working import is_active
from backtester.schema import CLOSE, STOP, TRAILING_STOP


@kernel
def is_watched(run, j):
    """Whether slot `j` has an exit or a working order."""
    return run.slots[j].has_exit or run.slots[j].working >= 0


@kernel
def has_watched(run, leg):
    """Whether a slot of the leg has an exit or a working order."""
    found = False
    for k in range(leg.first, leg.last):
        found = found or is_watched(run, run.slots[k].member)
    return found


@kernel
def watch_leg(run, bars, leg, okay, t, n):
    """A bar is not okay when its range reaches an exit or a working order of the leg's."""
    for k in range(leg.first, leg.last):
        if is_watched(run, run.slots[k].member):
            watch_slot(run, bars, okay, run.slots[k].member, t, n)


@kernel
def watch_slot(run, bars, okay, j, t, n):
    """A bar is not okay when its range reaches one of slot `j`'s exits or its limit order."""
    slot = run.slots[j]
    i = slot.instrument
    above, below = -np.inf, np.inf  # trade prices strictly between these are safe
    mark_above, mark_below = -np.inf, np.inf
    if slot.working >= 0:
        above, below, mark_above, mark_below = working_range(run, j)
    if slot.has_exit and slot.quantity > 0.0:
        if slot.watch_mark:
            mark_above = max(mark_above, -np.inf if np.isnan(slot.stop) else slot.stop)
        elif slot.stop > above:
            above = slot.stop
        if slot.take_profit < below:
            below = slot.take_profit
    elif slot.has_exit:
        if slot.watch_mark:
            mark_below = min(mark_below, np.inf if np.isnan(slot.stop) else slot.stop)
        elif slot.stop < below:
            below = slot.stop
        if slot.take_profit > above:
            above = slot.take_profit
    low, high = tail(bars.low, i, t), tail(bars.high, i, t)
    loops.check_range(okay, low, high, above, below, n)
    loops.check_range(okay, tail(bars.mark_low, i, t), tail(bars.mark_high, i, t), mark_above, mark_below, n)
    if slot.has_exit and not (np.isnan(slot.trail) and np.isnan(slot.trail_fraction)):
        watch_trail(run, bars, okay, low, high, j, t, n)


@seldom
def working_range(run, j):
    """Trade levels, then mark levels, strictly between which no working order of slot `j` holds.

    A trailing order follows every bar: for it there are none.
    """
    above, below, mark_above, mark_below = -np.inf, np.inf, -np.inf, np.inf
    w = run.slots[j].working
    while w >= 0:
        if is_active(run, w):
            target, side = working_level(run, w)
            if run.working[w].kind == TRAILING_STOP:
                above, below = np.inf, -np.inf
            elif run.working[w].kind == STOP and run.orders[run.working[w].order].watch_mark:
                mark_above = max(mark_above, target) if side > 0.0 else mark_above
                mark_below = min(mark_below, target) if side < 0.0 else mark_below
            elif side > 0.0:
                above = max(above, target)
            else:
                below = min(below, target)
        w = run.working[w].next
    return above, below, mark_above, mark_below


@kernel
def watch_trail(run, bars, okay, low, high, j, t, n):
    """A bar is not okay when it might reach the trailing stop, however its extremes follow each other."""
    slot = run.slots[j]
    i, best = slot.instrument, slot.best
    for b in range(n):
        if slot.quantity > 0.0:
            slot.best = max(slot.best, bars.high_price[i, t + b])
            safe = low[b] > trailing_level(run, j)
        else:
            slot.best = min(slot.best, bars.low_price[i, t + b])
            safe = high[b] < trailing_level(run, j)
        if not safe:
            okay[b] = 0.0
            break
    slot.best = best


@kernel
def follow_quiet(run, bars, t, n, path):
    """Let the trailing stops follow the best trade price that the path of `n` quiet bars reaches."""
    for j in range(len(run.slots)):
        slot = run.slots[j]
        if not slot.has_exit or (np.isnan(slot.trail) and np.isnan(slot.trail_fraction)):
            continue
        i, long = slot.instrument, slot.quantity > 0.0
        for b in range(t, t + n):
            opened, closed = bars.open_price[i, b], bars.close_price[i, b]
            if path == CLOSE:
                best = max(opened, closed) if long else min(opened, closed)
            else:
                best = bars.high_price[i, b] if long else bars.low_price[i, b]
            slot.best = max(slot.best, best) if long else min(slot.best, best)
