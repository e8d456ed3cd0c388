"""Both engines behind one function, and what laws and traps need to know about a scenario."""

from __future__ import annotations

import pytest

from tests.reference.reference_helpers import HOUR, columns, events, flat
from tests.reference.reference_helpers import scenario as plain_scenario

__all__ = [
    "HOUR",
    "PER_BAR",
    "columns",
    "events",
    "flat",
    "has_data",
    "marks",
    "near",
    "on_both",
    "run",
    "scenario",
    "what_happened",
]

PER_BAR = (
    "equity",
    "equity_low",
    "worst_margin_ratio",
    "cash",
    "pool_pnl",
    "pool_initial_margin",
    "pool_requirement",
    "quantity",
    "entry",
    "liquidation_price",
)

on_both = pytest.mark.parametrize("engine", ["kernel", "reference"])


def run(engine: str, scene: dict) -> dict:
    """Return the result of a scenario; imports are late because each engine can be tested without the other."""
    from backtester.scenario import Scenario, validate

    if engine == "reference":
        from backtester import reference

        return reference.run(validate(scene))
    from backtester.engine import simulate

    return simulate(Scenario.from_dict(validate(scene))).to_dict()


def scenario(candles: list, orders: list, slots: list | None = None, **parts) -> dict:
    """Return a complete scenario, mostly on one instrument; every instrument has its own name."""
    scene = plain_scenario(candles, orders, slots, **parts)
    for i, instrument in enumerate(scene["instruments"]):
        instrument["symbol"] = f"COIN{i}"
    return scene


def has_data(scene: dict, i: int, t: int) -> bool:
    """Return whether instrument `i` has all prices of bar `t`."""
    return all(column is None or column[t] is not None for column in scene["bars"][i].values())


def marks(scene: dict, i: int, name: str) -> list:
    """Return a mark column of an instrument, its trade column where it has no marks."""
    return scene["bars"][i].get("mark_" + name) or scene["bars"][i][name]


def near(a: object, b: object, money: float) -> bool:
    """Return whether numbers, perhaps None and perhaps in nested lists, are equal to 1e-9 or to an amount."""
    if isinstance(a, list):
        return len(a) == len(b) and all(near(x, y, money) for x, y in zip(a, b, strict=True))
    if a is None or b is None:
        return a is b
    return abs(a - b) <= max(money, 1e-9 * max(abs(a), abs(b)))


def what_happened(result: dict) -> list[tuple]:
    """Return the discrete part of the events."""
    names = ("bar", "kind", "slot", "pool", "segment", "reason")
    return [tuple(event[name] for name in names) for event in result["events"]]
