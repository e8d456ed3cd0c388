"""`backtester data list`: what a store holds, and how much of it is there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from backtester.cli.data.options import (
    CANDLES,
    JsonOption,
    Kinds,
    StoreOption,
    Symbols,
    Timeframes,
    Venues,
    chosen,
    open_store,
)
from backtester.cli.screen import progress

if TYPE_CHECKING:
    from data.store import Entry, Series

MILLISECOND = 1_000_000  # [ns]


def list_(
    store: StoreOption = CANDLES,
    venue: Venues = "",
    symbols: Symbols = "",
    kinds: Kinds = "",
    timeframe: Timeframes = "",
    as_json: JsonOption = False,
) -> None:
    """List what a store holds: times, rows, gaps, and how many per cent of the rows from first to last are there."""
    with progress() as tell:
        held = open_store(store)
        series = chosen(held, venue, symbols, kinds, timeframe)
        entries = {}
        for k, each in enumerate(series):
            tell(str(each), k, len(series))
            entries[each] = held.look(each)
        waiting = sum(held.unmerged(each) for each in series)
    if as_json:
        print(json.dumps([_facts(*each) for each in entries.items()], indent=2))
        return
    _show(entries)
    if waiting:
        from backtester.text import counted

        pages = counted(waiting, "page waits", "pages wait")
        print(f"{pages} to be merged: backtester data repair --offline --store {store}")


def share(entry: Entry) -> float:
    """Return which fraction of the rows from the first to the last is there."""
    return entry.rows / (entry.rows + entry.missing)


def _show(entries: dict[Series, Entry]) -> None:
    from backtester import text

    header = ["", "what", "first", "last", "rows", "gaps", "held"]
    for venue in dict.fromkeys(series.venue for series in entries):
        those = {series: entry for series, entry in entries.items() if series.venue == venue}
        print(text.table([venue, *header[1:]], [_row(*each) for each in those.items()], indent=""))
        print()
    rows = sum(entry.rows for entry in entries.values())
    symbols = len({(series.venue, series.symbol) for series in entries})
    partial = sum(entry.missing > 0 for entry in entries.values())
    gaps = f"{text.counted(partial, 'file has', 'files have')} gaps" if partial else "no gaps"
    counts = (text.counted(symbols, "symbol"), text.counted(len(entries), "file"), text.counted(rows, "row"))
    print(f"{', '.join(counts)}; {gaps}")


def _row(series: Series, entry: Entry) -> list[str]:
    from backtester import text

    first, last = (text.moment(time * MILLISECOND)[:10] for time in (entry.first, entry.last))
    held = int(share(entry) * 10_000) / 100  # rounded down: 100 % is all
    return [
        f"  {series.symbol}",
        f"{series.timeframe} {series.kind}".strip(),
        first,
        last,
        f"{entry.rows:,}",
        f"{len(entry.gaps):,}",
        f"{held:.2f} %",
    ]


def _facts(series: Series, entry: Entry) -> dict[str, Any]:
    from backtester import text

    return {
        **series._asdict(),
        "first": text.moment(entry.first * MILLISECOND),
        "last": text.moment(entry.last * MILLISECOND),
        "rows": entry.rows,
        "gaps": len(entry.gaps),
        "missing": entry.missing,
        "held_pct": 100 * share(entry),
        "source": entry.source,
        "fetched": entry.fetched,
        "sha256": entry.sha256,
    }
