"""Opening, adding to, reducing and closing positions. docs/model.md, "Orders"."""

import numpy as np

from backtester.kernels._jit import kernel, seldom
from backtester.kernels.legs import glance, surely_holds
from backtester.kernels.levels import to_lot, trade_price_at
from backtester.kernels.logs import log_event, note_position, post, reject, transfer
from backtester.kernels.margin import appraise, initial_margin, last_digit
from backtester.kernels.sizing import affordable, below_minimum, tier_capacity
from backtester.kernels.working import drop_for
from backtester.schema import (
    ABSORBED,
    AVAILABLE,
    CUT,
    FEE_PAID,
    MAIN,
    MINIMUM,
    NO_REASON,
    NOBODY,
    REALISED,
    TIER,
    WENT_FLAT,
    WOULD_LIQUIDATE,
)

CUT_TOLERANCE = 1e-12  # of the wanted size: a smaller cut is none
REST_TOLERANCE = 1e-9  # of the position or order: a smaller rest is none


@kernel
def clear_exits(run, j):
    """Drop stop, take-profit and trailing stop."""
    slot = run.slots[j]
    slot.stop = np.nan
    slot.take_profit = np.nan
    slot.trail = np.nan
    slot.trail_fraction = np.nan
    slot.has_exit = 0


@kernel
def attach_exits(run, j, order):
    """Replace the exits that `order` names; a new trailing stop follows the trade price from this moment."""
    slot = run.slots[j]
    if slot.quantity == 0.0:
        return
    if not np.isnan(order.stop):
        slot.stop = order.stop
        slot.watch_mark = order.watch_mark
        slot.has_exit = 1
    if not np.isnan(order.take_profit):
        slot.take_profit = order.take_profit
        slot.has_exit = 1
    if not (np.isnan(order.trail) and np.isnan(order.trail_fraction)):
        slot.trail = order.trail
        slot.trail_fraction = order.trail_fraction
        slot.best = trade_price_at(run.instruments[slot.instrument], run.state[0].s)
        slot.has_exit = 1


@kernel
def settle_flat(run, p, j):
    """A pool without positions: a debt is absorbed, what an on-demand pool holds returns to main."""
    pool = run.pools[p]
    if pool.n_open > 0:
        return
    if pool.cash < 0.0:
        post(run, p, ABSORBED, j, -pool.cash)
    elif pool.on_demand:
        transfer(run, p, MAIN, j, pool.cash)


@kernel
def take_off(run, j, size):
    """Shrink slot `j` by `size` > 0; a rest of at most 1e-9 of the position goes with it."""
    slot = run.slots[j]
    run.legs[slot.leg].stale = 1
    if abs(slot.quantity) - size <= REST_TOLERANCE * abs(slot.quantity):
        slot.quantity = 0.0
        slot.entry = np.nan
        slot.funding = 0.0
        run.pools[slot.pool].n_open -= 1
        clear_exits(run, j)
    else:
        slot.quantity -= size if slot.quantity > 0.0 else -size
    note_position(run, j)


@kernel
def reduce(run, j, size, fill, fee_rate, kind):
    """Close `size` of slot `j` at level `fill`.

    ``realised = q*(fill - e)``, ``fee = fee_rate*|q|*|fill|``. A standing pool keeps both. An on-demand pool closes
    pro rata: with ``net = f*cash + realised - fee`` for the fraction f closed, net goes to main when it is positive.
    """
    slot = run.slots[j]
    p = slot.pool
    held = slot.quantity
    if abs(held) - size <= REST_TOLERANCE * abs(held):
        size = abs(held)
    change = -size if held > 0.0 else size
    realised = -change * (fill - slot.entry)
    fee = fee_rate * size * abs(fill)
    before = run.pools[p].cash
    take_off(run, j, size)
    post(run, p, REALISED, j, realised)
    post(run, p, FEE_PAID, j, -fee)
    log_event(run, kind, NO_REASON, j, fill, change, realised - fee)
    if slot.quantity == 0.0:
        settle_flat(run, p, j)
    elif run.pools[p].on_demand and run.state[0].partial_close == 0:
        net = before * (size / abs(held)) + realised - fee
        if net > 0.0:
            transfer(run, p, MAIN, j, net)
    if slot.quantity == 0.0 and slot.working >= 0:
        drop_for(run, j, WENT_FLAT, NOBODY)


@kernel
def put_on(run, j, change, fill):
    """Grow slot `j` by the signed `change`; entries average by quantity in levels."""
    slot = run.slots[j]
    run.legs[slot.leg].stale = 1
    if slot.quantity == 0.0:
        slot.entry = fill
        slot.topped_up = 0.0
        run.pools[slot.pool].n_open += 1
    else:
        slot.entry = (slot.quantity * slot.entry + change * fill) / (slot.quantity + change)
    slot.quantity += change


@kernel
def would_liquidate(run, p, cash_change):
    """Whether pool `p` would have ``equity <= requirement``, but for the last digit, with this change of its cash."""
    if surely_holds(run, p, run.pools[p].cash + cash_change):
        return False
    equity, requirement, _, rounding = glance(run, p, run.state[0].s)
    if equity + cash_change - requirement > rounding:
        return False
    equity, requirement, _ = appraise(run, p, run.state[0].s)
    return equity + cash_change - requirement <= last_digit(run, p, run.state[0].s)


@kernel
def put_back(run, j, quantity, entry):
    """Undo `put_on`."""
    slot = run.slots[j]
    run.legs[slot.leg].stale = 1
    if quantity == 0.0:
        run.pools[slot.pool].n_open -= 1
    slot.quantity = quantity
    slot.entry = entry


@seldom
def cut_to(run, j, size, most, wanted, sign, reason):
    """Cut `size` to `most`: the new size, 0 (and a rejection) when next to nothing of `wanted` is left."""
    if most <= REST_TOLERANCE * wanted:
        reject(run, reason, j, sign * size)
        return 0.0
    if size - most > CUT_TOLERANCE * wanted:
        log_event(run, CUT, reason, j, np.nan, sign * most, sign * size)
    return most


@kernel
def granted(run, j, wanted, sign, fill, fee_rate, margin):
    """Size that slot `j` may open of `wanted`: minimum at O, tier, money, lot, minimum again; 0 = rejected."""
    slot = run.slots[j]
    instrument = run.instruments[slot.instrument]
    if below_minimum(instrument, wanted):
        reject(run, MINIMUM, j, sign * wanted)
        return 0.0
    size, reason = wanted, MINIMUM
    most = tier_capacity(run, j, sign)
    if size > most:
        if run.state[0].whole and size > most * (1.0 + CUT_TOLERANCE):
            reject(run, TIER, j, sign * size)
            return 0.0
        before = size
        size = cut_to(run, j, size, most, wanted, sign, TIER)
        if size == 0.0:
            return 0.0
        if before - size > CUT_TOLERANCE * wanted:
            reason = TIER
    most = affordable(run, j, size, sign, fill, fee_rate, margin)
    if size > most:
        if run.state[0].on_insufficient == 1 or run.state[0].whole:
            if size > most * (1.0 + CUT_TOLERANCE):
                reject(run, AVAILABLE, j, sign * size)
                return 0.0
        else:
            before = size
            size = cut_to(run, j, size, most, wanted, sign, AVAILABLE)
            if size == 0.0:
                return 0.0
            if before - size > CUT_TOLERANCE * wanted:
                reason = AVAILABLE
    rounded = to_lot(size, instrument.lot)
    if rounded <= 0.0:
        reject(run, reason, j, sign * size)
        return 0.0
    if rounded != wanted and below_minimum(instrument, rounded):
        reject(run, MINIMUM, j, sign * rounded)
        return 0.0
    return rounded


@kernel
def increase(run, j, wanted, sign, fill, fee_rate, margin, kind):
    """Open or add `wanted` > 0 on side `sign` at level `fill`, as far as tier, money and lot allow.

    On demand, the allocation, the initial margin at the fill or `margin` if larger, moves from main into the pool
    first. Returns whether anything was traded.
    """
    size = granted(run, j, wanted, sign, fill, fee_rate, margin)
    if size == 0.0:
        return False
    slot = run.slots[j]
    p = slot.pool
    fee = fee_rate * size * abs(fill)
    allocation, payer = 0.0, p
    if run.pools[p].on_demand:
        allocation = initial_margin(run, size * abs(fill), slot.leverage)
        if margin > allocation:
            allocation = margin
        if run.state[0].opening_fee_from == 0:
            payer = MAIN
    own_fee = fee if payer == p else 0.0
    quantity, entry = slot.quantity, slot.entry
    put_on(run, j, sign * size, fill)
    if would_liquidate(run, p, allocation - own_fee):
        put_back(run, j, quantity, entry)
        reject(run, WOULD_LIQUIDATE, j, sign * size)
        return False
    transfer(run, MAIN, p, j, allocation)
    post(run, payer, FEE_PAID, j, -fee)
    note_position(run, j)
    log_event(run, kind, NO_REASON, j, fill, sign * size, -fee)
    return True


@kernel
def trade_closing(run, j, row, change, fill, fee_rate, kind):
    """Trade the closing half of a signed change; returns the signed rest that opens."""
    slot = run.slots[j]
    held = slot.quantity
    if held * change >= 0.0:
        return change
    size = min(abs(change), abs(held))
    reduce(run, j, size, fill, fee_rate, kind)
    attach_exits(run, j, run.orders[row])
    rest = abs(change) - abs(held)
    if rest <= REST_TOLERANCE * abs(change):
        return 0.0
    return rest if change > 0.0 else -rest
