"""`backtester walk-forward`: parameters chosen on the past of each window, tested on what came next."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backtester._foreign import import_ours
from backtester.cli.exporting import check_ending
from backtester.cli.exporting import export as write_rows
from backtester.cli.options import as_options
from backtester.cli.pictures import check_picture, picture_option, write_picture
from backtester.cli.screen import NARROW, listed, opening, progress, steps, table, terminal
from backtester.cli.stopping import runs_kept, stoppable

if TYPE_CHECKING:
    from backtester.walk_forward import WalkForward


def walk_forward(
    plan: Annotated[
        Path,
        typer.Argument(
            metavar="PLAN.toml", help="A plan with a table [walk_forward]: train, test, measure ...", show_default=False
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the runs that are chosen from.", show_default=False),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on in a folder that has runs: what is finished is skipped.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Runs at a time; else one per processor.", show_default=False)
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="local|dask", help="Threads or processes, or workers of dask on this machine.")
    ] = "",
    scheduler: Annotated[
        str, typer.Option(metavar="tcp://HOST:PORT", help="Scheduler of dask whose workers do the runs.")
    ] = "",
    picture: Annotated[Path | None, picture_option("Draw the equity of all tests put together.")] = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the windows as .csv, .json or .parquet.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the report.")] = False,
) -> None:
    """Choose parameters on each window of a market, and test them on the bars after it, under each margin mode."""
    with as_options(), progress() as tell, redirect_stdout(sys.stderr):  # what an author's code prints is no report
        check_ending(export)
        check_picture(picture)
        tell("starting the engine")
        from backtester.batch.hands import hands_of
        from backtester.walk_forward import read_walk
        from backtester.walk_forward import walk_forward as walk

        asked = read_walk(plan)
        waits = hands_of(workers, engine, scheduler).wait(asked.plan)
        with stoppable("runs", None if out is None else lambda: runs_kept(out), waits=waits):
            result = walk(
                asked,
                workers=workers,
                engine=engine,
                scheduler=scheduler,
                out=out,
                resume=resume,
                progress=steps(tell),
            )
    if export is not None:
        write_rows(result.table, export)
    if as_json:
        print(json.dumps({"plan": str(plan), **result.to_dict()}, indent=2, ensure_ascii=False, allow_nan=False))
    elif export is None:
        _show(result)
        if out is not None:
            print(f"\nThe runs that were chosen from: backtester results {out}")
    if picture is not None:
        write_picture(picture, import_ours("reports.walk_forward").walk_forward_chart(result))
        print(picture, file=sys.stderr if as_json else sys.stdout)


def _show(result: WalkForward) -> None:
    """Print the report: tables on a terminal, else the plain text that ``print(result)`` gives."""
    console = terminal()
    if console is None:
        print(result)
        return
    from backtester.walk_forward import printing

    opening(console, printing.title(result), printing.told(result), result.verdict, synthetic=result.market.synthetic)
    roomy = console.width >= NARROW
    console.print(table(*printing.summary_rows(result), roomy=roomy))
    console.print(table(*printing.window_rows(result), roomy=roomy, dense=True))
    listed(console, "Notes", printing.notes(result))
