"""The settings that a run has: which there are, what they may be, and what they are when a plan says nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from backtester._fields import Check, Field, Unfit, choice, integer, number, record, text
from backtester.errors import ConfigurationError, MarketDataError
from backtester.schema import MODES, PATHS
from backtester.text import moment
from backtester.times import instant, step
from backtester.venue import load_venue, venue_names

__all__ = ["LARGEST_SEED", "OF_MARKET", "PARAMS", "RULES", "SETTINGS", "Period", "checked"]

PARAMS, RULES = "params", "rules"  # tables: each key in them is a setting of its own, such as `params.fast`
LARGEST_SEED = 2**63 - 1
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
    """

    check: Check
    default: tuple[Any, ...]


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


SETTINGS = {
    "market": Setting(_market, ()),
    "symbols": Setting(_symbols, ("all",)),
    "timeframe": Setting(_timeframe, ("1h",)),
    "simulation_timeframe": Setting(_timeframe, ("",)),
    "period": Setting(_period, (Period(),)),
    "require": Setting(_require, ("",)),
    "seed": Setting(integer(0, LARGEST_SEED, "a seed of the synthetic market"), (None,)),
    "strategy": Setting(text, ()),
    "balance": Setting(_positive("money"), (10_000.0,)),
    "leverage": Setting(_positive("a leverage"), (10.0,)),
    "venue": Setting(_venue, ("",)),
    "path": Setting(choice(PATHS), ("adverse",)),
    "mode": Setting(choice(MODES), ("isolated", "cross")),
}
OF_MARKET = ("market", "symbols", "timeframe", "simulation_timeframe", "period", "require", "seed")


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
    return record({key: value}, {key: Field(check)})[key]
