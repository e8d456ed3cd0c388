"""Run a plan: what is finished is skipped, what fails is a row, and what comes is on the disk soon."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from backtester._foreign import import_ours
from backtester._parts import check_out
from backtester.batch.cluster import on_cluster
from backtester.batch.keys import Keys
from backtester.batch.plan import Plan, plan_of, read_plan
from backtester.batch.processes import in_processes
from backtester.batch.shared import Shared
from backtester.batch.store import CURVES, EARLIER, RUNS, Rows, parts_of
from backtester.batch.tasks import Task, jobs_of, tasks_of
from backtester.batch.threads import in_threads
from backtester.batch.work import Row, Worker
from backtester.errors import ConfigurationError

__all__ = ["ENGINES", "Outcome", "Progress", "engine_of", "run_plan", "workers_of"]

ENGINES = ("local", "dask")


class Outcome(NamedTuple):
    """What became of a plan, also while it runs.

    Parameters
    ----------
    folder : Path
        Where the rows are: ``folder/runs/*.parquet``.
    total : int
        Runs of the plan.
    skipped : int
        Those that were finished before.
    done : int
        Those that this call has done, failed ones among them.
    failed : int
    set_aside : int
        Rows that were there and are not of this plan, or of other data, strategies or rules.
    """

    folder: Path
    total: int
    skipped: int = 0
    done: int = 0
    failed: int = 0
    set_aside: int = 0


Progress = Callable[[Outcome], None]


def run_plan(
    plan: Plan | Mapping[str, Any] | str | Path,
    out: str | Path,
    *,
    workers: int | None = None,
    engine: str = "",
    scheduler: str = "",
    resume: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Do every run of a plan that is not finished yet, one row for each.

    A run that fails is a row with its error and keeps nobody from going on. Interrupted or killed at any moment, the
    same call with ``resume=True`` goes on where it was; runs that failed are tried again. With ``processes = true`` in
    the plan, or the engine ``dask``, a script of your own has to call this under ``if __name__ == "__main__":``.

    Parameters
    ----------
    plan : Plan, mapping, str or Path
        A plan, its content, or its TOML file.
    out : str or Path
        Folder for the rows, made if it is missing.
    workers : int, optional
        Threads or processes; as many as there are processors if it is left out.
    engine : str
        ``local``: threads or processes, as the plan says. ``dask``: workers of `dask.distributed`, those of a scheduler
        that is named, else as many as `workers` on this machine. Left out: ``dask`` if a scheduler is named.
    scheduler : str
        Address of a scheduler of `dask.distributed`.
    resume : bool
        Go on in a folder that has rows. Those that are not of this plan are set aside in ``earlier``.
    progress : callable, optional
        Called with the outcome so far after every row.

    Returns
    -------
    Outcome

    Raises
    ------
    ConfigurationError
        If the plan cannot be read, or the folder has rows and `resume` is False.
    """
    on_dask = engine_of(engine, scheduler) == "dask"
    chosen = _plan(plan)
    n = workers_of(workers)
    folder = Path(out).expanduser()
    check_folder(folder, resume=resume)
    with import_ours("data.locks").locked(folder, patience=0.0):
        for name in (RUNS, EARLIER, CURVES):
            import_ours("data.writing").sweep(folder / name)  # what killed writers left
        shared = Shared(chosen, n)
        keys = Keys(chosen, shared)
        rows = Rows(folder, chosen)
        outcome, finished = _begin(Outcome(folder, chosen.n_runs), chosen, rows, keys)
        tell = progress or (lambda so_far: None)
        tell(outcome)
        tasks = tasks_of(chosen, n, keys.on, finished)
        try:
            with closing(_rows(tasks, chosen, shared, folder, n, scheduler if on_dask else None)) as coming:
                for row in coming:
                    rows.add(row)
                    failures = outcome.failed + (row["error"] is not None)
                    outcome = outcome._replace(done=outcome.done + 1, failed=failures)
                    tell(outcome)
        finally:
            rows.flush()
    return outcome


def workers_of(workers: int | None) -> int:
    """Return the number of workers, checked; that of the processors if it is left out."""
    if workers is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ConfigurationError("workers", workers, "cannot be used", allowed="a whole number of at least 1")
    return workers


def engine_of(engine: str, scheduler: str) -> str:
    """Return what does the runs, checked."""
    if engine not in ("", *ENGINES):
        raise ConfigurationError("engine", engine, "is no engine", allowed=ENGINES)
    if scheduler and engine == "local":
        cure = "Leave one of them out: a scheduler is of the engine dask"
        raise ConfigurationError("scheduler", scheduler, "is named beside the engine local", cure=cure)
    return engine or ("dask" if scheduler else "local")


def check_folder(folder: Path, *, resume: bool) -> None:
    """Refuse a folder that has rows, unless a batch is to go on there."""
    check_out(folder, parts_of(folder), "runs of a batch", resume=resume)


def _plan(given: Plan | Mapping[str, Any] | str | Path) -> Plan:
    if isinstance(given, Plan):
        return given
    return read_plan(given) if isinstance(given, str | Path) else plan_of(given)


def _begin(outcome: Outcome, plan: Plan, rows: Rows, keys: Keys) -> tuple[Outcome, set[str]]:
    """Put the rows of the folder in order and return which of the plan's are there."""
    if not parts_of(outcome.folder):
        return outcome, set()
    every = {job.key for _, jobs in jobs_of(plan, keys.on) for job in jobs}
    finished, aside = rows.keep_only(every)
    return outcome._replace(total=len(every), skipped=len(finished), set_aside=aside), finished


def _rows(
    tasks: Iterator[Task], plan: Plan, shared: Shared, folder: Path, workers: int, scheduler: str | None
) -> Generator[Row]:
    curves = folder.resolve() / CURVES
    if scheduler is not None:
        return on_cluster(tasks, plan, curves, scheduler, workers)
    if plan.processes:
        return in_processes(tasks, plan, curves, workers)
    return in_threads(tasks, Worker(plan, shared, curves), workers)
