"""What a person sees of a download, on stderr: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from backtester import text

if TYPE_CHECKING:
    from data.store import Entry, Series

EVERY = 10.0  # [s] between two plain lines about one series
MILLISECOND = 1_000_000  # [ns]


class Plain:
    """Tells a download line by line; the root of what is seen on a terminal too."""

    def __init__(self) -> None:
        self.started: dict[Series, float] = {}
        self.total: dict[Series, int] = {}
        self.came: dict[Series, int] = {}
        self.said: dict[Series, float] = {}
        self.planned = 0
        self.begun = 0.0
        self.ended = 0

    def say(self, words: str) -> None:
        """Print a line."""
        print(words, file=sys.stderr, flush=True)

    def plan(self, series: list[Series]) -> None:
        """Hear what will be looked at."""
        self.planned = len(series)
        self.begun = time.monotonic()

    def begin(self, series: Series, total: int) -> None:
        """Hear that a series begins."""
        self.started[series] = self.said[series] = time.monotonic()
        self.total[series], self.came[series] = total, 0

    def page(self, series: Series, rows: int, done: int) -> None:
        """Say now and then how far a series is."""
        self.came[series] += rows
        if time.monotonic() - self.said[series] >= EVERY:
            self.said[series] = time.monotonic()
            self.say(f"{name(series)}: {self.pace(series, done)}")

    def pace(self, series: Series, done: int) -> str:
        """Return ``45 %, 1,200 rows/s, 2 min left``."""
        took = max(time.monotonic() - self.started[series], 1e-3)
        left = took * (self.total[series] - done) / done if done else float("nan")
        share = done / self.total[series] if self.total[series] else 1.0
        return f"{share:.0%}, {self.came[series] / took:,.0f} rows/s, {text.span(left * 1e9)} left".replace("%", " %")

    def pause(self, asked: str, error: BaseException, seconds: float) -> None:
        """Say why something is asked for again."""
        from backtester._foreign import import_ours

        why = import_ours("data.fetch.failures").what_happened(error)
        self.say(f"{asked}: {why}; asking again in {seconds:.1f} s")

    def end(self, series: Series, rows: int, entry: Entry | None) -> None:
        """Say what a series holds now."""
        self.ended += 1
        self.say(f"{name(series)}: {_state(rows, entry)}")

    def fail(self, series: Series, error: Exception) -> None:
        """Say that a series was given up; the error itself comes at the end."""
        self.ended += 1
        self.say(f"{name(series)}: given up")

    def note(self, words: str) -> None:
        """Say what a person should know."""
        self.say(f"note: {words}")


class Bars(Plain):
    """Shows a bar for each series under way, and one for all."""

    def __init__(self, progress: Any) -> None:
        super().__init__()
        self.progress = progress
        self.tasks: dict[Series, Any] = {}
        self.all = progress.add_task("all", total=None, pace="")

    def say(self, words: str) -> None:
        """Print a line above the bars."""
        self.progress.console.print(words, markup=False, highlight=False, soft_wrap=True)

    def plan(self, series: list[Series]) -> None:
        """Show how many series there are."""
        super().plan(series)
        self._all()

    def begin(self, series: Series, total: int) -> None:
        """Show a bar."""
        super().begin(series, total)
        if total:
            self.tasks[series] = self.progress.add_task(name(series), total=total, pace="")

    def page(self, series: Series, rows: int, done: int) -> None:
        """Move a bar."""
        self.came[series] += rows
        pace = self.pace(series, done).partition(", ")[2]
        self.progress.update(self.tasks[series], completed=done, pace=pace)

    def end(self, series: Series, rows: int, entry: Entry | None) -> None:
        """Take a bar away and say what the series holds."""
        super().end(series, rows, entry)
        self._remove(series)

    def fail(self, series: Series, error: Exception) -> None:
        """Take a bar away."""
        super().fail(series, error)
        self._remove(series)

    def _remove(self, series: Series) -> None:
        if series in self.tasks:
            self.progress.remove_task(self.tasks.pop(series))
        self._all()

    def _all(self) -> None:
        took = time.monotonic() - self.begun
        left = f", {text.span(took * (self.planned - self.ended) / self.ended * 1e9)} left" if self.ended else ""
        pace = f"{self.ended} of {text.counted(self.planned, 'series', 'series')}{left}"
        self.progress.update(self.all, total=self.planned, completed=self.ended, pace=pace)


@contextmanager
def watching() -> Iterator[Plain]:
    """Yield who is to be told how it goes."""
    if not sys.stderr.isatty():
        yield Plain()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bars(progress)


def name(series: Series) -> str:
    """Return a series without its venue: ``BTCUSDT 1h trade``."""
    return " ".join(part for part in (series.symbol, series.timeframe, series.kind) if part)


def _state(rows: int, entry: Entry | None) -> str:
    new = f"{rows:,} new" if rows else "nothing new"
    if entry is None:
        return "the venue has none in this range"
    first, last = (text.moment(time * MILLISECOND) for time in (entry.first, entry.last))
    range_ = first if first == last else f"{first} to {last}"
    gaps = f", {text.counted(len(entry.gaps), 'gap')}" if entry.gaps else ""
    return f"{text.counted(entry.rows, 'row')}, {range_}{gaps} ({new})"
