"""Where targets change: that is where orders and margin instructions arise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.asking.author import Author
from backtester.asking.targets import Dense
from backtester.market import Market
from backtester.orders import ACTION_KINDS, MarginActions, Orders, joined
from backtester.schema import LARGEST

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EXITS = "stop", "take_profit", "trail"  # of an order
ADD, SET_LEVERAGE = ACTION_KINDS.index("add"), ACTION_KINDS.index("set_leverage")


class Rows(NamedTuple):
    """Places in an array of (n_bars, n_slots), sorted by slot, then bar."""

    bar: Ints
    slot: Ints
    value: Floats


def first_bars(market: Market, columns: Ints) -> Ints:
    """Return the first bar with a price of each slot's instrument; n_bars where there is none."""
    return market.first_bars[columns]


def changes(values: Floats, start: Floats, first: Ints) -> Rows:
    """Return where the last known value of each slot changes.

    Parameters
    ----------
    values : float64 array, (n_bars, n_slots)
        nan is no instruction.
    start : float64 array, (n_slots,)
        Value before the first bar.
    first : int64 array, (n_slots,)
        First bar that counts.
    """
    # A candidate differs from the bar before, as nan does from everything. Between two candidates a slot has one
    # value, so a candidate that is not nan is a change exactly if it differs from the one before it.
    candidate = np.ones(values.shape, np.bool_)
    np.not_equal(values[1:], values[:-1], out=candidate[1:])
    for late in np.flatnonzero(first):
        candidate[: first[late], late] = False
        candidate[first[late] : first[late] + 1, late] = True
    slot, bar = _places(candidate)
    found = Rows(bar, slot, _at(values, bar, slot))
    found = _some(found, ~np.isnan(found.value))
    before = np.empty_like(found.value)
    before[1:] = found.value[:-1]
    opening = np.append(0, np.flatnonzero(found.slot[1:] != found.slot[:-1]) + 1)[: len(before)]
    before[opening] = start[found.slot[opening]]
    return _some(found, found.value != before)


def _places(marked: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Return slots and bars at which something holds, by slot, then bar; numpy is quicker along one axis."""
    if marked.shape[1] == 1:
        bar = np.flatnonzero(marked[:, 0])
        return np.zeros_like(bar), bar
    slot, bar = np.divmod(np.flatnonzero(marked.T), len(marked))
    return slot, bar


def _at(values: Floats, bar: Ints, slot: Ints) -> Floats:
    """Return the values at places of an array."""
    found: Floats = values[:, 0][bar] if values.shape[1] == 1 else values[bar, slot]
    return found


def _some(rows: Rows, chosen: NDArray[np.bool_]) -> Rows:
    """Return some of the rows: all, as they mostly are, without a copy."""
    return rows if chosen.all() else Rows._make(column[chosen] for column in rows)


def orders_of(author: Author, wants: Dense, columns: Ints, first: Ints) -> Orders:
    """Return the orders of one strategy, with decision bars and slots of its own.

    Raises
    ------
    StrategyError
        If a size is infinite, or an exit or the leverage of an order that opens is nan or out of
        its range, naming the bar, its time and the slot.
    """
    rows = changes(wants.size, np.zeros(len(columns)), first)
    large = np.abs(rows.value) > LARGEST
    if large.any():
        _refuse(author, rows, np.isinf(rows.value), "the size is infinite", "A nan is no instruction")
        _refuse(author, rows, large, "the size is too large to reckon with", f"Give sizes up to {LARGEST:g}")
    n = len(rows.bar)
    none = np.full(n, np.nan)
    exits = _exits(author, wants, rows, columns) if any(_given(wants)) else dict.fromkeys(EXITS, none)
    return Orders(
        bar=rows.bar,
        slot=rows.slot,
        size=rows.value,
        size_type=np.full(n, wants.size_type, np.int64),
        target=np.ones(n, np.bool_),
        margin=none,
        limit=none,
        trail_fraction=none,
        watch_mark=np.full(n, wants.watch_mark),
        **exits,
    )


def _given(wants: Dense) -> list[bool]:
    """Return which fields are given that an order may need a value of."""
    fields = wants.stop, wants.take_profit, wants.trailing, wants.stop_price, wants.take_profit_price, wants.leverage
    return [field is not None for field in fields]


def _exits(author: Author, wants: Dense, rows: Rows, columns: Ints) -> dict[str, Floats]:
    """Return the exits of orders; fail if one of them, or the leverage of an order that opens, is none."""
    opens, side = rows.value != 0.0, np.sign(rows.value)
    _check_leverage(author, wants, rows, opens)
    close = _decision_close(author.market, rows, columns, wants)
    stop = _exit(author, wants, "stop", rows, opens, -side, close)
    take_profit = _exit(author, wants, "take_profit", rows, opens, side, close)
    trail = _distance(author, wants, "trailing", rows, opens, np.full(len(side), -1.0)) * close
    return dict(zip(EXITS, (stop, take_profit, trail), strict=True))


def actions_of(author: Author, wants: Dense, leverage: Floats, first: Ints) -> MarginActions:
    """Return the margin instructions of one strategy: leverage where it changes, added margin.

    Raises
    ------
    StrategyError
        If a leverage is not above 0, or an added margin is below 0, or one of them is infinite.
    """
    parts = [MarginActions.none()]
    if wants.leverage is not None:
        rows = changes(wants.leverage, leverage, first)
        bad = ~((rows.value > 0.0) & (rows.value < np.inf))
        _refuse(author, rows, bad, "leverage must be above 0", "A nan leaves the leverage as it is")
        parts.append(_actions(SET_LEVERAGE, rows))
    if wants.add_margin is not None:
        asked = (wants.add_margin != 0.0) & ~np.isnan(wants.add_margin)
        slot, bar = _places(asked)
        rows = Rows(bar, slot, wants.add_margin[bar, slot])
        bad = ~((rows.value > 0.0) & (rows.value < np.inf))
        _refuse(author, rows, bad, "add_margin must not be below 0", "0 or nan adds nothing")
        listed = rows.bar >= first[rows.slot]
        parts.append(_actions(ADD, Rows._make(column[listed] for column in rows)))
    return joined(parts)


def _actions(kind: int, rows: Rows) -> MarginActions:
    return MarginActions(rows.bar, rows.slot, np.full(len(rows.bar), kind, np.int64), rows.value)


def _decision_close(market: Market, rows: Rows, columns: Ints, wants: Dense) -> Floats:
    """Return the close of each decision bar; of a missing bar, the last one known."""
    if wants.stop is None and wants.take_profit is None and wants.trailing is None:
        return np.full(len(rows.bar), np.nan)
    column = columns[rows.slot]
    close = market.close[rows.bar, column]
    for i in np.unique(column[np.isnan(close)]):
        known = ~np.isnan(market.close[:, i])
        last = np.maximum.accumulate(np.where(known, np.arange(market.n_bars), 0))
        here = (column == i) & np.isnan(close)
        close[here] = market.close[last[rows.bar[here]], i]
    return close


def _exit(author: Author, wants: Dense, name: str, rows: Rows, opens: NDArray, away: Floats, close: Floats) -> Floats:
    """Return the price of a stop or take-profit, given as a price or as a fraction."""
    prices = getattr(wants, f"{name}_price")
    if prices is None:
        return close * (1.0 + away * _distance(author, wants, name, rows, opens, away))
    price = _at_orders(author, prices, f"{name}_price", rows, opens)
    cure = "Write inf for an order that has none"
    _refuse(author, rows, price <= 0.0, f"{name}_price must be above 0", cure, price)
    price[np.isinf(price)] = np.nan
    return price


def _distance(author: Author, wants: Dense, name: str, rows: Rows, opens: NDArray, away: Floats) -> Floats:
    """Return a distance as a fraction of the close; nan where the order has none."""
    fractions = getattr(wants, name)
    if fractions is None:
        return np.full(len(rows.bar), np.nan)
    fraction = _at_orders(author, fractions, name, rows, opens)
    none = np.isinf(fraction) & (fraction > 0.0)
    cure = "2 % is 0.02; write inf for an order that has none"
    _refuse(author, rows, fraction <= 0.0, f"{name} must be above 0", cure, fraction)
    # a price must stay above 0; a stop that far is a percentage by mistake, on either side
    bounded = np.ones_like(none) if name == "stop" else away < 0.0
    far = bounded & ~none & (fraction >= 1.0)
    _refuse(author, rows, far, f"{name} must be a fraction below 1", cure, fraction)
    fraction[none] = np.nan
    return fraction


def _check_leverage(author: Author, wants: Dense, rows: Rows, opens: NDArray) -> None:
    if wants.leverage is not None:
        _at_orders(author, wants.leverage, "leverage", rows, opens)


def _at_orders(author: Author, values: Floats, name: str, rows: Rows, opens: NDArray) -> Floats:
    """Return a field at orders that open or change a position, nan at orders to go flat.

    A slot that has nan in every bar has none; a nan at an order of another slot is an error.
    """
    out = np.where(opens, values[rows.bar, rows.slot], np.nan)
    missing = opens & np.isnan(out)
    for slot in np.unique(rows.slot[missing]):
        if np.isnan(values[:, slot]).all():
            missing &= rows.slot != slot
    cure = f"wait until {name} is known, or give inf for an order without"
    if name == "leverage":
        cure = "wait until the leverage is known"
    _refuse(author, rows, missing, f"{name} is nan where an order arises", cure, out)
    return out


def _refuse(
    author: Author,
    rows: Rows,
    bad: NDArray,
    problem: str,
    cure: str,
    values: Floats | None = None,
) -> None:
    """Fail at the earliest of the bad rows, if there is one."""
    if not bad.any():
        return
    places = np.flatnonzero(bad)
    k = places[np.argmin(rows.bar[places])]
    found = float((rows.value if values is None else values)[k])
    author.fail(problem, bar=int(rows.bar[k]), slot=int(rows.slot[k]), found=found, cure=cure)
