"""What one file of a store holds: of which venue, symbol, kind and timeframe, and in which columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from backtester.errors import ConfigurationError, MarketDataError
from backtester.market_parts.frames import EARLIEST, LATEST, MILLISECOND
from backtester.symbols import listed
from backtester.times import step

if TYPE_CHECKING:
    import pandas as pd

TIME = "timestamp"  # [ms UTC]
OHLC = ("open", "high", "low", "close")
KINDS = ("trade", "mark", "funding", "tiers")
CANDLES = ("trade", "mark")
_REQUIRED = {
    "trade": OHLC,
    "mark": OHLC,
    "funding": ("funding_rate",),
    "tiers": ("floor", "maintenance_rate", "max_leverage"),
}
# nan where the source does not tell
_OPTIONAL = {"trade": "volume", "funding": "mark_price", "tiers": "unit_margin_rate"}
_KEYS = {"tiers": (TIME, "floor")}
_NAME = re.compile(r"\w[\w.:@+-]*")
_FILE = re.compile(r"(?:(\d+[smhdw])-(trade|mark)|(funding|tiers))\.parquet")


class Series(NamedTuple):
    """What one file of a store holds.

    Parameters
    ----------
    venue : str
        Name of the venue's folder, such as ``binance``.
    symbol : str
        Name of the symbol's folder, such as ``BTCUSDT``.
    kind : str
        ``trade``, ``mark``, ``funding`` or ``tiers``.
    timeframe : str
        Of candles, such as ``1h``; empty for the others.
    """

    venue: str
    symbol: str
    kind: str
    timeframe: str = ""

    @property
    def file(self) -> str:
        """Name of the file: ``1h-trade.parquet``, ``1h-mark.parquet``, ``funding.parquet`` or ``tiers.parquet``."""
        return f"{self.timeframe}-{self.kind}.parquet" if self.timeframe else f"{self.kind}.parquet"

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that no row may lack."""
        return (TIME, *_REQUIRED[self.kind])

    @property
    def optional(self) -> str | None:
        """The column that a source need not have: volume, a settlement's mark price, by what a tier's rate grows."""
        return _OPTIONAL.get(self.kind)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in their order."""
        return self.required + ((self.optional,) if self.optional else ())

    @property
    def key(self) -> tuple[str, ...]:
        """Columns in which no two rows are alike, by which rows are sorted."""
        return _KEYS.get(self.kind, (TIME,))

    def __str__(self) -> str:
        return " ".join(part for part in (self.venue, self.symbol, self.timeframe, self.kind) if part)


def check_series(series: Series) -> Series:
    """Return a series if a file can be named by it.

    Raises
    ------
    ConfigurationError
        For a name that is no folder's name, an unknown kind, candles without a timeframe.
    """
    for key in ("venue", "symbol"):
        if not _NAME.fullmatch(getattr(series, key)):
            allowed = "letters, digits and any of _ . : @ + -, such as binance or BTCUSDT"
            raise ConfigurationError(key, getattr(series, key), "is no name for a folder", allowed=allowed)
    if series.kind not in KINDS:
        raise ConfigurationError("kind", series.kind, "is an unknown kind of data", allowed=KINDS)
    if series.kind not in CANDLES and series.timeframe:
        raise ConfigurationError("timeframe", series.timeframe, f"{series.kind} has none", cure="Leave it out")
    if series.kind in CANDLES:
        step(series.timeframe)
    return series


def series_of(path: Path) -> Series | None:
    """Return what a file ``<venue>/<SYMBOL>/<file>`` holds by its name, None if it is none of a store."""
    match = _FILE.fullmatch(path.name)
    if match is None:
        return None
    return Series(path.parent.parent.name, path.parent.name, match[2] or match[3], match[1] or "")


def rows_of(series: Series, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that are kept of a frame: times as int64 [ms UTC], all else as float64.

    Raises
    ------
    MarketDataError
        Naming the series, the column, the row and what was found, for a column that is missing, a time that is not in
        UTC milliseconds and a number that is missing or not finite.
    """
    import pandas as pd

    lacking = [name for name in series.required if name not in frame.columns]
    if lacking:
        raise MarketDataError(
            f"rows of {series} lack the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}; "
            f"they have {listed(map(str, frame.columns)) or 'none'}",
            cure=f"Name the columns {', '.join(series.required)}",
        )
    out = {TIME: _milliseconds(series, frame[TIME])}
    for name in series.required[1:]:
        out[name] = _numbers(series, frame[name])
        _refuse(~np.isfinite(out[name]), series, name, frame[name], "is no number")
    if series.optional:
        given = frame.get(series.optional)
        out[series.optional] = np.full(len(frame), np.nan) if given is None else _numbers(series, given)
    return pd.DataFrame(out)


def sorted_rows(series: Series, frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of several frames in order of their key, each key once.

    Of rows with one key the last one given stands; what it does not know, an earlier one may.
    """
    import pandas as pd

    whole = pd.concat(list(frames), ignore_index=True)
    key = list(series.key)
    if whole.duplicated(key).any():
        whole = whole.groupby(key, as_index=False).last()  # of each column the last value that is known
    return whole.sort_values(key, ignore_index=True)


def _milliseconds(series: Series, column: pd.Series) -> Any:
    """Return times as int64, refusing what is not in milliseconds."""
    import pandas as pd

    if len(column) and (not pd.api.types.is_integer_dtype(column.dtype) or column.isna().any()):
        raise MarketDataError(
            f"times of {series} are {column.dtype}, not whole numbers",
            cure="Convert them to UTC milliseconds",
        )
    time = column.to_numpy(dtype=np.int64)
    _refuse((time < EARLIEST) | (time >= LATEST), series, TIME, column, "is not in UTC milliseconds")
    return time


def _numbers(series: Series, column: pd.Series) -> Any:
    """Return a column as float64, nan where there is nothing."""
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise MarketDataError(
            f"the column {column.name} of {series} does not hold numbers but {column.dtype}: {error}",
            cure="Convert it with pandas.to_numeric",
        ) from error


def _refuse(bad: Any, series: Series, name: str, column: pd.Series, problem: str) -> None:
    """Raise for the first bad row."""
    if bad.any():
        k = int(np.argmax(bad))
        raise MarketDataError(
            f"{series}: the {name} in row {k} {problem}",
            found=column.to_list()[k],
            cure="Mend the source, or leave that row out",
        )


def nanoseconds(time: int) -> int:
    """Return a time of a store [ms UTC] as the engine has it [ns UTC]."""
    return time * MILLISECOND
