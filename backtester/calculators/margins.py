"""What a pool is worth and must hold at its marks: docs/model.md, "Margin"."""

from __future__ import annotations

from backtester.calculators._objects import build
from backtester.calculators.pool import Pool

__all__ = [
    "equity",
    "free_margin",
    "initial_margin",
    "is_liquidated",
    "maintenance_margin",
    "margin_ratio",
    "notional",
    "unrealized_pnl",
]


def unrealized_pnl(pool: Pool) -> float:
    """Return the sum of ``q * (m - e)``, inverse ``q * (1/e - 1/m)`` [settle currency]."""
    built = build(pool)
    return built.pool.unrealized_pnl(built.marks)


def notional(pool: Pool) -> float:
    """Return the sum of ``|q| * m``, inverse ``|q| / m`` [settle currency]."""
    built = build(pool)
    return sum(slot.notional(built.marks[slot.instrument.index]) for slot in built.slots)


def equity(pool: Pool) -> float:
    """Return ``cash + unrealized_pnl`` [settle currency]."""
    built = build(pool)
    return built.pool.equity(built.marks)


def initial_margin(pool: Pool) -> float:
    """Return the sum of ``N / leverage + G * N`` at the marks, both sides of an instrument joined by `hedge_offset`."""
    built = build(pool)
    return built.pool.initial_margin(built.marks)


def free_margin(pool: Pool) -> float:
    """Return ``equity - initial_margin``: what new positions may be opened with; negative if there is too little."""
    built = build(pool)
    return built.pool.free(built.marks)


def maintenance_margin(pool: Pool) -> float:
    """Return the requirement, the equity at and below which the pool is liquidated [settle currency].

    ``sum over instruments of (rate * N - amount + F * N)``, rate and amount of the tier that the side falls in, N at
    the mark or at the entry as `mm_basis` says, both sides joined by `hedge_offset`.
    """
    built = build(pool)
    return built.pool.requirement(built.marks)


def margin_ratio(pool: Pool) -> float:
    """Return ``maintenance_margin / equity``: liquidated at 1.

    Infinite where equity is not positive; 0 without a position.
    """
    built = build(pool)
    return built.pool.margin_ratio(built.marks)


def is_liquidated(pool: Pool) -> bool:
    """Return whether ``equity <= maintenance_margin`` at the marks, and there is a position. Equal is enough."""
    built = build(pool)
    return built.pool.is_unhealthy(built.marks)
