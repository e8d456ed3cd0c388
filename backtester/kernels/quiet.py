"""Stretches of bars in which nothing happens, many bars at a time.

Between orders and funding the positions stand still. A bar in which every pool stays above its requirement at every
way point and no exit or limit order is within the bar's range needs no walk: its equity and its extremes are sums over
positions, in loops the compiler can vectorise. Because ``equity - requirement`` is concave along a segment, way points
are all there is to test. A bar that is not certainly quiet (also one in which a notional leaves its tier, or without
data) is left to the walk, so this file decides nothing but who does the work.
"""

import numpy as np

from backtester.kernels._jit import kernel
from backtester.kernels.path import NET_TOLERANCE, net_quantities, trailing_level
from backtester.kernels.pieces import group_at, pieces
from backtester.schema import CANDLE, CLOSE, FAVOURABLE, MAIN, PAD_SHAPE

LONGEST = PAD_SHAPE[1]  # bars in a chunk
SHORTEST = 8
# Rows of the scratch pad.
OPEN_EQUITY, FIRST_EQUITY, SECOND_EQUITY, CLOSE_EQUITY = 0, 1, 2, 3  # of the account, at the way points
OKAY, RATIO = 4, 5
POOL_EQUITY, POOL_NEED = 6, 10  # four rows each, of the pool at hand
FIRST, SECOND, LOW, HIGH = 14, 15, 16, 17  # way points of the instrument at hand
POOL_RATIO = 18


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
        run.state[0].reach = min(LONGEST, 2 * run.state[0].reach)
    return done


@kernel
def chunk(run, bars, curves, pad, t, n, path):
    """Value `n` bars from `t` on and write their curves; returns how many of them, from the first, are quiet."""
    idle, n_open, p = 0.0, 0, MAIN
    for each in range(len(run.pools)):
        if run.pools[each].n_open == 0:
            idle += run.pools[each].cash
        else:
            n_open += 1
            p = each
    if n_open == 1 and len(curves.pool_ratio) == 0 and not is_watched(run):
        quiet = value_only_pool(run, bars, curves, pad, p, idle, t, n, path)
        if quiet >= 0:
            return merge_open(run, curves, t, quiet)
    for b in range(n):
        pad[OPEN_EQUITY, b] = idle
        pad[FIRST_EQUITY, b] = idle
        pad[SECOND_EQUITY, b] = idle
        pad[CLOSE_EQUITY, b] = idle
        pad[OKAY, b] = 1.0
        pad[RATIO, b] = 0.0
    for p in range(len(run.pools)):
        if run.pools[p].n_open > 0:
            value_pool(run, bars, curves, pad, p, t, n, path)
    for j in range(len(run.slots)):
        if run.slots[j].has_exit or run.slots[j].limit_order >= 0:
            watch_slot(run, bars, pad, j, t, n)
    return write_curves(run, curves, pad, t, n)


@kernel
def is_watched(run):
    """Whether any slot has an exit or a resting limit order."""
    watched = 0
    for j in range(len(run.slots)):
        watched += run.slots[j].has_exit or run.slots[j].limit_order >= 0
    return watched > 0


@kernel
def write_curves(run, curves, pad, t, n):
    """Copy the quiet bars of the chunk into the curves."""
    quiet = 0
    while quiet < n and pad[OKAY, quiet] > 0.0:
        quiet += 1
    opened, first, second, closed = pad[OPEN_EQUITY], pad[FIRST_EQUITY], pad[SECOND_EQUITY], pad[CLOSE_EQUITY]
    ratio = pad[RATIO]
    for b in range(quiet):
        curves.equity[t + b] = closed[b]
        curves.equity_low[t + b] = min(min(opened[b], first[b]), min(second[b], closed[b]))
        curves.worst_ratio[t + b] = ratio[b]
    return merge_open(run, curves, t, quiet)


@kernel
def merge_open(run, curves, t, quiet):
    """Take what the open of the first bar saw, which is in the clock, into its curves."""
    clock = run.state[0]
    if quiet > 0 and clock.bar == t:
        curves.equity_low[t] = min(curves.equity_low[t], clock.equity_low)
        curves.worst_ratio[t] = max(curves.worst_ratio[t], clock.worst_ratio)
    return quiet


@kernel
def value_only_pool(run, bars, curves, pad, p, idle, t, n, path):
    """Value the only pool with positions, if they are on one instrument, without the pad; -1: they are not.

    The same sums as `add_alone` and `write_curves`, kept in registers: this is what a long run of one slot spends its
    time in.
    """
    pool = run.pools[p]
    _, i, long_q, short_q, long_n, short_n, anchor = open_group(run, p)
    low, high = extremes(bars, pad, i, t, n, path)
    closed = bars.mark_close[i, t : t + n]
    r, c, r2, c2, above, below = pieces(run, i, long_q, short_q, long_n, short_n, bars.mark_open[i, t])
    if r != r2 or c != c2 or not is_alone(run, p, i):
        return -1
    if run.instruments[i].inverse:
        r = -r
        above, below = -below, -above
    base, net = pool.cash - anchor, long_q - short_q
    worst_is_high = r * base + net * c > 0.0
    worst = high if worst_is_high else low
    least = low if net > 0.0 else high  # where the equity is lowest
    equity, equity_low, ratio = curves.equity[t : t + n], curves.equity_low[t : t + n], curves.worst_ratio[t : t + n]
    for b in range(n):
        if not (base + net * low[b] > r * low[b] - c and base + net * high[b] > r * high[b] - c):
            return b
        if not (low[b] > above and high[b] <= below):
            return b
        equity[b] = idle + (base + net * closed[b])
        equity_low[b] = idle + (base + net * least[b])
        ratio[b] = (r * worst[b] - c) / (base + net * worst[b])
    return n


@kernel
def open_group(run, p):
    """The first instrument of pool `p` with a position, as `group_at` gives it."""
    k = run.pools[p].first
    group = group_at(run, k, run.pools[p].last)
    while group[2] + group[3] == 0.0 and group[0] < run.pools[p].last:
        group = group_at(run, group[0], run.pools[p].last)
    return group


@kernel
def way_points(quote, bars, pad, i, t, n, path):
    """Mark levels of the first and second extreme of instrument `i`: arrays of `n` bars."""
    closed = bars.mark_close[i, t : t + n]
    low, high = bars.mark_low[i, t : t + n], bars.mark_high[i, t : t + n]
    if path == CLOSE:
        return closed, closed
    if path != CANDLE and abs(quote.net) > NET_TOLERANCE * quote.gross:
        if (quote.net > 0.0) != (path == FAVOURABLE):
            return low, high
        return high, low
    start, end = bars.open[i, t : t + n], bars.close[i, t : t + n]
    first, second = pad[FIRST, :n], pad[SECOND, :n]
    for b in range(n):
        low_first = (end[b] >= start[b]) != (path == FAVOURABLE)
        first[b] = low[b] if low_first else high[b]
        second[b] = high[b] if low_first else low[b]
    return first, second


@kernel
def extremes(bars, pad, i, t, n, path):
    """Lowest and highest mark level that the path of instrument `i` reaches: arrays of `n` bars."""
    if path != CLOSE:
        return bars.mark_low[i, t : t + n], bars.mark_high[i, t : t + n]
    opened, closed = bars.mark_open[i, t : t + n], bars.mark_close[i, t : t + n]
    low, high = pad[LOW, :n], pad[HIGH, :n]
    for b in range(n):
        low[b] = min(opened[b], closed[b])
        high[b] = max(opened[b], closed[b])
    return low, high


@kernel
def value_pool(run, bars, curves, pad, p, t, n, path):
    """Add the pool's equity to the account's and note its margin ratio and whether it stays above its requirement."""
    pool = run.pools[p]
    for b in range(n):
        for row in range(4):
            pad[POOL_EQUITY + row, b] = pool.cash
            pad[POOL_NEED + row, b] = 0.0
    k = pool.first
    while k < pool.last:
        k, i, long_q, short_q, long_n, short_n, anchor = group_at(run, k, pool.last)
        if long_q + short_q > 0.0:
            first, second = way_points(run.instruments[i], bars, pad, i, t, n, path)
            low, high = extremes(bars, pad, i, t, n, path)
            opened, closed = bars.mark_open[i, t : t + n], bars.mark_close[i, t : t + n]
            r1, c1, r2, c2, above, below = pieces(run, i, long_q, short_q, long_n, short_n, opened[0])
            inverse = run.instruments[i].inverse
            net = long_q - short_q
            if inverse:
                r1, r2 = -r1, -r2
            if r1 == r2 and c1 == c2 and is_alone(run, p, i):
                if inverse:
                    above, below = -below, -above
                base = pool.cash - anchor
                add_alone(pad, opened, first, second, closed, low, high, base, net, r1, c1, above, below, n)
                note_pool_ratio(run, curves, pad, p, t, n)
                return
            check_piece(pad[OKAY], low, high, above, below, inverse, n)
            add_leg(pad[POOL_EQUITY], pad[POOL_NEED], opened, net, anchor, r1, c1, r2, c2, n)
            add_leg(pad[POOL_EQUITY + 1], pad[POOL_NEED + 1], first, net, anchor, r1, c1, r2, c2, n)
            add_leg(pad[POOL_EQUITY + 2], pad[POOL_NEED + 2], second, net, anchor, r1, c1, r2, c2, n)
            add_leg(pad[POOL_EQUITY + 3], pad[POOL_NEED + 3], closed, net, anchor, r1, c1, r2, c2, n)
    finish_pool(run, curves, pad, p, t, n)


@kernel
def is_alone(run, p, i):
    """Whether pool `p` has positions on instrument `i` only."""
    for k in range(run.pools[p].first, run.pools[p].last):
        slot = run.slots[run.slots[k].member]
        if slot.quantity != 0.0 and slot.instrument != i:
            return False
    return True


@kernel
def add_alone(pad, opened, first, second, closed, low, high, base, net, r, c, above, below, n):
    """Value a pool on one instrument, with ``need = r*v - c`` as long as v is between `above` and `below`.

    Its equity, ``base + Q*v``, and its need are straight in v, so a bar's extremes are all there is to test. Its ratio
    ``(r*v - c)/(base + Q*v)`` is monotone: it rises with v where ``r*base + Q*c > 0``, so one end is the worst.
    """
    worst_is_high = r * base + net * c > 0.0
    for b in range(n):
        at_low, at_high = base + net * low[b], base + net * high[b]
        need_low, need_high = r * low[b] - c, r * high[b] - c
        if not (at_low > need_low and at_high > need_high and low[b] > above and high[b] <= below):
            pad[OKAY, b] = 0.0
        ratio = need_high / at_high if worst_is_high else need_low / at_low
        pad[RATIO, b] = max(pad[RATIO, b], ratio)
        pad[POOL_RATIO, b] = ratio
        pad[OPEN_EQUITY, b] += base + net * opened[b]
        pad[FIRST_EQUITY, b] += base + net * first[b]
        pad[SECOND_EQUITY, b] += base + net * second[b]
        pad[CLOSE_EQUITY, b] += base + net * closed[b]


@kernel
def check_piece(okay, low, high, above, below, inverse, n):
    """A bar is not okay when a notional leaves its tier inside it, or when it has no data."""
    least, most = (high, low) if inverse else (low, high)
    for b in range(n):
        if not (abs(least[b]) > above and abs(most[b]) <= below):
            okay[b] = 0.0


@kernel
def add_leg(equity, need, v, net, anchor, r1, c1, r2, c2, n):
    """Add an instrument at one way point: ``equity += Q*v - A``, ``need += max(r1*v - c1, r2*v - c2)``."""
    for b in range(n):
        equity[b] += net * v[b] - anchor
        need[b] += max(r1 * v[b] - c1, r2 * v[b] - c2)


@kernel
def finish_pool(run, curves, pad, p, t, n):
    """Take the pool's way points into the account's rows."""
    okay, worst = pad[OKAY], pad[RATIO]
    for b in range(n):
        ratio = 0.0
        for row in range(4):
            equity = pad[POOL_EQUITY + row, b]
            need = pad[POOL_NEED + row, b]
            if not equity > need:
                okay[b] = 0.0
            ratio = max(ratio, need / equity)
            pad[row, b] += equity
        worst[b] = max(worst[b], ratio)
        pad[POOL_RATIO, b] = ratio
    note_pool_ratio(run, curves, pad, p, t, n)


@kernel
def note_pool_ratio(run, curves, pad, p, t, n):
    """Copy the pool's ratios into its curve, where one is wanted; what the open of the first bar saw is in the pool."""
    if len(curves.pool_ratio) > 0:
        for b in range(n):
            curves.pool_ratio[p, t + b] = pad[POOL_RATIO, b]
        if run.state[0].bar == t:
            curves.pool_ratio[p, t] = max(pad[POOL_RATIO, 0], run.pools[p].ratio)


@kernel
def watch_slot(run, bars, pad, j, t, n):
    """A bar is not okay when its range reaches one of slot `j`'s exits or its limit order."""
    slot = run.slots[j]
    i = slot.instrument
    okay = pad[OKAY]
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
    low, high = bars.low[i, t : t + n], bars.high[i, t : t + n]
    mark_low, mark_high = bars.mark_low[i, t : t + n], bars.mark_high[i, t : t + n]
    for b in range(n):
        if not (low[b] > above and high[b] < below and mark_low[b] > mark_above and mark_high[b] < mark_below):
            okay[b] = 0.0
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
