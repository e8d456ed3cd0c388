"""An account run by the reference engine that stops at every close: the same strategy, checked by another program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from backtester._scenario_rows import action_rows, order_rows
from backtester.event_driven.asked import Order
from backtester.event_driven.recorder import Recorder
from backtester.event_driven.session import Event, PoolValues
from backtester.reference import Simulation, result
from backtester.reference.closed_form import liquidation_price
from backtester.reference.slot import Slot
from backtester.scenario import Scenario, validate

__all__ = ["ReferenceSession"]


class ReferenceSession:
    """A `Session` of plain Python objects, slow and readable.

    Parameters
    ----------
    scenario : Scenario
        Without orders; they come while it runs.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario, self._recorder = scenario, Recorder()
        self._simulation = Simulation(validate(scenario.to_dict()))
        self._account = self._simulation.account

    def advance(self, until: int) -> None:
        """Run to the open of bar `until`."""
        while self._simulation.n_bars < until:
            self._simulation.step()

    def send(self, bar: int, orders: Sequence[Order], actions: Sequence[tuple[int, int, float]]) -> None:
        """Take the orders, by slot, and instructions decided at the close of `bar`."""
        asked = Recorder()
        first = len(self._recorder)
        for order in orders:
            order.id = self._recorder.order(bar, order.row)
            asked.order(bar, order.row)
        for slot, kind, amount in actions:
            self._recorder.action(bar, slot, kind, amount)
            asked.action(bar, slot, kind, amount)
        for n, row in enumerate(order_rows(asked.orders(), asked.terms())):
            self._simulation.order(row, first + n)
        for row in action_rows(asked.actions()):
            self._simulation.instruct(row)

    def rests(self, order: int) -> bool:
        """Whether the working order of this number rests, or is about to."""
        slots = self._account.slots
        resting = any(each.order.number == order for slot in slots for each in slot.working)
        coming = self._simulation.orders.get(self._simulation.n_bars, [])
        return resting or any(each.works and each.number == order for each in coming)

    def scenario(self) -> Scenario:
        """Return the scenario with all that was asked for."""
        asked = self._recorder
        return replace(self._scenario, orders=asked.orders(), terms=asked.terms(), actions=asked.actions())

    def result(self) -> dict[str, Any]:
        """Return what came out, as in the scenario format."""
        return result(self._account, self._simulation.columns)

    @property
    def n_events(self) -> int:
        """How many events there have been."""
        return len(self._account.events)

    def events(self, first: int) -> list[Event]:
        """Return the events from number `first` on."""
        return [
            Event(
                kind=row["kind"],
                slot=-1 if row["slot"] is None else row["slot"],
                order=-1 if row["order"] is None else row["order"],
                quantity=row["quantity"],
                price=math.nan if row["fill"] is None else row["fill"],
                amount=row["amount"],
                reason=row["reason"],
                mark=math.nan if row["price"] is None else row["price"],
            )
            for row in self._account.events[first:]
        ]

    def equity(self) -> float:
        """Total equity at the last close."""
        return self._account.equity()

    def available(self) -> float:
        """Return what main may hand to isolated positions."""
        return self._account.available()

    def _of(self, slot: int) -> Slot:
        return self._account.slots[slot]

    def quantity(self, slot: int) -> float:
        """Signed position."""
        return self._of(slot).quantity

    def entry(self, slot: int) -> float:
        """Average entry price; nan when flat."""
        return self._of(slot).entry_price

    def leverage(self, slot: int) -> float:
        """Leverage setting."""
        return self._of(slot).leverage

    def funding(self, slot: int) -> float:
        """Funding that the position has paid since it was opened."""
        return self._of(slot).funding_paid

    def mark(self, slot: int) -> float:
        """Mark price at the last close, or the last known one."""
        return self._account.mark(self._of(slot))

    def pnl(self, slot: int) -> float:
        """Unrealised pnl at the mark."""
        return self._of(slot).unrealized_pnl(self.mark(slot))

    def is_isolated(self, slot: int) -> bool:
        """Whether the slot has a pool of its own."""
        return self._of(slot).pool.on_demand

    def pool(self, slot: int) -> PoolValues:
        """Values of the pool that backs the slot."""
        pool, marks = self._of(slot).pool, self._account.marks
        return PoolValues(pool.equity(marks), pool.requirement(marks), pool.initial_margin(marks), pool.cash)

    def liquidation_price(self, slot: int) -> float:
        """Price that liquidates the slot's pool if its instrument moves alone; nan: none."""
        price = liquidation_price(self._of(slot), self._account.marks)
        return math.nan if price is None else price
