"""A fixed loss for each trade: the isolated margin is the loss one accepts.

The margin question: can margin take the place of a stop? Every trade posts the same margin, and
its leverage puts the liquidation price at so many average true ranges. With isolated margin that
is a stop which cannot be jumped: a gap takes the margin and no more, where a stop order would be
filled behind it; the price is the liquidation fee. With cross margin the same trade has no stop at
all: it ends when the averages cross, whatever it has lost by then.
"""

import numpy as np

from backtester import Market, Strategy, Targets
from backtester.indicators import atr, ema, latest, previous


class FixedLoss(Strategy):
    """Trade the crossing of two averages with the same margin each time."""

    max_loss: float = 200.0  # margin of each trade: what isolated margin lets it lose [quote]
    ranges: float = 6.0  # distance of the liquidation price, about [average true ranges]
    highest: float = 20.0  # ceiling of the leverage
    fast: int = 12  # length of the fast average and of the range [bars]
    slow: int = 48  # length of the slow average [bars]

    def targets(self, market: Market) -> Targets:
        """Turn where the averages cross; the leverage is set with the trade and kept with it."""
        side = np.sign(ema(market.close, self.fast) - ema(market.close, self.slow))
        spread = atr(market.high, market.low, market.close, self.fast)
        spread[spread == 0.0] = np.nan
        leverage = np.clip(np.floor(market.close / (self.ranges * spread)), 1.0, self.highest)
        side[np.isnan(leverage)] = np.nan
        held = latest(side)
        turns = np.isfinite(side) & (held != previous(held))
        leverage = latest(np.where(turns, leverage, np.nan))
        return Targets(notional=self.max_loss * leverage * side, leverage=leverage)
