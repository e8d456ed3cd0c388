"""Files, folders and frames into a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from backtester import text
from backtester.errors import BacktesterError, ConfigurationError, MarketDataError
from backtester.times import step
from data import manifest
from data.imports.columns import is_funding, shaped
from data.imports.naming import Named, known_as, named
from data.imports.tables import read_table, suffix_of
from data.series import CANDLES, TIME, Series, check_series, rows_of, sorted_rows
from data.store import Entry, Store

if TYPE_CHECKING:
    import pandas as pd

_WHAT = ("venue", "symbol", "kind", "timeframe")


class Wanted(NamedTuple):
    """What is said about a source; empty where its names or its rows tell.

    Parameters
    ----------
    venue, symbol, kind, timeframe : str
        As in `Series`.
    columns : mapping of str to str
        Our columns to the source's.
    """

    venue: str = ""
    symbol: str = ""
    kind: str = ""
    timeframe: str = ""
    columns: Mapping[str, str] = {}


class Imported(NamedTuple):
    """What became of one file or frame.

    Parameters
    ----------
    source : str
    series : Series
    entry : Entry
        What the manifest now says of the whole file.
    rows : int
        How many came.
    replaced : int
        How many of them were there already, with other numbers.
    times : str
        What the times were: ``ms``, ``dates``, ``ISO texts``.
    """

    source: str
    series: Series
    entry: Entry
    rows: int
    replaced: int
    times: str


class Failed(NamedTuple):
    """A file that was left out, and why."""

    path: Path
    why: str


def import_path(
    store: Store,
    source: str | Path,
    wanted: Wanted | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> tuple[list[Imported], list[Failed]]:
    """Import a file, or all files of a folder whose names tell what they hold.

    Parameters
    ----------
    store : Store
    source : path
        A file, or a folder in the layout of a store or of freqtrade (see `data.imports.naming.named`).
    wanted : Wanted, optional
        Goes before what the names say; of a folder, what it leaves empty and what fits is taken.
    progress : callable, optional
        Called with the file in hand, its number and how many there are.

    Returns
    -------
    list of Imported, list of Failed
        A file of a folder that cannot be used does not stop the others.

    Raises
    ------
    ConfigurationError, MarketDataError
        If there is nothing to import, or the one file cannot be.
    """
    asked = wanted or Wanted()
    place = Path(source).expanduser()
    if place.is_file():
        return [_import_file(store, place, asked, place.name)], []
    if not place.is_dir():
        raise MarketDataError(f"there is no file or folder {place}", cure="Mend the path")
    _check_apart(store, place)
    if asked.columns:
        cure = "Import its files one by one, or leave --columns out"
        raise ConfigurationError("columns", dict(asked.columns), "is for one file, not for a folder", cure=cure)
    files = list(_files(place))
    done: list[Imported] = []
    failed = [Failed(path, "its name does not say what it holds") for path, what in files if what is None]
    chosen = [path for path, what in files if what is not None and _fits(what.series, asked)]
    if not chosen:
        raise _nothing(place, files)
    for k, path in enumerate(chosen):
        progress(str(path.relative_to(place)), k, len(chosen))
        try:
            done.append(_import_file(store, path, Wanted(venue=asked.venue), str(path.relative_to(place))))
        except BacktesterError as error:
            failed.append(Failed(path, str(error)))
    return done, failed


def import_frame(
    store: Store, frame: pd.DataFrame, wanted: Wanted, source: str = "a frame", *, _beside: Named | None = None
) -> Imported:
    """Import a pandas frame.

    Parameters
    ----------
    store : Store
    frame : DataFrame
        Times in a DatetimeIndex or a column, as dates, texts or numbers.
    wanted : Wanted
        Venue and symbol must be there; kind and timeframe are told by columns and times if they are left out.
    source : str
        Where it comes from, for the manifest.

    Raises
    ------
    ConfigurationError, MarketDataError
        Naming what is missing, or the column or row that cannot be used.
    """
    beside = _beside.series if _beside else Series("", "", "", "")
    said = {what: getattr(wanted, what) or getattr(beside, what) for what in _WHAT}
    for what in ("venue", "symbol"):
        if not said[what]:
            cure = f"Add --{what} NAME; the name of the source does not tell"
            raise ConfigurationError(what, "", f"is needed for {source}", cure=cure)
    columns = dict(wanted.columns) or (_beside.columns if _beside else {})
    kind = said["kind"] or ("funding" if is_funding(frame, columns) else "trade")
    there = {known.symbol for known in store.series(said["venue"])}
    series = Series(said["venue"], known_as(said["symbol"], there), kind)
    check_series(series._replace(timeframe=said["timeframe"] or "1h" if kind in CANDLES else ""))
    rows, times = shaped(series, frame, columns)
    if kind in CANDLES:
        series = series._replace(timeframe=_timeframe(rows, said["timeframe"], str(series)))
    kept = sorted_rows(series, [rows_of(series, rows)])
    replaced = _replaced(store, series, kept)
    store.add_page(series, kept, source)
    return Imported(source, series, store.merge(series), len(rows), replaced, times)


def _import_file(store: Store, path: Path, asked: Wanted, name: str) -> Imported:
    source = f"import of {name}"
    entry = manifest.read_manifest(path.parent).get(path.name) if path.suffix == ".parquet" else None
    if entry is not None and entry.source:  # from another store: where its rows came from is known
        source = entry.source
    try:
        return import_frame(store, read_table(path), asked, source, _beside=named(path))
    except MarketDataError as error:
        if str(path) in error.problem:
            raise
        raise MarketDataError(f"{path}: {error.problem}", found=error.found, cure=error.cure) from error


def _files(folder: Path) -> Iterator[tuple[Path, Named | None]]:
    """Yield the files of a folder that may hold data, with what their names say."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") or part.endswith(".pages") for part in path.relative_to(folder).parts)
        if path.is_file() and suffix_of(path) and not hidden and path.name != manifest.NAME:
            yield path, named(path)


def _fits(series: Series, asked: Wanted) -> bool:
    """Return whether a file of a folder is asked for; a venue renames."""
    right = not asked.symbol or known_as(asked.symbol, [series.symbol]) == series.symbol
    return right and asked.kind in ("", series.kind) and asked.timeframe in ("", series.timeframe)


def _timeframe(rows: pd.DataFrame, given: str, what: str) -> str:
    """Return the timeframe of candles: the one given, if the times are on its grid, else what the times say."""
    time = np.unique(rows[TIME].to_numpy())
    if len(time) < 2:
        if given:
            return given
        raise ConfigurationError("timeframe", "", f"cannot be told from one bar of {what}", cure="Add --timeframe 1h")
    steps, counts = np.unique(np.diff(time), return_counts=True)
    usual = int(steps[np.argmax(counts)]) * 1_000_000
    if given and step(given) != usual:
        raise ConfigurationError(
            "timeframe", given, f"the bars of {what} are {text.timeframe(usual)} apart", cure="Give the one they have"
        )
    return given or text.timeframe(usual)


def _replaced(store: Store, series: Series, rows: pd.DataFrame) -> int:
    """Return how many rows are there already with other numbers."""
    if store.span(series) is None:
        return 0
    key = list(series.key)
    held = store.read(series)
    both = held.merge(rows, on=key, suffixes=("", "_new"))
    other = [name for name in held.columns if name not in key]
    same = [(both[name] == both[f"{name}_new"]) | (both[name].isna() & both[f"{name}_new"].isna()) for name in other]
    return int(np.count_nonzero(~np.logical_and.reduce(same)))


def _check_apart(store: Store, place: Path) -> None:
    """Refuse a folder that is in the store, or has it inside."""
    root, source = store.root.resolve(), place.resolve()
    if root.is_relative_to(source) or source.is_relative_to(root):
        problem = f"the folder and the store {store.root} lie in each other"
        raise ConfigurationError("source", str(place), problem, cure="Choose another store")


def _nothing(place: Path, files: list[tuple[Path, Named | None]]) -> MarketDataError:
    """Return the error for a folder without a file that is asked for."""
    if any(what for _, what in files):
        return MarketDataError(f"no file of {place} is of what is asked for", cure="Leave out --symbol, --kind or so")
    there = text.joined([path.name for path, _ in files[:3]]) or "no data files"
    return MarketDataError(
        f"no file of {place} says by its name what it holds; there are {there}",
        cure="Name files <venue>/<SYMBOL>/1h-trade.csv, or import them one by one with --venue and --symbol",
    )
