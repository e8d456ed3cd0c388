"""How much each instrument moves with the market, estimated from its past."""

from __future__ import annotations

import numpy as np

from backtester.errors import ConfigurationError
from backtester.market import Market
from backtester.text import counted

__all__ = ["betas_before"]

LEAST = 30  # returns


def betas_before(market: Market, bar: int, columns: list[int], key: str) -> dict[int, float]:
    """Return the beta of some columns: ``cov(r_i, m) / var(m)`` over the bars before `bar`.

    ``r_i`` are log returns of closes and ``m`` their mean over the instruments that have one. Closes that are missing
    make no return. A market of one instrument has a beta of 1.

    Raises
    ------
    ConfigurationError
        If an instrument has fewer than 30 returns before the bar, or the market did not move.
    """
    if not columns or market.n_instruments == 1:
        return dict.fromkeys(columns, 1.0)
    returns = np.diff(np.log(market.close[:bar]), axis=0)
    known = ~np.isnan(returns)
    mean = np.where(known, returns, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    out = {}
    for column in columns:
        rows = known[:, column]
        together = mean[rows] - mean[rows].mean() if rows.any() else mean[:0]
        variance = float(together @ together)
        if rows.sum() < LEAST or variance == 0.0:
            raise ConfigurationError(
                key,
                market.symbols[column],
                f"its beta cannot be estimated from {counted(int(rows.sum()), 'return')} before the shock",
                allowed=f"at least {LEAST} returns, and prices that moved",
                cure="Choose a later time, or give the betas: betas=BTCUSDT*1+ETHUSDT*1.2",
            )
        out[column] = float(together @ returns[rows, column]) / variance
    return out
