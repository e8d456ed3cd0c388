"""Rows of a batch as tables on the screen: what there is room for."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

__all__ = ["fitted"]


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
