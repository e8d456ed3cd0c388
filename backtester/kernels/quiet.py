"""Stretches of bars in which nothing happens, many bars at a time.

Between orders and funding the positions stand still. A bar in which every pool stays above its requirement at every
way point and no exit or limit order is within the bar's range needs no walk: its equity and its extremes are sums over
legs, in loops the compiler can vectorise. Because ``equity - requirement`` is concave along a segment, way points are
all there is to test. A bar that is not certainly quiet (also one in which a notional leaves its tier, or without data)
is left to the walk, so this file decides nothing but who does the work.
"""

import numpy as np

from backtester.kernels import loops
from backtester.kernels._jit import kernel
from backtester.kernels._views import tail
from backtester.kernels.legs import leg_at
from backtester.kernels.path import NET_TOLERANCE, net_quantities, trailing_level
from backtester.schema import CANDLE, CLOSE, FAVOURABLE, LONGEST_CHUNK, NOBODY

SHORTEST = 8  # bars in a chunk after one that was not quiet
VECTOR = 4  # bars that a processor handles at a time


@kernel
def pass_quiet(run, bars, curves, pad, t, stop, path):
    """Record the quiet bars from `t` on, at most up to `stop`; returns how many there were.

    Chunks grow while nothing happens and start again short when something did; that changes no number.
    """
    net_quantities(run)
    done = 0
    while t + done < stop:
        n = min(run.state[0].reach, stop - t - done)
        quiet = chunk(run, bars, curves, pad, t + done, n, path)
        follow_quiet(run, bars, t + done, quiet, path)
        done += quiet
        if quiet < n:
            run.state[0].reach = SHORTEST
            break
        run.state[0].reach = min(LONGEST_CHUNK, 2 * run.state[0].reach)
    return done


@kernel
def chunk(run, bars, curves, pad, t, n, path):
    """Value `n` bars from `t` on and write their curves; returns how many of them, from the first, are quiet.

    Loops run over `m` >= n bars, a few beyond the stretch for the sake of whole vectors: their values go nowhere.
    """
    m = min(-(-n // VECTOR) * VECTOR, len(tail(curves.equity, t)))
    idle = 0.0
    for p in range(len(run.pools)):
        if run.pools[p].n_open == 0:
            idle += run.pools[p].cash
    loops.start_account(
        pad.okay, pad.ratio, pad.equity_open, pad.equity_first, pad.equity_second, pad.equity_close, idle, m
    )
    for p in range(len(run.pools)):
        if run.pools[p].n_open > 0:
            value_pool(run, bars, pad, p, t, m, path)
            note_pool_ratio(run, curves, pad, p, t, n)
    for j in range(len(run.slots)):
        if run.slots[j].has_exit or run.slots[j].limit_order >= 0:
            watch_slot(run, bars, pad, j, t, n)
    return write_curves(run, curves, pad, t, n)


@kernel
def write_curves(run, curves, pad, t, n):
    """Write the quiet bars of the chunk, and what the open of the first one saw, which is in the clock."""
    quiet = n
    if loops.loud_bars(pad.okay, n) > 0:
        quiet = 0
        while pad.okay[quiet] > 0.0:
            quiet += 1
    equity, equity_low, worst_ratio = tail(curves.equity, t), tail(curves.equity_low, t), tail(curves.worst_ratio, t)
    loops.write_account(
        equity,
        equity_low,
        worst_ratio,
        pad.equity_open,
        pad.equity_first,
        pad.equity_second,
        pad.equity_close,
        pad.ratio,
        quiet,
    )
    clock = run.state[0]
    if quiet > 0 and clock.bar == t:
        equity_low[0] = min(equity_low[0], clock.equity_low)
        worst_ratio[0] = max(worst_ratio[0], clock.worst_ratio)
    return quiet


@kernel
def value_pool(run, bars, pad, p, t, m, path):
    """Add the pool's equity to the account's and note its margin ratio and whether it stays above its requirement."""
    pool = run.pools[p]
    n_held, held = 0, NOBODY
    for k in range(pool.first_leg, pool.last_leg):
        leg = leg_at(run, k, bars.mark_open[run.legs[k].instrument, t])
        if leg.long_quantity + leg.short_quantity > 0.0:
            n_held, held = n_held + 1, k
    leg = run.legs[held]
    if n_held == 1 and leg.r1 == leg.r2 and leg.c1 == leg.c2:
        value_alone(run, bars, pad, leg, pool.cash, t, m, path)
        return
    equity = pad.pool_open, pad.pool_first, pad.pool_second, pad.pool_close
    need = pad.need_open, pad.need_first, pad.need_second, pad.need_close
    loops.start_pool(*equity, *need, pool.cash, m)
    for k in range(pool.first_leg, pool.last_leg):
        leg = run.legs[k]
        if leg.long_quantity + leg.short_quantity > 0.0:
            opened, first, second, closed = way_points(run, bars, pad, leg.instrument, t, m, path)
            net = leg.long_quantity - leg.short_quantity
            loops.check_range(pad.okay, first, second, leg.above, leg.below, m)
            if leg.r1 == leg.r2 and leg.c1 == leg.c2:
                loops.add_line(*equity, *need, opened, first, second, closed, net, leg.anchor, leg.r1, leg.c1, m)
            else:
                lines = leg.r1, leg.c1, leg.r2, leg.c2
                loops.add_lines(*equity, *need, opened, first, second, closed, net, leg.anchor, *lines, m)
    account = pad.equity_open, pad.equity_first, pad.equity_second, pad.equity_close
    loops.finish_pool(pad.okay, pad.ratio, pad.pool_ratio, *account, *equity, *need, m)


@kernel
def value_alone(run, bars, pad, leg, cash, t, m, path):
    """Value a pool that holds one leg, whose requirement is one line."""
    opened, first, second, closed = way_points(run, bars, pad, leg.instrument, t, m, path)
    account = pad.equity_open, pad.equity_first, pad.equity_second, pad.equity_close
    base, net = cash - leg.anchor, leg.long_quantity - leg.short_quantity
    line = base, net, leg.r1, leg.c1, leg.above, leg.below
    loops.add_alone(pad.okay, pad.ratio, pad.pool_ratio, *account, opened, first, second, closed, *line, m)


@kernel
def way_points(run, bars, pad, i, t, m, path):
    """Mark levels of instrument `i` at the way points of `m` bars; under `close` the open stands for the extremes."""
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
    loops.candle_order(pad.first, pad.second, *trades, low, high, falling_first, m)
    return opened, pad.first, pad.second, closed


@kernel
def note_pool_ratio(run, curves, pad, p, t, n):
    """Copy the pool's ratios into its curve, where one is wanted; what the open of the first bar saw is in the pool."""
    if len(curves.pool_ratio) > 0:
        ratio = tail(curves.pool_ratio, p, t)
        for b in range(n):
            ratio[b] = pad.pool_ratio[b]
        if run.state[0].bar == t:
            ratio[0] = max(ratio[0], run.pools[p].ratio)


@kernel
def watch_slot(run, bars, pad, j, t, n):
    """A bar is not okay when its range reaches one of slot `j`'s exits or its limit order."""
    slot = run.slots[j]
    i = slot.instrument
    okay = pad.okay
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
