"""Whether the candles that are put on one time axis have one timeframe."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.errors import MarketDataError
from backtester.text import moment, timeframe

Ints = NDArray[np.int64]

__all__ = ["Candles", "check_one_timeframe"]

FEW = 3  # bars from which on the steps tell the timeframe


class Candles(NamedTuple):
    """Whose times these are: a symbol, ``trade`` or ``mark``, and the times [ns UTC]."""

    symbol: str
    kind: str
    time: Ints


def check_one_timeframe(candles: Iterable[Candles]) -> None:
    """Raise if some candles have another timeframe than the first, or begin at other times of the clock.

    On one axis with the others they would have no data in most of its bars. Candles without a usual step are let
    pass: they are judged bar by bar.

    Raises
    ------
    MarketDataError
        Naming the instrument, both timeframes and the cure.
    """
    regular = [(one, step) for one in candles if (step := _usual_step(one.time))]
    for other, step in regular[1:]:
        first, size = regular[0]
        if step != size:
            raise MarketDataError(
                f"the {other.kind} candles are of {timeframe(step)}, and the {first.kind} candles of "
                f"{first.symbol} of {timeframe(size)}",
                instrument=other.symbol,
                cure="Give candles of one timeframe; finer ones for the simulation go into a detail of their own",
            )
        if (other.time[0] - first.time[0]) % size:
            raise MarketDataError(
                f"the {other.kind} candles begin between those of {first.symbol}: "
                f"{moment(other.time[0])} and {moment(first.time[0])}, each of {timeframe(size)}",
                instrument=other.symbol,
                cure="Resample one of the two, so that their bars begin together",
            )


def _usual_step(time: Ints) -> int:
    """Return the step that most bars have [ns]; 0 if there is none or too few to tell."""
    if len(time) < FEW:
        return 0
    every = np.diff(time)
    if (every == every[0]).all():  # no need to sort them
        return int(every[0])
    steps, counts = np.unique(every, return_counts=True)
    usual = int(np.argmax(counts))
    return int(steps[usual]) if 2 * counts[usual] > counts.sum() else 0
