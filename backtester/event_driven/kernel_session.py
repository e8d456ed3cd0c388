"""An account run by the kernels that stops at every close."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtester import engine_input
from backtester.engine_input import empty
from backtester.event_driven.asked import CANCEL, MARKET, POSITION, Order, Row
from backtester.event_driven.recorder import Recorder
from backtester.event_driven.session import Event
from backtester.event_driven.structures import structure
from backtester.kernels.direct import Words, address_of, direct
from backtester.kernels.look import look, look_closer
from backtester.kernels.simulate import advance
from backtester.kernels.step import step
from backtester.result import Result
from backtester.run_schema import ACTION, ORDER, STATE, WORKING
from backtester.scenario import Scenario
from backtester.schema import (
    ACCOUNT_VIEW,
    CALLS,
    EVENT_KINDS,
    PATHS,
    POOL_VIEW,
    REASONS,
    RESTING,
    SLOT_VIEW,
    TYPE_EVENTS,
    Floats,
    Sheet,
    View,
)

__all__ = ["KernelSession"]

LOG_LENGTHS = 1024, 4096, 1024  # rows of events, ledger and positions to begin with
BUNDLES = "run", "agenda", "bars", "curves", "pad", "seen", "sheet"
STATE_TABLES = ("slots", "pools", "instruments", "legs", "state")


class KernelSession:
    """A `Session` of compiled code.

    Parameters
    ----------
    scenario : Scenario
        Without orders; they come while it runs.
    record : str
        As in `engine.run`.
    closes : float64 array, (n_decisions, n_instruments), optional [quote/base]
        Of the bars at which strategies decide; those of the scenario where they are left out.
    """

    def __init__(self, scenario: Scenario, record: str, closes: Floats | None = None) -> None:
        self._scenario, self._recorder = scenario, Recorder()
        self._inverse = [scenario.instruments[slot.instrument].contract == "inverse" for slot in scenario.slots]
        self._instrument = [slot.instrument for slot in scenario.slots]
        run, agenda = engine_input.run_of(scenario, *LOG_LENGTHS), engine_input.agenda_of(scenario)
        engine_input.deposit(run, scenario)
        bars, pad = engine_input.bars_of(scenario), engine_input.pad_of(scenario)
        self._curves = engine_input.curves_of(scenario, len(run.pools), record)
        n_pools, n_slots = len(run.pools), len(run.slots)
        seen = empty(ACCOUNT_VIEW, 1), empty(POOL_VIEW, n_pools), empty(SLOT_VIEW, n_slots)
        self.view = view = View(*seen, np.ascontiguousarray(scenario.market.close if closes is None else closes))
        path, self._until, self._index = PATHS.index(scenario.path), ctypes.c_int64(), ctypes.c_int64()
        bundles = run, agenda, bars, self._curves, pad, view
        self._words = [Words(bundle) for bundle in bundles]
        sheet = Sheet(empty(CALLS, 1))
        self._words.append(Words(sheet))
        self.calls = calls = sheet.calls
        calls["advance"], calls["path"] = address_of(advance, *bundles[:5], path, 0), path
        calls["look"] = address_of(look, run, bars, self._curves, view, 0)
        calls["look_closer"] = address_of(look_closer, run, view, 0, n_slots)
        calls["step"] = address_of(step, sheet, 0, 0)
        for name, words in zip(BUNDLES, self._words, strict=True):
            calls[name] = words.address
        self._step = partial(direct(step, sheet, 0, 0), self._words[-1].reference, self._until, self._index)
        all_slots = ctypes.c_int64(0), ctypes.c_int64(n_slots)
        bundled = self._words[0].reference, self._words[5].reference
        closer = direct(look_closer, run, view, 0, n_slots)
        self.look_closer: Callable[[], object] = partial(closer, *bundled, *all_slots)
        self._orders = _Rows(self._words[0], "orders", ORDER)
        self._working = _Rows(self._words[0], "working", WORKING)
        self._actions = _Rows(self._words[1], "actions", ACTION)
        self._row_of: list[int] = []  # of each order: its row among the working ones, or -1
        self._run = run
        self._state = structure(STATE).from_buffer(run.state)
        self._next_order = run.instruments["next_order"]

    # -- running -------------------------------------------------------------------------------------------------

    def advance(self, until: int, index: int) -> None:
        """Run to the open of bar `until`, where decision `index` is taken."""
        self._until.value, self._index.value = until, index
        while self._step():
            self.start_again()

    def start_again(self) -> None:
        """Go back to the first bar with longer logs and the orders so far: rows are never dropped."""
        state = self._state
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
        self._state.window_end = self._state.looked_ahead = 0

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
        state = self._state
        lengths = state.n_events, state.n_ledger, state.n_positions
        logs = (self._run.events, self._run.ledger, self._run.positions)
        events, ledger, positions = (table[:n] for table, n in zip(logs, lengths, strict=True))
        bankrupt = bool(state.bankrupt)
        return Result(self._so_far(), events, ledger, positions, self._curves, bankrupt=bankrupt, strategy=strategy)

    def _so_far(self) -> Scenario:
        asked = self._recorder
        return replace(self._scenario, orders=asked.orders(), terms=asked.terms(), actions=asked.actions())

    # -- looking -------------------------------------------------------------------------------------------------

    def events(self, first: int) -> list[Event]:
        """Return the events from number `first` on."""
        return [
            Event(EVENT_KINDS[kind], slot, order, quantity, fill, amount, REASONS[reason], mark)
            for _, slot, _, order, kind, reason, _, _, mark, fill, quantity, amount, _ in self._run.events[
                first : self._state.n_events
            ].tolist()
        ]

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
            self._show()
        self.rows[self.n] = row
        self.n += 1
        self._words.lengthen(self._name, self.n)

    def put(self, rows: NDArray[Any]) -> None:
        """Replace the first rows."""
        self.rows[: len(rows)] = rows

    def _show(self) -> None:
        self._words.point(self._name, self.rows, self.n)
