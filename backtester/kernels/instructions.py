"""Margin instructions: add, remove, set leverage. docs/model.md, "Margin instructions"."""

import numpy as np

from backtester.kernels._jit import seldom
from backtester.kernels.levels import mark_at
from backtester.kernels.logs import log_event, note_position, reject, transfer
from backtester.kernels.margin import TIER_TOLERANCE, appraise, available, initial_margin, tier_at
from backtester.kernels.positions import CUT_TOLERANCE, REST_TOLERANCE
from backtester.kernels.sizing import side_quantity
from backtester.kernels.working import drop
from backtester.schema import (
    ADD,
    ADD_MARGIN,
    ARRIVING,
    ASKED,
    AVAILABLE,
    CANCEL,
    CUT,
    LEVERAGE,
    MAIN,
    NO_REASON,
    REFUSED,
    REMOVE_MARGIN,
    RESTING,
    SET_LEVERAGE,
    TIER,
)


@seldom
def carry_out(run, action):
    """Carry out one margin instruction at the open."""
    j = action.slot
    slot = run.slots[j]
    if action.kind == CANCEL:
        w = np.int64(action.amount)
        if w >= 0 and run.working[w].state in (ARRIVING, RESTING):
            drop(run, w, ASKED)
        return
    if action.kind == LEVERAGE:
        set_leverage(run, j, action.amount)
        return
    if not run.pools[slot.pool].on_demand or slot.quantity == 0.0:
        reject(run, REFUSED, j, 0.0)
    elif action.kind == ADD:
        move(run, j, action.amount, available(run, 0.0), ADD_MARGIN)
    else:
        move(run, j, action.amount, removable(run, j), REMOVE_MARGIN)


@seldom
def move(run, j, asked, most, kind):
    """Move `asked`, at most `most`, between main and the slot's pool."""
    if asked == 0.0:
        return
    amount = min(asked, most)
    if amount <= REST_TOLERANCE * asked:
        reject(run, AVAILABLE, j, 0.0)
        return
    if asked - amount > CUT_TOLERANCE * asked:
        log_event(run, CUT, AVAILABLE, j, np.nan, 0.0, asked)
    p = run.slots[j].pool
    if kind == ADD_MARGIN:
        transfer(run, MAIN, p, j, amount)
        log_event(run, kind, NO_REASON, j, np.nan, 0.0, amount)
    else:
        transfer(run, p, MAIN, j, amount)
        log_event(run, kind, NO_REASON, j, np.nan, 0.0, -amount)


@seldom
def removable(run, j):
    """What may leave an isolated pool: ``min(cash, equity - max(initial margin, requirement))``.

    ``profit_only``: also at most ``equity - initial margin at entry``. With a floor: ``equity - remove_floor*N``.
    """
    slot = run.slots[j]
    size, floor = abs(slot.quantity), run.state[0].remove_floor
    equity, requirement, initial = appraise(run, slot.pool, 0.0)
    most = min(run.pools[slot.pool].cash, equity - max(initial, requirement))
    if run.state[0].remove_rule == 1:
        most = min(most, equity - initial_margin(run, size * abs(slot.entry), slot.leverage))
    if floor > 0.0:
        most = min(most, equity - floor * (size * abs(mark_at(run.instruments[slot.instrument], 0.0))))
    return most


@seldom
def tier_leverage(run, j):
    """Largest leverage of the tier that the slot's side is in at mark, or of its margin rate that grew with it."""
    slot = run.slots[j]
    instrument = run.instruments[slot.instrument]
    quantity = 0.0
    if slot.quantity != 0.0:
        quantity = side_quantity(run, j, 1.0 if slot.quantity > 0.0 else -1.0)
    key = quantity
    if not instrument.by_quantity:
        key *= abs(mark_at(run.instruments[slot.instrument], 0.0))
    most = run.tiers[tier_at(run.tiers, instrument, key)].max_leverage
    grown = min(1.0, instrument.unit_margin_rate * quantity)
    return most if grown == 0.0 else min(most, (1.0 + TIER_TOLERANCE) / grown)


@seldom
def set_leverage(run, j, leverage):
    """Change a slot's leverage; lowering that of an open on-demand position tops it up to the initial margin."""
    slot = run.slots[j]
    p = slot.pool
    if leverage > tier_leverage(run, j):
        reject(run, TIER, j, 0.0)
        return
    moved = 0.0
    if run.pools[p].on_demand and slot.quantity != 0.0 and leverage < slot.leverage:
        if run.state[0].leverage_rule == 1:
            reject(run, REFUSED, j, 0.0)
            return
        equity, _, _ = appraise(run, p, 0.0)
        notional = abs(slot.quantity) * abs(mark_at(run.instruments[slot.instrument], 0.0))
        moved = max(0.0, initial_margin(run, notional, leverage) - equity)
        if moved > max(0.0, available(run, 0.0)):
            reject(run, AVAILABLE, j, 0.0)
            return
        transfer(run, MAIN, p, j, moved)
    slot.leverage = leverage
    slot.tier_limit = -1.0
    run.legs[slot.leg].stale = 1
    note_position(run, j)
    log_event(run, SET_LEVERAGE, NO_REASON, j, np.nan, 0.0, moved)
