"""An account run by the reference engine that stops at every close: the same strategy, checked by another program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backtester._scenario_rows import action_rows, order_rows
from backtester.event_driven.asked import Order
from backtester.event_driven.recorder import Recorder
from backtester.event_driven.session import Event
from backtester.reference import Simulation, result
from backtester.reference.closed_form import liquidation_price
from backtester.reference.slot import Slot
from backtester.scenario import Scenario, validate
from backtester.schema import ACCOUNT_VIEW, POOL_VIEW, SLOT_VIEW, Floats, View

__all__ = ["ReferenceSession"]


class ReferenceSession:
    """A `Session` of plain Python objects, slow and readable.

    Parameters
    ----------
    scenario : Scenario
        Without orders; they come while it runs.
    closes : float64 array, optional
        As in `KernelSession`.
    """

    def __init__(self, scenario: Scenario, closes: Floats | None = None) -> None:
        self._scenario, self._recorder = scenario, Recorder()
        self._simulation = Simulation(validate(scenario.to_dict()))
        self._account = self._simulation.account
        seen = np.zeros(1, ACCOUNT_VIEW), np.zeros(0, POOL_VIEW), np.zeros(len(scenario.slots), SLOT_VIEW)
        self.view = View(*seen, scenario.market.close if closes is None else closes)

    def advance(self, until: int, index: int) -> None:
        """Run to the open of bar `until`, where decision `index` is taken."""
        while self._simulation.n_bars < until:
            self._simulation.step()
        account, seen = self._account, self.view.account[0]
        seen["equity"], seen["free_margin"] = account.equity(), account.available()
        seen["n_events"] = len(account.events)
        for row, slot in zip(self.view.slots, account.slots, strict=True):
            self._look_at(row, slot)
            row["price"] = self.view.closes[index, slot.instrument.index]

    def _look_at(self, row: Any, slot: Slot) -> None:
        """Fill in what is seen of a slot."""
        marks, mark = self._account.marks, self._account.mark(slot)
        row["mark"], row["quantity"], row["entry"] = mark, slot.quantity, slot.entry_price
        row["leverage"], row["pnl"] = slot.leverage, slot.unrealized_pnl(mark)
        row["funding_paid"] = slot.funding_paid if slot.quantity else 0.0
        row["isolated_margin"] = slot.pool.cash if slot.pool.on_demand else math.nan
        equity, requirement = slot.pool.equity(marks), slot.pool.requirement(marks)
        row["equity"], row["requirement"] = equity, requirement
        row["margin_ratio"] = math.inf if equity <= 0.0 else requirement / equity
        if requirement == 0.0:
            row["margin_ratio"] = 0.0
        row["liquidation_price"] = math.inf

    def look_closer(self) -> None:
        """Fill in the liquidation prices."""
        for row, slot in zip(self.view.slots, self._account.slots, strict=True):
            price = liquidation_price(slot, self._account.marks)
            row["liquidation_price"] = math.nan if price is None else price

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
