"""`backtester data check`: what is odd about the data of a store."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Annotated

import typer

from backtester._foreign import import_ours
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
from backtester.cli.options import as_options
from backtester.cli.screen import progress

if TYPE_CHECKING:
    from data.checks import Finding

WIDEST = 110  # columns of text that the eye can follow


def check(
    store: StoreOption = CANDLES,
    venue: Venues = "",
    symbols: Symbols = "",
    kinds: Kinds = "",
    timeframe: Timeframes = "",
    spike: Annotated[
        float, typer.Option(metavar="PERCENT", help="How far a trade high or low may leave that of the mark.")
    ] = 5.0,
    sigma: Annotated[
        float, typer.Option(metavar="N", help="How many sigma a bar may stand outside of its neighbours.")
    ] = 20.0,
    frozen: Annotated[int, typer.Option(metavar="BARS", help="From how many bars without a move in a row.")] = 2,
    everything: Annotated[bool, typer.Option("--all", help="Also what is only to be known (info).")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings too give exit code 1.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check a store's data: hashes, order, gaps, frozen bars, volume, mark, spikes, funding, tiers.

    Errors are what a backtest cannot or must not use, and give exit code 1. Warnings are what may mislead it: some are
    faults of the source, some are what the market did.
    """
    with as_options(), progress() as tell:
        held = open_store(store)
        series = chosen(held, venue, symbols, kinds, timeframe)
        checks = import_ours("data.checks")
        found = checks.check(held, series, checks.Limits(spike / 100, sigma, frozen), tell)
    if as_json:
        print(json.dumps([_facts(finding) for finding in found], indent=2))
    else:
        _show([finding for finding in found if everything or finding.severity != "info"])
        _sum(found, len(series), everything)
    grave = {"error", "warning"} if strict else {"error"}
    if any(finding.severity in grave for finding in found):
        raise typer.Exit(1)


def _show(found: list[Finding]) -> None:
    """Print findings under the names of their symbols."""
    from backtester.text import wrapped

    width = min(shutil.get_terminal_size().columns, WIDEST)
    last = ("", "")
    for series, severity, _, said, *_ in found:
        if series[:2] != last:
            last = series[:2]
            print(f"{series.venue} {series.symbol}")
        what = f"{series.timeframe} {series.kind}".strip()
        print(wrapped(said, first=f"  {severity:<8} {what:<10} ", indent=" " * 22, width=width))


def _sum(found: list[Finding], files: int, everything: bool) -> None:
    from backtester.text import counted

    count = {word: sum(finding.severity == word for finding in found) for word in ("error", "warning", "info")}
    if found and (everything or count["error"] + count["warning"]):
        print()
    more = f", {counted(count['info'], 'note')}" + ("" if everything else " (--all)") if count["info"] else ""
    print(f"{counted(files, 'file')}: {counted(count['error'], 'error')}, {counted(count['warning'], 'warning')}{more}")


def _facts(finding: Finding) -> dict[str, object]:
    from backtester.text import moment

    time = None if finding.time is None else moment(finding.time * 1_000_000)
    rest = {"severity": finding.severity, "rule": finding.rule, "text": finding.text, "bars": finding.bars}
    return {**finding.series._asdict(), **rest, "time": time}
