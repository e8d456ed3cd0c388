"""A comparison across venues on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtester.cli.screen import NARROW, head, listed, say, table
from backtester.comparing import across_printing

if TYPE_CHECKING:
    from rich.console import Console

    from backtester.comparing.across import AccountComparison

__all__ = ["show_venues"]

EDGES = 2  # columns beside a table


def show_venues(result: AccountComparison, console: Console) -> None:
    """Print the report of several venues: the chief numbers in one table, then all, as many venues abreast as fit."""
    head(console, across_printing.title(result), result)
    roomy = console.width >= NARROW
    console.print(table(*across_printing.overview_rows(result), roomy=roomy, dense=True))
    say(console, "All numbers", "bold")
    for block in across_printing.metrics_blocks(result, console.width - EDGES):
        console.print(table(*block, roomy=roomy, dense=True))
    if result.intervals:
        say(console, across_printing.HOW_SURE, "bold")
        console.print(table(*across_printing.interval_rows(result), roomy=roomy, dense=True))
    listed(console, "Where the modes part", across_printing.partings(result))
    listed(console, "What the bars hide", across_printing.bars(result))
    listed(console, "Notes", across_printing.notes(result))
