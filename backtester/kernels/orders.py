"""The three passes of orders at the open, and what a limit order does when it fills. docs/model.md, "Orders"."""

import numpy as np

from backtester.kernels._jit import kernel
from backtester.kernels.instructions import carry_out
from backtester.kernels.levels import slipped, to_lot
from backtester.kernels.logs import log_event, reject
from backtester.kernels.margin import total_equity
from backtester.kernels.positions import REST_TOLERANCE, attach_exits, clear_exits, increase, reduce
from backtester.kernels.sizing import dust, ordered_quantity
from backtester.schema import (
    AVAILABLE,
    CANCELLED,
    EQUITY_FRACTION,
    FILL,
    LIMIT,
    MINIMUM,
    NO_DATA,
    REPLACED,
)


@kernel
def execute(run, actions, first_order, last_order, first_action, last_action):
    """Closings by slot, then margin instructions in the order given, then openings by slot."""
    equity = equity_to_share(run, first_order, last_order)
    for row in range(first_order, last_order):
        j = run.orders[row].slot
        run.slots[j].opening = 0.0
        if run.slots[j].waiting_order == row:
            close_half(run, j, row, equity)
            run.slots[j].waiting_order = -1
    for row in range(first_action, last_action):
        carry_out(run, actions[row])
    for row in range(first_order, last_order):
        j = run.orders[row].slot
        if run.slots[j].opening != 0.0:
            open_half(run, j, row)


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
    drop_limit(run, j, REPLACED)
    if order.amount == 0.0 and not order.target:
        return
    if not run.instruments[slot.instrument].live:
        reject(run, NO_DATA, j, 0.0)
        return
    if order.size_type == EQUITY_FRACTION and equity <= dust(run) and not (order.target and order.amount == 0.0):
        reject(run, AVAILABLE, j, 0.0)
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
        slot.limit_order = row
        slot.limit_quantity = change
        return
    fee_rate = run.instruments[slot.instrument].taker_fee_rate
    slot.opening = trade_closing(run, j, row, change, market_fill(run, j, change), fee_rate, FILL)


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


@kernel
def fill_limit(run, j, fill):
    """Fill a resting limit order: closing half, then opening half, maker fee, the marks of this moment."""
    slot = run.slots[j]
    row = slot.limit_order
    slot.limit_order = -1
    fee_rate = run.instruments[slot.instrument].maker_fee_rate
    rest = trade_closing(run, j, row, slot.limit_quantity, fill, fee_rate, LIMIT)
    if rest != 0.0:
        sign = 1.0 if rest > 0.0 else -1.0
        if increase(run, j, abs(rest), sign, fill, fee_rate, run.orders[row].margin, LIMIT):
            attach_exits(run, j, run.orders[row])


@kernel
def drop_limit(run, j, reason):
    """Cancel a resting limit order."""
    slot = run.slots[j]
    if slot.limit_order >= 0:
        log_event(run, CANCELLED, reason, j, np.nan, slot.limit_quantity, 0.0)
        slot.limit_order = -1


@kernel
def cancel_all(run, p, reason):
    """Cancel what waits or rests in the slots of pool `p`, and drop their exits."""
    for j in range(len(run.slots)):
        slot = run.slots[j]
        if slot.pool != p:
            continue
        if slot.waiting_order >= 0:
            log_event(run, CANCELLED, reason, j, np.nan, 0.0, 0.0)
            slot.waiting_order = -1
        drop_limit(run, j, reason)
        clear_exits(run, j)
