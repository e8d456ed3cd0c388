"""A walk-forward: parameters are chosen on the past of each window and tested on what came next."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import closing, nullcontext
from functools import partial
from operator import attrgetter
from pathlib import Path

from backtester._parts import check_resume
from backtester.batch.beside import Given
from backtester.batch.hands import Hands, hands_of
from backtester.batch.keys import Keys
from backtester.batch.plan import Plan
from backtester.batch.shared import Shared
from backtester.batch.store import CURVES, Rows, rows_by_key, rows_in
from backtester.batch.tasks import Task
from backtester.batch.work import Row
from backtester.compare import Progress
from backtester.comparing.assumptions import assumptions
from backtester.comparing.verdict import name_of
from backtester.errors import ConfigurationError
from backtester.walk_forward.candidates import Candidate, candidates_of, differing
from backtester.walk_forward.choosing import Chooser, Tried, tasks_of_choices
from backtester.walk_forward.outcome import WalkForward
from backtester.walk_forward.settings import WalkPlan, read_walk
from backtester.walk_forward.trading import Trader
from backtester.walk_forward.windows import windows_of

__all__ = ["walk_forward"]


def walk_forward(
    given: WalkPlan | Given,
    *,
    workers: int | None = None,
    engine: str = "",
    scheduler: str = "",
    out: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> WalkForward:
    """Choose parameters on each window of a market, run them on the bars after it, and put these runs together.

    Nothing of a window's choice or run depends on bars after it. Every run begins flat. In-sample each candidate starts
    with the balance of the plan; out-of-sample each mode goes on with what it had at the end of the window before. A
    candidate that fails in a window cannot be chosen for it.

    Parameters
    ----------
    given : WalkPlan, mapping, str or Path
        A plan with a table ``[walk_forward]``: see docs/walk-forward.md.
    workers, engine, scheduler
        Of the runs that are chosen from, as for `backtester.batch.run_plan`. The outcome does not depend on them.
    out : str or Path, optional
        Folder for the rows of the runs that are chosen from, made if it is missing; `backtester.batch.read_runs` reads
        it. Nothing is kept if it is left out.
    resume : bool
        Go on in a folder that has rows: what is finished is not run again.
    progress : callable, optional
        Called as ``progress(done, total, what)``.

    Returns
    -------
    WalkForward

    Raises
    ------
    ConfigurationError
        If the plan cannot be used, no window fits into the market, every run that is chosen from failed, the folder
        has rows and `resume` is False, or `resume` is True without a folder.
    """
    check_resume(out, resume=resume)
    asked = given if isinstance(given, WalkPlan) else read_walk(given)
    plan = asked.choices
    hands = hands_of(workers, engine, scheduler)
    shared = Shared(plan, hands.workers)
    candidates = candidates_of(plan)
    market = shared.market(candidates[0].task.wanted, candidates[0].task.variant)
    windows = windows_of(market, asked.train, asked.test, asked.gap, anchored=asked.anchored)
    names = differing(candidates, plan.names())
    tasks = partial(tasks_of_choices, candidates, market, windows, Keys(plan, shared))  # not kept: they may be many
    tried = Tried(tasks(), (len(candidates), len(windows)), asked.modes, asked.measure)
    tell, total = progress or (lambda done, total, what: None), tried.value.size + 1
    with closing(_rows(plan, tasks(), tried.keys, shared, hands, out, resume=resume)) as coming:
        for done, row in enumerate(coming):
            tell(done, total, candidates[tried.add(row)].words(names))
    _check_some(tried, candidates, names)
    tell(total - 1, total, "out of sample")
    trader = Trader(asked, shared, market, windows, candidates, names)
    steps = {mode: trader.steps(mode, tried) for mode in asked.modes}
    tell(total, total, "done")
    account = shared.account(candidates[0].runs[asked.modes[0]], candidates[0].task.wanted)
    notes = assumptions(account, market)
    return WalkForward(asked, market, windows, steps, account, candidates, tried, names, notes)


def _rows(
    plan: Plan,
    tasks: Iterator[Task],
    keys: Collection[str],
    shared: Shared,
    hands: Hands,
    out: str | Path | None,
    *,
    resume: bool,
) -> Generator[Row]:
    """Yield the rows of all tasks: those that are there, and the others, which are done now and kept."""
    folder = Path() if out is None else Path(out).expanduser()
    with rows_in(folder, plan, resume=resume) if out is not None else nullcontext() as rows:
        known = {} if rows is None else _finished(folder, rows, keys)
        yield from known.values()
        left = (task._replace(jobs=tuple(job for job in task.jobs if job.key not in known)) for task in tasks)
        with closing(hands.rows(filter(attrgetter("jobs"), left), plan, shared, folder / CURVES, Chooser)) as coming:
            for row in coming:
                if rows is not None:
                    rows.add(row)
                yield row


def _finished(folder: Path, rows: Rows, keys: Collection[str]) -> dict[str, Row]:
    """Return the rows of a folder that need not be done again, by key; those of other plans are set aside."""
    rows.keep_only(keys)
    return rows_by_key(folder)


def _check_some(tried: Tried, candidates: Sequence[Candidate], names: list[str]) -> None:
    """Fail if every run that is chosen from has failed."""
    if len(tried.failures) == tried.value.size:
        first = tried.ordered[0]
        words = f"{candidates[first.candidate].words(names)} in {name_of(first.mode)}"
        problem = f"all {tried.value.size:,} runs in sample failed: nothing can be chosen. The first: {first.error}"
        raise ConfigurationError("walk_forward", words, problem, cure="Mend the strategy, or the plan")
