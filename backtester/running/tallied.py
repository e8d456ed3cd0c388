"""A run that keeps no curves, only what they come to."""

from __future__ import annotations

from threading import Lock, local
from typing import NamedTuple

import numpy as np

from backtester.kernels.direct import Words, address_of
from backtester.kernels.simulate import advance
from backtester.kernels.tally import tally
from backtester.kernels.tally_run import tally_run
from backtester.running.common_input import Common, empty
from backtester.running.curve import CurveSummary, empty_tally, summary_of_tally
from backtester.running.engine_input import pad_of
from backtester.schema import (
    CURVE_PART,
    CURVE_WORD,
    LONGEST_WINDOW,
    NO_STRETCHES,
    STRETCH,
    TALLY_CALLS,
    Agenda,
    Curves,
    Pad,
    Run,
    TallySheet,
)

__all__ = ["run_tallied"]

ADDRESSES: dict[str, int] = {}  # of the entries: looking for one takes longer than thousands of bars
_LOCK = Lock()
BUNDLES = "run", "agenda", "bars", "curves", "pad", "tallied"
LINES = "equity", "equity_low"  # of the curves, which are tallied


class Room(NamedTuple):
    """What a run writes into and nobody reads after it, with its words."""

    curves: Curves
    curve_words: Words
    pad: Pad
    pad_words: Words


class _Rooms(local):
    """Those of a thread, by standing pools and whether the account is one leg: to make one takes longer than some runs."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, bool], Room] = {}

    def of(self, run: Run) -> Room:
        key = int(np.count_nonzero(run.pools["on_demand"] == 0)), len(run.legs) == 1
        if key not in self._made:
            self._made[key] = _room(*key)
        return self._made[key]


def _room(n_pools: int, is_lone: bool) -> Room:
    equity, low = np.empty((len(LINES), CURVE_PART + LONGEST_WINDOW))
    stretches = np.empty(2 * CURVE_PART + 1, STRETCH) if is_lone else NO_STRETCHES
    curves, pad = Curves(equity, low, np.empty(0), np.empty((0, 0)), stretches), pad_of(n_pools)
    return Room(curves, Words(curves), pad, Words(pad))


_ROOMS = _Rooms()


def run_tallied(
    run: Run, agenda: Agenda, common: Common, path: int, n_bars: int, balance: float
) -> tuple[int, CurveSummary]:
    """Run an account to its end.

    Parameters
    ----------
    run, agenda, path
        As for `advance`.
    common : Common
        Whose bars these are.
    n_bars : int
    balance : float
        Equity before the first bar.

    Returns
    -------
    outcome : int
        As `advance`.
    summary : CurveSummary
    """
    room, tallied = _ROOMS.of(run), empty_tally(balance)
    curves, of_curves = room.curves, room.curve_words
    words = Words(run), Words(agenda), common.bar_words, of_curves, room.pad_words, Words(tallied)
    for name, line in zip(LINES, curves, strict=False):
        of_curves.point(name, line, n_bars)
    calls = empty(TALLY_CALLS, 1)
    with _LOCK:
        if not ADDRESSES:
            to_advance = address_of(advance, run, agenda, common.bars, curves, room.pad, path, 0)
            ADDRESSES.update(advance=to_advance, tally=address_of(tally, curves, common.bars, tallied, 0, 0))
    for name, address in ADDRESSES.items():
        calls[name] = address
    calls["path"] = path
    for name, each in zip(BUNDLES, words, strict=True):
        calls[name] = each.address
    for name in LINES:
        calls[name] = of_curves.places[name]
    curve_words = of_curves.words.view(CURVE_WORD).view(type(calls))
    outcome = tally_run(TallySheet(calls, curve_words, run.state, tallied.tally, curves.stretches), n_bars)
    last = float(curves.equity[(n_bars - 1) % CURVE_PART])
    return outcome, summary_of_tally(tallied, last, has_lows=True)
