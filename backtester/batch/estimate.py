"""How long a plan will take and how much memory, from its first run: once for the time, on some bars for the memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar

from backtester.batch.plan import Plan
from backtester.batch.shared import Shared
from backtester.batch.tasks import Task, groups, tasks_of
from backtester.batch.work import Worker
from backtester.market import PRICES, Market

__all__ = ["Estimate", "estimate"]

PROGRAM = 280_000_000  # [bytes] interpreter and libraries
LONG = 1.0  # [s] what takes so long is not done again to be timed more sharply
SLOWER = 8  # times: what calls Python at each bar, while memory is watched
FEW = 500  # bars that are enough to tell memory by


Found = TypeVar("Found")


class Estimate(NamedTuple):
    """What a plan takes, if all its runs are like the first.

    Parameters
    ----------
    seconds : float
    memory : float [bytes]
        The most at a time.
    problem : str
        Why the first run says nothing; empty if it does.
    trial : float
        Seconds that it took to find out.
    """

    seconds: float
    memory: float
    problem: str = ""
    trial: float = 0.0


def estimate(plan: Plan, workers: int) -> Estimate:
    """Return how long all runs of a plan take with so many workers, and how much memory at a time.

    The market is read once. The first run is done once, and once more if it is so short that what is loaded at first
    would count. A third time it is done on as many bars as take about a second.
    """
    from backtester.warmup import warm_up

    start = time.perf_counter()
    shared = Shared(plan, 1)
    task = next(tasks_of(plan, 1, lambda wanted, strategy: lambda run: "", ()))
    first = task._replace(jobs=task.jobs[:1])
    try:
        making, loading = _peak(lambda: _seconds(lambda: shared.market(task.wanted)))
    except Exception as error:  # its runs will say so
        return Estimate(0.0, 0.0, str(error))
    market = shared.market(task.wanted)
    warm_up()
    asking, running, problem = _tried(plan, market, first)
    if problem:
        return Estimate(0.0, 0.0, problem)
    if asking + running < LONG:
        asking, running, _ = _tried(plan, market, first)
    n_markets, n_asked = groups(plan)
    further = _seconds(lambda: _ask_further(plan, market, first)) if n_asked > n_markets else 0.0
    at_once, programs = min(workers, plan.n_runs), 1 + min(workers, plan.n_runs) if plan.processes else 1
    asked = n_markets * asking + (n_asked - n_markets) * further
    seconds = (asked + plan.n_runs * running) / at_once + n_markets * loading
    of_worker = max(making, _size(market) + _memory(plan, market, first, asking + running))
    memory = programs * (PROGRAM + _size(market)) + at_once * of_worker  # with a market that nobody works on
    return Estimate(seconds, memory, trial=time.perf_counter() - start)


def _tried(plan: Plan, market: Market, task: Task) -> tuple[float, float, str]:
    """Do a run; return the time of asking the strategy, that of the rest [s], and why it failed."""
    shared, said = Shared(plan, 1), [""]
    shared.lend(task.wanted, market)

    def ask() -> None:
        with suppress(Exception, SystemExit):  # the run will say so
            shared.wishes(task).of(shared.account(task.jobs[0].run, task.wanted))

    def do() -> None:
        with TemporaryDirectory() as folder:
            (row,) = Worker(plan, shared, Path(folder)).rows(task)
        said[0] = row["error"] or ""

    return _seconds(ask), _seconds(do), said[0]


def _ask_further(plan: Plan, market: Market, task: Task) -> None:
    """Ask a strategy as one with further parameters on the same market is."""
    shared = Shared(plan, 1)
    shared.lend(task.wanted, market)
    with suppress(Exception, SystemExit):  # the run will say so
        shared.further_wishes(task).of(shared.account(task.jobs[0].run, task.wanted))


def _memory(plan: Plan, market: Market, task: Task, seconds: float) -> float:
    """Return the most memory of a run that takes so many seconds [bytes], from a part of its bars if it is long."""
    n = market.n_bars
    part = min(n, max(FEW, ceil(n * LONG / (SLOWER * max(seconds, LONG / SLOWER)))))
    peak, (*_, problem) = _peak(lambda: _tried(plan, market.slice(0, part), task))
    if problem and part < n:  # such as a shock that comes later
        peak, part = _peak(lambda: _tried(plan, market, task))[0], n
    return peak * n / part


def _size(market: Market) -> int:
    """Return the bytes of a market's prices, and of its detail's."""
    columns = {id(column): column.nbytes for column in (getattr(market, name) for name in PRICES)}
    return sum(columns.values()) + (_size(market.detail) if market.detail else 0)


def _peak(call: Callable[[], Found]) -> tuple[int, Found]:
    """Return the most memory that a call has at a time [bytes], and what it returns."""
    tracemalloc.start()
    try:
        found = call()
        return tracemalloc.get_traced_memory()[1], found
    finally:
        tracemalloc.stop()


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
