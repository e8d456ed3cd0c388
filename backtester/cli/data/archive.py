"""`backtester data archive`: Binance's public archive of zips into a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtester._foreign import import_ours
from backtester.cli.data.download import Proxy, Retries, RetryDelay, Since, Until, conclude, stopped
from backtester.cli.data.options import CANDLES, StoreOption
from backtester.cli.options import as_options, names
from backtester.errors import ConfigurationError

if TYPE_CHECKING:
    from data.fetch.runner import Outcome
    from data.store import Series


def archive(
    venue: Annotated[str, typer.Argument(metavar="VENUE", help="binance or binance_coinm.", show_default=False)],
    symbols: Annotated[
        list[str] | None,
        typer.Argument(metavar="SYMBOL...", help="As the venue writes them; of a folder, all if none is named."),
    ] = None,
    store: StoreOption = CANDLES,
    timeframe: Annotated[str, typer.Option(metavar="1h", help="Of the candles.")] = "1h",
    since: Since = "",
    until: Until = "",
    kinds: Annotated[str, typer.Option(metavar="A,B", help="Of trade, mark, funding.")] = "trade,mark,funding",
    folder: Annotated[
        Path | None, typer.Option("--from", metavar="DIR", help="Read zips that were fetched already.")
    ] = None,
    base_url: Annotated[str, typer.Option(metavar="URL", help="Host of the archive instead of the venue's.")] = "",
    proxy: Proxy = "",
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Series at a time.")] = 4,
    retries: Retries = 8,
    retry_delay: RetryDelay = 1.0,
) -> None:
    """Read candles, mark candles and funding from Binance's public archive: months, then days.

    It asks no rate limit, goes back to 2019 and keeps delisted symbols. Each zip is checked against its checksum file.
    """
    from backtester.times import instant

    with as_options():
        limits = (instant(since or None, "--since"), instant(until or None, "--until"))
        first, last = (None if limit is None else limit // 1_000_000 for limit in limits)
        if first is not None and last is not None and last <= first:
            cure = "Rows with since <= time < until come"
            raise ConfigurationError("--until", until, "is not after --since", cure=cure)
        exchange = import_ours("data.fetch.venues").exchange(venue)
        import_ours("data.fetch.archive").check_venue(exchange.name)
        if folder is not None and (base_url or proxy):
            raise ConfigurationError("--from", str(folder), "stands beside an address", cure="Give one of the two")
        wanted = _kinds(kinds)
        source, stop = _source(folder, exchange.name, wanted, base_url, proxy, retries, retry_delay)
        series = _series(source, exchange.name, symbols or [], wanted, timeframe)
        outcome = _run(store, source, series, stop, first=first, last=last, parallel=parallel)
    conclude(outcome, f"{store / exchange.name}")


def _kinds(given: str) -> list[str]:
    allowed = ("trade", "mark", "funding")
    wanted = names(given)
    if not wanted or any(kind not in allowed for kind in wanted):
        raise ConfigurationError("--kinds", given, "is no list of kinds that the archive has", allowed=allowed)
    return wanted


def _source(
    folder: Path | None, venue: str, kinds: list[str], base_url: str, proxy: str, retries: int, retry_delay: float
) -> tuple[Any, Any]:
    """Return where the zips come from, and the event that stops it."""
    from threading import Event

    stop = Event()
    sources = import_ours("data.fetch.sources")
    if folder is not None:
        return sources.Folder(folder, venue, "mark" if "mark" in kinds and "trade" not in kinds else "trade"), stop
    patience = import_ours("data.fetch.patience").Patience(attempts=retries, first=retry_delay)
    client = import_ours("data.fetch.client")
    return sources.Address(client.Connection(base_url=base_url, proxy=proxy, patience=patience), stop), stop


def _series(source: Any, venue: str, symbols: list[str], kinds: list[str], timeframe: str) -> list[Series]:
    """Return the series to read: those of a folder that were asked for, or those of the symbols named."""
    store = import_ours("data.store")
    wanted = [symbol.upper() for symbol in symbols]
    if hasattr(source, "files"):
        every = sorted({part.series for part in source.files})
        there = [one for one in every if one.kind in kinds and one.timeframe in ("", timeframe)]
        chosen = [one for one in there if not wanted or one.symbol in wanted]
        lacking = [symbol for symbol in wanted if symbol not in {one.symbol for one in chosen}]
        if lacking or not chosen:
            asked = lacking[0] if lacking else f"{timeframe} {', '.join(kinds)}"
            problem = f"is not among the zips of {source.root}"
            raise ConfigurationError("SYMBOL...", asked, problem, allowed=sorted({str(one) for one in every}))
        return chosen
    if not wanted:
        raise ConfigurationError("SYMBOL...", symbols, "are missing", cure="Name some, as BTCUSDT ETHUSDT")
    candles = {kind: timeframe for kind in kinds if kind != "funding"}
    return [store.Series(venue, symbol, kind, candles.get(kind, "")) for symbol in wanted for kind in kinds]


def _run(store: Path, source: Any, series: list[Series], stop: Any, **limits: Any) -> Outcome:
    from backtester.cli.data.watch import watching

    read = import_ours("data.fetch.archive").read_archive
    with watching() as watch:
        try:
            outcome: Outcome = read(import_ours("data.store").Store(store), source, series, watch, stop=stop, **limits)
        except KeyboardInterrupt:
            stopped(watch, store)
            raise
    return outcome
