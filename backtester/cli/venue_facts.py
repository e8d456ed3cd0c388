"""What is known of a venue, as plain values: printed by `backtester venues`, or written as JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from backtester.venue_parts.file import KNOBS

if TYPE_CHECKING:
    from backtester.venue import Instrument, Venue

__all__ = ["instrument_facts", "summary_facts", "venue_facts"]

_MEANINGS: dict[str, str | dict[str, str]] = {
    "mm_basis": {
        "mark": "maintenance margin is measured at the mark price",
        "entry": "maintenance margin is measured at the entry price",
    },
    "close_fee_buffer": "added to the maintenance rate for the fee of closing",
    "liquidation_fee": "fee on what is liquidated",
    "liquidation_slippage": "liquidations fill so much worse than the mark",
    "slippage": "market orders and stops fill so much worse",
    "reduction": {
        "full": "a liquidation closes the whole position",
        "tier_step": "a liquidation closes down to the next lower tier",
        "to_initial": "a liquidation closes until equity covers the initial margin",
        "fraction_first": "a liquidation closes a part of a large position first",
    },
    "liquidation_order": {
        "all": "every position of the pool is closed",
        "largest_requirement": "the position with the largest requirement goes first",
        "largest_loss": "the position with the largest loss goes first",
    },
    "leftover": {
        "trader": "what a liquidation leaves is the trader's",
        "fund": "what a liquidation leaves goes to the insurance fund",
    },
    "funding_source": {
        "pool": "an isolated position pays its own funding",
        "main_first": "funding of an isolated position is paid from the free balance first",
    },
    "partial_close": {
        "pro_rata": "a partial close of an isolated position releases its share of the margin",
        "keep": "margin stays with an isolated position until it is flat",
    },
    "opening_fee_from": {
        "main": "the fee of an isolated opening is paid beside its margin",
        "pool": "the fee of an isolated opening is paid out of its margin",
    },
    "remove_rule": {
        "standard": "margin may be withdrawn down to initial and maintenance margin",
        "profit_only": "margin may be withdrawn from a position in profit only",
    },
    "leverage_rule": {
        "topup": "lower leverage of an open isolated position takes the missing margin from the balance",
        "rejected": "the leverage of an open isolated position cannot be lowered",
    },
    "on_insufficient": {
        "reduce": "an order that is too large is cut to what fits",
        "reject": "an order that is too large is rejected",
    },
    "hedge_offset": {
        "none": "long and short on one instrument are both margined",
        "larger_side": "of long and short on one instrument the larger side is margined",
        "net": "of long and short on one instrument the difference is margined",
    },
    "auto_top_up": {
        "none": "an isolated position at its line is liquidated",
        "initial_margin": "an isolated position at its line first takes its initial margin from the balance once more",
        "all_free": "an isolated position at its line first takes all that is free in the balance",
    },
    "top_up_cap": "most that automatic top-ups move to one position (0: no cap)",
    "initial_margin_buffer": "set aside for fees beside the initial margin",
    "remove_floor": "part of the notional that must stay in an isolated position when margin is withdrawn",
    "backstop_rate": "of the maintenance margin; a position found with less after a gap is taken over with its margin",
    "first_fraction": "part of a large position that a liquidation closes first",
    "first_fraction_above": "notional from which on a position is large",
    "liquidation_cooldown": "seconds after a first part in which a liquidation closes all",
    "tier_steps": "tiers that a liquidation goes down at once",
    "unit_margin_rate": "margin rate for each unit of the position, where that is more than the tier's",
    "funding_hours": "hours between settlements; the funding data decide",
    "coexistence": {
        "per_instrument": "cross and isolated positions may stand side by side",
        "per_account": "one margin mode for the whole account; use sub-accounts to mix",
        "never": "no isolated margin but that of sub-accounts",
    },
    "isolated_positions": {
        "any": "an instrument may have any number of isolated positions",
        "per_side": "an instrument has one isolated position, in hedge mode one on each side",
        "per_instrument": "an instrument has one isolated position",
    },
    "position_modes": "what the trader may choose, with the hedge_offset that goes with it",
    "isolated_only": "no cross margin on these",
    "contract": {"linear": "profit in quote currency", "inverse": "profit in coin, quantities in quote currency"},
    "tier_key": {
        "notional": "tiers go by notional, at marginal rates",
        "quantity": "tiers go by quantity, at one rate for the whole position",
    },
    "taker_fee_rate": "of market orders and stops",
    "maker_fee_rate": "of limits and take-profits",
    "lot": "step of the quantity (0: none)",
    "min_notional": "smallest opening",
    "contract_size": "one contract of the venue, in base (linear) or quote (inverse) currency",
}
LATEST = 2**63 - 1  # [ns UTC] after every table
_FIELDS = ("contract", "contract_size", "taker_fee_rate", "maker_fee_rate", "lot", "min_notional", "tier_key")
_SELDOM = ("unit_margin_rate", "liquidation_fee")  # shown where an instrument has them


def summary_facts(venue: Venue) -> dict[str, Any]:
    """Return one row of the list of venues."""
    kinds = Counter(source.kind for source in venue.sources.values())
    return {
        "name": venue.name,
        "instruments": len(venue.instruments),
        "tiers_of": venue.snapshot or None,
        "coexistence": venue.coexistence,
        "position_modes": dict(venue.position_modes),
        "hedge_offset": venue.rules.hedge_offset,
        "funding_hours": venue.funding_hours,
        "evidence": {kind: kinds[kind] for kind in ("sourced", "derived", "assumed")},
    }


def venue_facts(venue: Venue) -> dict[str, Any]:
    """Return everything that a venue file says, each value with its meaning and evidence."""
    account = {name: getattr(venue, name) for name in KNOBS}
    return {
        "name": venue.name,
        "tiers_of": venue.snapshot or None,
        "account": {name: _value(venue, name, value) for name, value in account.items() if value != ()},
        "rules": {name: _value(venue, name, value) for name, value in asdict(venue.rules).items()},
        "default": _instrument(venue, venue.default),
        "instruments": sorted(venue.instruments),
        "left_out": list(venue.notes),
    }


def instrument_facts(venue: Venue, symbol: str, at: str = "") -> dict[str, Any]:
    """Return what a venue file says of one instrument, with the tiers in force `at` a time if one is given.

    Raises
    ------
    ConfigurationError
        If the venue does not know the symbol; the nearest names are given.
    MarketDataError
        If `at` is not a time.
    """
    from dataclasses import replace

    from backtester.text import moment
    from backtester.times import instant

    name = venue.known_symbol(symbol)
    tables = venue.schedule.get(name, ())
    time = instant(at, "--at") if at else LATEST
    in_force = venue.tiers_at(name, time)
    return {
        "venue": venue.name,
        "symbol": name,
        "tiers_of": venue.snapshot or None,
        "at": None if time == LATEST else moment(time or 0),
        "in_force_since": None if in_force.since is None else moment(in_force.since),
        "dated_tables": [moment(table.since or 0) for table in tables],
        **_instrument(venue, replace(venue.instruments[name], tiers=in_force.tiers)),
        "isolated_only": venue.must_be_isolated(name),
    }


def _instrument(venue: Venue, instrument: Instrument) -> dict[str, Any]:
    caps = [tier.floor for tier in instrument.tiers[1:]] + [None]
    tiers = [
        {"floor": tier.floor, "cap": cap, "maintenance_rate": tier.maintenance_rate}
        | {"maintenance_amount": amount, "max_leverage": tier.max_leverage}
        for tier, cap, amount in zip(instrument.tiers, caps, instrument.maintenance_amounts, strict=True)
    ]
    used = [name for name in _SELDOM if getattr(instrument, name)]
    values = {name: _value(venue, name, getattr(instrument, name)) for name in (*_FIELDS, *used)}
    return {"tiers": tiers, "tiers_evidence": asdict(venue.evidence("tiers", instrument.symbol)), **values}


def _value(venue: Venue, name: str, value: Any) -> dict[str, Any]:
    meaning = _MEANINGS[name]
    return {
        "value": list(value) if isinstance(value, tuple) else value,
        "meaning": meaning if isinstance(meaning, str) else meaning[value],
        "evidence": asdict(venue.evidence(name)),
    }
