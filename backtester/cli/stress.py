"""`backtester stress`: the margin modes without and with shocks laid on the market."""

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
from backtester.cli.screen import NARROW, listed, opening, progress, steps, table, terminal
from backtester.cli.setting_up import configuration_of, one_account, set_up

if TYPE_CHECKING:
    from backtester.stress import StressComparison


@with_run_options
def stress(
    asked: RunOptions,
    shock: Annotated[
        list[str],
        typer.Option(
            metavar="KIND:VALUE@TIME",
            help="gap, flash_crash, drop, funding, dislocation or outage, such as gap:-0.2@2025-10-10T21:00 or, with "
            "what it has beside, flash_crash:0.3,down=2,up=6,symbols=BTCUSDT@50%. Several in one run are joined by "
            "' + '; repeated, the option is one more run.",
            show_default=False,
        ),
    ],
    picture: Annotated[Path | None, picture_option("Draw where each mode ends under each shock.")] = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all metrics as .csv, .json or .parquet.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the report.")] = False,
) -> None:
    """Run a strategy under several margin modes on a market as it is, and with each of some shocks laid on it."""
    with as_options(), progress() as tell, redirect_stdout(sys.stderr):  # what an author's code prints is no report
        check_ending(export)
        check_picture(picture)
        from backtester.stress import read_shocks

        shocks = [read_shocks(text) for text in shock]
        setup = set_up(asked, tell)
        account = one_account(setup.accounts, "stress")
        tell("starting the engine")
        from backtester.stress import stress as under_stress

        result = under_stress(setup.chosen, setup.market, account, shocks, setup.modes, progress=steps(tell))
    if export is not None:
        write_rows(result.metrics.reset_index(), export)
    if as_json:
        configuration = configuration_of("stress", asked.strategies, setup)
        print(json.dumps({"configuration": configuration, **result.to_dict()}, indent=2, ensure_ascii=False))
    elif export is None:
        _show(result)
    if picture is not None:
        write_picture(picture, import_ours("reports.ranges").stress_chart(result))
        print(picture, file=sys.stderr if as_json else sys.stdout)


def _show(result: StressComparison) -> None:
    """Print the report: tables on a terminal, else the plain text that ``print(result)`` gives."""
    console = terminal()
    if console is None:
        print(result)
        return
    from backtester.comparing.printing import facts
    from backtester.stress import printing

    told = [*facts(result.calm), *printing.legend(result)]
    opening(console, printing.title(result), told, result.verdict, synthetic=result.calm.first.market.synthetic)
    console.print(table(*printing.rows(result), roomy=console.width >= NARROW, dense=True))
    listed(console, "What the bars hide", printing.bars(result))
    listed(console, "Notes", printing.notes(result))
