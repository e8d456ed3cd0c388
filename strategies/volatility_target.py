"""Volatility targeting: a trend position whose size shrinks as the market gets wilder.

The margin question: does careful sizing make the margin mode unimportant? Each position is so large
that a usual bar moves the account by the same amount, in calm times with much notional, in wild
times with little. So positions are largest just before a calm ends. Isolated margin bounds the
loss of that one bar by what was posted; cross margin bounds it by the balance, and what
sizing has kept of it.
"""

import numpy as np

from backtester import Market, Strategy, Targets
from backtester.indicators import previous, rolling_std, sma


class VolatilityTarget(Strategy):
    """On the side of the moving average, with a size in proportion to 1 / volatility."""

    window: int = 72  # length of the average and of the volatility [bars]
    every: int = 24  # time between two decisions [bars]
    risk: float = 0.02  # standard deviation of a bar's return at one position's size [x equity / symbols]
    ceiling: float = 5.0  # largest notional of all symbols together [x equity]

    def targets(self, market: Market) -> Targets:
        """Decide every `every` bars; in between, and until the volatility is known, keep what there is."""
        change = np.log(market.close / previous(market.close))
        volatility = rolling_std(change, self.window)
        volatility[volatility == 0.0] = np.nan
        size = np.minimum(self.risk / volatility, self.ceiling) / market.n_instruments
        size *= np.sign(market.close - sma(market.close, self.window))
        size[np.arange(market.n_bars) % self.every != 0] = np.nan
        return Targets(equity_fraction=size)
