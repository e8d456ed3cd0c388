"""Windows of a walk-forward: bars to choose parameters on, and the bars after them to see what the choice is worth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from backtester.errors import ConfigurationError, MarketDataError
from backtester.market import Market
from backtester.text import moment, span

__all__ = ["Window", "windows_of", "years"]

YEAR = 365.25 * 86_400e9  # [ns]


class Window(NamedTuple):
    """One step of a walk-forward, as bars ``first <= bar < last`` of the market.

    Parameters
    ----------
    train_first, train_last : int
        In-sample.
    test_first, test_last : int
        Out-of-sample.
    """

    train_first: int
    train_last: int
    test_first: int
    test_last: int

    @property
    def train(self) -> tuple[int, int]:
        """The bars to choose on."""
        return self.train_first, self.train_last

    @property
    def test(self) -> tuple[int, int]:
        """The bars to test on."""
        return self.test_first, self.test_last


def windows_of(market: Market, train: int, test: int, gap: int = 0, *, anchored: bool = False) -> list[Window]:
    """Return the windows of a market, in order; their tests follow each other without a hole and never overlap.

    With ``t`` the open of the first bar, window ``k = 0, 1, ...`` is tested on

        t + train + gap + k*test  <=  open time  <  t + train + gap + (k + 1)*test

    and its parameters are chosen on the `train` before the `gap` before that; anchored, on all bars from ``t`` on up to
    that gap. Windows that the market does not hold whole are left out.

    Parameters
    ----------
    market : Market
    train, test, gap : int [ns]
    anchored : bool

    Raises
    ------
    ConfigurationError
        If the market is too short for one window.
    MarketDataError
        If a window has no bars, because the market has none in that time.
    """
    time, end = market.open_time, int(market.close_time[-1])
    begin = int(time[0])
    if begin + train + gap + test > end:
        needed = span(train + gap + test)
        problem = f"no window fits: train, gap and test take {needed}, and the market has {span(end - begin)}"
        cure = "Make them shorter, or the period longer"
        raise ConfigurationError("walk_forward.train", span(train), problem, cure=cure)
    tests = np.arange(begin + train + gap, end - test + 1, test, dtype=np.int64)
    trains = np.full_like(tests, begin) if anchored else tests - gap - train
    edges = [np.searchsorted(time, each) for each in (trains, tests - gap, tests, tests + test)]
    out = [Window(*map(int, row)) for row in zip(*edges, strict=True)]
    for window, at in zip(out, tests, strict=True):
        for what, (first, last) in (("train", window.train), ("test", window.test)):
            if last - first < 2:
                problem = f"the window that is tested from {moment(int(at))} has fewer than two bars to {what} on"
                raise MarketDataError(problem, cure="Choose a period without such a hole, or longer windows")
    return out


def years(market: Market, first: int, last: int) -> float:
    """Return the time of bars ``first`` to ``last - 1`` [years of 365.25 days]."""
    return float(market.close_time[last - 1] - market.open_time[first]) / YEAR
