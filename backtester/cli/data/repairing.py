"""`backtester data repair`: what is missing from a store, fetched again where that is possible."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Annotated

import typer

from backtester._foreign import import_ours
from backtester.cli.data.download import Proxy, Retries, RetryDelay
from backtester.cli.data.options import CANDLES, Kinds, StoreOption, Symbols, Timeframes, Venues, chosen, open_store
from backtester.cli.options import as_options
from backtester.cli.screen import progress

if TYPE_CHECKING:
    from data.repair import Repaired
    from data.store import Series, Store

WIDEST = 110  # columns of text that the eye can follow


def repair(
    store: StoreOption = CANDLES,
    venue: Venues = "",
    symbols: Symbols = "",
    kinds: Kinds = "",
    timeframe: Timeframes = "",
    again: Annotated[bool, typer.Option("--again", help="Ask once more where nothing was to be had.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody: merge pages, write manifests.")] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take files that another program has changed as they are.")
    ] = False,
    base_url: Annotated[str, typer.Option(metavar="URL", help="Host to ask instead of the venue's.")] = "",
    proxy: Proxy = "",
    retries: Retries = 8,
    retry_delay: RetryDelay = 1.0,
) -> None:
    """Fill the gaps of a store with what the venue still has, and mark the others.

    Nothing is made up: what a venue no longer gives stays missing, and the manifest says who was asked and when. What a
    killed download left in pages is merged. A failure gives exit code 2; the same command goes on from there.
    """
    with as_options(), progress() as tell:
        held = open_store(store)
        series = chosen(held, venue, symbols, kinds, timeframe)
        accepted = _accept(held, series) if accept else []
        patience = import_ours("data.fetch.patience").Patience(attempts=retries, first=retry_delay)
        connection = import_ours("data.fetch.client").Connection(base_url=base_url, proxy=proxy, patience=patience)
        fetch = None if offline else import_ours("data.fetch").Fetcher(connection)
        done = import_ours("data.repair").repair(held, series, fetch, "the venue", again=again, progress=tell)
    for each in accepted:
        print(f"{each}: taken as it is")
    _tell(done)


def _accept(store: Store, chosen: list[Series]) -> list[Series]:
    """Take the files that are not those of the manifest as they are, and return which."""
    sha256_of = import_ours("data.writing").sha256_of
    out = []
    for series in chosen:
        entry, path = store.entry(series), store.path(series)
        if entry is not None and path.is_file() and not entry.fits(sha256_of(path)):
            store.accept(series)
            out.append(series)
    return out


def _tell(done: list[Repaired]) -> None:
    """Print what came and what is left, and leave with 2 if there was a failure."""
    from backtester.text import counted, wrapped

    width = min(shutil.get_terminal_size().columns, WIDEST)
    for series, rows, left, _ in done:
        if rows or left:
            missing = sum(gap.missing for gap in left)
            what = f"{missing:,} missing in {counted(len(left), 'gap')}" if left else "nothing is missing"
            print(f"{series}: {counted(rows, 'row')} came; {what}")
        for note in dict.fromkeys(gap.note for gap in left if gap.note):
            print(wrapped(note, first="  ", indent="  ", width=width))
    filled, open_ = sum(each.rows for each in done), sum(bool(each.left) for each in done)
    gaps = counted(open_, "has", "have") if open_ else "none has"
    print(f"{counted(len(done), 'file')}: {counted(filled, 'row')} came; {gaps} gaps")
    failed = [each for each in done if each.failure is not None]
    for each in failed:
        typer.echo(f"error: {each.failure}", err=True)
    if failed:
        raise typer.Exit(2)
