"""Run a plan: what is finished is skipped, what fails is a row, and what comes is on the disk soon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from backtester.batch.hands import hands_of
from backtester.batch.keys import Keys
from backtester.batch.plan import Plan, plan_of, read_plan
from backtester.batch.shared import Shared
from backtester.batch.store import CURVES, Rows, parts_of, rows_in
from backtester.batch.tasks import jobs_of, tasks_of

__all__ = ["Outcome", "Progress", "run_plan"]


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
    hands = hands_of(workers, engine, scheduler)
    chosen = _plan(plan)
    folder = Path(out).expanduser()
    with rows_in(folder, chosen, resume=resume) as rows:
        shared = Shared(chosen, hands.workers)
        keys = Keys(chosen, shared)
        outcome, finished = _begin(Outcome(folder, chosen.n_runs), chosen, rows, keys)
        tell = progress or (lambda so_far: None)
        tell(outcome)
        tasks = tasks_of(chosen, hands.workers, keys.on, finished)
        with closing(hands.rows(tasks, chosen, shared, folder.resolve() / CURVES)) as coming:
            for row in coming:
                rows.add(row)
                failures = outcome.failed + (row["error"] is not None)
                outcome = outcome._replace(done=outcome.done + 1, failed=failures)
                tell(outcome)
    return outcome


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
