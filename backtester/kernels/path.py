"""Inside a bar: the straight segments of the path, and what triggers on them. docs/model.md, "The path"."""

import numpy as np

from backtester.kernels._jit import kernel, seldom
from backtester.kernels.legs import glance, is_safe, pool_line, worth_at_open
from backtester.kernels.liquidation import liquidate
from backtester.kernels.margin import appraise, note_ratio
from backtester.kernels.triggered import trade_exit, trade_working
from backtester.kernels.triggers import NEVER, follow, rank, slot_trigger
from backtester.schema import (
    CANDLE,
    CLOSE,
    FAVOURABLE,
    FIRST_SEGMENT,
    LIQUIDATION,
    NOBODY,
)

NET_TOLERANCE = 1e-9  # of the gross quantity: a smaller net counts as 0
SAME_MOMENT = 1e-12  # of a segment: pools closer than that meet their requirements together


@seldom
def observe(run):
    """Take the account's equity and its pools' margin ratios at this moment into the bar's extremes."""
    clock = run.state[0]
    total = 0.0
    for p in range(len(run.pools)):
        pool = run.pools[p]
        if pool.n_open == 0:
            total += pool.cash
            continue
        equity, requirement, _ = appraise(run, p, clock.s)
        total += equity
        note_ratio(run, p, equity, requirement)
    clock.equity_low = min(clock.equity_low, total)
    return total


@seldom
def has_data(run, p):
    """Whether one of the pool's open slots has data in this bar."""
    for k in range(run.pools[p].first, run.pools[p].last):
        slot = run.slots[run.slots[k].member]
        if slot.quantity != 0.0 and run.instruments[slot.instrument].live:
            return True
    return False


@seldom
def pool_at(run, n):
    """The n-th pool in the order of testing: on-demand pools by index, then standing ones, main last."""
    standing = 1
    while standing < len(run.pools) and not run.pools[standing].on_demand:
        standing += 1
    on_demand = len(run.pools) - standing
    return standing + n if n < on_demand else (n - on_demand + 1) % standing


@kernel
def all_clear(run, pad):
    """At the open: whether every pool is clearly above its requirement; then that is all there is to note.

    An on-demand pool that the window has already is (see `look_ahead`).
    """
    total = 0.0
    state = run.state[0]
    ahead = state.looked_ahead != 0
    if ahead:
        total = pad.equity_open[state.bar - state.window_start]
    for p in range(len(run.pools)):
        pool = run.pools[p]
        if pool.n_open == 0:
            total += pool.cash
            continue
        if ahead and pool.on_demand and run.legs[pool.first_leg].valued_to > state.bar:
            continue
        if not state.keeps_ratios and is_safe(run, pool):
            total += worth_at_open(run, pool)
            continue
        equity, requirement, _, rounding = glance(run, p, 0.0)
        if not equity - requirement > rounding:
            return False
        note_ratio(run, p, equity, requirement)
        total += equity
    run.state[0].equity_low = min(run.state[0].equity_low, total)
    return True


@seldom
def check_margins(run):
    """At the open: liquidate every pool with ``equity <= requirement`` at the mark opens."""
    for n in range(len(run.pools)):
        p = pool_at(run, n)
        if run.pools[p].n_open > 0 and has_data(run, p):
            equity, requirement, _ = appraise(run, p, 0.0)
            if equity <= requirement:
                liquidate(run, p, equity > requirement)


@kernel
def net_quantities(run):
    """Net and gross quantity of every instrument over all its slots."""
    for i in range(len(run.instruments)):
        run.instruments[i].net = 0.0
        run.instruments[i].gross = 0.0
    for j in range(len(run.slots)):
        quantity = run.slots[j].quantity
        if quantity != 0.0:
            quote = run.instruments[run.slots[j].instrument]
            quote.net += quantity
            quote.gross += abs(quantity)


@kernel
def low_comes_first(quote, path, rising):
    """Whether the low is the first extreme: the adverse one for the net quantity, else the candle's."""
    low_first = rising
    if path != CANDLE and abs(quote.net) > NET_TOLERANCE * quote.gross:
        low_first = quote.net > 0.0
    return not low_first if path == FAVOURABLE else low_first


@seldom
def walk(run, bars, path):
    """Walk the path of this bar, ``O -> first extreme -> second extreme -> C``, and process every trigger on it."""
    t = run.state[0].bar
    net_quantities(run)
    for i in range(len(run.instruments)):
        if run.instruments[i].live:
            quote_trade(run.instruments[i], bars, i, t)
            rising = bars.close[i, t] >= bars.open[i, t]
            run.instruments[i].first_low = low_comes_first(run.instruments[i], path, rising)
    for segment in range(1 if path == CLOSE else 3):
        for i in range(len(run.instruments)):
            if run.instruments[i].live:
                aim(run.instruments[i], bars, i, t, segment, path)
        run.state[0].segment = FIRST_SEGMENT + segment
        run.state[0].s = 0.0
        while step(run):
            observe(run)
        run.state[0].s = 1.0
        follow(run)
        observe(run)


@kernel
def quote_trade(quote, bars, i, t):
    """Set the trade quotes of instrument `i` to the open of bar `t`."""
    quote.open_price = bars.open_price[i, t]
    quote.price_from = quote.open_price
    quote.price_to = quote.open_price
    quote.trade_from = bars.open[i, t]
    quote.trade_to = quote.trade_from


@seldom
def aim(quote, bars, i, t, segment, path):
    """Set the ends of the segment: it starts where the last one ended."""
    if segment > 0:
        quote.mark_from = quote.mark_to
        quote.trade_from = quote.trade_to
        quote.price_from = quote.price_to
    else:
        quote.mark_from = bars.mark_open[i, t]
    if segment == 2 or path == CLOSE:
        quote.mark_to = bars.mark_close[i, t]
        quote.trade_to = bars.close[i, t]
        quote.price_to = bars.close_price[i, t]
    elif (segment == 0) == (quote.first_low != 0):
        quote.mark_to = bars.mark_low[i, t]
        quote.trade_to = bars.low[i, t]
        quote.price_to = bars.low_price[i, t]
    else:
        quote.mark_to = bars.mark_high[i, t]
        quote.trade_to = bars.high[i, t]
        quote.price_to = bars.high_price[i, t]


@seldom
def step(run):
    """Process the next trigger of the segment from where the clock stands; returns whether there was one."""
    start = run.state[0].s
    follow(run)
    when, kind, which, order = NEVER, LIQUIDATION, NOBODY, NOBODY
    for n in range(len(run.pools)):
        p = pool_at(run, n)
        at = pool_trigger(run, p, start)
        if at < when - SAME_MOMENT:
            which = p
        when = min(when, at)
    for j in range(len(run.slots)):
        slot = run.slots[j]
        if (slot.has_exit or slot.working >= 0) and run.instruments[slot.instrument].live:
            at, trigger, w = slot_trigger(run, j, start)
            if at < when or (at == when and rank(trigger) < rank(kind)):
                when, kind, which, order = at, trigger, j, w
    if when > 1.0:
        return False
    run.state[0].s = when
    if kind == LIQUIDATION:
        equity, requirement, _ = appraise(run, which, start)
        liquidate(run, which, equity > requirement)
    elif order >= 0:
        trade_working(run, order, start)
    else:
        trade_exit(run, which, kind, start)
    return True



@seldom
def pool_trigger(run, p, start):
    """The ``s`` at which the pool's equity meets its requirement, from `start` on; NEVER if it does not.

    ``f = equity - requirement`` is concave and piecewise linear along a segment, so each piece's line lies above it
    and Newton's steps from the right end come down to the crossing from beyond, one tier piece at a time. As a
    fraction of the whole segment, ``f(0) / (f(0) - f(1))`` on the last line, it is exact where the numbers are dyadic.
    """
    if run.pools[p].n_open == 0 or not has_data(run, p):
        return NEVER
    equity, requirement, _ = appraise(run, p, start)
    if equity <= requirement:
        return start
    equity, requirement, _ = appraise(run, p, 1.0)
    if equity > requirement:
        return NEVER
    s, last = 1.0, np.nan
    while True:
        first, end = pool_line(run, p, s)
        ahead = first / (first - end)
        if first - end == last or not ahead < s or ahead <= start:
            return min(1.0, max(start, ahead))
        s, last = ahead, first - end
