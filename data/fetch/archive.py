"""From a bulk archive into a store: months where there are any, then days; from an address or a folder of zips."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event
from typing import TYPE_CHECKING

from backtester.errors import ConfigurationError
from backtester.symbols import listed
from backtester.times import step
from data.fetch.failures import BadReply, DownloadError
from data.fetch.history import REACH
from data.fetch.layout import BEGINNING, MARKETS, Part, milliseconds, months
from data.fetch.patience import Stopped
from data.fetch.ranges import Range, held, without
from data.fetch.runner import Listener, Outcome, complete, run
from data.fetch.sources import Folder, Source
from data.fetch.taken import Taken
from data.fetch.zips import check, rows_of
from data.store import Entry, Series, Store

if TYPE_CHECKING:
    import pandas as pd

ATTEMPTS = 3  # times a zip that cannot be used is fetched
RECENT = 62 * 86_400_000  # [ms] a month may not be there yet, and come by days


class Archive:
    """The job to complete one series from an archive.

    Parameters
    ----------
    store : Store
    source : Source
    series : Series
    limits : (first, last) [ms UTC]
        Rows with ``first <= time < last``.
    now : int [ms UTC]
    stop : Event
    """

    def __init__(self, store: Store, source: Source, series: Series, limits: Range, now: int, stop: Event) -> None:
        self.store = store
        self.source = source
        self.series = series
        self.first, self.last = limits
        self.now = now
        self.stop = stop
        self.there: list[Range] = []  # what is held
        self.lacking: list[str] = []  # months and days that the archive should have and has not

    def run(self, listener: Listener) -> tuple[int, Entry | None]:
        """Read the zips that may hold what is missing, and return how many rows came and what the manifest says."""
        return complete(self.store, self.series, self._months(listener))

    def _months(self, listener: Listener) -> Iterator[int]:
        """Yield the rows that came, month by month; what the archive lacks before its first month is the listing."""
        self.there = self._held()
        parts = [part for part in months(self.series, self.first, self.last) if self._wanted(part)]
        listener.begin(self.series, sum(last - first for first, last in map(self._clipped, parts)))
        done, found = 0, bool(self.there)
        absent: list[str] = []
        for part in parts:
            lacking: list[str] = []
            came = self._month(part, found, lacking, listener)
            found = found or came is not None
            if found:
                self.lacking += lacking
            elif part.range[1] < self.now - RECENT:
                absent.append(part.name)
            first, last = self._clipped(part)
            done += last - first
            listener.page(self.series, came or 0, done)
            yield came or 0
            if self.stop.is_set():
                raise Stopped
        if not found:
            raise self._nothing()
        Taken(self.store.path(self.series)).add_none(absent)
        if self.lacking:
            what = " ".join(word for word in (self.series.symbol, self.series.timeframe, self.series.kind) if word)
            listener.note(f"{what}: the archive lacks {listed(self.lacking, 12)}")

    def _month(self, part: Part, found: bool, lacking: list[str], listener: Listener) -> int | None:
        """Return how many rows came of a month, from its zip or those of its days; None if there is neither."""
        came = self._take(part, listener) if part.range[1] <= self.now else None
        if came is not None:
            return came
        lacking.append(part.period)
        recent = part.range[1] > self.now - RECENT
        if self.series.kind == "funding" or not (found or recent or self._by_folder):
            return None
        first, last = self._clipped(part)
        days = [day for day in part.days() if day.range[0] < last and first < day.range[1] <= self.now]
        counts = {day.period: self._take(day, listener) if self._wanted(day) else 0 for day in days}
        there = [count for count in counts.values() if count is not None]
        if there or not days:
            lacking[:] = [period for period, count in counts.items() if count is None]
        return sum(there) if there else None

    def _wanted(self, part: Part) -> bool:
        """Return whether something of a part is not held."""
        return bool(without([self._clipped(part)], self.there))

    @property
    def _by_folder(self) -> bool:
        return isinstance(self.source, Folder)

    def _take(self, part: Part, listener: Listener) -> int | None:
        """Keep the rows of one zip that were not kept before; None if there is no such zip."""
        taken = Taken(self.store.path(self.series))
        if taken.lacks(part.name):
            return None
        checksum = self._checksum(part, listener)
        if taken.is_known(part.name, checksum):
            return 0
        whole = self._rows(part, checksum, listener)
        if whole is None:
            return None
        digest, frame = whole
        if not checksum:
            listener.note(f"{part.name} has no checksum file: it was not verified")
        inside = frame[(frame["timestamp"] >= self.first) & (frame["timestamp"] < self.last)]
        self.store.add_page(self.series, inside, self.source.name)
        if checksum and len(inside) == len(frame):
            taken.add({part.name: digest})
        return len(inside)

    def _checksum(self, part: Part, listener: Listener) -> str:
        return (self.source.get(part, ".CHECKSUM", listener) or b"").decode("utf-8", "replace")

    def _rows(self, part: Part, checksum: str, listener: Listener) -> tuple[str, pd.DataFrame] | None:
        """Return sha256 and rows of a zip; what was damaged on the way, it or its checksum, is fetched again."""
        for attempt in range(1, ATTEMPTS + 1):
            if attempt > 1:
                checksum = self._checksum(part, listener)
            content = self.source.get(part, "", listener)
            if content is None:
                return None
            try:
                digest = check(content, checksum, part.name)
                return digest, rows_of(content, self.series, sure=self.source.is_sure(part))
            except BadReply as error:
                if self._by_folder or attempt == ATTEMPTS:
                    raise self._unusable(part, error) from error
        return None

    def _unusable(self, part: Part, error: BadReply) -> DownloadError:
        cure = "Try again later, or fill that month in with `backtester data download`"
        if self._by_folder:
            cure = "Fetch that zip and its checksum file anew"
        return DownloadError(self.series.venue, self.series.symbol, part.name, f"it cannot be used: {error}", cure)

    def _nothing(self) -> DownloadError:
        asked = f"{months_text(self.first, self.last)} of {self.series.timeframe} {self.series.kind}".replace("  ", " ")
        cure = "Check the symbol, as the archive writes it: BTCUSDT, in the coin-margined one BTCUSD_PERP"
        return DownloadError(self.series.venue, self.series.symbol, asked, f"{self.source.name} has none of it", cure)

    def _clipped(self, part: Part) -> Range:
        first, last = part.range
        return max(first, self.first), min(last, self.last, self.now)

    def _held(self) -> list[Range]:
        if self.store.span(self.series) is None:
            return []
        size = step(self.series.timeframe) // 1_000_000 if self.series.timeframe else 0
        times = self.store.read(self.series)["timestamp"].to_numpy()
        return held(times, size, size) if size else held(times, REACH, REACH)


def read_archive(
    store: Store,
    source: Source,
    series: list[Series],
    listener: Listener,
    *,
    first: int | None = None,
    last: int | None = None,
    now: int | None = None,
    stop: Event | None = None,
    parallel: int = 4,
) -> Outcome:
    """Bring what is missing of some series from an archive into a store.

    Parameters
    ----------
    store : Store
    source : Address or Folder
    series : list of Series
    listener : Listener
    first, last : int or None [ms UTC]
        Rows with ``first <= time < last``; None for all there are.
    now : int, optional [ms UTC]
        This machine's time if left out; months that are not over by then are taken by days.
    stop : Event, optional
    parallel : int
        Series at a time.
    """
    now = time.time_ns() // 1_000_000 if now is None else now
    begin = milliseconds(BEGINNING) if first is None else first
    end = now if last is None else min(last, now)
    stop = stop or Event()
    jobs = [Archive(store, source, one, (begin, end), now, stop) for one in series]
    return run(jobs, listener, stop, parallel)


def check_venue(venue: str) -> None:
    """Refuse a venue that publishes no archive of this layout."""
    if venue not in MARKETS:
        raise ConfigurationError("exchange", venue, "publishes no such archive", allowed=MARKETS)


def months_text(first: int, last: int) -> str:
    """Return a range [ms UTC] by its months: ``2024-01 to 2024-03``."""
    periods = [part.period for part in months(Series("binance", "-", "funding"), first, last)]
    return periods[0] if len(periods) == 1 else f"{periods[0]} to {periods[-1]}"
