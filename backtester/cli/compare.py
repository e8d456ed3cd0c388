"""`backtester compare`: one strategy under several margin modes, on a screen and as a folder."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtester._foreign import import_ours
from backtester.cli.options import as_options, names
from backtester.cli.run_options import RunOptions, with_run_options
from backtester.cli.screen import Tell, progress, show, steps
from backtester.cli.setting_up import Setup, configuration_of, one_account, set_up
from backtester.cli.stopping import stoppable
from backtester.errors import ConfigurationError

if TYPE_CHECKING:
    from backtester.compare import Comparison
    from backtester.comparing.across import AccountComparison
    from reports.helper import Helper

__all__ = ["compare", "run", "write"]

CLOSE_UPS = 3  # liquidations of each mode that get a chart of their own, unless more are asked for


@with_run_options
def compare(
    asked: RunOptions,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="New folder for page, charts, tables and data. Nothing is overwritten."),
    ] = None,
    leverages: Annotated[
        str, typer.Option(metavar="A,B", help="Several leverages to compare in one table, in place of --leverage.")
    ] = "",
    close_ups: Annotated[
        int, typer.Option(metavar="N", min=0, help="Liquidations of each mode with a chart of their own on the page.")
    ] = CLOSE_UPS,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="In --out also the report and each chart as PDF, which takes a while.")
    ] = False,
    draws: Annotated[
        int, typer.Option(metavar="N", min=0, help="Markets to draw from this one, so that differences have intervals.")
    ] = 0,
    draw_seed: Annotated[int, typer.Option(metavar="N", help="Of the draws: the same seed, the same markets.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the report.")] = False,
) -> None:
    """Run a strategy, or several in one account, under several margin modes and compare them.

    Each mode also runs under the other paths that the bars may hide, so that the report can say how sure it is. With
    --draws the modes run on resampled markets too, as 'backtester bootstrap' does.
    """
    with as_options(), progress() as tell, redirect_stdout(sys.stderr):  # what an author's code prints is no report
        if out is not None:
            import_ours("reports.write").check_folder(out)
        levels = _levels(leverages)
        setup = set_up(asked, tell)
        draws_charts = out is not None and not pdf
        with import_ours("reports.helper").helper() if draws_charts else nullcontext() as helper:
            comparison = _compared(setup, tell, levels, draws, draw_seed)
            configuration = configuration_of("compare", asked.strategies, setup)
            if levels:
                configuration["account"]["leverage"] = levels
            page = out and write(comparison, out, configuration, tell, close_ups, paper=pdf, helper=helper)
    if as_json:
        print(_json(comparison, configuration, page))
        return
    show(comparison)
    if page is not None:
        print(f"\nThe report is in\n{page}")


def _levels(given: str) -> list[float]:
    """Return the leverages named, none if they were left out."""
    try:
        return [float(each) for each in names(given)]
    except ValueError:
        problem, cure = "is no list of numbers", "Write --leverages 5,10,20"
        raise ConfigurationError("--leverages", given, problem, cure=cure) from None


def _compared(
    setup: Setup, tell: Tell, levels: list[float], draws: int, draw_seed: int
) -> Comparison | AccountComparison:
    """Compare what was asked for, modes, venues or leverages, and with draws on markets drawn from this one too."""
    if draws and not levels and len(setup.accounts) == 1:
        return run_sampled(setup, tell, draws, draw_seed)
    found = _at_leverages(setup, tell, levels) if levels else run(setup, tell)
    return _drawn(found, setup, tell, levels, draws, draw_seed) if draws else found


def _at_leverages(setup: Setup, tell: Tell, levels: list[float]) -> AccountComparison:
    account = one_account(setup.accounts, "compare --leverages")
    tell("starting the engine")
    from backtester.comparing.across import compare_leverages

    return compare_leverages(setup.chosen, setup.market, account, levels, setup.modes, progress=steps(tell))


def run(setup: Setup, tell: Tell) -> Comparison | AccountComparison:
    """Compare with progress, at the venue of each account; the first run on a machine says that it compiles."""
    tell("starting the engine")
    from backtester.compare import compare as compare_modes
    from backtester.comparing.across import compare_venues

    step = steps(tell)
    chosen, market, accounts, modes = setup.chosen, setup.market, setup.accounts, setup.modes
    if len(accounts) == 1:
        return compare_modes(chosen, market, accounts[0], modes, progress=step)
    venues = [account.venue for account in accounts]
    return compare_venues(chosen, market, accounts[0], venues, modes, progress=step)


def run_sampled(setup: Setup, tell: Tell, draws: int, draw_seed: int) -> Comparison:
    """Compare modes as `run` does, and on markets drawn from this one."""
    tell("starting the engine")
    from backtester.bootstrap import bootstrap

    with stoppable("draws"):
        found = bootstrap(
            setup.chosen, setup.market, setup.accounts[0], setup.modes, draws=draws, seed=draw_seed,
            progress=steps(tell),
        )  # fmt: skip
    return found.comparison


def _drawn(
    found: Any, setup: Setup, tell: Tell, levels: list[float], draws: int, draw_seed: int
) -> AccountComparison:
    """Return a comparison of venues or leverages with what they come to on markets drawn from this one."""
    from backtester.bootstrap import bootstrap_accounts
    from backtester.comparing.across import leverage_accounts, venue_accounts

    first = setup.accounts[0]
    venues = [account.venue for account in setup.accounts]
    accounts = leverage_accounts(first, levels) if levels else venue_accounts(first, venues)
    with stoppable("draws"):
        return bootstrap_accounts(
            found, setup.chosen, setup.market, accounts, draws=draws, seed=draw_seed, progress=steps(tell)
        )


def write(
    comparison: Comparison | AccountComparison,
    out: Path,
    configuration: dict[str, Any],
    tell: Tell,
    close_ups: int = CLOSE_UPS,
    *,
    paper: bool = False,
    helper: Helper | None = None,
) -> Path:
    """Write the folder of a report and return its page, as the user named it."""
    tell("writing the report")
    page = import_ours("reports.write").write_report(
        comparison,
        out,
        configuration=configuration,
        progress=lambda what: tell(f"writing {what}"),
        close_ups=close_ups,
        paper=paper,
        helper=helper,
    )
    return out / page.name


def _json(comparison: Comparison | AccountComparison, configuration: dict[str, Any], page: Path | None) -> str:
    whole = {"configuration": configuration, **comparison.to_dict(), "report": None if page is None else str(page)}
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)
