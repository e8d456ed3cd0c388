"""Stretches of bars in which nothing happens, many bars at a time.

Between orders and funding the positions stand still. A bar in which every pool stays above its requirement at every
way point and no exit or limit order is within the bar's range needs no walk: its equity and its extremes are sums over
legs, in loops the compiler can vectorise. Because ``equity - requirement`` is concave along a segment, way points are
all there is to test. A bar that is not certainly quiet (also one in which a notional leaves its tier, or without data)
is left to the walk, so this file decides nothing but who does the work.

The pass looks ahead by a window of bars. Each leg is taken into it once, up to the next order on its instrument, so
that an order costs what its own leg costs, however many others there are. Whatever else happens (funding, margin
instructions, a bar that is walked) makes a new window.
"""

import numpy as np

from backtester.kernels import loops
from backtester.kernels._jit import kernel
from backtester.kernels._views import prefetch, tail
from backtester.kernels.exits import follow_quiet, watch_leg
from backtester.kernels.legs import leg_at, safe_levels
from backtester.kernels.lone import is_lone, pass_lone
from backtester.kernels.path import NET_TOLERANCE, net_quantities
from backtester.kernels.recording import has_ratios, idle_cash, join_open, note_pool_ratio, quiet_bars
from backtester.schema import CANDLE, CLOSE, FAVOURABLE, LONGEST_WINDOW, SHORTEST_WINDOW

START = np.int64(0)  # of the window; not a literal, for which numba would compile the callees once more
VECTOR = 8  # bars that loops like to come in
CACHE_LINE = 8  # bars of one array that memory hands out at once
FETCHED = 64  # bars


@kernel
def pass_quiet(run, bars, curves, pad, t, stop, horizon, path):
    """Record the quiet bars from `t` on, at most up to `stop`; returns how many there were.

    `horizon` is the bar of the next funding or margin instruction, beyond which there is nothing to look at. Windows
    grow while nothing happens and start again short when something did; that changes no number.
    """
    if is_lone(run, bars, t):
        break_window(run)
        return pass_lone(run, bars, curves, pad, t, stop, path)
    net_quantities(run)
    state = run.state[0]
    done = t
    while done < stop:
        if done >= state.window_end:
            open_window(run, pad, done, horizon)
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
            pool.seen_initial, pool.seen_gross = pad.need_initial[p, b], pad.need_gross[p, b]


@kernel
def open_window(run, pad, t, horizon):
    """Start a window at bar `t`, with nothing in it."""
    state = run.state[0]
    state.horizon = horizon
    n = min(state.reach, horizon - t)
    state.window_start, state.window_end = t, t + n
    state.reach = min(LONGEST_WINDOW, 2 * state.reach)
    loops.start_account(*account_rows(pad, START), n)
    loops.fill(pad.ratio, 0.0, n)
    for p in range(len(pad.pnl_open)):
        if run.pools[p].first_leg < run.pools[p].last_leg:
            loops.start_pool(*pool_rows(pad, p, START), *margin_rows(pad, p, START), n)
    for k in range(len(run.legs)):
        run.legs[k].valued_to = t


@kernel
def account_rows(pad, b):
    """Rows of the account from bar `b` of the window on: okay, equity at the way points."""
    equity = tail(pad.equity_open, b), tail(pad.equity_first, b), tail(pad.equity_second, b), tail(pad.equity_close, b)
    return tail(pad.okay, b), *equity


@kernel
def pool_rows(pad, p, b):
    """Rows of standing pool `p` from bar `b` of the window on: pnl and requirement at the way points."""
    pnl = tail(pad.pnl_open, p, b), tail(pad.pnl_first, p, b), tail(pad.pnl_second, p, b), tail(pad.pnl_close, p, b)
    need = tail(pad.need_open, p, b), tail(pad.need_first, p, b), tail(pad.need_second, p, b)
    return *pnl, *need, tail(pad.need_close, p, b)


@kernel
def margin_rows(pad, p, b):
    """Rows of standing pool `p` from bar `b` of the window on: initial margin and notionals at the open."""
    return tail(pad.need_initial, p, b), tail(pad.need_gross, p, b)


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
            add_alone(run, curves, pad, leg, points, t, b, n)
        else:
            add_to_pool(pad, leg, points, b, n)
    watch_leg(run, bars, leg, tail(pad.okay, b), t, n)
    leg.valued_to = end
    fetch_marks(bars, i, end)


@kernel
def fetch_marks(bars, i, t):
    """Have the marks from bar `t` on fetched, where the leg will be taken in next; a run would wait for them."""
    for ahead in range(t, t + FETCHED, CACHE_LINE):
        prefetch(bars.mark_open, i, ahead)
        prefetch(bars.mark_low, i, ahead)
        prefetch(bars.mark_high, i, ahead)
        prefetch(bars.mark_close, i, ahead)


@kernel
def add_alone(run, curves, pad, leg, points, t, b, n):
    """Add an on-demand pool, which is one leg with a requirement of one line."""
    cash = run.pools[leg.pool].cash
    base = cash - leg.anchor
    loops.add_alone(*account_rows(pad, b), *points, base, leg.net, *safe_levels(leg, cash), n)
    if has_ratios(curves):
        loops.ratio_alone(pad.pool_ratio, points[1], points[2], base, leg.net, leg.r1, leg.c1, n)
        loops.larger(tail(pad.ratio, b), pad.pool_ratio, n)
        note_pool_ratio(run, curves, pad.pool_ratio, leg.pool, t, n)


@kernel
def add_to_pool(pad, leg, points, b, n):
    """Add a leg to its standing pool."""
    rows = pool_rows(pad, leg.pool, b)
    line = leg.net, leg.anchor, leg.r1, leg.c1, leg.above, leg.below
    held = leg.initial, leg.gross, leg.long_notional + leg.short_notional
    loops.add_leg(tail(pad.okay, b), *rows, *margin_rows(pad, leg.pool, b), *points, *line, *held, n)
    if leg.r1 != leg.r2 or leg.c1 != leg.c2:
        loops.raise_need(*rows[4:], *points, leg.r2 - leg.r1, leg.c2 - leg.c1, n)


@kernel
def write_curves(run, curves, pad, t, n):
    """Write the curves of `n` bars; returns how many of them are quiet, from the first on."""
    b = t - run.state[0].window_start
    equity, equity_low = tail(curves.equity, t), tail(curves.equity_low, t)
    rows = account_rows(pad, b)
    m = min(-(-n // VECTOR) * VECTOR, len(rows[0]), len(equity))  # values beyond n go nowhere
    if has_ratios(curves):
        loops.copy(tail(curves.worst_ratio, t), tail(pad.ratio, b), n)
    if has_standing(run):
        rows = with_standing(run, curves, pad, rows, t, b, n, m)
    loops.write_account(equity, equity_low, *rows[1:], idle_cash(run), m)
    quiet = quiet_bars(rows[0]) if loops.loud_bars(rows[0], n) > 0 else n
    join_open(run, curves, t, quiet)
    return quiet


@kernel
def has_standing(run):
    """Whether a standing pool has a position."""
    p = 0
    while p < len(run.pools) and not run.pools[p].on_demand:
        if run.pools[p].n_open > 0:
            return True
        p += 1
    return False


@kernel
def with_standing(run, curves, pad, rows, t, b, n, m):
    """The account's rows together with the standing pools'."""
    whole = pad.whole_okay, pad.whole_open, pad.whole_first, pad.whole_second, pad.whole_close
    loops.copy_account(*whole, *rows, m)
    for p in range(len(pad.pnl_open)):
        if run.pools[p].n_open > 0:
            pool = *pool_rows(pad, p, b), run.pools[p].cash
            loops.add_pool(*whole, *pool, m)
            if has_ratios(curves):
                loops.ratio_pool(pad.pool_ratio, *pool, n)
                loops.larger(tail(curves.worst_ratio, t), pad.pool_ratio, n)
                note_pool_ratio(run, curves, pad.pool_ratio, p, t, n)
    return whole


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
