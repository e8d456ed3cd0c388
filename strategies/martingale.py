"""A martingale: buy a dip, and buy more, each time twice as much, at levels further down.

The margin question: who pays for the one dip that does not come back? Nearly every round ends with
a small profit, since doubling pulls the average entry down to the price. Each lot is a slot of its
own. With isolated margin the first lots are liquidated on the way down, and a round loses at most
what was posted for its lots. With cross margin the balance carries them all, more rounds come
home, and the last one takes everything.

The lots follow closes and nothing else: a target cannot see that a lot was liquidated.
"""

import numpy as np
from numpy.typing import NDArray

from backtester import Market, SlotSpec, Strategy, Targets
from backtester.indicators import sma


class Martingale(Strategy):
    """Add lots below the first entry; close all of them a little above their average entry."""

    window: int = 48  # length of the average that a dip is measured from [bars]
    dip: float = 0.02  # dip that opens the first lot [fraction of the average]
    step: float = 0.02  # distance between lots [fraction of the first entry]
    lots: int = 4  # most lots of a round
    factor: float = 2.0  # size of each lot over the one before
    profit: float = 0.01  # distance to close at [fraction of the average entry]
    exposure: float = 6.0  # notional of all symbols with all lots [x equity]

    def slots(self, market: Market) -> list[SlotSpec]:
        """Return a slot for each symbol and lot."""
        return [SlotSpec(symbol, f"lot {k + 1}") for symbol in market.symbols for k in range(self.lots)]

    def targets(self, market: Market) -> Targets:
        """Hold as many lots as `held` says; where there is no price, keep what there is."""
        weights = self.factor ** np.arange(self.lots)
        size = self.exposure / market.n_instruments * weights / weights.sum()
        held = self.held(market.close, market.close < (1.0 - self.dip) * sma(market.close, self.window), weights)
        target = np.where(held[:, :, None] > np.arange(self.lots), size, 0.0)
        target[np.isnan(market.close)] = np.nan
        return Targets(equity_fraction=target.reshape(market.n_bars, -1))

    def held(self, close: NDArray, dips: NDArray, weights: NDArray) -> NDArray:
        """Return the number of lots held after each close: bar by bar, as it depends on itself."""
        money = np.concatenate([[0.0], np.cumsum(weights)])  # of the first k lots
        out = np.zeros(close.shape, np.int64)
        lots = np.zeros(close.shape[1], np.int64)
        first, bought = np.ones(close.shape[1]), np.ones(close.shape[1])  # price of the first lot, quantity of all
        for t, price in enumerate(close):
            home = (lots > 0) & (price >= (1.0 + self.profit) * money[lots] / bought)
            opens = (lots == 0) & dips[t]
            first[opens], bought[opens] = price[opens], 0.0
            depth = np.nan_to_num((1.0 - price / first) / self.step + 1e-9)  # steps below the first entry
            wanted = np.where((lots > 0) | opens, np.clip(1 + depth.astype(np.int64), lots, self.lots), 0)
            bought += np.where(wanted > lots, (money[wanted] - money[lots]) / price, 0.0)
            lots = np.where(home, 0, wanted)
            out[t] = lots
        return out
