"""The parts of a scenario, from the rows of its JSON form and back.

What comes in was checked by `backtester.scenario_parts.schema.validate`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtester.account import Slot
from backtester.market import Funding, Market
from backtester.orders import MarginActions, Orders, Terms
from backtester.scenario_parts.orders import TERMS
from backtester.scenario_parts.prices import MARK_COLUMNS, TRADE_COLUMNS, price_array
from backtester.schema import ACTION_KINDS, CANCEL, ORDER_TYPES, SIZE_TYPES, TIMES_IN_FORCE
from backtester.venue import DatedTiers, Instrument, Tier

_ORDER_PRICES = ("margin", "limit", "stop", "take_profit", "trail", "trail_fraction")


def market_of(data: Mapping[str, Any]) -> Market:
    """Return the market; a bar with any null is no data in all eight columns."""
    tables = []
    for columns in data["bars"]:
        marked = "mark_open" in columns
        table = price_array(columns, TRADE_COLUMNS + (MARK_COLUMNS if marked else TRADE_COLUMNS))
        table[:, np.isnan(table).any(axis=0)] = np.nan
        tables.append(table)
    prices = np.ascontiguousarray(np.stack(tables, axis=1))  # (8, n_instruments, n_bars)
    market = Market(
        symbols=tuple(row["symbol"] for row in data["instruments"]),
        open_time=np.array(data["open_time"], np.int64),
        **dict(zip(TRADE_COLUMNS + MARK_COLUMNS, prices.transpose(0, 2, 1), strict=True)),
        mark_is_trade=np.array(["mark_open" not in columns for columns in data["bars"]]),
        source="scenario",
    )
    # A market from candles refuses two settlements at one time and rates of 100 %: likely faults of the
    # data. A scenario is made by hand and means them; `validate` has checked the rest.
    return market._with(funding=_funding(data["funding"]))


def _funding(rows: list[dict[str, Any]]) -> Funding:
    events = sorted(rows, key=lambda row: (row["time"], row["instrument"]))
    return Funding(
        np.array([row["time"] for row in events], np.int64),
        np.array([row["instrument"] for row in events], np.int64),
        np.array([row["rate"] for row in events], np.float64),
        np.array([row["mark"] for row in events], np.float64),
    )


def instrument_of(row: Mapping[str, Any]) -> Instrument:
    """Return one instrument."""
    return Instrument(
        symbol=row["symbol"],
        contract=row["contract"],
        tiers=tuple(Tier(*tier) for tier in row["tiers"]),
        tier_changes=tuple(DatedTiers(change["time"], change["tiers"]) for change in row["tier_changes"]),
        tier_key=row["tier_key"],
        taker_fee_rate=row["taker_fee"],
        maker_fee_rate=row["maker_fee"],
        lot=row["lot"],
        min_notional=row["min_notional"],
        unit_margin_rate=row["unit_margin_rate"],
        liquidation_fee=row["liquidation_fee"],
    )


def slots_of(data: Mapping[str, Any], mode: str) -> tuple[Slot, ...]:
    """Return the slots with the pool they have in this mode; what the mode does not use is dropped."""
    out = []
    used: Counter[str] = Counter()
    for row in data["slots"]:
        symbol = data["instruments"][row["instrument"]]["symbol"]
        used[symbol] += 1
        group = -1 if row["group"] is None or mode != "sub_accounts" else row["group"]
        own = mode == "isolated" or (mode != "cross" and row["mode"] == "isolated" and group < 0)
        name = symbol if used[symbol] == 1 else f"{symbol} #{used[symbol]}"
        out.append(Slot(row["instrument"], row["leverage"], own, group, name))
    return tuple(out)


def orders_of(rows: list[dict[str, Any]]) -> Orders:
    """Return the orders as arrays."""
    return Orders.from_rows(
        row | {"size_type": SIZE_TYPES.index(row["size_type"]), "watch_mark": row["watch"] == "mark"} for row in rows
    )


def terms_of(rows: list[dict[str, Any]]) -> Terms:
    """Return the terms of those orders that have a type, as arrays."""
    return Terms.from_rows(
        row
        | {
            "order": n,
            "type": ORDER_TYPES.index(row["type"]),
            "time_in_force": TIMES_IN_FORCE.index(row["time_in_force"]),
            "expires": -1 if row["expires"] is None else row["expires"],
            "oco": -1 if row["oco"] is None else row["oco"],
        }
        for n, row in enumerate(rows)
        if row["type"] is not None
    )


def actions_of(rows: list[dict[str, Any]]) -> MarginActions:
    """Return the margin instructions as arrays."""
    return MarginActions.from_rows(
        (row["bar"], row["slot"], k, row[kind]) for row in rows for k, kind in enumerate(ACTION_KINDS) if kind in row
    )


def instrument_row(instrument: Instrument) -> dict[str, Any]:
    """Return the JSON form of one instrument; what was added later only where it is used, for engines without it."""
    changes = [
        {"time": change.since, "tiers": [list(map(float, tier)) for tier in change.tiers]}
        for change in instrument.tier_changes
    ]
    added = {"tier_changes": changes, "unit_margin_rate": instrument.unit_margin_rate}
    used: dict[str, Any] = {name: value for name, value in added.items() if value}
    if instrument.liquidation_fee is not None:
        used["liquidation_fee"] = instrument.liquidation_fee
    row = {
        "symbol": instrument.symbol,
        "contract": instrument.contract,
        "tiers": [list(map(float, tier)) for tier in instrument.tiers],
        "tier_key": instrument.tier_key,
        "taker_fee": instrument.taker_fee_rate,
        "maker_fee": instrument.maker_fee_rate,
        "lot": instrument.lot,
        "min_notional": instrument.min_notional,
    }
    return row | used


def slot_row(slot: Slot) -> dict[str, Any]:
    """Return the JSON form of one slot."""
    return {
        "instrument": int(slot.instrument),
        "leverage": float(slot.leverage),
        "mode": "isolated" if slot.isolated else "cross",
        "group": int(slot.group) if slot.group >= 0 else None,
    }


def action_rows(actions: MarginActions) -> list[dict[str, Any]]:
    """Return the JSON form of the margin instructions."""
    columns = (column.tolist() for column in actions)
    return [
        {"bar": bar, "slot": slot, ACTION_KINDS[kind]: int(amount) if kind == CANCEL else amount}
        for bar, slot, kind, amount in zip(*columns, strict=True)
    ]


def bars_row(market: Market, i: int) -> dict[str, list[float | None]]:
    """Return the price columns of one instrument, without a mark that is the trade price."""
    names = TRADE_COLUMNS + (() if market.mark_is_trade[i] else MARK_COLUMNS)
    return {name: _nulls(getattr(market, name)[:, i]) for name in names}


def funding_rows(funding: Funding) -> list[dict[str, Any]]:
    """Return the JSON form of the funding settlements."""
    marks = _nulls(funding.mark_price)
    columns = (funding.time.tolist(), funding.instrument.tolist(), funding.rate.tolist(), marks)
    return [
        {"time": time, "instrument": instrument, "rate": rate, "mark": mark}
        for time, instrument, rate, mark in zip(*columns, strict=True)
    ]


def order_rows(orders: Orders, terms: Terms) -> list[dict[str, Any]]:
    """Return the JSON form of the orders; what working orders say only where they say it."""
    prices = {name: _nulls(getattr(orders, name)) for name in _ORDER_PRICES}
    said = dict(zip(terms.order.tolist(), _term_rows(terms), strict=True))
    return [
        {"bar": bar, "slot": slot, "size": size, "size_type": SIZE_TYPES[kind], "target": target}
        | {name: column[n] for name, column in prices.items()}
        | {"watch": "mark" if mark else "trade"}
        | said.get(n, {})
        for n, (bar, slot, size, kind, target, mark) in enumerate(
            zip(
                orders.bar.tolist(),
                orders.slot.tolist(),
                orders.size.tolist(),
                orders.size_type.tolist(),
                orders.target.tolist(),
                orders.watch_mark.tolist(),
                strict=True,
            )
        )
    ]


def _term_rows(terms: Terms) -> list[dict[str, Any]]:
    """Return what each working order says beyond the defaults, its type first."""
    columns: dict[str, list[Any]] = {name: getattr(terms, name).tolist() for name in TERMS}
    for name in ("trigger", "offset", "offset_fraction"):
        columns[name] = _nulls(getattr(terms, name))
    columns["time_in_force"] = [TIMES_IN_FORCE[code] for code in columns["time_in_force"]]
    for name in ("expires", "oco"):
        columns[name] = [None if number < 0 else number for number in columns[name]]
    return [
        {"type": ORDER_TYPES[kind]}
        | {name: column[n] for name, column in columns.items() if column[n] != TERMS[name].default}
        for n, kind in enumerate(terms.type.tolist())
    ]


def _nulls(column: NDArray[np.float64]) -> list[float | None]:
    """Return a column as a list with None for nan."""
    values: list[float | None] = column.tolist()
    for n in np.flatnonzero(np.isnan(column)).tolist():
        values[n] = None
    return values
