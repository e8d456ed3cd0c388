"""How large an order is, and how large it may be. docs/model.md, "Orders"."""

import numpy as np

from backtester.kernels._jit import kernel, seldom
from backtester.kernels.legs import glance
from backtester.kernels.levels import mark_at
from backtester.kernels.margin import LAST_DIGIT, appraise, available, initial_by_side, initial_margin, last_digit
from backtester.schema import EQUITY_FRACTION, MARGIN, NET, NO_OFFSET, QUANTITY


@kernel
def per_price(amount, price, inverse):
    """Quantity that an amount of money is worth: ``amount / price``, in inverse contracts ``amount * price``."""
    return amount * price if inverse else amount / price


@kernel
def ordered_quantity(run, order, equity):
    """Signed quantity that an order names, not yet rounded to the lot.

    At the trade open O: quantity x; notional x/O; equity fraction x*equity/O; margin x*leverage/O (inverse: times O).
    """
    slot = run.slots[order.slot]
    size = order.amount
    if order.size_type == QUANTITY:
        return size
    if order.size_type == EQUITY_FRACTION:
        size *= equity
    elif order.size_type == MARGIN:
        size *= slot.leverage
    instrument = run.instruments[slot.instrument]
    return per_price(size, instrument.open_price, instrument.inverse)


@kernel
def below_minimum(instrument, size):
    """Whether the notional of `size` at the trade open is below the smallest one, by more than the last digit."""
    notional = per_price(size, instrument.open_price, 1 - instrument.inverse)
    return notional < instrument.min_notional * (1.0 - LAST_DIGIT)


@kernel
def side_quantity(run, j, sign):
    """Quantity on side `sign` of slot `j`'s instrument in its pool."""
    slot = run.slots[j]
    total = 0.0
    for k in range(run.pools[slot.pool].first, run.pools[slot.pool].last):
        other = run.slots[run.slots[k].member]
        if other.instrument == slot.instrument and other.quantity * sign > 0.0:
            total += abs(other.quantity)
    return total


@kernel
def tier_capacity(run, j, sign):
    """What fits on the side before a tier whose ``max_leverage`` at mark is below the slot's leverage.

    A margin rate that grows with the side allows no more than ``|Q| = 1/(unit_margin_rate*leverage)``.
    """
    slot = run.slots[j]
    if slot.tier_limit < 0.0:
        slot.tier_limit = tier_limit(run, slot)
    capacity = slot.tier_limit
    if capacity == np.inf:
        return capacity
    instrument = run.instruments[slot.instrument]
    if not instrument.by_quantity:
        capacity /= abs(mark_at(instrument, run.state[0].s))
    return capacity - side_quantity(run, j, sign)


@seldom
def tier_limit(run, slot):
    """Largest tier key at which the slot's leverage is allowed; inf where any is."""
    instrument = run.instruments[slot.instrument]
    limit = np.inf
    k = instrument.first_tier
    while k < instrument.last_tier and run.tiers[k].max_leverage >= slot.leverage:
        k += 1
    if k < instrument.last_tier:
        limit = run.tiers[k].floor
    if instrument.unit_margin_rate > 0.0 and slot.leverage > 1.0:  # tiers go by quantity then
        limit = min(limit, 1.0 / (instrument.unit_margin_rate * slot.leverage))
    return limit


@kernel
def dust(run):
    """Money that is none, left where larger sums cancelled: 1e-12 of the balance."""
    return LAST_DIGIT * run.state[0].balance


@kernel
def affordable(run, j, wanted, sign, fill, fee_rate, margin):
    """Largest size that the money allows, inf where that clearly is more than `wanted`; 0 when nothing is free.

    On demand: ``max(d*initial margin, margin) + max(fee, 0) <= available``. Standing: ``free >= 0`` after the trade;
    nothing where nothing is free but for the last digit.
    """
    slot = run.slots[j]
    s = run.state[0].s
    fee = fee_rate * abs(fill)
    if run.pools[slot.pool].on_demand:
        funds = available(run, s)
        if funds <= dust(run) or margin > funds:
            return 0.0
        most = funds / (initial_margin(run, abs(fill), slot.leverage) + max(fee, 0.0))
        if margin > 0.0 and fee > 0.0:
            most = min(most, (funds - margin) / fee)
        return most
    if run.state[0].bankrupt:
        return 0.0
    mark = mark_at(run.instruments[slot.instrument], s)
    cost = fee - sign * (mark - fill)  # of one unit, before its initial margin
    per_unit = initial_margin(run, abs(mark), slot.leverage)
    equity, _, initial, rounding = glance(run, slot.pool, s)
    if equity - initial - wanted * (per_unit + max(cost, 0.0)) > rounding + dust(run):
        return np.inf
    equity, _, initial = appraise(run, slot.pool, s)
    free = equity - initial
    if free <= last_digit(run, slot.pool, s) + dust(run):
        return 0.0
    if run.state[0].hedge_offset != NO_OFFSET:
        return largest_hedge(run, j, sign, free, cost, per_unit)
    return free / (per_unit + cost) if per_unit + cost > 0.0 else np.inf


@kernel
def largest_hedge(run, j, sign, free, cost, per_unit):
    """Largest d with ``free - d*cost - (joined(after) - joined(before)) >= 0`` where two sides share their margin.

    With the own side's initial margin S and the other's X, the joined margin falls (``net``) or stays
    (``larger_side``) until ``S + d*per_unit = X`` and rises by per_unit from there.
    """
    own, other = initial_by_side(run, j, sign, run.state[0].s)
    kink = max(other - own, 0.0) / per_unit
    first_slope = cost - (per_unit if run.state[0].hedge_offset == NET else 0.0)
    if first_slope > 0.0 and free < kink * first_slope:
        return free / first_slope
    left = free - kink * first_slope
    second_slope = cost + per_unit
    return kink + left / second_slope if second_slope > 0.0 else np.inf
