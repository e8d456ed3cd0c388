"""Checks of candles from files, which a market by itself cannot make."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backtester.errors import MarketDataError
from backtester.market import Market
from backtester.text import counted, moment, timeframe
from backtester.times import step

LONGEST_ALIGNED = 86_400_000_000_000  # [ns] weeks need not begin on a multiple of themselves
SHOWN = 3  # places in a note
FEW = 3  # bars from which on the steps tell the timeframe


def check_grid(market: Market, name: str) -> None:
    """Raise unless the bars are on the grid of the timeframe that their files are named by.

    Parameters
    ----------
    market : Market
    name : str
        The timeframe, such as ``1h``.

    Raises
    ------
    MarketDataError
        Naming the instrument and the time of the first bar that is not.
    """
    size = step(name)
    if size > LONGEST_ALIGNED:
        return
    off = market.open_time % size != 0
    if off.any():
        k = int(np.argmax(off))
        i = int(np.argmin(np.isnan(market.open[k])))
        raise MarketDataError(
            f"a bar is not on the {name} grid ({counted(int(np.count_nonzero(off)), 'such bar')})",
            instrument=market.symbols[i],
            time=int(market.open_time[k]),
            cure=f"Resample the candles to {name}, or name the file by the timeframe they have",
        )
    if market.n_bars >= FEW and np.diff(market.open_time).min() > size:
        raise MarketDataError(
            f"the files are named {name}, but hold {timeframe(market.timeframe)} bars",
            instrument=market.symbols[0],
            cure="Name the files by the timeframe they have",
        )


def stands_still(
    high: NDArray[np.float64], low: NDArray[np.float64], close: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which bars have one price, which is the close of the bar before them, (n_bars,)."""
    still = (high == low) & (close == np.roll(close, 1))
    still[:1] = False
    return still


def frozen_notes(market: Market) -> list[str]:
    """Say where a price stands still: bars of one price, which is the close before them.

    Some are true (nothing traded), some are faults of the source: a candle that was never updated
    hides the path that liquidates.
    """
    notes = []
    for i, symbol in enumerate(market.symbols):
        frozen = stands_still(market.high[:, i], market.low[:, i], market.close[:, i])
        if frozen.any():
            begins = np.flatnonzero(frozen & ~np.append(False, frozen[:-1]))
            places = ", ".join(moment(time) for time in market.open_time[begins[:SHOWN]])
            bars = counted(int(np.count_nonzero(frozen)), "bar")
            more = f" and at {len(begins) - SHOWN:,} more places" if len(begins) > SHOWN else ""
            notes.append(f"the price of {symbol} stands still in {bars}: from {places}{more}")
    return notes
