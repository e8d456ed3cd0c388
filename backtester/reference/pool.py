"""Pools and what they are worth and require (sections 1 and 3 of the margin model)."""

from __future__ import annotations

from dataclasses import dataclass, field

from .holding import Holding
from .slot import Slot, Venue

INFINITE = float("inf")


@dataclass
class Pool:
    """A wallet that backs a set of slots; ``standing`` or ``on_demand``."""

    index: int
    kind: str
    venue: Venue
    cash: float = 0.0
    slots: list[Slot] = field(default_factory=list)

    @property
    def on_demand(self) -> bool:
        """Return whether the pool is funded from main when its position opens."""
        return self.kind == "on_demand"

    @property
    def open_slots(self) -> list[Slot]:
        """Return the slots with a position, by index."""
        return [slot for slot in self.slots if slot.is_open]

    @property
    def has_position(self) -> bool:
        """Return whether any slot is open."""
        return any(slot.is_open for slot in self.slots)

    def holdings(self) -> list[Holding]:
        """Return what the pool holds on each instrument, by instrument index."""
        by_instrument: dict[int, list[Slot]] = {}
        for slot in self.open_slots:
            by_instrument.setdefault(slot.instrument.index, []).append(slot)
        return [Holding(self.venue, by_instrument[index]) for index in sorted(by_instrument)]

    def unrealized_pnl(self, marks: list[float]) -> float:
        """Return the sum of the slots' pnl [settle currency]."""
        return sum((slot.unrealized_pnl(marks[slot.instrument.index]) for slot in self.slots), 0.0)

    def equity(self, marks: list[float]) -> float:
        """Return ``equity_p = cash_p + sum(pnl_j)`` (section 3)."""
        return self.cash + self.unrealized_pnl(marks)

    def requirement(self, marks: list[float]) -> float:
        """Return ``requirement_p``, the sum over instruments (section 3)."""
        return sum((holding.requirement(marks[holding.instrument.index]) for holding in self.holdings()), 0.0)

    def initial_margin(self, marks: list[float]) -> float:
        """Return the initial margin at mark, joined over sides like the requirement (section 3)."""
        return sum((holding.initial_margin(marks[holding.instrument.index]) for holding in self.holdings()), 0.0)

    def free(self, marks: list[float]) -> float:
        """Return ``free_p = equity_p - sum(initial_margin)`` (section 3)."""
        return self.equity(marks) - self.initial_margin(marks)

    def margin_ratio(self, marks: list[float]) -> float:
        """Return ``requirement_p / equity_p``; infinite when equity <= 0; 0 without a position.

        Where both are 0 but for the last digit, as at a crossing without maintenance, it is infinite too.
        """
        if not self.has_position:
            return 0.0
        equity, requirement = self.equity(marks), self.requirement(marks)
        nothing = max(equity, requirement) <= self.last_digit(marks)
        return requirement / equity if equity > 0.0 and not nothing else INFINITE

    def is_unhealthy(self, marks: list[float]) -> bool:
        """Return ``equity_p <= requirement_p``, with a position (section 3)."""
        return self.has_position and self.equity(marks) <= self.requirement(marks)

    def is_healthy_again(self, marks: list[float]) -> bool:
        """Return ``equity_p > requirement_p`` by more than a last digit.

        A pool liquidated at a crossing counts as at its requirement; closing a slot that changes neither side of the
        test (the smaller side under ``larger_side``, a rate of 0) leaves it there, whatever the last digit says.
        """
        return self.equity(marks) - self.requirement(marks) > self.last_digit(marks)

    def is_beyond_backstop(self, marks: list[float]) -> bool:
        """Return whether the pool is worth less than ``backstop_rate`` of its requirement, beyond a last digit."""
        line = self.venue.backstop_rate * self.requirement(marks)
        return self.venue.backstop_rate > 0.0 and line - self.equity(marks) > self.last_digit(marks)

    def last_digit(self, marks: list[float]) -> float:
        """Return 1e-12 of the pool's cash and notionals: what rounding may add inside a liquidation (section 8)."""
        notional = sum((slot.notional(marks[slot.instrument.index]) for slot in self.open_slots), 0.0)
        return 1e-12 * (abs(self.cash) + notional)
