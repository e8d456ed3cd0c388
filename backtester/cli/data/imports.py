"""`backtester data import`: files of other programs into a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backtester._foreign import import_ours
from backtester.cli.data.options import CANDLES, StoreOption
from backtester.cli.options import as_options, names
from backtester.cli.screen import progress
from backtester.errors import ConfigurationError

if TYPE_CHECKING:
    from data.imports import Failed, Imported

FEW = 12  # files that are told one by one
WIDTH = 100


def import_(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A CSV, Parquet, feather or JSON file, or a folder: <venue>/<SYMBOL>/1h-trade.parquet and so on, "
            "or freqtrade's user_data/data.",
            show_default=False,
        ),
    ],
    store: StoreOption = CANDLES,
    venue: Annotated[str, typer.Option(metavar="NAME", help="Whose data; else the folder tells.")] = "",
    symbol: Annotated[str, typer.Option(metavar="NAME", help="Of the instrument; of a folder, only this one.")] = "",
    kind: Annotated[
        str, typer.Option(metavar="NAME", help="trade, mark, funding or tiers; of a folder, only this.")
    ] = "",
    timeframe: Annotated[str, typer.Option(metavar="1h", help="Of the candles; else their times tell.")] = "",
    columns: Annotated[
        str, typer.Option(metavar="open=o,...", help="Our columns = the file's; without a header, 1 is the first.")
    ] = "",
) -> None:
    """Import candles, mark candles, funding or tiers into a store.

    Times may be seconds, milli-, micro- or nanoseconds, or ISO texts; columns are found by their usual names. Rows that
    are there already are replaced. A file cannot tell mark from trade candles: say --kind mark, or name it 1h-mark.
    """
    with as_options(), progress() as tell:
        data = import_ours("data.imports")
        target = import_ours("data.store").Store(store)
        wanted = data.Wanted(venue, symbol, kind, timeframe, _mapping(columns))
        done, failed = data.import_path(target, source, wanted, tell)
    _tell(done, failed, store, whole=source.is_dir())
    if failed:
        raise typer.Exit(1)


def _mapping(given: str) -> dict[str, str]:
    """Return ``open=o,high=h`` as a mapping of our columns to the file's."""
    out = {}
    for pair in names(given):
        ours, sign, theirs = (part.strip() for part in pair.partition("="))
        if not (sign and ours and theirs):
            raise ConfigurationError("columns", pair, "is not of the form ours=theirs", cure="Write open=o,high=h")
        out[ours] = theirs
    return out


def _tell(done: list[Imported], failed: list[Failed], store: Path, *, whole: bool) -> None:
    """Print what came, file by file or by venue, and what did not."""
    from backtester import text

    if len(done) <= FEW:
        for each in done:
            _tell_one(each)
    else:
        _tell_venues(done)
    replaced = sum(each.replaced for each in done)
    if replaced and len(done) > FEW:
        print(f"\n{text.counted(replaced, 'row')} that were there had other numbers, and were replaced.")
    if failed:
        print(f"\nLeft out: {text.counted(len(failed), 'file')}")
        for path, why in failed:
            print(text.wrapped(f"{path}: {why}", first="  * ", indent="    ", width=WIDTH))
    if done:
        print(f"\nThe store is {store}. Look at it: backtester data list --store {store}")


def _tell_one(each: Imported) -> None:
    from backtester import text

    entry = each.entry
    came = f"{text.counted(each.rows, 'row')}, times: {each.times}"
    if each.replaced:
        came += f"; {text.counted(each.replaced, 'row')} that were there had other numbers, and were replaced"
    span = f"{text.moment(entry.first * 1_000_000)} to {text.moment(entry.last * 1_000_000)} UTC"
    missing = f", {entry.missing:,} missing in {text.counted(len(entry.gaps), 'gap')}" if entry.gaps else ", no gaps"
    print(f"{each.series}: {came}")
    print(f"  now {text.counted(entry.rows, 'row')}, {span}{missing}")


def _tell_venues(done: list[Imported]) -> None:
    """Print a table: how many files and rows of each venue and kind."""
    from backtester import text

    rows = []
    for venue, kind in dict.fromkeys((each.series.venue, each.series.kind) for each in done):
        those = [each for each in done if each.series[0] == venue and each.series.kind == kind]
        rows.append(
            [
                venue,
                kind,
                f"{len({each.series.symbol for each in those}):,}",
                f"{len(those):,}",
                f"{sum(each.rows for each in those):,}",
                f"{sum(len(each.entry.gaps) for each in those):,}",
            ]
        )
    print(f"Imported {text.counted(len(done), 'file')}\n")
    print(text.table(["venue", "kind", "symbols", "files", "rows", "gaps"], sorted(rows), indent=""))
