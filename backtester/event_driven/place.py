"""Checks of what an author writes in `on_bar`, with errors that say where he stands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from numbers import Integral, Real
from typing import NoReturn

from backtester.errors import nearest
from backtester.event_driven.desk import Desk
from backtester.schema import LARGEST, SMALLEST, TARGET_SIZES, TIMES_IN_FORCE

__all__ = ["BELOW_ONE", "Place"]

WAIT = "wait until it is known, or leave the order out"
SIDES = "buy and sell say the side; leave the order out for none, or use target, whose size is signed"
BELOW_ONE = 1.0 - 1e-12  # the largest fraction of a price
SIZE_TYPES = {name: code for code, name in enumerate(TARGET_SIZES)}


class Place:
    """The slot that an author writes orders for, or none: what an error names."""

    __slots__ = ("_desk", "_label", "number_of_slot", "share")

    def __init__(self, desk: Desk, label: str | None = None, number: int = -1) -> None:
        self._desk, self._label, self.number_of_slot, self.share = desk, label, number, desk.share

    def fail(self, problem: str, found: object, cure: str) -> NoReturn:
        """Raise a StrategyError that says what was found where."""
        self._desk.fail(problem, found, cure, self._label)

    def number(self, name: str, value: object, *, most: float = LARGEST, cure: str = "") -> float:
        """Return a number above 0, up to and including `most`."""
        number = value if type(value) is float else _float(value)
        if not SMALLEST <= number <= most:
            wanted, way_out = ("a number above 0", cure) if most == LARGEST else ("between 0 and 1", "5 % is 0.05")
            self.fail(f"{name} must be {wanted}", value, WAIT if _is_nan(value) else way_out or "give such a number")
        return number

    def bars(self, name: str, value: object) -> int:
        """Return a number of bars, 1 or more."""
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            self.fail(f"{name} must be a number of bars", value, "1 is a single bar; leave it out for no bound")
        return int(value)

    def expires(self, bars: object) -> int:
        """Return the last bar of an order that may work for so many decision bars."""
        return -1 if bars is None else self._desk.last_bar(self.bars("expires", bars))

    def optional(self, name: str, value: object) -> float:
        """Return a positive number, or nan for None."""
        return math.nan if value is None else self.number(name, value)

    def size(
        self, quantity: object, terms: Mapping[str, object], known: Set[str], *, signed: bool = False
    ) -> tuple[float, int]:
        """Return the one size that an order is given, and which it is; fail at a term that nothing is known of."""
        given = [] if quantity is None else ["quantity"]
        for name, value in terms.items():
            if name not in known:
                self._unknown(name, known)
            if value is not None and name in SIZE_TYPES:
                given.append(name)
        if len(given) != 1:
            found = ", ".join(sorted(given, key=TARGET_SIZES.index)) or None
            self.fail("an order needs one size", found, f"give exactly one of {', '.join(TARGET_SIZES)}")
        name = given[0]
        value = quantity if name == "quantity" else terms[name]
        size = self._signed(name, value) if signed else self.number(name, value, cure=SIDES)
        return size * self.share if name == "equity_fraction" else size, SIZE_TYPES[name]

    def _unknown(self, name: str, known: Set[str]) -> NoReturn:
        close = nearest(name, known)
        cure = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
        self.fail("there is no such term of an order", name, cure)

    def _signed(self, name: str, value: object) -> float:
        number = value if type(value) is float else _float(value)
        if not (number == 0.0 or SMALLEST <= abs(number) <= LARGEST):
            self.fail(f"{name} must be a number", value, WAIT if _is_nan(value) else "0 is flat, below 0 short")
        return number

    def choice(self, name: str, value: object, allowed: tuple[str, ...] = TIMES_IN_FORCE) -> int:
        """Return the code of a word."""
        if value not in allowed:
            self.fail(f"{name} is unknown", value, f"give one of {', '.join(allowed)}")
        return allowed.index(str(value))


def _float(value: object) -> float:
    """Return a real number as a float; nan: it is none."""
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
