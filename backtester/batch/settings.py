"""The settings that a run has: which there are, what they may be, and what they are when a plan says nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from backtester._fields import Check, Field, Unfit, choice, integer, number, record, text
from backtester.account import Account
from backtester.batch.teams import PARAMS, strategy_of
from backtester.errors import ConfigurationError, MarketDataError
from backtester.schema import MODES, PATHS
from backtester.stress.reading import read_shocks
from backtester.text import moment
from backtester.times import instant, step
from backtester.venue import load_venue, venue_names

__all__ = [
    "LARGEST_SEED",
    "OF_MARKET",
    "PARAMS",
    "RULES",
    "SETTINGS",
    "Period",
    "checked",
    "shares_of",
    "spread",
]

RULES = "rules"  # a table: each key in it is a setting of its own
LARGEST_SEED = 2**63 - 1
_RANGE = re.compile(r"(\d{1,18})\.\.(\d{1,18})")
MOST = 10_000_000  # values of a range
_DATES = "times as people write them, such as 2025-10-01 or '2025-10-01 12:00'"


class Period(NamedTuple):
    """Bars with ``start <= open time < end``, in UTC; an empty text is no limit."""

    start: str = ""
    end: str = ""


class Setting(NamedTuple):
    """One setting of a run.

    Parameters
    ----------
    check : callable
        Of one value: returns it as it is used, or raises Unfit.
    default : tuple
        Its values where a plan does not name it; empty: a plan has to.
    kind : str
        Of its column: ``string``, ``double`` or ``int64``, of which a text such as ``0..99`` may name many.
    """

    check: Check
    default: tuple[Any, ...]
    kind: str = "string"


def _positive(what: str) -> Check:
    return number(f"{what} above 0", lambda value: value > 0)


def _timeframe(value: Any) -> str:
    try:
        step(text(value))
    except MarketDataError:
        raise Unfit("is no timeframe", "1m, 15m, 1h, 1d and the like") from None
    return str(value)


def _symbols(value: Any) -> str:
    names = [name.strip() for name in text(value).split(",")]
    if not all(names):
        raise Unfit("has a name that is empty", "a symbol, several as 'BTCUSDT,ETHUSDT', or all")
    return ",".join(names)


def _isolated(value: Any) -> str:
    if isinstance(value, str) and not value:
        return ""
    names = [name.strip() for name in text(value).split(",")]
    if not all(names):
        raise Unfit("has a name that is empty", "a symbol, strategy or slot, several as 'BTCUSDT,ETHUSDT', or none: ''")
    return ",".join(names)


def _shares(value: Any) -> str:
    """Return shares of sub-accounts by name as a text that `shares_of` reads."""
    if not isinstance(value, Mapping) or any(sign in name for name in value for sign in ",="):
        raise Unfit("is no table of shares", "the name of each sub-account and its share, { BTCUSDT = 0.5 }")
    return ",".join(f"{name.strip()}={share!r}" for name, share in Account(shares=value).shares.items())


def shares_of(written: str) -> dict[str, float]:
    """Return the shares of a text ``BTCUSDT=0.5,ETHUSDT=0.25``."""
    pairs = (each.partition("=") for each in written.split(",") if each)
    return {name: float(share) for name, _, share in pairs}


def _require(value: Any) -> str:
    names = _symbols(value).split(",")
    if not set(names) <= {"mark", "funding"}:
        raise Unfit("names what cannot be required", "mark, funding, or 'mark,funding'")
    return ",".join(names)


def _market(value: Any) -> str:
    if text(value) != "synthetic" and not Path(value).expanduser().is_dir():
        raise Unfit("is no folder", "a folder of candles, or synthetic")
    return str(value)


def _venue(value: Any) -> str:
    if not Path(text(value)).is_file() and value not in venue_names():
        raise Unfit("is an unknown venue", venue_names())
    load_venue(value)  # a file of one's own says what is wrong with it
    return str(value)


def _time(value: Any, name: str) -> str:
    if isinstance(value, str) and not value:
        return ""
    if not isinstance(value, str | date | datetime):
        raise Unfit(f"has a {name} that is no time", _DATES)
    try:
        return moment(instant(value, name) or 0)
    except MarketDataError:
        raise Unfit(f"has a {name} that is no time", _DATES) from None


def _period(value: Any) -> Period:
    if isinstance(value, Period):
        return value
    if not isinstance(value, Mapping) or not set(value) <= {"start", "end"}:
        raise Unfit("is no period", "a table such as { start = 2025-10-01, end = 2025-11-01 }")
    found = Period(_time(value.get("start", ""), "start"), _time(value.get("end", ""), "end"))
    if found.start and found.end and found.start >= found.end:
        raise Unfit("is empty: it ends before it starts", "a start before the end")
    return found


def _draw(value: Any) -> int | None:
    return None if value in ("", None) else _a_draw(value)


def _shock(value: Any) -> str:
    """Return shocks as they are written; an empty text is none."""
    if not isinstance(value, str):
        raise Unfit("is no shock", "a text such as gap:-0.2@50%, or an empty one for no shock")
    return " + ".join(map(str, read_shocks(value))) if value.strip() else ""


_a_draw = integer(0, LARGEST_SEED, "the number of a draw, or an empty text for the market itself")
SETTINGS = {
    "market": Setting(_market, ()),
    "symbols": Setting(_symbols, ("all",)),
    "timeframe": Setting(_timeframe, ("1h",)),
    "simulation_timeframe": Setting(_timeframe, ("",)),
    "period": Setting(_period, (Period(),)),
    "require": Setting(_require, ("",)),
    "seed": Setting(integer(0, LARGEST_SEED, "a seed of the synthetic market"), (None,), "int64"),
    "draw_seed": Setting(integer(0, LARGEST_SEED, "a seed of the draws"), (0,), "int64"),
    "block": Setting(number("bars, at least 1", lambda value: value >= 1), (None,), "double"),
    "draw": Setting(_draw, (None,), "int64"),
    "shock": Setting(_shock, ("",)),
    "strategy": Setting(strategy_of, ()),
    "balance": Setting(_positive("money"), (10_000.0,), "double"),
    "leverage": Setting(_positive("a leverage"), (10.0,), "double"),
    "isolated": Setting(_isolated, ("",)),
    "shares": Setting(_shares, ("",)),
    "venue": Setting(_venue, ("",)),
    "path": Setting(choice(PATHS), ("adverse",)),
    "mode": Setting(choice(MODES), ("isolated", "cross")),
}
OF_CANDLES = ("market", "symbols", "timeframe", "simulation_timeframe", "period", "require", "seed")
OF_MARKET = (*OF_CANDLES, "draw_seed", "block", "draw", "shock")


def checked(key: str, value: Any, check: Callable[[Any], Any]) -> tuple[Any, ...]:
    """Return the values of a setting: those of a list, which is an axis, or the one that is given.

    Raises
    ------
    ConfigurationError
        Naming the key and the place in the list.
    """
    if not isinstance(value, list):
        return (_one(key, value, check),)
    if not value:
        raise ConfigurationError(key, value, "is a list without a value", cure="Give it one, or leave the key out")
    found = [_one(f"{key}[{k}]", each, check) for k, each in enumerate(value)]
    seen = set()
    for k, each in enumerate(found):
        if each in seen:
            raise ConfigurationError(f"{key}[{k}]", value[k], "is named twice", cure="Name each value once")
        seen.add(each)
    return tuple(found)


def _one(key: str, value: Any, check: Callable[[Any], Any]) -> Any:
    try:
        return record({key: value}, {key: Field(check)})[key]
    except ConfigurationError as error:  # a shock or a venue file says itself what is wrong with it
        raise error if error.key == key else error.renamed(f"{key}: {error.key}") from error


def spread(name: str, value: Any) -> Any:
    """Return the whole numbers of a text such as ``0..99``, both ends among them, as a list; all else as it is.

    Raises
    ------
    ConfigurationError
        If the range is empty or has more than ten million numbers.
    """
    ends = _RANGE.fullmatch(value.strip()) if SETTINGS[name].kind == "int64" and isinstance(value, str) else None
    if ends is None:
        return value
    first, last = int(ends[1]), int(ends[2])
    if not 0 <= last - first < MOST:
        raise ConfigurationError(name, value, "is no range", allowed=f"first..last, up to {MOST:,} numbers")
    return list(range(first, last + 1))
