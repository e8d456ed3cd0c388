"""Funding carry: short the perpetuals whose longs pay, with or without a long hedge.

The margin question: can the position be held long enough to be paid? Funding comes in small
payments, prices move at once. A short squeeze liquidates an isolated short although its hedge has
gained as much, and what is left is a naked long. With cross margin the hedge's profit is
collateral for the shorts, and funding received is too; what remains at risk is the spread between
the hedge and the coins that are short.
"""

import numpy as np

from backtester import Market, Strategy, Targets
from backtester.indicators import funding_per_day, latest


class FundingCarry(Strategy):
    """Short each symbol that pays enough, and long one other with the same notional."""

    days: int = 3  # time over which funding is averaged [days]
    enter: float = 0.0006  # funding to open at [fraction of the notional per day]
    leave: float = 0.0002  # funding to close at [fraction of the notional per day]
    exposure: float = 2.0  # notional of the shorts when all pay, but for the share of the hedge [x equity]
    hedged: bool = True  # false: the shorts alone
    hedge: str = ""  # symbol that is bought; empty: the first one of the market

    def targets(self, market: Market) -> Targets:
        """Open a short where longs have paid, close it when they no longer do."""
        if self.hedged and market.n_instruments < 2:
            raise ValueError("a hedged carry needs a market of at least two symbols; hedged=false needs one")
        paid = funding_per_day(market, self.days)
        short = latest(np.select([paid > self.enter, paid < self.leave], [1.0, 0.0], np.nan))
        size = -self.exposure / market.n_instruments * np.nan_to_num(short)
        if self.hedged:
            hedge = market.column(self.hedge or market.symbols[0])
            size[:, hedge] = 0.0
            size[:, hedge] = -size.sum(axis=1)
        return Targets(equity_fraction=np.where(np.isnan(market.close), np.nan, size))
