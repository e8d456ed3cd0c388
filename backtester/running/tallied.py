"""A run that keeps no curve, only what it comes to; without room in its logs it keeps none of them either."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import partial
from threading import Lock, local
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.kernels._views import Table
from backtester.kernels.direct import Words, address_of, direct
from backtester.kernels.simulate import advance
from backtester.kernels.tally import tally
from backtester.kernels.tally_run import tally_run
from backtester.run_schema import STATE
from backtester.running.common_input import Common, empty
from backtester.running.curve import empty_tally, summary_of_tally
from backtester.running.engine_input import deposit, logs_of, pad_of, run_of
from backtester.running.recorded import Ended
from backtester.running.start import Start
from backtester.scenario import Scenario
from backtester.schema import (
    CURVE_PART,
    CURVE_WORD,
    LONGEST_WINDOW,
    NO_STRETCHES,
    PATHS,
    STRETCH,
    TALLY_CALLS,
    Agenda,
    Curves,
    Logs,
    Pad,
    TallySheet,
)

__all__ = ["NO_CURVES", "run_tallied"]

NO_CURVES = Curves(np.empty(0), np.empty(0), np.empty(0), np.empty((0, 0)), NO_STRETCHES)

LINES = "equity", "equity_low"  # of the curves, which are tallied
MOST = 4  # shapes of a thread
_COMPILING = Lock()
_SEEN = [list(STATE.names or ()).index(name) for name in ("n_events", "n_ledger", "n_positions", "bankrupt")]  # words


class _Room(NamedTuple):
    """What runs write into and nobody reads after them, with its words."""

    curves: Curves
    curve_words: Words
    pad: Pad
    pad_words: Words


def _room(n_pools: int, is_lone: bool) -> _Room:
    equity, low = np.empty((len(LINES), CURVE_PART + LONGEST_WINDOW))
    stretches = np.empty(2 * CURVE_PART + 1, STRETCH) if is_lone else NO_STRETCHES
    curves, pad = Curves(equity, low, np.empty(0), np.empty((0, 0)), stretches), pad_of(n_pools)
    return _Room(curves, Words(curves), pad, Words(pad))


class _Account:
    """An account that is run again and again: to point at all of its tables takes as long as some runs.

    Parameters
    ----------
    scenario : Scenario
        One that has as many slots, pools and legs as those that are run.
    start : Start
    common : Common
    agenda : Agenda
    room : _Room
    """

    def __init__(self, scenario: Scenario, start: Start, common: Common, agenda: Agenda, room: _Room) -> None:
        self.shape, self._room, self._tallied = _shape_of(start), room, empty_tally(scenario.balance)
        self._run = run_of(scenario, 0, len(start.pools), 0, common=common, start=start)
        self._next_order = self._run.instruments["next_order"]
        self._lines = {name: line.ctypes.data for name, line in zip(LINES, room.curves, strict=False)}
        self._state = self._run.state.view(np.ndarray).view(np.int64)
        self._of_run, self._of_agenda, self._of_tallied = map(Words, (self._run, agenda, self._tallied))
        self._sheet = self._sheet_of(common, agenda)
        self._of_sheet = Words(self._sheet)
        with _COMPILING:
            to_end = direct(tally_run, self._sheet, 0, lets_go=True)
        self._to_end: Callable[[ctypes.c_int64], int] = partial(to_end, self._of_sheet.reference)
        self._start: Start | None = None

    def begin_as(self, scenario: Scenario, start: Start, common: Common) -> None:
        """Begin from a start, if it is another than the last one."""
        if start is self._start:
            return
        for name, table in start._asdict().items():
            np.copyto(getattr(self._run, name), table)
        np.copyto(self._tallied.tally, empty_tally(scenario.balance).tally)
        deposit(self._run, scenario)
        self._deposits = self._run.ledger[: self._run.state["n_ledger"][0]].copy()
        changing = [*(getattr(self._run, name) for name in Start._fields), self._tallied.tally]
        self._begun = [(each, each.copy()) for each in map(_bytes, changing)]
        self._of_run.hold("tiers", common.tiers)
        self._sheet.calls["path"] = PATHS.index(scenario.path)
        self._start = start

    def _sheet_of(self, common: Common, agenda: Agenda) -> TallySheet:
        curves, of_curves, pad, of_pad = self._room
        calls, tally_of = empty(TALLY_CALLS, 1), self._tallied
        with _COMPILING:
            calls["advance"] = address_of(advance, self._run, agenda, common.bars, curves, pad, 0, 0)
            calls["tally"] = address_of(tally, curves, common.bars, tally_of, 0, 0)
        words = self._of_run, self._of_agenda, of_curves, of_pad, self._of_tallied
        for name, each in zip(("run", "agenda", "curves", "pad", "tallied"), words, strict=True):
            calls[name] = each.address
        for name in LINES:
            calls[name] = of_curves.places[name]
        of_lines = of_curves.words.view(CURVE_WORD).view(Table)
        return TallySheet(calls, of_lines, self._run.state, tally_of.tally, curves.stretches)

    def run(self, common: Common, agenda: Agenda, logs: Logs, n_bars: int) -> Ended:
        """Run it to its end, with these orders, instructions and logs."""
        for table, begun in self._begun:
            np.copyto(table, begun)
        self._next_order[:] = common.first_order
        if len(logs.ledger) > 0:
            logs.ledger[: len(self._deposits)] = self._deposits
        working = common.working.copy() if len(common.working) > 0 else common.working
        given = {"orders": common.orders, "working": working} | logs._asdict()
        for words, tables in ((self._of_run, given), (self._of_agenda, agenda._asdict())):
            for name, table in tables.items():
                words.hold(name, table)
        curves, of_curves = self._room[:2]
        for name, address in self._lines.items():
            place = of_curves.places[name]
            of_curves.words[place : place + 2] = address, n_bars
        self._sheet.calls["bars"] = common.bar_words.address
        outcome = self._to_end(ctypes.c_int64(n_bars))
        n_events, n_ledger, n_positions, bankrupt = self._state[_SEEN].tolist()
        curve = summary_of_tally(self._tallied, float(curves.equity[(n_bars - 1) % CURVE_PART]), has_lows=True)
        needed = n_events, n_ledger, n_positions
        return Ended(outcome, logs, needed, self._run.sums.copy(), bool(bankrupt), NO_CURVES, curve)


class _Accounts(local):
    """Those of a thread."""

    def __init__(self) -> None:
        self._rooms: dict[tuple[int, bool], _Room] = {}  # by the number of standing pools and whether there is one leg
        self._last: tuple[_Account, ...] = ()

    def of(self, scenario: Scenario, start: Start, common: Common, agenda: Agenda) -> _Account:
        """Return an account that begins from this start."""
        shape = _shape_of(start)
        like = (each for each in self._last if each.shape == shape)
        found = next(like, None) or _Account(scenario, start, common, agenda, self._room(start))
        self._last = (found, *(each for each in self._last if each is not found))[:MOST]
        found.begin_as(scenario, start, common)
        return found

    def _room(self, start: Start) -> _Room:
        key = _standing(start), len(start.legs) == 1
        if key not in self._rooms:
            self._rooms[key] = _room(*key)
        return self._rooms[key]


_ACCOUNTS = _Accounts()


def run_tallied(
    scenario: Scenario, start: Start, common: Common, agenda: Agenda, lengths: tuple[int, int, int]
) -> Ended:
    """Run an account to its end, as `run_recorded`."""
    account = _ACCOUNTS.of(scenario, start, common, agenda)
    return account.run(common, agenda, logs_of(*lengths), scenario.market.n_bars)


def _shape_of(start: Start) -> tuple[int, ...]:
    """Return what accounts that use the same tables have in common."""
    return _standing(start), *map(len, start)


def _standing(start: Start) -> int:
    return int(np.count_nonzero(start.pools["on_demand"] == 0))


def _bytes(table: NDArray[Any]) -> NDArray[np.uint8]:
    return table.view(np.ndarray).view(np.uint8)
