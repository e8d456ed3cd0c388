"""Liquidation of a pool (section 5 of the margin model)."""

from __future__ import annotations

from .account import Account
from .closed_form import bankruptcy_price
from .holding import own_requirement, side_of
from .orders import cancel_limit, cancel_waiting
from .pool import Pool
from .reduction import CLOSING_SIZE
from .slot import Slot
from .tiers import STEP_TOLERANCE
from .top_up import is_saved_by_top_up
from .trades import shrink
from .working import cancel_working


def liquidate(account: Account, pool: Pool) -> None:
    """Liquidate a pool at the marks of the moment, unless a top-up saves it: passes until it is healthy or flat."""
    account.sample_ratio()
    if is_saved_by_top_up(account, pool):
        return
    cancel_orders(account, pool)
    bankruptcy = {}
    if account.venue.leftover == "fund":
        bankruptcy = {slot.index: bankruptcy_price(slot, account.marks) for slot in pool.open_slots}
    taken_over = one_pass(account, pool, bankruptcy, at_requirement=True)
    while pool.has_position and not pool.is_healthy_again(account.marks):
        taken_over = one_pass(account, pool, bankruptcy, at_requirement=False)
    if not pool.has_position:
        settle_leftover(account, pool, to_fund=taken_over or account.venue.leftover == "fund")


def cancel_orders(account: Account, pool: Pool) -> None:
    """Cancel waiting orders, limits and exits of all the pool's slots, also when the pool survives (step 1)."""
    for slot in pool.slots:
        cancel_waiting(account, slot, "liquidation")
        cancel_limit(account, slot, "liquidation")
        cancel_working(account, slot, "liquidation", lambda _: True)
        slot.exits.clear()


def one_pass(account: Account, pool: Pool, bankruptcy: dict[int, float | None], at_requirement: bool) -> bool:
    """Go once over the open slots in the venue's order, fixed at the start (step 2); return whether it was taken over.

    ``at_requirement``: nothing is closed yet and the pool counts as at its requirement, whatever the last digit says.
    """
    order = closing_order(account, pool)
    if pool.is_beyond_backstop(account.marks):
        for slot in order:
            close(account, slot, abs(slot.quantity), bankruptcy, "backstop")
        return True
    aims = {slot.index: aim_of(account, slot) for slot in order}
    size_of = CLOSING_SIZE[account.venue.reduction]
    for slot in order:
        size = size_of(account, slot, aims[slot.index], at_requirement)
        if account.venue.reduction == "fraction_first" and aims[slot.index] < 1.0:
            account.cool_from = account.moment + account.cooldown
        if size > 0.0:
            at_requirement = False
            close(account, slot, size, bankruptcy)
        if account.venue.liquidation_order != "all" and is_enough(account, pool):
            return False
    return False


def aim_of(account: Account, slot: Slot) -> float:
    """Return what a pass goes by and fixes when it begins: the share to close, or the floor to go down to."""
    if account.venue.reduction == "fraction_first":
        return share_of_position(account, slot)
    return floor_of_side(account, slot)


def share_of_position(account: Account, slot: Slot) -> float:
    """Return ``first_fraction`` of a side above ``first_fraction_above`` at mark, all of it in a cooldown or below."""
    venue = account.venue
    if venue.first_fraction == 0.0 or account.moment <= account.cool_from:
        return 1.0
    size = slot.instrument.contract.notional(side_of(slot, slot.side).quantity, account.mark(slot))
    return venue.first_fraction if size > venue.first_fraction_above else 1.0


def closing_order(account: Account, pool: Pool) -> list[Slot]:
    """Return the open slots by index, by largest own requirement or by largest loss; ties by index."""
    slots = pool.open_slots
    if account.venue.liquidation_order == "largest_requirement":
        return sorted(slots, key=lambda slot: -own_requirement(slot, account.mark(slot)))
    if account.venue.liquidation_order == "largest_loss":
        return sorted(slots, key=lambda slot: slot.unrealized_pnl(account.mark(slot)))
    return slots


def floor_of_side(account: Account, slot: Slot) -> float:
    """Return the floor that ``tier_steps`` bring the slot's side to; at most 1e-9 above a floor counts as on it."""
    key = side_of(slot, slot.side).key(account.mark(slot))
    tiers = slot.instrument.tiers
    return tiers.floors[max(0, tiers.index(key, STEP_TOLERANCE) + 1 - int(account.venue.tier_steps))]


def is_enough(account: Account, pool: Pool) -> bool:
    """Return whether a pass may stop: above the requirement (``to_initial``: at the initial margin)."""
    if not pool.has_position:
        return True
    if account.venue.reduction == "to_initial":
        surplus = pool.equity(account.marks) - pool.initial_margin(account.marks)
        return surplus >= -pool.last_digit(account.marks)
    return pool.is_healthy_again(account.marks)


def close(
    account: Account, slot: Slot, size: float, bankruptcy: dict[int, float | None], reason: str = ""
) -> None:
    """Close a size at ``m * (1 - liquidation_slippage * s)``.

    The fee is ``liquidation_fee * N`` at mark, at most what is left of the pool's equity.
    """
    pool, contract, mark_price = slot.pool, slot.instrument.contract, account.mark(slot)
    change = -slot.side * size
    fill = mark_price * (1.0 - account.venue.liquidation_slippage * slot.side)
    realised = contract.unrealized_pnl(-change, slot.entry_price, fill)
    shrink(slot, change)
    account.book(pool, "realised", realised, slot)
    left = max(0.0, pool.equity(account.marks))
    fee = min(slot.instrument.liquidation_fee * contract.notional(size, mark_price), left)
    account.book(pool, "liquidation_fee", -fee, slot)
    account.event(
        "liquidation", slot, fill=fill, quantity=change, amount=realised - fee,
        bankruptcy_price=bankruptcy.get(slot.index), reason=reason,
    )


def settle_leftover(account: Account, pool: Pool, to_fund: bool) -> None:
    """Give what a flat pool has left to the trader or to the insurance fund; less than nothing is absorbed (step 3)."""
    if pool.cash < 0.0:
        account.absorb(pool)
    elif to_fund:
        account.book(pool, "insurance_taken", -pool.cash)
    elif pool.on_demand:
        account.transfer(pool, account.main, pool.cash, pool.slots[0])
