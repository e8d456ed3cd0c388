"""What a store knows of a venue's instruments, for a run: contracts, sizes, fees and tiers, captured from the venue."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from backtester.errors import ConfigurationError, MarketDataError
from backtester.symbols import listed
from backtester.venue import DatedTiers, Instrument, Tier, Venue
from backtester.venue_parts.evidence import Evidence
from data.files import read
from data.series import TIME, Series, rows_of, sorted_rows

FILE = "markets.json"
MILLISECOND = 1_000_000  # [ns]
NAMED = 5  # symbols in a note
_FEES = ("taker_fee_rate", "maker_fee_rate")


class Facts(NamedTuple):
    """What ``markets.json`` says: when and where it was captured, in what floors of tiers count, and each market."""

    taken: str
    source: str
    tiers_in: str
    markets: Mapping[str, Mapping[str, Any]]


def with_facts(venue: Venue, folder: Path, symbols: Sequence[str]) -> Venue:
    """Return a venue with what its folder of a store says of some symbols; the venue itself if that is nothing.

    Lots, smallest orders, contracts and tiers of the store go before those of the venue's file; fees only where the
    file assumes them, since a client's list of fees is no more than that. Tiers come into force when they were
    captured, after those that the file dates; of a symbol whose tiers the file states without a date, it keeps those.

    Parameters
    ----------
    venue : Venue
    folder : Path
        Of the venue, with ``markets.json`` and ``<SYMBOL>/tiers.parquet`` where there are such.
    symbols : sequence of str
        Names of folders.

    Raises
    ------
    MarketDataError
        If a file cannot be read or used.
    """
    facts = read_facts(folder)
    instruments, schedule, sources = dict(venue.instruments), dict(venue.schedule), dict(venue.sources)
    sized, tiered = [], []
    for symbol in symbols:
        market = facts.markets.get(symbol, {})
        name = venue.symbol_of(symbol) or symbol
        known = venue.instrument(name)
        own = _sizes(market, venue, f"{folder / FILE}: {symbol}")
        tables, tier_key, growth = _tables(folder, symbol, facts.tiers_in, {**known.__dict__, **own})
        if tables and (venue.is_assumed(name) or (venue.tables(name) and tier_key == known.tier_key)):
            schedule[name] = _after(venue.tables(name), tables)
            own |= {"tiers": schedule[name][-1].tiers, "tier_key": tier_key, "unit_margin_rate": growth}
            sources[name] = Evidence("sourced", "captured from the venue into the store", date=facts.taken[:10])
            tiered.append(symbol)
        if own:
            sized += [symbol] * bool(market)
            sources.setdefault(name, venue.evidence("tiers", name))
            instruments[name] = _instrument(known, {**own, "symbol": name}, folder)
    notes = _notes(venue.name, facts, sized, tiered)
    if not notes:
        return venue
    return replace(venue, instruments=instruments, schedule=schedule, sources=sources, notes=(*venue.notes, *notes))


def read_facts(folder: Path) -> Facts:
    """Return what is known of a venue's markets; nothing where there is no ``markets.json``.

    Raises
    ------
    MarketDataError
        If the file cannot be read.
    """
    path = folder / FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        markets = {name: dict(market) for name, market in data["markets"].items()}
        return Facts(str(data["taken"]), str(data["source"]), str(data["tiers_in"] or ""), markets)
    except FileNotFoundError:
        return Facts("", "", "", {})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        cure = "Download it again, or remove it"
        raise MarketDataError(f"{path} cannot be read: {type(error).__name__}: {error}", cure=cure) from error


def _sizes(market: Mapping[str, Any], venue: Venue, where: str) -> dict[str, Any]:
    """Return the fields of an instrument that a market tells; quantities are no longer in contracts."""
    size = _number(market, "contract_size", where) or 1.0
    out: dict[str, Any] = {"contract": market["contract"]} if market.get("contract") else {}
    if market:
        out["contract_size"] = size
    lot = _number(market, "lot", where)
    if lot:
        out["lot"] = lot * size
    smallest = _number(market, "min_notional", where)
    if smallest:
        out["min_notional"] = smallest
    for name in _FEES:
        fee = _number(market, name, where)
        if fee is not None and venue.evidence(name).kind == "assumed":
            out[name] = fee
    return out


def _number(market: Mapping[str, Any], name: str, where: str) -> float | None:
    value = market.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        cure = "Download it again, or remove it"
        raise MarketDataError(f"{where}.{name} is not a number", found=value, cure=cure)
    return float(value)


def _tables(
    folder: Path, symbol: str, counted: str, instrument: Mapping[str, Any]
) -> tuple[tuple[DatedTiers, ...], str, float]:
    """Return the tables of tiers of a symbol by their dates, their tier key, and the unit margin rate captured last."""
    path = folder / symbol / "tiers.parquet"
    tier_key, factor = _unit(counted, instrument)
    if not path.is_file():
        return (), tier_key, 0.0
    series = Series(folder.name, symbol, "tiers")
    rows = sorted_rows(series, [rows_of(series, read(path, series.columns, None, None))])
    tables: list[DatedTiers] = []
    for time in rows[TIME].unique().tolist():
        values = rows.loc[rows[TIME] == time, list(series.required[1:])].to_numpy().tolist()
        tiers = tuple(Tier(floor * factor, rate, leverage) for floor, rate, leverage in values)
        if not tables or tables[-1].tiers != tiers:
            tables.append(DatedTiers(time * MILLISECOND, tiers))
    growth = float(rows[series.optional].iloc[-1]) if tier_key == "quantity" else 0.0
    return tuple(tables), tier_key, 0.0 if math.isnan(growth) else growth


def _unit(counted: str, instrument: Mapping[str, Any]) -> tuple[str, float]:
    """Return the tier key of floors in such a unit and what to multiply them by.

    The notional of an inverse contract is in coin, that of a linear one in its quote. What is counted in neither is a
    quantity: then one rate goes for the whole position. Where nothing tells, the venue's file does.
    """
    inverse = instrument["contract"] == "inverse"
    if counted == ("base" if inverse else "quote"):
        return "notional", 1.0
    if counted == "contracts":
        return "quantity", float(instrument["contract_size"])
    return "quantity" if counted else str(instrument["tier_key"]), 1.0


def _after(known: tuple[DatedTiers, ...], found: tuple[DatedTiers, ...]) -> tuple[DatedTiers, ...]:
    """Return dated tables with those that were captured later and differ."""
    out = list(known)
    for table in found:
        if not out or ((out[-1].since or 0) < (table.since or 0) and out[-1].tiers != table.tiers):
            out.append(table)
    return tuple(out)


def _instrument(known: Instrument, own: Mapping[str, Any], folder: Path) -> Instrument:
    try:
        return replace(known, **own)
    except ConfigurationError as error:
        cure = "Download the tiers and markets again, or remove them"
        raise MarketDataError(f"what {folder} says of an instrument cannot be used: {error}", cure=cure) from error


def _notes(venue: str, facts: Facts, sized: list[str], tiered: list[str]) -> list[str]:
    """Say what is taken from the store."""
    notes = []
    if sized:
        when = f"{facts.source}, {facts.taken[:10]}"
        notes.append(f"{venue}: contracts, lots and smallest orders as the venue gave them ({when}) for {_some(sized)}")
    if tiered:
        notes.append(f"{venue}: tiers as they were captured into the store for {_some(tiered)}")
    return notes


def _some(symbols: list[str]) -> str:
    return listed(symbols, NAMED)
