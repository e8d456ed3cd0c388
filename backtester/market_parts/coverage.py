"""What a market lacks, in words: substitutions, gaps and funding coverage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backtester.text import counted, moment

Ints = NDArray[np.int64]

FULL = 0.99  # a share of settlements from here on needs no note
LONGEST = 8 * 3_600_000_000_000  # [ns] no known venue settles less often


class Notes:
    """Sentences about instruments; the same sentence about several becomes one line."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = list(symbols)
        self._said: dict[str, list[int]] = {}

    def add(self, text: str, instrument: int | None = None) -> None:
        """Say something; ``{}`` in the text becomes the instruments it is said of."""
        about = self._said.setdefault(text, [])
        if instrument is not None:
            about.append(instrument)

    def lines(self) -> list[str]:
        """Return one line for each sentence, in the order they were first said."""
        return [text.replace("{}", self._names(about)) for text, about in self._said.items()]

    def _names(self, about: list[int]) -> str:
        if len(about) == len(self.symbols) > 3:
            return f"all {len(about)} instruments"
        return ", ".join(self.symbols[i] for i in about)


def note_gaps(notes: Notes, opens: NDArray[np.float64], grid: Ints) -> None:
    """Say which bars are missing: from all instruments, from one, before and after a listing."""
    steps = np.diff(grid)
    if len(steps):
        sizes, counts = np.unique(steps, return_counts=True)
        step = int(sizes[np.argmax(counts)])
        wide = np.flatnonzero(steps > step)
        everywhere = " from all instruments" if len(opens) > 1 else ""
        if len(wide):
            lost = int(np.sum(steps[wide] // step - 1))
            notes.add(
                f"{counted(lost, 'bar is', 'bars are')} missing{everywhere}, the first after {moment(grid[wide[0]])}"
            )
    for i, row in enumerate(opens):
        known = np.flatnonzero(~np.isnan(row))
        if len(known) == 0:
            notes.add("no bars of {} in this range", i)
            continue
        first, last = known[0], known[-1]
        if first > 0:
            notes.add("{}" + f": listed or known from {moment(grid[first])}", i)
        if last < len(grid) - 1:
            notes.add("{}" + f": nothing after {moment(grid[last])}", i)
        holes = np.flatnonzero(np.isnan(row[first:last])) + first
        if len(holes):
            notes.add(f"no data in {counted(len(holes), 'bar')} of " + "{}" + _range(holes, grid), i)


def note_substitution(notes: Notes, i: int, lacks: NDArray[np.bool_], marked: Ints, grid: Ints) -> None:
    """Say for which bars the trade bar stands in for the mark.

    Parameters
    ----------
    lacks : bool array, (n_bars,)
        Bars with a trade and no mark.
    marked : int64 array
        Rows with a mark, ascending.
    """
    if len(marked) == 0:
        notes.add("mark = trade for {}: no mark data in this range", i)
        return
    rows = np.flatnonzero(lacks)
    outside = (rows < marked[0]) | (rows > marked[-1])
    for part, why in (
        (rows[rows < marked[0]], "before the mark data begins"),
        (rows[rows > marked[-1]], "after the mark data ends"),
        (rows[~outside], "mark missing"),
    ):
        if len(part):
            text = f": {why}, {counted(len(part), 'bar')}" + _range(part, grid)
            notes.add("mark = trade for {}" + text, i)


def note_funding(notes: Notes, i: int, time: Ints, first: int, last: int, snapped: int) -> None:
    """Say what share of the settlements from ``first`` to ``last`` [ns] is there."""
    if snapped:
        notes.add(f"funding of {{}}: {counted(snapped, 'settlement time')} moved to the full second", i)
    if len(time) == 0:
        if last - first >= LONGEST:  # in less time none need be due
            notes.add("no funding for {} in this range", i)
        return
    missing, where = missing_settlements(time, first, last)
    share = len(time) / (len(time) + missing)
    if share < FULL:
        text = f" covers {100 * share:.3g} % of the settlements ({missing:,} missing, {where})"
        notes.add("funding of {}" + text, i)


def missing_settlements(time: Ints, first: int, last: int) -> tuple[int, str]:
    """Return how many settlements are missing from ``first`` to ``last``, and where the most are.

    The interval is what the times say (see `lost_between`).
    """
    steps = np.diff(time)
    if len(steps) == 0:
        return int((last - first) // LONGEST), "all but one"
    usual = np.minimum(steps, LONGEST)
    lost = lost_between(time)
    head = int((time[0] - first) // usual[0])
    tail = int((last - time[-1]) // usual[-1])
    most = max(head, tail, int(lost.max()))
    if most == head:
        where = f"none before {moment(time[0])}"
    elif most == tail:
        where = f"none after {moment(time[-1])}"
    else:
        k = int(np.argmax(lost))
        where = f"most between {moment(time[k])} and {moment(time[k + 1])}"
    return head + tail + int(lost.sum()), where


def lost_between(time: Ints) -> Ints:
    """Return how many settlements are missing between each and the next, (n - 1,).

    The interval may change on the way (8, 4, 2 or 1 h). A step is a hole when it is longer than both of its
    neighbours, or than 8 h.
    """
    steps = np.diff(time)
    usual = np.minimum(steps, LONGEST)
    around = np.maximum(np.append(usual[1:], 0), np.append(0, usual[:-1]))
    around[around == 0] = usual[around == 0]
    return np.maximum(np.rint(steps / around).astype(np.int64) - 1, 0)


def _range(rows: Ints, grid: Ints) -> str:
    """Return `` (from to)`` of some rows."""
    if len(rows) == 1:
        return f" ({moment(grid[rows[0]])})"
    return f" ({moment(grid[rows[0]])} to {moment(grid[rows[-1]])})"
