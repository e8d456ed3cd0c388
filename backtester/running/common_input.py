"""What runs that differ in their account alone are given in common: levels, funding, changes of tiers, orders.

Nobody writes into it, so that runs beside each other may share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.kernels._views import Table
from backtester.kernels.direct import Words
from backtester.run_schema import FUNDING_EVENT, ORDER, TIER_CHANGE, TIER_ROW, WORKING
from backtester.scenario import Scenario
from backtester.schema import LIMIT, POSITION, TYPE_EVENTS, Bars, Floats
from backtester.venue import Tier

Ints = NDArray[np.int64]

NEVER = np.iinfo(np.int64).max  # a bar after all others
_PRICES = ("open", "high", "low", "close", "mark_open", "mark_high", "mark_low", "mark_close")
_ORDER_LEVELS = ("limit", "stop", "take_profit")
OF_MARKET = "bars", "bar_words", "funding", "tier_changes", "first_tiers", "tiers"  # not of orders


class Common(NamedTuple):
    """What is given to the runs of scenarios with the same market, instruments and orders.

    Parameters
    ----------
    bars : Bars
    bar_words : Words
        Of the bars.
    funding : FUNDING_EVENT rows
    tier_changes : TIER_CHANGE rows
    first_tiers : list of TierTable
        Of each instrument at the start.
    tiers : TIER_ROW rows
        Of all tables.
    orders : ORDER rows
        By the bar in which they act, then slot.
    first_order : int64 array, (n_instruments,)
        Bar of each instrument's first order.
    working : WORKING rows
        As they are at the start; each run has its own.
    """

    bars: Bars
    bar_words: Words
    funding: Table
    tier_changes: Table
    first_tiers: list[TierTable]
    tiers: Table
    orders: Table
    first_order: Ints
    working: Table


def common_of(scenario: Scenario, near: Common | None = None) -> Common:
    """Return what a scenario shares with others.

    Parameters
    ----------
    scenario : Scenario
    near : Common, optional
        Of a scenario with the same market and instruments.
    """
    given = _of_market(scenario) if near is None else {name: getattr(near, name) for name in OF_MARKET}
    orders = orders_of(scenario)
    first_order, orders["next"] = _next_orders(scenario, orders)
    working = working_of(scenario, orders)
    for table in (orders, working):
        table.flags.writeable = False
    return Common(**given, orders=orders, first_order=first_order, working=working)


def instrument_of_slots(scenario: Scenario) -> list[int]:
    return [slot.instrument for slot in scenario.slots]


def _of_market(scenario: Scenario) -> dict[str, Any]:
    bars, tables = bars_of(scenario), tier_tables(scenario)
    return {
        "bars": bars,
        "bar_words": Words(bars),
        "funding": _funding(scenario),
        "tier_changes": _tier_changes(tables),
        "first_tiers": [table for table in tables if table.bar < 0],
        "tiers": np.concatenate([each.tiers for each in tables]).view(Table),
    }


def levels(prices: Floats, inverse: NDArray[np.bool_]) -> Floats:
    """Prices ``(n_bars, n_instruments)`` as levels ``(n_instruments, n_bars)``; linear ones are not copied."""
    rows = np.ascontiguousarray(prices.T).view()
    if inverse.any():
        rows = rows.copy()
        rows[inverse] = -1.0 / rows[inverse]
    rows.flags.writeable = False  # also a slice's: one array type, one compilation
    return rows


def bars_of(scenario: Scenario) -> Bars:
    """Levels of all bars; a column that the market holds twice (mark = trade) is not converted twice."""
    market, inverse = scenario.market, inverse_of(scenario)
    done: dict[int, Floats] = {}
    for name in _PRICES:
        prices = getattr(market, name)
        if id(prices) not in done:
            done[id(prices)] = levels(prices, inverse)
    columns = {name: done[id(getattr(market, name))] for name in _PRICES}
    linear = np.zeros_like(inverse)
    prices = {f"{name}_price": levels(getattr(market, name), linear) for name in _PRICES[:4]}
    block_low, block_high = (levels(marks, inverse) for marks in market.mark_ranges)
    return Bars(**columns, **prices, block_low=block_low, block_high=block_high)


def inverse_of(scenario: Scenario) -> NDArray[np.bool_]:
    """Whether each instrument is inverse."""
    return np.array([instrument.contract == "inverse" for instrument in scenario.instruments], bool)


class TierTable(NamedTuple):
    """A tier table of an instrument, and from which bar on it holds."""

    bar: int  # -1: from the start
    instrument: int
    first: int  # among the rows of all tables: first ... last - 1
    last: int
    tiers: NDArray[Any]  # TIER_ROW


def tier_tables(scenario: Scenario) -> list[TierTable]:
    """Return the tables of every instrument, in the order in which they come into force."""
    found, n = [], 0
    for i, instrument in enumerate(scenario.instruments):
        for since, tiers in ((None, instrument.tiers), *instrument.tier_changes):
            bar = -1 if since is None else int(np.searchsorted(scenario.market.open_time, since))
            if bar < len(scenario.market.open_time):
                found.append(TierTable(bar, i, n, n + len(tiers), tier_rows(tiers, instrument.tier_key)))
                n += len(tiers)
    return found


def tier_rows(tiers: Sequence[Tier], tier_key: str) -> NDArray[Any]:
    """Tiers with their maintenance amounts: ``amount_k = amount_{k-1} + floor_k*(rate_k - rate_{k-1})``.

    Quantity tiers have none: the rate of the whole position is fixed by its size.
    """
    floor, rate, most = (np.array(column, float) for column in zip(*tiers, strict=True))
    rows = np.zeros(len(floor), TIER_ROW)
    rows["floor"], rows["maintenance_rate"], rows["max_leverage"] = floor, rate, most
    if tier_key == "notional":
        rows["maintenance_amount"][1:] = np.cumsum(floor[1:] * np.diff(rate))
    return rows


def tier_changes(scenario: Scenario) -> Table:
    """Return when which instrument's tiers change, by bar."""
    return _tier_changes(tier_tables(scenario))


def _tier_changes(tables: Sequence[TierTable]) -> Table:
    later = sorted((table for table in tables if table.bar >= 0), key=lambda table: table.bar)
    names = {"bar": "bar", "instrument": "instrument", "first_tier": "first", "last_tier": "last"}
    columns = {column: [getattr(table, name) for table in later] for column, name in names.items()}
    return table_of(TIER_CHANGE, len(later), **columns)


def _funding(scenario: Scenario) -> Table:
    funding, open_time = scenario.market.funding, scenario.market.open_time
    bar = np.searchsorted(open_time, funding.time)
    inside = bar < len(open_time)
    inverse = inverse_of(scenario)[funding.instrument]
    mark = np.where(inverse, -1.0 / funding.mark_price, funding.mark_price)
    table = table_of(
        FUNDING_EVENT, len(bar), bar=bar, instrument=funding.instrument, rate=funding.rate, mark=mark
    )
    return table[inside].view(Table)


def orders_of(scenario: Scenario) -> Table:
    """Return the orders by the bar in which they act, then slot; which comes next on an instrument is not said yet."""
    orders = scenario.orders
    inverse = inverse_of(scenario)[np.array(instrument_of_slots(scenario), np.int64)]
    columns = orders._asdict()
    columns["amount"] = columns.pop("size")
    for name in _ORDER_LEVELS if inverse.any() else ():
        columns[name] = np.where(inverse[orders.slot], -1.0 / columns[name], columns[name])
    return acting(table_of(ORDER, len(orders.bar), **columns, working=-1, id=np.arange(len(orders.bar))), scenario)


def working_of(scenario: Scenario, orders: Table) -> Table:
    """Return the orders that may rest, plain limits and those with terms, and number them in `orders`."""
    terms = scenario.terms
    if len(terms.order) == 0 and np.isnan(scenario.orders.limit).all():
        return empty(WORKING, 0)
    term = np.full(len(scenario.orders.bar), -1)
    term[terms.order] = np.arange(len(terms.order))
    rows = np.flatnonzero((term[orders["id"]] >= 0) | ~np.isnan(orders["limit"]))
    if len(rows) == 0:
        return empty(WORKING, 0)
    orders["working"][rows] = np.arange(len(rows))
    k = term[orders.id[rows]]
    table = table_of(WORKING, len(rows), order=rows, slot=orders.slot[rows], next=-1, oco=-1, expires=-1, best=np.nan)
    for name in ("trigger", "offset", "offset_fraction"):
        table[name] = np.nan
    table["plain"], table["kind"] = k < 0, LIMIT
    typed, k = np.flatnonzero(k >= 0), k[k >= 0]
    table["kind"][typed] = TYPE_EVENTS[terms.type[k]]
    for name in ("trigger", "offset", "offset_fraction", "post_only", "time_in_force", "expires", "oco"):
        table[name][typed] = getattr(terms, name)[k]
    inverse = inverse_of(scenario)[np.array(instrument_of_slots(scenario), np.int64)][table.slot]
    table["trigger"] = np.where(inverse, -1.0 / table.trigger, table.trigger)
    table["reduce_only"][typed] = terms.reduce_only[k]
    table["reduce_only"] |= orders.size_type[rows] == POSITION
    return table


def _next_orders(scenario: Scenario, orders: Table) -> tuple[Ints, Ints]:
    """Bar of each instrument's first order, and of the next one on the same instrument after the bar of each order."""
    bar = np.ascontiguousarray(orders["bar"])
    if len(scenario.instruments) == 1 and is_rising(bar):
        bars = np.append(bar, NEVER)
        return bars[:1], bars[1:]
    instrument = np.array(instrument_of_slots(scenario), np.int64)[orders["slot"]]
    first = np.full(len(scenario.instruments), NEVER)
    after = np.full(len(orders), NEVER)
    for i in range(len(first)):
        rows = np.flatnonzero(instrument == i)
        bars = np.append(bar[rows], NEVER)
        first[i] = bars[0]
        later = np.flatnonzero(bars[1:] != bars[:-1]) + 1  # where the orders of another bar begin
        after[rows] = bars[np.repeat(later, np.diff(later, prepend=0))]
    return first, after


def acting(table: Table, scenario: Scenario) -> Table:
    """Rows by the bar in which they act, the one after their decision; those after the last bar never do.

    Orders also by slot; instructions stay in the order given.
    """
    table["bar"] += 1
    bar = np.ascontiguousarray(table["bar"])
    n_bars = len(scenario.market.open_time)
    if is_rising(bar) and bool(np.all(bar[-1:] < n_bars)):  # the usual case of one slot
        return table
    keys = (table["slot"], bar) if table.dtype.names == ORDER.names else (bar,)
    rows = np.lexsort(keys)
    inside = rows[bar[rows] < n_bars]
    return table.take(inside).view(Table)  # an index would copy the rows field by field


def is_rising(bar: Ints) -> bool:
    """Return whether each is after the one before it."""
    return bool(np.all(bar[1:] > bar[:-1]))


def empty(dtype: np.dtype[Any], n: int) -> Table:
    """Return a table of `n` rows with nothing in them."""
    return np.empty(n, _of_records(dtype)).view(Table)


@cache
def _of_records(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a type whose rows are records: a table asks for it anyway, which takes longer than to make it."""
    return np.dtype((np.record, dtype))


def table_of(dtype: np.dtype[Any], n: int, **columns: Any) -> Table:
    """Return a table of `n` rows with these columns, and 0 in the others."""
    table = np.zeros(n, _of_records(dtype))
    for name, values in columns.items():
        table[name] = values
    return table.view(Table)
