"""A grid around a moving average: each rung adds to the position as the price goes away from it.

The margin question: what does averaging into a loss rest on? Every rung is a slot of its own.
With isolated margin each rung has its own collateral and its own liquidation price: the first ones
are lost one after the other, the last ones live on, and the grid cannot lose more than it posted.
With cross margin no rung is liquidated for itself; the whole balance carries the whole grid, which
wins more often and fails all at once.
"""

import numpy as np

from backtester import Market, SlotSpec, Strategy, Targets
from backtester.indicators import sma


class GridReversion(Strategy):
    """Buy below the mean and sell above it, in steps; close each rung one step nearer to it."""

    window: int = 48  # length of the mean [bars]
    step: float = 0.02  # distance between rungs [fraction of the mean]
    rungs: int = 4  # rungs on each side
    exposure: float = 2.0  # notional of one side of all grids when full [x equity]

    def slots(self, market: Market) -> list[SlotSpec]:
        """Return a slot for each symbol, side and rung."""
        return [
            SlotSpec(symbol, f"{side} {rung + 1}")
            for symbol in market.symbols
            for side in ("long", "short")
            for rung in range(self.rungs)
        ]

    def targets(self, market: Market) -> Targets:
        """Open a rung at its distance from the mean, close it at the distance of the one before."""
        away = (market.close / sma(market.close, self.window) - 1.0) / self.step
        size = self.exposure / (self.rungs * market.n_instruments)
        columns = []
        for i in range(market.n_instruments):
            for side in (1.0, -1.0):
                depth = -side * away[:, i]  # steps below the mean for a long, above it for a short
                for rung in range(self.rungs):
                    conditions = [depth >= rung + 1, depth <= rung]
                    columns.append(np.select(conditions, [side * size, 0.0], np.nan))
        return Targets(equity_fraction=np.column_stack(columns))
