"""The strategy that is timed, in a file of its own, as an author's: a sweep reads and loads no more."""

import numpy as np

from backtester import Market, Strategy, Targets
from backtester.indicators import sma

NOTIONAL = 1_000.0  # of each position [quote]


class SmaCross(Strategy):
    """Long while the fast average is above the slow one, short while it is below."""

    fast: int = 20  # [bars]
    slow: int = 80  # [bars]
    notional: float = NOTIONAL  # [quote]

    def targets(self, market: Market) -> Targets:
        trend = sma(market.close, self.fast) - sma(market.close, self.slow)
        return Targets(notional=self.notional * np.sign(trend))
