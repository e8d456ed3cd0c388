"""`backtester data download`: histories from a venue into a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtester._foreign import import_ours
from backtester.cli.data.options import CANDLES, StoreOption
from backtester.cli.options import as_options, names
from backtester.errors import ConfigurationError

if TYPE_CHECKING:
    from backtester.cli.data.watch import Plain
    from data.fetch.client import Connection
    from data.fetch.download import Wish
    from data.fetch.runner import Outcome

ALWAYS = "2015-01-01"  # before the first perpetual of any of the venues that has candles
MINUTE = 60_000  # [ms]

Since = Annotated[str, typer.Option(metavar="TIME", help="Rows from this time, UTC; without it, all there are.")]
Until = Annotated[str, typer.Option(metavar="TIME", help="Rows before this time; without it, up to now.")]
Proxy = Annotated[str, typer.Option(metavar="URL", help="http://host:port or socks5://host:port.")]
Retries = Annotated[int, typer.Option(min=1, help="Times a request is made before it is given up.")]
RetryDelay = Annotated[float, typer.Option(min=0.0, metavar="S", help="Pause after the first failure; it doubles.")]


def download(
    venue: Annotated[
        str,
        typer.Argument(
            metavar="VENUE",
            help="binance, binance_coinm, bybit, okx, kraken, crypto_com, coinbase or hyperliquid.",
            show_default=False,
        ),
    ],
    symbols: Annotated[
        list[str] | None, typer.Argument(metavar="SYMBOL...", help="In any notation.", show_default=False)
    ] = None,
    store: StoreOption = CANDLES,
    timeframe: Annotated[str, typer.Option(metavar="1h", help="Of the candles.")] = "1h",
    since: Since = "",
    until: Until = "",
    kinds: Annotated[str, typer.Option(metavar="A,B", help="Of trade, mark, funding, tiers.")] = "trade,mark,funding",
    all_perpetuals: Annotated[bool, typer.Option("--all-perpetuals", help="Every perpetual that is traded.")] = False,
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Series at a time.")] = 4,
    pause: Annotated[
        int | None, typer.Option(min=0, metavar="MS", help="Between two requests; else the venue's own limit.")
    ] = None,
    base_url: Annotated[str, typer.Option(metavar="URL", help="Host to ask instead of the venue's.")] = "",
    proxy: Proxy = "",
    credentials: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML with [binance] key and secret, for Binance's tiers.")
    ] = None,
    retries: Retries = 8,
    retry_delay: RetryDelay = 1.0,
) -> None:
    """Download candles, mark candles, funding and tiers of perpetuals from a venue.

    Only what is missing is asked for, also before and between what is there. Whenever it is stopped, the same command
    goes on from there.
    """
    with as_options():
        wish = _wish(symbols or [], timeframe, since, until, kinds, all_perpetuals)
        exchange = import_ours("data.fetch.venues").exchange(venue)
        needed = credentials is not None or (exchange.private_tiers and "tiers" in wish.kinds)
        key = import_ours("data.fetch.credentials").find(exchange.account, credentials) if needed else None
        patience = import_ours("data.fetch.patience").Patience(attempts=retries, first=retry_delay)
        connection = import_ours("data.fetch.client").Connection(
            base_url=base_url, proxy=proxy, pause=pause, patience=patience, credentials=key
        )
        outcome = _run(store, exchange, connection, wish, parallel)
    conclude(outcome, f"{store / exchange.name}")


def _wish(symbols: list[str], timeframe: str, since: str, until: str, kinds: str, every: bool) -> Wish:
    """Return what is wanted, checked as far as no venue is needed for it."""
    from backtester.times import instant

    if bool(symbols) == every:
        problem = "stands beside symbols" if every else "are missing"
        cure = "Name some, as BTCUSDT ETHUSDT, or give --all-perpetuals; not both"
        raise ConfigurationError("--all-perpetuals" if every else "SYMBOL...", symbols, problem, cure=cure)
    module = import_ours("data.fetch.download")
    first, last = instant(since or ALWAYS, "--since"), instant(until or None, "--until")
    limits = [None if limit is None else limit // 1_000_000 for limit in (first, last)]
    wish: Wish = module.Wish(tuple(symbols), timeframe, limits[0], limits[1], tuple(names(kinds)))
    module.check_wish(wish)
    return wish


def _run(store: Path, exchange: Any, connection: Connection, wish: Wish, parallel: int) -> Outcome:
    """Reach the venue and download, watched; Ctrl-C says what is kept."""
    from backtester import text
    from backtester.cli.data.watch import watching

    fetch = import_ours("data.fetch.download")
    with watching() as watch:
        try:
            session = import_ours("data.fetch.session").Session(
                exchange, connection, on_pause=watch.pause, kinds=wish.kinds
            )
            if abs(session.skew) > MINUTE:
                off = f"{text.span(abs(session.skew) * 1e6)} {'behind' if session.skew > 0 else 'ahead of'}"
                watch.note(f"this machine's clock is {off} {exchange.name}'s; the venue's is used")
            outcome: Outcome = fetch.download(
                import_ours("data.store").Store(store), session, wish, watch, parallel=parallel
            )
        except KeyboardInterrupt:
            stopped(watch, store)
            raise
    return outcome


def stopped(watch: Plain, store: Path) -> None:
    """Say what is kept after Ctrl-C."""
    from backtester import text

    done = f"{watch.ended} of {text.counted(watch.planned, 'series', 'series')} complete"
    watch.say(f"stopped: {done}; what came is kept in {store}, and the same command goes on from there")


def conclude(outcome: Outcome, where: str) -> None:
    """Print what came of it, and leave with 2 if something was given up."""
    from backtester import text
    from backtester.cli.data.watch import name

    held = sum(entry is not None for entry in outcome.entries.values())
    print(f"{where}: {text.counted(held, 'series', 'series')}, {text.counted(outcome.rows, 'new row')}")
    for error in outcome.failures.values():
        typer.echo(f"error: {error}", err=True)
    if outcome.failures:
        few = [name(series) for series in outcome.failures][:3]
        more = f" and {len(outcome.failures) - 3} more" if len(outcome.failures) > 3 else ""
        typer.echo(f"given up: {', '.join(few)}{more}; the same command goes on from there", err=True)
        raise typer.Exit(2)
