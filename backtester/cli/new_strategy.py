"""`backtester strategy new`: a file that works as it is, to be changed line by line."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from backtester.errors import ConfigurationError

__all__ = ["write_strategy"]

TARGETS = '''"""What this strategy does, in one line.

The margin question: what should isolated against cross margin tell you about it?
"""

import numpy as np

from backtester import Market, Strategy, Targets
from backtester.indicators import atr, ema


class NAME(Strategy):
    """Long above the slow average, short below it, with a stop."""

    # Parameters: a type, a default, and what it is. Change them with --set fast=8.
    fast: int = 12  # length of the fast average [bars]
    slow: int = 48  # length of the slow average [bars]
    exposure: float = 2.0  # notional of all symbols together [x equity]
    stop_ranges: float = 3.0  # distance of the stop [average true ranges]

    def targets(self, market: Market) -> Targets:
        """Return what the strategy wants at every bar, for each symbol."""
        # Arrays of (bars, symbols): market.open, high, low, close, and mark_open to mark_close.
        # Row t may use rows up to t. It is decided on the close of bar t and traded in bar t + 1.
        trend = ema(market.close, self.fast) - ema(market.close, self.slow)

        # 1 is long, -1 is short, 0 is flat; nan, where there is no price or no average yet, is no instruction.
        side = np.sign(trend)

        # An order arises where a target changes, and only there: a position that was liquidated or
        # stopped stays flat until then.
        size = self.exposure / market.n_instruments

        # The stop goes with the order: a fraction of the close that the order was decided on.
        ranges = atr(market.high, market.low, market.close, self.fast)
        stop = np.clip(self.stop_ranges * ranges / market.close, 0.001, 0.9)

        # Instead of equity_fraction: quantity, notional or margin. Beside stop: take_profit, trailing, leverage.
        return Targets(equity_fraction=size * side, stop=stop)
'''
ON_BAR = '''"""What this strategy does, in one line.

The margin question: what should isolated against cross margin tell you about it?
"""

import math

from backtester import Bar, Market, Strategy
from backtester.indicators import atr, ema


class NAME(Strategy):
    """Long above the slow average, short below it, with a stop; a position in trouble gets margin."""

    # Parameters: a type, a default, and what it is. Change them with --set fast=8.
    fast: int = 12  # length of the fast average [bars]
    slow: int = 48  # length of the slow average [bars]
    exposure: float = 2.0  # notional of all symbols together [x equity]
    stop_ranges: float = 3.0  # distance of the stop [average true ranges]
    alarm: float = 0.5  # margin ratio above which an isolated position is topped up

    def __init__(self, **overrides):
        super().__init__(**overrides)
        self.sides = {}  # what it keeps on self begins anew with every run

    def indicators(self, market: Market) -> dict:
        """Return arrays of (bars, symbols), worked out once before the run."""
        # Row t may use rows up to t. The call at the close of bar t sees row t, and trades in bar t + 1.
        trend = ema(market.close, self.fast) - ema(market.close, self.slow)
        return {"trend": trend, "range": atr(market.high, market.low, market.close, self.fast)}

    def on_bar(self, bar: Bar) -> None:
        """Look at the account at the close of each bar; what is asked for takes effect in the next one."""
        # Also: bar.account.equity, bar.account.free_margin, bar.fills, bar.liquidations, bar.history("close", 20).
        for slot in bar:
            trend, distance = slot.indicator("trend"), self.stop_ranges * slot.indicator("range")

            # nan, where there is no price or no average yet, is not to be traded on.
            if math.isnan(slot.price + trend) or not 0.0 < distance < slot.price:
                continue

            # An order only where the trend has turned: what was stopped or liquidated stays flat until then.
            if (trend > 0.0) != self.sides.get(slot.label):
                self.sides[slot.label] = trend > 0.0
                size = math.copysign(self.exposure / len(bar), trend)

                # Instead of equity_fraction: quantity, notional or margin. Beside stop: take_profit, trailing.
                # Others: slot.buy(..., limit=...), slot.sell(..., trigger=...), slot.close(0.5), slot.take_profit(...)
                slot.target(equity_fraction=size, stop=distance / slot.price)
            elif slot.is_open and slot.is_isolated and slot.margin_ratio > self.alarm:
                slot.add_margin(slot.isolated_margin)
'''
OURS = ("backtester", "data", "reports", "run", "strategies")  # a file of that name would stand in the way


def write_strategy(name: str, folder: Path, *, on_bar: bool = False) -> tuple[Path, str]:
    """Write a new strategy's file and return its path and the name of its class.

    Parameters
    ----------
    name : str
        ``my idea``, ``my_idea`` and ``MyIdea`` are all the class ``MyIdea`` in ``my_idea.py``.
    folder : Path
        Made if it is not there.
    on_bar : bool
        With a method `on_bar`, which is called at every bar, in place of `targets`.

    Raises
    ------
    ConfigurationError
        If the name makes no class, or there is such a file already.
    """
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)]
    plain = re.fullmatch(r"[A-Za-z][\w\- ]*", name.strip(), re.ASCII)
    stem, cls = "_".join(words), "".join(word.capitalize() for word in words)
    if plain is None or stem in OURS or keyword.iskeyword(stem) or cls == "Strategy":
        cure = "Give another one, such as my_idea or MyIdea"
        raise ConfigurationError("NAME", name, "cannot be the name of a strategy", cure=cure)
    path = folder / f"{stem}.py"
    if path.exists():
        raise ConfigurationError("NAME", name, f"there is a file {path} already", cure="Give another name or --folder")
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write((ON_BAR if on_bar else TARGETS).replace("NAME", cls))
    return path, cls
