"""Venues as data: margin rules, tiers, fees and lots, each sourced, derived or assumed.

A venue is a TOML file in ``backtester/venues`` (see `load_venue`). Adding one is adding a file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from backtester._fields import Field, Unfit, choice, items, mapping, number, record, text
from backtester.errors import ConfigurationError
from backtester.scenario_schema import INSTRUMENT, RULE_FIELDS
from backtester.symbols import parse, same

__all__ = ["Instrument", "Tier", "Venue", "VenueRules", "load_venue", "venue_names"]

FOLDER = Path(__file__).parent / "venues"
EVIDENCE = ("sourced", "derived", "assumed")
COEXISTENCE = ("per_instrument", "per_account", "never")
_RENAMED = {"taker_fee": "taker_fee_rate", "maker_fee": "maker_fee_rate"}
INSTRUMENT_FIELDS = {_RENAMED.get(name, name): check for name, check in INSTRUMENT.items()}


class Tier(NamedTuple):
    """One row of a tier table.

    Parameters
    ----------
    floor : float
        The tier holds ``floor < key <= next floor``; the key is a notional or a quantity.
    maintenance_rate : float
        Fraction of the notional.
    max_leverage : float
    """

    floor: float
    maintenance_rate: float
    max_leverage: float


@dataclass(frozen=True)
class Instrument:
    """What is traded: contract, tiers, fees and sizes.

    Parameters
    ----------
    symbol : str
    contract : str
        ``linear`` (pnl in quote currency) or ``inverse`` (in coin).
    tiers : tuple of Tier
        Floors ascending from 0, rates not descending, max_leverage not ascending. Rows may be given
        as plain triples.
    tier_key : str
        ``notional`` (marginal rates) or ``quantity`` (one rate for the whole position).
    taker_fee_rate, maker_fee_rate : float
        Fractions of the traded notional; negative for a rebate.
    lot : float
        Step of the quantity; 0 for none.
    min_notional : float
        Smallest opening.

    Raises
    ------
    ConfigurationError
        Naming the key, what was found and what is allowed.
    """

    symbol: str
    contract: str = "linear"
    tiers: tuple[Tier, ...] = (Tier(0.0, 0.005, 100.0),)
    tier_key: str = "notional"
    taker_fee_rate: float = 0.0
    maker_fee_rate: float = 0.0
    lot: float = 0.0
    min_notional: float = 0.0

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in INSTRUMENT_FIELDS}
        if isinstance(self.tiers, tuple):
            given["tiers"] = list(self.tiers)
        for name, value in record(given, INSTRUMENT_FIELDS, f"instruments.{self.symbol}").items():
            object.__setattr__(self, name, value)  # the dataclass is frozen; this is its constructor
        object.__setattr__(self, "tiers", tuple(Tier(*row) for row in self.tiers))


@dataclass(frozen=True)
class VenueRules:
    """The knobs of the margin model; each is explained in docs/model.md.

    Raises
    ------
    ConfigurationError
        Naming the rule, what was found and what is allowed.
    """

    mm_basis: str = "mark"
    close_fee_buffer: float = 0.0
    liquidation_fee: float = 0.0
    liquidation_slippage: float = 0.0
    slippage: float = 0.0
    reduction: str = "full"
    liquidation_order: str = "all"
    leftover: str = "trader"
    funding_source: str = "pool"
    partial_close: str = "pro_rata"
    opening_fee_from: str = "main"
    remove_rule: str = "standard"
    leverage_rule: str = "topup"
    on_insufficient: str = "reduce"
    hedge_offset: str = "none"

    def __post_init__(self) -> None:
        for name, value in record(asdict(self), RULE_FIELDS, "venue").items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class Venue:
    """A venue: its rules, and the instruments whose tiers are known.

    Parameters
    ----------
    name : str
    rules : VenueRules
    instruments : mapping of str to Instrument
        By the venue's own symbols.
    default : Instrument
        What any other symbol is given; always assumed.
    snapshot : str
        Date of the tiers; no venue publishes past ones.
    notes : tuple of str
        What the model leaves out or simplifies, to be shown with every result.
    sources : mapping of str to str
        Key to ``sourced: ...``, ``derived: ...`` or ``assumed: ...``, with address and date.
    funding_hours : float
        Usual funding interval; the funding data decide.
    coexistence : str
        Where cross and isolated may stand side by side: ``per_instrument``, ``per_account`` (one mode
        for all) or ``never``.
    """

    name: str
    rules: VenueRules
    instruments: Mapping[str, Instrument]
    default: Instrument
    snapshot: str = ""
    notes: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    funding_hours: float = 8.0
    coexistence: str = "per_instrument"

    def instrument(self, symbol: str) -> Instrument:
        """Return the instrument of a symbol in any notation, or the default under that symbol.

        ``BTC/USDT:USDT`` and ``BTCUSDT`` are one instrument. The default of a coin-settled symbol is
        inverse and keeps the first tier only: floors in quote currency say nothing about coins.
        """
        known = self._known(symbol)
        if known is not None:
            return known if known.symbol == symbol else replace(known, symbol=symbol)
        if parse(symbol).inverse and self.default.contract == "linear":
            return replace(self.default, symbol=symbol, contract="inverse", tiers=self.default.tiers[:1])
        return replace(self.default, symbol=symbol)

    def is_assumed(self, symbol: str) -> bool:
        """Return whether the symbol gets the default, for want of tiers of its own."""
        return self._known(symbol) is None

    def _known(self, symbol: str) -> Instrument | None:
        if symbol in self.instruments:
            return self.instruments[symbol]
        return next((i for name, i in self.instruments.items() if same(symbol, name)), None)


def venue_names() -> list[str]:
    """Return the names that `load_venue` knows."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


@lru_cache(maxsize=32)
def load_venue(name: str) -> Venue:
    """Return a venue by its name, or from a TOML file of your own.

    Parameters
    ----------
    name : str
        One of `venue_names`, or the path of a ``.toml`` file with the same keys.

    Raises
    ------
    ConfigurationError
        If there is no such venue (the nearest names are given), or a key of the file is wrong.
    """
    path = Path(name) if str(name).endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        raise ConfigurationError(
            "venue",
            name,
            "is an unknown venue",
            allowed=venue_names(),
            cure="Name one of them, or the path of a .toml file",
        )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(path), str(error), "is not valid TOML") from error
    return _venue(data, path)


def _venue(data: dict[str, Any], path: Path) -> Venue:
    """Return the venue of a parsed file."""
    top = record(data, FILE, str(path))
    rules = record(top["rules"], RULE_FIELDS, f"{path}: rules")
    sources = {str(key): _evidence(value, f"{path}: sources.{key}") for key, value in top["sources"].items()}
    default = record({"symbol": "default"} | top["default"], INSTRUMENT_FIELDS, f"{path}: default")
    known = {}
    for symbol, row in top["instruments"].items():
        own = {"tiers": row} if isinstance(row, list) else row
        merged = default | {"symbol": symbol} | _own_keys(own, f"{path}: instruments.{symbol}")
        known[symbol] = Instrument(**merged)
    return Venue(
        name=top["name"],
        rules=VenueRules(**rules),
        instruments=known,
        default=Instrument(**default),
        snapshot=top["snapshot"],
        notes=tuple(top["notes"]),
        sources=sources,
        funding_hours=top["funding_hours"],
        coexistence=top["coexistence"],
    )


def _own_keys(row: Any, path: str) -> dict[str, Any]:
    """Check the keys an instrument has of its own."""
    optional = {name: Field(check.check, None) for name, check in INSTRUMENT_FIELDS.items() if name != "symbol"}
    return {name: value for name, value in record(row, optional, path).items() if value is not None}


def _evidence(value: Any, key: str) -> str:
    """Check that a source says how sure it is."""
    if not isinstance(value, str) or value.partition(":")[0] not in EVIDENCE:
        allowed = [f"{word}: ..." for word in EVIDENCE]
        raise ConfigurationError(key, value, "does not say what it rests on", allowed=allowed)
    return value


def _date(value: Any) -> str:
    if not isinstance(value, str):
        raise Unfit("is not a date", 'a text such as "2026-05-07"')
    return value


FILE = {
    "name": Field(text),
    "snapshot": Field(_date, ""),
    "notes": Field(items, ()),
    "funding_hours": Field(number("hours above 0", lambda value: value > 0), 8.0),
    "coexistence": Field(choice(COEXISTENCE), COEXISTENCE[0]),
    "rules": Field(mapping, {}),
    "sources": Field(mapping, {}),
    "default": Field(mapping),
    "instruments": Field(mapping, {}),
}
