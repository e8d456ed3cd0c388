"""Lows of an account of one leg that are not written but told, for a run of which no curve is kept.

While its position stands, the account is worth ``start + net*v`` at a level v. A log of such stretches, with the lowest
and the highest mark of each block of bars, says of most bars that their lows cannot matter, without a look at them.
"""

import numpy as np

from backtester.kernels import loops
from backtester.kernels._jit import kernel, seldom
from backtester.kernels._views import tail
from backtester.schema import BLOCK


@kernel
def has_stretches(curves):
    """Whether stretches are logged in the place of lows."""
    return len(curves.stretches) > 0


@kernel
def log_stretch(run, curves, t, start, net):
    """Begin a stretch at bar `t`; with a `net` of 0 its lows are `start`, with nan they are written."""
    state = run.state[0]
    row = curves.stretches[state.n_stretches]
    row.bar, row.instrument, row.start, row.net, row.low = t, run.legs[0].instrument, start, net, np.inf
    state.n_stretches += 1


@kernel
def lowest_below(curves, bars, k, first, end, line):
    """The lowest low of the bars ``first ... end - 1``, of which stretch `k` has the last; `line` if none is below."""
    while end > first:
        stretch = curves.stretches[k]
        t = max(first, stretch.bar)
        if t < end:
            line = lowest_of(curves, bars, stretch, t, end, line)
            if t == stretch.bar:
                line = min(line, stretch.low)
            end = t
        k -= 1
    return line


@kernel
def lowest_of(curves, bars, stretch, t, end, line):
    """The lowest low of bars of one stretch; `line` if none is below it."""
    i = stretch.instrument
    if np.isnan(stretch.net):
        return lowest_at(tail(curves.equity_low, t), 0.0, 1.0, end - t, line)
    if stretch.net == 0.0:
        return min(line, stretch.start)
    if stretch.net > 0.0:
        return lowest_held(bars.mark_low, bars.block_low, i, stretch.start, stretch.net, t, end, line)
    return lowest_held(bars.mark_high, bars.block_high, i, stretch.start, stretch.net, t, end, line)


@kernel
def lowest_held(marks, extremes, i, start, net, t, end, line):
    """The lowest ``start + net*v`` of bars, where their blocks do not say that none is below `line`."""
    for block in range((end - 1) // BLOCK, t // BLOCK - 1, -1):
        if not start + net * extremes[i, block] >= line:
            first, last = max(t, block * BLOCK), min(end, (block + 1) * BLOCK)
            line = lowest_at(tail(marks, i, first), start, net, last - first, line)
    return line


@kernel
def lowest_at(row, start, net, n, line):
    """The lowest ``start + net*v`` of `n` numbers; `line` if none is below it."""
    for b in range(n):
        low = start + net * row[b]
        if low < line:
            line = low
    return line


@seldom
def write_lows(curves, bars, k, t, end):
    """Write the lows of the bars ``t ... end - 1``, from stretch `k` on."""
    while t < end:
        stretch, stop = curves.stretches[k], min(end, curves.stretches[k + 1].bar)
        if t < stop:
            write_stretch(curves, bars, stretch, t, stop - t)
            if t == stretch.bar:
                curves.equity_low[t] = min(curves.equity_low[t], stretch.low)
            t = stop
        k += 1


@kernel
def write_stretch(curves, bars, stretch, t, n):
    """Write the lows of `n` bars of one stretch."""
    lows, i = tail(curves.equity_low, t), stretch.instrument
    if stretch.net == 0.0:
        loops.fill(lows, stretch.start, n)
    elif not np.isnan(stretch.net):
        loops.write_lowest(lows, tail(bars.mark_low, i, t), tail(bars.mark_high, i, t), stretch.start, stretch.net, n)
