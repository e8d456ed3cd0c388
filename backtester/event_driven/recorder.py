"""All that strategies ask for during a run, as the columns of a scenario: it runs again without them."""

from __future__ import annotations

from collections.abc import Sequence

from backtester.event_driven.asked import Row
from backtester.orders import MarginActions, Orders, Terms

__all__ = ["N_PLAIN", "Recorder"]

N_PLAIN = len(Orders._fields) - 1  # columns of a row that go into `Orders`


class Recorder:
    """All that was asked for, as the columns of a scenario."""

    def __init__(self) -> None:
        self._orders: list[tuple[object, ...]] = []
        self._terms: list[tuple[object, ...]] = []
        self._actions: list[tuple[int, int, int, float]] = []

    def take(self, bar: int, rows: Sequence[Row], actions: Sequence[tuple[int, int, float]]) -> int:
        """Note what is decided at the close of `bar`; returns the number of the first of the orders."""
        first = len(self._orders)
        self._orders += [(bar, *row[:N_PLAIN]) for row in rows]
        self._terms += [(number, *row[N_PLAIN:]) for number, row in enumerate(rows, first) if row.has_terms]
        self._actions += [(bar, *action) for action in actions]
        return first

    def orders(self) -> Orders:
        """Return the orders, in the order given."""
        return Orders.from_tuples(self._orders)

    def terms(self) -> Terms:
        """Return what the working orders among them say beyond that."""
        return Terms.from_tuples(self._terms)

    def actions(self) -> MarginActions:
        """Return the margin instructions."""
        return MarginActions.from_rows(self._actions)
