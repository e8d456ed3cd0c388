"""Ranges of time: what is held, what the venue has nothing of, and what is left to ask for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.locks import locked
from data.writing import write_text

Range = tuple[int, int]  # first <= time < last [ms UTC]


def joined(ranges: Iterable[Range]) -> list[Range]:
    """Return ranges in order, those that touch as one."""
    out: list[Range] = []
    for first, last in sorted(one for one in ranges if one[0] < one[1]):
        if out and first <= out[-1][1]:
            out[-1] = (out[-1][0], max(last, out[-1][1]))
        else:
            out.append((first, last))
    return out


def without(wanted: Iterable[Range], known: Iterable[Range]) -> list[Range]:
    """Return what of some ranges is not in the known ones."""
    out: list[Range] = []
    there = joined(known)
    for first, last in joined(wanted):
        at = first
        for begins, ends in there:
            if begins >= last:
                break
            if begins > at:
                out.append((at, begins))
            at = max(at, ends)
        out.append((at, last))
    return joined(out)


def held(times: NDArray[np.int64], length: int, reach: int) -> list[Range]:
    """Return the ranges that rows cover.

    Parameters
    ----------
    times : int64 array, (n,) [ms UTC]
        Ascending.
    length : int
        What a row covers from its time on [ms]: a bar for a candle, an instant for a settlement.
    reach : int
        Largest step from a row to the next without a hole between them [ms].
    """
    if len(times) == 0:
        return []
    breaks = np.flatnonzero(np.diff(times) > reach)
    firsts = times[np.concatenate(([0], breaks + 1))]
    lasts = times[np.concatenate((breaks, [len(times) - 1]))] + length
    return [(int(first), int(last)) for first, last in zip(firsts, lasts, strict=True)]


class Nothing:
    """The ranges in which a venue has nothing, in a file beside the data: they are not asked for again.

    Parameters
    ----------
    data : path
        The file of the data, ``1h-trade.parquet``; the ranges stand in ``1h-trade.nothing.json``.
    """

    def __init__(self, data: Path) -> None:
        self.path = data.with_suffix(".nothing.json")
        self.ranges = self._read()

    def _read(self) -> list[Range]:
        try:
            return joined((int(first), int(last)) for first, last in json.loads(self.path.read_text("utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return []  # at worst it is asked once more

    def keep(self, ranges: Iterable[Range]) -> None:
        """Keep these ranges instead."""
        new = joined(ranges)
        if new == self.ranges:
            return
        self.ranges = new
        with locked(self.path.parent):
            write_text(self.path, json.dumps(new) + "\n")
