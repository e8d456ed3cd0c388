"""What an equity curve comes to, bar by bar as it is written: the numbers behind `backtester.metrics`.

Blocks of bars are summed by halves, several at once. A block without a new highest close costs one division, not one
for each bar.
"""

from backtester.kernels import eights, loops
from backtester.kernels._jit import entry, kernel, seldom
from backtester.kernels._views import tail
from backtester.kernels.margin import LAST_DIGIT
from backtester.kernels.stretches import has_stretches, lowest_below, write_lows
from backtester.schema import NO_BAR, TALLY_BLOCK

EIGHT = 8


@entry
def tally(curves, bars, tallied, first, n):
    """Take in the bars ``first ... first + n - 1`` of a curve, which follow those taken in before.

    Parameters
    ----------
    curves : Curves
        Equity, and its lows where they are recorded, or stretches that tell them.
    bars : Bars
        Which these stretches refer to.
    tallied : Tallied
    first, n : int
    """
    row = tallied.tally[0]
    done = 0 * n
    row.untold = first
    while done < n and row.ruin == NO_BAR:
        t, m = first + done, min(TALLY_BLOCK, n - done)
        equity = tail(curves.equity, t)
        lowest = least(tallied.pad, equity, m)
        alive = m if lowest > row.ruin_line else bars_above(equity, row.ruin_line)
        if alive < m and alive > 0:
            lowest = least(tallied.pad, equity, alive)
        if alive > 0:
            take_drawdowns(row, tallied, curves, bars, t, row.n_bars + done, lowest, alive)
            take_returns(row, tallied, equity, alive)
        if alive < m:
            take_ruin(row, tallied, row.n_bars + done + alive)
        done += m
    if has_stretches(curves):
        take_lows(row, curves, bars, first + n)
    row.n_bars += n


@kernel
def bars_above(equity, line):
    """How many bars are above a line in front of the first that is not; there is one."""
    above = NO_BAR + 1
    while equity[above] > line:
        above += 1
    return above


@kernel
def take_drawdowns(row, tallied, curves, bars, t, bar, lowest, n):
    """How deep `n` bars, of which the lowest close is known, are below the highest close before, and for how long."""
    equity, has_lows = tail(curves.equity, t), len(curves.equity_low) > 0
    if greatest(tallied.pad, equity, n) >= row.peak:
        if has_stretches(curves):
            take_lows(row, curves, bars, t)
            write_lows(curves, bars, row.stretch, t, t + n)
            row.untold = t + n
        for b in range(n):
            take_bar(row, equity[b], curves.equity_low[t + b] if has_lows else equity[b], bar + b)
        return
    row.deepest = min(row.deepest, lowest / row.peak - 1.0)
    if has_lows and not has_stretches(curves):
        lowest = min(lowest, least(tallied.pad, tail(curves.equity_low, t), n))
    row.deepest_in_bars = min(row.deepest_in_bars, lowest / row.peak - 1.0)


@seldom
def take_lows(row, curves, bars, end):
    """How deep the lows are that stretches tell, of the bars since they were last taken, in which no peak was new.

    The closes are in the tally already, and the last bars come first: where an account loses steadily, its latest lows
    say of nearly all others that they do not matter.
    """
    while curves.stretches[row.stretch + 1].bar < end:
        row.stretch += 1
    matters = (1.0 + row.deepest_in_bars + LAST_DIGIT) * row.peak
    lowest = lowest_below(curves, bars, row.stretch, row.untold, end, matters)
    row.deepest_in_bars = min(row.deepest_in_bars, lowest / row.peak - 1.0)
    row.untold = end


@kernel
def take_bar(row, equity, low, bar):
    """Drawdowns in a block with a new highest close. A low counts against the closes before, as it may come first."""
    if min(low, equity) < row.peak:
        row.deepest_in_bars = min(row.deepest_in_bars, min(low, equity) / row.peak - 1.0)
    if equity < row.peak:
        row.deepest = min(row.deepest, equity / row.peak - 1.0)
        return
    bars = bar - row.peak_bar
    if bars > 1 and bars > row.longest_to - row.longest_from:
        row.longest_from, row.longest_to = row.peak_bar, bar
    row.peak, row.peak_bar = equity, bar


@kernel
def take_returns(row, tallied, equity, n):
    """Returns of `n` bars, ``equity[t] / equity[t-1] - 1``."""
    tallied.returns[0] = equity[0] / row.last - 1.0
    loops.write_changes(tail(tallied.returns, 1), equity, tail(equity, 1), n - 1)
    row.last = equity[n - 1]
    add_returns(row, tallied, n)


@kernel
def take_ruin(row, tallied, bar):
    """The bar in which everything is lost: its return is -1, its drawdown total, and nothing after it counts."""
    row.ruin = bar
    row.deepest, row.deepest_in_bars, row.last = -1.0, -1.0, 0.0
    tallied.returns[0] = -1.0
    add_returns(row, tallied, 1)


@seldom
def add_returns(row, tallied, n):
    """Join `n` returns to the mean and the squared deviations of those before (Chan, Golub, LeVeque 1983)."""
    returns, pad, room = tallied.returns, tallied.pad, tail(tallied.pad, TALLY_BLOCK)
    mean = total(pad, returns, n) / n
    if n % EIGHT == 0:
        left = n // EIGHT
        eights.write_spreads(pad, room, returns, mean, left)
        squares, losses = total(tail(pad, left), pad, left), total(tail(room, left), room, left)
    else:
        loops.write_squares(pad, returns, mean, n)
        squares = total(room, pad, n)
        loops.write_losses(pad, returns, n)
        losses = total(room, pad, n)
    row.downside_squares += losses
    before, row.n_returns = row.n_returns, row.n_returns + n
    apart = mean - row.mean
    row.mean += apart * n / row.n_returns
    row.squares += squares + apart * apart * before * n / row.n_returns


@seldom
def total(room, row, n):
    """Sum of `n` numbers, by halves."""
    while n > 1:
        if n % EIGHT == 0:
            n //= EIGHT
            eights.write_totals(room, row, n)
        else:
            half = n - n // 2
            loops.write_line(room, row, 0.0, 1.0, half)
            loops.add_line(room, tail(row, half), 0.0, 1.0, n - half)
            n = half
        row, room = room, tail(room, n)
    return row[0]


@seldom
def greatest(room, row, n):
    """The largest of `n` numbers."""
    while n > 1:
        if n % EIGHT == 0:
            n //= EIGHT
            eights.write_highest(room, row, n)
        else:
            loops.write_larger(room, row, tail(row, n // 2), n - n // 2)
            n -= n // 2
        row, room = room, tail(room, n)
    return row[0]


@seldom
def least(room, row, n):
    """The smallest of `n` numbers."""
    while n > 1:
        if n % EIGHT == 0:
            n //= EIGHT
            eights.write_lowest(room, row, n)
        else:
            loops.write_smaller(room, row, tail(row, n // 2), n - n // 2)
            n -= n // 2
        row, room = room, tail(room, n)
    return row[0]
