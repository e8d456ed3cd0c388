"""A breakout of the price channel: one side at a time, meant for high leverage.

The margin question: does the position survive the way to its own stop? With isolated margin the
liquidation price is about ``1 / leverage`` away from the entry. As soon as that is nearer than the
stop, every false breakout is liquidated where the stop would have cost less or price would have
come back; what one breakout can lose is then the margin posted for it. With cross margin the
whole balance stands behind each position: the stop works as written, but breakouts that fail
together in a crash draw on the same wallet.
"""

import numpy as np

from backtester import Market, Strategy, Targets
from backtester.indicators import atr, previous, rolling_max, rolling_min


class Breakout(Strategy):
    """Long above the highest high of the last bars, short below the lowest low."""

    channel: int = 48  # length of the channel [bars]
    exposure: float = 2.0  # notional of all symbols together [x equity]
    stop_ranges: float = 4.0  # distance of the trailing stop [average true ranges]
    range_window: int = 24  # length of the average true range [bars]

    def targets(self, market: Market) -> Targets:
        """Enter at a new extreme, leave when the close crosses the middle of the channel."""
        upper = rolling_max(previous(market.high), self.channel)
        lower = rolling_min(previous(market.low), self.channel)
        half = np.sign(market.close - (upper + lower) / 2)
        side = np.select(
            [market.close > upper, market.close < lower, half * previous(half) <= 0.0],
            [1.0, -1.0, 0.0],
            np.nan,
        )
        size = self.exposure / market.n_instruments
        spread = atr(market.high, market.low, market.close, self.range_window)
        ready = np.isfinite(spread)
        trailing = np.clip(self.stop_ranges * spread / market.close, 0.001, 0.9)
        return Targets(equity_fraction=np.where(ready, size * side, np.nan), trailing=trailing)
