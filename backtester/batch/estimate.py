"""How long a plan will take and how much memory, from its first run: to warm up, for the time, for the memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from backtester.batch.plan import Plan
from backtester.batch.shared import Shared
from backtester.batch.tasks import Task, groups, tasks_of
from backtester.batch.work import Worker
from backtester.market import PRICES, Market

__all__ = ["Estimate", "estimate"]

PROGRAM = 280_000_000  # [bytes] interpreter and libraries


class Estimate(NamedTuple):
    """What a plan takes, if all its runs are like the first.

    Parameters
    ----------
    seconds : float
    memory : float [bytes]
        The most at a time.
    problem : str
        Why the first run says nothing; empty if it does.
    """

    seconds: float
    memory: float
    problem: str = ""


def estimate(plan: Plan, workers: int) -> Estimate:
    """Return how long all runs of a plan take with so many workers, and how much memory at a time."""
    n_markets, n_asked = groups(plan)
    shared = Shared(plan, 1)
    task = next(tasks_of(plan, 1, lambda wanted, strategy: lambda run: "", ()))
    first = task._replace(jobs=task.jobs[:1])
    try:
        loading = _seconds(lambda: shared.market(task.wanted))
    except Exception as error:  # its runs will say so
        return Estimate(0.0, 0.0, str(error))
    if problem := _done(plan, shared, first):  # the first time also loads, or compiles, the engine
        return Estimate(0.0, 0.0, problem)
    again = Shared(plan, 1)
    again.lend(task.wanted, shared.market(task.wanted))
    account = again.account(first.jobs[0].run, task.wanted)
    asking = _seconds(lambda: again.wishes(first).of(account))
    further = _seconds(lambda: again.further_wishes(first).of(account))
    running = _seconds(lambda: _done(plan, again, first))
    at_once = min(workers, plan.n_runs)
    asked = n_markets * asking + (n_asked - n_markets) * further
    seconds = (asked + plan.n_runs * running) / at_once + n_markets * loading
    programs = 1 + at_once if plan.processes else 1
    of_worker = _peak(lambda: _done(plan, Shared(plan, 1), first))  # with the making of its market
    kept = _size(shared.market(task.wanted))  # one more, that nobody works on
    return Estimate(seconds, programs * PROGRAM + at_once * of_worker + programs * kept)


def _size(market: Market) -> int:
    """Return the bytes of a market's prices, and of its detail's."""
    columns = {id(column): column.nbytes for column in (getattr(market, name) for name in PRICES)}
    return sum(columns.values()) + (_size(market.detail) if market.detail else 0)


def _peak(call: Callable[[], object]) -> int:
    """Return the most memory that a call has at a time [bytes]."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _done(plan: Plan, shared: Shared, task: Task) -> str:
    """Do a run, forget it, and return why it failed."""
    with TemporaryDirectory() as folder:
        (row,) = Worker(plan, shared, Path(folder)).rows(task)
    return row["error"] or ""


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
