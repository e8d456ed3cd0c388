"""Funding settlements, and what makes them valid: sorted, each with a rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.errors import MarketDataError
from backtester.text import counted

if TYPE_CHECKING:
    from backtester.market import Market

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Funding(NamedTuple):
    """Funding settlements, sorted by time, then instrument.

    Parameters
    ----------
    time : int64 array, (n,) [ns UTC]
    instrument : int64 array, (n,)
        Column of the market.
    rate : float64 array, (n,)
        Fraction per settlement; longs pay a positive rate.
    mark_price : float64 array, (n,) [quote/base]
        Price of the payment; nan where none is known (the bar's mark open is used).
    """

    time: Ints
    instrument: Ints
    rate: Floats
    mark_price: Floats

    @classmethod
    def none(cls) -> Funding:
        """Return funding without any settlement."""
        whole, real = np.empty(0, np.int64), np.empty(0, np.float64)
        return cls(whole, whole, real, real)

    def at(self, rows: Any) -> Funding:
        """Return some of the settlements."""
        return Funding(self.time[rows], self.instrument[rows], self.rate[rows], self.mark_price[rows])


def check_funding(market: Market) -> None:
    """Raise unless settlements are sorted, of known instruments, and have a rate."""
    time, instrument, rate, price = market.funding
    if not len(time) == len(instrument) == len(rate) == len(price):
        lengths = tuple(len(column) for column in market.funding)
        raise MarketDataError(
            "the funding arrays differ in length", found=lengths, cure="Give one value per settlement in each"
        )
    if len(time) == 0:
        return
    if instrument.min() < 0 or instrument.max() >= len(market.symbols):
        raise MarketDataError(
            f"funding of an instrument that is not among the {len(market.symbols)} of the market",
            found=int(instrument.max() if instrument.min() >= 0 else instrument.min()),
            cure="Number the instruments from 0 in the order of the symbols",
        )
    later = (time[1:] > time[:-1]) | ((time[1:] == time[:-1]) & (instrument[1:] > instrument[:-1]))
    if not later.all():
        k = int(np.argmin(later)) + 1
        raise MarketDataError(
            "funding is not sorted by time and instrument, or has one settlement twice",
            instrument=market.symbols[instrument[k]],
            time=int(time[k]),
            cure="Sort it and keep one row per settlement",
        )
    for i, symbol in enumerate(market.symbols):
        mine = instrument == i
        check_rates(rate[mine], price[mine], time[mine], symbol)


def check_rates(
    rate: Floats,
    price: Floats,
    time: Ints,
    symbol: str,
) -> None:
    """Raise unless rates are finite fractions and mark prices positive or nan."""
    bad = ~np.isfinite(rate)
    if bad.any():
        k = int(np.argmax(bad))
        raise MarketDataError(
            f"funding without a rate ({counted(int(np.count_nonzero(bad)), 'settlement')})",
            instrument=symbol,
            time=int(time[k]),
            found=float(rate[k]),
            cure="Fill the rate in, or leave the settlement out (it then costs nothing)",
        )
    bad = np.abs(rate) >= 1
    if bad.any():
        k = int(np.argmax(bad))
        raise MarketDataError(
            "a funding rate of 100 % or more: rates are fractions, not percent",
            instrument=symbol,
            time=int(time[k]),
            found=float(rate[k]),
            cure="Divide the rates by 100",
        )
    bad = ~np.isnan(price) & ~((price > 0) & (price < np.inf))
    if bad.any():
        k = int(np.argmax(bad))
        raise MarketDataError(
            "the mark price of a settlement is not a positive price",
            instrument=symbol,
            time=int(time[k]),
            found=float(price[k]),
            cure="Correct it, or give NaN: the bar's mark open is used",
        )
