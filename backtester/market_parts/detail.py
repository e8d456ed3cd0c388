"""The finer market a simulation runs on: what makes it fit its market, and what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backtester.errors import MarketDataError
from backtester.symbols import listed
from backtester.text import counted, moment, timeframe

if TYPE_CHECKING:
    from backtester.market import Market


def check_detail(market: Market, detail: Market) -> None:
    """Raise unless the finer market has the same symbols, a shorter timeframe, and shares time."""
    if not isinstance(detail, type(market)):
        raise MarketDataError("the detail is no Market", found=detail, cure="Load the finer candles as a Market first")
    if detail.symbols != market.symbols:
        raise MarketDataError(
            f"the detail has other symbols than the market: {listed(detail.symbols)}",
            cure=f"Give it the same symbols in the same order: {listed(market.symbols)}",
        )
    if detail.detail is not None or not (detail.timeframe < market.timeframe):
        raise MarketDataError(
            f"the detail is not finer than the market: {timeframe(detail.timeframe)} bars "
            f"under {timeframe(market.timeframe)} bars",
            cure="Give a market of a shorter timeframe, without a detail of its own",
        )
    first, last = int(market.open_time[0]), int(market.close_time[-1])
    if detail.open_time[0] >= last or detail.close_time[-1] <= first:
        fine, coarse = (f"{moment(which.open_time[0])} to {moment(which.open_time[-1])}" for which in (detail, market))
        raise MarketDataError(
            f"the detail and the market do not overlap in time; detail {fine}, market {coarse}",
            cure="Load both for the same range",
        )


def detail_notes(market: Market, detail: Market) -> list[str]:
    """Say where the finer market has nothing for a bar of the market."""
    notes = [f"{timeframe(detail.timeframe)} detail: {note}" for note in detail.notes if note not in market.notes]
    edges = np.searchsorted(detail.open_time, np.append(market.open_time, market.close_time[-1]))
    for i, symbol in enumerate(market.symbols):
        known = np.append(0, np.cumsum(~np.isnan(detail.open[:, i])))
        empty = (np.diff(known[edges]) == 0) & ~np.isnan(market.open[:, i])
        if empty.any():
            rows = np.flatnonzero(empty)
            notes.append(
                f"no {timeframe(detail.timeframe)} detail for {symbol} in {counted(len(rows), 'bar')} "
                f"({moment(market.open_time[rows[0]])} to {moment(market.open_time[rows[-1]])}): "
                "no data there"
            )
    return notes
