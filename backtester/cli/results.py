"""`backtester results`: what the runs of a batch came to."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backtester._foreign import import_ours
from backtester.cli.exporting import as_json as rows_as_json
from backtester.cli.exporting import export as write_rows
from backtester.cli.exporting import records
from backtester.cli.options import as_options, names
from backtester.cli.pictures import check_picture, picture_option, write_picture
from backtester.cli.results_page import check_page, write_page
from backtester.cli.results_tables import fitted
from backtester.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

    from backtester.batch.heat import Heat

ALONG = ("median_final_equity", "median_growth", "worst_drawdown_in_bars", "mean_liquidations", "ruined")
CHIEF = ("final_equity", "total_return", "max_drawdown_in_bars", "liquidations")
MAPPED = ("final_equity", "max_drawdown_in_bars", "liquidations")  # on the page, whatever --measure names
MOST_FAILURES = 20


def results(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="What --out of batch, optimise or walk-forward named.", show_default=False
        ),
    ],
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
        str,
        typer.Option(metavar="A,B", help="Numbers to show beside the settings.", show_default=", ".join(CHIEF)),
    ] = ",".join(CHIEF),
    group: Annotated[str, typer.Option(metavar="A,B", help="One line for each combination of these settings.")] = "",
    along: Annotated[
        str, typer.Option(metavar="SETTING", help="The modes along a setting such as leverage: where they cross over.")
    ] = "",
    heat: Annotated[
        str, typer.Option(metavar="X,Y", help="Map of --measure over two settings, for each mode and the difference.")
    ] = "",
    measure: Annotated[str, typer.Option(metavar="COLUMN", help="What --heat shows.")] = CHIEF[0],
    picture: Annotated[Path | None, picture_option("Draw what --heat or --along shows.")] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Write one page of all: verdict, frontiers, maps, best and worst runs, failures.",
            show_default=False,
        ),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="The runs that failed, with their errors.")] = False,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write these rows as .csv, .json or .parquet instead.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Show what the runs of a batch came to: the best and the worst of each margin mode, groups, or maps of them."""
    from backtester.batch import read_runs
    from backtester.batch.along import along as compared
    from backtester.batch.along import said
    from backtester.batch.heat import heat as mapped
    from backtester.batch.reading import by_group, check_columns, filtered, is_synthetic

    with as_options():
        _check_picture(picture, heat or along)
        check_page(html)
        frame = filtered(read_runs(folder), where or [])
        if heat:
            cells = mapped(frame, names(heat), measure)
            table = cells.table
        elif along:
            table = compared(frame, along)
        elif group:
            table = by_group(frame, names(group))
        else:
            check_columns(frame, [sort], "sort")
            check_columns(frame, names(columns), "columns")
            table = frame[frame["error"].notna()] if failed else frame.sort_values(sort, ascending=ascending)
    _warn(frame, on_screen=export is None and not as_json)
    if export is not None:
        with as_options():
            write_rows(table, export)
    elif as_json:
        print(rows_as_json(table))
    elif heat:
        _show_heat(cells)
    elif along:
        _show_groups(table[[along, "mode", "runs", *ALONG]], [along, "mode"])
        print("\n".join(said(table, along)))
    elif group:
        _show_groups(table, names(group))
    elif failed:
        _show_failed(table)
    else:
        _show_extremes(frame, sort, names(columns), top, ascending)
    if picture is not None:
        _draw(picture, cells if heat else None, table, along, synthetic=is_synthetic(frame))
        print(picture, file=sys.stderr if as_json else sys.stdout)
    if html is not None:
        with as_options():
            write_page(
                html,
                folder,
                frame,
                along=along,
                heat=names(heat),
                measures=[*dict.fromkeys((measure, *MAPPED))],
                sort=sort,
                ascending=ascending,
                top=top,
                columns=names(columns),
                conditions=where or [],
            )
        print(html, file=sys.stderr if as_json else sys.stdout)


def _warn(frame: pd.DataFrame, *, on_screen: bool) -> None:
    """Say that prices are made up, if any are."""
    from backtester.batch.reading import is_synthetic
    from backtester.comparing.printing import SYNTHETIC

    if on_screen and is_synthetic(frame):
        print(f"{SYNTHETIC}\n")


def _check_picture(picture: Path | None, what: str) -> None:
    check_picture(picture)
    if picture is not None and not what:
        cure = "Say what is drawn: --heat X,Y or --along SETTING"
        raise ConfigurationError("picture", str(picture), "has nothing to show", cure=cure)


def _draw(picture: Path, cells: Heat | None, table: pd.DataFrame, along: str, *, synthetic: bool) -> None:
    """Draw a map, or the modes along a setting."""
    if cells is not None:
        chart = import_ours("reports.heat").heat_chart(cells)
    else:
        chart = import_ours("reports.frontier").frontier_chart(table, along, synthetic=synthetic)
    write_picture(picture, chart)


def _show_extremes(frame: pd.DataFrame, sort: str, columns: list[str], n: int, ascending: bool) -> None:
    """Print how many runs there are and, for each mode, the best and the worst."""
    from backtester.batch.printing import heading, label
    from backtester.batch.reading import extremes, varying
    from backtester.text import counted

    lost = int(frame["error"].notna().sum())
    print(counted(len(frame), "run") + (f", {lost:,} failed (--failed shows why)" if lost else ""))
    settings = [name for name in varying(frame) if name != "mode"]
    shown = [*settings, *dict.fromkeys([*columns, sort])]
    for mode, (best, worst) in extremes(frame, sort, n, ascending=ascending).items():
        for word, rows in (("best", best), ("worst", worst)):
            if len(rows):
                print(f"\n{mode}, {word} by {label(sort)}")
                fitted([heading(name) for name in shown], _cells(rows, shown))


def _show_heat(cells: Heat) -> None:
    """Print a table for each map: one setting along, the other down."""
    from backtester.batch.printing import cell, label

    maps = dict(cells.maps) | ({} if cells.difference is None else {" - ".join(cells.modes): cells.difference})
    for name, values in maps.items():
        print(f"{label(cells.measure)}, {name}: {cells.x} across, {cells.y} down")
        signed = name not in cells.maps
        rows = [
            [cell(cells.y, y), *(cell(cells.measure, float(each), signed=signed) for each in row)]
            for y, row in zip(cells.y_values, values, strict=True)
        ]
        fitted(["", *(cell(cells.x, x) for x in cells.x_values)], rows)
        print()
    print(cells.said or f"{cells.runs[0]} to {cells.runs[1]} runs a cell")


def _show_groups(table: pd.DataFrame, by: list[str]) -> None:
    from backtester.batch.printing import OF_GROUPS, heading

    shown = [*by, *(name for name in OF_GROUPS if name in table and (name != "failed" or table[name].any()))]
    fitted([heading(name) for name in shown], _cells(table, shown))


def _cells(table: pd.DataFrame, shown: list[str]) -> list[list[str]]:
    from backtester.batch.printing import cell

    return [[cell(name, row[name]) for name in shown] for row in records(table)]


def _show_failed(table: pd.DataFrame) -> None:
    """Print each error once, with the runs that it ended."""
    from backtester.batch.printing import failures
    from backtester.text import counted, wrapped

    print(counted(len(table), "failed run"))
    for number, each in enumerate(failures(table)):
        if number == MOST_FAILURES:
            print("\n... and other errors: --json prints all")
            break
        print()
        print(wrapped(f"{counted(each.runs, 'run')}: {each.error}", indent="    "))
        print(wrapped(f"the first: {each.first}", first="    ", indent="    "))
