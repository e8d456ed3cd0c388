"""`backtester margin`: what a position or an account must hold, where it is liquidated, and what it survives."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from backtester.cli.options import as_options, rules
from backtester.errors import ConfigurationError

__all__ = ["margin"]


def margin(
    symbol: Annotated[str, typer.Option(help="In ccxt's unified form or the venue's own.")] = "",
    side: Annotated[str, typer.Option(metavar="long|short", help="Of the position.")] = "long",
    size: Annotated[float | None, typer.Option(help="In coins; of an inverse contract in quote currency.")] = None,
    entry: Annotated[float | None, typer.Option(metavar="PRICE", help="Entry price.")] = None,
    mark: Annotated[float | None, typer.Option(metavar="PRICE", help="Mark price; left out, the entry price.")] = None,
    leverage: Annotated[float, typer.Option(help="Divides the notional into the initial margin.")] = 1.0,
    venue: Annotated[str, typer.Option(metavar="NAME|FILE.toml", help="Whose rules and tiers.")] = "generic",
    rule: Annotated[
        list[str] | None, typer.Option(metavar="name=value", help="Rule of the venue to change; may be repeated.")
    ] = None,
    assumed: Annotated[bool, typer.Option("--assumed", help="Assume tiers of a symbol that the venue lacks.")] = False,
    mode: Annotated[str, typer.Option(metavar="isolated|cross", help="What stands behind it.")] = "isolated",
    margin: Annotated[
        float | None, typer.Option(metavar="MONEY", help="Isolated margin posted; left out, the initial margin.")
    ] = None,
    balance: Annotated[
        float | None, typer.Option(metavar="MONEY", help="Wallet balance: of cross positions, and for top-ups.")
    ] = None,
    other: Annotated[
        list[str] | None,
        typer.Option(metavar="SYMBOL:SIDE:SIZE:ENTRY[:MARK]", help="Another cross position; may be repeated."),
    ] = None,
    account: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A whole account, TOML or JSON, in place of the options above.")
    ] = None,
    move: Annotated[
        str, typer.Option(metavar="-10%", help="Move of all marks to survive; left out, 10 % against the position.")
    ] = "",
    stop: Annotated[float | None, typer.Option(metavar="PRICE", help="Price to survive, in place of a move.")] = None,
    fundings: Annotated[int, typer.Option(metavar="N", help="Fundings to look ahead.")] = 3,
    funding_rate: Annotated[float, typer.Option(metavar="RATE", help="Of each, a fraction.")] = 0.0001,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; null: none or without limit.")] = False,
) -> None:
    """Print margins, liquidation and bankruptcy prices, and what a position or a whole account survives."""
    from backtester.cli import margin_sheet
    from backtester.cli.holdings import holdings, prices_to_survive, read_account

    if account is not None:
        _refuse_both(account, symbol=symbol, size=size, entry=entry, balance=balance, margin=margin, other=other)
        content = read_account(account)
        with _in_file(account):
            held = holdings(content)
    else:
        first = {"symbol": symbol, "side": side, "size": size, "entry": entry, "mark": mark}
        first |= {"leverage": leverage, "mode": mode, "margin": margin}
        with _as_options():
            held = holdings(_account(first, balance, rule or [], other or []) | {"venue": venue, "assumed": assumed})
    with _as_options():
        answers = margin_sheet.sheet(held, prices_to_survive(held, move, stop), fundings, funding_rate)
    print(json.dumps(margin_sheet.plain(answers), indent=1) if as_json else margin_sheet.printed(answers))


def _account(first: dict[str, Any], balance: float | None, rule: list[str], other: list[str]) -> dict[str, Any]:
    """Return the options as the content of an account file."""
    from backtester.cli.holdings import other_position

    for name in ("symbol", "size", "entry"):
        if first[name] in (None, ""):
            cure = "Write --symbol BTC/USDT:USDT --side long --size 0.5 --entry 60000, or --account FILE"
            raise ConfigurationError(f"--{name}", None, "is missing", cure=cure)
    if other and first["mode"] != "cross":
        cure = "Write --mode cross --balance MONEY, or --account FILE for an account of both modes"
        raise ConfigurationError("--other", other[0], "has nothing to do with an isolated position", cure=cure)
    others = [{**other_position(given), "mode": "cross"} for given in other]
    account = {"leverage": first["leverage"], "rules": rules(rule), "positions": [first, *others]}
    return account if balance is None else account | {"balance": balance}


def _refuse_both(account: Path, **options: object) -> None:
    """Refuse an account file beside options that say what is in it."""
    for name, value in options.items():
        if value:
            cure = "Put everything into the file"
            raise ConfigurationError(f"--{name}", value, f"is given together with --account {account}", cure=cure)


@contextmanager
def _in_file(file: Path) -> Iterator[None]:
    """Name the file in an error."""
    try:
        yield
    except ConfigurationError as error:
        raise error.renamed(f"{file}: {error.key}") from None


@contextmanager
def _as_options() -> Iterator[None]:
    """Name the option in an error, not the key of the account file that it became."""
    try:
        with as_options():
            yield
    except ConfigurationError as error:
        name = re.sub(r"^positions\[0\]\.(\w+)$", r"--\1", error.key)
        name = re.sub(r"^positions\[\d+\].*$|^pool\.positions\[.*$", "--other", name)
        raise error.renamed(_OPTIONS.get(name, name)) from error


_OPTIONS = {
    "balance": "--balance",
    "leverage": "--leverage",
    "n": "--fundings",
    "rate": "--funding-rate",
    "position.mark_price": "--stop",
}
