"""The cases: figures that venues publish and other projects test, what ours are, and whether they agree."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.conformance.adapters import funding, margins, prices, runs, states

__all__ = ["Case", "Difference", "adapter", "agrees", "cases", "differences", "ours_of"]

HERE = Path(__file__).parent
ADAPTERS = (prices, margins, funding, states, runs)
REPRODUCED = {"abs": 1e-9, "rel": 1e-6}  # of our own values in differences.toml, which are rounded


class Case(NamedTuple):
    """One published figure of a venue or another project: inputs and what should come out, as the source has them."""

    who: str
    of: str
    id: str
    kind: str
    formula: str
    inputs: dict[str, Any]
    expected: Any
    tolerance: Any
    source: str
    venue: str = ""  # our file of the venue whose rules are those of the figure: the case runs under them


class Difference(NamedTuple):
    """Why we do not agree with a case, and what we get instead."""

    title: str
    why: str
    ours: Any


@cache
def cases() -> dict[str, Case]:
    """Return all cases by id."""
    found = {}
    for file in sorted((HERE / "cases").glob("*.json")):
        head = json.loads(file.read_text(encoding="utf-8"))
        for row in head.pop("cases"):
            assert row["id"] not in found, row["id"]
            found[row["id"]] = Case(**(head | row))
    return found


@cache
def differences() -> dict[str, Difference]:
    """Return the documented differences by the id of their case."""
    found = {}
    for row in tomllib.loads((HERE / "differences.toml").read_text(encoding="utf-8"))["difference"]:
        for name, ours in row["ours"].items():
            assert name not in found, name
            found[name] = Difference(row["title"], row["why"], ours)
    return found


def ours_of(case: Case) -> Any:
    """Return what the public functions or the engine make of a case: its formula names the adapter."""
    return adapter(case.formula)(case.inputs | {"venue": case.venue})


def adapter(name: str) -> Callable[[dict[str, Any]], Any]:
    """Return the function of a formula."""
    return next(getattr(module, name) for module in ADAPTERS if hasattr(module, name))


def agrees(ours: Any, expected: Any, tolerance: Any = REPRODUCED) -> bool:
    """Return whether every value that is expected is met within its own tolerance.

    A tolerance is a distance, a dict of them by name, or the larger of ``abs`` and ``rel`` times the value.
    """
    return all(_near(one, two, _distance(tolerance, name, two)) for name, one, two in _pairs(ours, expected))


def _pairs(ours: Any, expected: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield name, our value and the expected value of each leaf that is expected."""
    if isinstance(expected, dict):
        lone = len(expected) == 1 and not isinstance(ours, dict)
        for key, value in expected.items():
            yield from _pairs(ours if lone else ours[key], value, key)
    elif isinstance(expected, list):
        assert isinstance(ours, list)
        yield name, float(len(ours)), float(len(expected))
        for one, two in zip(ours, expected, strict=False):
            yield from _pairs(one, two, name)
    else:
        yield name, ours, expected


def _near(one: Any, two: Any, distance: float) -> bool:
    """Return whether two leaves are equal; no price is nan, null or "NaN"."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    first, second = _number(one), _number(two)
    if isinstance(first, str) or isinstance(second, str):
        return first == second
    if math.isnan(first) or math.isnan(second):
        return math.isnan(first) and math.isnan(second)
    return first == second or abs(first - second) <= distance


def _number(value: Any) -> Any:
    if value is None:
        return math.nan
    try:
        return float(value)
    except ValueError:
        return value


def _distance(tolerance: Any, name: str, value: Any) -> float:
    if not isinstance(tolerance, dict):
        return float(tolerance)
    if "rel" not in tolerance:
        return float(tolerance[name])
    size = _number(value)
    return max(tolerance["abs"], tolerance["rel"] * abs(size)) if isinstance(size, float) else 0.0
