"""`backtester bootstrap`: the margin modes on many markets drawn from one."""

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
from backtester.cli.run_options import RunOptions, with_run_options
from backtester.cli.screen import NARROW, listed, opening, progress, say, steps, table, terminal
from backtester.cli.setting_up import configuration_of, one_account, set_up
from backtester.cli.stopping import stoppable

if TYPE_CHECKING:
    from backtester.bootstrap import Bootstrap


@with_run_options
def bootstrap(
    asked: RunOptions,
    draws: Annotated[int, typer.Option(metavar="N", help="Markets to draw.")] = 1_000,
    draw_seed: Annotated[int, typer.Option(metavar="N", help="Of the draws: the same seed, the same markets.")] = 0,
    block: Annotated[
        float | None,
        typer.Option(
            metavar="BARS", help="Mean length of a block; left out: chosen from the data.", show_default=False
        ),
    ] = None,
    level: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    floor: Annotated[
        float, typer.Option(help="Part of the balance; how probable it is to fall to it is told.")
    ] = 0.1,
    threads: Annotated[
        int | None,
        typer.Option(metavar="N", help="Draws at a time; left out: one per processor.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder in which draws are kept as they are done.", show_default=False),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on in a folder that has draws: what is done is not done again.")
    ] = False,
    picture: Annotated[Path | None, picture_option("Draw between what each mode ends on the draws.")] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write every draw, mode and path inside the bars as .parquet, .csv or .json.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the report.")] = False,
) -> None:
    """Run a strategy under several margin modes on many markets drawn from one, and say how sure the comparison is.

    A draw is made of blocks of the market's bars, all instruments together. The modes run on the same draws.
    """
    stop = stoppable("draws", None if out is None else lambda: _kept(out))
    with stop, as_options(), progress() as tell, redirect_stdout(sys.stderr):  # no author's code reports
        check_ending(export)
        check_picture(picture)
        setup = set_up(asked, tell)
        account = one_account(setup.accounts, "bootstrap")
        tell("starting the engine")
        from backtester.bootstrap import bootstrap as resample

        result = resample(
            setup.chosen,
            setup.market,
            account,
            setup.modes,
            draws=draws,
            seed=draw_seed,
            block=block,
            level=level,
            floor=floor,
            threads=threads,
            out=out,
            resume=resume,
            progress=steps(tell),
        )
    if export is not None:
        write_rows(result.draws, export)
    if as_json:
        configuration = configuration_of("bootstrap", asked.strategies, setup)
        whole = {"configuration": configuration, **result.to_dict()}
        print(json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False))
    elif export is None:
        _show(result)
    if picture is not None:
        write_picture(picture, import_ours("reports.ranges").bootstrap_chart(result))
        print(picture, file=sys.stderr if as_json else sys.stdout)


def _kept(out: Path) -> str:
    """Say, when it is stopped, that draws are kept."""
    from backtester._parts import parts_in
    from backtester.bootstrap.keeping import DRAWS

    if not parts_in(out / DRAWS):
        return "No draw was done."
    return f"The draws so far are in {out}: the same command with --resume goes on."


def _show(result: Bootstrap) -> None:
    """Print the report: tables on a terminal, else the plain text that ``print(result)`` gives."""
    console = terminal()
    if console is None:
        print(result)
        return
    from backtester.bootstrap import printing

    synthetic, roomy = result.observed.first.market.synthetic, console.width >= NARROW
    opening(console, printing.title(result), printing.told(result), result.verdict, synthetic=synthetic)
    for rows in (printing.band_rows(result), printing.share_rows(result)):
        console.print(table(*rows, roomy=roomy, dense=True))
    say(console, printing.INSIDE, "bold")
    console.print(table(*printing.inside_rows(result), roomy=roomy, dense=True))
    listed(console, "Notes", printing.notes(result))
