"""Working orders: the list of those that rest in a slot, and how they end without a trade. docs/model.md."""

import numpy as np

from backtester.kernels._jit import kernel, seldom
from backtester.kernels.logs import log_event
from backtester.schema import (
    CANCELLED,
    EXPIRED,
    FILL,
    NOBODY,
    ONE_CANCELS_OTHER,
    ORDER_DONE,
    POSITION,
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
    slot = run.slots[run.working[w].slot]
    before, after = NOBODY, slot.working
    while after >= 0 and run.working[after].order < run.working[w].order:
        before, after = after, run.working[after].next
    run.working[w].next = after
    run.working[w].state = state
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
def drop_plain(run, j, reason):
    """Cancel the plain limit order that rests in slot `j`, if there is one."""
    w = run.slots[j].working
    while w >= 0:
        after = run.working[w].next
        if run.working[w].plain:
            drop(run, w, reason)
        w = after


@seldom
def drop_reduce_only(run, j):
    """Cancel what rests in slot `j` to shrink a position that is no more."""
    w = run.slots[j].working
    while w >= 0:
        after = run.working[w].next
        if run.working[w].reduce_only and run.working[w].state == RESTING:
            drop(run, w, WENT_FLAT)
        w = after


@seldom
def drop_group(run, oco):
    """Cancel the working orders of a group of which one has traded."""
    for j in range(len(run.slots)):
        w = run.slots[j].working
        while w >= 0:
            after = run.working[w].next
            if run.working[w].oco == oco and run.working[w].state == RESTING:
                drop(run, w, ONE_CANCELS_OTHER)
            w = after


@seldom
def drop_expired(run):
    """Cancel the working orders whose last bar is over, and note when the next ones expire."""
    state = run.state[0]
    state.next_expiry = NEVER
    for j in range(len(run.slots)):
        w = run.slots[j].working
        while w >= 0:
            after, last = run.working[w].next, run.working[w].expires
            if last >= 0 and last < state.bar:
                drop(run, w, EXPIRED)
            elif last >= 0:
                state.next_expiry = min(state.next_expiry, last + 1)
            w = after


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

