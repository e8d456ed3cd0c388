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

    Keyed by ``notional``: ``MM = rate_k * N - amount_k``; by ``quantity``: ``MM = rate_k * N``.
    """

    keyed_by: str
    floors: list[float]
    rates: list[float]
    amounts: list[float]
    max_leverages: list[float]

    def index(self, key: float, tolerance: float = LOOKUP_TOLERANCE) -> int:
        """Return the tier ``k`` with ``floor_k < key <= floor_{k+1}``."""
        k = 0
        while k + 1 < len(self.floors) and key > self.floors[k + 1] * (1.0 + tolerance):
            k += 1
        return k

    def largest_key(self, leverage: float) -> float:
        """Return the largest key of a tier whose ``max_leverage`` is not below ``leverage``."""
        for k, allowed in enumerate(self.max_leverages):
            if allowed < leverage:
                return self.floors[k]
        return float("inf")


def build_tiers(rows: list[list[float]], keyed_by: str) -> TierTable:
    """Return the table of ``[floor, rate, max_leverage]`` rows, with derived amounts.

    ``amount_k = amount_{k-1} + floor_k * (rate_k - rate_{k-1})`` when keyed by notional, else 0.
    """
    floors = [float(row[0]) for row in rows]
    rates = [float(row[1]) for row in rows]
    amounts = [0.0]
    for k in range(1, len(rows)):
        step = floors[k] * (rates[k] - rates[k - 1]) if keyed_by == "notional" else 0.0
        amounts.append(amounts[k - 1] + step)
    return TierTable(keyed_by, floors, rates, amounts, [float(row[2]) for row in rows])
