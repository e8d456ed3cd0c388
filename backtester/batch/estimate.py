"""How long a plan will take and how much memory, from its first run: done twice, once for each."""

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

__all__ = ["Estimate", "estimate"]

PROGRAM = 250_000_000  # [bytes] interpreter and libraries


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
    task = next(tasks_of(plan, 1, lambda wanted, run: "", ()))
    first = task._replace(jobs=task.jobs[:1])
    tracemalloc.start()
    try:
        loading = _seconds(lambda: shared.market(task.wanted))
        of_market, _ = tracemalloc.get_traced_memory()
        problem = _done(plan, shared, first)
        _, peak = tracemalloc.get_traced_memory()
    except Exception as error:  # of the market: its runs will say so
        return Estimate(0.0, 0.0, str(error))
    finally:
        tracemalloc.stop()
    if problem:
        return Estimate(0.0, 0.0, problem)
    again = Shared(plan, 1)
    again.lend(task.wanted, shared.market(task.wanted))
    asking = _seconds(lambda: again.wishes(first).at(first.jobs[0].run["leverage"]))
    running = _seconds(lambda: _done(plan, again, first))
    at_once = min(workers, plan.n_runs)
    seconds = (n_asked * asking + plan.n_runs * running) / at_once + n_markets * loading
    kept = 2 * at_once if plan.processes else min(n_markets, at_once + 1)
    programs = 1 + at_once if plan.processes else 1
    return Estimate(seconds, programs * PROGRAM + kept * of_market + at_once * (peak - of_market))


def _done(plan: Plan, shared: Shared, task: Task) -> str:
    """Do a run, forget it, and return why it failed."""
    with TemporaryDirectory() as folder:
        (row,) = Worker(plan, shared, Path(folder)).rows(task)
    return row["error"] or ""


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
