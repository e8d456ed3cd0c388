"""Funding payments (section 4 A.1 of the margin model)."""

from __future__ import annotations

import math

from .account import Account
from .slot import Slot


def charge_funding(account: Account) -> None:
    """Charge every event in ``(open_time[t-1], open_time[t]]``, in order of time, instrument, slot."""
    if account.bar == 0:
        return
    since, until = account.open_time[account.bar - 1], account.open_time[account.bar]
    due = [event for event in account.funding if since < event["time"] <= until]
    for event in sorted(due, key=lambda row: (row["time"], row["instrument"])):
        for slot in account.slots:
            if slot.instrument.index == event["instrument"] and slot.is_open:
                charge(account, slot, float(event["rate"]), event.get("mark"))


def charge(account: Account, slot: Slot, rate: float, mark: float | None) -> None:
    """Charge one slot ``q * m * rate`` (inverse ``q / m * rate``): longs pay a positive rate."""
    price = account.mark(slot) if mark is None or math.isnan(mark) else float(mark)
    payment = slot.side * slot.notional(price) * rate
    slot.funding_paid += payment
    if account.venue.funding_source == "main_first" and slot.pool.on_demand:
        charge_main_first(account, slot, payment)
    else:
        account.book(slot.pool, "funding", -payment, slot)
    account.event("funding", slot, price=price, quantity=slot.quantity, amount=0.0 - payment)


def charge_main_first(account: Account, slot: Slot, payment: float) -> None:
    """Take a payment from ``max(0, available)`` of main first, the rest from the pool; receipts go to main."""
    from_main = payment if payment < 0.0 else min(payment, max(0.0, account.available()))
    account.book(account.main, "funding", -from_main, slot)
    account.book(slot.pool, "funding", -(payment - from_main), slot)
