"""The candidates on the bars of each choice: runs as those of a batch, a row for each, found again by a second call."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.batch.keys import Keys
from backtester.batch.once import Once
from backtester.batch.plan import Plan, Run
from backtester.batch.settings import Period
from backtester.batch.shared import Shared, Wishes
from backtester.batch.tasks import Job, Task
from backtester.batch.work import Row, Worker
from backtester.text import moment
from backtester.times import instant
from backtester.walk_forward.candidates import Candidate
from backtester.walk_forward.seam import inside
from backtester.walk_forward.windows import Window

if TYPE_CHECKING:
    from backtester.account import Account
    from backtester.engine import Prepared
    from backtester.market import Market

__all__ = ["Chooser", "Failure", "Tried", "tasks_of_choices"]

Floats = NDArray[np.float64]
WINDOWS = 1_000  # pieces of the market that are kept: they share its prices


class Chooser(Worker):
    """Does runs on the bars of their period, of strategies that were asked on the whole market.

    Parameters
    ----------
    plan, shared, curves
        As for `Worker`.
    """

    def __init__(self, plan: Plan, shared: Shared, curves: Path) -> None:
        super().__init__(plan, shared, curves)
        self._parts = Once(WINDOWS)

    def _on(self, wishes: Wishes, account: Account, run: Run) -> tuple[Market, Prepared]:
        market, period = wishes.market, run["period"]
        edges = [instant(getattr(period, name), name) or 0 for name in ("start", "end")]
        first, last = map(int, np.searchsorted(market.open_time, edges))
        part: Market = self._parts.get(period, lambda: market.slice(first, last))
        return part, inside(wishes.of(account), market, first, last)


def tasks_of_choices(
    candidates: Sequence[Candidate], market: Market, windows: Sequence[Window], keys: Keys
) -> Iterator[Task]:
    """Yield the runs of all candidates on the bars of each choice; those of a strategy and its parameters together."""
    periods = [
        Period(moment(int(market.open_time[first])), moment(int(market.close_time[last - 1])))
        for first, last in (window.train for window in windows)
    ]
    for task, group in groupby(candidates, lambda each: each.task):
        key, runs = keys.on(task.wanted, task.strategy), [run for each in group for run in each.runs.values()]
        for period in periods:
            own = [run | {"period": period} for run in runs]
            yield task._replace(jobs=tuple(Job(key(run), run) for run in own))


class Failure(NamedTuple):
    """A run on the bars of a choice of which nothing came.

    Parameters
    ----------
    candidate, window : int
        Their places.
    mode, error : str
    """

    candidate: int
    window: int
    mode: str
    error: str


class Tried:
    """What the candidates did on the bars of each choice.

    Parameters
    ----------
    tasks : iterable of Task
        What `tasks_of_choices` yields.
    shape : (n_candidates, n_windows)
    modes : sequence of str
    measure : str
        By which is chosen.
    """

    def __init__(self, tasks: Iterable[Task], shape: tuple[int, int], modes: Sequence[str], measure: str) -> None:
        self._modes, self._measure = list(modes), measure
        self._places = _places(tasks, len(modes))
        self.value: Floats = np.full((*shape, len(modes)), math.nan)  # of the measure
        self.total_return: Floats = np.full((*shape, len(modes)), math.nan)
        self.failures: list[Failure] = []

    @property
    def keys(self) -> Collection[str]:
        """Those of all runs."""
        return self._places.keys()

    def add(self, row: Row) -> int:
        """Take the row of a run and return the place of its candidate."""
        candidate, window, m = self._places[row["key"]]
        if row["error"] is not None:
            self.failures.append(Failure(candidate, window, self._modes[m], row["error"]))
        else:
            self.value[candidate, window, m] = _number(row[self._measure])
            self.total_return[candidate, window, m] = _number(row["total_return"])
        return candidate

    def measured(self, window: int) -> list[Mapping[str, float]]:
        """Return the measure of each candidate by mode; nan where it is undefined, or the run failed."""
        return [dict(zip(self._modes, values, strict=True)) for values in self.value[:, window].tolist()]

    def failed(self, window: int, modes: Sequence[str]) -> list[Failure]:
        """Return the runs of a window that failed in some modes, in the order of the candidates."""
        return [each for each in self.ordered if each.window == window and each.mode in modes]

    @property
    def ordered(self) -> list[Failure]:
        """The runs that failed, by window and candidate."""
        return sorted(self.failures, key=lambda each: (each.window, each.candidate, self._modes.index(each.mode)))


def _places(tasks: Iterable[Task], n_modes: int) -> dict[str, tuple[int, int, int]]:
    """Return candidate, window and mode of each run by its key: tasks come by group and window, modes fastest."""
    places: dict[str, tuple[int, int, int]] = {}
    first = 0
    for _, group in groupby(tasks, lambda task: task._replace(jobs=())):
        n = 0
        for window, task in enumerate(group):
            n = len(task.jobs) // n_modes
            places |= {job.key: (first + j // n_modes, window, j % n_modes) for j, job in enumerate(task.jobs)}
        first += n
    return places


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
