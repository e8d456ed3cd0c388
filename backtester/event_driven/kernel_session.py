"""An account run by the kernels that stops at every close."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtester import engine_input
from backtester.event_driven.asked import CANCEL, MARKET, POSITION, Order, Row
from backtester.event_driven.recorder import Recorder
from backtester.event_driven.session import Event, PoolValues
from backtester.kernels.direct import Words, direct
from backtester.kernels.look import look, look_closer
from backtester.kernels.simulate import advance
from backtester.result import Result
from backtester.scenario import Scenario
from backtester.schema import (
    ACTION,
    EVENT_KINDS,
    LOG_FULL,
    ORDER,
    PATHS,
    POOL_VIEW,
    REASONS,
    RESTING,
    SLOT_VIEW,
    TYPE_EVENTS,
    WORKING,
    View,
)

__all__ = ["KernelSession"]

LOG_LENGTHS = 1024, 4096, 1024  # rows of events, ledger and positions to begin with
STATE_TABLES = ("slots", "pools", "instruments", "legs", "state")


class KernelSession:
    """A `Session` of compiled code.

    Parameters
    ----------
    scenario : Scenario
        Without orders; they come while it runs.
    record : str
        As in `engine.run`.
    """

    def __init__(self, scenario: Scenario, record: str) -> None:
        self._scenario, self._recorder, self._bar = scenario, Recorder(), -1
        self._inverse = [scenario.instruments[slot.instrument].contract == "inverse" for slot in scenario.slots]
        self._instrument = [slot.instrument for slot in scenario.slots]
        run, agenda = engine_input.run_of(scenario, *LOG_LENGTHS), engine_input.agenda_of(scenario)
        engine_input.deposit(run, scenario)
        bars, pad = engine_input.bars_of(scenario), engine_input.pad_of(scenario)
        self._curves = engine_input.curves_of(scenario, len(run.pools), record)
        self._view = View(engine_input.empty(POOL_VIEW, len(run.pools)), engine_input.empty(SLOT_VIEW, len(run.slots)))
        self._until, self._slot = ctypes.c_int64(), ctypes.c_int64()
        path = PATHS.index(scenario.path)
        bundles = (run, agenda, bars, self._curves, pad)
        self._words = [Words(bundle) for bundle in (*bundles, self._view)]
        addresses = [words.address for words in self._words]
        self._advance, self._advancing = direct(advance, *bundles, path, 0), (
            *addresses[:5], ctypes.c_int64(path), self._until,
        )  # fmt: skip
        self._look, self._looking = direct(look, run, bars, self._view), (addresses[0], addresses[2], addresses[5])
        self._closer = direct(look_closer, run, self._view, 0)
        self._looking_closer = addresses[0], addresses[5], self._slot
        self._orders = _Rows(self._words[0], "orders", ORDER)
        self._working = _Rows(self._words[0], "working", WORKING)
        self._actions = _Rows(self._words[1], "actions", ACTION)
        self._row_of: list[int] = []  # of each order: its row among the working ones, or -1
        self._run = run
        self._state, self._slots, self._pools = (_structs(table) for table in (run.state, run.slots, run.pools))
        self._seen_pools, self._seen_slots = _structs(self._view.pools), _structs(self._view.slots)
        self._next_order = run.instruments["next_order"]

    # -- running -------------------------------------------------------------------------------------------------

    def advance(self, until: int) -> None:
        """Run to the open of bar `until`."""
        self._until.value = until
        while self._advance(*self._advancing) == LOG_FULL:
            self._start_again()

    def _start_again(self) -> None:
        """Go back to the first bar with longer logs and the orders so far: rows are never dropped."""
        state = self._state[0]
        needed = [2 * int(n) for n in (state.n_events, state.n_ledger, state.n_positions)]
        scenario = self._so_far()
        fresh = engine_input.run_of(scenario, *needed)
        engine_input.deposit(fresh, scenario)
        for name in STATE_TABLES:
            getattr(self._run, name)[:] = getattr(fresh, name)
        self._orders.put(fresh.orders)
        self._working.put(fresh.working)
        for name in ("events", "ledger", "positions"):
            self._words[0].point(name, getattr(fresh, name))
        self._run = self._run._replace(events=fresh.events, ledger=fresh.ledger, positions=fresh.positions)

    def send(self, bar: int, orders: Sequence[Order], actions: Sequence[tuple[int, int, float]]) -> None:
        """Take the orders, by slot, and instructions decided at the close of `bar`."""
        for order in orders:
            order.id = self._recorder.order(bar, order.row)
            self._add(bar + 1, order.id, order.row)
            self._next_order[self._instrument[order.row.slot]] = bar + 1
        for slot, kind, amount in actions:
            self._recorder.action(bar, slot, kind, amount)
            self._actions.append((bar + 1, slot, kind, self._row_of[int(amount)] if kind == CANCEL else amount))
        self._state[0].window_end = self._state[0].looked_ahead = 0

    def _add(self, bar: int, number: int, row: Row) -> None:
        """Append an order that acts at the open of `bar`, in levels."""
        limit, stop, take_profit, trigger = row.limit, row.stop, row.take_profit, row.trigger
        if self._inverse[row.slot]:
            limit, stop, take_profit, trigger = (-1.0 / price for price in (limit, stop, take_profit, trigger))
        working = self._working.n if row.has_terms else -1
        exits = stop, take_profit, row.trail, row.trail_fraction, row.watch_mark
        head = bar, row.slot, row.size, row.size_type, row.target, row.margin, limit
        if row.has_terms:
            distance = trigger, row.offset, row.offset_fraction, np.nan, 0
            reduces = row.reduce_only or row.size_type == POSITION
            flags = 0, reduces, row.post_only, row.time_in_force, row.expires, row.oco
            kind = TYPE_EVENTS.item(row.type)
            self._working.append((self._orders.n, row.slot, -1, 0, kind, 0.0, *distance, *flags))
        self._row_of.append(-1 if row.type == MARKET else working)
        self._orders.append((*head, *exits, engine_input.NEVER, working, number))

    def rests(self, order: int) -> bool:
        """Whether the working order of this number rests."""
        row = self._row_of[order]
        return row >= 0 and bool(self._working.rows["state"][row] <= RESTING)

    def result(self, strategy: str) -> Result:
        """Return the run, whose scenario has all orders: it runs again without the strategy."""
        state = self._state[0]
        lengths = state.n_events, state.n_ledger, state.n_positions
        logs = (self._run.events, self._run.ledger, self._run.positions)
        events, ledger, positions = (table[:n] for table, n in zip(logs, lengths, strict=True))
        bankrupt = bool(state.bankrupt)
        return Result(self._so_far(), events, ledger, positions, self._curves, bankrupt=bankrupt, strategy=strategy)

    def _so_far(self) -> Scenario:
        asked = self._recorder
        return replace(self._scenario, orders=asked.orders(), terms=asked.terms(), actions=asked.actions())

    # -- looking -------------------------------------------------------------------------------------------------

    @property
    def n_events(self) -> int:
        """How many events there have been."""
        return self._state[0].n_events

    def events(self, first: int) -> list[Event]:
        """Return the events from number `first` on."""
        return [
            Event(EVENT_KINDS[kind], slot, order, quantity, fill, amount, REASONS[reason], mark)
            for _, slot, _, order, kind, reason, _, _, mark, fill, quantity, amount, _ in self._run.events[
                first : self.n_events
            ].tolist()
        ]

    def equity(self) -> float:
        """Total equity at the last close."""
        return self._curves.equity.item(self._state[0].next_bar - 1)

    def _seen(self) -> None:
        """Have everything valued at the last close, once."""
        bar = self._state[0].next_bar
        if self._bar != bar:
            self._look(*self._looking)
            self._bar = bar

    def available(self) -> float:
        """Return what main may hand to isolated positions."""
        if self._state[0].bankrupt:
            return 0.0
        self._seen()
        seen = self._seen_pools[0]
        return min(self._pools[0].cash, seen.equity - seen.initial_margin)

    def quantity(self, slot: int) -> float:
        """Signed position."""
        return self._slots[slot].quantity

    def entry(self, slot: int) -> float:
        """Average entry price; nan when flat."""
        level = self._slots[slot].entry
        return -1.0 / level if self._inverse[slot] else level

    def leverage(self, slot: int) -> float:
        """Leverage setting."""
        return self._slots[slot].leverage

    def funding(self, slot: int) -> float:
        """Funding that the position has paid since it was opened."""
        return self._slots[slot].funding

    def mark(self, slot: int) -> float:
        """Mark price at the last close, or the last known one."""
        self._seen()
        return self._seen_slots[slot].mark

    def pnl(self, slot: int) -> float:
        """Unrealised pnl at the mark."""
        held = self._slots[slot]
        if held.quantity == 0.0:
            return 0.0
        mark = self.mark(slot)
        return held.quantity * ((-1.0 / mark if self._inverse[slot] else mark) - held.entry)

    def is_isolated(self, slot: int) -> bool:
        """Whether the slot has a pool of its own."""
        return bool(self._pools[self._slots[slot].pool].on_demand)

    def pool(self, slot: int) -> PoolValues:
        """Values of the pool that backs the slot."""
        self._seen()
        p = self._slots[slot].pool
        seen = self._seen_pools[p]
        return PoolValues(seen.equity, seen.requirement, seen.initial_margin, self._pools[p].cash)

    def liquidation_price(self, slot: int) -> float:
        """Price that liquidates the slot's pool if its instrument moves alone; nan: none."""
        self._seen()
        self._slot.value = slot
        self._closer(*self._looking_closer)
        return self._seen_slots[slot].liquidation_price


class _Rows:
    """A table of a bundle that grows; compiled code sees the rows that have been filled."""

    def __init__(self, words: Words, name: str, dtype: np.dtype[Any]) -> None:
        self._words, self._name = words, name
        self.rows: NDArray[Any] = np.zeros(64, dtype)
        self.n = 0
        self._show()

    def append(self, row: tuple[Any, ...]) -> None:
        """Add a row."""
        if self.n == len(self.rows):
            self.rows = np.concatenate([self.rows, np.zeros_like(self.rows)])
        self.rows[self.n] = row
        self.n += 1
        self._show()

    def put(self, rows: NDArray[Any]) -> None:
        """Replace the first rows."""
        self.rows[: len(rows)] = rows

    def _show(self) -> None:
        self._words.point(self._name, self.rows, self.n)


def _structs(table: NDArray[Any]) -> Any:
    """Return the rows of a table as C structures: a field is read in a fraction of the time that numpy takes."""
    kinds = {"f8": ctypes.c_double, "i8": ctypes.c_int64}
    fields = [(name, kinds[table.dtype[name].str[1:]]) for name in table.dtype.names or ()]
    struct: Any = type("Row", (ctypes.Structure,), {"_fields_": fields})
    rows: Any = struct * len(table)
    return rows.from_address(table.ctypes.data)
