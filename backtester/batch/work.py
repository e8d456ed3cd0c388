"""The runs of a task, one row each: what came out, or why nothing did."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtester._foreign import import_ours
from backtester.asking.loading import author_line, is_file_spec
from backtester.batch.plan import Plan, Run
from backtester.batch.shared import Shared, Wishes
from backtester.batch.tasks import Job, Task
from backtester.batch.teams import members
from backtester.errors import BacktesterError

if TYPE_CHECKING:
    from backtester.account import Account
    from backtester.engine import Prepared
    from backtester.market import Market
    from backtester.result import Result

__all__ = ["Row", "Worker", "failed", "settings_row"]

DAY = 86_400e9  # [ns]
Row = dict[str, Any]


class Worker:
    """Does tasks.

    Parameters
    ----------
    plan : Plan
    shared : Shared
        Of this process.
    curves : Path
        Folder for the equity of each bar, where the plan asks for that.
    """

    def __init__(self, plan: Plan, shared: Shared, curves: Path) -> None:
        self._plan, self._shared, self._curves = plan, shared, curves

    def rows(self, task: Task) -> Iterator[Row]:
        """Yield a row for each run of a task as soon as it is done; a failed one has its error."""
        wishes = cache(lambda: self._shared.wishes(task))  # an error is not kept: each run has it
        for job in task.jobs:
            try:
                yield settings_row(job) | self._measures(task, job, wishes()) | {"error": None}
            except (Exception, SystemExit) as error:  # an author's code may raise anything, and leave
                yield failed(job, _said(error, task.strategy))

    def _measures(self, task: Task, job: Job, wishes: Wishes) -> Row:
        from backtester.comparing.summary import plain, summarise
        from backtester.engine import run

        account = self._shared.account(job.run, task.wanted)
        full = self._plan.metrics == "full"
        record = "full" if full or self._plan.curves else "none" if self._plan.check else "measures"
        market, prepared = self._on(wishes, account, job.run)
        result = run(wishes.team, market, account, record=record, prepared=prepared)
        if self._plan.check:
            result.check_ledger()
        if self._plan.curves:
            self._keep(job.key, result)
        measures = summarise(result) if full else plain(result)
        about = {"bars": len(result.equity), "days": _days(result), "synthetic": market.synthetic}
        return about | {name: None if math.isnan(value) else value for name, value in measures.items()}

    def _on(self, wishes: Wishes, account: Account, run: Run) -> tuple[Market, Prepared]:
        """Return the market of a run, and what is wanted on it."""
        return wishes.market, wishes.of(account)

    def _keep(self, key: str, result: Result) -> None:
        import_ours("data.writing").write_rows(self._curves / f"{key}.parquet", result.equity_frame.reset_index())


def _days(result: Result) -> float:
    time = result.market.close_time[-1] - result.market.open_time[0]
    return float(time / DAY)


def settings_row(job: Job) -> Row:
    """Return the columns that say which run a row is."""
    start, end = job.run["period"]
    return {"key": job.key, **job.run, "start": start, "end": end}


def failed(job: Job, error: str) -> Row:
    """Return the row of a run of which nothing came."""
    return settings_row(job) | {"error": error}


def _said(error: BaseException, strategy: str) -> str:
    if isinstance(error, BacktesterError):
        return str(error)
    files = [each.place.rpartition(":")[0] or each.place for each in members(strategy) if is_file_spec(each.place)]
    places = dict.fromkeys(author_line(error, file) for file in files)
    return f"{type(error).__name__}: {error}" + "".join(f" ({place})" for place in places)
