"""A hedged pair: long the cheap one, short the dear one, with the same notional on both.

The margin question: who may use the profit of the other leg? When both symbols crash together,
one leg wins about what the other loses. A cross account counts the unrealised profit of the
winning leg as collateral, so the pair is as safe as its spread. With isolated margin each leg
stands alone: the losing one is liquidated in the middle of the move, and the account is left with
the other, which is no longer a hedge.
"""

import numpy as np

from backtester import Market, SlotSpec, Strategy, Targets
from backtester.indicators import zscore


class HedgedPair(Strategy):
    """Trade the ratio of two prices back to its mean."""

    first: str = ""  # symbol; empty: the first one of the market
    second: str = ""  # symbol; empty: the second one of the market
    window: int = 72  # length of the mean of the ratio [bars]
    enter: float = 2.0  # distance from the mean to open at [standard deviations]
    leave: float = 0.25  # distance to close at [standard deviations]
    exposure: float = 1.0  # notional of each leg [x equity]

    def pair(self, market: Market) -> tuple[str, str]:
        """Return the two symbols."""
        if market.n_instruments < 2:
            raise ValueError("a pair needs a market of at least two symbols")
        first = self.first or next(s for s in market.symbols if s != self.second)
        second = self.second or next(s for s in market.symbols if s != first)
        if first == second:
            raise ValueError("first and second must be two symbols")
        return first, second

    def slots(self, market: Market) -> list[SlotSpec]:
        """Return one slot for each leg."""
        return [SlotSpec(symbol) for symbol in self.pair(market)]

    def targets(self, market: Market) -> Targets:
        """Sell the ratio when it is high, buy it when it is low; in between keep what there is."""
        dear, cheap = (market.close[:, market.column(symbol)] for symbol in self.pair(market))
        distance = zscore(np.log(dear / cheap), self.window)
        ratio = np.select(
            [distance > self.enter, distance < -self.enter, abs(distance) < self.leave],
            [-1.0, 1.0, 0.0],
            np.nan,
        )
        return Targets(equity_fraction=self.exposure * np.column_stack([ratio, -ratio]))
