"""Automatic top-up of an isolated position at its line. docs/model.md, "Auto top-up"."""

import numpy as np

from backtester.kernels._jit import seldom
from backtester.kernels.levels import mark_at
from backtester.kernels.logs import log_event, post
from backtester.kernels.margin import appraise, available, healthy, initial_margin
from backtester.schema import ALL_FREE, AUTO_TOP_UP, ENTRY_BASIS, MAIN, NO_REASON, TOPPED_UP

DUST = 1e-9  # of the balance: less is no top-up
STEP_TOLERANCE = 1e-9  # of an initial margin: a pool this close below its line counts as on it


@seldom
def top_up(run, p, shortage):
    """Move margin from main to the on-demand pool `p`; returns whether that lifts it above its requirement.

    `shortage` is what its equity is below its requirement by; 0 where it was caught on its way.
    """
    if not run.pools[p].on_demand:
        return False
    j = run.slots[run.pools[p].first].member
    amount = min(wanted(run, j, shortage), movable(run, j))
    if amount <= DUST * run.state[0].balance:
        return False
    post(run, MAIN, TOPPED_UP, j, -amount)
    post(run, p, TOPPED_UP, j, amount)
    run.slots[j].topped_up += amount
    log_event(run, AUTO_TOP_UP, NO_REASON, j, np.nan, 0.0, amount)
    return healthy(run, p, run.state[0].s)


@seldom
def wanted(run, j, shortage):
    """What the rule asks for: as many initial margins as lift the pool above its requirement, or all there is.

    The initial margin is that at the price at which maintenance is measured.
    """
    rules = run.state[0]
    if rules.auto_top_up == ALL_FREE:
        return np.inf
    slot = run.slots[j]
    basis = slot.entry
    if rules.mm_basis != ENTRY_BASIS:
        basis = mark_at(run.instruments[slot.instrument], rules.s)
    initial = initial_margin(run, abs(slot.quantity) * abs(basis), slot.leverage)
    return initial * (np.floor(shortage / initial + STEP_TOLERANCE) + 1.0)


@seldom
def movable(run, j):
    """The least of what main has available, what the cap leaves, and what takes the equity up to the notional."""
    slot = run.slots[j]
    rules = run.state[0]
    equity, _, _ = appraise(run, slot.pool, rules.s)
    notional = abs(slot.quantity) * abs(mark_at(run.instruments[slot.instrument], rules.s))
    most = min(available(run, rules.s), notional - equity)
    return min(most, rules.top_up_cap - slot.topped_up) if rules.top_up_cap > 0.0 else most
