"""The account that `backtester margin` is asked about: from its options, or from a TOML or JSON file, checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from backtester._fields import Field, choice, flag, items, mapping, number, record, text
from backtester.account import changed_rules
from backtester.calculators import Pool, Position, allowed_leverage, allowed_size, free_margin, isolated, moved
from backtester.errors import ConfigurationError, nearest
from backtester.scenario import load_json
from backtester.scenario_parts.schema import RULE_FIELDS
from backtester.symbols import parse, same
from backtester.venue import Venue, load_venue

__all__ = ["Holdings", "holdings", "other_position", "prices_to_survive", "read_account"]

MODES = ("isolated", "cross")
OTHER = "SYMBOL:SIDE:SIZE:ENTRY[:MARK]"
MOVE = 0.1  # against the first position, unless another is asked for

_positive = number("a number above 0", lambda value: value > 0)
ACCOUNT = {
    "venue": Field(text, "generic"),
    "balance": Field(number("money"), None),
    "leverage": Field(_positive, 1.0),
    "assumed": Field(flag, False),
    "rules": Field(mapping, {}),
    "positions": Field(items),
}
POSITION = {
    "symbol": Field(text),
    "side": Field(choice(("long", "short"))),
    "size": Field(_positive),
    "entry": Field(_positive),
    "mark": Field(_positive, None),
    "leverage": Field(_positive, None),
    "mode": Field(choice(MODES), "cross"),
    "margin": Field(_positive, None),
}


class Holdings(NamedTuple):
    """A venue, and the pools of an account: cross first, then one for each isolated position.

    `free` is the money in the balance that no position needs: what automatic top-ups can move. None: it was not said.
    """

    venue: Venue
    pools: tuple[Pool, ...]
    free: float | None


def read_account(path: Path) -> Any:
    """Read an account file.

    Raises
    ------
    ConfigurationError
        If it cannot be read, or is neither TOML nor JSON.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        cure = "Name a file with an account; docs/calculators.md shows one"
        raise ConfigurationError("--account", str(path), f"cannot be read: {error.strerror}", cure=cure) from None
    try:
        if path.suffix != ".toml":
            return load_json(path)
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(path), str(error), "is not valid TOML") from None
    except ConfigurationError as error:
        raise error.renamed(f"{path}: {error.key}") from None


def other_position(given: str) -> dict[str, Any]:
    """Return ``ETH/USDT:USDT:short:10:3000:3100`` as a position; symbols may have colons themselves.

    Raises
    ------
    ConfigurationError
        If it is not of that form.
    """
    match = re.fullmatch(r"(.+):(long|short)((?::[^:]+){2,3})", given)
    try:
        if match is None:
            raise ValueError
        values = [float(value) for value in match[3][1:].split(":")]
    except ValueError:
        cure = "Write --other ETH/USDT:USDT:short:10:3000"
        raise ConfigurationError("--other", given, f"is not of the form {OTHER}", cure=cure) from None
    return {"symbol": match[1], "side": match[2]} | dict(zip(("size", "entry", "mark"), values, strict=False))


def holdings(data: Any) -> Holdings:
    """Return the pools of an account.

    Parameters
    ----------
    data : dict
        ``venue``, ``balance``, ``leverage``, ``assumed``, ``rules`` and ``positions``, as in an account file.

    Raises
    ------
    ConfigurationError
        Naming the key, what was found, and what is allowed.
    """
    account = record(data, ACCOUNT)
    venue = load_venue(account["venue"])
    overrides = record(account["rules"], RULE_FIELDS, "account.rules")
    rules = changed_rules(venue, {name: overrides[name] for name in account["rules"]})
    rows = [record(row, POSITION, f"positions[{n}]") for n, row in enumerate(account["positions"])]
    if not rows:
        raise ConfigurationError("positions", [], "is empty", allowed="at least one position")
    _check_modes(venue, rows)
    _unite(rows)
    for n, row in enumerate(rows):
        _check_symbol(venue, row["symbol"], f"positions[{n}]", assumed=account["assumed"])
    held = [_position(venue, row, account["leverage"], f"positions[{n}]") for n, row in enumerate(rows)]
    pairs = list(zip(held, rows, strict=True))
    shared = tuple(position for position, row in pairs if row["mode"] == "cross")
    alone = [isolated(position, rules, margin=row["margin"]) for position, row in pairs if row["mode"] == "isolated"]
    balance = account["balance"]
    if not shared:
        return Holdings(venue, tuple(alone), balance)
    if balance is None:
        cure = "Say how much stands behind the positions"
        raise ConfigurationError("balance", None, "cross margin needs the wallet balance", cure=cure)
    cross = Pool(balance, shared, rules)
    return Holdings(venue, (cross, *alone), max(0.0, min(balance, free_margin(cross))))


def prices_to_survive(held: Holdings, move: str, stop: float | None) -> Mapping[str, float]:
    """Return the marks to survive: a stop of the first position, or a move of every symbol.

    Raises
    ------
    ConfigurationError
        If both are given, or the move is no percentage.
    """
    first = held.pools[0].positions[0]
    if stop is not None:
        if move:
            raise ConfigurationError("--stop", stop, "is given together with --move", cure="Give one of the two")
        return {first.symbol: stop}
    fraction = _fraction(move) if move else -MOVE if first.quantity > 0 else MOVE
    return {symbol: price for pool in held.pools for symbol, price in moved(pool, fraction).marks.items()}


def _fraction(move: str) -> float:
    match = re.fullmatch(r"([+-]?[\d.]+)\s*%", move.strip())
    try:
        percent = float(match[1]) if match else float("nan")
    except ValueError:
        percent = float("nan")
    if not percent > -100:
        raise ConfigurationError("--move", move, "is not a percentage above -100", cure="Write --move -10%")
    return percent / 100.0


def _check_modes(venue: Venue, rows: list[dict[str, Any]]) -> None:
    """Refuse isolated margin without its position, and two modes where the venue has one for all."""
    for n, row in enumerate(rows):
        if row["margin"] is not None and row["mode"] != "isolated":
            problem, cure = (
                "is posted for isolated positions only",
                "Add it to the balance, or make the position isolated",
            )
            raise ConfigurationError(f"positions[{n}].margin", row["margin"], problem, cure=cure)
    found = sorted({row["mode"] for row in rows})
    if len(found) > 1 and venue.coexistence != "per_instrument":
        raise ConfigurationError(
            "positions",
            found,
            f"{venue.name} has one margin mode for the whole account, not one for each position",
            cure="Give all positions the same mode, or ask about two sub-accounts, one after the other",
        )


def _unite(rows: list[dict[str, Any]]) -> None:
    """Give positions on one perpetual its first spelling, and one mark: the one given, else the first entry price."""
    for n, row in enumerate(rows):
        row["symbol"] = next(before["symbol"] for before in rows[: n + 1] if same(row["symbol"], before["symbol"]))
    for row in rows:
        alike = [other for other in rows if other["symbol"] == row["symbol"]]
        if row["mark"] is None:
            row["mark"] = next((other["mark"] for other in alike if other["mark"] is not None), alike[0]["entry"])


def _position(venue: Venue, row: dict[str, Any], leverage: float, path: str) -> Position:
    """Return a position; without a leverage of its own it has the account's, as far as the tiers allow."""
    instrument, mark = venue.instrument(row["symbol"]), row["mark"]
    quantity = row["size"] if row["side"] == "long" else -row["size"]
    most = allowed_leverage(instrument, quantity, mark)
    wanted = min(leverage, most) if row["leverage"] is None else row["leverage"]
    if wanted > most:
        size = allowed_size(instrument, wanted, mark)
        smaller = f", or a size of at most {size:,.6g} for {wanted:g}x" if size > 0 else ""
        allowed = f"at most {most:g}x for a size of {row['size']:,.6g}{smaller}"
        problem = f"is more than the tiers of {row['symbol']} allow"
        raise ConfigurationError(f"{path}.leverage", wanted, problem, allowed=allowed)
    return Position(instrument, quantity, row["entry"], mark, wanted)


def _check_symbol(venue: Venue, symbol: str, path: str, *, assumed: bool) -> None:
    """Refuse a symbol that the venue's file does not have, unless assumed tiers will do; the nearest are named."""
    if assumed or not venue.instruments or venue.symbol_of(symbol) is not None:
        return
    bases = {parse(name).base: name for name in venue.instruments}
    close = [bases[base] for base in nearest(parse(symbol).base, bases)]
    meant = f"Perhaps you mean {', '.join(close)}; or take" if close else "Take"
    raise ConfigurationError(
        f"{path}.symbol",
        symbol,
        f"the file of {venue.name} has no tiers for it",
        allowed=None if close else sorted(venue.instruments),
        cure=f"{meant} what the file assumes for other symbols with --assumed (in an account file: assumed = true)",
    )
