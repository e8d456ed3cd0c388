"""A gallery of strategies an author copies from, and the loader that knows them by name.

None of them names a venue or a margin mode: leverage, fees and mode belong to the account, so
every mode receives the same intents.
"""

from __future__ import annotations

from typing import Any

from backtester.asking.loading import is_file_spec
from backtester.asking.loading import load_class as load_file
from backtester.errors import ConfigurationError
from backtester.strategy import Strategy
from strategies.breakout import Breakout
from strategies.core_and_small_cap import CoreAndSmallCap
from strategies.fixed_loss import FixedLoss
from strategies.funding_carry import FundingCarry
from strategies.grid_reversion import GridReversion
from strategies.hedged_basket import HedgedBasket
from strategies.hedged_pair import HedgedPair
from strategies.margin_keeper import MarginKeeper
from strategies.martingale import Martingale
from strategies.news_spike import NewsSpike
from strategies.trend import Trend
from strategies.volatility_target import VolatilityTarget

__all__ = [
    "Breakout",
    "CoreAndSmallCap",
    "FixedLoss",
    "FundingCarry",
    "GridReversion",
    "HedgedBasket",
    "HedgedPair",
    "MarginKeeper",
    "Martingale",
    "NewsSpike",
    "Trend",
    "VolatilityTarget",
    "gallery",
    "load",
    "load_class",
]


def gallery() -> dict[str, type[Strategy]]:
    """Return the shipped strategies by name."""
    return {
        "breakout": Breakout,
        "core_and_small_cap": CoreAndSmallCap,
        "fixed_loss": FixedLoss,
        "funding_carry": FundingCarry,
        "grid_reversion": GridReversion,
        "hedged_basket": HedgedBasket,
        "hedged_pair": HedgedPair,
        "margin_keeper": MarginKeeper,
        "martingale": Martingale,
        "news_spike": NewsSpike,
        "trend": Trend,
        "volatility_target": VolatilityTarget,
    }


def load_class(name_or_path: str) -> type[Strategy]:
    """Return the strategy class that a name or a path stands for.

    Parameters
    ----------
    name_or_path : str
        A name of the gallery (``"hedged_pair"`` or ``"HedgedPair"``), or ``path/file.py:Class``.

    Raises
    ------
    ConfigurationError
        If there is no such strategy (the nearest one is proposed), file or class.
    StrategyError
        If the file cannot be imported, raised from the author's exception.
    """
    if is_file_spec(name_or_path):
        return load_file(name_or_path)
    known = gallery()
    found = {_plain(name): cls for name, cls in known.items()}.get(_plain(name_or_path))
    if found is not None:
        return found
    cure = "a strategy of your own is path/file.py:Class"
    raise ConfigurationError("strategy", name_or_path, "no such strategy", allowed=known, cure=cure)


def load(name_or_path: str, **params: Any) -> Strategy:
    """Return a strategy by name or path, with values for its parameters.

    Parameters
    ----------
    name_or_path : str
        As for `load_class`.
    **params
        Values of parameters that differ from their defaults. Texts of a command line go through
        ``load_class(name).from_text(["fast=8"])``.

    Raises
    ------
    ConfigurationError
        If the strategy or a parameter does not exist, or a value has the wrong type.
    StrategyError
        If the file cannot be imported, raised from the author's exception.
    """
    return load_class(name_or_path)(**params)


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "").replace("-", "").replace(" ", "")
