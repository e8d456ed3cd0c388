"""Options of the command line: lists, name=value pairs, and errors that name the option they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from backtester.errors import ConfigurationError

__all__ = ["as_options", "names", "pairs", "rules"]

_OPTIONS = {
    "account.balance": "--balance",
    "account.isolated": "--isolated",
    "account.leverage": "--leverage",
    "account.mode": "--modes",
    "account.path": "--path",
    "account.shares": "--allocate",
    "allocation.name": "STRATEGY",
    "allocation.share": "--allocate share",
    "along": "--along",
    "base_url": "--base-url",
    "block": "--block",
    "columns": "--columns",
    "credentials": "--credentials",
    "draw_seed": "--draw-seed",
    "draws": "--draws",
    "engine": "--engine",
    "exchange": "VENUE",
    "export": "--export",
    "floor": "--floor",
    "folder": "DIR",
    "format": "--format",
    "from": "--from",
    "group": "--group",
    "heat": "--heat",
    "html": "--html",
    "kind": "--kind",
    "kinds": "--kinds",
    "level": "--level",
    "leverages": "--leverages",
    "limits.frozen": "--frozen",
    "limits.sigma": "--sigma",
    "limits.spike": "--spike",
    "measure": "--measure",
    "modes": "--modes",
    "out": "--out",
    "pause": "--pause",
    "proxy": "--proxy",
    "picture": "--picture",
    "plan": "PLAN",
    "quote": "--quote",
    "require": "--require",
    "resume": "--resume",
    "scheduler": "--scheduler",
    "seed": "--seed",
    "set": "--set",
    "sort": "--sort",
    "simulation_timeframe": "--simulation-timeframe",
    "source": "SOURCE",
    "symbol": "--symbol",
    "symbols": "--symbols",
    "threads": "--threads",
    "trials": "--trials",
    "timeframe": "--timeframe",
    "strategy": "STRATEGY",
    "until": "--until",
    "venue": "--venue",
    "venues": "--venue",
    "where": "--where",
    "workers": "--workers",
}
_RULES = "account.rules."
_SHOCK = "shock"


@contextmanager
def as_options() -> Iterator[None]:
    """Name the option, not the setting behind it, in a ConfigurationError."""
    try:
        yield
    except ConfigurationError as error:
        option = _option_of(error.key)
        if option is None:
            raise
        raise error.renamed(option) from error


def _option_of(key: str) -> str | None:
    if key.startswith(_RULES):
        return f"--rule {key.removeprefix(_RULES)}"
    if key.startswith(_SHOCK):
        return f"--{key}"
    return _OPTIONS.get(key)


def names(given: str) -> list[str]:
    """Return the names of a list such as ``BTCUSDT, ETHUSDT``."""
    return [name.strip() for name in given.split(",") if name.strip()]


def rules(given: Iterable[str]) -> dict[str, object]:
    """Return ``name=value`` texts as rules of a venue; see `pairs`."""
    return pairs(given, "--rule", "--rule slippage=0.0002")


def pairs(given: Iterable[str], option: str, example: str) -> dict[str, object]:
    """Return ``name=value`` texts of an option: a value that reads as a number is one.

    Raises
    ------
    ConfigurationError
        If a text has no ``=``.
    """
    out: dict[str, object] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise ConfigurationError(option, text, "is not of the form name=value", cure=f"Write {example}")
        out[name.strip()] = _number(value.strip())
    return out


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text
