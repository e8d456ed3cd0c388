"""What a scenario file may hold: every key, every range, and the rules between keys.

The meaning of the keys is in docs/model.md. `validate` returns the same structure with all defaults
filled in and all numbers of the engine as floats.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from backtester._fields import (
    Field,
    Unfit,
    any_number,
    choice,
    integer,
    items,
    mapping,
    not_negative,
    number,
    positive,
    record,
    rows,
    text,
)
from backtester.errors import ConfigurationError
from backtester.scenario_parts.orders import check_actions, check_orders
from backtester.scenario_parts.prices import check_bars, check_times, nanoseconds
from backtester.schema import (
    CONTRACTS,
    MODES,
    PATHS,
    RULE_AMOUNTS,
    RULE_CHOICES,
    RULE_COUNTS,
    RULE_RATES,
    SMALLEST,
    TIER_KEYS,
)

__all__ = ["INSTRUMENT", "RULE_FIELDS", "SHARES_TOLERANCE", "check_growth", "check_tiers", "validate"]

SLOT_MODES = ("cross", "isolated")
_INT64 = 2**63 - 1
SHARES_TOLERANCE = 1e-9  # shares such as 0.1 + 0.2 + 0.7 may sum to a little more than 1


lot = number(f"a number of at least 0, if not 0 at least {SMALLEST:g}", lambda value: value == 0 or value >= SMALLEST)
share_of_balance = number("a fraction from 0 to 1", lambda value: 0 <= value <= 1)
share = number("a fraction of at least 0 and below 1", lambda value: 0 <= value < 1)
fee = number("a fraction above -1 and below 1", lambda value: -1 < value < 1)


def check_tiers(value: Any) -> list[list[float]]:
    """Check a table of ``[floor, maintenance_rate, max_leverage]`` rows.

    Floors ascend from 0, rates do not descend, max_leverage does not ascend.

    Raises
    ------
    Unfit
        Naming the row and what is allowed.
    """
    tiers = [_tier(n, row) for n, row in enumerate(items(value))]
    if not tiers or tiers[0][0] != 0:
        raise Unfit("does not start at floor 0", "rows [floor, rate, max_leverage], the first with floor 0")
    for n, (one, two) in enumerate(pairwise(tiers), start=1):
        if two[0] <= one[0]:
            raise Unfit(f"has floor {two[0]:g} in row {n} after {one[0]:g}", "floors that ascend")
        if two[1] < one[1]:
            raise Unfit(f"has rate {two[1]:g} in row {n} after {one[1]:g}", "rates that do not descend")
        if two[2] > one[2]:
            raise Unfit(f"has max_leverage {two[2]:g} in row {n} after {one[2]:g}", "max_leverage that does not ascend")
    return tiers


def _tier(n: int, row: Any) -> list[float]:
    if not isinstance(row, list | tuple) or len(row) != len(_TIER):
        raise Unfit(f"has a row {n} that is not of three numbers", "rows [floor, maintenance_rate, max_leverage]")
    out = []
    for (name, check), value in zip(_TIER.items(), row, strict=True):
        try:
            out.append(check(value))
        except Unfit as error:
            raise Unfit(f"has a {name} in row {n} that {error}", error.allowed) from None
    return out


def check_tier_changes(value: Any) -> list[dict[str, Any]]:
    """Check tables that come into force in the course of a run: objects with `time` and `tiers`, times ascending.

    Raises
    ------
    Unfit
        Naming the row and what is allowed.
    """
    out: list[dict[str, Any]] = []
    for n, row in enumerate(items(value)):
        if not isinstance(row, dict) or row.keys() != {"time", "tiers"}:
            raise Unfit(f"has a row {n} that is not an object with time and tiers", "objects with time and tiers")
        try:
            out.append({"time": nanoseconds(row["time"]), "tiers": check_tiers(row["tiers"])})
        except Unfit as error:
            raise Unfit(f"has a row {n} that {error}", error.allowed) from None
        if n and out[n]["time"] <= out[n - 1]["time"]:
            raise Unfit(f"has a time in row {n} that is not after the one before", "times that ascend")
    return out


_TIER = {"floor": not_negative, "maintenance_rate": share, "max_leverage": positive}
_one_slot_mode = choice(SLOT_MODES)

FILE = {
    "open_time": Field(items),
    "instruments": Field(items),
    "bars": Field(items),
    "funding": Field(items, ()),
    "venue": Field(mapping, {}),
    "account": Field(mapping),
    "slots": Field(items),
    "sub_account_shares": Field(items, ()),
    "orders": Field(items, ()),
    "margin_actions": Field(items, ()),
}
INSTRUMENT = {
    "symbol": Field(text),
    "contract": Field(choice(CONTRACTS), "linear"),
    "tiers": Field(check_tiers),
    "tier_changes": Field(check_tier_changes, ()),
    "tier_key": Field(choice(TIER_KEYS), "notional"),
    "taker_fee": Field(fee, 0.0),
    "maker_fee": Field(fee, 0.0),
    "lot": Field(lot, 0.0),
    "min_notional": Field(not_negative, 0.0),
    "unit_margin_rate": Field(share, 0.0),
    "liquidation_fee": Field(share, None),
}
_RATES = {name: Field(share, 0.0) for name in RULE_RATES}
_AMOUNTS = {name: Field(not_negative, 0.0) for name in RULE_AMOUNTS}
_COUNTS = {name: Field(integer(1, 1_000, "a number of tiers"), 1) for name in RULE_COUNTS}
_CHOICES = {name: Field(choice(words), words[0]) for name, words in RULE_CHOICES.items()}
RULE_FIELDS = _RATES | _CHOICES | _AMOUNTS | _COUNTS
ACCOUNT = {"balance": Field(positive), "mode": Field(choice(MODES)), "path": Field(choice(PATHS), "adverse")}


def validate(data: Any) -> dict[str, Any]:
    """Check a scenario and fill in its defaults.

    Parameters
    ----------
    data : dict
        As read from JSON; it is not changed.

    Returns
    -------
    dict
        The same structure with every key present (columns of a missing mark stay out) and every
        number of the engine a float.

    Raises
    ------
    ConfigurationError
        Naming the key path, what was found there and what is allowed.
    """
    out = record(data, FILE)
    out["open_time"] = check_times(out["open_time"])
    out["instruments"] = rows(out["instruments"], INSTRUMENT, "instruments")
    for n, row in enumerate(out["instruments"]):
        row["tier_changes"] = list(row["tier_changes"])
        check_growth(row, f"instruments[{n}]")
    _check_symbols(out["instruments"])
    out["bars"] = check_bars(out["bars"], len(out["instruments"]), len(out["open_time"]))
    n_instruments, n_bars = len(out["instruments"]), len(out["open_time"])
    out["funding"] = rows(out["funding"], _funding_fields(n_instruments), "funding")
    out["venue"] = record(out["venue"], RULE_FIELDS, "venue")
    out["account"] = record(out["account"], ACCOUNT, "account")
    out["sub_account_shares"] = _shares(out["sub_account_shares"])
    groups = len(out["sub_account_shares"]) if out["account"]["mode"] == "sub_accounts" else None
    out["slots"] = rows(out["slots"], _slot_fields(n_instruments, groups), "slots")
    check_currency([out["instruments"][slot["instrument"]]["contract"] for slot in out["slots"]])
    where = _place_fields(n_bars, len(out["slots"]))
    out["orders"] = check_orders(out["orders"], where)
    out["margin_actions"] = check_actions(out["margin_actions"], where, out["orders"])
    return out


def check_growth(instrument: Mapping[str, Any], path: str) -> None:
    """Refuse a margin rate that grows with the position on tiers that it does not fit.

    Raises
    ------
    ConfigurationError
        If tiers go by notional, or if a rate that has grown would reach 1.
    """
    rate = instrument["unit_margin_rate"]
    if rate == 0:
        return
    if instrument["tier_key"] != "quantity":
        cure = 'Set tier_key = "quantity", with tiers by quantity'
        raise ConfigurationError(f"{path}.unit_margin_rate", rate, "grows with the quantity, tiers do not", cure=cure)
    tables = (instrument["tiers"], *(change["tiers"] for change in instrument["tier_changes"]))
    for floor, maintenance_rate, max_leverage in (row[:3] for table in tables for row in table):
        if maintenance_rate * max_leverage >= 1:
            raise ConfigurationError(
                f"{path}.unit_margin_rate",
                rate,
                f"raises the maintenance rate {maintenance_rate:g} at floor {floor:g} to all of the notional",
                allowed="tiers with maintenance_rate * max_leverage below 1",
            )


def check_currency(contracts: Iterable[str]) -> None:
    """Refuse an account whose slots' contracts settle in different currencies."""
    if len(found := sorted(set(contracts))) > 1:
        raise ConfigurationError(
            "slots",
            found,
            "linear and inverse contracts in one account settle in different currencies",
            cure="Run them as two accounts",
        )


def _check_symbols(instruments: list[dict[str, Any]]) -> None:
    if not instruments:
        raise ConfigurationError("instruments", [], "is empty", allowed="at least one instrument")
    seen: dict[str, int] = {}
    for i, row in enumerate(instruments):
        if row["symbol"] in seen:
            first = f"instruments[{seen[row['symbol']]}]"
            raise ConfigurationError(
                f"instruments[{i}].symbol",
                row["symbol"],
                f"is already the symbol of {first}",
                cure="Name each instrument once; several slots may share one",
            )
        seen[row["symbol"]] = i


def _slot_mode(value: Any) -> Any:
    """Check the mode of a slot; null is none of its own, as for its group."""
    return SLOT_MODES[0] if value is None else _one_slot_mode(value)


def _funding_fields(n_instruments: int) -> dict[str, Field]:
    return {
        "time": Field(nanoseconds),
        "instrument": Field(integer(0, n_instruments - 1, "an index into instruments")),
        "rate": Field(any_number),
        "mark": Field(positive, None),
    }


def _slot_fields(n_instruments: int, n_groups: int | None) -> dict[str, Field]:
    """Return the keys of a slot; groups matter in sub_accounts only (None: another mode)."""
    group = integer(0, _INT64 if n_groups is None else n_groups - 1, "an index into sub_account_shares")
    return {
        "instrument": Field(integer(0, n_instruments - 1, "an index into instruments")),
        "leverage": Field(positive),
        "mode": Field(_slot_mode, "cross"),
        "group": Field(group, None),
    }


def _place_fields(n_bars: int, n_slots: int) -> dict[str, Field]:
    return {
        "bar": Field(integer(-1, n_bars - 1, "the decision bar")),
        "slot": Field(integer(0, n_slots - 1, "an index into slots")),
    }


def _shares(values: list[Any]) -> list[float]:
    out = []
    for n, value in enumerate(values):
        try:
            out.append(share_of_balance(value))
        except Unfit as error:
            raise ConfigurationError(f"sub_account_shares[{n}]", value, str(error), allowed=error.allowed) from None
    if sum(out) > 1 + SHARES_TOLERANCE:
        allowed = "shares that sum to at most 1"
        raise ConfigurationError("sub_account_shares", values, f"sum to {sum(out):g}", allowed=allowed)
    return out
