"""What a check finds, how grave it is, and from where on something counts as odd."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester import text
from backtester.errors import ConfigurationError
from data.series import Series

ERROR, WARNING, INFO = "error", "warning", "info"
SEVERITIES = (ERROR, WARNING, INFO)
MILLISECOND = 1_000_000  # [ns]
DAY = 86_400_000  # [ms]
SHOWN = 3  # places in a sentence

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Rows = Any  # a DataFrame of the store's columns


class Finding(NamedTuple):
    """One thing that is odd about one file.

    Parameters
    ----------
    series : Series
    severity : str
        ``error``: the file cannot be trusted or loaded. ``warning``: a backtest on it may mislead. ``info``: only to be
        known.
    rule : str
        Name of the check, such as ``gaps``.
    text : str
        What is odd, where, how much.
    bars : int
        Bars, settlements or places concerned.
    time : int or None [ms UTC]
        Of the first of them, or of the worst where the text names one.
    """

    series: Series
    severity: str
    rule: str
    text: str
    bars: int = 1
    time: int | None = None


class Limits(NamedTuple):
    """From where on something is odd.

    Parameters
    ----------
    spike : float
        Fraction by which a trade high or low may leave that of the mark.
    sigma : float
        How many standard deviations of a bar's usual move a high or low may stand outside of its neighbours.
    frozen : int
        From how many bars in a row without a move they are told.
    """

    spike: float = 0.05
    sigma: float = 20.0
    frozen: int = 2


def check_limits(limits: Limits) -> Limits:
    """Return limits if they are such.

    Raises
    ------
    ConfigurationError
        For one that is not above 0.
    """
    for name, value in limits._asdict().items():
        if not (math.isfinite(value) and value > 0):
            raise ConfigurationError(f"limits.{name}", value, "is no limit", allowed="a number above 0")
    return limits


def moment(time: int) -> str:
    """Return a time [ms UTC] as people read it."""
    return text.moment(time * MILLISECOND)


def between(first: int, last: int) -> str:
    """Return ``at`` a time [ms UTC], or ``from`` one ``to`` another."""
    return f"at {moment(first)}" if first == last else f"from {moment(first)} to {moment(last)}"


def runs(bad: Bools) -> tuple[Ints, Ints]:
    """Return first and last row of each run of rows that are set."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], bad, [False])).astype(np.int8)))
    return edges[::2], edges[1::2] - 1


def places(time: Ints, rows: Ints) -> str:
    """Return the times of the first rows, and how many more there are."""
    said = text.joined([moment(int(time[k])) for k in rows[:SHOWN]])
    more = len(rows) - SHOWN
    return said if more <= 0 else f"{said} and {more:,} more"


