"""Events, ledger rows and positions. A full log goes on counting, and the engine repeats the run with a larger one."""

import numpy as np

from backtester.kernels._jit import kernel, seldom
from backtester.kernels.levels import mark_at, price_of
from backtester.schema import REJECTED, TRANSFERRED


@kernel
def log_event(run, kind, reason, j, fill, quantity, amount):
    """Append an event of slot `j` at this moment; `fill` is a level (nan: nothing traded)."""
    n = run.state[0].n_events
    run.state[0].n_events = n + 1
    run.sums[kind].events += 1
    run.sums[kind].amount += amount
    if n >= len(run.events):
        return
    event, clock = run.events[n], run.state[0]
    event.bar = clock.bar
    event.slot = j
    event.kind = kind
    event.reason = reason
    event.segment = clock.segment
    event.s = clock.s
    event.quantity = quantity
    event.amount = amount
    event.bankruptcy_price = np.nan
    event.order = clock.order
    event.pool = 0
    event.price = np.nan
    event.fill = np.nan
    if j >= 0:  # -1: an event of the account
        slot = run.slots[j]
        inverse = run.instruments[slot.instrument].inverse
        event.pool = slot.pool
        event.price = price_of(mark_at(run.instruments[slot.instrument], clock.s), inverse)
        event.fill = price_of(fill, inverse)


@seldom
def reject(run, reason, j, quantity):
    """Log that an order or instruction of slot `j` was refused."""
    log_event(run, REJECTED, reason, j, np.nan, quantity, 0.0)


@kernel
def post(run, p, kind, j, amount):
    """Change the cash of pool `p` and write the ledger row that says why: ``cash_p += amount``."""
    if amount == 0.0:
        return
    run.pools[p].cash += amount
    run.sums[kind].paid += amount
    n = run.state[0].n_ledger
    run.state[0].n_ledger = n + 1
    if n >= len(run.ledger):
        return
    row = run.ledger[n]
    row.bar = run.state[0].bar
    row.pool = p
    row.slot = j
    row.kind = kind
    row.amount = amount


@kernel
def transfer(run, source, target, j, amount):
    """Move cash between two pools, for slot `j`."""
    post(run, source, TRANSFERRED, j, -amount)
    post(run, target, TRANSFERRED, j, amount)


@kernel
def note_position(run, j):
    """Remember what slot `j` holds since this bar; several changes in a bar leave one row."""
    slot, bar = run.slots[j], run.state[0].bar
    row = slot.position_row
    if row < 0 or row >= len(run.positions) or run.positions[row].bar != bar:
        row = run.state[0].n_positions
        run.state[0].n_positions = row + 1
        run.slots[j].position_row = row
        if row >= len(run.positions):
            return
    change = run.positions[row]
    change.bar = bar
    change.slot = j
    change.quantity = slot.quantity
    change.entry = slot.entry
    change.leverage = slot.leverage
