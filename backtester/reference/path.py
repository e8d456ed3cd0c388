"""The path inside a bar: its way points and straight pieces (section 4 B of the margin model)."""

from __future__ import annotations

from dataclasses import dataclass

from .account import DUST, Account
from .contract import between
from .instrument import Candle, Instrument


@dataclass(frozen=True)
class Segment:
    """The prices at both ends of one piece of the path, per instrument; without data they stand still."""

    index: int
    trade_start: list[float]
    trade_end: list[float]
    mark_start: list[float]
    mark_end: list[float]

    def mark(self, instrument: Instrument, s: float) -> float:
        """Return the mark price of an instrument at ``s``."""
        i = instrument.index
        return between(instrument.contract, self.mark_start[i], self.mark_end[i], s)

    def trade(self, instrument: Instrument, s: float) -> float:
        """Return the trade price of an instrument at ``s``."""
        i = instrument.index
        return between(instrument.contract, self.trade_start[i], self.trade_end[i], s)


def segments(account: Account) -> list[Segment]:
    """Return the pieces of the path: ``O -> first extreme -> second extreme -> C``, or ``O -> C``."""
    trades, marks = [], []
    for instrument in account.instruments:
        bar = instrument.bars[account.bar]
        if bar is None:
            points = 2 if account.path == "close" else 4
            trades.append([account.trades[instrument.index]] * points)
            marks.append([account.marks[instrument.index]] * points)
        else:
            low_first = goes_low_first(account, instrument)
            trades.append(way_points(bar.trade, account.path, low_first))
            marks.append(way_points(bar.mark, account.path, low_first))
    trade_points, mark_points = list(zip(*trades, strict=True)), list(zip(*marks, strict=False))
    return [
        Segment(k, list(trade_points[k]), list(trade_points[k + 1]), list(mark_points[k]), list(mark_points[k + 1]))
        for k in range(len(trade_points) - 1)
    ]


def way_points(candle: Candle, path: str, low_first: bool) -> list[float]:
    """Return the prices of a candle in the order the path visits them."""
    if path == "close":
        return [candle.open, candle.close]
    if low_first:
        return [candle.open, candle.low, candle.high, candle.close]
    return [candle.open, candle.high, candle.low, candle.close]


def goes_low_first(account: Account, instrument: Instrument) -> bool:
    """Return whether the first extreme is the low.

    ``adverse``: low for a net long, high for a net short, the candle rule (low first if ``C >= O``) if neither;
    ``favourable``: the opposite of ``adverse``; ``candle``: the candle rule.
    """
    trade = instrument.bar(account.bar).trade
    candle_rule = trade.close >= trade.open
    if account.path == "candle":
        return candle_rule
    held = [slot.quantity for slot in account.slots if slot.instrument is instrument]
    net, gross = sum(held), sum(abs(quantity) for quantity in held)
    adverse = candle_rule if abs(net) <= DUST * gross else net > 0.0
    return adverse if account.path == "adverse" else not adverse
