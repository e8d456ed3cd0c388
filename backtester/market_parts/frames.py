"""The boundary between pandas and the engine: frames in, float64 and int64 [ns UTC] out.

pandas hands out read-only arrays and times in any unit; nothing behind this file sees either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.errors import MarketDataError, nearest
from backtester.market_parts import checks
from backtester.market_parts.funding import check_rates
from backtester.symbols import listed

if TYPE_CHECKING:
    import pandas as pd

OHLC = checks.OHLC
MILLISECOND = 1_000_000  # [ns]
SECOND = 1000 * MILLISECOND
EARLIEST, LATEST = 10**11, 10**14  # 1973 to 5138 in ms: seconds, us and ns are outside


class Bars(NamedTuple):
    """Candles of one instrument: times (n,) [ns UTC] and prices (4, n), open to close."""

    time: NDArray[np.int64]
    prices: NDArray[np.float64]


class Settlements(NamedTuple):
    """Funding of one instrument: times (n,) [ns UTC], rates, mark prices (nan: none known)."""

    time: NDArray[np.int64]
    rate: NDArray[np.float64]
    mark_price: NDArray[np.float64]
    snapped: int  # settlements moved by less than a second onto the full second


def window(time: NDArray[np.int64], start: int | None, end: int | None) -> slice:
    """Return the rows with ``start <= time < end``."""
    first = 0 if start is None else int(np.searchsorted(time, start))
    last = len(time) if end is None else int(np.searchsorted(time, end))
    return slice(first, last)


def bars_of(frame: pd.DataFrame, symbol: str, kind: str) -> Bars:
    """Return checked candles of a frame with ``open, high, low, close``."""
    _check_is_frame(frame, symbol, kind)
    lacking = [name for name in OHLC if name not in frame.columns]
    if lacking:
        raise MarketDataError(
            f"the {kind} frame lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}; "
            f"it has {listed(map(str, frame.columns))}",
            instrument=symbol,
            cure="Name the columns open, high, low, close",
        )
    twice = [name for name in OHLC if list(frame.columns).count(name) > 1]
    if twice:
        raise MarketDataError(f"the {kind} frame has the column {twice[0]} twice", instrument=symbol, cure="Drop one")
    time = times_of(frame, symbol, kind)
    checks.check_times(time, symbol)
    prices = np.empty((4, len(time)))
    for row, name in zip(prices, OHLC, strict=True):
        row[:] = _floats(frame[name], symbol, f"{kind} column {name}")
    checks.check_prices(prices, time, symbol, kind)
    return Bars(time, prices)


def settlements_of(frame: pd.DataFrame | pd.Series, symbol: str) -> Settlements:
    """Return checked funding of a frame with ``funding_rate``, or of a series of rates."""
    import pandas as pd

    table = frame.to_frame("funding_rate") if isinstance(frame, pd.Series) else frame
    _check_is_frame(table, symbol, "funding")
    if "funding_rate" not in table.columns:
        names = [str(name) for name in table.columns]
        near = nearest("funding_rate", names)
        raise MarketDataError(
            f"funding without a rate: the frame lacks the column funding_rate; it has {listed(names)}",
            instrument=symbol,
            cure="Rename "
            + (f"{near[0]} to " if near else "the rates' column to ")
            + "funding_rate (a fraction per settlement)",
        )
    stamped = times_of(table, symbol, "funding")
    time = on_the_minute(stamped)
    checks.check_times(time, symbol, "settlement")
    rate = _floats(table["funding_rate"], symbol, "funding column funding_rate")
    price = np.full(len(time), np.nan)
    if "mark_price" in table.columns:
        price = _floats(table["mark_price"], symbol, "funding column mark_price")
    check_rates(rate, price, time, symbol)
    return Settlements(time, rate, price, int(np.count_nonzero(time != stamped)))


def times_of(frame: pd.DataFrame, symbol: str, kind: str) -> NDArray[np.int64]:
    """Return the times of a frame [ns UTC], from its ``timestamp`` column or its index."""
    import pandas as pd

    given = frame["timestamp"] if "timestamp" in frame.columns else frame.index
    missing = np.asarray(given.isna())
    if missing.any():
        raise MarketDataError(
            f"the {kind} frame has a bar without a time",
            instrument=symbol,
            bar=int(np.argmax(missing)),
            cure="Drop the row or give it its time",
        )
    if not isinstance(given, pd.DatetimeIndex):
        if given.name == "timestamp" and _is_whole(given):
            return _from_milliseconds(given.to_numpy(dtype=np.int64), symbol, kind)
        if not pd.api.types.is_datetime64_any_dtype(given.dtype):
            raise _no_times(frame, given, symbol, kind)
        given = pd.DatetimeIndex(given)
    if given.tz is not None:
        given = given.tz_convert("UTC").tz_localize(None)
    return np.array(given.as_unit("ns").asi8, dtype=np.int64)


def _is_whole(given: pd.Series | pd.Index) -> bool:
    """Return whether a column holds whole numbers, of whichever type a file gave them."""
    import pandas as pd

    kind = pd.api.types
    if kind.is_float_dtype(given.dtype):
        return bool((given % 1 == 0).all())
    return bool(kind.is_integer_dtype(given.dtype))


def _no_times(frame: pd.DataFrame, given: pd.Series | pd.Index, symbol: str, kind: str) -> MarketDataError:
    """Return the error for a frame whose times are not to be read."""
    if given.name == "timestamp":
        problem = f"the column timestamp of the {kind} frame holds no times but {given.dtype}"
        cure = "Convert it to UTC milliseconds, or with pandas.to_datetime"
    else:
        columns = listed(map(str, frame.columns))
        problem = f"the {kind} frame has no times: an index of {frame.index.dtype}, and columns {columns}"
        cure = "Give it a DatetimeIndex, or a column timestamp (UTC milliseconds)"
    return MarketDataError(problem, instrument=symbol, cure=cure)


def _from_milliseconds(time: NDArray[np.int64], symbol: str, kind: str) -> NDArray[np.int64]:
    """Return ms as ns, refusing other units."""
    odd = (time < EARLIEST) | (time >= LATEST)
    if odd.any():
        k = int(np.argmax(odd))
        raise MarketDataError(
            f"the column timestamp of the {kind} frame is not in UTC milliseconds",
            instrument=symbol,
            bar=k,
            found=int(time[k]),
            cure="Convert seconds, micro- or nanoseconds to milliseconds",
        )
    return time * MILLISECOND


def on_the_minute(time: NDArray[np.int64]) -> NDArray[np.int64]:
    """Move times [ns] that are within a second of a full minute onto it.

    Venues stamp settlements some milliseconds late. Left there, the settlement would fall into
    the bar after the one it belongs to, and charge positions opened a moment before it.
    """
    minute = 60 * SECOND
    full = (time + minute // 2) // minute * minute
    return np.where(np.abs(time - full) < SECOND, full, time)


def _floats(column: Any, symbol: str, what: str) -> NDArray[np.float64]:
    """Return a column as float64; missing values are nan."""
    try:
        if column.dtype.kind in "bc":
            raise TypeError("they are no prices or rates")
        return np.array(column.to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise MarketDataError(
            f"the {what} does not hold numbers but {column.dtype}: {error}",
            instrument=symbol,
            cure="Convert it with pandas.to_numeric",
        ) from error


def _check_is_frame(frame: Any, symbol: str, kind: str) -> None:
    """Refuse what is not a frame, and an empty one."""
    if not hasattr(frame, "columns"):
        raise MarketDataError(
            f"the {kind} data is a {type(frame).__name__}, not a pandas frame",
            instrument=symbol,
            cure="Give a DataFrame with a time index",
        )
    if len(frame) == 0 and kind == "trade":
        raise MarketDataError(
            "the trade frame is empty",
            instrument=symbol,
            cure="Give it bars, or leave the instrument out",
        )
