"""Legs: what a pool holds on one instrument, as a few numbers that change only when it trades.

Along a leg's tier piece its pnl and requirement are straight lines in the level v,

    pnl = net*v - anchor        requirement = max(r1*v - c1, r2*v - c2),

so that a pool can be looked at in a few operations per instrument, at one moment or over many bars. Sums in another
order than the definition's may differ from it in the last digits: where these decide, `margin.appraise` does.
"""

import numpy as np

from backtester.kernels._jit import kernel
from backtester.kernels.levels import mark_at
from backtester.kernels.margin import LAST_DIGIT, TIER_TOLERANCE, initial_margin, joined
from backtester.kernels.pieces import pieces
from backtester.schema import BLOCK


@kernel
def leg_at(run, k, v):
    """Leg `k` with the sums over its slots and the piece of its requirement that holds at level `v`."""
    leg = run.legs[k]
    if leg.stale:
        add_up(run, leg)
        fit(run, leg, v)
    elif not (v > leg.above and v < leg.below):
        fit(run, leg, v)
    return leg


@kernel
def add_up(run, leg):
    """Sum over the slots of a leg."""
    long_q, short_q, long_n, short_n, long_i, short_i, anchor = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(leg.first, leg.last):
        slot = run.slots[run.slots[k].member]
        if slot.quantity == 0.0:
            continue
        anchor += slot.quantity * slot.entry
        if slot.quantity > 0.0:
            long_q += slot.quantity
            long_n += slot.quantity * abs(slot.entry)
            long_i += initial_margin(run, slot.quantity, slot.leverage)
        else:
            short_q -= slot.quantity
            short_n -= slot.quantity * abs(slot.entry)
            short_i += initial_margin(run, -slot.quantity, slot.leverage)
    leg.long_quantity, leg.short_quantity = long_q, short_q
    leg.long_notional, leg.short_notional = long_n, short_n
    leg.net, leg.gross = long_q - short_q, long_q + short_q
    leg.initial = joined(run.state[0].hedge_offset, long_i, short_i)
    leg.anchor = anchor
    leg.stale = 0


@kernel
def fit(run, leg, v):
    """Find the piece of the leg's requirement that holds at level `v`, and how far it goes."""
    leg.safe_cash = np.nan
    if leg.gross == 0.0:
        leg.r1, leg.c1, leg.r2, leg.c2 = 0.0, 0.0, 0.0, 0.0
        leg.above, leg.below = -np.inf, np.inf
        return
    r1, c1, r2, c2, above, below = pieces(
        run, leg.instrument, leg.long_quantity, leg.short_quantity, leg.long_notional, leg.short_notional, v
    )
    above *= 1.0 + 2.0 * TIER_TOLERANCE  # on a floor, and a last digit above it, the tier below holds
    if run.instruments[leg.instrument].inverse:  # where |v| = -v
        r1, r2 = -r1, -r2
        above, below = -below, -above
    leg.r1, leg.c1, leg.r2, leg.c2 = r1, c1, r2, c2
    leg.above, leg.below = above, below


@kernel
def safe_levels(leg, cash):
    """Levels strictly between which a pool of this leg alone surely is above its requirement, and the leg on its piece.

    ``equity - requirement = cash - anchor + c + (net - r)*v`` is straight in v, for a requirement of one line; where
    rounding could decide, that is not sure.
    """
    if leg.safe_cash != cash:
        leg.safe_above, leg.safe_below = find_safe_levels(leg, cash)
        leg.safe_cash = cash
    return leg.safe_above, leg.safe_below


@kernel
def is_safe(run, pool):
    """Whether a pool of one leg is known to be safe at the mark of this open."""
    leg = run.legs[pool.first_leg]
    if leg.stale or leg.safe_cash != pool.cash or pool.last_leg - pool.first_leg != 1:
        return False
    v = run.instruments[leg.instrument].mark_from
    return v > leg.safe_above and v < leg.safe_below


@kernel
def worth_at_open(run, pool):
    """Equity of a pool of one leg at the mark of this open, as `glance` says it."""
    leg = run.legs[pool.first_leg]
    return pool.cash + (leg.net * run.instruments[leg.instrument].mark_from - leg.anchor)


@kernel
def surely_holds(run, p, cash):
    """Whether pool `p` is known to be above its requirement now if it had this cash: one of one leg and one line."""
    pool = run.pools[p]
    if pool.last_leg - pool.first_leg != 1:
        return False
    v = mark_at(run.instruments[run.legs[pool.first_leg].instrument], run.state[0].s)
    leg = leg_at(run, pool.first_leg, v)
    if leg.r1 != leg.r2 or leg.c1 != leg.c2:
        return False
    above, below = safe_levels(leg, cash)
    return v > above and v < below


@kernel
def stays_between(bars, i, t, n, above, below):
    """Whether the marks of `n` bars from `t` on are strictly between two levels, as far as whole blocks tell."""
    for block in range(t // BLOCK, (t + n - 1) // BLOCK + 1):
        if not (bars.block_low[i, block] > above and bars.block_high[i, block] < below):
            return False
    return True


@kernel
def find_safe_levels(leg, cash):
    """Find what `safe_levels` returns."""
    height, slope = cash - leg.anchor + leg.c1, leg.net - leg.r1
    above, below = leg.above, leg.below
    if slope == 0.0:
        return (above, below) if height > 0.0 else (np.inf, -np.inf)
    level = -height / slope
    rounding = LAST_DIGIT * (abs(level) + (abs(cash) + abs(leg.anchor) + abs(leg.c1)) / abs(slope))
    if slope > 0.0:
        return max(above, level + rounding), below
    return above, min(below, level - rounding)


@kernel
def glance(run, p, s):
    """What `margin.appraise` says of pool `p`, but for rounding, and what that may amount to at most.

    Returns
    -------
    equity, requirement, initial_margin, rounding : float [settlement currency]
        The last is 1e-12 of the pool's cash and of its notionals at the entries and now.
    """
    pool = run.pools[p]
    equity, requirement, initial, scale = pool.cash, 0.0, 0.0, abs(pool.cash)
    if pool.n_open == 0:
        return equity, requirement, initial, LAST_DIGIT * scale
    skip = run.state[0].looked_ahead != 0 and not pool.on_demand
    if skip:
        equity += pool.seen_pnl
        requirement, initial = pool.seen_need, pool.seen_initial
        scale += pool.seen_gross
    for k in range(pool.first_leg, pool.last_leg):
        if skip and run.legs[k].valued_to > run.state[0].bar:
            continue
        v = mark_at(run.instruments[run.legs[k].instrument], s)
        leg = leg_at(run, k, v)
        if leg.gross > 0.0:
            equity += leg.net * v - leg.anchor
            requirement += max(leg.r1 * v - leg.c1, leg.r2 * v - leg.c2)
            initial += leg.initial * abs(v)
            scale += leg.long_notional + leg.short_notional + leg.gross * abs(v)
    return equity, requirement, initial, LAST_DIGIT * scale


@kernel
def pool_line(run, p, s):
    """``equity - requirement`` at both ends of the segment, on the line of the tier pieces that hold at `s`."""
    pool = run.pools[p]
    start, end = pool.cash, pool.cash
    for k in range(pool.first_leg, pool.last_leg):
        quote = run.instruments[run.legs[k].instrument]
        v = mark_at(quote, s)
        leg = leg_at(run, k, v)
        if leg.gross > 0.0:
            r, c = leg.r1, leg.c1
            if leg.r2 * v - leg.c2 > r * v - c:
                r, c = leg.r2, leg.c2
            start += leg.net * quote.mark_from - leg.anchor - (r * quote.mark_from - c)
            end += leg.net * quote.mark_to - leg.anchor - (r * quote.mark_to - c)
    return start, end
