"""Reading of a venue file: every key checked, every value with what it rests on."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from backtester._fields import Field, Unfit, choice, items, mapping, number, record, text
from backtester.errors import ConfigurationError
from backtester.scenario_parts.schema import INSTRUMENT, RULE_FIELDS
from backtester.schema import RULE_CHOICES
from backtester.venue_parts.evidence import Evidence, check_covered, date, read_evidence
from backtester.venue_parts.tiers import Schedule, check_table, read_schedule

COEXISTENCE = ("per_instrument", "per_account", "never")
POSITION_MODES = ("one_way", "hedge")
ISOLATED_POSITIONS = ("any", "per_side", "per_instrument")
_RENAMED = {"taker_fee": "taker_fee_rate", "maker_fee": "maker_fee_rate"}
INSTRUMENT_FIELDS = {_RENAMED.get(name, name): check for name, check in INSTRUMENT.items()} | {
    "tiers": Field(check_table),
    "contract_size": Field(number("a number above 0", lambda value: value > 0), 1.0),
}
OWN_FIELDS = {name: Field(check.check, None) for name, check in INSTRUMENT_FIELDS.items() if name != "symbol"}


class Parts(NamedTuple):
    """What a venue is made of, checked; instruments as their fields, and the files that all is in."""

    top: dict[str, Any]
    rules: dict[str, Any]
    default: dict[str, Any]
    instruments: dict[str, dict[str, Any]]
    sources: dict[str, Evidence]
    schedule: Schedule
    files: tuple[Path, ...]


def read_parts(path: Path) -> Parts:
    """Return the parts of the venue in a TOML file.

    Raises
    ------
    ConfigurationError
        Naming the key, what was found and what is allowed.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(path), str(error), "is not valid TOML") from error
    top = record(data, FILE, str(path))
    rules = record(top["rules"], RULE_FIELDS, f"{path}: rules")
    tables = path.parent / top["tiers"] if top["tiers"] else None
    schedule = read_schedule(tables) if tables else {}
    own = {symbol: _own(row, f"{path}: instruments.{symbol}") for symbol, row in top["instruments"].items()}
    for symbol, dated in schedule.items():
        own[symbol] = {"tiers": [list(tier) for tier in dated[-1].tiers]} | own.get(symbol, {})
    default = record({"symbol": "default"} | top["default"], INSTRUMENT_FIELDS, f"{path}: default")
    _check_position_modes(top["position_modes"], rules["hedge_offset"], f"{path}: position_modes")
    sources = read_evidence(top["pages"], top["sources"], str(path))
    check_covered(_stated(data, own), sources, str(path))
    for symbol, row in own.items():  # tiers that are not its own are as good as the default
        if "tiers" not in row and "default" in sources:
            sources.setdefault(symbol, sources["default"])
    instruments = {symbol: default | {"symbol": symbol} | row for symbol, row in own.items()}
    return Parts(top, rules, default, instruments, sources, schedule, (path, tables) if tables else (path,))


def _own(row: Any, path: str) -> dict[str, Any]:
    """Return what an instrument states itself: rows of tiers, or some of its fields."""
    given = {"tiers": row} if isinstance(row, list) else row
    return {name: value for name, value in record(given, OWN_FIELDS, path).items() if value is not None}


def _stated(data: Mapping[str, Any], own: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return each value that a file states, with the keys of its evidence."""
    out: dict[str, tuple[str, ...]] = {name: (name,) for name in KNOBS if name in data}
    out |= {f"rules.{name}": (name, "rules") for name in data.get("rules", {})}
    for name in data["default"]:
        out[f"default.{name}"] = ("default",) if name == "tiers" else (name, "default")
    for symbol, row in own.items():
        for name in row:
            out[f"instruments.{symbol}.{name}"] = (symbol, "tiers") if name == "tiers" else (name,)
    return out


def _check_position_modes(modes: Mapping[str, Any], used: str, path: str) -> None:
    offsets = RULE_CHOICES["hedge_offset"]
    checked = record(modes, {name: Field(choice(offsets), None) for name in POSITION_MODES}, path)
    if modes and used not in checked.values():
        raise ConfigurationError(
            path, modes, f"lack the one of the rules, hedge_offset = {used!r}", allowed=[f"one of them = {used!r}"]
        )


def _names(value: Any) -> list[Any]:
    if not all(isinstance(name, str) for name in items(value)):
        raise Unfit("is not a list of texts", 'texts, such as ["SPYUSD-PERP"]')
    return value


KNOBS = ("funding_hours", "coexistence", "isolated_positions", "position_modes", "isolated_only")
FILE = {
    "name": Field(text),
    "snapshot": Field(date, ""),
    "notes": Field(_names, ()),
    "funding_hours": Field(number("hours above 0", lambda value: value > 0), 8.0),
    "coexistence": Field(choice(COEXISTENCE), COEXISTENCE[0]),
    "isolated_positions": Field(choice(ISOLATED_POSITIONS), ISOLATED_POSITIONS[0]),
    "isolated_only": Field(_names, ()),
    "tiers": Field(text, ""),
    "position_modes": Field(mapping, {}),
    "rules": Field(mapping, {}),
    "pages": Field(mapping, {}),
    "sources": Field(mapping, {}),
    "default": Field(mapping),
    "instruments": Field(mapping, {}),
}
