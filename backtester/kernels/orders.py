"""The passes of orders at the open. docs/model.md, "Orders"."""

import numpy as np

from backtester.kernels._jit import kernel, seldom
from backtester.kernels.instructions import carry_out
from backtester.kernels.levels import slipped, to_lot
from backtester.kernels.logs import log_event, reject
from backtester.kernels.margin import total_equity
from backtester.kernels.positions import REST_TOLERANCE, attach_exits, clear_exits, increase, trade_closing
from backtester.kernels.sizing import dust, ordered_quantity
from backtester.kernels.triggered import arrive
from backtester.kernels.working import drop_for, is_market, put_in
from backtester.schema import (
    ARRIVING,
    AVAILABLE,
    CANCELLED,
    EQUITY_FRACTION,
    FILL,
    MINIMUM,
    NO_DATA,
    NO_POSITION,
    NOBODY,
    POSITION,
    REPLACED,
    RESTING,
)


@kernel
def execute(run, actions, first_order, last_order, first_action, last_action):
    """Closings by slot, margin instructions in the order given, openings by slot, then what works on arrives."""
    equity = equity_to_share(run, first_order, last_order)
    working = False
    for row in range(first_order, last_order):
        j = run.orders[row].slot
        if not is_market(run, row):
            working = True
            continue
        run.slots[j].opening = 0.0
        if run.slots[j].waiting_order == row:
            run.state[0].order = run.orders[row].id
            close_half(run, j, row, equity)
            run.slots[j].waiting_order = -1
    run.state[0].order = NOBODY
    for row in range(first_action, last_action):
        carry_out(run, actions[row])
    for row in range(first_order, last_order):
        j = run.orders[row].slot
        if run.slots[j].opening != 0.0 and is_market(run, row):
            run.state[0].order = run.orders[row].id
            open_half(run, j, row)
    run.state[0].order = NOBODY
    if working:
        let_arrive(run, first_order, last_order, equity)


@seldom
def let_arrive(run, first_order, last_order, equity):
    """Let the working orders of this open arrive, those that no liquidation has cancelled."""
    for row in range(first_order, last_order):
        if not is_market(run, row) and run.working[run.orders[row].working].state == ARRIVING:
            arrive(run, run.orders[row].working, equity)


@kernel
def equity_to_share(run, first_order, last_order):
    """Total equity at the open, if one of the orders is a fraction of it; nothing once bankrupt."""
    for row in range(first_order, last_order):
        if run.orders[row].size_type == EQUITY_FRACTION and not run.state[0].bankrupt:
            return total_equity(run, 0.0)
    return 0.0


@kernel
def close_half(run, j, row, equity):
    """Size an order at the open, trade the part that closes, and leave the part that opens in `slot.opening`."""
    slot, order = run.slots[j], run.orders[row]
    if slot.working >= 0:
        drop_for(run, j, REPLACED, NOBODY)
    if order.amount == 0.0 and not order.target:
        return
    if not run.instruments[slot.instrument].live:
        reject(run, NO_DATA, j, 0.0)
        return
    if order.size_type == EQUITY_FRACTION and equity <= dust(run) and not (order.target and order.amount == 0.0):
        reject(run, AVAILABLE, j, 0.0)
        return
    if reduces_only(run, order):
        change = shrinking(run, j, order, equity)
        if change != 0.0:
            fee_rate = run.instruments[slot.instrument].taker_fee_rate
            trade_closing(run, j, row, change, market_fill(run, j, change), fee_rate, FILL)
        return
    wanted = ordered_quantity(run, order, equity)
    change = to_lot(wanted, run.instruments[slot.instrument].lot)
    if order.target:
        tolerance = REST_TOLERANCE * max(abs(change), abs(slot.quantity))
        change -= slot.quantity
        if abs(change) <= tolerance:
            attach_exits(run, j, order)
            return
    elif change == 0.0:
        reject(run, MINIMUM, j, wanted)
        return
    if not np.isnan(order.limit):
        run.working[order.working].change = change
        put_in(run, order.working, RESTING)
        return
    fee_rate = run.instruments[slot.instrument].taker_fee_rate
    slot.opening = trade_closing(run, j, row, change, market_fill(run, j, change), fee_rate, FILL)


@kernel
def reduces_only(run, order):
    """Whether a market order only shrinks what there is."""
    if order.size_type == POSITION:
        return True
    return order.working >= 0 and run.working[order.working].reduce_only != 0


@seldom
def shrinking(run, j, order, equity):
    """Signed size of a reduce-only market order; 0 (and a rejection) where it has nothing to shrink."""
    held = run.slots[j].quantity
    if order.size_type == POSITION:
        change = -order.amount * held
    else:
        wanted = ordered_quantity(run, order, equity)
        change = to_lot(wanted, run.instruments[run.slots[j].instrument].lot)
        if change == 0.0:
            reject(run, MINIMUM, j, wanted)
            return 0.0
    if held * change >= 0.0:
        reject(run, NO_POSITION, j, change)
        return 0.0
    return change if abs(change) <= abs(held) else -held


@kernel
def open_half(run, j, row):
    """Trade the part of an order that opens or adds."""
    slot, order = run.slots[j], run.orders[row]
    change = slot.opening
    slot.opening = 0.0
    sign = 1.0 if change > 0.0 else -1.0
    fee_rate = run.instruments[slot.instrument].taker_fee_rate
    if increase(run, j, abs(change), sign, market_fill(run, j, change), fee_rate, order.margin, FILL):
        attach_exits(run, j, order)


@kernel
def market_fill(run, j, change):
    """Level of a market fill at the open: ``O*(1 + slippage*sign(change))``."""
    slot = run.slots[j]
    inverse = run.instruments[slot.instrument].inverse
    rate = run.state[0].slippage
    return slipped(run.instruments[slot.instrument].trade_from, inverse, rate if change > 0.0 else -rate)


@kernel
def cancel_all(run, p, reason):
    """Cancel what waits or rests in the slots of pool `p`, and drop their exits."""
    for j in range(len(run.slots)):
        slot = run.slots[j]
        if slot.pool != p:
            continue
        if slot.waiting_order >= 0:
            run.state[0].order = run.orders[slot.waiting_order].id
            log_event(run, CANCELLED, reason, j, np.nan, 0.0, 0.0)
            run.state[0].order = NOBODY
            slot.waiting_order = -1
        drop_for(run, j, reason, NOBODY)
        clear_exits(run, j)
