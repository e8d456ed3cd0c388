"""Columns and times of other programs' tables, brought into the form of the store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backtester.errors import ConfigurationError, MarketDataError
from backtester.symbols import listed
from data.series import OHLC, TIME, Series

if TYPE_CHECKING:
    import pandas as pd

# what others call a column, in small letters and digits only
NAMES = {
    TIME: ("timestamp", "time", "date", "datetime", "opentime", "ts", "unix", "fundingtime", "calctime"),
    "open": ("open", "o", "openprice"),
    "high": ("high", "h", "highprice"),
    "low": ("low", "l", "lowprice"),
    "close": ("close", "c", "closeprice"),
    "volume": ("volume", "vol", "v", "basevolume"),
    "funding_rate": ("fundingrate", "rate", "lastfundingrate", "funding"),
    "mark_price": ("markprice",),
    "floor": ("floor", "minnotional", "notionalfloor"),
    "maintenance_rate": ("maintenancerate", "maintenancemarginrate", "maintmarginratio"),
    "max_leverage": ("maxleverage", "leverage"),
    "unit_margin_rate": ("unitmarginrate",),
}
UNITS = (("s", 1e8, 1e11), ("ms", 1e11, 1e14), ("us", 1e14, 1e17), ("ns", 1e17, 1e20))  # 1973 to 5138 in each
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def shaped(series: Series, frame: pd.DataFrame, columns: Mapping[str, str] | None = None) -> tuple[pd.DataFrame, str]:
    """Return a table with the columns of the store and times in UTC milliseconds, and what the times were.

    Parameters
    ----------
    series : Series
    frame : DataFrame
        Times in a column or a DatetimeIndex.
    columns : mapping of str to str, optional
        Our names to the table's; what is left out is found by the names in use.

    Raises
    ------
    ConfigurationError
        For a mapping of, or to, a column that does not exist.
    MarketDataError
        For a column that is not found, or found twice, and times that cannot be read.
    """
    import pandas as pd

    given = dict(columns or {})
    _check_mapping(series, given, frame)
    if _by_position(frame) and not given:
        given = {name: str(k + 1) for k, name in enumerate(series.columns) if str(k + 1) in frame.columns}
        _check_order(series, frame, given)
    found = {name: given.get(name) or _found(series, name, frame) for name in series.columns}
    lacking = [name for name in series.required if found[name] is None]
    if lacking == [TIME] and isinstance(frame.index, pd.DatetimeIndex):
        lacking = []
    if lacking:
        raise MarketDataError(
            f"{series}: no column for {', '.join(lacking)}; there are {listed(map(str, frame.columns))}",
            cure=f"Say which it is, as in --columns {lacking[0]}={frame.columns[0]}",
        )
    time, said = milliseconds(frame.index.to_series() if found[TIME] is None else frame[found[TIME]], str(series))
    out = {name: frame[theirs].to_numpy() for name, theirs in found.items() if theirs is not None and name != TIME}
    return pd.DataFrame({TIME: time, **out}), said


def is_funding(frame: pd.DataFrame, columns: Mapping[str, str]) -> bool:
    """Return whether a table is of funding rates and not of candles."""
    if columns:
        return "funding_rate" in columns
    words = {_plain(column) for column in frame.columns}
    return not words.isdisjoint(NAMES["funding_rate"]) and words.isdisjoint(NAMES["high"])


def milliseconds(column: pd.Series, what: str) -> tuple[NDArray[np.int64], str]:
    """Return times as UTC milliseconds, and in words what they were.

    Numbers are seconds, milli-, micro- or nanoseconds by their size; some files change the unit on the way. Texts are
    ISO 8601. Without a zone UTC is meant.

    Raises
    ------
    MarketDataError
        Naming the first row that is not a time.
    """
    import pandas as pd

    missing = np.asarray(column.isna())
    if missing.any():
        raise MarketDataError(f"{what}: row {int(np.argmax(missing))} has no time", cure="Mend or drop the row")
    kind = pd.api.types
    if kind.is_datetime64_any_dtype(column.dtype):
        return _dates(pd.DatetimeIndex(column)), "dates"
    if not kind.is_numeric_dtype(column.dtype):
        numbers = pd.to_numeric(column, errors="coerce")
        if numbers.isna().any():
            return _texts(column, what)
        column = numbers
    return _numbers(column, what)


def _dates(index: pd.DatetimeIndex) -> NDArray[np.int64]:
    zoneless = index.tz_convert("UTC").tz_localize(None) if index.tz is not None else index
    return np.array(zoneless.as_unit("ms").asi8, dtype=np.int64)


def _texts(column: pd.Series, what: str) -> tuple[NDArray[np.int64], str]:
    import pandas as pd

    times = pd.to_datetime(column, utc=True, format="ISO8601", errors="coerce")
    bad = np.asarray(times.isna())
    if bad.any():
        k = int(np.argmax(bad))
        raise MarketDataError(
            f"{what}: row {k} has no time that can be read",
            found=column.iloc[k],
            cure="Write times as 2025-10-10T21:00:00, or as seconds or milliseconds since 1970",
        )
    zoned = column.astype(str).str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True).all()
    return _dates(pd.DatetimeIndex(times)), "ISO texts" if zoned else "ISO texts, taken as UTC"


def _numbers(column: pd.Series, what: str) -> tuple[NDArray[np.int64], str]:
    values = column.to_numpy()
    out = np.zeros(len(values), dtype=np.int64)
    seen, known = [], np.zeros(len(values), dtype=bool)
    for unit, low, high in UNITS:
        rows = (values >= low) & (values < high)
        if rows.any():
            seen.append(unit)
            known |= rows
            out[rows] = _to_milliseconds(values[rows], _PER_SECOND[unit])
    if not known.all():
        k = int(np.argmin(known))
        raise MarketDataError(
            f"{what}: row {k} has no time in s, ms, us or ns since 1970", found=values[k].item(), cure="Mend the row"
        )
    return out, f"{' and '.join(seen)} since 1970"


def _to_milliseconds(values: NDArray[Any], per_second: int) -> NDArray[np.int64]:
    if values.dtype.kind in "iu":
        return values.astype(np.int64) * 1000 // per_second if per_second < 10**6 else values // (per_second // 1000)
    return np.rint(values * (1000 / per_second)).astype(np.int64)


def _check_mapping(series: Series, given: Mapping[str, str], frame: pd.DataFrame) -> None:
    for ours, theirs in given.items():
        if ours not in series.columns:
            problem = f"{series.kind} has no such column"
            raise ConfigurationError("columns", ours, problem, allowed=series.columns)
        if theirs not in frame.columns:
            raise ConfigurationError(
                "columns", f"{ours}={theirs}", "the table has no such column", allowed=[str(c) for c in frame.columns]
            )


def _by_position(frame: pd.DataFrame) -> bool:
    return list(frame.columns) == [str(k + 1) for k in range(frame.shape[1])]


def _check_order(series: Series, frame: pd.DataFrame, given: Mapping[str, str]) -> None:
    """Refuse the usual order of unnamed columns where the prices show that it is not theirs."""
    if not set(OHLC) <= given.keys():
        return
    opened, high, low, close = (frame[given[name]].to_numpy() for name in OHLC)
    bad = (high < np.maximum(opened, close)) | (low > np.minimum(opened, close))
    if np.mean(bad) > 0.01:  # a few spoilt candles are for the quality report
        raise MarketDataError(
            f"{series}: the columns have no names, and are not in the order {', '.join(given)}",
            found=frame.iloc[int(np.argmax(bad))].tolist(),
            cure="Say which is which, as in --columns timestamp=1,open=2,close=3,high=4,low=5",
        )


def _found(series: Series, name: str, frame: pd.DataFrame) -> str | None:
    """Return the table's column of one of our names, None if there is none."""
    plain = {str(column): _plain(column) for column in frame.columns}
    for alias in NAMES[name]:
        fits = [column for column, word in plain.items() if word == alias]
        if len(fits) == 1:
            return fits[0]
        if fits:
            cure = f"Say which: --columns {name}={fits[0]}"
            raise MarketDataError(f"{series}: two columns could be {name}: {', '.join(fits)}", cure=cure)
    return None


def _plain(name: object) -> str:
    return re.sub(r"[^a-z0-9]", "", str(name).lower())
