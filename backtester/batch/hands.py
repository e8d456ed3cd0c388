"""Who does the runs of a plan: threads, processes, or the workers of a cluster."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

from backtester.batch.cluster import on_cluster
from backtester.batch.plan import Plan
from backtester.batch.processes import in_processes
from backtester.batch.shared import Shared
from backtester.batch.tasks import Task
from backtester.batch.threads import in_threads
from backtester.batch.work import Row, Worker
from backtester.errors import ConfigurationError

__all__ = ["ENGINES", "Hands", "hands_of", "workers_of"]

ENGINES = ("local", "dask")


class Hands(NamedTuple):
    """Who does runs.

    Parameters
    ----------
    workers : int
    on_dask : bool
        On workers of `dask.distributed`; else on threads, or in processes where a plan says so.
    scheduler : str
        Its address; empty: one is started on this machine.
    """

    workers: int
    on_dask: bool = False
    scheduler: str = ""

    def rows(
        self, tasks: Iterator[Task], plan: Plan, shared: Shared, curves: Path, kind: type[Worker] = Worker
    ) -> Generator[Row]:
        """Yield the rows of all tasks as they come; closed early, no run is begun any more.

        Parameters
        ----------
        tasks : iterator of Task
        plan : Plan
        shared : Shared
            Of this process.
        curves : Path
            As for `Worker`.
        kind : type
            What does the tasks, wherever that is.
        """
        if self.on_dask:
            return on_cluster(tasks, plan, curves, self.scheduler, self.workers, kind)
        if plan.processes:
            return in_processes(tasks, plan, curves, self.workers, kind)
        return in_threads(tasks, kind(plan, shared, curves), self.workers)

    def wait(self, plan: Plan) -> bool:
        """Return whether the runs in hand end when the others are called off; else they are dropped."""
        return not (self.on_dask or plan.processes)


def hands_of(workers: int | None = None, engine: str = "", scheduler: str = "") -> Hands:
    """Return who does the runs, checked.

    Parameters
    ----------
    workers : int, optional
        As many as there are processors if it is left out.
    engine : str
        ``local`` or ``dask``; left out: ``dask`` if a scheduler is named.
    scheduler : str

    Raises
    ------
    ConfigurationError
        If one of them cannot be used, or not beside the others.
    """
    if engine not in ("", *ENGINES):
        raise ConfigurationError("engine", engine, "is no engine", allowed=ENGINES)
    if scheduler and engine == "local":
        cure = "Leave one of them out: a scheduler is of the engine dask"
        raise ConfigurationError("scheduler", scheduler, "is named beside the engine local", cure=cure)
    return Hands(workers_of(workers), engine == "dask" or bool(scheduler), scheduler)


def workers_of(workers: int | None) -> int:
    """Return the number of workers, checked; that of the processors if it is left out."""
    if workers is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ConfigurationError("workers", workers, "cannot be used", allowed="a whole number of at least 1")
    return workers
