"""What a walk-forward chooses among: the combinations of a plan, each under every margin mode."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from backtester.asking.parameters import said
from backtester.batch.plan import Plan, Run
from backtester.batch.settings import PARAMS
from backtester.batch.tasks import Task, jobs_of
from backtester.batch.teams import asked_of
from backtester.batch.variants import variant_of

__all__ = ["Candidate", "candidates_of", "differing"]


class Candidate(NamedTuple):
    """A strategy with parameters and leverage.

    Parameters
    ----------
    task : Task
        Market, strategy and parameters.
    runs : dict of str to Run
        Its settings under each margin mode.
    """

    task: Task
    runs: dict[str, Run]

    def settings(self, names: list[str]) -> dict[str, Any]:
        """Return some of its settings; None for a parameter of another strategy."""
        run = next(iter(self.runs.values()))
        return {name: run.get(name) for name in names}

    def words(self, names: list[str]) -> str:
        """Return some of its settings in words: ``window=24, leverage=5``; the strategy where nothing differs."""
        known = {name: value for name, value in self.settings(names).items() if value is not None}
        told = ", ".join(
            str(value) if name == "strategy" else f"{name.removeprefix(f'{PARAMS}.')}={said(value)}"
            for name, value in known.items()
        )
        return told or self.task.strategy


def candidates_of(plan: Plan) -> list[Candidate]:
    """Return the candidates of a plan, those of one strategy and its parameters together."""
    out = []
    for wanted, jobs in jobs_of(plan, lambda wanted, strategy: lambda run: ""):
        for _, group in groupby(jobs, lambda job: {k: v for k, v in job.run.items() if k != "mode"}):
            runs = {job.run["mode"]: job.run for job in group}
            first = next(iter(runs.values()))
            out.append(Candidate(Task(wanted, variant_of(first), first["strategy"], asked_of(first), ()), runs))
    return out


def differing(candidates: Sequence[Candidate], names: Sequence[str]) -> list[str]:
    """Return the settings in which candidates differ, beside the margin mode."""

    def differs(name: str) -> bool:
        first, *others = (next(iter(each.runs.values())).get(name) for each in candidates)
        return any(other != first for other in others)

    return [name for name in names if name != "mode" and differs(name)]
