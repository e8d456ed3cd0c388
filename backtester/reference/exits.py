"""Stops, take-profits and trailing stops of a slot (sections 4 B and 8 of the margin model)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .orders import Order


@dataclass
class Exits:
    """What closes a position by itself; None where there is none."""

    stop: float | None = None
    watch: str = "trade"
    take_profit: float | None = None
    trail: float | None = None
    trail_fraction: float | None = None
    best: float = 0.0

    @property
    def trails(self) -> bool:
        """Return whether there is a trailing stop."""
        return self.trail is not None or self.trail_fraction is not None

    def clear(self) -> None:
        """Forget all exits: flat clears all."""
        self.stop = self.take_profit = self.trail = self.trail_fraction = None

    def attach(self, order: Order, trade_price: float) -> None:
        """Replace the exits that the order names and leave the others (section 8)."""
        if order.stop is not None:
            self.stop, self.watch = order.stop, order.watch
        if order.take_profit is not None:
            self.take_profit = order.take_profit
        if order.trail is not None or order.trail_fraction is not None:
            self.trail, self.trail_fraction = order.trail, order.trail_fraction
            self.best = trade_price

    def follow(self, side: float, trade_price: float) -> None:
        """Move the best trade price: the highest for a long position, the lowest for a short one."""
        if (trade_price - self.best) * side > 0.0:
            self.best = trade_price

    def trailing_level(self, side: float) -> float:
        """Return ``best - side * distance``, the distance in price or as a fraction of the best price."""
        fraction = 0.0 if self.trail_fraction is None else self.trail_fraction
        distance = self.trail if self.trail is not None else fraction * self.best
        return self.best - side * distance
