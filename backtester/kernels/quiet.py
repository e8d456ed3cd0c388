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
from backtester.kernels.legs import leg_at
from backtester.kernels.path import NET_TOLERANCE, net_quantities, trailing_level
from backtester.schema import CANDLE, CLOSE, FAVOURABLE, LONGEST_WINDOW

SHORTEST = 8  # bars in a window after a bar that was not quiet
START = np.int64(0)  # of the window; not a literal, for which numba would compile the callees once more
VECTOR = 8  # bars that loops like to come in


@kernel
def pass_quiet(run, bars, curves, pad, t, stop, horizon, path):
    """Record the quiet bars from `t` on, at most up to `stop`; returns how many there were.

    `horizon` is the bar of the next funding or margin instruction, beyond which there is nothing to look at. Windows
    grow while nothing happens and start again short when something did; that changes no number.
    """
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
            state.reach = SHORTEST
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
    inside = state.bar < state.window_end and len(run.legs) > 1
    state.looked_ahead = inside and pad.okay[b] > 0.0
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
    if len(run.legs) != 1:  # the rows of a lone leg start when it is taken in, if it needs them
        start_rows(run, pad, START, n)
    for k in range(len(run.legs)):
        run.legs[k].valued_to = t


@kernel
def start_rows(run, pad, b, n):
    """Start `n` bars of the account's rows and its standing pools' from bar `b` of the window on."""
    loops.start_account(*account_rows(pad, b), n)
    for p in range(len(pad.pnl_open)):
        if run.pools[p].first_leg < run.pools[p].last_leg:
            loops.start_pool(*pool_rows(pad, p, b), *margin_rows(pad, p, b), n)


@kernel
def account_rows(pad, b):
    """Rows of the account from bar `b` of the window on: okay, ratio, equity at the way points."""
    equity = tail(pad.equity_open, b), tail(pad.equity_first, b), tail(pad.equity_second, b), tail(pad.equity_close, b)
    return tail(pad.okay, b), tail(pad.ratio, b), *equity


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
    if len(run.legs) == 1 and not is_lone(run):
        start_rows(run, pad, b, n)
    if leg.gross > 0.0:
        points = way_points(run, bars, pad, i, t, n, path)
        if is_lone(run):
            write_lone(run, curves, pad, leg, points, t, b, n)
        elif run.pools[leg.pool].on_demand:
            add_alone(run, curves, pad, leg, points, t, b, n)
        else:
            add_to_pool(pad, leg, points, b, n)
    for m in range(leg.first, leg.last):
        j = run.slots[m].member
        if run.slots[j].has_exit or run.slots[j].limit_order >= 0:
            watch_slot(run, bars, tail(pad.okay, b), j, t, n)
    leg.valued_to = end
    if end < run.state[0].horizon:  # there an order will ask for these
        prefetch(bars.mark_open, i, end)
        prefetch(bars.open, i, end)
        prefetch(bars.open_price, i, end)


@kernel
def is_lone(run):
    """Whether the account is one leg with a requirement of one line."""
    if len(run.legs) != 1:
        return False
    leg = run.legs[0]
    return leg.gross > 0.0 and leg.r1 == leg.r2 and leg.c1 == leg.c2


@kernel
def write_lone(run, curves, pad, leg, points, t, b, n):
    """Write the curves of an account of one leg at once, without rows to add it to."""
    base, net = run.pools[leg.pool].cash - leg.anchor, leg.net
    line = base, net, leg.r1, leg.c1, leg.above, leg.below
    written = tail(curves.equity, t), tail(curves.equity_low, t), ratio_row(curves, pad, t)
    loops.write_lone(tail(pad.okay, b), *written, *points[1:], *line, idle_cash(run), n)
    note_pool_ratio(run, curves, written[2], leg.pool, t, n)


@kernel
def idle_cash(run):
    """Cash of the pools without positions."""
    idle = 0.0
    for p in range(len(run.pools)):
        if run.pools[p].n_open == 0:
            idle += run.pools[p].cash
    return idle


@kernel
def add_alone(run, curves, pad, leg, points, t, b, n):
    """Add an on-demand pool, which is one leg with a requirement of one line."""
    base, net = run.pools[leg.pool].cash - leg.anchor, leg.net
    line = base, net, leg.r1, leg.c1, leg.above, leg.below
    loops.add_alone(*account_rows(pad, b), pad.pool_ratio, *points, *line, n)
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
    """Write the quiet bars of `n`, and what the open of the first one saw, which is in the clock; returns how many."""
    b = t - run.state[0].window_start
    equity, equity_low, worst_ratio = tail(curves.equity, t), tail(curves.equity_low, t), ratio_row(curves, pad, t)
    okay = tail(pad.okay, b)
    if not is_lone(run):
        rows = account_rows(pad, b)
        m = min(-(-n // VECTOR) * VECTOR, len(okay), len(equity))  # values beyond n go nowhere
        if has_standing(run):
            rows = with_standing(run, curves, pad, rows, t, b, n, m)
        loops.write_account(equity, equity_low, worst_ratio, *rows, idle_cash(run), m)
        okay = rows[0]
    quiet = n
    if loops.loud_bars(okay, n) > 0:
        quiet = 0
        while okay[quiet] > 0.0:
            quiet += 1
    clock = run.state[0]
    if quiet > 0 and clock.bar == t:
        equity_low[0] = min(equity_low[0], clock.equity_low)
        worst_ratio[0] = max(worst_ratio[0], clock.worst_ratio)
    if len(curves.pool_ratio) > 0:
        note_flat_pools(run, curves, t, quiet)
    return quiet


@kernel
def note_flat_pools(run, curves, t, n):
    """A pool without positions has a ratio of 0, whatever was looked at ahead, but for what this open saw."""
    for p in range(len(run.pools)):
        if run.pools[p].n_open == 0 and n > 0:
            ratio = tail(curves.pool_ratio, p, t)
            for b in range(n):
                ratio[b] = 0.0
            if run.state[0].bar == t:
                ratio[0] = run.pools[p].ratio


@kernel
def ratio_row(curves, pad, t):
    """Where the account's worst ratios go: into their curve from bar `t` on, or nowhere when it is not asked for."""
    return tail(curves.worst_ratio, t) if len(curves.worst_ratio) > 0 else pad.no_ratio


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
    equity = pad.whole_open, pad.whole_first, pad.whole_second, pad.whole_close
    whole = pad.whole_okay, pad.whole_ratio, *equity
    loops.copy_account(*whole, *rows, m)
    for p in range(len(pad.pnl_open)):
        if run.pools[p].n_open > 0:
            loops.finish_pool(*whole, pad.pool_ratio, *pool_rows(pad, p, b), run.pools[p].cash, m)
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


@kernel
def note_pool_ratio(run, curves, seen, p, t, n):
    """Copy the pool's ratios into its curve, where one is wanted; what the open of the first bar saw is in the pool."""
    if len(curves.pool_ratio) > 0:
        ratio = tail(curves.pool_ratio, p, t)
        for b in range(n):
            ratio[b] = seen[b]
        if run.state[0].bar == t:
            ratio[0] = max(ratio[0], run.pools[p].ratio)


@kernel
def watch_slot(run, bars, okay, j, t, n):
    """A bar is not okay when its range reaches one of slot `j`'s exits or its limit order."""
    slot = run.slots[j]
    i = slot.instrument
    above, below = -np.inf, np.inf  # trade prices strictly between these are safe
    mark_above, mark_below = -np.inf, np.inf
    if slot.limit_order >= 0:
        limit = run.orders[slot.limit_order].limit
        if slot.limit_quantity > 0.0:
            above = limit
        else:
            below = limit
    if slot.has_exit and slot.quantity > 0.0:
        if slot.watch_mark:
            mark_above = -np.inf if np.isnan(slot.stop) else slot.stop
        elif slot.stop > above:
            above = slot.stop
        if slot.take_profit < below:
            below = slot.take_profit
    elif slot.has_exit:
        if slot.watch_mark:
            mark_below = np.inf if np.isnan(slot.stop) else slot.stop
        elif slot.stop < below:
            below = slot.stop
        if slot.take_profit > above:
            above = slot.take_profit
    low, high = tail(bars.low, i, t), tail(bars.high, i, t)
    loops.check_range(okay, low, high, above, below, n)
    loops.check_range(okay, tail(bars.mark_low, i, t), tail(bars.mark_high, i, t), mark_above, mark_below, n)
    if slot.has_exit and not (np.isnan(slot.trail) and np.isnan(slot.trail_fraction)):
        watch_trail(run, bars, okay, low, high, j, t, n)


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
