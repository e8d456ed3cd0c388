"""Several series at a time: threads that finish one after the other, and can be stopped at any moment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event, Lock, Semaphore, Thread
from typing import Any, Protocol

from backtester.errors import BacktesterError
from data.fetch.failures import DownloadError
from data.fetch.patience import Stopped
from data.store import Entry, Series, Store

GRACE = 5.0  # [s] for requests under way when somebody stops


class Job(Protocol):
    """One series to complete."""

    @property
    def series(self) -> Series:
        """Return the series."""

    def run(self, listener: Listener) -> tuple[int, Entry | None]:
        """Fetch what is missing, and return how many rows came and what the manifest says then."""


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


def complete(store: Store, series: Series, pages: Iterator[int]) -> tuple[int, Entry | None]:
    """Return how many rows came with some pages, and what the manifest says of the series then.

    What somebody who was stopped left in pages is merged before, and what came is merged whatever happens.

    Parameters
    ----------
    store : Store
    series : Series
    pages : iterator of int
        Puts a page into the store with each step, and gives the number of its rows.
    """
    rows = 0
    if store.span(series) is not None:
        store.merge(series)
    try:
        for came in pages:
            rows += came
    finally:
        entry = store.merge(series) if store.span(series) is not None else None
    return rows, entry


def run(jobs: Sequence[Job], listener: Listener, stop: Event, parallel: int) -> Outcome:
    """Run jobs in some threads and wait for them; stop them all for a failure that they share.

    Raises
    ------
    KeyboardInterrupt
        After the jobs under way have put away what came.
    """
    listener.plan([job.series for job in jobs])
    outcome, lock = Outcome(), Lock()
    queue: SimpleQueue[Job] = SimpleQueue()
    for job in jobs:
        queue.put(job)
    told = _Locked(listener, lock)

    done = Semaphore(0)  # not Thread.join: one that is interrupted takes the thread for ended

    def work() -> None:
        try:
            while not stop.is_set():
                _finish(queue.get_nowait(), outcome, told, stop)
        except Empty:
            pass
        finally:
            done.release()

    threads = [Thread(target=work, daemon=True) for _ in range(min(parallel, len(jobs)))]
    for thread in threads:
        thread.start()
    left = len(threads)
    try:
        while left:
            left -= done.acquire(timeout=0.1)  # so that Ctrl-C is heard
    except KeyboardInterrupt:
        stop.set()
        until = time.monotonic() + GRACE
        while left and time.monotonic() < until:
            left -= done.acquire(timeout=0.1)
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
