"""Factors on prices, bar by bar, and the market that they make: consistent in trade, mark, funding and finer bars."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.market import PRICES, Funding, Market

__all__ = ["Course", "along", "during", "moved", "without_bars"]

Floats = NDArray[np.float64]
KINDS = {"trade": "", "mark": "mark_"}  # of prices, and how their names begin


class Course(NamedTuple):
    """What prices are multiplied by: from `start` at the open of a bar in a straight line to `end` at its close.

    Parameters
    ----------
    start, end : float64 array, (n_bars, n_instruments)
        Above 0.
    """

    start: Floats
    end: Floats

    def at(self, market: Market, time: NDArray[np.int64], since: NDArray[np.int64]) -> Floats:
        """Return the factors at some times, each in the bar of the market that `since` is in, (n, n_instruments)."""
        bar = np.maximum(np.searchsorted(market.open_time, since, side="right") - 1, 0)
        length = np.maximum(market.close_time[bar] - market.open_time[bar], 1)
        part = np.clip((time - market.open_time[bar]) / length, 0.0, 1.0)[:, None]
        return self.start[bar] + part * (self.end[bar] - self.start[bar])


def along(market: Market, bar: int, nodes: Floats) -> Course:
    """Return a course that is 1 before a bar, then goes from node to node, one bar each, and stays at the last.

    Parameters
    ----------
    market : Market
    bar : int
        At whose open the first node is.
    nodes : float64 array, (n, n_instruments)
        What is beyond the market's last bar is left out.
    """
    steps = min(len(nodes) - 1, market.n_bars - bar)
    start = np.ones(market.open.shape)
    end = start.copy()
    start[bar:] = end[bar:] = nodes[-1]
    start[bar : bar + steps], end[bar : bar + steps] = nodes[:steps], nodes[1 : steps + 1]
    return Course(start, end)


def during(market: Market, bar: int, n: int, factors: Floats) -> Course:
    """Return a course of factors, (n_instruments,), in `n` bars, and of 1 in all others."""
    start = np.ones(market.open.shape)
    start[bar : bar + n] = factors
    return Course(start, start)


def moved(market: Market, course: Course, kinds: Iterable[str] = ("trade", "mark")) -> Market:
    """Return a market with the prices of these kinds, of its bars and of its finer ones, multiplied by a course.

    ``open * start``, ``close * end``, and for the range the widest that the bar can have: ``high * max(start, end)``
    and ``low * min(start, end)``, so that low <= open, close <= high as before. The price of a funding settlement
    moves with the mark.
    """
    chosen = list(kinds)
    detail = market.detail
    if detail is not None:
        opens, closes = (course.at(market, time, detail.open_time) for time in (detail.open_time, detail.close_time))
        detail = replace(
            detail, **_prices(detail, Course(opens, closes), chosen), funding=_settled(detail, market, course, chosen)
        )
    own = _settled(market, market, course, chosen)
    return replace(market, **_prices(market, course, chosen), funding=own, detail=detail)


def _settled(whose: Market, market: Market, course: Course, kinds: list[str]) -> Funding:
    """Return the funding of a market or of its finer one at the prices that a course of the market makes."""
    funding = whose.funding
    if "mark" not in kinds:
        return funding
    factors = course.at(market, funding.time, funding.time)
    return funding._replace(mark_price=funding.mark_price * factors[np.arange(len(factors)), funding.instrument])


def _prices(market: Market, course: Course, kinds: list[str]) -> dict[str, Any]:
    """Return the fields of a market that change with its prices."""
    widest, least = np.maximum(course.start, course.end), np.minimum(course.start, course.end)
    factors = {"open": course.start, "high": widest, "low": least, "close": course.end}
    together = len(kinds) == len(KINDS) and market.mark_open is market.open
    out: dict[str, Any] = {}
    for kind in kinds:
        for name, factor in factors.items():
            one = out[name] if together and kind == "mark" else getattr(market, KINDS[kind] + name) * factor
            out[KINDS[kind] + name] = one
    if len(kinds) < len(KINDS):  # the trade price does not stand in for the mark any more where they differ
        apart = (course.start != 1.0).any(axis=0) | (course.end != 1.0).any(axis=0)
        out["mark_is_trade"] = market.mark_is_trade & ~apart
    return out


def without_bars(market: Market, start: int, stop: int, columns: list[int]) -> Market:
    """Return a market in which bars that open in ``start <= time < stop`` [ns UTC] are missing, finer ones too."""
    detail = market.detail and without_bars(market.detail, start, stop, columns)
    rows = slice(*np.searchsorted(market.open_time, (start, stop)))
    done: dict[int, Floats] = {}
    prices: dict[str, Any] = {}
    for name in PRICES:
        whole = getattr(market, name)
        if id(whole) not in done:
            done[id(whole)] = whole.copy()
            done[id(whole)][rows, columns] = np.nan
        prices[name] = done[id(whole)]
    return replace(market, **prices, detail=detail)
