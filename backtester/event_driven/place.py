"""Checks of what an author writes in `on_bar`, with errors that say where he stands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import NamedTuple, NoReturn

from backtester.errors import StrategyError, nearest
from backtester.schema import LARGEST, SMALLEST, TARGET_SIZES, TIMES_IN_FORCE

__all__ = ["Place"]


class Place(NamedTuple):
    """Where an author stands: what an error names."""

    strategy: str
    bar: int
    time: int
    slot: str | None

    def fail(self, problem: str, found: object, cure: str) -> NoReturn:
        """Raise a StrategyError that says what was found where."""
        raise StrategyError(
            self.strategy, problem, bar=self.bar, time=self.time, slot=self.slot, found=found, cure=cure
        )

    def names(self, given: Mapping[str, object], known: type) -> None:
        """Fail at a keyword that nothing is known of."""
        allowed = list(known.__annotations__)
        for name in given:
            if name not in allowed:
                close = nearest(name, allowed)
                cure = f"did you mean {close[0]}?" if close else f"there are quantity, {', '.join(allowed)}"
                self.fail("there is no such term of an order", name, cure)

    def number(self, name: str, value: object, *, least: float = SMALLEST, most: float = LARGEST) -> float:
        """Return a number within bounds, both included."""
        number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
        if not least <= number <= most:
            wanted = "a number above 0" if most == LARGEST else "a fraction between 0 and 1"
            self.fail(f"{name} must be {wanted}", value, "wait until it is known, or leave the order out")
        return number

    def optional(self, name: str, value: object) -> float:
        """Return a positive number, or nan for None."""
        return math.nan if value is None else self.number(name, value)

    def size(self, given: Mapping[str, object], *, signed: bool = False) -> tuple[float, int]:
        """Return the one size that is given, and which it is."""
        names = [name for name, value in given.items() if value is not None]
        if len(names) != 1:
            cure = f"give exactly one of {', '.join(TARGET_SIZES)}"
            self.fail("an order needs one size", ", ".join(names) or None, cure)
        name, value = names[0], given[names[0]]
        if signed:
            return self._signed(name, value), TARGET_SIZES.index(name)
        return self.number(name, value), TARGET_SIZES.index(name)

    def _signed(self, name: str, value: object) -> float:
        if isinstance(value, Real) and value <= 0:
            return -self.number(name, -float(value), least=0.0)
        return self.number(name, value)

    def choice(self, name: str, value: object, allowed: tuple[str, ...] = TIMES_IN_FORCE) -> int:
        """Return the code of a word."""
        if value not in allowed:
            self.fail(f"{name} is unknown", value, f"give one of {', '.join(allowed)}")
        return allowed.index(str(value))
