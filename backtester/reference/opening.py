"""Opening and increasing a position (section 4 A of the margin model)."""

from __future__ import annotations

from dataclasses import dataclass

from .account import DUST, Account
from .room import money_room, tier_room
from .slot import Slot
from .trades import Terms, round_to_lot

CUT_TOLERANCE = 1e-12
"""A cut of at most this share of the wanted size is no event (section 8)."""


@dataclass(frozen=True)
class Opening:
    """An opening or increase that is asked for: slot, signed size, terms, ``O`` of the bar, margin asked for.

    A ``whole`` one is not cut.
    """

    slot: Slot
    wanted: float
    terms: Terms
    open_price: float
    margin: float | None
    whole: bool = False

    @property
    def sign(self) -> float:
        """Return +1 to buy, -1 to sell."""
        return 1.0 if self.wanted > 0.0 else -1.0

    @property
    def fill(self) -> float:
        """Return the price traded."""
        return self.terms.fill(self.wanted)

    def notional(self, size: float) -> float:
        """Return the notional of a size at the fill."""
        return self.slot.instrument.contract.notional(size, self.fill)

    def fee(self, size: float) -> float:
        """Return ``fee_rate * N`` at the fill."""
        return self.terms.fee_rate * self.notional(size)

    def collateral(self, size: float) -> float:
        """Return what moves into an on-demand pool: the initial margin at the fill, or that asked for if larger."""
        if not self.slot.pool.on_demand:
            return 0.0
        return max(self.slot.margin_of(self.notional(size)), self.margin or 0.0)


def increase(account: Account, opening: Opening) -> bool:
    """Open or add; return whether it traded (section 4 A, *Increase*, and section 8).

    Tests in order: minimum at ``O``, tier, money, lot, minimum again, ``would_liquidate``.
    """
    size = fit(account, opening)
    if size == 0.0:
        return False
    slot, change = opening.slot, opening.sign * size
    collateral, fee = opening.collateral(size), opening.fee(size)
    from_main = slot.pool.on_demand and account.venue.opening_fee_from == "main"
    if would_liquidate(account, opening, change, collateral - (0.0 if from_main else fee)):
        account.reject(slot, "would_liquidate", change)
        return False
    if slot.pool.on_demand:
        account.transfer(account.main, slot.pool, collateral, slot)
    account.book(account.main if from_main else slot.pool, "fee", -fee, slot)
    grow(slot, change, opening.fill)
    account.event(opening.terms.kind, slot, fill=opening.fill, quantity=change, amount=0.0 - fee)
    return True


def fit(account: Account, opening: Opening) -> float:
    """Return the size that passes the tests before ``would_liquidate``, 0 when the opening is rejected."""
    slot, sign, size = opening.slot, opening.sign, abs(opening.wanted)
    if below_minimum(slot, size, opening.open_price):
        account.reject(slot, "minimum", sign * size)
        return 0.0
    reason = "minimum"
    for test in (tier_test, money_test):
        size, reason = test(account, opening, size, reason)
        if size == 0.0:
            return 0.0
    rounded = round_to_lot(size, slot.instrument.lot)
    if rounded == 0.0:
        account.reject(slot, reason, sign * size)
        return 0.0
    if below_minimum(slot, rounded, opening.open_price):
        account.reject(slot, "minimum", sign * rounded)
        return 0.0
    return rounded


def tier_test(account: Account, opening: Opening, size: float, reason: str) -> tuple[float, str]:
    """Cut a size to the tier's room; return it with the reason of the last cut."""
    room = tier_room(account, opening.slot, opening.sign)
    return cut_to(account, opening, size, room, "tier", reason)


def money_test(account: Account, opening: Opening, size: float, reason: str) -> tuple[float, str]:
    """Cut a size to the money's room, or refuse it; return it with the reason of the last cut."""
    room = money_room(account, opening.slot, opening.sign, opening.fill, opening.terms.fee_rate, opening.margin)
    if account.venue.on_insufficient == "reject" and size > room * (1.0 + CUT_TOLERANCE):
        room = 0.0
    return cut_to(account, opening, size, room, "available", reason)


def cut_to(account: Account, opening: Opening, size: float, room: float, cause: str, reason: str) -> tuple[float, str]:
    """Return the size cut to ``room`` and the reason of the last cut; 0 and a rejection if next to nothing is left."""
    wanted = abs(opening.wanted)
    if size <= room:
        return size, reason
    nearly = size - room <= CUT_TOLERANCE * wanted
    if room <= DUST * wanted or (opening.whole and not nearly):
        account.reject(opening.slot, cause, opening.sign * size)
        return 0.0, cause
    if nearly:
        return room, reason
    account.cut(opening.slot, cause, opening.sign * room, opening.sign * size)
    return room, cause


def would_liquidate(account: Account, opening: Opening, change: float, cash: float) -> bool:
    """Return whether the slot's own pool would be at its requirement, but for the last digit, or below it."""
    slot = opening.slot
    pool = slot.pool
    before = slot.quantity, slot.entry_price, pool.cash
    pool.cash += cash
    grow(slot, change, opening.fill)
    above = pool.equity(account.marks) - pool.requirement(account.marks)
    unhealthy = above <= pool.last_digit(account.marks)
    slot.quantity, slot.entry_price, pool.cash = before
    return unhealthy


def grow(slot: Slot, change: float, fill: float) -> None:
    """Add to the position; entries average by quantity or by reciprocal price (section 4 A)."""
    slot.entry_price = slot.instrument.contract.average(slot.quantity, slot.entry_price, change, fill)
    slot.quantity += change


def below_minimum(slot: Slot, size: float, open_price: float) -> bool:
    """Return whether an opening's notional at ``O`` is below the instrument's minimum."""
    least = slot.instrument.min_notional * (1.0 - CUT_TOLERANCE)
    return slot.instrument.contract.notional(size, open_price) < least
