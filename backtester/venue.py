"""Venues as data: margin rules, tiers, fees and lots, and what each of them rests on.

A venue is a TOML file in ``backtester/venues`` (see `load_venue`). Adding one is adding a file.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from backtester._fields import record
from backtester.errors import ConfigurationError, nearest
from backtester.scenario_parts.schema import RULE_FIELDS, check_growth
from backtester.symbols import fits, parse
from backtester.times import instant
from backtester.venue_parts.evidence import NOT_STATED, Evidence
from backtester.venue_parts.file import INSTRUMENT_FIELDS, Parts, read_parts
from backtester.venue_parts.tiers import DatedTiers, Schedule, Tier, maintenance_amounts

__all__ = ["DatedTiers", "Evidence", "Instrument", "Tier", "Venue", "VenueRules", "load_venue", "venue_names"]

FOLDER = Path(__file__).parent / "venues"
STABLE = ("USDT", "USDC")  # a contract quoted in them settles in them


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
        as plain triples, or with the maintenance amount that the venue publishes as a fourth number,
        which is then checked.
    tier_changes : tuple of DatedTiers
        Tables that come into force later, in ascending order of `since`: each at the open of the first bar that
        starts no earlier.
    tier_key : str
        ``notional`` (marginal rates) or ``quantity`` (one rate for the whole position).
    taker_fee_rate, maker_fee_rate : float
        Fractions of the traded notional; negative for a rebate.
    lot : float
        Step of the quantity; 0 for none.
    min_notional : float
        Smallest opening.
    unit_margin_rate : float
        The margin rate of a side grows with its size, ``min(1, unit_margin_rate*|Q|)`` at least: its maintenance rate
        with it, and its leverage is at most the reciprocal. 0: it does not. Tiers go by quantity then.
    liquidation_fee : float, optional
        Fraction of what is liquidated; None: that of the venue's rules.
    contract_size : float
        What one contract of the venue is, in base currency (linear) or quote currency (inverse). Quantities
        and lots are in those units, not in contracts; nothing is reckoned with it.

    Raises
    ------
    ConfigurationError
        Naming the key, what was found and what is allowed.
    """

    symbol: str
    contract: str = "linear"
    tiers: tuple[Tier, ...] = (Tier(0.0, 0.005, 100.0),)
    tier_changes: tuple[DatedTiers, ...] = ()
    tier_key: str = "notional"
    taker_fee_rate: float = 0.0
    maker_fee_rate: float = 0.0
    lot: float = 0.0
    min_notional: float = 0.0
    unit_margin_rate: float = 0.0
    liquidation_fee: float | None = None
    contract_size: float = 1.0

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in INSTRUMENT_FIELDS}
        if isinstance(self.tiers, tuple):
            given["tiers"] = list(self.tiers)
        if isinstance(self.tier_changes, tuple):
            given["tier_changes"] = [
                {"time": since, "tiers": list(tiers) if isinstance(tiers, tuple) else tiers}
                for since, tiers in self.tier_changes
            ]
        checked = record(given, INSTRUMENT_FIELDS, f"instruments.{self.symbol}")
        check_growth(checked, f"instruments.{self.symbol}")
        given_changes: Any = checked.pop("tier_changes")
        for name, value in checked.items():
            object.__setattr__(self, name, value)  # the dataclass is frozen; this is its constructor
        object.__setattr__(self, "tiers", _table(self.tiers))
        changes = (DatedTiers(change["time"], _table(change["tiers"])) for change in given_changes)
        object.__setattr__(self, "tier_changes", tuple(changes))

    @property
    def maintenance_amounts(self) -> tuple[float, ...]:
        """Cumulative maintenance amount of each tier: ``amount_{k-1} + floor_k*(rate_k - rate_{k-1})``."""
        return maintenance_amounts(self.tiers, self.tier_key)


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
    auto_top_up: str = "none"
    top_up_cap: float = 0.0
    initial_margin_buffer: float = 0.0
    remove_floor: float = 0.0
    backstop_rate: float = 0.0
    first_fraction: float = 0.0
    first_fraction_above: float = 0.0
    liquidation_cooldown: float = 0.0
    tier_steps: int = 1

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
        Date of the tiers.
    notes : tuple of str
        What the model leaves out or simplifies, to be shown with every result.
    sources : mapping of str to Evidence
        What each value rests on, by its name; see `evidence`.
    funding_hours : float
        Usual funding interval; the funding data decide.
    coexistence : str
        Where cross and isolated may stand side by side: ``per_instrument``; ``per_account``, one mode for
        all positions; ``never``, no isolated margin but that of sub-accounts.
    isolated_positions : str
        How many isolated positions an instrument may have: ``any`` number, one on each side in hedge mode
        (``per_side``), or one (``per_instrument``).
    position_modes : mapping of str to str
        Each mode the trader may choose, ``one_way`` or ``hedge``, with its ``hedge_offset``; the one of
        `rules` is used.
    isolated_only : tuple of str
        Symbols that have no cross margin.
    schedule : mapping of str to tuple of DatedTiers
        Dated tier tables by symbol, the oldest first; see `tiers_at`.
    """

    name: str
    rules: VenueRules
    instruments: Mapping[str, Instrument]
    default: Instrument
    snapshot: str = ""
    notes: tuple[str, ...] = ()
    sources: Mapping[str, Evidence] = field(default_factory=dict)
    funding_hours: float = 8.0
    coexistence: str = "per_instrument"
    isolated_positions: str = "any"
    position_modes: Mapping[str, str] = field(default_factory=dict)
    isolated_only: tuple[str, ...] = ()
    schedule: Schedule = field(default_factory=dict)

    def instrument(self, symbol: str) -> Instrument:
        """Return the instrument of a symbol in any notation, or the default under that symbol.

        ``BTC/USDT:USDT`` and ``BTCUSDT`` are one instrument. The default of a coin-settled symbol is
        inverse and keeps the first tier only: floors in quote currency say nothing about coins.

        Raises
        ------
        ConfigurationError
            For a symbol settled in dollars on a venue whose contracts settle in coin.
        """
        known = self.symbol_of(symbol)
        if known is not None:
            found = self.instruments[known]
            return found if known == symbol else replace(found, symbol=symbol)
        name = parse(symbol)
        if name.inverse and self.default.contract == "linear":
            return replace(self.default, symbol=symbol, contract="inverse", tiers=self.default.tiers[:1])
        if name.quote in STABLE and self.default.contract == "inverse":
            cure = f"Use another venue, or a market of {name.base}/USD:{name.base}"
            raise ConfigurationError(
                "symbol", symbol, f"settles in {name.quote}, and contracts of {self.name} settle in coin", cure=cure
            )
        return replace(self.default, symbol=symbol)

    def instrument_over(self, symbol: str, start: object, end: object) -> Instrument:
        """Return the instrument of a symbol with the tiers in force at `start` and their changes up to `end`.

        Parameters
        ----------
        symbol : str
            In any notation.
        start, end : str, datetime, Timestamp or int [ns UTC]
        """
        asked = (symbol, start, end)
        if asked not in self._over:
            tiers, changes = self.tiers_at(symbol, start).tiers, self.tier_changes(symbol, start, end)
            self._over[asked] = replace(self.instrument(symbol), tiers=tiers, tier_changes=changes)
        return self._over[asked]

    @cached_property
    def _over(self) -> dict[tuple[str, object, object], Instrument]:
        """What `instrument_over` was asked before: many runs ask for the same."""
        return {}

    def symbol_of(self, symbol: str) -> str | None:
        """Return the venue's own name of a symbol in any notation, None if its tiers are not known."""
        if symbol in self.instruments:
            return symbol
        asked = parse(symbol)
        known = self.instruments.items()
        return next((name for name, i in known if fits(asked, name, inverse=i.contract == "inverse")), None)

    def known_symbol(self, symbol: str) -> str:
        """Return the venue's own name of a symbol in any notation.

        Raises
        ------
        ConfigurationError
            With the nearest names, if its tiers are not known.
        """
        name = self.symbol_of(symbol)
        if name is None:
            given = "The file has no instruments of its own; a run gives every symbol the assumed default"
            close = nearest(parse(symbol).base, self.instruments)
            meant = f"Did you mean {' or '.join(close)}? A" if close else "A"
            cure = f"{meant} run gives an unknown symbol the assumed default" if self.instruments else given
            raise ConfigurationError("symbol", symbol, f"{self.name} has no such instrument here", cure=cure)
        return name

    def is_assumed(self, symbol: str) -> bool:
        """Return whether the symbol's tiers are assumed: those of the default, or none that the venue publishes."""
        return self.symbol_of(symbol) is None or self.evidence("tiers", symbol).kind == "assumed"

    def most_isolated(self, hedge_offset: str) -> float:
        """Return how many isolated positions an instrument may have in the position mode of a `hedge_offset`."""
        if self.isolated_positions == "any":
            return math.inf
        hedged = self.isolated_positions == "per_side" and self.position_modes.get("hedge") == hedge_offset
        return 2 if hedged else 1

    def must_be_isolated(self, symbol: str) -> bool:
        """Return whether the venue has no cross margin for a symbol."""
        return any(symbol == name or fits(parse(symbol), name, inverse=False) for name in self.isolated_only)

    def evidence(self, key: str, symbol: str | None = None) -> Evidence:
        """Return what a value rests on.

        Parameters
        ----------
        key : str
            Name of a rule, a field of an instrument, or another value of the file.
        symbol : str, optional
            Whose ``tiers`` are meant, in any notation.
        """
        keys = [key, *(["rules"] if key in RULE_FIELDS else ["default"] if key in INSTRUMENT_FIELDS else [])]
        if symbol is not None and key == "tiers":
            keys.insert(0, self.symbol_of(symbol) or "default")
        return next((self.sources[name] for name in keys if name in self.sources), NOT_STATED)

    def tiers_at(self, symbol: str, time: object) -> DatedTiers:
        """Return the tiers that were in force at a time, and since when.

        Before the first table that is known, and for a symbol without dated tables, `since` is None:
        the tiers are then the oldest (or only) ones known, and nothing says that they were in force.

        Parameters
        ----------
        symbol : str
            In any notation.
        time : str, datetime, Timestamp or int [ns UTC]

        Raises
        ------
        MarketDataError
            If `time` is not a time.
        """
        tables = self.tables(symbol)
        row = bisect_right([table.since or 0 for table in tables], _time(time)) - 1
        if row >= 0:
            return tables[row]
        return DatedTiers(None, tables[0].tiers if tables else self.instrument(symbol).tiers)

    def tier_changes(self, symbol: str, start: object, end: object) -> tuple[DatedTiers, ...]:
        """Return the tables that came into force after `start` and not after `end`, the oldest first.

        With ``tiers_at(symbol, start)`` they are all the tiers of that time.

        Parameters
        ----------
        symbol : str
            In any notation.
        start, end : str, datetime, Timestamp or int [ns UTC]

        Raises
        ------
        MarketDataError
            If one of them is not a time.
        """
        first, last = _time(start), _time(end)
        return tuple(table for table in self.tables(symbol) if first < (table.since or 0) <= last)

    def tables(self, symbol: str) -> tuple[DatedTiers, ...]:
        """Return all dated tables of a symbol, the oldest first; none where nothing is dated."""
        return self.schedule.get(self.symbol_of(symbol) or "", ())


def _table(rows: Iterable[Iterable[float]]) -> tuple[Tier, ...]:
    return tuple(Tier(*row) for row in rows)


def _time(value: object) -> int:
    return instant(value, "time") or 0


def venue_names() -> list[str]:
    """Return the names that `load_venue` knows."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_venue(name: str) -> Venue:
    """Return a venue by its name, or from a TOML file of your own; read again when the file was edited.

    Parameters
    ----------
    name : str
        One of `venue_names`, or the path of a ``.toml`` file with the same keys (docs/venues.md).

    Raises
    ------
    ConfigurationError
        If there is no such venue (the nearest names are given), a key of the file is wrong, or a
        value does not say what it rests on.
    """
    named = str(name) if str(name).endswith(".toml") else f"{FOLDER}/{name}.toml"
    path = os.path.abspath(named)
    if path in _READ:
        venue, stamps = _READ[path]
        if all(_stamp(file) == stamp for file, stamp in stamps.items()):
            return venue
    if not os.path.isfile(path):
        raise ConfigurationError(
            "venue",
            name,
            "is an unknown venue",
            allowed=venue_names(),
            cure="Name one of them, or the path of a .toml file",
        )
    parts = read_parts(Path(named))
    venue = _venue(parts)
    _READ[path] = venue, {os.path.abspath(file): _stamp(file) for file in parts.files}
    return venue


_READ: dict[str, tuple[Venue, dict[str, tuple[int, int]]]] = {}  # by file: the venue, and the state of its files


def _stamp(file: str | Path) -> tuple[int, int]:
    """Return time of change and size of a file; zeros if it is gone."""
    try:
        found = os.stat(file)
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _venue(parts: Parts) -> Venue:
    return Venue(
        name=parts.top["name"],
        rules=VenueRules(**parts.rules),
        instruments={symbol: Instrument(**row) for symbol, row in parts.instruments.items()},
        default=Instrument(**parts.default),
        snapshot=parts.top["snapshot"],
        notes=tuple(parts.top["notes"]),
        sources=parts.sources,
        funding_hours=parts.top["funding_hours"],
        coexistence=parts.top["coexistence"],
        isolated_positions=parts.top["isolated_positions"],
        position_modes=parts.top["position_modes"],
        isolated_only=tuple(parts.top["isolated_only"]),
        schedule=parts.schedule,
    )
