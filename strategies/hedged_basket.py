"""A hedged basket: long the symbols that fell behind, short those that ran ahead.

The margin question: how many legs may a hedge lose? All longs together weigh as much as all
shorts, so a market that falls as a whole costs a cross account little: the shorts' profit stands
behind the longs. With isolated margin each leg stands alone, and the same fall takes the longs out
one by one. A pair has then lost its hedge; of a basket a part is left, and every lost leg makes
the rest more one-sided.
"""

import numpy as np

from backtester import Market, Strategy, Targets
from backtester.indicators import previous


class HedgedBasket(Strategy):
    """Rank the symbols by their return and bet on the ends coming together."""

    window: int = 72  # length of the return that ranks them [bars]
    hold: int = 24  # time between two rankings [bars]
    share: float = 0.34  # symbols on each side [fraction of those with a price]
    exposure: float = 2.0  # notional of both sides together [x equity]

    def targets(self, market: Market) -> Targets:
        """Rank anew every `hold` bars; in between, and for symbols without a price, keep what there is."""
        gain = market.close / previous(market.close, self.window)
        known = np.isfinite(gain)
        count = known.sum(axis=1, keepdims=True)
        legs = np.maximum(1, np.floor(self.share * count))
        rank = np.argsort(np.argsort(gain, axis=1, kind="stable"), axis=1)  # nan comes last
        side = (rank < legs) * 1.0 - (rank >= count - legs)
        ranked = known & (count >= 2 * legs)
        ranked[np.arange(market.n_bars) % self.hold != 0] = False
        return Targets(equity_fraction=np.where(ranked, self.exposure / 2 / legs * side, np.nan))
