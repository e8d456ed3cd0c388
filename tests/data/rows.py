"""Rows as a store keeps them, made up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

HOUR = 3_600_000  # [ms]
START = 1_760_054_400_000  # 2025-10-10 [ms]


def candles(n: int = 48, first: int = 0, price: float = 100.0, step: int = HOUR) -> pd.DataFrame:
    """Return candles on a grid, from the bar `first`."""
    number = np.arange(first, first + n)
    wave = price + np.sin(number)
    prices = {"open": wave, "high": wave + 1, "low": wave - 1, "close": wave + 0.5}
    return pd.DataFrame({"timestamp": START + step * number, **prices, "volume": (number + 1) / 8})


def rates(hours: Sequence[int] | range = range(0, 48, 8), rate: float = 0.0001) -> pd.DataFrame:
    """Return funding rates at some hours."""
    return pd.DataFrame({"timestamp": START + HOUR * np.array(hours), "funding_rate": rate})
