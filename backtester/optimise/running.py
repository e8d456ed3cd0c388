"""A search for the best parameters: trials that optuna proposes, run under every margin mode, a row for each run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from backtester.batch.beside import Given
from backtester.batch.keys import Keys
from backtester.batch.objective import POSITIONS
from backtester.batch.plan import Plan
from backtester.batch.shared import Shared
from backtester.batch.store import CURVES, Rows, rows_by_key, rows_in
from backtester.batch.tasks import jobs_of, tasks_of
from backtester.batch.work import Row, Worker
from backtester.compare import Progress
from backtester.errors import ConfigurationError
from backtester.optimise.outcome import Optimised, Trial
from backtester.optimise.settings import OptimisePlan, read_optimise

__all__ = ["optimise"]


def optimise(
    given: OptimisePlan | Given, out: str | Path, *, resume: bool = False, progress: Progress | None = None
) -> Optimised:
    """Search for what is best by a measure of a margin mode, or of the difference of two.

    Every trial runs under every mode and leaves a row for each, as `backtester.batch.run_plan` does. The proposals
    follow from the seed and from what the trials before came to, so that a search that goes on proposes what it did
    before: runs that are there are not done again, and the outcome is that of a search that was never stopped.

    Parameters
    ----------
    given : OptimisePlan, mapping, str or Path
        A plan with a table ``[optimise]``: see docs/optimise.md.
    out : str or Path
        Folder for the rows, made if it is missing; `backtester.batch.read_runs` reads it.
    resume : bool
        Go on in a folder that has rows.
    progress : callable, optional
        Called as ``progress(done, total, what)``.

    Returns
    -------
    Optimised

    Raises
    ------
    ConfigurationError
        If the plan cannot be used, optuna is not installed, or the folder has rows and `resume` is False.
    """
    asked = given if isinstance(given, OptimisePlan) else read_optimise(given)
    study = _study(asked)
    folder = Path(out).expanduser()
    tell = progress or (lambda done, total, what: None)
    full = asked.objective.measure in POSITIONS
    plan = asked.plan._replace(metrics="full" if full else asked.plan.metrics)
    with rows_in(folder, plan, resume=resume) as rows:
        search = _Search(asked, plan, folder, rows)
        trials: list[Trial] = []
        for number in range(asked.trials):
            tell(number, asked.trials, _so_far(asked, trials))
            trials.append(search.trial(study, number))
    tell(asked.trials, asked.trials, "done")
    return Optimised(asked, folder, trials, search.done, len(search.known.keys() - search.used))


def _study(asked: OptimisePlan) -> Any:
    try:
        import optuna
    except ImportError as error:
        cure = "Install the extra `optimise`: pip install optuna"
        raise ConfigurationError("optimise", "optuna", "is not installed", cure=cure) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    samplers = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}
    return optuna.create_study(
        direction="maximize" if asked.objective.aim == "most" else "minimize",
        sampler=samplers[asked.sampler](seed=asked.seed),
    )


def _so_far(asked: OptimisePlan, trials: list[Trial]) -> str:
    best = asked.objective.best([trial.value for trial in trials])
    return "trials" if best is None else f"best of the trials so far: {trials[best].value:.6g}"


class _Search:
    """Runs of trials, with the rows that are there already."""

    def __init__(self, asked: OptimisePlan, plan: Plan, folder: Path, rows: Rows) -> None:
        self._asked, self._plan, self._kept = asked, plan, rows
        self._shared = Shared(self._plan, 1)
        self._keys = Keys(self._plan, self._shared)
        self._worker = Worker(self._plan, self._shared, folder.resolve() / CURVES)
        self.known = rows_by_key(folder)
        self.used: set[str] = set()
        self.done = 0

    def trial(self, study: Any, number: int) -> Trial:
        """Ask for a trial, run it under every mode, and tell what it came to."""
        from optuna.trial import TrialState

        proposed = study.ask()
        settings = {name: each.ask(proposed, name) for name, each in self._asked.space.items()}
        rows = self._rows(self._plan._replace(axes=self._plan.axes | {name: (v,) for name, v in settings.items()}))
        measured = {mode: _number(row.get(self._asked.objective.measure)) for mode, row in rows.items()}
        value = self._asked.objective.value(measured, self._asked.modes)
        if math.isfinite(value):
            study.tell(proposed, value)
        else:
            study.tell(proposed, state=TrialState.FAIL)
        return Trial(number + 1, settings, rows, value)

    def _rows(self, plan: Plan) -> dict[str, Row]:
        """Return the rows of a trial by mode; those that are not there are done now."""
        keys = {job.run["mode"]: job.key for _, jobs in jobs_of(plan, self._keys.on) for job in jobs}
        for task in tasks_of(plan, 1, self._keys.on, self.known.keys()):
            for row in self._worker.rows(task):
                self._kept.add(row)
                self.known[row["key"]] = row
                self.done += 1
        self.used |= set(keys.values())
        return {mode: self.known[key] for mode, key in keys.items()}


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
