"""Options that the commands on a store share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backtester._foreign import import_ours
from backtester.cli.options import names
from backtester.errors import MarketDataError, nearest

if TYPE_CHECKING:
    from data.store import Series, Store

__all__ = ["CANDLES", "JsonOption", "Kinds", "StoreOption", "Symbols", "Timeframes", "Venues", "chosen", "open_store"]

CANDLES = Path("candles")

StoreOption = Annotated[
    Path, typer.Option("--store", metavar="DIR", help="Folder of the store.", envvar="BACKTESTER_STORE")
]
Venues = Annotated[str, typer.Option("--venue", metavar="A,B", help="Only these venues.")]
Symbols = Annotated[str, typer.Option("--symbols", metavar="A,B", help="Only these instruments, in any notation.")]
Kinds = Annotated[str, typer.Option("--kinds", metavar="A,B", help="Only these of trade, mark, funding, tiers.")]
Timeframes = Annotated[str, typer.Option("--timeframe", metavar="A,B", help="Only candles of these timeframes.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def open_store(folder: Path) -> Store:
    """Return a store that is there.

    Raises
    ------
    MarketDataError
        If there is none.
    """
    store: Store = import_ours("data.store").Store(folder)
    if not store.root.is_dir():
        cure = "Give its folder with --store, or fill one: backtester data import SOURCE"
        raise MarketDataError(f"there is no store in {folder}", cure=cure)
    if not store.series():
        cure = "Give the folder above the venues, or fill one: backtester data import SOURCE"
        problem = f"the folder {folder} holds no market data, <venue>/<SYMBOL>/1h-trade.parquet and so on"
        raise MarketDataError(problem, cure=cure)
    return store


def chosen(store: Store, venues: str = "", symbols: str = "", kinds: str = "", timeframes: str = "") -> list[Series]:
    """Return the series of a store that the options leave.

    Raises
    ------
    MarketDataError
        For a venue, symbol, kind or timeframe that there is not, with what there is.
    """
    from backtester.symbols import same

    found = store.series()
    filters = (
        ("venue", venues, lambda series, asked: series.venue == asked),
        ("symbol", symbols, lambda series, asked: same(asked, series.symbol)),
        ("kind", kinds, lambda series, asked: series.kind == asked),
        ("timeframe", timeframes, lambda series, asked: series.timeframe in ("", asked)),
    )
    for what, given, fits in filters:
        asked = names(given)
        for name in asked:
            if not any(fits(series, name) for series in found):
                raise _unknown(what, name, {getattr(series, what) for series in found} - {""})
        if asked:
            found = [series for series in found if any(fits(series, name) for name in asked)]
    return found


def _unknown(what: str, name: str, there: set[str]) -> MarketDataError:
    from backtester.symbols import listed

    near = nearest(name, sorted(there))
    return MarketDataError(
        f"there is no {what} {name} in the store; there are {listed(sorted(there))}",
        cure=f"Perhaps you mean {' or '.join(near)}" if near else "Choose one of those",
    )
