"""Intervals and probabilities of what draws give."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Band", "Share", "band", "p_value", "share"]

Floats = NDArray[np.float64]


class Band(NamedTuple):
    """The middle of some values, and the ends between which the inner ones of them lie."""

    median: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """From the lower end to the upper."""
        return self.high - self.low


class Share(NamedTuple):
    """How often something happened, as a fraction, and the ends of the interval for its probability."""

    share: float
    low: float
    high: float


def band(values: Floats, level: float) -> Band:
    """Return the median and the percentile interval: its ends are at ``(1 - level) / 2`` and ``(1 + level) / 2``."""
    low, median, high = np.quantile(values, [(1.0 - level) / 2.0, 0.5, (1.0 + level) / 2.0])
    return Band(float(median), float(low), float(high))


def share(count: int, n: int, level: float) -> Share:
    """Return ``count / n`` with Wilson's interval (E. B. Wilson, JASA 22, 1927).

    ``(p + z^2/2n +- z sqrt(p (1 - p) / n + z^2/4n^2)) / (1 + z^2/n)``: it stays between 0 and 1, and says something
    also where a thing happened never or always.
    """
    p, z = count / n, NormalDist().inv_cdf((1.0 + level) / 2.0)
    middle = p + z * z / (2 * n)
    reach = z * math.sqrt(p * (1.0 - p) / n + z * z / (4 * n * n))
    whole = 1.0 + z * z / n
    low, high = (middle - reach) / whole, (middle + reach) / whole
    return Share(p, 0.0 if count == 0 else low, 1.0 if count == n else high)


def p_value(observed: float, drawn: Floats) -> float:
    """Return how often chance alone moves a statistic as far from nothing as it was observed, two-sided.

    ``(1 + #{|d - mean(d)| >= |observed|}) / (n + 1)``: draws scatter around their mean as the observation would around
    the truth, and the truth is supposed to be 0.

    Parameters
    ----------
    observed : float
        On the market itself.
    drawn : float64 array, (n,)
        The same statistic on draws.
    """
    far = np.abs(drawn - drawn.mean()) >= abs(observed)
    return float((1 + np.count_nonzero(far)) / (len(drawn) + 1))
