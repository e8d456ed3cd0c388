"""Stretches of bars in which nothing happens, many bars at a time.

Between orders and funding the positions stand still. A bar in which every pool stays above its requirement at every
way point and no exit or limit order is within the bar's range needs no walk: its equity and its extremes are sums over
legs, in loops the compiler can vectorise. Because ``equity - requirement`` is concave along a segment, way points are
all there is to test. A bar that is not certainly quiet (also one in which a notional leaves its tier, or without data)
is left to the walk, so this file decides nothing but who does the work.

The pass looks ahead by a window of bars. Each leg is taken into it once, up to the next order on its instrument, so
that an order costs what its own leg costs, however many others there are. Whatever else happens (funding, margin
instructions, a change of tiers, a bar that is walked) makes a new window.
"""

import numpy as np

from backtester.kernels import loops
from backtester.kernels._jit import kernel
from backtester.kernels._views import prefetch, tail
from backtester.kernels.exits import follow_quiet, has_watched, watch_leg
from backtester.kernels.legs import leg_at, safe_levels, stays_between
from backtester.kernels.lone import is_lone, pass_lone
from backtester.kernels.margin import LAST_DIGIT
from backtester.kernels.path import NET_TOLERANCE, net_quantities
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
from backtester.schema import CANDLE, CLOSE, FAVOURABLE, LONGEST_WINDOW, SHORTEST_WINDOW

START = np.int64(0)  # of the window; not a literal, for which numba would compile the callees once more
CACHE_LINE = 8  # bars of one array that memory hands out at once
FETCHED = 64  # bars


@kernel
def pass_quiet(run, bars, curves, pad, t, stop, horizon, path):
    """Record the quiet bars from `t` on, at most up to `stop`; returns how many there were.

    `horizon` is the bar of the next funding, margin instruction or change of tiers, beyond which there is nothing to
    look at. Windows grow while nothing happens and start again short when something did; that changes no number.
    """
    if is_lone(run, bars, t):
        break_window(run)
        return pass_lone(run, bars, curves, pad, t, stop, path)
    net_quantities(run)
    state = run.state[0]
    done = t
    while done < stop:
        if done >= state.window_end:
            open_window(run, curves, pad, done, horizon)
        for k in range(len(run.legs)):
            if run.legs[k].valued_to <= done:
                take_in(run, bars, curves, pad, k, done, path)
        n = min(stop, state.window_end) - done
        quiet = write_curves(run, curves, pad, done, n)
        follow_quiet(run, bars, done, quiet, path)
        done += quiet
        if quiet < n:
            break_window(run)
            state.reach = SHORTEST_WINDOW
            break
    return done - t


@kernel
def break_window(run):
    """Forget what was looked at ahead."""
    run.state[0].window_end = 0
    run.state[0].looked_ahead = 0


@kernel
def look_ahead(run, pad):
    """At an open inside the window: note what it holds of each standing pool, so that nobody has to add it up again.

    Not in a bar that is to be walked: a leg may be beyond its tier there, where its line says nothing.
    """
    state = run.state[0]
    b = state.bar - state.window_start
    state.looked_ahead = state.bar < state.window_end and pad.okay[b] > 0.0
    if state.looked_ahead:
        for p in range(len(pad.pnl_open)):
            pool = run.pools[p]
            pool.seen_pnl, pool.seen_need = pad.pnl_open[p, b], pad.need_open[p, b]
            pool.seen_initial, pool.seen_gross = pad.initial_open[p, b], pad.gross_open[p, b]


@kernel
def open_window(run, curves, pad, t, horizon):
    """Start a window at bar `t`, with nothing in it."""
    state = run.state[0]
    n = min(state.reach, horizon - t)
    state.window_start, state.window_end = t, t + n
    state.reach = min(LONGEST_WINDOW, 2 * state.reach)
    loops.fill(pad.okay, 1.0, n)
    loops.fill(pad.ratio, 0.0, n)
    for row in (pad.equity_open, pad.equity_first, pad.equity_second, pad.equity_close):
        loops.fill(row, 0.0, n)
    for p in range(len(pad.slack)):
        if run.pools[p].first_leg < run.pools[p].last_leg:
            start_pool(pad, p, n)
    for k in range(len(run.legs)):
        run.legs[k].valued_to = t


@kernel
def start_pool(pad, p, n):
    """Start a standing pool without legs."""
    for rows in (pad.slack, pad.initial_open, pad.gross_open):
        loops.fill(tail(rows, p, START), 0.0, n)
    for rows in (pad.pnl_open, pad.pnl_first, pad.pnl_second, pad.pnl_close):
        loops.fill(tail(rows, p, START), 0.0, n)
    for rows in (pad.need_open, pad.need_first, pad.need_second, pad.need_close):
        loops.fill(tail(rows, p, START), 0.0, n)


@kernel
def take_in(run, bars, curves, pad, k, t, path):
    """Take leg `k` into the window, from bar `t` to the next order on its instrument."""
    i = run.legs[k].instrument
    end = min(run.state[0].window_end, run.instruments[i].next_order)
    n, b = end - t, t - run.state[0].window_start
    leg = leg_at(run, k, bars.mark_open[i, t])
    if leg.gross > 0.0:
        points = way_points(run, bars, pad, i, t, n, path)
        if run.pools[leg.pool].on_demand:
            add_alone(run, bars, curves, pad, leg, points, t, b, n)
        else:
            add_to_pool(curves, pad, leg, points, b, n)
    if has_watched(run, leg):
        watch_leg(run, bars, leg, tail(pad.okay, b), t, n)
    leg.valued_to = end
    fetch_marks(bars, i, end, min(end + FETCHED, len(curves.equity)))


@kernel
def fetch_marks(bars, i, t, stop):
    """Have the marks from bar `t` on fetched, where the leg will be taken in next; a run would wait for them."""
    for ahead in range(t, stop, CACHE_LINE):
        prefetch(bars.mark_open, i, ahead)
        prefetch(bars.mark_low, i, ahead)
        prefetch(bars.mark_high, i, ahead)
        prefetch(bars.mark_close, i, ahead)


@kernel
def add_alone(run, bars, curves, pad, leg, points, t, b, n):
    """Add an on-demand pool, which is one leg with a requirement of one line."""
    opened, first, second, closed = points
    cash = run.pools[leg.pool].cash
    base, net = cash - leg.anchor, leg.net
    above, below = safe_levels(leg, cash)
    if not stays_between(bars, leg.instrument, t, n, above, below):
        loops.check_range(tail(pad.okay, b), first, second, above, below, n)
    loops.add_line(tail(pad.equity_close, b), closed, base, net, n)
    if has_lows(curves):
        loops.add_line(tail(pad.equity_open, b), opened, base, net, n)
        loops.add_line(tail(pad.equity_first, b), first, base, net, n)
        loops.add_line(tail(pad.equity_second, b), second, base, net, n)
    if has_ratios(curves):
        loops.ratio_alone(pad.pool_ratio, first, second, base, net, leg.r1, leg.c1, n)
        loops.larger(tail(pad.ratio, b), pad.pool_ratio, n)
        note_pool_ratio(run, curves, pad.pool_ratio, leg.pool, t, n)


@kernel
def add_to_pool(curves, pad, leg, points, b, n):
    """Add a leg to its standing pool."""
    p = leg.pool
    opened, first, second, closed = points
    slack, need = tail(pad.slack, p, b), tail(pad.need_open, p, b)
    rows = tail(pad.okay, b), slack, tail(pad.pnl_open, p, b), tail(pad.pnl_close, p, b), need
    margins = tail(pad.initial_open, p, b), tail(pad.gross_open, p, b)
    line = leg.net, leg.anchor, leg.r1, leg.c1, leg.above, leg.below
    held = leg.initial, leg.gross, leg.long_notional + leg.short_notional
    loops.add_leg(*rows, *margins, *points, *line, *held, n)
    two_lines = leg.r1 != leg.r2 or leg.c1 != leg.c2
    if two_lines:
        loops.lower_slack(slack, first, second, leg.r2 - leg.r1, leg.c2 - leg.c1, n)
        loops.raise_line(need, opened, leg.c1 - leg.c2, leg.r2 - leg.r1, n)
    if has_lows(curves):
        loops.add_line(tail(pad.pnl_first, p, b), first, -leg.anchor, leg.net, n)
        loops.add_line(tail(pad.pnl_second, p, b), second, -leg.anchor, leg.net, n)
    if has_ratios(curves):
        add_need(tail(pad.need_first, p, b), leg, first, two_lines, n)
        add_need(tail(pad.need_second, p, b), leg, second, two_lines, n)
        add_need(tail(pad.need_close, p, b), leg, closed, two_lines, n)


@kernel
def add_need(need, leg, levels, two_lines, n):
    """Add a leg's requirement at one way point."""
    loops.add_line(need, levels, -leg.c1, leg.r1, n)
    if two_lines:
        loops.raise_line(need, levels, leg.c1 - leg.c2, leg.r2 - leg.r1, n)


@kernel
def write_curves(run, curves, pad, t, n):
    """Write the curves of `n` bars; returns how many of them are quiet, from the first on."""
    b = t - run.state[0].window_start
    equity, idle = tail(curves.equity, t), idle_cash(run)
    m = whole_vectors(n, len(equity))
    loops.write_line(pad.whole_okay, tail(pad.okay, b), 0.0, 1.0, m)
    loops.write_line(equity, tail(pad.equity_close, b), idle, 1.0, m)
    if has_lows(curves):
        loops.write_line(pad.whole_open, tail(pad.equity_open, b), idle, 1.0, m)
        loops.write_line(pad.whole_first, tail(pad.equity_first, b), idle, 1.0, m)
        loops.write_line(pad.whole_second, tail(pad.equity_second, b), idle, 1.0, m)
    if has_ratios(curves):
        loops.write_line(tail(curves.worst_ratio, t), tail(pad.ratio, b), 0.0, 1.0, n)
    for p in range(len(pad.slack)):
        if run.pools[p].n_open > 0:
            add_pool(run, curves, pad, p, t, b, n, m)
    if has_lows(curves):
        lows = tail(curves.equity_low, t)
        loops.write_low(lows, pad.whole_open, pad.whole_first, pad.whole_second, equity, m)
        if has_stretches(curves):
            log_stretch(run, curves, t, np.nan, np.nan)
    quiet = min(n, quiet_bars(pad.whole_okay)) if loops.loud_bars(pad.whole_okay, m) > 0 else n
    join_open(run, curves, t, quiet)
    return quiet


@kernel
def add_pool(run, curves, pad, p, t, b, n, m):
    """Add a standing pool to the account's curves."""
    cash = run.pools[p].cash
    pnl = tail(pad.pnl_open, p, b), tail(pad.pnl_first, p, b), tail(pad.pnl_second, p, b), tail(pad.pnl_close, p, b)
    sums = tail(pad.slack, p, b), tail(pad.gross_open, p, b), pnl[3]
    loops.add_pool(pad.whole_okay, tail(curves.equity, t), *sums, cash, LAST_DIGIT, m)
    if has_lows(curves):
        loops.add_line(pad.whole_open, pnl[0], cash, 1.0, m)
        loops.add_line(pad.whole_first, pnl[1], cash, 1.0, m)
        loops.add_line(pad.whole_second, pnl[2], cash, 1.0, m)
    if has_ratios(curves):
        need = tail(pad.need_open, p, b), tail(pad.need_first, p, b), tail(pad.need_second, p, b)
        loops.ratio_pool(pad.pool_ratio, *pnl, *need, tail(pad.need_close, p, b), cash, n)
        loops.larger(tail(curves.worst_ratio, t), pad.pool_ratio, n)
        note_pool_ratio(run, curves, pad.pool_ratio, p, t, n)


@kernel
def way_points(run, bars, pad, i, t, n, path):
    """Mark levels of instrument `i` at the way points of `n` bars; under `close` the open stands for the extremes."""
    quote = run.instruments[i]
    opened, closed = tail(bars.mark_open, i, t), tail(bars.mark_close, i, t)
    low, high = tail(bars.mark_low, i, t), tail(bars.mark_high, i, t)
    if path == CLOSE:
        return opened, opened, closed, closed
    if path != CANDLE and abs(quote.net) > NET_TOLERANCE * quote.gross:
        if (quote.net > 0.0) != (path == FAVOURABLE):
            return opened, low, high, closed
        return opened, high, low, closed
    falling_first = path == FAVOURABLE  # a falling candle has its high first; `favourable` is the other way round
    trades = tail(bars.open, i, t), tail(bars.close, i, t)
    loops.candle_order(pad.first, pad.second, *trades, low, high, falling_first, n)
    return opened, pad.first, pad.second, closed
