"""What strategies ask for at one close, until it is sent to the account."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from backtester.schema import ACTION_KINDS, ORDER_TYPES, SIZE_TYPES

__all__ = ["Asked", "Order", "Row"]

NONE = math.nan
MARKET, LIMIT, TAKE_PROFIT, STOP, TRAILING_STOP = range(len(ORDER_TYPES))
POSITION = SIZE_TYPES.index("position")
ADD, REMOVE, SET_LEVERAGE, CANCEL = range(len(ACTION_KINDS))


class Row(NamedTuple):
    """An order: the columns of `Orders` but for the bar, then those of `Terms` but for the order."""

    slot: int
    size: float
    size_type: int = 0
    target: bool = False
    margin: float = NONE
    limit: float = NONE
    stop: float = NONE
    take_profit: float = NONE
    trail: float = NONE
    trail_fraction: float = NONE
    watch_mark: bool = False
    type: int = MARKET
    trigger: float = NONE
    offset: float = NONE
    offset_fraction: float = NONE
    reduce_only: bool = False
    post_only: bool = False
    time_in_force: int = 0
    expires: int = -1
    oco: int = -1

    @property
    def has_terms(self) -> bool:
        """Whether it is more than a plain market order."""
        return self.type != MARKET or self.reduce_only

    @classmethod
    def market(cls, slot: int, size: float, size_type: int, target: bool = False) -> Row:
        """Return a market order without terms, in a fraction of the time that its other defaults would take."""
        return cls._make((slot, size, size_type, target, *_NO_TERMS))


_NO_TERMS = Row(0, 0.0)[4:]


class Order:
    """An order that a strategy has placed.

    Attributes
    ----------
    type : str
        One of ``ORDER_TYPES``.
    id : int
        Index into the orders of the run, as in its events; -1 until it has been sent at the end of the call.
    """

    __slots__ = ("_asked", "_slot", "id", "type")

    def __init__(self, row: Row, asked: Asked) -> None:
        self.type, self.id, self._slot, self._asked = ORDER_TYPES[row.type], -1, row.slot, asked

    def __repr__(self) -> str:
        return f"<Order {self.id}: {self.type} of slot {self._slot}>"

    @property
    def is_working(self) -> bool:
        """Whether it has been placed and is neither traded nor cancelled."""
        return self._asked.is_working(self)

    def cancel(self) -> None:
        """Take it away at the next open, or at once if it was placed in this call. Nothing happens if it is done."""
        self._asked.cancel(self, self._slot)


class Asked:
    """What is asked for at one close.

    Parameters
    ----------
    rests : callable
        Whether the order of this number rests in the account.
    groups : iterator of int
        Numbers for groups of orders, shared by all strategies of the account.
    """

    def __init__(self, rests: Callable[[int], bool], groups: Iterator[int]) -> None:
        self.orders: dict[Order, Row] = {}
        self.actions: list[tuple[int, int, float]] = []  # slot, kind, amount
        self._rests = rests
        self._groups = groups
        self._sent: dict[int, list[Order]] = {}  # working orders of each slot
        self._traded: dict[int, Order] = {}  # the market order of each slot

    def place(self, row: Row) -> Order:
        """Take an order."""
        order = Order(row, self)
        self.orders[order] = row
        if row.type == MARKET:
            self._traded[row.slot] = order
        return order

    def instruct(self, slot: int, kind: int, amount: float) -> None:
        """Take a margin instruction."""
        self.actions.append((slot, kind, amount))

    def has_market_order(self, slot: int) -> bool:
        """Whether a market order of this slot has been asked for."""
        return self._traded.get(slot) in self.orders

    def join(self, orders: tuple[Order, ...]) -> None:
        """Let each of several orders of this close cancel the others when it trades."""
        group = next(self._groups)
        for order in orders:
            self.orders[order] = self.orders[order]._replace(oco=group)

    def may_join(self, order: object) -> bool:
        """Whether an order is one of this close that may rest and is in no group yet."""
        row = self.orders.get(order) if isinstance(order, Order) else None
        return row is not None and row.type != MARKET and row.oco < 0

    def is_working(self, order: Order) -> bool:
        """Whether an order waits to be sent or rests."""
        return order in self.orders if order.id < 0 else self._rests(order.id)

    def cancel(self, order: Order, slot: int) -> None:
        """Take an order of a slot away."""
        if order.id < 0:
            self.orders.pop(order, None)
        elif self._rests(order.id):
            self.instruct(slot, CANCEL, float(order.id))

    def cancel_all(self, slot: int) -> None:
        """Take all working orders of a slot away, also those of this close."""
        for order in [order for order, row in self.orders.items() if row.slot == slot and row.type != MARKET]:
            self.cancel(order, slot)
        still = [order for order in self._sent.pop(slot, []) if self._rests(order.id)]
        for order in still:
            self.cancel(order, slot)
        if still:
            self._sent[slot] = still

    def clear(self) -> None:
        """Forget what has been sent."""
        for order, row in self.orders.items():
            if row.type != MARKET:
                self._sent.setdefault(row.slot, []).append(order)
        self.orders, self.actions = {}, []
        self._traded.clear()
