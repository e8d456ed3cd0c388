"""Where a shock is laid: at which bar, and on which instruments."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from backtester._fields import Unfit
from backtester.errors import ConfigurationError, MarketDataError
from backtester.market import Market
from backtester.symbols import same
from backtester.text import moment
from backtester.times import instant

__all__ = ["bar_at", "columns_of", "symbols", "time"]

_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")
_TIMES = "a time such as 2025-10-10T21:00 [UTC], or a part of the market's bars such as 50%"


def time(value: object) -> str:
    """Return a time as shocks are written with it, ``2025-10-10T21:00``; a share such as ``50%`` as it is."""
    share = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    if share is not None:
        if not 0 < float(share[1]) < 100:
            raise Unfit("is no place between the first bar and the last", _TIMES)
        return f"{float(share[1]):g}%"
    try:
        found = instant(value, "the time")
    except MarketDataError:
        raise Unfit("is no time", _TIMES) from None
    if found is None:
        raise Unfit("is no time", _TIMES)
    return moment(found).replace(" ", "T")


def symbols(value: object) -> tuple[str, ...]:
    """Return names as a tuple; a single one may be given by itself."""
    names = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else (value,)
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise Unfit("has what is no name", "symbols of the market, in any notation")
    return names


def bar_at(market: Market, at: str, key: str) -> int:
    """Return the first bar that opens at a time or after it; never the first of the market.

    Raises
    ------
    ConfigurationError
        If the time is not after the market's first open and at or before its last.
    """
    share = _SHARE.fullmatch(at)
    if share is not None:
        bar = max(1, int(market.n_bars * float(share[1]) / 100.0))
        if bar < market.n_bars:
            return bar
    time = market.open_time[-1] + 1 if share is not None else instant(at, key) or 0
    first, last = market.open_time[0], market.open_time[-1]
    if not first < time <= last:
        raise ConfigurationError(
            key,
            at,
            "is not inside the market: there is no bar before it, or none at it",
            allowed=f"after {moment(first)}, up to {moment(last)}",
            cure="Choose such a time, or a part of the bars such as 50%",
        )
    return int(np.searchsorted(market.open_time, time))


def columns_of(market: Market, names: Iterable[str], key: str) -> list[int]:
    """Return the columns of symbols in any notation; of all where none is named.

    Raises
    ------
    ConfigurationError
        If the market has no such instrument.
    """
    columns = []
    for name in names:
        found = [i for i, known in enumerate(market.symbols) if same(name, known)]
        if not found:
            raise ConfigurationError(key, name, "the market has no such instrument", allowed=market.symbols)
        columns.append(found[0])
    return columns or list(range(market.n_instruments))
