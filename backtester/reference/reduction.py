"""How much of a slot a liquidation closes (section 5 of the margin model, step 2)."""

from __future__ import annotations

import itertools

from .account import DUST, Account
from .holding import join, side_of
from .slot import Slot
from .tiers import STEP_TOLERANCE


def full(account: Account, slot: Slot, aim: float, at_requirement: bool) -> float:
    """Return the whole slot."""
    return abs(slot.quantity)


def tier_step(account: Account, slot: Slot, floor: float, at_requirement: bool) -> float:
    """Return what takes the slot's side down to ``floor``, as far as the slot can give it.

    The tier's key (notional at mark or at entry, or quantity) shrinks in proportion to the slot's quantity.
    """
    side = side_of(slot, slot.side)
    key = side.key(account.mark(slot))
    if key <= floor * (1.0 + STEP_TOLERANCE):
        return 0.0
    excess = key - floor
    return whole_if_dust_remains(slot, abs(slot.quantity) * (excess / own_key(account, slot)))


def own_key(account: Account, slot: Slot) -> float:
    """Return the slot's part of its side's tier key."""
    if slot.instrument.tiers.keyed_by == "quantity":
        return abs(slot.quantity)
    if account.venue.mm_basis == "entry":
        return slot.notional(slot.entry_price)
    return slot.notional(account.mark(slot))


def whole_if_dust_remains(slot: Slot, size: float) -> float:
    """Return the size, or the whole slot if at most 1e-9 of it would remain."""
    position = abs(slot.quantity)
    return position if position - size <= DUST * position else size


def to_initial(account: Account, slot: Slot, aim: float, at_requirement: bool) -> float:
    """Return the smallest size after which ``equity_p = sum(initial_margin)``.

    The whole slot if it cannot meet the target, or if the pool would still be at or below its requirement.
    """
    position = abs(slot.quantity)
    size = smallest_size(Closing(account, slot))
    if size is None or (size == 0.0 and at_requirement):
        return position
    size = whole_if_dust_remains(slot, size)
    return position if size == position or still_unhealthy(account, slot, size) else size


def fraction_first(account: Account, slot: Slot, share: float, at_requirement: bool) -> float:
    """Return the share of the slot that was found when the pass began."""
    return share * abs(slot.quantity)


CLOSING_SIZE = {"full": full, "tier_step": tier_step, "to_initial": to_initial, "fraction_first": fraction_first}


class Closing:
    """Equity and initial margin of a slot's pool as functions of the size closed."""

    def __init__(self, account: Account, slot: Slot) -> None:
        pool, contract, mark_price = slot.pool, slot.instrument.contract, account.mark(slot)
        venue = account.venue
        self.position = abs(slot.quantity)
        self.hedge_offset = venue.hedge_offset
        self.equity_now = pool.equity(account.marks)
        self.last_digit = pool.last_digit(account.marks)
        fill = mark_price * (1.0 - venue.liquidation_slippage * slot.side)
        self.slippage_of_one = -contract.unrealized_pnl(slot.side, mark_price, fill)
        self.fee_of_one = slot.instrument.liquidation_fee * contract.notional(1.0, mark_price)
        self.own = side_of(slot, slot.side).initial_margin(mark_price)
        self.other = side_of(slot, -slot.side).initial_margin(mark_price)
        self.margin_of_one = slot.margin_of(contract.notional(1.0, mark_price))
        joined = join(self.hedge_offset, self.own, self.other)
        self.elsewhere = pool.initial_margin(account.marks) - joined

    def equity(self, size: float) -> float:
        """Return the pool's equity after closing: less slippage, less the capped fee."""
        before_fee = self.equity_now - self.slippage_of_one * size
        return before_fee - min(self.fee_of_one * size, max(0.0, before_fee))

    def initial_margin(self, size: float) -> float:
        """Return the pool's initial margin after closing."""
        return self.elsewhere + join(self.hedge_offset, self.own - self.margin_of_one * size, self.other)

    def surplus(self, size: float) -> float:
        """Return ``equity_p - sum(initial_margin)`` after closing."""
        return self.equity(size) - self.initial_margin(size)

    def is_met(self, size: float) -> bool:
        """Return whether the target is met after closing, to 1e-12 of the pool's cash and notionals (section 8)."""
        return self.surplus(size) >= -self.last_digit

    def bends(self) -> list[float]:
        """Return the sizes at which ``surplus`` may bend, with both ends: offset reached, fee capped, equity gone."""
        costs = (self.slippage_of_one + self.fee_of_one, self.slippage_of_one)
        sizes = [(self.own - self.other) / self.margin_of_one]
        sizes += [self.equity_now / cost for cost in costs if cost > 0.0]
        inside = sorted(size for size in sizes if 0.0 < size < self.position)
        return [0.0, *inside, self.position]


def smallest_size(closing: Closing) -> float | None:
    """Return the smallest size that meets the target, None if the slot cannot; straight between the bends."""
    bends = closing.bends()
    if closing.is_met(0.0):
        return 0.0
    for lower, upper in itertools.pairwise(bends):
        if closing.is_met(upper):
            low, high = closing.surplus(lower), closing.surplus(upper)
            return upper if high <= 0.0 else lower + (upper - lower) * (-low / (high - low))
    return None


def still_unhealthy(account: Account, slot: Slot, size: float) -> bool:
    """Return whether the pool would be at or below its requirement after closing a size."""
    closing, quantity = Closing(account, slot), slot.quantity
    slot.quantity -= slot.side * size
    requirement = slot.pool.requirement(account.marks)
    slot.quantity = quantity
    return closing.equity(size) - requirement <= closing.last_digit
