"""An account run by the reference engine that stops at every close: the same strategy, checked by another program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backtester.event_driven.asked import Row
from backtester.event_driven.recorder import Recorder
from backtester.event_driven.session import Event
from backtester.reference import Simulation, result
from backtester.reference.closed_form import liquidation_price
from backtester.reference.slot import Slot
from backtester.scenario import Scenario, validate
from backtester.scenario_parts.rows import action_rows, order_rows
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
        self.index, self._ends = -1, [0]
        seen = np.zeros(1, ACCOUNT_VIEW), np.zeros(0, POOL_VIEW), np.zeros(len(scenario.slots), SLOT_VIEW)
        self.view = View(*seen, scenario.market.close if closes is None else closes)

    def decide_at(self, ends: Sequence[int]) -> None:
        """Set the bars at whose close each decision is taken, followed by the number of bars."""
        self._ends = list(ends)

    def step(self) -> int:
        """Run to the close of the next decision, and fill the view; returns its number, below 0: there is none."""
        ends = self._ends
        left = range(self.index + 1, len(ends) - 1)
        self.index = next((k for k in left if ends[k] >= 0 and ends[k] != ends[k + 1]), -1)
        if self.index >= 0:
            self._advance(ends[self.index] + 1)
            self._look()
        return self.index

    def finish(self) -> None:
        """Run to the end of the simulation."""
        self._advance(self._ends[-1])

    def _advance(self, until: int) -> None:
        while self._simulation.n_bars < until:
            self._simulation.step()

    def _look(self) -> None:
        account, seen = self._account, self.view.account[0]
        seen["equity"], seen["is_bankrupt"] = account.equity(), account.bankrupt
        seen["free_margin"], seen["available_margin"] = account.free(account.main), account.available()
        seen["seen_events"], seen["n_events"] = seen["n_events"], len(account.events)
        for row, slot in zip(self.view.slots, account.slots, strict=True):
            self._look_at(row, slot)
            row["price"] = self.view.closes[self.index, slot.instrument.index]

    def _look_at(self, row: Any, slot: Slot) -> None:
        """Fill in what is seen of a slot."""
        marks, mark = self._account.marks, self._account.mark(slot)
        row["mark"], row["quantity"], row["entry"] = mark, slot.quantity, slot.entry_price
        row["leverage"], row["pnl"] = slot.leverage, slot.unrealized_pnl(mark)
        row["funding_paid"] = slot.funding_paid if slot.quantity else 0.0
        row["isolated_margin"] = slot.pool.cash if slot.pool.on_demand else math.nan
        equity, requirement = slot.pool.equity(marks), slot.pool.requirement(marks)
        row["equity"], row["requirement"] = equity, requirement
        row["initial_margin"], row["free_margin"] = slot.pool.initial_margin(marks), self._account.free(slot.pool)
        row["margin_ratio"] = math.inf if equity <= 0.0 else requirement / equity
        if requirement == 0.0:
            row["margin_ratio"] = 0.0
        price = liquidation_price(slot, marks)
        row["liquidation_price"] = math.nan if price is None else price

    def send(self, bar: int, rows: Sequence[Row], actions: Sequence[tuple[int, int, float]]) -> int:
        """Take the orders, by slot, and instructions decided at the close of `bar`."""
        first, asked = self._recorder.take(bar, rows, actions), Recorder()
        asked.take(bar, rows, actions)
        for number, row in enumerate(order_rows(asked.orders(), asked.terms()), first):
            self._simulation.order(row, number)
        for row in action_rows(asked.actions()):
            self._simulation.instruct(row)
        return first

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
