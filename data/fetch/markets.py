"""What a venue trades: contracts, sizes, fees, listing dates, as the venue gives them at one time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from backtester.errors import time_text
from backtester.symbols import same
from data.fetch.failures import DownloadError, unknown_symbol
from data.fetch.venues import Exchange
from data.writing import write_text

FILE = "markets.json"


class Listed(NamedTuple):
    """A perpetual of a venue: the name of its folder, ccxt's symbol, whether it is traded, since when [ms UTC]."""

    folder: str
    symbol: str
    active: bool
    since: int | None


def perpetuals(client: Any, exchange: Exchange) -> list[Listed]:
    """Return the perpetuals of a venue whose markets are loaded, delisted ones included, sorted by folder."""
    found = [_listed(market, exchange) for market in client.markets.values() if market.get("swap")]
    return sorted(found)


def find(asked: str, there: Iterable[Listed], exchange: Exchange) -> Listed:
    """Return the perpetual that a symbol names, in the venue's notation, ccxt's, or any that fits one only.

    Raises
    ------
    DownloadError
        With the nearest symbols, if none fits or more than one does.
    """
    every = list(there)
    exact = [one for one in every if asked.upper() in (one.folder.upper(), one.symbol.upper())]
    fits = exact or [one for one in every if same(asked.upper(), one.folder) or same(asked.upper(), one.symbol)]
    if len(fits) == 1:
        return fits[0]
    if not fits:
        raise unknown_symbol(exchange.name, asked, [one.folder for one in every])
    names = " and ".join(one.folder for one in fits)
    raise DownloadError(exchange.name, asked, "its perpetual", f"more than one fits: {names}", "Name one of them")


def snapshot(client: Any, exchange: Exchange, now: int) -> dict[str, Any]:
    """Return what a venue says of its perpetuals, as it is written to ``markets.json``.

    Parameters
    ----------
    client : ccxt client
        With its markets loaded.
    exchange : Exchange
    now : int [ms UTC]
        Time of the snapshot: no venue tells what its contracts were like before.
    """
    return {
        "venue": exchange.name,
        "taken": time_text(now * 1_000_000),
        "source": f"ccxt {exchange.client}",
        "tiers_in": exchange.tiers_in if exchange.tiers else None,
        "markets": {one.folder: _facts(client.markets[one.symbol], one) for one in perpetuals(client, exchange)},
    }


def write(folder: Path, facts: dict[str, Any]) -> Path:
    """Write a snapshot into the folder of a venue."""
    path = folder / FILE
    write_text(path, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    return path


def _listed(market: dict[str, Any], exchange: Exchange) -> Listed:
    name = market.get("baseName") if exchange.tiers == "meta" else None  # there the id is a number
    return Listed(str(name or market["id"]), market["symbol"], market.get("active") is not False, market.get("created"))


def _facts(market: dict[str, Any], one: Listed) -> dict[str, Any]:
    """Return what the engine can use of a market; None is what the venue does not tell."""
    limits, precision = market.get("limits") or {}, market.get("precision") or {}
    since = one.since
    return {
        "symbol": one.symbol,
        "contract": "inverse" if market.get("inverse") else "linear",
        "settled_in": market.get("settle"),
        "contract_size": market.get("contractSize"),
        "lot": precision.get("amount"),
        "tick": precision.get("price"),
        "min_quantity": (limits.get("amount") or {}).get("min"),
        "min_notional": (limits.get("cost") or {}).get("min"),
        "max_leverage": (limits.get("leverage") or {}).get("max"),
        "taker_fee_rate": market.get("taker"),
        "maker_fee_rate": market.get("maker"),
        "listed": None if since is None else time_text(since * 1_000_000),
        "active": one.active,
    }
