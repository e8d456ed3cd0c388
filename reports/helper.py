"""A second process that draws charts: it loads what drawing needs while the runs are made, which takes as long.

Nothing depends on it: what it does not draw, for whatever reason, is drawn by whoever has it.
"""

from __future__ import annotations

import os
import pickle
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from backtester.compare import Comparison
    from reports.page import Picture

__all__ = ["Helper", "helper"]

CELLS = 100_000  # bars times instruments; more would be handed over for longer than they are drawn
PATIENCE = 60.0  # [s] for a last chart, of which each takes a second: whoever takes longer hangs

_FRESH = get_context("spawn")  # a fork would copy locks that threads hold


class _Job(NamedTuple):
    """Charts to draw: of a comparison in a file, with so many close-ups of each mode, into a folder."""

    file: str
    close_ups: int
    folder: Path


@contextmanager
def helper() -> Iterator[Helper | None]:
    """Start a process that draws, and end it; None where there is no processor for it."""
    try:
        found = Helper() if _has_room() else None
    except OSError:  # a system without shared locks, or that starts no process any more
        found = None
    try:
        yield found
    finally:
        if found is not None:
            found.end()


def _has_room() -> bool:
    """Return whether there are several processors, not all of them busy in the last minute, as far as is known."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):
        load = 0.0
    return processors > 1 and load < processors - 0.5


class Helper:
    """A process that waits for charts to draw; `helper` makes it and ends it.

    It takes the first chart of a report that nobody has, as does the caller by `left`, until there is none.
    """

    def __init__(self) -> None:
        self._next = _FRESH.Value("i", 0)
        self._connection, theirs = _FRESH.Pipe()
        self._process = _FRESH.Process(target=_work, args=(theirs, self._next), daemon=True)
        with _deaf():
            self._process.start()
        theirs.close()  # ours of theirs: when the process is gone, the connection ends
        self._file: str | None = None  # the comparison that it works on

    def begin(self, comparison: Comparison, close_ups: int, folder: Path) -> None:
        """Let it draw the charts of a report, unless the comparison is large or cannot be handed over."""
        market = comparison.first.market
        self._next.value = 0
        if market.n_bars * market.n_instruments > CELLS:
            return
        comparison.metrics  # noqa: B018  (it would load the kernels to work them out)
        with suppress(OSError, pickle.PicklingError, AttributeError, TypeError):  # a full disk, a class inside a call
            handle, self._file = tempfile.mkstemp()
            with os.fdopen(handle, "wb") as file:
                pickle.dump(comparison, file, pickle.HIGHEST_PROTOCOL)
            self._connection.send(_Job(self._file, close_ups, folder))
            return
        self._forget()

    def left(self, count: int) -> Iterator[int]:
        """Yield the places of charts that nobody has yet, to be drawn by the caller."""
        while (place := _taken(self._next)) < count:
            yield place

    def drawn(self) -> dict[int, Picture]:
        """Return what it has drawn, by place, once it is done; if it hangs it is ended, and nothing is its own."""
        found: dict[int, Picture] = {}
        with suppress(EOFError, OSError):
            if self._file and self._connection.poll(PATIENCE):
                found = self._connection.recv()
            elif self._file:
                self.end()
        self._forget()
        return found

    def end(self) -> None:
        """End the process at once, even one that is stopped."""
        self._connection.close()
        self._process.kill()
        self._process.join()
        self._next = _FRESH.Value("i", 0)  # the old one may be locked for ever
        self._forget()

    def _forget(self) -> None:
        if self._file:
            Path(self._file).unlink(missing_ok=True)
        self._file = None


@contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: it is for the one who waits for them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a process begins with that of its parent
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _taken(following: Any) -> int:
    """Return the place of the next chart, which nobody else has then."""
    with following:
        following.value += 1
        return int(following.value) - 1


def _work(connection: Any, following: Any) -> None:
    """Draw what is left of each job until there is nobody to give one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from backtester.kernels._jit import is_kept
    from reports.closeup import largest
    from reports.pictures import charts_of_report, draw_picture

    if not is_kept("tally"):
        from backtester.warmup import warm_up_reading

        warm_up_reading()
    with suppress(EOFError, OSError):
        while True:
            job: _Job = connection.recv()
            drawn: dict[int, Picture] = {}
            with suppress(Exception):  # whoever has the job does then what we could not, and says what is wrong
                comparison = pickle.loads(Path(job.file).read_bytes())
                charts = charts_of_report(comparison, largest(comparison, job.close_ups))
                while (place := _taken(following)) < len(charts):
                    drawn[place] = draw_picture(comparison, job.folder, charts[place])[0]
            connection.send(drawn)
