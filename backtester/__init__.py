"""Backtests of perpetual futures under isolated and cross margin, side by side.

Names are imported when they are first used, so that `import backtester` costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backtester.account import Account
    from backtester.allocation import Allocation
    from backtester.compare import Comparison, compare
    from backtester.comparing.across import AccountComparison, compare_leverages, compare_venues
    from backtester.engine import run, simulate
    from backtester.errors import (
        BacktesterError,
        ConfigurationError,
        InvariantError,
        MarketDataError,
        StrategyError,
    )
    from backtester.event_driven.asked import Order
    from backtester.event_driven.bar import Bar
    from backtester.event_driven.compiled import compiled
    from backtester.market import Funding, Market
    from backtester.orders import MarginActions, Orders
    from backtester.result import Result
    from backtester.scenario import Scenario, read_scenario
    from backtester.strategy import SlotSpec, Strategy, Targets
    from backtester.venue import Instrument, Venue, VenueRules, load_venue

__all__ = [
    "Account",
    "AccountComparison",
    "Allocation",
    "BacktesterError",
    "Bar",
    "Comparison",
    "ConfigurationError",
    "Funding",
    "Instrument",
    "InvariantError",
    "MarginActions",
    "Market",
    "MarketDataError",
    "Order",
    "Orders",
    "Result",
    "Scenario",
    "SlotSpec",
    "Strategy",
    "StrategyError",
    "Targets",
    "Venue",
    "VenueRules",
    "compare",
    "compare_leverages",
    "compare_venues",
    "compiled",
    "load_venue",
    "read_scenario",
    "run",
    "simulate",
]

_HOMES = {
    "account": ("Account",),
    "allocation": ("Allocation",),
    "comparing.across": ("AccountComparison", "compare_leverages", "compare_venues"),
    "compare": ("Comparison", "compare"),
    "engine": ("run", "simulate"),
    "errors": ("BacktesterError", "ConfigurationError", "InvariantError", "MarketDataError", "StrategyError"),
    "event_driven.asked": ("Order",),
    "event_driven.bar": ("Bar",),
    "event_driven.compiled": ("compiled",),
    "market": ("Funding", "Market"),
    "orders": ("MarginActions", "Orders"),
    "result": ("Result",),
    "scenario": ("Scenario", "read_scenario"),
    "strategy": ("SlotSpec", "Strategy", "Targets"),
    "venue": ("Instrument", "Venue", "VenueRules", "load_venue"),
}
_MODULES = {name: f"backtester.{module}" for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'backtester' has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """The package itself: its `compare` is the function, also after the module of that name was imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "compare" and isinstance(value, ModuleType):
            value = value.compare
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
