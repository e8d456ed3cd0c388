"""A small folder of candles as people have them, good or spoilt in one place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

HOUR = 3_600_000  # [ms]
START = 1_759_276_800_000  # 2025-10-01 [ms]
BARS = 200


def candles(seed: int = 0, *, start: int = START, bars: int = BARS) -> pd.DataFrame:
    """Return hourly candles of a random walk."""
    moves = np.random.default_rng(seed).normal(0.0, 0.006, bars + 1)
    price = 100.0 * np.exp(np.cumsum(moves))
    first, last = price[:-1], price[1:]
    return pd.DataFrame(
        {
            "timestamp": start + HOUR * np.arange(bars),
            "open": first,
            "high": np.maximum(first, last) * 1.002,
            "low": np.minimum(first, last) * 0.998,
            "close": last,
        }
    )


def rates(column: str = "funding_rate") -> pd.DataFrame:
    """Return funding each eight hours."""
    return pd.DataFrame({"timestamp": START + 8 * HOUR * np.arange(BARS // 8), column: 1e-4})


def put(
    folder: Path,
    symbol: str = "BTCUSDT",
    trade: pd.DataFrame | None = None,
    mark: pd.DataFrame | None = None,
    funding: pd.DataFrame | None = None,
) -> Path:
    """Write the files of one symbol and return the folder."""
    place = folder / symbol
    place.mkdir(parents=True, exist_ok=True)
    (candles() if trade is None else trade).to_parquet(place / "1h-trade.parquet", index=False)
    if mark is not None:
        mark.to_parquet(place / "1h-mark.parquet", index=False)
    if funding is not None:
        funding.to_parquet(place / "funding.parquet", index=False)
    return folder


def good(folder: Path) -> Path:
    """Write two symbols with everything."""
    put(folder, "BTCUSDT", candles(0), candles(0), rates())
    return put(folder, "ETHUSDT", candles(1), candles(1), rates())


STRATEGIES = """
import numpy as np

from backtester import Strategy, Targets


class Good(Strategy):
    every: int = 10
    notional: float = 4_000.0

    def targets(self, market):
        on = np.arange(market.n_bars) % self.every < self.every // 2
        return Targets(notional=np.where(on[:, None], self.notional, 0.0) * np.ones(market.close.shape))


class Raises(Strategy):
    def targets(self, market):
        return Targets(notional=np.ones(3)[5])


class Shape(Strategy):
    def targets(self, market):
        return Targets(notional=np.ones((3, 3)))


class NanSize(Strategy):
    def targets(self, market):
        return Targets(notional=float("nan"))


class Peeks(Strategy):
    def targets(self, market):
        return Targets(notional=1_000 * np.sign(np.roll(market.close, -1, axis=0) - market.close))
"""
