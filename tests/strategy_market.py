"""Small markets and hand-made strategies that several strategy tests share."""

import numpy as np
import pandas as pd

from backtester.market import Market
from backtester.strategy import Strategy, Targets


def frame(close, start="2025-01-01", freq="1h"):
    """Candles around given closes; each opens at the close before."""
    close = np.asarray(close, float)
    before = np.concatenate([close[:1], close[:-1]])
    return pd.DataFrame(
        {"open": before, "high": np.maximum(before, close), "low": np.minimum(before, close), "close": close},
        index=pd.date_range(start, periods=len(close), freq=freq, tz="UTC"),
    )


def market(*closes, gaps=(), **kwargs):
    """A market of one symbol per list of closes; `gaps` are (symbol index, first, last) without bars."""
    frames = {}
    for i, close in enumerate(closes):
        candles = frame(close)
        for column, first, last in gaps:
            if column == i:
                candles = candles.drop(candles.index[first : last + 1])
        frames[f"{chr(65 + i)}USDT"] = candles
    return Market.from_frames(frames, **kwargs)


def random_market(n_bars=600, n_symbols=3, seed=7, volatility=0.02, gaps=(), **kwargs):
    """Random walks, seeded."""
    steps = np.random.default_rng(seed).normal(0.0, volatility, (n_bars, n_symbols))
    return market(*(100.0 * np.exp(np.cumsum(steps, axis=0))).T, gaps=gaps, **kwargs)


def random_funding(n_bars=600, n_symbols=3, seed=8):
    """Random rates each eight hours, seeded; one mapping for `random_market`."""
    times = pd.date_range("2025-01-01", periods=n_bars // 8 + 1, freq="8h", tz="UTC")
    rates = np.random.default_rng(seed).normal(2e-4, 4e-4, (len(times), n_symbols))
    return {f"{chr(65 + i)}USDT": pd.Series(rates[:, i], times) for i in range(n_symbols)}


class Fixed(Strategy):
    """Returns the targets it was given."""

    def __init__(self, targets, slots=None):
        super().__init__()
        self._targets, self._slots = targets, slots

    def targets(self, market):
        return self._targets

    def slots(self, market):
        return super().slots(market) if self._slots is None else self._slots


def fixed(slots=None, **fields):
    return Fixed(Targets(**fields), slots)
