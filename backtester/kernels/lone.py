"""Quiet bars of an account that is one leg: with no other to be added to, it needs no window.

A bar is quiet when its range stays strictly between two levels; see `legs.safe_levels`.
"""

import numpy as np

from backtester.kernels import loops
from backtester.kernels._jit import kernel
from backtester.kernels._views import tail
from backtester.kernels.exits import follow_quiet, has_watched, watch_leg
from backtester.kernels.legs import leg_at, safe_levels, stays_between
from backtester.kernels.recording import (
    has_lows,
    has_ratios,
    idle_cash,
    join_open,
    note_pool_ratio,
    quiet_bars,
    whole_vectors,
)
from backtester.kernels.stretches import has_stretches, log_stretch
from backtester.schema import CLOSE, LONGEST_WINDOW, SHORTEST_WINDOW

ONLY = np.int64(0)  # leg; not a literal, for which numba would compile the callee once more


@kernel
def is_lone(run, bars, t):
    """Whether the account is one leg, flat or with a requirement of one line."""
    if len(run.legs) != 1:
        return False
    leg = leg_at(run, ONLY, bars.mark_open[run.legs[0].instrument, t])
    return leg.r1 == leg.r2 and leg.c1 == leg.c2


@kernel
def pass_lone(run, bars, curves, pad, t, stop, path):
    """Record the quiet bars from `t` on, at most up to `stop`; returns how many there were."""
    state = run.state[0]
    done = t
    while done < stop:
        n = min(stop - done, state.reach)
        quiet = write_lone(run, bars, curves, pad, done, n, path)
        follow_quiet(run, bars, done, quiet, path)
        done += quiet
        if quiet < n:
            state.reach = SHORTEST_WINDOW
            break
        state.reach = min(LONGEST_WINDOW, 2 * state.reach)
    return done - t


@kernel
def write_lone(run, bars, curves, pad, t, n, path):
    """Write the curves of `n` bars; returns how many of them are quiet, from the first on."""
    leg = run.legs[0]
    m = whole_vectors(n, len(curves.equity) - t)
    loud = write_held(run, bars, curves, pad, t, m, path) if leg.gross > 0.0 else write_flat(run, curves, t, m)
    if has_watched(run, leg):
        if loud == 0:
            loops.fill(pad.okay, 1.0, n)
        watch_leg(run, bars, leg, pad.okay, t, n)
        loud = loops.loud_bars(pad.okay, n)
    quiet = min(n, quiet_bars(pad.okay)) if loud > 0 else n
    join_open(run, curves, t, quiet)
    return quiet


@kernel
def write_held(run, bars, curves, pad, t, n, path):
    """Write the curves of a position; returns how many bars are not quiet, and says which where there are any."""
    leg = run.legs[0]
    i, cash = leg.instrument, run.pools[leg.pool].cash
    first, second, closed = tail(bars.mark_low, i, t), tail(bars.mark_high, i, t), tail(bars.mark_close, i, t)
    if path == CLOSE:
        first, second = tail(bars.mark_open, i, t), closed
    base = cash - leg.anchor
    start = idle_cash(run) + base
    loops.write_line(tail(curves.equity, t), closed, start, leg.net, n)
    if has_lows(curves):
        tell_lows(run, curves, first, second, t, start, leg.net, n, path)
    if has_ratios(curves):
        ratio = tail(curves.worst_ratio, t)
        loops.ratio_alone(ratio, first, second, base, leg.net, leg.r1, leg.c1, n)
        note_pool_ratio(run, curves, ratio, leg.pool, t, n)
    above, below = safe_levels(leg, cash)
    if stays_between(bars, i, t, n, above, below):
        return np.int64(0)
    return loops.write_okay(pad.okay, first, second, above, below, n)


@kernel
def tell_lows(run, curves, first, second, t, start, net, n, path):
    """Log the stretch that `n` lows follow from, or write them."""
    if has_stretches(curves):
        log_stretch(run, curves, t, start, net if path != CLOSE else np.nan)
    if path == CLOSE or not has_stretches(curves):
        loops.write_lowest(tail(curves.equity_low, t), first, second, start, net, n)


@kernel
def write_flat(run, curves, t, n):
    """Write the curves of no position; returns 0, the bars that are not quiet."""
    cash = idle_cash(run)
    loops.fill(tail(curves.equity, t), cash, n)
    if has_stretches(curves):
        log_stretch(run, curves, t, cash, 0.0)
    elif has_lows(curves):
        loops.fill(tail(curves.equity_low, t), cash, n)
    if has_ratios(curves):
        loops.fill(tail(curves.worst_ratio, t), 0.0, n)
    return 0
