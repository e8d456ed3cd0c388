"""From a venue into a store: only what is missing, several symbols at a time, safe to be stopped at any moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, NamedTuple, Protocol

import numpy as np

from backtester.errors import BacktesterError, ConfigurationError
from backtester.times import step
from data.fetch import markets
from data.fetch.failures import DownloadError
from data.fetch.history import REACH
from data.fetch.pager import Page
from data.fetch.patience import Stopped
from data.fetch.ranges import Nothing, Range, held, joined, without
from data.fetch.session import Session, span
from data.fetch.venues import DAY
from data.store import Entry, Series, Store

KINDS = ("trade", "mark", "funding", "tiers")
GRACE = 5.0  # [s] for requests under way when somebody stops


class Wish(NamedTuple):
    """What is to be had.

    Parameters
    ----------
    symbols : tuple of str
        In any notation; empty for every perpetual that is traded.
    timeframe : str
    first : int [ms UTC]
    last : int or None [ms UTC]
        Rows with ``first <= time < last``; None for all there are. Bars that are not closed are left out.
    kinds : tuple of str
    """

    symbols: tuple[str, ...]
    timeframe: str
    first: int
    last: int | None = None
    kinds: tuple[str, ...] = KINDS[:3]


class Listener(Protocol):
    """Who is told how it goes; calls come from several threads, one at a time."""

    def plan(self, series: list[Series]) -> None:
        """Hear what will be looked at."""

    def begin(self, series: Series, total: int) -> None:
        """Hear that a series begins: so much time is missing of it [ms]."""

    def page(self, series: Series, rows: int, done: int) -> None:
        """Hear that so many rows came, and so much time is done by now [ms]."""

    def pause(self, asked: str, error: BaseException, seconds: float) -> None:
        """Hear that a request is made again after a pause."""

    def end(self, series: Series, rows: int, entry: Entry | None) -> None:
        """Hear that a series is complete: so many rows came; None if nothing is held of it."""

    def fail(self, series: Series, error: BacktesterError) -> None:
        """Hear that a series was given up."""

    def note(self, text: str) -> None:
        """Hear what a person should know."""


@dataclass
class Outcome:
    """What became of a download: entries of complete series, errors of those given up, and what broke all."""

    entries: dict[Series, Entry | None] = field(default_factory=dict)
    failures: dict[Series, BacktesterError] = field(default_factory=dict)
    rows: int = 0
    crash: Exception | None = None


def check_wish(wish: Wish) -> None:
    """Refuse what cannot be asked for at any venue."""
    unknown = [kind for kind in wish.kinds if kind not in KINDS]
    if unknown or not wish.kinds:
        raise ConfigurationError("--kinds", ",".join(wish.kinds), "is no list of kinds of data", allowed=KINDS)
    if wish.last is not None and wish.last <= wish.first:
        cure = "Rows with since <= time < until come"
        raise ConfigurationError("--until", wish.last, "is not after --since", cure=cure)
    step(wish.timeframe)


def download(store: Store, session: Session, wish: Wish, listener: Listener, *, parallel: int = 4) -> Outcome:
    """Bring what is missing of some symbols from a venue into a store.

    Parameters
    ----------
    store : Store
    session : Session
    wish : Wish
    listener : Listener
    parallel : int
        Symbols at a time; together they keep the venue's distance between requests.

    Raises
    ------
    DownloadError, ConfigurationError
        Before anything is fetched, for a symbol or timeframe that the venue does not have.
    KeyboardInterrupt
        After what has come was merged.
    """
    check_wish(wish)
    session.check_timeframe(wish.timeframe)
    found = [session.find(symbol) for symbol in wish.symbols]
    chosen = list(dict.fromkeys(found)) if wish.symbols else [one for one in session.listed if one.active]
    for one in chosen:
        if not one.active:
            listener.note(f"{one.folder} is not traded at {session.exchange.name} now: its history may end early")
    kinds = _served(session, wish, listener)
    markets.write(store.root / session.exchange.name, session.snapshot())
    jobs = [Job(store, session, one, _series(session, one, kind, wish), wish) for one in chosen for kind in kinds]
    listener.plan([job.series for job in jobs])
    return _run(jobs, listener, session.stop, parallel)


def _served(session: Session, wish: Wish, listener: Listener) -> list[str]:
    """Return the kinds that the venue has, and say which it has not."""
    there = session.exchange
    lacking = {
        "mark": f"{there.name} serves no mark candles: a run on this data takes the trade candles for it, and says so",
        "tiers": f"{there.name} serves no tiers",
    }
    for kind in wish.kinds:
        if not there.has(kind):
            listener.note(lacking[kind])
    if there.note:
        listener.note(there.note)
    return [kind for kind in KINDS if kind in wish.kinds and there.has(kind)]


def _series(session: Session, market: markets.Listed, kind: str, wish: Wish) -> Series:
    timeframe = wish.timeframe if kind in ("trade", "mark") else ""
    return Series(session.exchange.name, market.folder, kind, timeframe)


class Job(NamedTuple):
    """One series to complete."""

    store: Store
    session: Session
    market: markets.Listed
    series: Series
    wish: Wish

    def run(self, listener: Any) -> tuple[int, Entry | None]:
        """Fetch what is missing, page by page, and return how many rows came and what the manifest says then."""
        if self.store.span(self.series) is not None:
            self.store.merge(self.series)  # what somebody who was stopped left in pages
        rows = 0
        try:
            for came in self._tiers() if self.series.kind == "tiers" else self._history(listener):
                rows += came
        finally:
            entry = self.store.merge(self.series) if self.store.span(self.series) is not None else None
        return rows, entry

    def _tiers(self) -> Iterator[int]:
        """Keep the tiers of today if they are not those that are held."""
        new = self.session.tiers(self.market)
        if self.store.span(self.series) is not None:
            there = self.store.read(self.series)
            last = there[there["timestamp"] == there["timestamp"].max()]
            columns = list(self.series.columns[1:])
            if np.array_equal(last[columns].to_numpy(), new[columns].to_numpy()):
                return
        self.store.add_page(self.series, new, self.session.source)
        yield len(new)

    def _history(self, listener: Any) -> Iterator[int]:
        first, last = span(self.series, self.wish.first, self.wish.last, self.session.now)
        nothing = Nothing(self.store.path(self.series))
        todo = without([(first, last)], [*self._held(), *(nothing.ranges if self._held() else [])])
        listener.begin(self.series, sum(end - begin for begin, end in todo))
        walk = self.session.walk(self.market, self.series.kind, self.series.timeframe)
        done = 0
        for begin, end in todo:
            for page in walk.pages(begin, end):
                self._keep(page, nothing)
                done += page.last - page.first
                listener.page(self.series, len(page.rows), done)
                yield len(page.rows)
                if self.session.stop.is_set():
                    raise Stopped
        nothing.keep(without(nothing.ranges, self._held()))

    def _keep(self, page: Page, nothing: Nothing) -> None:
        """Write a page, then what is not in it; the last day may yet come and is asked for again."""
        length, reach = self._lengths()
        if len(page.rows):
            self.store.add_page(self.series, page.rows, self.session.source)
        settled = self.session.now - max(DAY, 2 * length)
        empty = without([(page.first, min(page.last, settled))], held(page.rows["timestamp"].to_numpy(), length, reach))
        nothing.keep(joined([*nothing.ranges, *empty]))

    def _held(self) -> list[Range]:
        if self.store.span(self.series) is None:
            return []
        return held(self.store.read(self.series)["timestamp"].to_numpy(), *self._lengths())

    def _lengths(self) -> tuple[int, int]:
        """Return what a row covers and how far it is to the next [ms]."""
        size = step(self.series.timeframe) // 1_000_000 if self.series.timeframe else 0
        return (size, size) if size else (1, REACH)


def _run(jobs: list[Job], listener: Listener, stop: Event, parallel: int) -> Outcome:
    """Run jobs in some threads and wait for them; stop them all for a failure that they share."""
    outcome, lock = Outcome(), Lock()
    queue: SimpleQueue[Job] = SimpleQueue()
    for job in jobs:
        queue.put(job)
    told = _Locked(listener, lock)

    def work() -> None:
        while not stop.is_set():
            try:
                job = queue.get_nowait()
            except Empty:
                return
            _finish(job, outcome, told, stop)

    threads = [Thread(target=work, daemon=True) for _ in range(min(parallel, len(jobs)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(0.1)  # so that Ctrl-C is heard
    except KeyboardInterrupt:
        stop.set()
        for thread in threads:
            thread.join(GRACE)
        raise
    if outcome.crash is not None:
        raise outcome.crash
    return outcome


def _finish(job: Job, outcome: Outcome, told: Any, stop: Event) -> None:
    """Run one job and write down what became of it."""
    try:
        rows, entry = job.run(told)
    except Stopped:
        return
    except BacktesterError as error:
        outcome.failures[job.series] = error
        told.fail(job.series, error)
        if isinstance(error, DownloadError) and error.everywhere:
            stop.set()
        return
    except Exception as error:  # a full disk, a fault of ours: it belongs to the caller
        outcome.crash = error
        stop.set()
        return
    outcome.entries[job.series] = entry
    outcome.rows += rows
    told.end(job.series, rows, entry)


class _Locked:
    """A listener that several threads can tell."""

    def __init__(self, listener: Listener, lock: Lock) -> None:
        self._listener = listener
        self._lock = lock

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._listener, name)

        def tell(*arguments: Any) -> None:
            with self._lock:
                method(*arguments)

        return tell
