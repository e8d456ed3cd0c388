"""A trend follower: on the side of the moving averages, meant for high leverage.

The margin question: who pays for the way back that every trend takes? At 20x an isolated position
is liquidated by a move of about 5 % against it, whatever the trend does later, and the strategy
waits for the next crossing without a position. Each such end costs the margin posted and no more.
With cross margin the balance carries the position through the way back, and through a turn that
never comes back as well.
"""

import numpy as np

from backtester import Market, SlotSpec, Strategy, Targets
from backtester.indicators import atr, ema


class Trend(Strategy):
    """Long while the fast average is above the slow one, short while it is below."""

    fast: int = 24  # length of the fast average [bars]
    slow: int = 96  # length of the slow average [bars]
    band: float = 0.5  # distance of the averages that makes a trend [average true ranges]
    exposure: float = 2.0  # notional of all symbols together [x equity]
    leverage: float = 20.0  # of every position

    def slots(self, market: Market) -> list[SlotSpec]:
        """Return one slot for each symbol, at the strategy's own leverage."""
        return [SlotSpec(symbol, leverage=self.leverage) for symbol in market.symbols]

    def targets(self, market: Market) -> Targets:
        """Turn where the averages have crossed by the band; in between keep what there is."""
        distance = ema(market.close, self.fast) - ema(market.close, self.slow)
        band = self.band * atr(market.high, market.low, market.close, self.fast)
        side = np.select([distance > band, distance < -band], [1.0, -1.0], np.nan)
        return Targets(equity_fraction=self.exposure / market.n_instruments * side)
