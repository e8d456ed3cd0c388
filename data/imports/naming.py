"""What a file of another program holds, by its name and the folders it stands in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from backtester.symbols import parse, same
from data.imports.tables import suffix_of
from data.series import Series

_OURS = re.compile(r"(?:(\d+[smhdw])-(trade|mark)|(funding|tiers))")
_FREQTRADE = re.compile(r"([A-Z0-9]+)_([A-Z]+)_([A-Z]+)-(\d+[smhdw])-(futures|mark|funding_rate)")
_KINDS = {"futures": "trade", "mark": "mark", "funding_rate": "funding"}


class Named(NamedTuple):
    """What a file's name says; empty where it says nothing.

    Parameters
    ----------
    series : Series
    columns : dict of str to str
        Our columns to the table's, where the layout has its own names.
    """

    series: Series
    columns: dict[str, str]


def named(path: Path) -> Named | None:
    """Return what the name of a file says, None if it is of no known layout.

    Known are ``<venue>/<SYMBOL>/1h-trade.parquet`` (also ``.csv`` and ``.feather``) and that of freqtrade,
    ``<venue>/futures/BTC_USDT_USDT-1h-futures.feather`` (also ``.json`` and ``.json.gz``).
    """
    suffix = suffix_of(path)
    stem = path.name[: len(path.name) - len(suffix)]
    place = path.resolve().parent
    match = _OURS.fullmatch(stem)
    if match and suffix:
        return Named(Series(place.parent.name, place.name, match[2] or match[3], match[1] or ""), {})
    match = _FREQTRADE.fullmatch(stem)
    if match and suffix:
        base, quote, settled, timeframe, candle = match.groups()
        venue = place.parent.name if place.name == "futures" else place.name
        kind = _KINDS[candle]
        symbol = folder_name(f"{base}/{quote}:{settled}")
        rate = "2" if suffix.startswith(".json") else "open"
        time = "1" if suffix.startswith(".json") else "date"
        columns = {"timestamp": time, "funding_rate": rate} if kind == "funding" else {}
        return Named(Series(venue, symbol, kind, "" if kind == "funding" else timeframe), columns)
    return None


def freqtrade_name(series: Series, unified: str, funding_timeframe: str = "1h") -> str:
    """Return the name that freqtrade gives to a series, without the suffix.

    Parameters
    ----------
    series : Series
    unified : str
        The symbol as ``BTC/USDT:USDT``.
    funding_timeframe : str
        What freqtrade names its funding files by.
    """
    candle = next(name for name, kind in _KINDS.items() if kind == series.kind)
    pair = re.sub(r"[/ .@$+:]", "_", unified)
    return f"{pair}-{series.timeframe or funding_timeframe}-{candle}"


def known_as(symbol: str, there: Iterable[str]) -> str:
    """Return the name of the folder by which a symbol in any notation is there already, else its own."""
    names = list(there)
    if symbol in names:
        return symbol
    return next((name for name in names if same(symbol, name)), folder_name(symbol))


def folder_name(symbol: str) -> str:
    """Return a symbol as a folder is named: ``BTC/USDT:USDT`` is ``BTCUSDT``, ``BTC/USD:BTC`` is ``BTCUSD_PERP``."""
    if "/" not in symbol:
        return symbol
    name = parse(symbol)
    return f"{name.base}{name.quote}_PERP" if name.inverse else f"{name.base}{name.quote}"
