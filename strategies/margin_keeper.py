"""A margin keeper: follow an average, feed isolated positions near their line, take out what they gain.

The margin question: can a careful hand make isolated margin as good as cross, for less risk? Margin that
is added saves a position that comes back, and is lost with one that does not: each dose turns a small
loss into the chance of a larger one. What is taken out of a gaining position is safe from its way back,
and nearer to its line for it. With cross margin nothing is kept by hand: all positions lean on the wallet
from the start, and this is the strategy without its keeper.
"""

import math

import numpy as np

from backtester import Bar, Market, SlotSpec, Strategy, Targets
from backtester.indicators import sma


class MarginKeeper(Strategy):
    """Hold the side of an average; move margin where an isolated position needs it, or can spare it."""

    window: int = 72  # length of the average [bars]
    exposure: float = 1.5  # notional of all symbols together [x equity]
    leverage: float = 20.0  # of every position
    line: float = 0.25  # margin ratio above which margin is added
    dose: float = 0.5  # what is added each time [initial margins]
    most: float = 2.0  # margin of a position above which none is added [initial margins]
    keep: float = 1.5  # equity of a position above which its margin is taken out [initial margins]

    def slots(self, market: Market) -> list[SlotSpec]:
        """Return one slot for each symbol, at the strategy's own leverage."""
        return [SlotSpec(symbol, leverage=self.leverage) for symbol in market.symbols]

    def targets(self, market: Market) -> Targets:
        """Turn where the close crosses the average; sizes are set with the turn."""
        side = np.sign(market.close - sma(market.close, self.window))
        return Targets(equity_fraction=self.exposure / market.n_instruments * side)

    def on_bar(self, bar: Bar) -> None:
        """Mind every isolated position that has a price; in cross there is none."""
        for slot in bar:
            if not slot.is_open or not slot.is_isolated or math.isnan(slot.price):
                continue
            unit = slot.initial_margin
            spare = min(slot.isolated_margin, slot.equity - self.keep * unit)  # an unrealised profit cannot be moved
            if slot.margin_ratio > self.line and slot.isolated_margin < self.most * unit:
                slot.add_margin(self.dose * unit)
            elif spare > 0.1 * unit:
                slot.remove_margin(spare)
