"""What a walk-forward chooses among: the combinations of a plan, each under every margin mode."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from backtester._parameters import said
from backtester.batch.objective import POSITIONS
from backtester.batch.plan import Plan, Run
from backtester.batch.settings import PARAMS
from backtester.batch.shared import Shared
from backtester.batch.tasks import Task, jobs_of
from backtester.batch.teams import asked_of
from backtester.batch.variants import variant_of
from backtester.summary import plain, summarise
from backtester.walk_forward.seam import inside

if TYPE_CHECKING:
    from backtester.account import Account
    from backtester.market import Market
    from backtester.result import Result

__all__ = ["Candidate", "Lane", "candidates_of", "measures_of"]


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
        """Return some of its settings in words: ``window=24, leverage=5``."""
        known = {name: value for name, value in self.settings(names).items() if value is not None}
        return ", ".join(
            str(value) if name == "strategy" else f"{name.removeprefix(f'{PARAMS}.')}={said(value)}"
            for name, value in known.items()
        )


def candidates_of(plan: Plan) -> list[Candidate]:
    """Return the candidates of a plan, those of one strategy and its parameters together."""
    out = []
    for wanted, jobs in jobs_of(plan, lambda wanted, strategy: lambda run: ""):
        for _, group in groupby(jobs, lambda job: {k: v for k, v in job.run.items() if k != "mode"}):
            runs = {job.run["mode"]: job.run for job in group}
            first = next(iter(runs.values()))
            out.append(Candidate(Task(wanted, variant_of(first), first["strategy"], asked_of(first), ()), runs))
    return out


class Lane:
    """Runs of candidates in windows of their market.

    Parameters
    ----------
    plan : Plan
    shared : Shared
        Where the market is, and what strategies want.
    positions : bool
        Whether the measure needs the positions of each bar.
    """

    def __init__(self, plan: Plan, shared: Shared, *, positions: bool) -> None:
        self._plan, self._shared, self._full = plan, shared, positions

    def account(self, candidate: Candidate, mode: str) -> Account:
        """Return the account of a candidate."""
        return self._shared.account(candidate.runs[mode], candidate.task.wanted)

    def run(self, candidate: Candidate, account: Account, bars: tuple[int, int], part: Market) -> Result:
        """Return the run of a candidate in a window, whose market is given too, from a flat start."""
        from backtester.engine import run

        wishes = self._shared.wishes(candidate.task)
        wanted = inside(wishes.of(account), wishes.market, *bars)
        result = run(wishes.team, part, account, record="full" if self._full else "lows", prepared=wanted)
        if self._plan.check:
            result.check_ledger()
        return result


def measures_of(result: Result, measure: str) -> dict[str, float]:
    """Return the measures of a run that are shown, and the one that is chosen by."""
    return summarise(result) if measure in POSITIONS else plain(result)
