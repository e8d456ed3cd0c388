"""Maintenance tiers of an instrument (section 3 of the margin model)."""

from __future__ import annotations

from dataclasses import dataclass

LOOKUP_TOLERANCE = 1e-12
"""Relative tolerance with which a key still belongs to the tier below a floor (section 3)."""
STEP_TOLERANCE = 1e-9
"""The same when a liquidation asks which floor a side stands on (section 8, Tiers)."""


@dataclass(frozen=True)
class TierTable:
    """Rows ``(floor, maintenance_rate, maintenance_amount, max_leverage)``, floors ascending from 0.

    Keyed by ``notional``: ``MM = rate_k * N - amount_k``; by ``quantity``: ``MM = rate_k * N``. With a
    `unit_margin_rate` the margin rate of a side is at least ``min(1, unit_margin_rate * |Q|)``.
    """

    keyed_by: str
    floors: list[float]
    rates: list[float]
    amounts: list[float]
    max_leverages: list[float]
    unit_margin_rate: float = 0.0

    def index(self, key: float, tolerance: float = LOOKUP_TOLERANCE) -> int:
        """Return the tier ``k`` with ``floor_k < key <= floor_{k+1}``."""
        k = 0
        while k + 1 < len(self.floors) and key > self.floors[k + 1] * (1.0 + tolerance):
            k += 1
        return k

    def grown(self, quantity: float) -> float:
        """Return the margin rate that a side of this size has at least."""
        return min(1.0, self.unit_margin_rate * quantity)

    def rate(self, k: int, quantity: float) -> float:
        """Return the maintenance rate of tier ``k``, which stays the same part of the margin rate when that grows."""
        return self.rates[k] * max(1.0, self.grown(quantity) * self.max_leverages[k])

    def largest_leverage(self, k: int, quantity: float) -> float:
        """Return the largest leverage of a side in tier ``k``: at most the reciprocal of its margin rate."""
        if self.grown(quantity) == 0.0:
            return self.max_leverages[k]
        return min(self.max_leverages[k], (1.0 + LOOKUP_TOLERANCE) / self.grown(quantity))

    def largest_key(self, leverage: float) -> float:
        """Return the largest key of a tier whose ``max_leverage`` is not below ``leverage``."""
        largest = float("inf")
        for floor, allowed in reversed(list(zip(self.floors, self.max_leverages, strict=True))):
            if allowed < leverage:
                largest = floor
        if self.unit_margin_rate > 0.0 and leverage > 1.0:
            return min(largest, 1.0 / (self.unit_margin_rate * leverage))
        return largest


def build_tiers(rows: list[list[float]], keyed_by: str, unit_margin_rate: float = 0.0) -> TierTable:
    """Return the table of ``[floor, rate, max_leverage]`` rows, with derived amounts.

    ``amount_k = amount_{k-1} + floor_k * (rate_k - rate_{k-1})`` when keyed by notional, else 0.
    """
    floors = [float(row[0]) for row in rows]
    rates = [float(row[1]) for row in rows]
    amounts = [0.0]
    for k in range(1, len(rows)):
        step = floors[k] * (rates[k] - rates[k - 1]) if keyed_by == "notional" else 0.0
        amounts.append(amounts[k - 1] + step)
    return TierTable(keyed_by, floors, rates, amounts, [float(row[2]) for row in rows], unit_margin_rate)
