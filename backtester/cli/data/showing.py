"""`backtester data show`: the chart of a symbol's data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtester._foreign import import_ours
from backtester.cli.data.options import CANDLES, StoreOption, Venues, chosen, open_store
from backtester.cli.options import as_options
from backtester.cli.pictures import check_picture, picture_option, write_picture
from backtester.errors import ConfigurationError, MarketDataError

if TYPE_CHECKING:
    from data.store import Series, Store

MILLISECOND = 1_000_000  # [ns]


def show(
    symbol: Annotated[
        str, typer.Argument(metavar="SYMBOL", help="An instrument, in any notation.", show_default=False)
    ],
    store: StoreOption = CANDLES,
    venue: Venues = "",
    timeframe: Annotated[str, typer.Option(metavar="1h", help="Of the candles; 1h if left out and there.")] = "",
    start: Annotated[str, typer.Option(metavar="TIME", help="From this time, UTC.")] = "",
    end: Annotated[str, typer.Option(metavar="TIME", help="Before this time.")] = "",
    picture: Annotated[
        Path | None, picture_option("The file to write; left out: <venue>-<SYMBOL>-<timeframe>.png.")
    ] = None,
) -> None:
    """Draw a symbol's price, mark and funding, and where they are missing."""
    from backtester.times import instant

    with as_options():
        held = open_store(store)
        trade = _trade(held, chosen(held, venue, symbol, "trade"), symbol, timeframe)
        path = picture or Path(f"{trade.venue}-{trade.symbol}-{trade.timeframe}.png")
        check_picture(path)
        limits = (instant(start or None, "--start"), instant(end or None, "--end"))
        first, last = (None if limit is None else limit // MILLISECOND for limit in limits)
        title, figure = _chart(held, trade, first, last)
    write_picture(path, figure)
    print(f"{title}\n{path}")


def _trade(store: Store, there: list[Series], symbol: str, timeframe: str) -> Series:
    """Return the one series of trade candles that is meant."""
    venues = sorted({series.venue for series in there})
    if len(venues) > 1:
        raise ConfigurationError("venue", "", f"{symbol} is there of several venues", allowed=venues, cure="Name one")
    frames = {series.timeframe: series for series in there}
    asked = timeframe or ("1h" if "1h" in frames else next(iter(frames)))
    if asked not in frames:
        problem = f"there are no such trade candles of {symbol}"
        raise ConfigurationError("timeframe", asked, problem, allowed=list(frames))
    return frames[asked]


def _chart(store: Store, trade: Series, first: int | None, last: int | None) -> tuple[str, Any]:
    """Return the title and the figure of a symbol."""
    from backtester import text
    from backtester.symbols import made_up, parse

    charts = import_ours("reports.symbol_chart")
    rows, holes = _rows(store, trade, first, last)
    if rows is None:
        span = store.span(trade)
        there = " to ".join(text.moment(time * MILLISECOND) for time in span or ())
        problem = f"no bars of {trade} in this time; they are from {there}"
        raise MarketDataError(problem, cure="Choose a time within that")
    begin, end = int(rows["timestamp"].iloc[0]), int(rows["timestamp"].iloc[-1]) + 1
    mark, marked = _rows(store, trade._replace(kind="mark"), begin, end)
    funding, settled = _rows(store, trade._replace(kind="funding", timeframe=""), begin, end)
    missing = sum(gap.missing for gap in store.look(trade).gaps if begin <= gap.after < end)
    title = (
        f"{trade.symbol} on {trade.venue}: {text.counted(len(rows), 'bar')} of {trade.timeframe}, "
        f"{text.moment(begin * MILLISECOND)[:10]} to {text.moment(end * MILLISECOND)[:10]}, "
        + (f"{missing:,} missing" if missing else "none missing")
    )
    rates = None if funding is None else charts.Rates(_times(funding), funding["funding_rate"].to_numpy(), settled)
    marks = None if mark is None else _candles(charts, mark, marked)
    about = {"unit": parse(trade.symbol).quote or "quote", "synthetic": made_up(trade.symbol)}
    return title, charts.symbol_chart(title, _candles(charts, rows, holes), marks, rates, **about)


def _rows(store: Store, series: Series, first: int | None, last: int | None) -> tuple[Any, list[tuple[int, int]]]:
    """Return the rows of a range, None if there are none, and from when to when some are missing [ns]."""
    if store.span(series) is None:
        return None, []
    rows = store.read(series, first, last)
    if len(rows) == 0:
        return None, []
    begin, end = int(rows["timestamp"].iloc[0]), int(rows["timestamp"].iloc[-1])
    gaps = [gap for gap in store.look(series).gaps if gap.after >= begin and gap.before <= end]
    return rows, [(gap.after * MILLISECOND, gap.before * MILLISECOND) for gap in gaps]


def _times(rows: Any) -> Any:
    return rows["timestamp"].to_numpy() * MILLISECOND


def _candles(charts: Any, rows: Any, holes: list[tuple[int, int]]) -> Any:
    return charts.Candles(_times(rows), *(rows[name].to_numpy() for name in ("high", "low", "close")), holes)
