"""What a strategy must do to be believed: each check is a function of a strategy that has been asked once.

It returns what it saw, as a sentence, or fails with a `StrategyError` that says where and how to mend it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from backtester.account import Account
from backtester.asking.author import Author, ask, source_file, writes
from backtester.asking.causality import changed_bars, compare_prefixes, default_cuts, first_difference
from backtester.asking.copies import unasked
from backtester.asking.intents import Plan, plan
from backtester.asking.loading import raises_itself
from backtester.asking.targets import Dense, dense
from backtester.checking.on_bar import asked_for, compare_lengths, compare_runs, cost_of_calls
from backtester.errors import BacktesterError, StrategyError
from backtester.market import PRICES, Market
from backtester.scenario import Scenario
from backtester.strategy import Strategy
from backtester.text import counted

__all__ = ["IN_TURN", "Subject", "content_of", "cost_per_bar", "with_missing_bars"]

SHORT = (1, 2, 5)  # bars of the markets that are too short for most indicators
LENGTHS = 16  # lengths at which the look-ahead check cuts, beside those that end at a change
REPEATS = 3  # of the timed call; the fastest counts

_STATE = "keep nothing on self between calls, and seed random numbers: np.random.default_rng(7)"
_HOLES = "write nan where there is no price: np.where(np.isnan(market.close), np.nan, target)"
_SKIP = "leave slots without a price alone: if math.isnan(slot.price): continue"
_SHORT = "let indicators be nan until they are known, and take no row of the market for granted"
_ONE = "take no second instrument for granted, or raise ValueError('needs at least two symbols')"
_ON_HOLES = " (on a market with missing bars)"


class Subject(NamedTuple):
    """A strategy that has been asked once."""

    strategy: Strategy
    fresh: Strategy  # a copy from before the first call
    market: Market
    author: Author
    wants: Dense | None  # of its method `targets`, where it has one
    asked: Scenario | None  # in a run, where it has a method `on_bar`
    prices: dict[str, bytes]  # of the market before the first call


def content_of(market: Market) -> dict[str, bytes]:
    """Return the content of every array of a market, by its name."""
    funding = {f"funding.{name}": column.tobytes() for name, column in market.funding._asdict().items()}
    return {name: getattr(market, name).tobytes() for name in ("open_time", *PRICES)} | funding


def _runs(subject: Subject) -> str:
    slots = counted(len(subject.author.slots), "slot")
    does = f"it is called at every bar, with {slots}" if subject.wants is None else f"it returns targets for {slots}"
    try:
        orders = len((subject.asked or plan(subject.strategy, subject.market, Account())).orders.bar)
    except StrategyError:  # another check says why
        return does
    if not orders:
        return f"{does}, and no order comes of it here: on another market this says more"
    return f"{counted(orders, 'order')} in {slots}"


def _looks_back_only(subject: Subject) -> str:
    places = _compare_lengths(subject, subject.author, subject.wants, subject.asked)
    same = f"the same {'targets' if subject.asked is None else 'orders'} when later bars are taken away, at"
    holes = with_missing_bars(subject.market)
    author = Author(subject.author.name, holes, subject.author.slots, _ON_HOLES)
    try:
        wants = None if subject.wants is None else dense(ask(subject.strategy, author), author)
        asked = None if subject.asked is None else asked_for(unasked(subject.fresh), holes)
    except StrategyError:  # the check on missing bars says why
        return f"{same} {counted(places, 'place')}"
    places += _compare_lengths(subject, author, wants, asked)
    return f"{same} {counted(places, 'place')}, also with missing bars"


def _compare_lengths(subject: Subject, author: Author, wants: Dense | None, asked: Scenario | None) -> int:
    """Compare what it wants with that on the first bars, and return at how many lengths."""
    n, places = author.market.n_bars, 0
    if wants is not None:
        cuts = {*default_cuts(author, changed_bars(author, wants)), *range(n // LENGTHS, n, max(1, n // LENGTHS))}
        compare_prefixes(subject.fresh, author, wants, sorted(cuts))
        places += len(cuts)
    return places if asked is None else places + compare_lengths(subject.fresh, author, asked)


def _leaves_the_market_alone(subject: Subject) -> str:
    for name, before in subject.prices.items():
        if content_of(subject.market)[name] != before:
            cure = f"work on a copy: {name.split('.')[-1]} = market.{name}.copy()"
            subject.author.fail(f"it changed market.{name}", cure=cure)
    return "prices and funding are as they were"


def _is_deterministic(subject: Subject) -> str:
    if subject.wants is not None:
        again = dense(ask(subject.strategy, subject.author), subject.author)
        place = first_difference(subject.wants, again, subject.market.n_bars)
        if place is not None:
            bar, slot, field = place
            problem = f"it is not deterministic: {field} differs between two calls on the same market"
            subject.author.fail(problem, bar=bar, slot=slot, cure=_STATE)
    if subject.asked is None:
        return "the same targets again, after it was asked about other markets"
    compare_runs(subject.author, subject.asked, asked_for(subject.strategy, subject.market))
    return "the same orders again, after it ran on other markets"


def _is_finite(subject: Subject) -> str:
    plan(subject.strategy, subject.market, Account())  # `on_bar` is refused as it asks for what is not finite
    return "no infinite size, and every exit and leverage is known where an order needs it"


def _bears_missing_bars(subject: Subject) -> str:
    holes = with_missing_bars(subject.market)
    planned = _planned(subject.strategy, holes, _ON_HOLES)
    columns = np.array([slot.instrument for slot in planned.slots], np.int64)
    missing = np.isnan(holes.close[planned.orders.bar, columns[planned.orders.slot]])
    if missing.any():
        k = int(np.argmax(missing))
        bar, slot = int(planned.orders.bar[k]), int(planned.orders.slot[k])
        author = Author(subject.author.name, holes, subject.author.slots, _ON_HOLES)
        author.fail(
            "it asks for an order where the instrument has no price",
            bar=bar,
            slot=slot,
            found=float(planned.orders.size[k]),
            cure=_HOLES if subject.asked is None else _SKIP,
        )
    return "a late listing, a delisting and holes: no order where there is no price"


def _bears_short_markets(subject: Subject) -> str:
    for n in SHORT:
        if n < subject.market.n_bars:
            _planned(subject.strategy, subject.market.slice(0, n), f" (on a market of {counted(n, 'bar')})", _SHORT)
    return f"markets of {SHORT[0]}, {SHORT[1]} and {SHORT[2]} bars do not trouble it"


def _bears_one_instrument(subject: Subject) -> str:
    alone = subject.market.select(subject.author.slots[0].symbol)
    try:
        planned = _planned(subject.strategy, alone, f" (with {alone.symbols[0]} alone)", _ONE)
    except StrategyError as error:
        cause = error.__cause__.__cause__ if error.__cause__ else None
        refused = isinstance(cause, BacktesterError) or raises_itself(cause, source_file(type(subject.strategy)))
        if not refused:
            raise
        return f"it says that one instrument is not enough: {cause}"
    return f"{counted(len(planned.orders.bar), 'order')} with {alone.symbols[0]} alone"


def _costs(subject: Subject) -> str:
    cost = 0.0 if subject.wants is None else cost_per_bar(subject.strategy, subject.market)
    cost += 0.0 if subject.asked is None else cost_of_calls(subject.fresh, subject.market)
    return f"{cost:.3g} microseconds per bar, all instruments together"


def cost_per_bar(strategy: Strategy, market: Market) -> float:
    """Return how long the method `targets` takes, per bar of the market [microseconds]."""
    spent = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        strategy.targets(market)
        spent.append(time.perf_counter() - start)
    return min(spent) / market.n_bars * 1e6


def with_missing_bars(market: Market) -> Market:
    """Return the market with holes in its first instrument, a late listing of its second, and its third delisted.

    From the fourth on this repeats; where there are fewer than three, one instrument has several of them.
    """
    n, m = market.n_bars, market.n_instruments
    missing = np.zeros((n, m), np.bool_)
    for i in range(max(3, m)):
        gaps = ((n // 3, n // 3 + n // 20 + 1), (n // 2, n // 2 + 1)), ((0, n // 4),), ((3 * n // 4, n),)
        for first, last in gaps[i % 3]:
            missing[first:last, i % m] = True
    holed: dict[int, Any] = {}
    for name in PRICES:
        values = getattr(market, name)
        if id(values) not in holed:  # trade and mark may be one array
            holed[id(values)] = np.where(missing, np.nan, values)
    return replace(market, detail=None, **{name: holed[id(getattr(market, name))] for name in PRICES})


def _planned(strategy: Strategy, market: Market, note: str, cure: str = _HOLES) -> Plan | Scenario:
    """Return what it asks for on another market, or fail with a note that says which."""
    try:
        return asked_for(strategy, market) if writes(strategy, "on_bar") else plan(strategy, market, Account())
    except StrategyError as error:
        raise error.but(problem=error.problem + note, cure=error.cure or cure) from error


IN_TURN: dict[str, Callable[[Subject], str]] = {
    "runs": _runs,
    "no look-ahead": _looks_back_only,
    "finite": _is_finite,
    "missing bars": _bears_missing_bars,
    "short markets": _bears_short_markets,
    "one instrument": _bears_one_instrument,
    "cost": _costs,
    "deterministic": _is_deterministic,  # after calls on other markets
    "market untouched": _leaves_the_market_alone,  # after all calls
}
