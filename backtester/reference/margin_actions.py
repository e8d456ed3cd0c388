"""Margin instructions: add, remove, set leverage, cancel (sections 4 A and 8 of the margin model)."""

from __future__ import annotations

from .account import DUST, Account
from .holding import side_of
from .opening import CUT_TOLERANCE
from .slot import Slot
from .working import cancel_working


def do_margin_actions(account: Account) -> None:
    """Do the instructions decided at the close before, in the order given."""
    for action in account.margin_actions:
        if action["bar"] != account.bar - 1:
            continue
        slot = account.slots[action["slot"]]
        if action.get("add") is not None:
            add_margin(account, slot, float(action["add"]))
        if action.get("remove") is not None:
            remove_margin(account, slot, float(action["remove"]))
        if action.get("set_leverage") is not None:
            set_leverage(account, slot, float(action["set_leverage"]))
        if action.get("cancel") is not None:
            cancel_order(account, slot, action["cancel"])


def add_margin(account: Account, slot: Slot, wanted: float) -> None:
    """Move at most ``available`` from main into an on-demand pool with a position."""
    if refused(account, slot):
        return
    amount = possible(account, slot, wanted, account.available())
    if amount > 0.0:
        account.transfer(account.main, slot.pool, amount, slot)
        account.event("add_margin", slot, amount=amount)


def remove_margin(account: Account, slot: Slot, wanted: float) -> None:
    """Move at most ``min(cash_p, equity_p - max(initial margin at mark, requirement_p))`` back to main.

    ``profit_only``: also at most ``equity_p - initial margin at entry``; with a floor, ``equity_p - remove_floor * N``.
    """
    if refused(account, slot):
        return
    pool, marks = slot.pool, account.marks
    equity = pool.equity(marks)
    limit = min(pool.cash, equity - max(pool.initial_margin(marks), pool.requirement(marks)))
    if account.venue.remove_rule == "profit_only":
        limit = min(limit, equity - slot.initial_margin(slot.entry_price))
    if account.venue.remove_floor > 0.0:
        limit = min(limit, equity - account.venue.remove_floor * slot.notional(account.mark(slot)))
    amount = possible(account, slot, wanted, limit)
    if amount > 0.0:
        account.transfer(pool, account.main, amount, slot)
        account.event("remove_margin", slot, amount=-amount)


def refused(account: Account, slot: Slot) -> bool:
    """Reject an instruction to a standing pool or without a position (section 8)."""
    if slot.pool.on_demand and slot.is_open:
        return False
    account.reject(slot, "refused")
    return True


def possible(account: Account, slot: Slot, wanted: float, limit: float) -> float:
    """Return the money that can move: less than asked is a cut, next to nothing a rejection (section 8)."""
    if wanted <= limit:
        return wanted
    if limit <= DUST * wanted:
        account.reject(slot, "available")
        return 0.0
    if wanted - limit > CUT_TOLERANCE * wanted:
        account.cut(slot, "available", 0.0, wanted)
    return limit


def set_leverage(account: Account, slot: Slot, leverage: float) -> None:
    """Change the slot's leverage (section 4 A, *Leverage*).

    Of an open on-demand position: up changes only the setting, down brings the pool's equity to the initial margin.
    """
    if leverage > largest_leverage(account, slot):
        account.reject(slot, "tier")
        return
    amount = 0.0
    if slot.pool.on_demand and slot.is_open and leverage < slot.leverage:
        if account.venue.leverage_rule == "rejected":
            account.reject(slot, "refused")
            return
        before, slot.leverage = slot.leverage, leverage
        amount = max(slot.initial_margin(account.mark(slot)) - slot.pool.equity(account.marks), 0.0)
        slot.leverage = before
        if amount > 0.0 and amount > account.available():
            account.reject(slot, "available")
            return
        account.transfer(account.main, slot.pool, amount, slot)
    slot.leverage = leverage
    account.event("set_leverage", slot, amount=amount)


def cancel_order(account: Account, slot: Slot, number: int) -> None:
    """Cancel a working order that rests or is about to arrive; what is done already stays."""
    cancel_working(account, slot, "asked", lambda order: order.number == number)


def largest_leverage(account: Account, slot: Slot) -> float:
    """Return the maximum leverage of the tier of the side's present position at mark; of tier 0 when flat."""
    tiers = slot.instrument.tiers
    if not slot.is_open:
        return tiers.max_leverages[0]
    quantity = side_of(slot, slot.side).quantity
    key = quantity
    if tiers.keyed_by == "notional":
        key = slot.instrument.contract.notional(quantity, account.mark(slot))
    return tiers.largest_leverage(tiers.index(key), quantity)
