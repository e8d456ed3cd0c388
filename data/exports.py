"""A store's rows as files of other programs: CSV, Parquet, and freqtrade's feather and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtester.errors import ConfigurationError, MarketDataError
from backtester.symbols import parse
from data import writing
from data.imports.naming import freqtrade_name
from data.series import OHLC, TIME, Series
from data.store import Store

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("csv", "parquet", "freqtrade-feather", "freqtrade-json")
SECOND = 1000  # [ms]


def export(
    store: Store,
    folder: str | Path,
    form: str,
    chosen: Iterable[Series],
    *,
    first: int | None = None,
    last: int | None = None,
    quote: str = "",
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> list[Path]:
    """Write series of a store to a folder; nothing is overwritten.

    ``csv`` and ``parquet`` have the columns and the layout of the store, times in UTC milliseconds;
    ``freqtrade-feather`` and ``freqtrade-json`` are what freqtrade reads from ``user_data/data``, where there is no
    place for tiers. `data.imports.import_path` reads all of them.

    Parameters
    ----------
    store : Store
    folder : path
    form : str
        One of `FORMATS`.
    chosen : iterable of Series
    first, last : int, optional [ms UTC]
        Rows with ``first <= timestamp < last``.
    quote : str
        Quote currency of symbols that do not tell theirs; freqtrade's names need it.
    progress : callable, optional
        Called with the series in hand, its number and how many there are.

    Raises
    ------
    ConfigurationError
        For an unknown format, and a symbol that has no name in freqtrade.
    MarketDataError
        If there is nothing to write, or a file is there already.
    """
    if form not in FORMATS:
        raise ConfigurationError("format", form, "is an unknown format", allowed=FORMATS)
    place = Path(folder).expanduser()
    foreign = form.startswith("freqtrade")
    series = [each for each in chosen if not (foreign and each.kind == "tiers")]
    paths = [place / (_freqtrade_path(each, form, quote) if foreign else _own_path(each, form)) for each in series]
    if not paths:
        raise MarketDataError(f"there is nothing to export from {store.root}", cure="Look at backtester data list")
    there = next((path for path in paths if path.exists()), None)
    if there is not None:
        raise MarketDataError(f"{there} is there already", cure="Choose another folder; nothing is overwritten")
    written = []
    for k, (each, path) in enumerate(zip(series, paths, strict=True)):
        progress(str(each), k, len(series))
        rows = store.read(each, first, last)
        if len(rows):
            with writing.whole(path) as temporary:
                _WRITERS[form](temporary, each, rows)
            written.append(path)
    return written


def _own_path(series: Series, form: str) -> Path:
    return Path(series.venue, series.symbol, series.file).with_suffix(f".{form}")


def _freqtrade_path(series: Series, form: str, quote: str) -> Path:
    name = parse(series.symbol)
    if not (name.quote or quote):
        cure = "Say it with --quote USDC"
        raise ConfigurationError("quote", "", f"{series.symbol} of {series.venue} does not tell its quote", cure=cure)
    currency = name.quote or quote
    unified = f"{name.base}/{currency}:{name.base if name.inverse else currency}"
    return Path(series.venue, "futures", f"{freqtrade_name(series, unified)}.{form.split('-')[1]}")


def _write_csv(path: Path, series: Series, rows: pd.DataFrame) -> None:
    rows.to_csv(path, index=False)


def _write_parquet(path: Path, series: Series, rows: pd.DataFrame) -> None:
    rows.to_parquet(path, compression="zstd", index=False)


def _write_feather(path: Path, series: Series, rows: pd.DataFrame) -> None:
    _as_freqtrade(series, rows).to_feather(path, compression="lz4")


def _write_json(path: Path, series: Series, rows: pd.DataFrame) -> None:
    table = _as_freqtrade(series, rows)
    table["date"] = table["date"].astype("int64")
    table = table.astype(object).where(table.notna(), None)
    path.write_text(json.dumps(table.to_numpy().tolist(), separators=(",", ":")), encoding="utf-8")


def _as_freqtrade(series: Series, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows as freqtrade has them: ``date, open, high, low, close, volume``; a funding rate is an open."""
    import pandas as pd

    out: dict[str, Any]
    time = rows[TIME]
    if series.kind == "funding":
        out = {"open": rows["funding_rate"]} | dict.fromkeys((*OHLC[1:], "volume"), 0.0)
        time = time // SECOND * SECOND  # without the venue's jitter: freqtrade looks for the hour
    else:
        out = {name: rows[name] for name in OHLC} | {"volume": rows.get("volume", 0.0)}
    return pd.DataFrame({"date": pd.to_datetime(time, unit="ms", utc=True).dt.as_unit("ms"), **out})


_WRITERS = {
    "csv": _write_csv,
    "parquet": _write_parquet,
    "freqtrade-feather": _write_feather,
    "freqtrade-json": _write_json,
}
