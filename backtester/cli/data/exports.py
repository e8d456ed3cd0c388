"""`backtester data export`: a store's rows as files of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backtester._foreign import import_ours
from backtester.cli.data.options import CANDLES, Kinds, StoreOption, Symbols, Timeframes, Venues, chosen, open_store
from backtester.cli.options import as_options
from backtester.cli.screen import progress


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to.", show_default=False)],
    store: StoreOption = CANDLES,
    form: Annotated[
        str, typer.Option("--format", metavar="NAME", help="csv, parquet, freqtrade-feather or freqtrade-json.")
    ] = "csv",
    venue: Venues = "",
    symbols: Symbols = "",
    kinds: Kinds = "",
    timeframe: Timeframes = "",
    start: Annotated[str, typer.Option(metavar="TIME", help="Rows from this time, UTC.")] = "",
    end: Annotated[str, typer.Option(metavar="TIME", help="Rows before this time.")] = "",
    quote: Annotated[
        str, typer.Option(metavar="USDC", help="Quote currency of symbols that do not tell, for freqtrade's names.")
    ] = "",
) -> None:
    """Write rows of a store as CSV or Parquet, or as freqtrade keeps them. Nothing is overwritten."""
    from backtester import text
    from backtester.times import instant

    with as_options(), progress() as tell:
        limits = (instant(start or None, "--start"), instant(end or None, "--end"))
        first, last = (None if limit is None else limit // 1_000_000 for limit in limits)
        series = chosen(open_store(store), venue, symbols, kinds, timeframe)
        written = import_ours("data.exports").export(
            open_store(store), folder, form, series, first=first, last=last, quote=quote, progress=tell
        )
    print(f"Wrote {text.counted(len(written), 'file')} to {folder}")
