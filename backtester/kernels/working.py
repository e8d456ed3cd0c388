"""Working orders: the list of those that rest in a slot, and how they end without a trade. docs/model.md."""

import numpy as np

from backtester.kernels._jit import kernel, seldom
from backtester.kernels.logs import log_event
from backtester.schema import (
    BY_LIQUIDATION,
    CANCELLED,
    EXPIRED,
    FILL,
    NOBODY,
    ONE_CANCELS_OTHER,
    ORDER_DONE,
    POSITION,
    REPLACED,
    RESTING,
    WENT_FLAT,
)

NEVER = np.int64(2**63 - 1)  # a bar after all others


@kernel
def is_market(run, row):
    """Whether an order trades at the open or, as a plain limit, comes to rest there in the place of an earlier one."""
    w = run.orders[row].working
    return w < 0 or run.working[w].kind == FILL or run.working[w].plain != 0


@seldom
def put_in(run, w, state):
    """Put a working order into its slot's list, at its place by order."""
    order, slot = run.working[w], run.slots[run.working[w].slot]
    before, after = NOBODY, slot.working
    while after >= 0 and run.working[after].order < order.order:
        before, after = after, run.working[after].next
    order.next = after
    order.state = state
    if before < 0:
        slot.working = w
    else:
        run.working[before].next = w


@seldom
def take_out(run, w):
    """Take a working order out of its slot's list: it is done."""
    slot, after = run.slots[run.working[w].slot], run.working[w].next
    run.working[w].state = ORDER_DONE
    if slot.working == w:
        slot.working = after
        return
    before = slot.working
    while run.working[before].next != w:
        before = run.working[before].next
    run.working[before].next = after


@seldom
def drop(run, w, reason):
    """Cancel a working order."""
    clock, before = run.state[0], run.state[0].order
    size = run.working[w].change if run.working[w].state == RESTING else 0.0
    clock.order = run.orders[run.working[w].order].id
    log_event(run, CANCELLED, reason, run.working[w].slot, np.nan, size, 0.0)
    clock.order = before
    take_out(run, w)


@seldom
def drop_for(run, j, reason, oco):
    """Cancel those of slot `j`'s working orders that a reason is meant for.

    A later order replaces plain limits; the position has gone flat that others were to shrink; one of the group `oco`
    has traded; their last bar is over; or there was a liquidation, which cancels all, also those that arrive.
    """
    w = run.slots[j].working
    while w >= 0:
        order, after = run.working[w], run.working[w].next
        rests = order.state == RESTING
        if reason == REPLACED:
            rests = order.plain != 0
        elif reason == WENT_FLAT:
            rests = rests and order.reduce_only != 0
        elif reason == ONE_CANCELS_OTHER:
            rests = order.oco == oco
        elif reason == EXPIRED:
            rests = order.expires >= 0 and order.expires < run.state[0].bar
        if rests or reason == BY_LIQUIDATION:
            drop(run, w, reason)
        w = after


@seldom
def drop_everywhere(run, reason, oco):
    """Cancel the working orders of all slots that a reason is meant for, and note when the next ones expire."""
    state = run.state[0]
    state.next_expiry = NEVER
    for j in range(len(run.slots)):
        drop_for(run, j, reason, oco)
        w = run.slots[j].working
        while w >= 0:
            if run.working[w].expires >= 0:
                state.next_expiry = min(state.next_expiry, run.working[w].expires + 1)
            w = run.working[w].next


@kernel
def change_now(run, w):
    """Signed size of a working order if it traded now; 0: a reduce-only order with nothing to shrink."""
    order, held = run.working[w], run.slots[run.working[w].slot].quantity
    change = order.change
    if run.orders[order.order].size_type == POSITION:
        return -run.orders[order.order].amount * held
    if order.reduce_only:
        if held * change >= 0.0:
            return 0.0
        return min(change, -held) if change > 0.0 else max(change, -held)
    return change


@kernel
def is_active(run, w):
    """Whether a working order rests where it could trade."""
    return run.working[w].state == RESTING and change_now(run, w) != 0.0

