"""Checks of values that came from outside, with errors that name the key path.

A check takes a value and returns it in the form the engine wants, or raises ``Unfit`` with what is
wrong and what is allowed; ``record`` knows where the value stood and makes the error of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from backtester.errors import ConfigurationError, shown
from backtester.schema import LARGEST

REQUIRED: Any = object()
_MISSING: Any = object()
NUMBERS = (int, float)  # as a name: a union would be made anew for each value
Check = Callable[[Any], Any]


class Unfit(Exception):
    """A value cannot be used; caught by `record`, never seen by a user."""

    def __init__(self, problem: str, allowed: Iterable[object] | str) -> None:
        super().__init__(problem)
        self.allowed = allowed


class Field(NamedTuple):
    """One key of a record: how it is checked and what it is when left out.

    A field whose default is None may also be given as null.
    """

    check: Check
    default: Any = REQUIRED


def number(allowed: str, fits: Callable[[float], bool] = math.isfinite) -> Check:
    """Return a check for a finite number that `fits`; `allowed` says in words which ones do."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, NUMBERS):
            raise Unfit("is not a number", allowed)
        try:
            real = float(value)
        except OverflowError:
            real = math.inf
        if not math.isfinite(real):
            raise Unfit("is not a finite number", allowed)
        if not fits(real):
            raise Unfit("is out of range", allowed)
        if abs(real) > LARGEST:
            raise Unfit("is too large to reckon with", f"{allowed}, up to {LARGEST:g}")
        return real

    return check


any_number = number("a finite number")
positive = number("a number above 0", lambda value: value > 0)
not_negative = number("a number of at least 0", lambda value: value >= 0)
open_fraction = number("a fraction above 0 and below 1", lambda value: 0 < value < 1)


def integer(low: int, high: int, what: str) -> Check:
    """Return a check for a whole number from `low` to `high`; `what` says what it counts."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unfit("is not a whole number", what)
        if not low <= value <= high:
            raise Unfit("is out of range", what if high < low else f"{low} to {high}, {what}")
        return value

    return check


def choice(names: Sequence[str]) -> Check:
    """Return a check for one of several words."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in names:
            raise Unfit("is not one of the allowed values", names)
        return value

    return check


def flag(value: Any) -> bool:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise Unfit("is not true or false", "true, false")
    return value


def text(value: Any) -> str:
    """Check for a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise Unfit("is not a name", "a text that is not empty")
    return value


def items(value: Any) -> list[Any]:
    """Check for a list."""
    if not isinstance(value, list):
        raise Unfit("is not a list", "a list")
    return value


def mapping(value: Any) -> dict[str, Any]:
    """Check for an object."""
    if not isinstance(value, dict):
        raise Unfit("is not an object", "an object")
    return value


def record(data: Any, fields: Mapping[str, Field], path: str = "") -> dict[str, Any]:
    """Check an object key by key and fill in what was left out.

    Parameters
    ----------
    data : object
        What was found; it should be a dict.
    fields : mapping of str to Field
        All keys it may have.
    path : str
        Where it stands, such as ``orders[3]``; empty for the whole file.

    Returns
    -------
    dict
        With every key of `fields`, in their order.

    Raises
    ------
    ConfigurationError
        Naming the key path, the value and what is allowed.
    """
    if not isinstance(data, dict):
        allowed = f"an object with {_keys(fields) or 'some of ' + ', '.join(fields)}"
        raise ConfigurationError(path or "the file", data, "is not an object", allowed=allowed)
    if not data.keys() <= fields.keys():
        name = next(key for key in data if key not in fields)
        raise ConfigurationError(_join(path, name), name, "is an unknown key", allowed=list(fields))
    out = {}
    for name, (check, default) in fields.items():
        value = data.get(name, _MISSING)
        if value is _MISSING or (value is None and default is None):
            if default is REQUIRED:
                raise ConfigurationError(
                    path or "the file", list(data), f"has no {name}", cure=f"Add {name}; needed are {_keys(fields)}"
                )
            out[name] = default
            continue
        try:
            out[name] = check(value)
        except Unfit as error:
            raise ConfigurationError(_join(path, name), value, str(error), allowed=error.allowed) from None
    return out


def rows(data: list[Any], fields: Mapping[str, Field], path: str) -> list[dict[str, Any]]:
    """Check a list of objects of one kind; see `record`."""
    return [record(row, fields, f"{path}[{n}]") for n, row in enumerate(data)]


def _keys(fields: Mapping[str, Field]) -> str:
    return ", ".join(name for name, field in fields.items() if field.default is REQUIRED)


def _join(path: str, name: object) -> str:
    key = name if isinstance(name, str) and name and name.isprintable() else shown(name)
    return f"{path}.{key}" if path else key
