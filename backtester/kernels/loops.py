"""The loops over bars in which a quiet account spends its time, written so that a processor does several bars at once.

Arrays are whole rows from a bar on, and none overlaps one that is written (two that are only read may be the same).
Way points are the open, the path's first and second extreme, and the close: of each bar, in this order everywhere.
"""

from backtester.kernels._jit import loop


@loop
def fill(row, value, n):
    """Set every bar to `value`."""
    for b in range(n):
        row[b] = value


@loop
def larger(row, other, n):
    """Take the larger of two values of every bar."""
    for b in range(n):
        row[b] = max(row[b], other[b])


@loop
def write_larger(row, first, second, n):
    """The larger of two values of every bar."""
    for b in range(n):
        row[b] = max(first[b], second[b])


@loop
def write_smaller(row, first, second, n):
    """The smaller of two values of every bar."""
    for b in range(n):
        row[b] = min(first[b], second[b])


@loop
def write_changes(row, before, after, n):
    """``row = after/before - 1``."""
    for b in range(n):
        row[b] = after[b] / before[b] - 1.0


@loop
def write_squares(row, values, middle, n):
    """``row = (values - middle)**2``."""
    for b in range(n):
        row[b] = (values[b] - middle) * (values[b] - middle)


@loop
def write_losses(row, values, n):
    """``row = min(values, 0)**2``."""
    for b in range(n):
        loss = min(values[b], 0.0)
        row[b] = loss * loss


@loop
def write_line(row, levels, start, slope, n):
    """``row = start + slope*v``: the levels of a leg, or (slope 1) other sums and an amount."""
    for b in range(n):
        row[b] = start + slope * levels[b]


@loop
def add_line(row, levels, start, slope, n):
    """``row += start + slope*v``."""
    for b in range(n):
        row[b] += start + slope * levels[b]


@loop
def raise_line(row, levels, start, slope, n):
    """``row += max(start + slope*v, 0)``."""
    for b in range(n):
        row[b] += max(start + slope * levels[b], 0.0)


@loop
def write_lowest(row, first, second, start, slope, n):
    """The lower of ``start + slope*v`` at two extremes, which is the lowest in a bar."""
    for b in range(n):
        row[b] = min(start + slope * first[b], start + slope * second[b])


@loop
def write_okay(okay, first, second, above, below, n):
    """Write which bars have data and stay strictly between two levels; returns how many do not."""
    loud = 0
    for b in range(n):
        inside = (min(first[b], second[b]) > above) & (max(first[b], second[b]) < below)
        okay[b] = 1.0 if inside else 0.0
        loud += not inside
    return loud


@loop
def check_range(okay, first, second, above, below, n):
    """A bar is not okay when it has no data, or reaches `above` or `below` with an extreme."""
    for b in range(n):
        inside = (min(first[b], second[b]) > above) & (max(first[b], second[b]) < below)
        okay[b] = okay[b] if inside else 0.0


@loop
def loud_bars(okay, n):
    """How many bars are not okay."""
    loud = 0
    for b in range(n):
        loud += okay[b] == 0.0
    return loud


@loop
def candle_order(first, second, start, end, low, high, flipped, n):
    """A rising candle has its low first, or last where `flipped`."""
    for b in range(n):
        low_first = (end[b] >= start[b]) != flipped
        first[b] = low[b] if low_first else high[b]
        second[b] = high[b] if low_first else low[b]


@loop
def ratio_alone(ratio, first, second, base, net, r, c, n):
    """Worst margin ratio of a pool that is one leg, ``(r*v - c)/(base + net*v)``.

    It is monotone, and rises with v where ``r*base + net*c > 0``, so one end of a bar's range is the worst.
    """
    worst_is_high = r * base + net * c > 0.0
    for b in range(n):
        worst = max(first[b], second[b]) if worst_is_high else min(first[b], second[b])
        ratio[b] = (r * worst - c) / (base + net * worst)


@loop
def ratio_pool(ratio, pnl0, pnl1, pnl2, pnl3, need0, need1, need2, need3, cash, n):
    """Worst margin ratio of a standing pool at any way point."""
    for b in range(n):
        first = max(need0[b] / (cash + pnl0[b]), need1[b] / (cash + pnl1[b]))
        ratio[b] = max(first, max(need2[b] / (cash + pnl2[b]), need3[b] / (cash + pnl3[b])))


@loop
def add_leg(
    okay, slack, pnl_open, pnl_close, need_open, initial, gross,
    opened, first, second, closed, net, anchor, r, c, above, below, per_level, quantity, entries, n,
):  # fmt: skip
    """Add a leg to its standing pool.

    Its pnl ``net*v - anchor`` at the open and the close; its requirement ``r*v - c``, its initial margin and its
    notionals (at the entries and now) at the open; and the lowest ``pnl - requirement``, which is at an extreme. A bar
    is not okay when it has no data, or reaches `above` or `below` with an extreme.
    """
    for b in range(n):
        low, high = min(first[b], second[b]), max(first[b], second[b])
        okay[b] = okay[b] if (low > above) & (high < below) else 0.0
        slack[b] += min((net - r) * low, (net - r) * high) + (c - anchor)
        pnl_open[b] += net * opened[b] - anchor
        pnl_close[b] += net * closed[b] - anchor
        need_open[b] += r * opened[b] - c
        initial[b] += per_level * abs(opened[b])
        gross[b] += entries + quantity * abs(opened[b])


@loop
def lower_slack(slack, first, second, r, c, n):
    """Where another line of a leg's requirement lies above the first by ``r*v - c``, at an extreme at most."""
    for b in range(n):
        slack[b] -= max(max(r * first[b] - c, r * second[b] - c), 0.0)


@loop
def add_pool(okay, equity, slack, gross, pnl, cash, rounding, n):
    """Take a standing pool into the account: a bar is okay where ``cash + slack`` is above what rounding may leave."""
    least = rounding * abs(cash)
    for b in range(n):
        okay[b] = okay[b] if cash + slack[b] > least + rounding * gross[b] else 0.0
        equity[b] += cash + pnl[b]


@loop
def write_low(equity_low, equity0, equity1, equity2, equity3, n):
    """The lowest equity at any way point."""
    for b in range(n):
        equity_low[b] = min(min(equity0[b], equity1[b]), min(equity2[b], equity3[b]))
