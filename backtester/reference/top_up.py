"""Auto top-up: what main gives an isolated position before it is liquidated (docs/model.md, *Auto top-up*)."""

from __future__ import annotations

import math

from .account import DUST, Account
from .pool import Pool
from .slot import Slot


def is_saved_by_top_up(account: Account, pool: Pool) -> bool:
    """Move what the venue's rule moves, and return whether the pool is above its requirement then.

    Next to nothing, at most 1e-9 of the balance, is not moved.
    """
    if account.venue.auto_top_up == "none" or not pool.on_demand:
        return False
    (slot,) = pool.open_slots
    amount = min(limits(account, slot))
    if account.venue.auto_top_up == "initial_margin":
        amount = min(amount, initial_margins(account, slot))
    if amount <= DUST * account.balance:
        return False
    account.transfer(account.main, pool, amount, slot, kind="auto_top_up")
    account.event("auto_top_up", slot, amount=amount)
    slot.topped_up += amount
    return pool.is_healthy_again(account.marks)


def limits(account: Account, slot: Slot) -> list[float]:
    """Return what a top-up may not exceed: money that is free, an effective leverage of 1, the venue's cap."""
    found = [account.available(), slot.notional(account.mark(slot)) - slot.pool.equity(account.marks)]
    if account.venue.top_up_cap > 0.0:
        found.append(account.venue.top_up_cap - slot.topped_up)
    return found


def initial_margins(account: Account, slot: Slot) -> float:
    """Return the smallest number of whole initial margins after which ``equity_p > requirement_p``, as money.

    They are taken at the price that maintenance is measured at. A shortage within 1e-9 of a whole number needs one
    more.
    """
    one = slot.initial_margin(slot.entry_price if account.venue.mm_basis == "entry" else account.mark(slot))
    shortage = max(0.0, slot.pool.requirement(account.marks) - slot.pool.equity(account.marks))
    return (math.floor(shortage / one + DUST) + 1) * one
