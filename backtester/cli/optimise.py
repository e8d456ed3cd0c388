"""`backtester optimise`: a search for the best parameters, safe to be stopped."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backtester.cli.exporting import check_ending
from backtester.cli.exporting import export as write_rows
from backtester.cli.options import as_options
from backtester.cli.screen import NARROW, progress, say, steps, table, terminal
from backtester.cli.stopping import runs_kept, stoppable

if TYPE_CHECKING:
    from backtester.optimise import Optimised


def optimise(
    plan: Annotated[
        Path, typer.Argument(metavar="PLAN.toml", help="A plan with a table [optimise].", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the rows; else out/ and the plan's name.", show_default=False),
    ] = None,
    trials: Annotated[int | None, typer.Option(metavar="N", help="In place of the plan's.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="In place of the plan's.", show_default=False)] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on in a folder that has rows: what is there is not run again.")
    ] = False,
    top: Annotated[int, typer.Option(metavar="N", min=1, help="Best trials to show.")] = 5,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the trials as .csv, .json or .parquet.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the report.")] = False,
) -> None:
    """Search for the parameters with the best measure of a margin mode, or of the difference of two (needs optuna)."""
    folder = out or Path("out") / plan.stem
    with as_options(), progress() as tell, redirect_stdout(sys.stderr):  # what an author's code prints is no report
        check_ending(export)
        tell("starting the engine")
        from backtester.optimise import optimise as search
        from backtester.optimise import read_optimise

        asked = read_optimise(plan, trials=trials, seed=seed)
        with stoppable("trials", lambda: runs_kept(folder), waits=False):
            found = search(asked, folder, resume=resume, progress=steps(tell))
    if export is not None:
        write_rows(found.table, export)
    if as_json:
        print(json.dumps({"plan": str(plan), **found.to_dict()}, indent=2, ensure_ascii=False, allow_nan=False))
    elif export is None:
        _show(found, top)
        print(f"\nAll trials: backtester results {folder}")


def _show(found: Optimised, top: int) -> None:
    """Print the report: tables on a terminal, else plain text."""
    console = terminal()
    if console is None:
        print(found.printed(top))
        return
    from backtester.comparing.printing import SYNTHETIC

    if found.synthetic:
        say(console, SYNTHETIC, "bold yellow")
    say(console, found.verdict, "bold")
    if found.best is not None:
        roomy = console.width >= NARROW
        console.print(table(*found.chief_rows(), roomy=roomy))
        console.print(table(*found.rows(top), roomy=roomy, dense=True))
    say(console, found.elsewhere)
