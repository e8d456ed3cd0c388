"""What is missing between the first and the last row of a series."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.market_parts.coverage import lost_between
from backtester.market_parts.frames import MILLISECOND
from backtester.times import step
from data.series import CANDLES, Series

Ints = NDArray[np.int64]


class Gap(NamedTuple):
    """Rows that are missing in one place.

    Parameters
    ----------
    after, before : int [ms UTC]
        The rows that are there on either side.
    missing : int
        How many rows there should be between them.
    note : str
        What is known about it, such as that the venue has none.
    """

    after: int
    before: int
    missing: int
    note: str = ""


def gaps_of(series: Series, time: Ints) -> tuple[Gap, ...]:
    """Return the gaps of a series; tiers have none.

    Candles are due at every step of their timeframe. Funding is due as often as the times around say, which may change
    on the way (`backtester.market_parts.coverage.lost_between`).

    Parameters
    ----------
    series : Series
    time : int64 array, (n_rows,) [ms UTC]
        Ascending.
    """
    if series.kind == "tiers" or len(time) < 2:
        return ()
    if series.kind in CANDLES:
        lost = np.rint(np.diff(time) * MILLISECOND / step(series.timeframe)).astype(np.int64) - 1
    else:
        lost = lost_between(time * MILLISECOND)
    return tuple(Gap(int(time[k]), int(time[k + 1]), int(lost[k])) for k in np.flatnonzero(lost > 0))
