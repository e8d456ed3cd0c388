"""The loops over bars in which a quiet account spends its time, written so that a processor does several bars at once.

Arrays are whole rows from a bar on, and none overlaps one that is written (two that are only read may be the same).
Way points are the open, the path's first and second extreme, and the close: of each bar, in this order everywhere.
"""

from backtester.kernels._jit import loop


@loop
def start_account(okay, ratio, opened, first, second, closed, idle, n):
    """Start with the cash of the pools that have no position."""
    for b in range(n):
        okay[b] = 1.0
        ratio[b] = 0.0
        opened[b] = idle
        first[b] = idle
        second[b] = idle
        closed[b] = idle


@loop
def candle_order(first, second, start, end, low, high, flipped, n):
    """A rising candle has its low first, or last where `flipped`."""
    for b in range(n):
        low_first = (end[b] >= start[b]) != flipped
        first[b] = low[b] if low_first else high[b]
        second[b] = high[b] if low_first else low[b]


@loop
def add_alone(
    okay, ratio, pool_ratio, equity0, equity1, equity2, equity3,
    opened, first, second, closed, base, net, r, c, above, below, n,
):  # fmt: skip
    """Add a pool on one instrument, with ``need = r*v - c`` for levels strictly between `above` and `below`.

    Its equity, ``base + net*v``, and its need are straight in v, so a bar's extremes are all there is to test. Its
    ratio ``(r*v - c)/(base + net*v)`` is monotone: it rises with v where ``r*base + net*c > 0``, so one end is the
    worst.
    """
    worst_is_high = r * base + net * c > 0.0
    for b in range(n):
        low, high = min(first[b], second[b]), max(first[b], second[b])
        at_low, at_high = base + net * low, base + net * high
        quiet = (at_low > r * low - c) & (at_high > r * high - c) & (low > above) & (high < below)
        okay[b] = okay[b] if quiet else 0.0
        worst = high if worst_is_high else low
        own = (r * worst - c) / (base + net * worst)
        pool_ratio[b] = own
        ratio[b] = max(ratio[b], own)
        equity0[b] += base + net * opened[b]
        equity1[b] += base + net * first[b]
        equity2[b] += base + net * second[b]
        equity3[b] += base + net * closed[b]


@loop
def start_pool(equity0, equity1, equity2, equity3, need0, need1, need2, need3, cash, n):
    """Start a pool of several legs with its cash."""
    for b in range(n):
        equity0[b] = cash
        equity1[b] = cash
        equity2[b] = cash
        equity3[b] = cash
        need0[b] = 0.0
        need1[b] = 0.0
        need2[b] = 0.0
        need3[b] = 0.0


@loop
def check_range(okay, first, second, above, below, n):
    """A bar is not okay when it has no data, or reaches `above` or `below` with an extreme."""
    for b in range(n):
        inside = (min(first[b], second[b]) > above) & (max(first[b], second[b]) < below)
        okay[b] = okay[b] if inside else 0.0


@loop
def add_line(
    equity0, equity1, equity2, equity3, need0, need1, need2, need3,
    opened, first, second, closed, net, anchor, r, c, n,
):  # fmt: skip
    """Add a leg at every way point: ``equity += net*v - anchor``, ``need += r*v - c``."""
    for b in range(n):
        equity0[b] += net * opened[b] - anchor
        equity1[b] += net * first[b] - anchor
        equity2[b] += net * second[b] - anchor
        equity3[b] += net * closed[b] - anchor
        need0[b] += r * opened[b] - c
        need1[b] += r * first[b] - c
        need2[b] += r * second[b] - c
        need3[b] += r * closed[b] - c


@loop
def add_lines(
    equity0, equity1, equity2, equity3, need0, need1, need2, need3,
    opened, first, second, closed, net, anchor, r1, c1, r2, c2, n,
):  # fmt: skip
    """Add a leg whose requirement is the larger of two lines: ``need += max(r1*v - c1, r2*v - c2)``."""
    for b in range(n):
        equity0[b] += net * opened[b] - anchor
        equity1[b] += net * first[b] - anchor
        equity2[b] += net * second[b] - anchor
        equity3[b] += net * closed[b] - anchor
        need0[b] += max(r1 * opened[b] - c1, r2 * opened[b] - c2)
        need1[b] += max(r1 * first[b] - c1, r2 * first[b] - c2)
        need2[b] += max(r1 * second[b] - c1, r2 * second[b] - c2)
        need3[b] += max(r1 * closed[b] - c1, r2 * closed[b] - c2)


@loop
def finish_pool(
    okay, ratio, pool_ratio, equity0, equity1, equity2, equity3,
    pool0, pool1, pool2, pool3, need0, need1, need2, need3, n,
):  # fmt: skip
    """Take a pool of several legs into the account."""
    for b in range(n):
        quiet = (pool0[b] > need0[b]) & (pool1[b] > need1[b]) & (pool2[b] > need2[b]) & (pool3[b] > need3[b])
        okay[b] = okay[b] if quiet else 0.0
        half = max(need0[b] / pool0[b], need1[b] / pool1[b])
        rest = max(need2[b] / pool2[b], need3[b] / pool3[b])
        own = max(half, rest)
        pool_ratio[b] = own
        ratio[b] = max(ratio[b], own)
        equity0[b] += pool0[b]
        equity1[b] += pool1[b]
        equity2[b] += pool2[b]
        equity3[b] += pool3[b]


@loop
def loud_bars(okay, n):
    """How many bars are not okay."""
    loud = 0
    for b in range(n):
        loud += okay[b] == 0.0
    return loud


@loop
def write_account(equity, equity_low, worst_ratio, opened, first, second, closed, ratio, n):
    """Write the curves of quiet bars: equity at the close, the lowest at any way point, the worst ratio."""
    for b in range(n):
        equity[b] = closed[b]
        equity_low[b] = min(min(opened[b], first[b]), min(second[b], closed[b]))
        worst_ratio[b] = ratio[b]
