"""Liquidation and bankruptcy price of a slot (sections 3 and 8 of the margin model)."""

from __future__ import annotations

import math

from .holding import Holding, Line
from .pool import Pool
from .slot import Slot

SMALLEST, LARGEST = 1e-9, 1e9
"""Answers outside these multiples of the entry price are none."""
FLAT = 1e-12
"""A net quantity of at most this share of the gross is none."""


def liquidation_price(slot: Slot, marks: list[float]) -> float | None:
    """Return the price of the slot's instrument at which the pool's equity is its requirement, None if none.

    In the contract's unit ``u`` (price or reciprocal price), all the pool's slots on the instrument moving together::

        W + X + sense * (Q * u - A) = slope * u + constant

    with the requirement's line in each tier from the smallest notional up; the first answer inside its tier counts.
    """
    if not slot.is_open:
        return None
    pool = slot.pool
    holding = holding_of(pool, slot)
    others = [other for other in pool.holdings() if other.instrument is not slot.instrument]
    equity_of_others = sum(pnl(other, marks) for other in others)
    required = sum(other.requirement(marks[other.instrument.index]) for other in others)
    bends = unit_bends(holding)
    for lower, upper in zip([0.0, *bends], [*bends, math.inf], strict=True):
        line = line_of(holding, slot.instrument.contract.price(middle(lower, upper)))
        unit = solve(slot, holding, pool.cash + equity_of_others - required, line.slope, line.constant)
        if unit is not None and lower * (1.0 - 1e-12) <= unit <= upper * (1.0 + 1e-12):
            return slot.instrument.contract.price(unit)
    return None


def bankruptcy_price(slot: Slot, marks: list[float]) -> float | None:
    """Return the price of the slot's instrument at which the pool's equity is 0: all requirements 0."""
    if not slot.is_open:
        return None
    pool = slot.pool
    holding = holding_of(pool, slot)
    others = [other for other in pool.holdings() if other.instrument is not slot.instrument]
    unit = solve(slot, holding, pool.cash + sum(pnl(other, marks) for other in others), 0.0, 0.0)
    return None if unit is None else slot.instrument.contract.price(unit)


def holding_of(pool: Pool, slot: Slot) -> Holding:
    """Return what the pool holds on the slot's instrument."""
    return next(holding for holding in pool.holdings() if holding.instrument is slot.instrument)


def line_of(holding: Holding, mark_price: float) -> Line:
    """Return the requirement's line; of ``larger_side`` that of the side with the larger quantity (section 8)."""
    if holding.venue.hedge_offset != "larger_side":
        return holding.line(mark_price)
    return max((holding.side(sign) for sign in (1.0, -1.0)), key=lambda side: side.quantity).line(mark_price)


def pnl(holding: Holding, marks: list[float]) -> float:
    """Return the pnl of a holding at its mark."""
    return sum(slot.unrealized_pnl(marks[slot.instrument.index]) for slot in holding.slots)


def middle(lower: float, upper: float) -> float:
    """Return a unit inside an interval."""
    if upper == math.inf:
        return 2.0 * lower if lower > 0.0 else 1.0
    return 0.5 * (lower + upper)


def unit_bends(holding: Holding) -> list[float]:
    """Return the units at which the requirement changes its tier, ascending; none for a requirement at entry.

    A notional reaches ``floor_k`` at ``u = floor_k / quantity``.
    """
    tiers = holding.instrument.tiers
    if tiers.keyed_by == "quantity" or holding.venue.mm_basis == "entry":
        return []
    long, short = holding.side(1.0).quantity, holding.side(-1.0).quantity
    if holding.venue.hedge_offset == "net":
        quantities = [abs(long - short)]
    elif holding.venue.hedge_offset == "larger_side":
        quantities = [max(long, short)]
    else:
        quantities = [long, short]
    return sorted({floor / quantity for quantity in quantities if quantity > 0.0 for floor in tiers.floors[1:]})


def solve(slot: Slot, holding: Holding, money: float, slope: float, constant: float) -> float | None:
    """Return ``u = (money - constant - sense * A) / (slope - sense * Q)`` if it is an answer, else None.

    ``money`` is ``W + X``. Linear: ``(W + X + c - A) / (R - Q)``; inverse: ``m = (R + Q) / (W + X + c + A)``.
    """
    contract = slot.instrument.contract
    net = sum(other.quantity for other in holding.slots)
    gross = sum(abs(other.quantity) for other in holding.slots)
    entries = sum(contract.entry_sum(other.quantity, other.entry_price) for other in holding.slots)
    below = slope - contract.sense * net
    if abs(net) <= FLAT * gross or below == 0.0:
        return None
    unit = (money - constant - contract.sense * entries) / below
    if not (math.isfinite(unit) and unit > 0.0):
        return None
    multiple = contract.price(unit) / slot.entry_price
    return unit if SMALLEST <= multiple <= LARGEST else None
