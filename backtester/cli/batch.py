"""`backtester batch`: every run of a plan, with progress, safe to be stopped."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtester.cli.options import as_options
from backtester.cli.results_page import keep_plan
from backtester.cli.screen import compiles, progress
from backtester.cli.stopping import runs_kept, stoppable

if TYPE_CHECKING:
    from backtester.batch import Outcome, Plan
    from backtester.batch.plan import Axes
    from backtester.batch.runner import Progress

NAMED = ("strategy", "market")  # as every parameter and rule
RARE = ("draw_seed", "block", "draw", "shock", "isolated", "shares")


def batch(
    plan: Annotated[
        Path,
        typer.Argument(metavar="PLAN.toml", help="A plan: any list in it is an axis.", show_default=False),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the rows; else out/ and the plan's name.", show_default=False),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Runs at a time; else one per processor.", show_default=False)
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="local|dask", help="Threads or processes, or workers of dask on this machine.")
    ] = "",
    scheduler: Annotated[
        str, typer.Option(metavar="tcp://HOST:PORT", help="Scheduler of dask whose workers do the runs.")
    ] = "",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on in a folder that has rows: what is finished is skipped.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many runs there are and what they take, and run none.")
    ] = False,
) -> None:
    """Do every run of a plan: one row for each, in Parquet files that are whole at any moment.

    Exit code 0 if all runs are done, 1 if some failed: a run that fails is a row with its error.
    """
    from backtester.batch.hands import hands_of
    from backtester.batch.plan import read_plan
    from backtester.batch.runner import run_plan
    from backtester.batch.store import check_folder

    folder = out or Path("out") / plan.stem
    with as_options(), redirect_stdout(sys.stderr):  # what an author's code prints is no report
        chosen, hands = read_plan(plan), hands_of(workers, engine, scheduler)
        check_folder(folder, resume=resume or dry_run)
        tried = chosen._replace(processes=chosen.processes or hands.on_dask)
        said = _described(plan, chosen) + ([] if scheduler else _estimated(tried, hands.workers))
    print("\n".join(said), flush=True)
    if dry_run:
        return
    so_far: list[Outcome] = []
    stop = stoppable("runs", lambda: runs_kept(folder, so_far[0].total if so_far else 0), waits=hands.wait(chosen))
    try:
        with stop, as_options(), redirect_stdout(sys.stderr), _live() as show:
            outcome = run_plan(
                chosen,
                folder,
                workers=hands.workers,
                engine=engine,
                scheduler=scheduler,
                resume=resume,
                progress=lambda now: _tell(now, so_far, show),
            )
    finally:
        keep_plan(plan, folder)
    print("\n".join(_ended(outcome)))
    raise typer.Exit(1 if outcome.failed else 0)


def _described(path: Path, plan: Plan) -> list[str]:
    """Return what a plan runs: its axes, and what is added and left out."""
    from backtester.batch.printing import values_said
    from backtester.text import counted

    axes = {name: values for name, values in plan.axes.items() if _is_told(name, values)}
    wide = max(map(len, axes))
    said = [f"{path}: {counted(plan.n_runs, 'run')}"]
    said += [f"  {name:{wide}}  {values_said(values)}" for name, values in axes.items()]
    for added in plan.include:
        said.append(f"  and also: {_named({k: v for k, v in added.items() if plan.axes.get(k) != v})}")
    return said + [f"  without: {_named(left_out)}" for left_out in plan.exclude]


def _is_told(name: str, values: tuple[Any, ...]) -> bool:
    """Return whether a setting is shown: what varies, what every plan has, and what few have."""
    from backtester.batch.settings import SETTINGS

    return len(values) > 1 or name in NAMED or "." in name or (name in RARE and values != SETTINGS[name].default)


def _named(axes: Axes) -> str:
    from backtester.batch.printing import values_said

    return "; ".join(f"{name} {values_said(values)}" for name, values in axes.items())


def _estimated(plan: Plan, workers: int) -> list[str]:
    """Return what a plan takes, in words."""
    from backtester.batch.estimate import estimate
    from backtester.text import counted, span

    with progress() as tell:
        tell("trying the first run" + (" (compiling the engine, once)" if compiles() else ""))
        found = estimate(plan, workers)
    if found.problem:
        return ["The first run fails, so time and memory cannot be told:", f"  {found.problem}"]
    time, trial = (span(max(round(seconds), 1.0) * 1e9) for seconds in (found.seconds, found.trial))
    with_workers = counted(workers, "process" if plan.processes else "thread", "processes" if plan.processes else None)
    about = f"About {time} and {found.memory / 2**30:.1f} GiB with {with_workers}"
    return [f"{about}, if all runs are like the first (tried in {trial})."]


@contextmanager
def _live() -> Iterator[Progress]:
    """Show runs done, their rate, the time left and failures, on stderr and only if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda now: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failures]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, speed_estimate_period=60) as display:
        task = display.add_task("", total=None, rate="", failures="")

        def show(now: Outcome) -> None:
            elapsed = display.tasks[0].elapsed or 0.0
            rate = f"{now.done / elapsed:,.1f} runs/s" if elapsed > 0 and now.done else ""
            failures = f"[red]{now.failed:,} failed[/red]" if now.failed else ""
            display.update(task, total=now.total, completed=now.skipped + now.done, rate=rate, failures=failures)

        yield show


def _tell(now: Outcome, so_far: list[Outcome], show: Progress) -> None:
    so_far[:] = [now]
    show(now)


def _ended(outcome: Outcome) -> list[str]:
    from backtester.text import counted

    done = f"{counted(outcome.done, 'run')} done"
    before = f", {outcome.skipped:,} finished before" if outcome.skipped else ""
    failed = f", {outcome.failed:,} failed" if outcome.failed else ""
    said = [f"{done}{before}{failed}: {outcome.folder}"]
    if outcome.set_aside:
        rows = counted(outcome.set_aside, "row")
        said.append(f"{rows} of other plans, data or sources were there: now in {outcome.folder / 'earlier'}")
    said.append(f"Read them: backtester results {outcome.folder}" + (" --failed" if outcome.failed else ""))
    return said
