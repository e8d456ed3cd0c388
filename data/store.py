"""A store of market data: one Parquet file for each venue, symbol, kind and timeframe, and a manifest beside them.

Rows come in pages. A page is a small file of its own in a folder beside the file it belongs to, so that whoever is
killed loses at most the page in hand. `Store.merge` makes one sorted file of the pages and the rows that were there.
The same rows give the same bytes however they were cut into pages, and whatever was done twice.

    binance/BTCUSDT/1h-trade.parquet          the rows
    binance/BTCUSDT/1h-trade.pages/           rows that are not merged yet
    binance/BTCUSDT/manifest.json             source, first, last, rows, gaps, sha256, fetched
    binance/BTCUSDT/.lock                     held by the one process that writes here
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from backtester.errors import MarketDataError
from backtester.market_parts.frames import MILLISECOND
from data import files, writing
from data.gaps import Gap
from data.locks import locked
from data.manifest import Entry, entry_of, now, read_manifest, write_manifest
from data.pages import ends_of, next_page, pages_in
from data.series import TIME, Series, check_series, rows_of, series_of, sorted_rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Entry", "Gap", "Series", "Store"]


class Store:
    """Market data in a folder.

    Parameters
    ----------
    root : path
        The folder above the venues; it need not exist before something is written.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).expanduser()

    def path(self, series: Series) -> Path:
        """Return where a series stands, whether or not it is there."""
        check_series(series)
        return self.root / series.venue / series.symbol / series.file

    def series(self, venue: str | None = None) -> list[Series]:
        """Return what there is, of all venues or of one, also if only in pages."""
        found = set()
        for path in self.root.glob(f"{venue or '*'}/*/*"):
            waits = path.suffix == ".pages"
            one = series_of(path.with_suffix(".parquet") if waits else path)
            if one is not None and (not waits or pages_in(path)):
                found.add(one)
        return sorted(found)

    def span(self, series: Series) -> tuple[int, int] | None:
        """Return the first and last time held [ms UTC], pages included; None if there is nothing."""
        ends = [ends_of(page) for page in self._pages(series)]
        path = self.path(series)
        inside = files.span(path) if path.is_file() else None
        if inside is not None:
            ends.append((inside[0] // MILLISECOND, inside[1] // MILLISECOND))
        return (min(first for first, _ in ends), max(last for _, last in ends)) if ends else None

    def read(self, series: Series, first: int | None = None, last: int | None = None) -> pd.DataFrame:
        """Return the rows with ``first <= timestamp < last`` [ms UTC], pages included.

        Raises
        ------
        MarketDataError
            If there is nothing of the series, or its file cannot be read.
        """
        if not self._pages(series):
            return self._whole(series, [], first, last)
        with locked(self.path(series).parent):
            return self._whole(series, self._pages(series), first, last)

    def add_page(self, series: Series, frame: pd.DataFrame, source: str) -> None:
        """Keep some rows; they stand in the file after the next `merge`.

        Rows may be unsorted, and may be there already: of rows with one key, the last that came stands.

        Parameters
        ----------
        series : Series
        frame : DataFrame
            Columns of the series' kind, times in UTC milliseconds; others are left out.
        source : str
            Where the rows came from.

        Raises
        ------
        MarketDataError
            Naming the column and the row that cannot be kept; or if another process writes here for too long.
        """
        rows = rows_of(check_series(series), frame)
        if not source.strip():
            raise MarketDataError(f"rows of {series} come without a source", cure="Say where they come from")
        if len(rows) == 0:
            return
        folder = self._folder(series)
        with locked(folder.parent):
            page = next_page(folder, int(rows[TIME].min()), int(rows[TIME].max()))
            writing.write_rows(page, rows, {"source": source, "fetched": now()})

    def merge(self, series: Series) -> Entry:
        """Make one file of what is there and the pages, and return what the manifest says of it.

        The manifest is written before the file gets its name, and names the file that it replaces: whenever a writer is
        killed, it is known whether the file is one of the store's.

        Raises
        ------
        MarketDataError
            If there is nothing of the series, a file cannot be read, or it is not the one that was written last: then
            another program has changed it.
        """
        path = self.path(series)
        self._check_there(series)
        with locked(path.parent):
            entries = read_manifest(path.parent)
            held = writing.sha256_of(path) if path.is_file() else ""
            if not held:  # what was said of a file that was removed is said no more
                entries.pop(path.name, None)
            known, pages = entries.get(path.name), self._pages(series)
            if known is not None and not known.fits(held):
                raise _changed(path, known)
            if pages or known is None or known.sha256 != held:
                known = self._merged(series, pages, entries, held)
            for page in pages:
                page.unlink()
            self._tidy(series)
        return known

    def accept(self, series: Series) -> Entry:
        """Take a file as it is, though the manifest says otherwise, and return its new entry."""
        path = self.path(series)
        with locked(path.parent):
            entries = read_manifest(path.parent)
            known = entries.pop(path.name, None)
            digest = writing.sha256_of(path)
            entry = entry_of(series, self._whole(series, [], None, None), digest, known, [])
            sources = [entry.source] * bool(entry.source) + ["changed by another program"]
            entry = entry._replace(source="; ".join(sources), replaces="")
            write_manifest(path.parent, {**entries, path.name: entry})
        return entry

    def entry(self, series: Series) -> Entry | None:
        """Return what the manifest says of a series, None if it says nothing."""
        path = self.path(series)
        return read_manifest(path.parent).get(path.name)

    def entries(self, venue: str | None = None) -> dict[Series, Entry]:
        """Return what the manifests say, of all venues or of one."""
        found = {}
        for folder in sorted(self.root.glob(f"{venue or '*'}/*/")):
            for name, entry in read_manifest(folder).items():
                series = series_of(folder / name)
                if series is not None:
                    found[series] = entry
        return found

    def look(self, series: Series) -> Entry:
        """Return the entry of a series as it should be, pages included, without writing anything.

        That of the manifest, if it fits the file; its `sha256` is empty where there is no file yet.

        Raises
        ------
        MarketDataError
            If there is nothing of the series, or a file cannot be read.
        """
        path, known, pages = self.path(series), self.entry(series), self._pages(series)
        digest = writing.sha256_of(path) if path.is_file() else ""
        if known is not None and known.sha256 == digest and not pages:
            return known
        return entry_of(series, self.read(series), digest, known, [writing.read_about(page) for page in pages])

    def unmerged(self, series: Series) -> int:
        """Return how many pages of a series wait for `merge`."""
        return len(self._pages(series))

    def note_gaps(self, series: Series, notes: dict[int, str]) -> Entry:
        """Write what is known of some gaps into the manifest.

        Parameters
        ----------
        series : Series
        notes : dict of int to str
            What to say of each gap, by the time of the row before it [ms UTC]; the others keep what is said of them.
        """
        path = self.path(series)
        with locked(path.parent):
            entries = read_manifest(path.parent)
            entry = entries[path.name]
            gaps = tuple(gap._replace(note=notes.get(gap.after, gap.note)) for gap in entry.gaps)
            entries[path.name] = entry._replace(gaps=gaps)
            write_manifest(path.parent, entries)
            return entries[path.name]

    def _merged(self, series: Series, pages: list[Path], entries: Mapping[str, Entry], held: str) -> Entry:
        """Write manifest and file of a series and return its entry; without pages the file stays as it is."""
        path = self.path(series)
        known = entries.get(path.name)
        rows = self._whole(series, pages, None, None)
        about = [writing.read_about(page) for page in pages]
        if not pages:
            entry = entry_of(series, rows, held, known, about)
            write_manifest(path.parent, {**entries, path.name: entry})
            return entry
        with writing.whole(path) as temporary:
            digest = writing.put_rows(temporary, rows)
            entry = entry_of(series, rows, digest, known, about)._replace(replaces="" if held == digest else held)
            write_manifest(path.parent, {**entries, path.name: entry})
        return entry

    def _whole(self, series: Series, pages: list[Path], first: int | None, last: int | None) -> pd.DataFrame:
        """Return the rows of a range from the file and some pages."""
        self._check_there(series)
        path = self.path(series)
        limits = [None if time is None else time * MILLISECOND for time in (first, last)]
        parts = ([path] if path.is_file() else []) + pages
        frames = [files.read(part, series.columns, *limits) for part in parts]
        return _kept(series, sorted_rows(series, [rows_of(series, frame) for frame in frames]))

    def _check_there(self, series: Series) -> None:
        if not self.path(series).is_file() and not self._pages(series):
            folder = self.path(series).parent
            there = ", ".join(sorted(path.name for path in folder.glob("*.parquet"))) or "nothing"
            raise MarketDataError(
                f"there is nothing of {series} in {self.root}; the folder {folder} holds {there}",
                cure="Download it, or import it",
            )

    def _folder(self, series: Series) -> Path:
        return self.path(series).with_suffix(".pages")

    def _pages(self, series: Series) -> list[Path]:
        """Return the pages of a series in the order they came."""
        return pages_in(self._folder(series))

    def _tidy(self, series: Series) -> None:
        """Remove an empty folder of pages, and what killed writers left; the lock is held."""
        folder = self._folder(series)
        writing.sweep(folder.parent)
        if folder.is_dir():
            writing.sweep(folder)
            if not any(folder.iterdir()):
                folder.rmdir()


def _changed(path: Path, known: Entry) -> MarketDataError:
    return MarketDataError(
        f"{path} is not the file that was written: its sha256 is not {known.sha256[:12]}... of the manifest",
        cure="Remove it and fetch it again, or take it as it is: backtester data repair --accept",
    )


def _kept(series: Series, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows without a column in which nothing is known, unless it is one of candles."""
    blank = series.kind in ("funding", "tiers") and rows[series.optional].isna().all()
    return rows.drop(columns=series.optional) if blank else rows

