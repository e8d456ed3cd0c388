"""A steady core, and beside it a speculation on a small coin.

The margin question: may the core die with the speculation? This is the example that exchanges give
for isolated margin: a speculative long on a small coin beside a steady Bitcoin position. With cross
margin a crash of the small coin is paid from the balance that the core rests on, down to the
liquidation of both. With isolated margin the speculation can lose what was posted for it, and
the core does not notice. In a mixed account only the speculation is isolated.
"""

import numpy as np

from backtester import Market, SlotSpec, Strategy, Targets
from backtester.indicators import bars_since, previous, rolling_max


class CoreAndSmallCap(Strategy):
    """Hold the core all the time; buy the small coin at a new high, and give it some days."""

    core: str = ""  # symbol; empty: the first one of the market
    small: str = ""  # symbol; empty: the last one of the market
    core_exposure: float = 1.0  # notional of the core [x equity]
    core_leverage: float = 3.0  # of the core
    small_exposure: float = 1.0  # notional of the speculation [x equity]
    small_leverage: float = 10.0  # of the speculation: isolated, a tenth of its notional can be lost
    channel: int = 48  # length of the high [bars]
    hold: int = 72  # time after the last new high [bars]

    def slots(self, market: Market) -> list[SlotSpec]:
        """Return the core, then the speculation."""
        core, small = self.core or market.symbols[0], self.small or market.symbols[-1]
        if core == small:
            raise ValueError("the core and the small coin must be two symbols")
        return [
            SlotSpec(core, "core", leverage=self.core_leverage),
            SlotSpec(small, "speculation", leverage=self.small_leverage),
        ]

    def targets(self, market: Market) -> Targets:
        """Open the core when the first high is known, and never change it."""
        core, small = (market.close[:, market.column(slot.symbol)] for slot in self.slots(market))
        high = rolling_max(previous(small), self.channel)
        steady = np.where(np.isfinite(high) & np.isfinite(core), self.core_exposure, np.nan)
        wild = np.where(bars_since(small > high) < self.hold, self.small_exposure, 0.0)
        return Targets(equity_fraction=np.column_stack([steady, np.where(np.isnan(small), np.nan, wild)]))
