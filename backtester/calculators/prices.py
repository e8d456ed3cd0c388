"""Prices at which a pool is liquidated or bankrupt: docs/model.md, "Closed forms"."""

from __future__ import annotations

import math

from backtester.calculators._objects import Built, build, slot_of
from backtester.calculators.pool import Pool
from backtester.reference import closed_form
from backtester.reference.slot import Slot

__all__ = ["bankruptcy_price", "liquidation_price", "safe_range"]


def liquidation_price(pool: Pool, position: int = 0) -> float:
    """Return the price of a position's instrument at which the pool is liquidated, the others at their marks.

    All positions of the pool on that instrument move together: long and short of a hedge share one price. With
    ``mm_basis = "mark"``, linear::

        (W + X + c - A) / (R - Q)        one position: (W + X + c - q*e) / (|q|*(rate + F) - q)

    of the tiers that the answer falls in. The pool need not be healthy: the price may lie behind its mark.

    Parameters
    ----------
    pool : Pool
    position : int
        Its place among the pool's positions.

    Returns
    -------
    float [quote/base]
        nan if no positive finite price liquidates it. A hedge may have two prices: this is the one at the smaller
        notional; `safe_range` has both.
    """
    built = build(pool)
    return _or_nan(closed_form.liquidation_price(slot_of(built, position), built.marks))


def bankruptcy_price(pool: Pool, position: int = 0) -> float:
    """Return the price of a position's instrument at which the pool's equity is 0; nan if there is none.

    Linear: ``(A - W - U) / Q``, U the pnl of the other instruments. See `liquidation_price`.
    """
    built = build(pool)
    return _or_nan(closed_form.bankruptcy_price(slot_of(built, position), built.marks))


def safe_range(pool: Pool, position: int = 0) -> tuple[float, float]:
    """Return the prices of a position's instrument between which the pool is not liquidated, the others at their marks.

    Equity less requirement is concave in the unit in which pnl is linear, so that there is one such range; both ends
    liquidate.

    Parameters
    ----------
    pool : Pool
    position : int
        Its place among the pool's positions.

    Returns
    -------
    low, high : float [quote/base]
        0 and inf where nothing liquidates on that side; both nan if every price does.
    """
    built = build(pool)
    slot = slot_of(built, position)
    ends = [unit for piece in _pieces(built, slot) for unit in piece]
    if not ends:
        return math.nan, math.nan
    contract = slot.instrument.contract
    low, high = sorted(
        contract.price(unit) if 0.0 < unit < math.inf else _edge(unit, contract.sense)
        for unit in (min(ends), max(ends))
    )
    return low, high


def _pieces(built: Built, slot: Slot) -> list[tuple[float, float]]:
    """Return for each tier piece the interval of units with ``equity > requirement``, where there is one.

    On a piece both are lines: ``money + sense * (Q * u - A) - (slope * u + constant)``.
    """
    contract, holding = slot.instrument.contract, built.holding(slot)
    net = contract.sense * sum(other.quantity for other in holding.slots)
    mark = built.marks[slot.instrument.index]
    others = built.excess - sum(other.unrealized_pnl(mark) for other in holding.slots) + holding.requirement(mark)
    entries = contract.sense * sum(contract.entry_sum(other.quantity, other.entry_price) for other in holding.slots)
    bends = closed_form.unit_bends(holding)
    found = []
    for lower, upper in zip([0.0, *bends], [*bends, math.inf], strict=True):
        line = holding.line(contract.price(closed_form.middle(lower, upper)))
        inside = above_zero(others - entries - line.constant, net - line.slope, lower, upper)
        if inside is not None:
            found.append(inside)
    return found


def above_zero(constant: float, slope: float, lower: float, upper: float) -> tuple[float, float] | None:
    """Return where in ``[lower, upper]`` the line ``constant + slope * x`` is above 0, None if nowhere."""
    if slope == 0.0:
        return (lower, upper) if constant > 0.0 else None
    root = -constant / slope
    if slope > 0.0:
        lower = max(lower, root)
    else:
        upper = min(upper, root)
    return (lower, upper) if lower < upper else None


def _edge(unit: float, sense: float) -> float:
    """Return the price of a unit of 0 or infinity: units of inverse contracts are reciprocal."""
    return unit if sense > 0.0 else (math.inf if unit == 0.0 else 0.0)


def _or_nan(price: float | None) -> float:
    return math.nan if price is None else price
