"""From runs to pieces of work: what shares a market and a strategy's wishes is done together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import groupby, islice
from math import prod
from typing import Any, NamedTuple

from backtester.batch.plan import Plan, Run
from backtester.batch.settings import OF_MARKET, PARAMS
from backtester.wanted import SEED, SYNTHETIC, Wanted, venue_name

__all__ = ["Job", "Task", "groups", "resolved", "tasks_of", "wanted_of"]

LONGEST = 256  # runs of one task: what is in hand stays small
SPARE = 8  # tasks for each worker, so that all end at about the same time


class Job(NamedTuple):
    """One run and the key that it has among all."""

    key: str
    run: Run


class Task(NamedTuple):
    """Runs of one strategy with its parameters on one market.

    Parameters
    ----------
    wanted : Wanted
        The market.
    strategy : str
        Name or ``path/file.py:Class``.
    parameters : dict
        By name; those that are left out have their defaults.
    jobs : tuple of Job
    """

    wanted: Wanted
    strategy: str
    parameters: dict[str, Any]
    jobs: tuple[Job, ...]


def wanted_of(run: Run) -> Wanted:
    """Return the market of a run."""
    names = [name for name in run["symbols"].split(",") if name]
    needed = [name for name in run["require"].split(",") if name]
    return Wanted(
        run["market"],
        names,
        run["timeframe"],
        run["period"].start,
        run["period"].end,
        run["simulation_timeframe"],
        "",
        needed,
        run["seed"],
    )


def resolved(run: Run, wanted: Wanted) -> Run:
    """Return a run with the venue and the seed that it has where the plan leaves them out."""
    seed = SEED if run["seed"] is None and wanted.market == SYNTHETIC else run["seed"]
    return run | {"venue": run["venue"] or venue_name(wanted), "seed": seed}


def tasks_of(
    plan: Plan, workers: int, key_of: Callable[[Wanted, Run], str], finished: Collection[str]
) -> Iterator[Task]:
    """Yield the work that is left, that on one market together.

    Parameters
    ----------
    plan : Plan
    workers : int
        A strategy's runs are cut into more tasks where there would be too few for all.
    key_of : callable
        Returns the key of a run.
    finished : collection of str
        Keys of the runs that are left out.
    """
    size = _task_size(plan, workers)
    for _, group in groupby(plan.runs(), _asked):
        jobs = _left(group, key_of, finished)
        while chunk := tuple(islice(jobs, size)):
            first = chunk[0].run
            parameters = {name.partition(".")[2]: first[name] for name in first if name.startswith(f"{PARAMS}.")}
            yield Task(wanted_of(first), first["strategy"], parameters, chunk)


def groups(plan: Plan) -> tuple[int, int]:
    """Return how many markets a plan has, and on how many of them a strategy is asked with how many parameters."""
    markets = asked = 0
    for axes in (plan.axes, *plan.include):
        of_market = prod(len(axes[name]) for name in OF_MARKET)
        markets += of_market
        asked += of_market * prod(len(values) for name, values in axes.items() if _is_asked(name))
    return markets, asked


def _task_size(plan: Plan, workers: int) -> int:
    asked = groups(plan)[1]
    if asked >= SPARE * workers:
        return LONGEST
    return min(LONGEST, max(1, plan.n_runs // (SPARE * workers)))


def _is_asked(name: str) -> bool:
    return name == "strategy" or name.startswith(f"{PARAMS}.")


def _asked(run: Run) -> list[tuple[str, Any]]:
    """Return what a strategy sees of a run."""
    return [(name, value) for name, value in run.items() if name in OF_MARKET or _is_asked(name)]


def _left(
    group: Iterator[Run], key_of: Callable[[Wanted, Run], str], finished: Collection[str]
) -> Iterator[Job]:
    for run in group:
        wanted = wanted_of(run)
        whole = resolved(run, wanted)
        key = key_of(wanted, whole)
        if key not in finished:
            yield Job(key, whole)
