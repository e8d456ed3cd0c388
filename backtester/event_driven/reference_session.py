"""An account run by the reference engine that stops at every close: the same strategy, checked by another program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from backtester._scenario_rows import action_rows, order_rows
from backtester.event_driven.asked import Order
from backtester.event_driven.recorder import Recorder
from backtester.event_driven.session import Event
from backtester.reference import Simulation, result
from backtester.reference.account import Account
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
        self.account = _Account(self._account)

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

    def slot(self, slot: int) -> _Slot:
        """Return what is seen of a slot."""
        return _Slot(self._account, self._account.slots[slot])

    def liquidation_price(self, slot: int) -> float:
        """Price that liquidates the slot's pool if its instrument moves alone; nan: none."""
        price = liquidation_price(self._account.slots[slot], self._account.marks)
        return math.nan if price is None else price


class _Account:
    """`AccountValues` of the plain engine."""

    def __init__(self, account: Account) -> None:
        self._account = account

    @property
    def equity(self) -> float:
        return self._account.equity()

    @property
    def free_margin(self) -> float:
        return self._account.available()


class _Slot:
    """`SlotValues` of the plain engine."""

    def __init__(self, account: Account, slot: Slot) -> None:
        self._account, self._slot = account, slot

    @property
    def mark(self) -> float:
        return self._account.mark(self._slot)

    @property
    def quantity(self) -> float:
        return self._slot.quantity

    @property
    def entry(self) -> float:
        return self._slot.entry_price

    @property
    def leverage(self) -> float:
        return self._slot.leverage

    @property
    def pnl(self) -> float:
        return self._slot.unrealized_pnl(self.mark)

    @property
    def funding_paid(self) -> float:
        return self._slot.funding_paid if self._slot.quantity else 0.0

    @property
    def isolated_margin(self) -> float:
        return self._slot.pool.cash if self._slot.pool.on_demand else math.nan

    @property
    def equity(self) -> float:
        return self._slot.pool.equity(self._account.marks)

    @property
    def requirement(self) -> float:
        return self._slot.pool.requirement(self._account.marks)

    @property
    def margin_ratio(self) -> float:
        if self.requirement == 0.0:
            return 0.0
        return self.requirement / self.equity if self.equity > 0.0 else math.inf
