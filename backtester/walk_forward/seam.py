"""What a strategy wants in a window of a market that it was asked about as a whole.

A target at a bar depends on bars up to that one only, so that asking once warms the strategy up for every window.
Each window starts flat: what is in force then is taken up at its first open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backtester.orders import ACTION_KINDS, MarginActions, Orders

if TYPE_CHECKING:
    from backtester.account import Slot
    from backtester.engine import Prepared
    from backtester.event_driven.followers import Follower
    from backtester.market import Market

__all__ = ["inside"]

Ints = NDArray[np.int64]
SET_LEVERAGE = ACTION_KINDS.index("set_leverage")


def inside(prepared: Prepared, market: Market, first: int, last: int) -> Prepared:
    """Return what is wanted in bars ``first`` to ``last - 1``, ready to run on ``market.slice(first, last)``.

    * An order that was decided before the window and is in force at its first open is given again, to act there. It
      keeps its prices of exits. If they were reached since it was decided, the slot is flat: so it stays.
    * The leverage in force is that of the window. Collateral that was added before is not added again.
    * A strategy that is called at every bar is called first at the close of the window's first bar. Its indicators
      know the bars before; `Bar.history` begins with the window.

    Parameters
    ----------
    prepared : Prepared
        On the whole market.
    market : Market
        The whole market.
    first, last : int
        Of its bars.
    """
    grid = market.detail or market
    begin = int(np.searchsorted(grid.open_time, market.open_time[first]))
    end = int(np.searchsorted(grid.open_time, market.close_time[last - 1]))
    plan = prepared.plan
    orders = _orders(plan.orders, plan.slots, grid, begin, end)
    actions = _actions(plan.actions, begin, end)
    followers = tuple(_follower(each, first, last) for each in prepared.followers)
    return prepared._replace(plan=plan._replace(orders=orders, actions=actions), followers=followers)


def _orders(orders: Orders, slots: tuple[Slot, ...], grid: Market, begin: int, end: int) -> Orders:
    rows = np.flatnonzero((orders.bar >= begin - 1) & (orders.bar < end))
    decided = set(orders.slot[orders.bar == begin - 1].tolist())
    standing = [
        row
        for row in _last_rows(orders.bar, orders.slot, begin).tolist()
        if orders.slot[row] not in decided and _holds(orders, row, slots[orders.slot[row]].instrument, grid, begin)
    ]
    chosen, bars = _joined(orders.slot, orders.bar, np.array(standing, np.int64), rows, begin)
    return Orders._make(column[chosen] for column in orders)._replace(bar=bars)


def _last_rows(bar: Ints, slot: Ints, begin: int) -> Ints:
    """Return the last row of each slot from before the bar that decides the window's first open; rows come by bar."""
    before = np.flatnonzero(bar < begin - 1)[::-1]
    return before[np.unique(slot[before], return_index=True)[1]]


def _joined(slot: Ints, bar: Ints, standing: Ints, rows: Ints, begin: int) -> tuple[Ints, Ints]:
    """Return all rows in order with bars counted from the window's first, standing ones decided just before it."""
    chosen = np.concatenate((standing, rows))
    bars = np.concatenate((np.full(len(standing), -1, np.int64), bar[rows] - begin))
    order = np.lexsort((np.arange(len(chosen)), slot[chosen], bars))
    return chosen[order], bars[order]


def _holds(orders: Orders, row: int, instrument: int, grid: Market, begin: int) -> bool:
    """Return whether the position of an order is still wanted: none of its exits was reached before the window."""
    size = orders.size[row]
    if size == 0.0:
        return False
    since = slice(int(orders.bar[row]) + 1, begin)
    low, high = grid.low[since, instrument], grid.high[since, instrument]
    stop_low, stop_high = low, high
    if orders.watch_mark[row]:
        stop_low, stop_high = grid.mark_low[since, instrument], grid.mark_high[since, instrument]
    trail = orders.trail[row]
    if size > 0.0:
        best = np.fmax.accumulate(high)[:-1]
        left = (stop_low <= orders.stop[row]).any() or (high >= orders.take_profit[row]).any()
        return not (left or (stop_low[1:] <= best - trail).any())
    best = np.fmin.accumulate(low)[:-1]
    left = (stop_high >= orders.stop[row]).any() or (low <= orders.take_profit[row]).any()
    return not (left or (stop_high[1:] >= best + trail).any())


def _actions(actions: MarginActions, begin: int, end: int) -> MarginActions:
    rows = np.flatnonzero((actions.bar >= begin - 1) & (actions.bar < end))
    sets = actions.kind == SET_LEVERAGE
    decided = actions.slot[sets & (actions.bar == begin - 1)]
    places = np.flatnonzero(sets)
    last = places[_last_rows(actions.bar[places], actions.slot[places], begin)]
    standing = last[~np.isin(actions.slot[last], decided)]
    chosen, bars = _joined(actions.slot, actions.bar, standing, rows, begin)
    return MarginActions._make(column[chosen] for column in actions)._replace(bar=bars)


def _follower(follower: Follower, first: int, last: int) -> Follower:
    parts = {name: values[first:last].copy() for name, values in follower.indicators.items()}
    for values in parts.values():
        values.flags.writeable = False
    return follower._replace(indicators=parts)
