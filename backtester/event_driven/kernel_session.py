"""An account run by the kernels that stops at every close."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtester.event_driven.asked import CANCEL, MARKET, POSITION, Row
from backtester.event_driven.recorder import N_PLAIN, Recorder
from backtester.event_driven.session import Event
from backtester.event_driven.structures import structure
from backtester.kernels.direct import Words, address_of, direct
from backtester.kernels.look import look
from backtester.kernels.simulate import advance
from backtester.kernels.step import FULL, step
from backtester.result import Result
from backtester.run_schema import ACTION, ORDER, STATE, WORKING
from backtester.running import engine_input
from backtester.running.common_input import NEVER, common_of, empty
from backtester.scenario import Scenario
from backtester.schema import (
    ACCOUNT_VIEW,
    CALLS,
    DONE,
    EVENT_KINDS,
    PATHS,
    POOL_VIEW,
    REASONS,
    RESTING,
    SLOT_VIEW,
    TYPE_EVENTS,
    Floats,
    Logs,
    Sheet,
    View,
)

__all__ = ["KernelSession"]

LOG_LENGTHS = 1024, 4096, 1024  # rows of events, ledger and positions to begin with
BUNDLES = "run", "agenda", "bars", "curves", "pad", "seen", "sheet"
PRICES_OF_ORDERS = ("limit", "stop", "take_profit", "trigger")
LOGS = "events", "ledger", "positions"
STATE_TABLES = ("slots", "pools", "instruments", "legs", "state", "sums")


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
        common = common_of(scenario)
        run = engine_input.run_of(scenario, *LOG_LENGTHS, common=common)
        agenda = engine_input.agenda_of(scenario, common)
        engine_input.deposit(run, scenario)
        bars, pad = common.bars, engine_input.pad_of(1 + len(scenario.shares))
        self._curves = engine_input.curves_of(scenario, len(run.pools), record)
        n_pools, n_slots = len(run.pools), len(run.slots)
        seen = np.zeros(1, ACCOUNT_VIEW), empty(POOL_VIEW, n_pools), empty(SLOT_VIEW, n_slots)  # no event was seen yet
        self.view = view = View(*seen, np.ascontiguousarray(scenario.market.close if closes is None else closes))
        path = PATHS.index(scenario.path)
        bundles = run, agenda, bars, self._curves, pad, view
        self._words = [Words(bundle) for bundle in bundles]
        self._sheet = Sheet(empty(CALLS, 1), np.zeros(1, np.int64))
        self._words.append(Words(self._sheet))
        self.calls = calls = structure(CALLS).from_buffer(self._sheet.calls)
        calls.advance, calls.path, calls.index = address_of(advance, *bundles[:5], path, 0), path, -1
        calls.look, calls.step = address_of(look, run, bars, self._curves, view, 0), address_of(step, self._sheet)
        for name, words in zip(BUNDLES, self._words, strict=True):
            setattr(calls, name, words.address)
        references = [words.reference for words in self._words]
        self._step: Callable[[], int] = partial(direct(step, self._sheet), references[-1])
        to_bar = direct(advance, *bundles[:5], path, 0)
        self._advance: Callable[[Any], int] = partial(to_bar, *references[:5], ctypes.c_int64(path))
        self.index = -1
        self._orders = _Rows(self._words[0], "orders", ORDER)
        self._working = _Rows(self._words[0], "working", WORKING)
        self._actions = _Rows(self._words[1], "actions", ACTION)
        self._row_of: list[int] = []  # of each order: its row among the working ones, or -1
        self._run = run
        self._state = structure(STATE).from_buffer(run.state)
        self._next_order = run.instruments["next_order"]

    # -- running -------------------------------------------------------------------------------------------------

    def decide_at(self, ends: Sequence[int]) -> None:
        """Set the bars at whose close each decision is taken, followed by the number of bars."""
        self._ends = np.array(ends, np.int64)
        self._words[-1].point("ends", self._ends)

    def step(self) -> int:
        """Run to the close of the next decision, and fill the view; returns its number, below 0: there is none."""
        index = self._step()
        while index == FULL:
            self.start_again()
            index = self._step()
        self.index = index
        return index

    def finish(self) -> None:
        """Run to the end of the simulation."""
        end = ctypes.c_int64(len(self._curves.equity))
        while self._advance(end) != DONE:
            self.start_again()

    def start_again(self) -> None:
        """Go back to the first bar with longer logs and the orders so far: rows are never dropped."""
        scenario = self._so_far()
        fresh = engine_input.run_of(scenario, *(2 * n for n in self._n_rows()))
        engine_input.deposit(fresh, scenario)
        for name in STATE_TABLES:
            getattr(self._run, name)[:] = getattr(fresh, name)
        self._orders.put(fresh.orders)
        self._working.put(fresh.working)
        self._log_to({name: getattr(fresh, name) for name in LOGS})

    def _make_room(self) -> None:
        """Lengthen logs that are half full before more is asked for: to start again takes longer."""
        for name, n in zip(LOGS, self._n_rows(), strict=True):
            log = getattr(self._run, name)
            if 2 * n > len(log):
                longer = empty(log.dtype, 4 * n)
                longer[:n] = log[:n]
                self._log_to({name: longer})

    def _n_rows(self) -> tuple[int, int, int]:
        return self._state.n_events, self._state.n_ledger, self._state.n_positions

    def _log_to(self, logs: dict[str, Any]) -> None:
        for name, log in logs.items():
            self._words[0].point(name, log)
        self._run = self._run._replace(**logs)

    def send(self, bar: int, rows: Sequence[Row], actions: Sequence[tuple[int, int, float]]) -> int:
        """Take the orders, by slot, and instructions decided at the close of `bar`."""
        self._make_room()
        first = self._recorder.take(bar, rows, actions)
        working: list[tuple[Any, ...]] = []
        orders = [self._order(bar + 1, number, row, working) for number, row in enumerate(rows, first)]
        self._working.extend(working)
        self._orders.extend(orders)
        for row in rows:
            self._next_order[self._instrument[row.slot]] = bar + 1
        self._actions.extend([
            (bar + 1, slot, kind, self._row_of[int(amount)] if kind == CANCEL else amount)
            for slot, kind, amount in actions
        ])
        self._state.window_end = self._state.looked_ahead = 0
        return first

    def _order(self, bar: int, number: int, row: Row, working: list[tuple[Any, ...]]) -> tuple[Any, ...]:
        """Return the row of an order that acts at the open of `bar`, in levels; its terms go to `working`."""
        place = -1
        if self._inverse[row.slot]:
            row = row._replace(**{name: -1.0 / getattr(row, name) for name in PRICES_OF_ORDERS})
        if row.has_terms:
            place = self._working.n + len(working)
            distance = row.trigger, row.offset, row.offset_fraction, np.nan, 0
            reduces = row.reduce_only or row.size_type == POSITION
            flags = 0, reduces, row.post_only, row.time_in_force, row.expires, row.oco
            working.append((number, row.slot, -1, 0, TYPE_EVENTS.item(row.type), 0.0, *distance, *flags))
        self._row_of.append(-1 if row.type == MARKET else place)
        return bar, *row[:N_PLAIN], NEVER, place, number

    def rests(self, order: int) -> bool:
        """Whether the working order of this number rests."""
        row = self._row_of[order]
        return row >= 0 and bool(self._working.rows["state"][row] <= RESTING)

    def result(self, strategy: str) -> Result:
        """Return the run, whose scenario has all orders: it runs again without the strategy."""
        events, ledger, positions = (getattr(self._run, name)[:n] for name, n in zip(LOGS, self._n_rows(), strict=True))
        logs, bankrupt = Logs(events, ledger, positions), bool(self._state.bankrupt)
        return Result(self._so_far(), logs, self._run.sums, self._curves, bankrupt=bankrupt, strategy=strategy)

    def _so_far(self) -> Scenario:
        asked = self._recorder
        return replace(self._scenario, orders=asked.orders(), terms=asked.terms(), actions=asked.actions())

    # -- looking -------------------------------------------------------------------------------------------------

    @property
    def address_of_events(self) -> int:
        """Where compiled code finds the address of the log of events, which moves when that grows."""
        return self._words[0].place_of("events")

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
        words.point(name, self.rows, 0)

    def extend(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add rows."""
        if not rows:
            return
        first, self.n = self.n, self.n + len(rows)
        if self.n > len(self.rows):
            self.rows = np.concatenate([self.rows, np.zeros(max(len(self.rows), len(rows)), self.rows.dtype)])
            self._words.point(self._name, self.rows)
        self.rows[first : self.n] = rows
        self._words.lengthen(self._name, self.n)

    def put(self, rows: NDArray[Any]) -> None:
        """Replace the first rows."""
        self.rows[: len(rows)] = rows
