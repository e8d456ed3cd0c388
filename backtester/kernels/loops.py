"""The loops over bars in which a quiet account spends its time, written so that a processor does several bars at once.

Arrays are whole rows from a bar on, and none overlaps one that is written (two that are only read may be the same).
Way points are the open, the path's first and second extreme, and the close: of each bar, in this order everywhere.
"""

from backtester.kernels._jit import loop


@loop
def start_account(okay, equity0, equity1, equity2, equity3, n):
    """Start a window: quiet, and worth nothing yet."""
    for b in range(n):
        okay[b] = 1.0
        equity0[b] = 0.0
        equity1[b] = 0.0
        equity2[b] = 0.0
        equity3[b] = 0.0


@loop
def candle_order(first, second, start, end, low, high, flipped, n):
    """A rising candle has its low first, or last where `flipped`."""
    for b in range(n):
        low_first = (end[b] >= start[b]) != flipped
        first[b] = low[b] if low_first else high[b]
        second[b] = high[b] if low_first else low[b]


@loop
def add_alone(
    okay, equity0, equity1, equity2, equity3, opened, first, second, closed, base, net, above, below, n
):  # fmt: skip
    """Add a pool that is one leg, ``base + net*v``.

    A bar is not okay when it has no data, or reaches `above` or `below` with an extreme.
    """
    for b in range(n):
        inside = (min(first[b], second[b]) > above) & (max(first[b], second[b]) < below)
        okay[b] = okay[b] if inside else 0.0
        equity0[b] += base + net * opened[b]
        equity1[b] += base + net * first[b]
        equity2[b] += base + net * second[b]
        equity3[b] += base + net * closed[b]


@loop
def write_lone(okay, equity, equity_low, first, second, closed, start, net, above, below, n):
    """Write the curves of an account that is one leg, ``start + net*v``; returns how many bars are not quiet.

    Those are the ones that have no data, or reach `above` or `below` with an extreme.
    """
    loud = 0
    for b in range(n):
        low, high = min(first[b], second[b]), max(first[b], second[b])
        quiet = (low > above) & (high < below)
        okay[b] = 1.0 if quiet else 0.0
        loud += not quiet
        equity[b] = start + net * closed[b]
        equity_low[b] = min(start + net * low, start + net * high)
    return loud


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
def larger(row, other, n):
    """Take the larger of two values of every bar."""
    for b in range(n):
        row[b] = max(row[b], other[b])


@loop
def copy(row, other, n):
    """Copy every bar."""
    for b in range(n):
        row[b] = other[b]


@loop
def fill(row, value, n):
    """Set every bar to `value`."""
    for b in range(n):
        row[b] = value


@loop
def start_pool(pnl0, pnl1, pnl2, pnl3, need0, need1, need2, need3, initial, gross, n):
    """Start a standing pool without legs."""
    for b in range(n):
        pnl0[b] = 0.0
        pnl1[b] = 0.0
        pnl2[b] = 0.0
        pnl3[b] = 0.0
        need0[b] = 0.0
        need1[b] = 0.0
        need2[b] = 0.0
        need3[b] = 0.0
        initial[b] = 0.0
        gross[b] = 0.0


@loop
def check_range(okay, first, second, above, below, n):
    """A bar is not okay when it has no data, or reaches `above` or `below` with an extreme."""
    for b in range(n):
        inside = (min(first[b], second[b]) > above) & (max(first[b], second[b]) < below)
        okay[b] = okay[b] if inside else 0.0


@loop
def add_leg(
    okay, pnl0, pnl1, pnl2, pnl3, need0, need1, need2, need3, initial, gross,
    opened, first, second, closed, net, anchor, r, c, above, below, per_level, quantity, entries, n,
):  # fmt: skip
    """Add a leg to its pool at every way point: ``pnl += net*v - anchor``, ``need += r*v - c``.

    And at the open its initial margin, and its notionals at the entries and now. A bar is not okay when it has no
    data, or reaches `above` or `below` with an extreme.
    """
    for b in range(n):
        v0, v1, v2, v3 = opened[b], first[b], second[b], closed[b]
        inside = (min(v1, v2) > above) & (max(v1, v2) < below)
        okay[b] = okay[b] if inside else 0.0
        pnl0[b] += net * v0 - anchor
        pnl1[b] += net * v1 - anchor
        pnl2[b] += net * v2 - anchor
        pnl3[b] += net * v3 - anchor
        need0[b] += r * v0 - c
        need1[b] += r * v1 - c
        need2[b] += r * v2 - c
        need3[b] += r * v3 - c
        initial[b] += per_level * abs(v0)
        gross[b] += entries + quantity * abs(v0)


@loop
def raise_need(need0, need1, need2, need3, opened, first, second, closed, r, c, n):
    """Where another line of a leg's requirement lies above the first by ``r*v - c``, that is what it needs."""
    for b in range(n):
        need0[b] += max(r * opened[b] - c, 0.0)
        need1[b] += max(r * first[b] - c, 0.0)
        need2[b] += max(r * second[b] - c, 0.0)
        need3[b] += max(r * closed[b] - c, 0.0)


@loop
def add_pool(
    okay, equity0, equity1, equity2, equity3, pnl0, pnl1, pnl2, pnl3, need0, need1, need2, need3, cash, n
):  # fmt: skip
    """Take a standing pool into the account."""
    for b in range(n):
        at0, at1, at2, at3 = cash + pnl0[b], cash + pnl1[b], cash + pnl2[b], cash + pnl3[b]
        quiet = (at0 > need0[b]) & (at1 > need1[b]) & (at2 > need2[b]) & (at3 > need3[b])
        okay[b] = okay[b] if quiet else 0.0
        equity0[b] += at0
        equity1[b] += at1
        equity2[b] += at2
        equity3[b] += at3


@loop
def ratio_pool(ratio, pnl0, pnl1, pnl2, pnl3, need0, need1, need2, need3, cash, n):
    """Worst margin ratio of a standing pool at any way point."""
    for b in range(n):
        first = max(need0[b] / (cash + pnl0[b]), need1[b] / (cash + pnl1[b]))
        ratio[b] = max(first, max(need2[b] / (cash + pnl2[b]), need3[b] / (cash + pnl3[b])))


@loop
def copy_account(
    okay, equity0, equity1, equity2, equity3, its_okay, its_equity0, its_equity1, its_equity2, its_equity3, n
):  # fmt: skip
    """Copy the account's rows."""
    for b in range(n):
        okay[b] = its_okay[b]
        equity0[b] = its_equity0[b]
        equity1[b] = its_equity1[b]
        equity2[b] = its_equity2[b]
        equity3[b] = its_equity3[b]


@loop
def loud_bars(okay, n):
    """How many bars are not okay."""
    loud = 0
    for b in range(n):
        loud += okay[b] == 0.0
    return loud


@loop
def write_account(equity, equity_low, equity0, equity1, equity2, equity3, idle, n):
    """Write the curves of quiet bars: equity at the close, the lowest at any way point."""
    for b in range(n):
        equity[b] = idle + equity3[b]
        equity_low[b] = idle + min(min(equity0[b], equity1[b]), min(equity2[b], equity3[b]))
