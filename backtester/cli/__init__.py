"""The command line: the composition root, and the only place that imports everything.

Commands import what they need when they run, so that `--help` stays instant.
"""

from __future__ import annotations

import gc
import os
import sys

import typer

from backtester.cli import (
    batch,
    bootstrap,
    compare,
    data,
    demo,
    margin,
    optimise,
    results,
    scenario,
    strategy,
    stress,
    venues,
    walk_forward,
)
from backtester.cli.group import Group
from backtester.cli.stopping import INTERRUPTED, leave_if_hurried
from backtester.errors import BacktesterError

__all__ = ["app", "main"]

GARBAGE = 1_000_000  # objects between two searches for garbage: there is little of it, and a search takes its time
app = typer.Typer(
    cls=Group,
    name="backtester",
    help="Backtests of perpetual futures under isolated and cross margin.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("batch")(batch.batch)
app.command("bootstrap")(bootstrap.bootstrap)
app.command("compare")(compare.compare)
app.command("demo")(demo.demo)
app.command("margin")(margin.margin)
app.command("optimise")(optimise.optimise)
app.command("results")(results.results)
app.command("stress")(stress.stress)
app.command("walk-forward")(walk_forward.walk_forward)
app.add_typer(data.app, name="data")
app.add_typer(scenario.app, name="scenario")
app.add_typer(strategy.app, name="strategy")
app.add_typer(venues.app, name="venues")


def main() -> None:
    """Run the command line; a `BacktesterError` becomes one message and exit code 2."""
    gc.set_threshold(GARBAGE)
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # here, where a full disk can still be said
    except BacktesterError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:  # what typer makes of Ctrl-C, without a word
            print("interrupted", file=sys.stderr)
            leave_if_hurried()
        raise
    except ImportError as error:  # a foreign `data` or `reports` in the way gets its clear message
        from backtester import _foreign

        clear = _foreign.explain(error)
        if clear is None:
            raise
        print(f"error: {clear}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        _forget_output()
        sys.exit(1)
    except OSError as error:  # a folder that may not be read, a full disk behind stdout
        print(f"error: {error}: mend that and run this again.", file=sys.stderr)
        _forget_output()
        sys.exit(2)


def _forget_output() -> None:
    """Send what is left of stdout nowhere, so that it does not fail once more at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
