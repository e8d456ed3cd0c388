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


class Order:
    """An order that a strategy has placed.

    Attributes
    ----------
    row : Row
    id : int
        Index into the orders of the run, as in its events; -1 until it has been sent at the end of the call.
    """

    __slots__ = ("_asked", "id", "row")

    def __init__(self, row: Row, asked: Asked | None = None) -> None:
        self.row, self.id, self._asked = row, -1, asked

    def __repr__(self) -> str:
        return f"<Order {self.id}: {ORDER_TYPES[self.row.type]} of slot {self.row.slot}>"

    @property
    def type(self) -> str:
        """One of ``ORDER_TYPES``."""
        return ORDER_TYPES[self.row.type]

    @property
    def is_working(self) -> bool:
        """Whether it has been placed and is neither traded nor cancelled."""
        return self._asked is not None and self._asked.is_working(self)

    def cancel(self) -> None:
        """Take it away at the next open, or at once if it was placed in this call. Nothing happens if it is done."""
        if self._asked is not None:
            self._asked.cancel(self)


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
        self.orders: list[Order] = []
        self.actions: list[tuple[int, int, float]] = []  # slot, kind, amount
        self._rests = rests
        self._groups = groups

    def place(self, row: Row) -> Order:
        """Take an order."""
        order = Order(row, self)
        self.orders.append(order)
        return order

    def instruct(self, slot: int, kind: int, amount: float) -> None:
        """Take a margin instruction."""
        self.actions.append((slot, kind, amount))

    def has_market_order(self, slot: int) -> bool:
        """Whether a market order of this slot has been asked for."""
        return any(order.row.slot == slot and order.row.type == MARKET for order in self.orders)

    def join(self, orders: tuple[Order, ...]) -> None:
        """Let each of several orders of this close cancel the others when it trades."""
        group = next(self._groups)
        for order in orders:
            order.row = order.row._replace(oco=group)

    def is_working(self, order: Order) -> bool:
        """Whether an order waits to be sent or rests."""
        return order in self.orders if order.id < 0 else self._rests(order.id)

    def cancel(self, order: Order) -> None:
        """Take an order away."""
        if order.id < 0:
            self.orders = [other for other in self.orders if other is not order]
        elif self._rests(order.id):
            self.instruct(order.row.slot, CANCEL, float(order.id))

    def clear(self) -> None:
        """Forget what has been sent."""
        self.orders, self.actions = [], []
