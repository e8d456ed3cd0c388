"""How much a slot may open: tier and money (section 4 A of the margin model, *Increase*)."""

from __future__ import annotations

from .account import Account
from .holding import join, side_of
from .slot import Slot

UNLIMITED = float("inf")
LAST_DIGIT = 1e-12
"""Of the balance: money left where larger sums cancelled is none."""


def tier_room(account: Account, slot: Slot, sign: float) -> float:
    """Return the size that the slot's leverage still allows on the pool's side, at mark.

    The largest position of the side whose ``max_leverage`` is not below the slot's leverage, less what it has.
    """
    tiers = slot.instrument.tiers
    side = side_of(slot, sign)
    largest = tiers.largest_key(slot.leverage)
    if tiers.keyed_by == "quantity":
        return largest - side.quantity
    contract, mark_price = slot.instrument.contract, account.mark(slot)
    return (largest - contract.notional(side.quantity, mark_price)) / contract.notional(1.0, mark_price)


def money_room(account: Account, slot: Slot, sign: float, fill: float, fee_rate: float, margin: float | None) -> float:
    """Return the size that the money allows; 0 if there is none."""
    if slot.pool.on_demand:
        return on_demand_room(account, slot, fill, fee_rate, margin)
    return standing_room(account, slot, sign, fill, fee_rate)


def on_demand_room(account: Account, slot: Slot, fill: float, fee_rate: float, margin: float | None) -> float:
    """Return the largest ``d`` with ``max(d * initial margin, margin) + max(fee, 0) <= available``.

    A margin asked for is never cut: above ``available`` there is no room (section 8).
    """
    available = account.available()
    if available <= LAST_DIGIT * account.balance:
        return 0.0
    notional = slot.instrument.contract.notional(1.0, fill)
    fee = max(fee_rate, 0.0) * notional
    room = available / (slot.margin_of(notional) + fee)
    if margin is None:
        return room
    if margin > available:
        return 0.0
    return min(room, (available - margin) / fee) if fee > 0.0 else room


def standing_room(account: Account, slot: Slot, sign: float, fill: float, fee_rate: float) -> float:
    """Return the largest ``d`` that leaves ``free_p >= 0`` after the trade at mark.

    Without offset ``d <= free_p / (initial margin + fee_rate*fill - s*(m - fill))``, of one unit. With one, the initial
    margin of the instrument bends where the side traded reaches the other side; the free money falls from there on.
    """
    free = account.free(slot.pool)
    if free <= slot.pool.last_digit(account.marks) + LAST_DIGIT * account.balance:  # rounding is no money
        return 0.0
    contract, mark_price = slot.instrument.contract, account.mark(slot)
    margin_of_one = slot.margin_of(contract.notional(1.0, mark_price))
    cost = fee_rate * contract.notional(1.0, fill) - contract.unrealized_pnl(sign, fill, mark_price)
    if account.venue.hedge_offset == "none":
        return largest(free, margin_of_one + cost)
    own = side_of(slot, sign).initial_margin(mark_price)
    other = side_of(slot, -sign).initial_margin(mark_price)
    if other <= own:
        return largest(free, margin_of_one + cost)
    bend = (other - own) / margin_of_one
    freed = join(account.venue.hedge_offset, own, other) - join(account.venue.hedge_offset, other, other)
    free_at_bend = free + freed - cost * bend
    if free_at_bend >= 0.0:
        return bend + largest(free_at_bend, margin_of_one + cost)
    return largest(free, cost - freed / bend)


def largest(free: float, cost: float) -> float:
    """Return ``free / cost``, unlimited when a trade costs nothing."""
    return free / cost if cost > 0.0 else UNLIMITED
