"""Rows of a batch as tables on the screen: headings, cells as people read them, and what there is room for."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

__all__ = ["OF_GROUPS", "cell", "fitted", "heading", "is_given", "label"]

HEADING = 12  # columns of a line of a heading
TIMES = ("start", "end")
OF_GROUPS = {  # what is shown of groups of runs: its heading and what kind of number it is
    "runs": ("runs", "count"),
    "failed": ("failed", "count"),
    "median_final_equity": ("equity,\nmedian", "money"),
    "least_final_equity": ("least", "money"),
    "most_final_equity": ("most", "money"),
    "median_drawdown_in_bars": ("drawdown,\nmedian", "fraction"),
    "worst_drawdown_in_bars": ("drawdown,\nworst", "fraction"),
    "mean_liquidations": ("liquidated\na run", "number"),
    "liquidated": ("runs\nliquidated", "fraction"),
    "ruined": ("runs\nruined", "fraction"),
    "median_growth": ("growth\na year", "number"),
}


def is_given(value: Any) -> bool:
    """Return whether a value is neither missing nor empty."""
    return value == value and value not in ("", None)


def label(name: str) -> str:
    """Return what people call a column."""
    from backtester.summary import MEASURE

    return MEASURE[name].label if name in MEASURE else name


def heading(name: str) -> str:
    """Return a label in short lines."""
    if name in OF_GROUPS:
        return OF_GROUPS[name][0]
    return "\n".join(textwrap.wrap(label(name), HEADING)) if label(name) != name else name.replace(".", ".\n")


def cell(name: str, value: Any, *, signed: bool = False) -> str:
    """Return a value as people read it; the difference of two measures has its sign."""
    from backtester import summary, text

    forms = {"money": text.money, "fraction": text.percent, "number": text.number}
    if not is_given(value):
        return text.UNDEFINED
    if name in summary.MEASURE:
        return summary.formatted(name, float(value), difference=signed)
    _, kind = OF_GROUPS.get(name, ("", ""))
    if kind in forms:
        return forms[kind](value)
    if name in TIMES:
        return str(value).removesuffix(" 00:00")
    return f"{value:,.10g}" if isinstance(value, float) else str(value)


def fitted(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; on a terminal without the last columns where it is not wide enough for them."""
    from backtester.text import joined, table

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    shown = len(header)
    while width and shown > 1 and max(map(len, table(header[:shown], _first(rows, shown)).splitlines())) > width:
        shown -= 1
    print(table(header[:shown], _first(rows, shown)))
    if shown < len(header):
        print(f"  not shown, for want of room: {joined([name.replace(chr(10), ' ') for name in header[shown:]])}")


def _first(rows: Sequence[Sequence[str]], n: int) -> list[Sequence[str]]:
    return [row[:n] for row in rows]
