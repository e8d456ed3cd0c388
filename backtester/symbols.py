"""What a symbol names: the same perpetual is ``BTC/USDT:USDT``, ``BTCUSDT`` or ``BTC-USDT-SWAP``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

DOLLARS = ("USDT", "USDC", "USD")
_UNIFIED = re.compile(r"([^/]+)/([^:]+):([^:-]+)")  # base/quote:settlement
_DECORATION = re.compile(r"^P[FI]_|[-_]?SWAP$|[-_]PERP(ETUAL)?$")
_INVERSE = re.compile(r"^PI_|-USD-SWAP$|USD_PERP$")
_MADE_UP = re.compile(r"FAKE\d+")


class Name(NamedTuple):
    """Base coin, quote currency (empty: the symbol does not tell) and whether it settles in coin."""

    base: str
    quote: str
    inverse: bool


def parse(symbol: str) -> Name:
    """Return what a symbol names, in a notation of the venues or the unified one."""
    unified = _UNIFIED.fullmatch(symbol)
    if unified:
        base, quote, settlement = unified.groups()
        return Name(base, quote, settlement == base)
    inverse = _INVERSE.search(symbol) is not None
    plain = _DECORATION.sub("", symbol).replace("/", "").replace("-", "").replace("_", "")
    quote = next((end for end in DOLLARS if plain.endswith(end) and plain != end), "")
    base = plain.removesuffix(quote) if quote else plain
    return Name("BTC" if base == "XBT" else base, quote, inverse)


def made_up(symbol: str) -> bool:
    """Return whether a symbol is one of a synthetic market, as ``FAKE1/USDT:USDT``, wherever its prices come from."""
    return _MADE_UP.fullmatch(parse(symbol).base) is not None


def same(asked: str, known: str) -> bool:
    """Return whether two symbols name the same perpetual; an untold quote fits any."""
    return asked == known or fits(parse(asked), known, inverse=parse(known).inverse)


def fits(asked: Name, known: str, *, inverse: bool) -> bool:
    """Return whether `asked` names the perpetual `known`, of which it is known whether it is inverse."""
    name = parse(known)
    quote = asked.quote == name.quote or not asked.quote or not name.quote
    return asked.base == name.base and asked.inverse == inverse and quote


def listed(names: Iterable[str], most: int = 20) -> str:
    """Return names as one line, cut to what can be read."""
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
