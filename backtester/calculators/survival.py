"""What it takes to survive: the margin to add, the largest size and the largest leverage.

To survive is ``equity > maintenance_margin`` at the present marks and at the given prices. The way between them is safe
then too: prices move in straight lines in the unit in which pnl is linear, along which equity less requirement is
concave. Each answer is the limit: it puts the pool on the line, which liquidates; any more margin, or any less size or
leverage, survives.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import pairwise

from backtester.calculators._objects import Built, build, slot_of
from backtester.calculators.pool import Pool, marked
from backtester.calculators.prices import above_zero
from backtester.calculators.tiers import allowed_leverage
from backtester.reference.slot import Slot
from backtester.reference.tiers import TierTable

__all__ = ["largest_leverage", "largest_size", "margin_to_add"]

LAST_DIGIT = 1e-12  # relative: what rounding leaves of a line through 0, or between two ways to one bend
STRAIGHT = 1e-11  # relative: what rounding leaves of the curve of a line


def margin_to_add(pool: Pool, prices: Mapping[str, float]) -> float:
    """Return the cash that puts the pool on its line at these prices: any more survives [settle currency].

    ``max(0, requirement - equity)``, the larger of now and then.

    Parameters
    ----------
    pool : Pool
    prices : mapping of str to float [quote/base]
        Marks to survive: ``moved(pool, -0.1).marks`` for a fall of 10 %, ``{symbol: price}`` for a stop. Symbols that
        are not named stay.

    Returns
    -------
    float
        0 if the pool survives as it is.
    """
    return max(0.0, *(-moment.excess for moment in _moments(pool, prices))) if pool.positions else 0.0


def largest_leverage(pool: Pool, prices: Mapping[str, float], position: int = 0) -> float:
    """Return the largest leverage of a position, at its size, with which the pool survives these prices.

    Isolated: the margin ``N_entry * (1 / leverage + G)``, G the initial-margin buffer, must stay above what is lost and
    required, so the answer is ``N_entry / (max(requirement - pnl) - G * N_entry)``. Cross: leverage neither adds cash
    nor changes the requirement, so it is the tier's own limit or none.

    Parameters
    ----------
    pool : Pool
        Of an isolated one the cash is not looked at: the leverage makes it.
    prices : mapping of str to float [quote/base]
        See `margin_to_add`.
    position : int
        Its place among the pool's positions.

    Returns
    -------
    float
        At most what the tier of the position allows at its mark; nan if a cross pool is liquidated at any leverage.
    """
    moments = _moments(pool, prices)
    slot_of(moments[0], position)
    held = pool.positions[position]
    allowed = allowed_leverage(held.instrument, held.quantity, held.mark_price)
    if not pool.isolated:
        return allowed if all(moment.excess > 0.0 for moment in moments) else math.nan
    reserved = pool.rules.initial_margin_buffer * held.entry_notional
    needed = max(pool.cash - moment.excess for moment in moments) - reserved
    return allowed if needed <= 0.0 else min(allowed, held.entry_notional / needed)


def largest_size(pool: Pool, prices: Mapping[str, float], position: int = 0) -> float:
    """Return the largest size of a position, on its side, with which the pool survives these prices.

    Entry, mark and the other positions stay. Isolated margin grows with the size, cross cash does not. Equity less
    requirement is a line in the size between the sizes at which a tier changes, and a parabola where the margin rate
    grows; the largest size on any of these pieces that is above 0 is the answer.

    Parameters
    ----------
    pool : Pool
    prices : mapping of str to float [quote/base]
        See `margin_to_add`.
    position : int
        Its place among the pool's positions; its quantity gives the side alone.

    Returns
    -------
    float [base; inverse: quote-currency contracts]
        Unsigned; 0 if no size survives, inf if every size does. What the leverage allows is another limit:
        `allowed_size`.
    """
    moments = _moments(pool, prices)
    slot_of(moments[0], position)
    sizes = [0.0]
    for size in sorted(size for moment in moments for size in _bends(moment, position)):
        if size > sizes[-1] * (1.0 + LAST_DIGIT):  # what is nearer is the same bend
            sizes.append(size)
    for lower, upper in reversed(list(pairwise([*sizes, math.inf]))):
        inside: tuple[float, float] | None = (lower, upper)
        for moment in moments:
            if inside is not None:
                inside = _above_zero(*_piece(pool, moment, position, lower, upper), *inside)
        if inside is not None:
            return inside[1]
    return 0.0


def _moments(pool: Pool, prices: Mapping[str, float]) -> tuple[Built, Built]:
    """Return the pool now and at the prices."""
    return build(pool), build(marked(pool, prices))


def _piece(pool: Pool, moment: Built, position: int, lower: float, upper: float) -> tuple[float, float, float]:
    """Return equity less requirement between two bends, as ``constant + slope * size + curve * size**2``."""
    width = upper - lower if upper < math.inf else max(lower, abs(pool.positions[position].quantity))
    one, two = lower + 0.25 * width, lower + 0.75 * width
    at_one, at_two = _excess(pool, moment, position, one), _excess(pool, moment, position, two)
    slope, curve = (at_two - at_one) / (two - one), 0.0
    if pool.positions[position].instrument.unit_margin_rate > 0.0 and upper < math.inf:
        middle = _excess(pool, moment, position, lower + 0.5 * width)
        curve = (at_one - 2.0 * middle + at_two) / (2.0 * (0.25 * width) ** 2)
        if abs(curve) * width**2 <= STRAIGHT * (abs(at_one) + abs(at_two)):
            curve = 0.0
        slope -= curve * (one + two)
    constant = at_one - slope * one - curve * one**2
    return (0.0 if abs(constant) <= LAST_DIGIT * (abs(at_one) + abs(at_two)) else constant), slope, curve


def _above_zero(
    constant: float, slope: float, curve: float, lower: float, upper: float
) -> tuple[float, float] | None:
    """Return where in ``[lower, upper]`` a line, or a parabola that opens downwards, is above 0; None if nowhere."""
    if curve == 0.0:
        return above_zero(constant, slope, lower, upper)
    inside = slope**2 - 4.0 * curve * constant
    if inside <= 0.0:
        return None
    larger = -0.5 * (slope + math.copysign(math.sqrt(inside), slope))
    low, high = sorted((larger / curve, constant / larger))
    lower, upper = max(lower, low), min(upper, high)
    return (lower, upper) if lower < upper else None


def _excess(pool: Pool, moment: Built, position: int, size: float) -> float:
    """Return equity less requirement with another size of the position."""
    held = pool.positions[position]
    slot = moment.slots[position]
    slot.quantity = math.copysign(size, held.quantity)
    moment.pool.cash = pool.cash * size / abs(held.quantity) if pool.isolated else pool.cash
    return moment.excess


def _bends(moment: Built, position: int) -> Iterator[float]:
    """Yield the sizes above 0 at which the requirement may change its line; at some of them it does not.

    A side, or the difference of the sides, reaches a floor (0: the sides are equal) in quantity or in notional at the
    entry or at the mark; or the side comes to require what the other one does.
    """
    slot = moment.slots[position]
    contract, holding, venue = slot.instrument.contract, moment.holding(slot), moment.pool.venue
    mark = moment.marks[slot.instrument.index]
    facing = holding.side(-slot.side)
    beside = [each for each in holding.side(slot.side).slots if each is not slot]
    required = facing.line(mark).at(contract.unit(mark)) if facing.slots else 0.0
    tiers = slot.instrument.tiers
    equal = [
        (required + amount) / (rate + venue.close_fee_buffer)
        for rate, amount in zip(tiers.rates, tiers.amounts, strict=True)
        if rate + venue.close_fee_buffer > 0.0
    ]
    for measure in (_quantity, _entry_notional, partial(_notional, mark)):
        own, other = sum(map(measure, beside)), sum(map(measure, facing.slots))
        one = measure(slot) / abs(slot.quantity)
        keys = [key for floor in tiers.floors for key in (floor, other + floor, other - floor)]
        yield from ((key - own) / one for key in [*keys, *equal] if key > own)
    if tiers.unit_margin_rate > 0.0:
        own, other = sum(map(_quantity, beside)), sum(map(_quantity, facing.slots))
        grown = [1.0 / (tiers.unit_margin_rate * most) for most in (1.0, *tiers.max_leverages)]
        keys = [key for size in grown for key in (size, other + size, other - size)]
        keys += _equal_when_grown(tiers, required, venue.close_fee_buffer, contract.notional(1.0, mark))
        if venue.mm_basis == "entry":
            keys += _equal_when_grown(tiers, required, venue.close_fee_buffer, contract.notional(1.0, slot.entry_price))
        yield from (key - own for key in keys if key > own)


def _equal_when_grown(tiers: TierTable, required: float, buffer: float, of_one: float) -> list[float]:
    """Return the sizes of a side that require as much as the other one, where the margin rate has grown.

    ``(rate * max_leverage * unit_margin_rate * Q + F) * Q * N_1 = required``.
    """
    found = []
    for rate, most in zip(tiers.rates, tiers.max_leverages, strict=True):
        if (growth := rate * most * tiers.unit_margin_rate) > 0.0:
            found.append((math.sqrt(buffer**2 + 4.0 * growth * required / of_one) - buffer) / (2.0 * growth))
    return found


def _quantity(slot: Slot) -> float:
    return abs(slot.quantity)


def _entry_notional(slot: Slot) -> float:
    return slot.notional(slot.entry_price)


def _notional(mark: float, slot: Slot) -> float:
    return slot.notional(mark)
