"""From runs to pieces of work: what shares a market and a strategy's wishes is done together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain, groupby, islice
from math import prod
from typing import Any, NamedTuple

from backtester.batch.plan import Plan, Run
from backtester.batch.settings import OF_MARKET
from backtester.batch.teams import asked_of, is_asked
from backtester.batch.variants import Variant, variant_of
from backtester.wanted import SEED, SYNTHETIC, Wanted, venue_name

__all__ = ["Job", "KeysOn", "Task", "groups", "jobs_of", "tasks_of"]

KeysOn = Callable[[Wanted, str], Callable[[Run], str]]

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
        The candles.
    variant : Variant
        What is made of them.
    strategy : str
        Name or ``path/file.py:Class``.
    parameters : dict
        What is said of the strategy, or of several in one account, under ``params`` and ``allocate``, by whole name.
    jobs : tuple of Job
    first : dict, optional
        Parameters that the plan has first for this strategy on this market, whose look-ahead check says how closely
        these are looked at; None: as closely as those.
    """

    wanted: Wanted
    variant: Variant
    strategy: str
    parameters: dict[str, Any]
    jobs: tuple[Job, ...]
    first: dict[str, Any] | None = None


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


def tasks_of(
    plan: Plan, workers: int, keys_on: KeysOn, finished: Collection[str]
) -> Iterator[Task]:
    """Yield the work that is left, that on one market together.

    Parameters
    ----------
    plan : Plan
    workers : int
        A strategy's runs are cut into more tasks where there would be too few for all.
    keys_on : callable
        As for `jobs_of`.
    finished : collection of str
        Keys of the runs that are left out.
    """
    size = _task_size(plan, workers)
    on: object = None
    first: dict[str, Any] = {}
    for wanted, jobs in jobs_of(plan, keys_on):
        run, jobs = _peeked(jobs)
        variant, strategy, asked = variant_of(run), run["strategy"], asked_of(run)
        if on != (wanted, variant, strategy):
            on, first = (wanted, variant, strategy), asked
        left = (job for job in jobs if job.key not in finished)
        while chunk := tuple(islice(left, size)):
            yield Task(wanted, variant, strategy, asked, chunk, first)


def _peeked(jobs: Iterator[Job]) -> tuple[Run, Iterator[Job]]:
    job = next(jobs)
    return job.run, chain((job,), jobs)


def jobs_of(plan: Plan, keys_on: KeysOn) -> Iterator[tuple[Wanted, Iterator[Job]]]:
    """Yield each market with the runs of one strategy and its parameters on it, to be taken before the next.

    Parameters
    ----------
    plan : Plan
    keys_on : callable
        Returns, for a market and the name of a strategy, the function from a run to its key.
    """
    for _, runs in groupby(plan.runs(), _asked):
        yield _on_market(runs, keys_on)


def _on_market(runs: Iterator[Run], keys_on: KeysOn) -> tuple[Wanted, Iterator[Job]]:
    first = next(runs)
    wanted = wanted_of(first)
    return wanted, _jobs(chain((first,), runs), wanted, keys_on(wanted, first["strategy"]))


def _jobs(runs: Iterable[Run], wanted: Wanted, key_of: Callable[[Run], str]) -> Iterator[Job]:
    """Yield runs with the venue and the seed that they have where the plan leaves them out."""
    venue = venue_name(wanted)
    seed = SEED if wanted.market == SYNTHETIC else None
    for run in runs:
        run["venue"] = run["venue"] or venue
        run["seed"] = seed if run["seed"] is None else run["seed"]
        yield Job(key_of(run), run)


def groups(plan: Plan) -> tuple[int, int]:
    """Return how many markets a plan has, and on how many of them a strategy is asked with how many parameters."""
    markets = asked = 0
    for axes in (plan.axes, *plan.include):
        of_market = prod(len(axes[name]) for name in OF_MARKET)
        markets += of_market
        asked += of_market * prod(len(values) for name, values in axes.items() if _tells(name))
    return markets, asked


def _task_size(plan: Plan, workers: int) -> int:
    asked = groups(plan)[1]
    if asked >= SPARE * workers:
        return LONGEST
    return min(LONGEST, max(1, plan.n_runs // (SPARE * workers)))


def _tells(name: str) -> bool:
    return name == "strategy" or is_asked(name)


def _asked(run: Run) -> list[tuple[str, Any]]:
    """Return what a strategy sees of a run."""
    return [(name, value) for name, value in run.items() if name in OF_MARKET or _tells(name)]
