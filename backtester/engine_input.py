"""From a scenario to the record arrays of the kernels: codes for words, levels for prices."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.kernels._views import Table
from backtester.scenario import Scenario
from backtester.schema import (
    ACTION,
    CANCEL,
    DEPOSITED,
    EVENT,
    FUNDING_EVENT,
    INSTRUMENT,
    LEDGER_ROW,
    LEG,
    LIMIT,
    LONGEST_WINDOW,
    NOBODY,
    ORDER,
    POOL,
    POSITION,
    POSITION_ROW,
    RULE_AMOUNTS,
    RULE_CHOICES,
    RULE_COUNTS,
    RULE_RATES,
    SLOT,
    STATE,
    TIER_CHANGE,
    TIER_ROW,
    TYPE_EVENTS,
    WORKING,
    Agenda,
    Bars,
    Curves,
    Floats,
    Pad,
    Run,
)
from backtester.venue import Instrument, Tier, VenueRules

APART = 40  # floats: rows a power of 2 apart share the few places that a processor's first cache has for them
NEVER = np.iinfo(np.int64).max  # a bar after all others
SECOND = 1_000_000_000  # [ns]
_PRICES = ("open", "high", "low", "close", "mark_open", "mark_high", "mark_low", "mark_close")
_ORDER_LEVELS = ("limit", "stop", "take_profit")
_QUOTES = ("mark_from", "mark_to", "trade_from", "trade_to", "open_price", "price_from", "price_to", "last")


def pools_of(scenario: Scenario) -> tuple[NDArray[np.int64], list[str]]:
    """Partition the slots into pools: the pool of each slot, and each pool's kind.

    Main is pool 0, standing sub-accounts follow, then one on-demand pool per isolated slot, in slot order.
    """
    kinds = ["standing"] * (1 + len(scenario.shares))
    pool = np.zeros(len(scenario.slots), np.int64)
    for j, slot in enumerate(scenario.slots):
        grouped = scenario.mode == "sub_accounts" and slot.group >= 0
        if grouped:
            pool[j] = 1 + slot.group
        elif scenario.mode == "isolated" or (scenario.mode in ("mixed", "sub_accounts") and slot.isolated):
            pool[j] = len(kinds)
            kinds.append("on_demand")
    return pool, kinds


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


def deposit(run: Run, scenario: Scenario) -> None:
    """Give the standing pools their cash: the shares, and main what they leave."""
    shares = [share * scenario.balance for share in scenario.shares]
    amounts = [scenario.balance - sum(shares), *shares]
    run.pools["cash"][: len(amounts)] = amounts
    rows = [(0, pool, NOBODY, DEPOSITED, amount) for pool, amount in enumerate(amounts) if amount != 0.0]
    run.ledger[: len(rows)] = np.array(rows, LEDGER_ROW)
    run.state["n_ledger"] = len(rows)


def run_of(scenario: Scenario, n_events: int, n_ledger: int, n_positions: int) -> Run:
    """State and inputs of a run at its start, with empty logs of these lengths."""
    pool, kinds = pools_of(scenario)
    members = _members(scenario, pool)
    leg_of_member, legs = _legs(scenario, pool, members)
    instruments, tiers = _instruments(scenario)
    orders = _orders(scenario)
    instruments.next_order, orders["next"] = _next_orders(scenario, orders)
    working = working_of(scenario, orders)
    return Run(
        slots=_slots(scenario, pool, members, leg_of_member),
        pools=_pools(pool[members], legs.pool, kinds),
        instruments=instruments,
        tiers=tiers,
        legs=legs,
        state=_state(scenario),
        orders=orders,
        working=working,
        events=empty(EVENT, n_events),
        ledger=empty(LEDGER_ROW, n_ledger),
        positions=empty(POSITION_ROW, n_positions),
    )


def curves_of(scenario: Scenario, n_pools: int, record: str) -> Curves:
    """Curves of a run, as far as they are asked for; see `engine.run`."""
    n_bars = len(scenario.market.open_time)
    ratios = (np.empty(n_bars), np.zeros((n_pools, n_bars))) if record == "full" else (np.empty(0), np.empty((0, 0)))
    return Curves(np.empty(n_bars), np.empty(0 if record == "equity" else n_bars), *ratios)


def agenda_of(scenario: Scenario) -> Agenda:
    """Margin instructions, funding and changes of tiers by the bar in which they act."""
    return Agenda(_actions(scenario), _funding(scenario), tier_changes(scenario))


def empty(dtype: np.dtype[Any], n: int) -> Table:
    """Return a table of `n` rows with nothing in them."""
    return np.empty(n, dtype).view(Table)


def _table(dtype: np.dtype[Any], n: int, **columns: Any) -> Table:
    table = np.zeros(n, dtype)
    for name, values in columns.items():
        table[name] = values
    return table.view(Table)


def pad_of(scenario: Scenario) -> Pad:
    """Scratch for the kernels: rows of one block, `APART` to keep those of one bar out of each other's way."""
    first_of_pools = Pad._fields.index("slack")
    per_pool = [n >= first_of_pools for n in range(len(Pad._fields))]
    lengths = np.where(per_pool, 1 + len(scenario.shares), 1)
    block = np.empty((lengths.sum(), LONGEST_WINDOW + APART))
    parts = np.split(block, np.cumsum(lengths)[:-1])
    return Pad(*(part if grid else part[0] for grid, part in zip(per_pool, parts, strict=True)))


def _slots(
    scenario: Scenario, pool: NDArray[np.int64], members: NDArray[np.int64], leg_of_member: NDArray[np.int64]
) -> Table:
    levels = ("entry", "stop", "take_profit", "trail", "trail_fraction", "best", "bankruptcy_price")
    return _table(
        SLOT,
        len(scenario.slots),
        instrument=[slot.instrument for slot in scenario.slots],
        leverage=[slot.leverage for slot in scenario.slots],
        pool=pool,
        working=-1,
        waiting_order=-1,
        position_row=-1,
        tier_limit=-1.0,
        member=members,
        leg=leg_of_member[np.argsort(members)],
        **dict.fromkeys(levels, np.nan),
    )


def _members(scenario: Scenario, pool: NDArray[np.int64]) -> NDArray[np.int64]:
    """Slots by pool, then instrument, then index."""
    instrument = np.array([slot.instrument for slot in scenario.slots], np.int64)
    return np.lexsort((np.arange(len(pool)), instrument, pool))


def _legs(
    scenario: Scenario, pool: NDArray[np.int64], members: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Table]:
    """Each member's leg, and the legs: members of one pool on one instrument."""
    instrument = np.array([slot.instrument for slot in scenario.slots], np.int64)[members]
    new = np.diff(pool[members], prepend=-1).astype(bool) | np.diff(instrument, prepend=-1).astype(bool)
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(members))
    columns = {"pool": pool[members[first]], "instrument": instrument[first], "first": first, "last": last}
    table = _table(LEG, len(first), **columns, stale=1, safe_cash=np.nan)
    return np.cumsum(new) - 1, table


def _pools(pool_of_member: NDArray[np.int64], pool_of_leg: NDArray[np.int64], kinds: Sequence[str]) -> Table:
    first, last = _edges(pool_of_member, len(kinds))
    first_leg, last_leg = _edges(pool_of_leg, len(kinds))
    on_demand = [kind == "on_demand" for kind in kinds]
    members = {"first": first, "last": last, "first_leg": first_leg, "last_leg": last_leg}
    return _table(POOL, len(kinds), on_demand=on_demand, **members)


def _edges(numbers: NDArray[np.int64], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each of the numbers ``0 ... n - 1`` begins and ends in a sorted array."""
    edges = np.searchsorted(numbers, np.arange(n + 1))
    return edges[:-1], edges[1:]


def _instruments(scenario: Scenario) -> tuple[Table, Table]:
    """Return the instruments, and the rows of all their tier tables."""
    tables = tier_tables(scenario)
    start = [table for table in tables if table.bar < 0]
    instruments = scenario.instruments
    table = _table(
        INSTRUMENT,
        len(instruments),
        inverse=[instrument.contract == "inverse" for instrument in instruments],
        by_quantity=[instrument.tier_key == "quantity" for instrument in instruments],
        first_tier=[table.first for table in start],
        last_tier=[table.last for table in start],
        taker_fee_rate=[instrument.taker_fee_rate for instrument in instruments],
        maker_fee_rate=[instrument.maker_fee_rate for instrument in instruments],
        lot=[instrument.lot for instrument in instruments],
        min_notional=[instrument.min_notional for instrument in instruments],
        unit_margin_rate=[instrument.unit_margin_rate for instrument in instruments],
        liquidation_fee=[_liquidation_fee(instrument, scenario.rules) for instrument in instruments],
        last_bar=-1,
        **dict.fromkeys(_QUOTES, np.nan),
    )
    return table, np.concatenate([each.tiers for each in tables]).view(Table)


def _liquidation_fee(instrument: Instrument, rules: VenueRules) -> float:
    return rules.liquidation_fee if instrument.liquidation_fee is None else instrument.liquidation_fee


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
    later = sorted((table for table in tier_tables(scenario) if table.bar >= 0), key=lambda table: table.bar)
    names = {"bar": "bar", "instrument": "instrument", "first_tier": "first", "last_tier": "last"}
    columns = {column: [getattr(table, name) for table in later] for column, name in names.items()}
    return _table(TIER_CHANGE, len(later), **columns)


def _state(scenario: Scenario) -> Table:
    rules = scenario.rules
    codes = {name: words.index(getattr(rules, name)) for name, words in RULE_CHOICES.items()}
    numbers = {name: getattr(rules, name) for name in (*RULE_COUNTS, *RULE_RATES, *RULE_AMOUNTS)}
    clock = {"cool_from": -1.0, "n_segments": 1 if scenario.path == "close" else 3, "cooldown": _cooldown(scenario)}
    nothing_yet = {"order": -1, "next_expiry": NEVER}
    return _table(STATE, 1, balance=scenario.balance, reach=LONGEST_WINDOW, **codes, **numbers, **clock, **nothing_yet)


def _cooldown(scenario: Scenario) -> float:
    """Return ``liquidation_cooldown`` in bars; a lone bar has no known length."""
    seconds, bar = scenario.rules.liquidation_cooldown, scenario.market.timeframe / SECOND
    return 0.0 if seconds == 0 else seconds / bar if bar > 0 else np.inf


def _orders(scenario: Scenario) -> Table:
    orders = scenario.orders
    inverse = inverse_of(scenario)[np.array([slot.instrument for slot in scenario.slots], np.int64)][orders.slot]
    columns = orders._asdict()
    columns["amount"] = columns.pop("size")
    for name in _ORDER_LEVELS if inverse.any() else ():
        columns[name] = np.where(inverse, -1.0 / columns[name], columns[name])
    return _acting(_table(ORDER, len(orders.bar), **columns, working=-1, id=np.arange(len(orders.bar))), scenario)


def working_of(scenario: Scenario, orders: Table) -> Table:
    """Return the orders that may rest, plain limits and those with terms, and number them in `orders`."""
    terms = scenario.terms
    term = np.full(len(scenario.orders.bar), -1)
    term[terms.order] = np.arange(len(terms.order))
    rows = np.flatnonzero((term[orders.id] >= 0) | ~np.isnan(orders.limit))
    if len(rows) == 0:
        return empty(WORKING, 0)
    orders["working"][rows] = np.arange(len(rows))
    k = term[orders.id[rows]]
    table = _table(WORKING, len(rows), order=rows, slot=orders.slot[rows], next=-1, oco=-1, expires=-1, best=np.nan)
    for name in ("trigger", "offset", "offset_fraction"):
        table[name] = np.nan
    table["plain"], table["kind"] = k < 0, LIMIT
    typed, k = np.flatnonzero(k >= 0), k[k >= 0]
    table["kind"][typed] = TYPE_EVENTS[terms.type[k]]
    for name in ("trigger", "offset", "offset_fraction", "post_only", "time_in_force", "expires", "oco"):
        table[name][typed] = getattr(terms, name)[k]
    inverse = inverse_of(scenario)[np.array([slot.instrument for slot in scenario.slots], np.int64)][table.slot]
    table["trigger"] = np.where(inverse, -1.0 / table.trigger, table.trigger)
    table["reduce_only"][typed] = terms.reduce_only[k]
    table["reduce_only"] |= orders.size_type[rows] == POSITION
    return table


def _next_orders(scenario: Scenario, orders: Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bar of each instrument's first order, and of the next one on the same instrument after the bar of each order."""
    instrument = np.array([slot.instrument for slot in scenario.slots], np.int64)[orders.slot]
    first = np.full(len(scenario.instruments), NEVER)
    after = np.full(len(orders), NEVER)
    for i in range(len(first)):
        rows = np.flatnonzero(instrument == i)
        bars = np.append(orders.bar[rows], NEVER)
        first[i] = bars[0]
        later = np.flatnonzero(np.diff(bars)) + 1  # each the end of a bar's orders, where those of another begin
        after[rows] = bars[np.repeat(later, np.diff(later, prepend=0))]
    return first, after


def _actions(scenario: Scenario) -> Table:
    actions = scenario.actions
    table = _table(ACTION, len(actions.bar), **actions._asdict())
    cancels = table.kind == CANCEL
    if cancels.any():  # of an order of the scenario; the kernels ask for its row among the working ones
        orders = _orders(scenario)
        working_of(scenario, orders)
        row = np.full(len(scenario.orders.bar), -1)  # -1: it never acts
        row[orders.id] = orders.working
        table["amount"][cancels] = row[table.amount[cancels].astype(np.int64)]
    return _acting(table, scenario)


def _acting(table: Table, scenario: Scenario) -> Table:
    """Rows by the bar in which they act, the one after their decision; those after the last bar never do.

    Orders also by slot; instructions stay in the order given.
    """
    table["bar"] += 1
    bar = np.ascontiguousarray(table["bar"])
    keys = (table["slot"], bar) if table.dtype.names == ORDER.names else (bar,)
    in_order = bool(np.all(bar[1:] > bar[:-1]))  # the usual case of one slot
    rows = np.arange(len(bar)) if in_order else np.lexsort(keys)
    inside = rows[bar[rows] < len(scenario.market.open_time)]
    if in_order and len(inside) == len(table):
        return table
    return table.take(inside).view(Table)  # an index would copy the rows field by field


def _funding(scenario: Scenario) -> Table:
    funding, open_time = scenario.market.funding, scenario.market.open_time
    bar = np.searchsorted(open_time, funding.time)
    inside = bar < len(open_time)
    inverse = inverse_of(scenario)[funding.instrument]
    mark = np.where(inverse, -1.0 / funding.mark_price, funding.mark_price)
    table = _table(
        FUNDING_EVENT, len(bar), bar=bar, instrument=funding.instrument, rate=funding.rate, mark=mark
    )
    return table[inside].view(Table)
