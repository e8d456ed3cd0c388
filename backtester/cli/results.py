"""`backtester results`: what the runs of a batch came to."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtester.cli.exporting import as_json as rows_as_json
from backtester.cli.exporting import export as write_rows
from backtester.cli.exporting import records
from backtester.cli.options import as_options, names

if TYPE_CHECKING:
    import pandas as pd

ALONG = ("median_final_equity", "median_growth", "worst_drawdown_in_bars", "mean_liquidations", "ruined")
CHIEF = ("final_equity", "total_return", "max_drawdown_in_bars", "liquidations")
MOST_FAILURES = 20
HEADING = 12  # columns of a line of a heading
_OF_GROUPS = {  # what is shown: its heading and what kind of number it is
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


def results(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What backtester batch wrote.", show_default=False)],
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN>=VALUE", help="Only such runs: leverage>=10, mode=cross; may be repeated."),
    ] = None,
    sort: Annotated[
        str, typer.Option(metavar="COLUMN", help="By which runs are better, the largest first.")
    ] = CHIEF[0],
    ascending: Annotated[bool, typer.Option("--ascending", help="The smallest first.")] = False,
    top: Annotated[int, typer.Option(metavar="N", min=1, help="Best and worst runs of each margin mode.")] = 5,
    columns: Annotated[
        str, typer.Option(metavar="A,B", help="Numbers to show beside the settings.")
    ] = ",".join(CHIEF),
    group: Annotated[str, typer.Option(metavar="A,B", help="One line for each combination of these settings.")] = "",
    along: Annotated[
        str, typer.Option(metavar="SETTING", help="The modes along a setting such as leverage: where they cross over.")
    ] = "",
    failed: Annotated[bool, typer.Option("--failed", help="The runs that failed, with their errors.")] = False,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write these rows as .csv, .json or .parquet instead.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Show what the runs of a batch came to: the best and the worst of each margin mode, or groups of them."""
    from backtester.batch import read_runs
    from backtester.batch.along import along as compared
    from backtester.batch.along import said
    from backtester.batch.reading import by_group, check_columns, filtered

    with as_options():
        frame = filtered(read_runs(folder), where or [])
        if along:
            table = compared(frame, along)
        elif group:
            table = by_group(frame, names(group))
        else:
            check_columns(frame, [sort], "sort")
            check_columns(frame, names(columns), "columns")
            table = frame[frame["error"].notna()] if failed else frame.sort_values(sort, ascending=ascending)
        if export is not None:
            write_rows(table, export)
            return
    if as_json:
        print(rows_as_json(table))
    elif along:
        _show_groups(table[[along, "mode", "runs", *ALONG]], [along, "mode"])
        print("\n".join(said(table, along)))
    elif group:
        _show_groups(table, names(group))
    elif failed:
        _show_failed(table)
    else:
        _show_extremes(frame, sort, names(columns), top, ascending)


def _show_extremes(frame: pd.DataFrame, sort: str, columns: list[str], n: int, ascending: bool) -> None:
    """Print how many runs there are and, for each mode, the best and the worst."""
    from backtester.batch.reading import extremes, varying
    from backtester.text import counted

    lost = int(frame["error"].notna().sum())
    print(counted(len(frame), "run") + (f", {lost:,} failed (--failed shows why)" if lost else ""))
    settings = [name for name in varying(frame) if name != "mode"]
    shown = [*settings, *dict.fromkeys([*columns, sort])]
    for mode, (best, worst) in extremes(frame, sort, n, ascending=ascending).items():
        for word, rows in (("best", best), ("worst", worst)):
            if len(rows):
                print(f"\n{mode}, {word} by {_label(sort)}")
                _table([_heading(name) for name in shown], _cells(rows, shown))


def _show_groups(table: pd.DataFrame, by: list[str]) -> None:
    shown = [*by, *(name for name in _OF_GROUPS if name in table and (name != "failed" or table[name].any()))]
    _table([_heading(name) for name in shown], _cells(table, shown))


def _cells(table: pd.DataFrame, shown: list[str]) -> list[list[str]]:
    return [[_cell(name, row[name]) for name in shown] for row in records(table)]


def _show_failed(table: pd.DataFrame) -> None:
    """Print each error once, with the runs that it ended."""
    from backtester.batch.store import settings_of
    from backtester.text import counted, wrapped

    print(counted(len(table), "failed run"))
    for number, (error, rows) in enumerate(table.groupby("error", sort=False)):
        if number == MOST_FAILURES:
            print("\n... and other errors: --json prints all")
            break
        first = rows.iloc[0]
        given = [name for name in settings_of(rows) if _is_given(first[name])]
        settings = ", ".join(f"{name}={_cell(name, first[name])}" for name in given)
        print()
        print(wrapped(f"{counted(len(rows), 'run')}: {error}", indent="    "))
        print(wrapped(f"the first: {settings}", first="    ", indent="    "))


def _is_given(value: Any) -> bool:
    return value == value and value not in ("", None)


def _label(name: str) -> str:
    from backtester.summary import MEASURE

    return MEASURE[name].label if name in MEASURE else name


def _heading(name: str) -> str:
    """Return a label in short lines."""
    if name in _OF_GROUPS:
        return _OF_GROUPS[name][0]
    return "\n".join(textwrap.wrap(_label(name), HEADING)) if _label(name) != name else name.replace(".", ".\n")


def _cell(name: str, value: Any) -> str:
    """Return a value as people read it."""
    from backtester import summary, text

    forms = {"money": text.money, "fraction": text.percent, "number": text.number}
    if not _is_given(value):
        return text.UNDEFINED
    if name in summary.MEASURE:
        return summary.formatted(name, float(value))
    _, kind = _OF_GROUPS.get(name, ("", ""))
    if kind in forms:
        return forms[kind](value)
    return f"{value:,.10g}" if isinstance(value, float) else str(value)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
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
