"""All that strategies ask for during a run, as the columns of a scenario: it runs again without them."""

from __future__ import annotations

from backtester.event_driven.asked import Row
from backtester.orders import MarginActions, Orders, Terms

__all__ = ["Recorder"]

N_PLAIN = len(Orders._fields) - 1  # columns of a row that go into `Orders`


class Recorder:
    """All that was asked for, as the columns of a scenario."""

    def __init__(self) -> None:
        self._orders: list[tuple[object, ...]] = []
        self._terms: list[tuple[object, ...]] = []
        self._actions: list[tuple[int, int, int, float]] = []

    def __len__(self) -> int:
        return len(self._orders)

    def order(self, bar: int, row: Row) -> int:
        """Note an order that is decided at the close of `bar`; returns its number."""
        number = len(self._orders)
        self._orders.append((bar, *row[:N_PLAIN]))
        if row.has_terms:
            self._terms.append((number, *row[N_PLAIN:]))
        return number

    def action(self, bar: int, slot: int, kind: int, amount: float) -> None:
        """Note a margin instruction that is decided at the close of `bar`."""
        self._actions.append((bar, slot, kind, amount))

    def orders(self) -> Orders:
        """Return the orders, in the order given."""
        return Orders.from_rows(dict(zip(Orders._fields, row, strict=True)) for row in self._orders)

    def terms(self) -> Terms:
        """Return what the working orders among them say beyond that."""
        return Terms.from_rows(dict(zip(Terms._fields, row, strict=True)) for row in self._terms)

    def actions(self) -> MarginActions:
        """Return the margin instructions."""
        return MarginActions.from_rows(self._actions)
