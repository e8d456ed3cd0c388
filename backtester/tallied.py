"""A run that keeps no curves, only what they come to."""

from __future__ import annotations

from threading import Lock

import numpy as np

from backtester.curve import CurveSummary, empty_tally, summary_of_tally
from backtester.engine_input import empty
from backtester.kernels.direct import Words, address_of
from backtester.kernels.simulate import advance
from backtester.kernels.tally import tally
from backtester.kernels.tally_run import tally_run
from backtester.schema import (
    CURVE_PART,
    CURVE_WORD,
    LONGEST_WINDOW,
    TALLY_CALLS,
    Agenda,
    Bars,
    Curves,
    Pad,
    Run,
    TallySheet,
)

__all__ = ["run_tallied"]

ADDRESSES: dict[str, int] = {}  # of the entries: looking for one takes longer than thousands of bars
_LOCK = Lock()
BUNDLES = "run", "agenda", "bars", "curves", "pad", "tallied"


def run_tallied(
    run: Run, agenda: Agenda, bars: Bars, pad: Pad, path: int, n_bars: int, balance: float
) -> tuple[int, CurveSummary]:
    """Run an account to its end.

    Parameters
    ----------
    run, agenda, bars, pad, path
        As for `advance`.
    n_bars : int
    balance : float
        Equity before the first bar.

    Returns
    -------
    outcome : int
        As `advance`.
    summary : CurveSummary
    """
    room = min(n_bars, CURVE_PART) + LONGEST_WINDOW
    curves = Curves(np.empty(room), np.empty(room), np.empty(0), np.empty((0, 0)))
    tallied = empty_tally(balance)
    words = [Words(bundle) for bundle in (run, agenda, bars, curves, pad, tallied)]
    of_curves = words[BUNDLES.index("curves")]
    for name in ("equity", "equity_low"):
        of_curves.lengthen(name, n_bars)
    calls = empty(TALLY_CALLS, 1)
    with _LOCK:
        if not ADDRESSES:
            to_advance = address_of(advance, run, agenda, bars, curves, pad, path, 0)
            ADDRESSES.update(advance=to_advance, tally=address_of(tally, curves, tallied, 0, 0))
    for name, address in ADDRESSES.items():
        calls[name] = address
    calls["path"] = path
    for name, each in zip(BUNDLES, words, strict=True):
        calls[name] = each.address
    for name in ("equity", "equity_low"):
        calls[name] = of_curves.places[name]
    outcome = tally_run(TallySheet(calls, of_curves.words.view(CURVE_WORD).view(type(calls))), n_bars)
    last = float(curves.equity[(n_bars - 1) % CURVE_PART])
    return outcome, summary_of_tally(tallied, last, has_lows=True)
