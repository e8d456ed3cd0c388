"""What the checks of a strategy do where it is called at every bar: they run it, and look at what it asks for."""

from __future__ import annotations

import time
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from backtester.account import Account
from backtester.asking.author import Author
from backtester.asking.causality import CURE, TOLERANCE
from backtester.asking.copies import unasked
from backtester.asking.slots import specs_of
from backtester.engine import prepare, run
from backtester.errors import StrategyError
from backtester.event_driven.bar import Bar
from backtester.event_driven.compiled import Compiled
from backtester.event_driven.followers import indicators_of
from backtester.market import Market
from backtester.scenario import Scenario
from backtester.schema import ACTION_KINDS, ORDER_TYPES, Floats
from backtester.strategy import Strategy

__all__ = ["asked_for", "compare_lengths", "compare_runs", "cost_of_calls"]

ACCOUNT = Account(leverage=10)
LENGTHS = 8  # at which a run is cut, beside those that end at an order
_STATE = "seed random numbers: np.random.default_rng(7), and read no clock and no file in `on_bar`"


class Request(NamedTuple):
    """An order or an instruction, as far as a run without later bars can know it."""

    bar: int
    slot: int
    word: str
    numbers: Floats

    def differs(self, other: Request) -> bool:
        """Whether it is not the same, but for rounding."""
        if self[:3] != other[:3]:
            return True
        return not np.allclose(self.numbers, other.numbers, rtol=TOLERANCE, atol=0.0, equal_nan=True)


def asked_for(strategy: Strategy, market: Market) -> Scenario:
    """Return all that a strategy asks for in a run: its targets, orders and instructions."""
    ready = prepare(strategy, market, ACCOUNT, check=False)
    return run(strategy, market, ACCOUNT, record="equity", prepared=ready).scenario


def compare_lengths(fresh: Strategy, author: Author, full: Scenario) -> int:
    """Fail where it asks for something else on the first bars alone; returns at how many lengths it was asked.

    Parameters
    ----------
    fresh : Strategy
        As it was before any call.
    author : Author
    full : Scenario
        What it asked for with all bars.
    """
    market = author.market
    indicators_of(unasked(fresh), market, check=True)
    cuts = _lengths(market, full)
    for cut in cuts:
        prefix, note = market.slice(0, cut), f" (on the first {cut:,} of {market.n_bars:,} bars)" + author.note
        own = unasked(fresh)
        if specs_of(own, prefix) != author.slots:
            cure = "choose slots by the symbols alone"
            author.fail(f"its method `slots` looks into the future: it returns others{note}", cure=cure)
        try:
            part = asked_for(own, prefix)
        except StrategyError as error:
            raise error.but(problem=error.problem + note, cure=error.cure or CURE) from error
        _compare(fresh, author, full, part, cut)
    return len(cuts)


def compare_runs(author: Author, full: Scenario, again: Scenario) -> None:
    """Fail where two runs on one market asked for different things."""
    n = author.market.n_bars
    found = _first_difference(_requests(full, n), _requests(again, n))
    if found is not None:
        bar, slot, one, other = found
        problem = f"it is not deterministic: `on_bar` asks for {one}, then, in another run, for {other}"
        author.fail(problem, bar=bar, slot=slot, cure=_STATE)


def cost_of_calls(strategy: Strategy, market: Market) -> float:
    """Return how long the method `on_bar` takes, per bar of the market [microseconds].

    A compiled one cannot be timed from within: of that, it is the whole run, once it has been compiled.
    """
    cls = type(strategy)
    if isinstance(cls.on_bar, Compiled):
        asked_for(unasked(strategy), market)
        start = time.perf_counter()
        asked_for(unasked(strategy), market)
        return (time.perf_counter() - start) / market.n_bars * 1e6
    spent: list[float] = []

    def on_bar(self: Strategy, bar: Bar) -> None:
        start = time.perf_counter()
        written(self, bar)
        spent.append(time.perf_counter() - start)

    written = cls.on_bar
    timed = unasked(strategy)
    timed.__class__ = type(cls.__name__, (cls,), {"on_bar": on_bar, "__module__": cls.__module__})
    asked_for(timed, market)
    return sum(spent) / market.n_bars * 1e6


def _lengths(market: Market, full: Scenario) -> list[int]:
    """Return the numbers of bars to run on: evenly spread, and some that end at an order."""
    n = market.n_bars
    cuts = {n - 1, *range(n // LENGTHS, n, max(1, n // LENGTHS))}
    bars = np.unique(full.orders.bar)
    if len(bars):  # in pairs, as one of two neighbours may agree with a wrong order by chance
        places = np.array([len(bars) * k // 5 + pair for k in (1, 2, 3) for pair in (0, 1)])
        cuts |= {int(bar) + 1 for bar in bars[np.minimum(places, len(bars) - 1)]}
    return sorted(cuts - set(range(1 + n // 10)) - {n})


def _compare(fresh: Strategy, author: Author, full: Scenario, part: Scenario, cut: int) -> None:
    found = _first_difference(_requests(full, cut), _requests(part, cut))
    if found is None:
        return
    compare_runs(author, full, asked_for(unasked(fresh), author.market))  # chance is no look ahead
    bar, slot, whole, first = found
    author.fail(
        f"it looks into the future: what `on_bar` asks for changes when later bars are taken away; "
        f"{whole} with all {author.market.n_bars:,} bars, {first} with the first {cut:,}",
        bar=bar,
        slot=slot,
        cure=CURE,
    )


def _requests(scenario: Scenario, cut: int) -> list[Request]:
    """Return what was asked for in the first bars; an order that expires behind them never does."""
    terms = {int(row[0]): row[1:] for row in zip(*scenario.terms, strict=True)}
    out = []
    for k, (bar, slot, *rest) in enumerate(zip(*scenario.orders, strict=True)):
        if bar >= cut:
            continue
        kind, *more, expires, oco = terms.get(k, (0, -1, -1))
        numbers = np.array([*rest, *more, expires if expires < cut else -1, oco], np.float64)
        out.append(Request(int(bar), int(slot), ORDER_TYPES[int(kind)], numbers))
    for bar, slot, kind, amount in zip(*scenario.actions, strict=True):
        if bar < cut:
            out.append(Request(int(bar), int(slot), ACTION_KINDS[int(kind)], np.array([amount])))
    return sorted(out, key=lambda request: request.bar)


def _first_difference(full: list[Request], part: list[Request]) -> tuple[int, int, str, str] | None:
    """Return bar and slot of the first request that is not the same, and both in words."""
    for one, other in zip_longest(full, part):
        if one is None or other is None or one.differs(other):
            first = min((each for each in (one, other) if each is not None), key=lambda each: each.bar)
            return first.bar, first.slot, _words(one, first.bar), _words(other, first.bar)
    return None


def _words(request: Request | None, bar: int) -> str:
    if request is None or request.bar != bar:
        return "nothing"
    return f"{request.word} {request.numbers[0]:.6g}"
