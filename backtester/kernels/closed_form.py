"""Closed forms of liquidation and bankruptcy prices. docs/model.md, "Closed forms"."""

import numpy as np

from backtester.kernels._jit import seldom
from backtester.kernels.levels import mark_at, price_of
from backtester.kernels.margin import (
    TIER_TOLERANCE,
    appraise,
    instrument_requirement,
    side_rate,
    side_requirement,
    tier_at,
)
from backtester.schema import BANKRUPTCY, ENTRY_BASIS, LARGER_SIDE, NET

NET_TOLERANCE = 1e-12  # of the gross quantity: a smaller net has no price
FARTHEST = 1e9  # times the entry: an answer beyond is none


@seldom
def slot_price(run, j, s, meant):
    """Price at which slot `j`'s pool is liquidated (or bankrupt, as `meant`) if its instrument moves alone from `s`.

    The pool's slots on the instrument move together, the other instruments stay at their marks. In levels, with
    ``Q = sum q``, ``A = sum q*e``, the wallet W and the others' pnl minus requirement X,

        W + X + Q*v - A = requirement(v)

    is solved on each tier piece from the smallest notional up; the first answer inside its piece counts. nan: none.
    """
    equity, requirement, _ = appraise(run, run.slots[j].pool, s)
    return price_within(run, j, s, meant, equity, requirement)


@seldom
def price_within(run, j, s, meant, equity, requirement):
    """`slot_price` where the equity and requirement of the slot's pool at `s` are known already."""
    slot = run.slots[j]
    if slot.quantity == 0.0:
        return np.nan
    pool = run.pools[slot.pool]
    return price_near(run, j, instrument_level(run, j, s, meant, equity, requirement, pool.first, pool.last))


@seldom
def price_near(run, j, level):
    """A level as a price; nan where that is none, or farther than 1e9 times from the entry of slot `j`."""
    slot = run.slots[j]
    inverse = run.instruments[slot.instrument].inverse
    entry, price = price_of(slot.entry, inverse), price_of(level, inverse)
    if not (np.isfinite(price) and price >= entry / FARTHEST and price <= entry * FARTHEST):
        return np.nan
    return price


@seldom
def instrument_level(run, j, s, meant, equity, requirement, first, last):
    """Level that solves the equation of `slot_price`; nan where there is none.

    All slots of the pool on the instrument are among its members `first` to `last - 1`.
    """
    slot = run.slots[j]
    i = slot.instrument
    v = mark_at(run.instruments[i], s)
    long_q, short_q, long_n, short_n, anchor = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(first, last):
        held = run.slots[run.slots[k].member]
        if held.instrument == i and held.quantity != 0.0:
            anchor += held.quantity * held.entry
            if held.quantity > 0.0:
                long_q += held.quantity
                long_n += held.quantity * abs(held.entry)
            else:
                short_q -= held.quantity
                short_n -= held.quantity * abs(held.entry)
    net = long_q - short_q
    if abs(net) <= NET_TOLERANCE * (long_q + short_q):
        return np.nan
    base = equity - (net * v - anchor)  # cash and the other instruments' pnl
    entry_basis = run.state[0].mm_basis == ENTRY_BASIS
    if meant == BANKRUPTCY:
        return (anchor - base) / net
    if entry_basis:
        own = instrument_requirement(run, i, long_q, short_q, long_n, short_n)
        others = requirement - own
        if run.state[0].hedge_offset == LARGER_SIDE:  # of quantity; which may not be the one that requires more
            own = side_requirement(run, i, long_q, long_n) if net > 0.0 else side_requirement(run, i, short_q, short_n)
        return (own + anchor - (base - others)) / net
    own = instrument_requirement(run, i, long_q, short_q, long_q * abs(v), short_q * abs(v))
    return first_crossing(run, i, long_q, short_q, base - (requirement - own) - anchor)


@seldom
def first_crossing(run, i, long_q, short_q, rest):
    """Level where ``rest + Q*v = R*|v| - c`` on the tier piece it falls in, from the smallest notional up.

    Pieces are those of the sides that the offset margins: both (``none``), the larger (``larger_side``) or the
    difference (``net``) as one.
    """
    net = long_q - short_q
    offset = run.state[0].hedge_offset
    a, b = long_q, short_q
    if offset == NET:
        a, b = abs(net), 0.0
    elif offset == LARGER_SIDE:
        a, b = max(long_q, short_q), 0.0
    instrument = run.instruments[i]
    sign = -1.0 if instrument.inverse else 1.0  # of the level: v = sign*|v|
    k, m = instrument.first_tier, instrument.first_tier
    if instrument.by_quantity:
        k, m = tier_at(run.tiers, instrument, a), tier_at(run.tiers, instrument, b)
    elif rest >= 0.0 and (a + b) * side_rate(run, i, run.tiers[instrument.last_tier - 1], max(a, b)) < sign * net:
        return np.nan  # every piece falls, from above: it meets nothing at a |v| above 0
    while True:
        tier, other = run.tiers[k], run.tiers[m]
        slope = a * side_rate(run, i, tier, a) + b * side_rate(run, i, other, b)
        amount = (tier.maintenance_amount if a > 0.0 else 0.0) + (other.maintenance_amount if b > 0.0 else 0.0)
        size = (rest + amount) / (slope - sign * net)  # |v|
        if instrument.by_quantity:
            return sign * size if size > 0.0 else np.nan
        if size > 0.0 and inside(run, i, k, a * size) and inside(run, i, m, b * size):
            return sign * size
        next_a = run.tiers[k + 1].floor / a if a > 0.0 and k + 1 < instrument.last_tier else np.inf
        next_b = run.tiers[m + 1].floor / b if b > 0.0 and m + 1 < instrument.last_tier else np.inf
        if next_a == np.inf and next_b == np.inf:
            return np.nan
        if next_a <= next_b:
            k += 1
        if next_b <= next_a:
            m += 1


@seldom
def inside(run, i, k, key):
    """Whether `key` falls in tier `k`: ``floor_k < key <= floor_{k+1}``; a side of nothing is anywhere."""
    if key == 0.0:
        return True
    instrument = run.instruments[i]
    if k > instrument.first_tier and key <= run.tiers[k].floor * (1.0 - TIER_TOLERANCE):
        return False
    return k + 1 >= instrument.last_tier or key <= run.tiers[k + 1].floor * (1.0 + TIER_TOLERANCE)
