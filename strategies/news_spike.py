"""A news spike: join a sudden move for a few bars, at 20x to 50x, with a stop and a take-profit.

The margin question: is the stop nearer than the liquidation price? At 25x that price is less than
4 % away. While the market is calm before the news the stop is much nearer, both modes lose the
same, and isolated margin only caps what a gap through the stop can take. After a wild time the
ranges, and with them the stop, are wider than 4 %: an isolated position is then liquidated where
its stop would have held on, and pays the liquidation fee on top.
"""

import numpy as np

from backtester import Market, SlotSpec, Strategy, Targets
from backtester.indicators import atr, bars_since, latest, previous


class NewsSpike(Strategy):
    """Follow a bar that moved much more than the bars before it."""

    spike: float = 3.0  # move of the close that counts as news [average true ranges]
    range_window: int = 24  # length of the average true range [bars]
    hold: int = 4  # longest time in the position [bars]
    stop_ranges: float = 2.0  # distance of the stop [average true ranges]
    profit_ranges: float = 4.0  # distance of the take-profit [average true ranges]
    exposure: float = 0.5  # notional of each position [x equity]
    leverage: float = 25.0  # of every position

    def slots(self, market: Market) -> list[SlotSpec]:
        """Return one slot for each symbol, at the strategy's own leverage."""
        return [SlotSpec(symbol, leverage=self.leverage) for symbol in market.symbols]

    def targets(self, market: Market) -> Targets:
        """Enter at the close of the news bar; leave at an exit, or when the time is over."""
        before = previous(market.close)
        calm = previous(atr(market.high, market.low, market.close, self.range_window)) / before
        move = market.close / before - 1.0
        news = np.abs(move) > self.spike * calm
        side = latest(np.where(news, np.sign(move), np.nan))
        size = np.where(bars_since(news) < self.hold, self.exposure * side, 0.0)
        return Targets(
            equity_fraction=np.where(np.isnan(market.close), np.nan, size),
            stop=np.clip(self.stop_ranges * calm, 0.001, 0.9),
            take_profit=np.clip(self.profit_ranges * calm, 0.001, 0.9),
        )
