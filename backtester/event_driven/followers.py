"""The strategies of an account that are called at every bar, and the arrays they read one bar of at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from backtester.allocation import Strategies, allocations
from backtester.asking.author import Author, ask_indicators, writes
from backtester.asking.causality import CURE, TOLERANCE
from backtester.asking.copies import own_copy, unasked
from backtester.asking.slots import specs_of
from backtester.market import Market
from backtester.schema import Floats
from backtester.strategy import SlotSpec, Strategy

__all__ = ["Follower", "followers_of", "indicators_of"]

PLACES = 7  # at which the look-ahead check cuts the market


class Follower(NamedTuple):
    """A strategy with a method `on_bar`, and where it stands in the account.

    Parameters
    ----------
    strategy : Strategy
        A copy of the author's object, with what its method `indicators` has kept on it.
    specs : sequence of SlotSpec
    first_slot : int
        Number of its first slot in the account.
    share : float
        Part of the account's equity that its equity fractions count.
    indicators : mapping of str to float64 array
        ``(n_bars,)`` or ``(n_bars, n_instruments)`` each.
    """

    strategy: Strategy
    specs: Sequence[SlotSpec]
    first_slot: int
    share: float
    indicators: Mapping[str, Floats]


def followers_of(strategies: Strategies, market: Market, *, check: bool) -> tuple[Follower, ...]:
    """Return those that have a method `on_bar`, with their indicators.

    Raises
    ------
    StrategyError
        If `indicators` raises, returns something unusable or (with `check`) looks into the future.
    """
    found, first = [], 0
    for each in allocations(strategies):
        specs = specs_of(each.strategy, market)
        if writes(each.strategy, "on_bar"):
            share = 1.0 if each.share is None else each.share
            own = own_copy(each.strategy)
            found.append(Follower(own, specs, first, share, indicators_of(own, market, check=check)))
        first += len(specs)
    return tuple(found)


def indicators_of(strategy: Strategy, market: Market, *, check: bool) -> dict[str, Floats]:
    """Return the indicators of a strategy, read-only."""
    if not writes(strategy, "indicators"):
        return {}
    fresh = unasked(strategy)
    author = Author(strategy.name, market, specs_of(strategy, market))
    arrays = _arrays(ask_indicators(strategy, author), author)
    for length in _lengths(market) if check else ():
        part = Author(strategy.name, market.slice(0, length), author.slots, f" on the first {length:,} bars")
        _compare(author, arrays, _arrays(ask_indicators(unasked(fresh), part), part), length)
    return arrays


def _lengths(market: Market) -> list[int]:
    """Return the numbers of bars on which indicators are asked for again, to see that they look back only."""
    n = market.n_bars
    lengths = {n - 1, *(n * k // PLACES + 1 for k in range(1, PLACES))}
    return sorted(lengths - set(range(1 + n // 10)) - {n, market.n_instruments})


def _compare(author: Author, full: Mapping[str, Floats], part: Mapping[str, Floats], n: int) -> None:
    for name, values in full.items():
        first = part.get(name, np.empty(0))
        head = values[:n]
        if first.shape == head.shape and np.allclose(head, first, rtol=TOLERANCE, atol=0.0, equal_nan=True):
            continue
        bar = None
        if first.shape == head.shape:
            same = np.isclose(head, first, rtol=TOLERANCE, atol=0.0, equal_nan=True).reshape(n, -1)
            bar = int(np.argmin(same.all(axis=1)))
        problem = f"it looks into the future: indicator {name} changes when later bars are taken away"
        author.fail(problem, bar=bar, cure=CURE)


def _arrays(given: object, author: Author) -> dict[str, Floats]:
    if not isinstance(given, Mapping):
        cure = "return arrays by name: {'fast': ema(market.close, 12)}"
        author.fail("its method `indicators` must return a mapping", found=given, cure=cure)
    return {str(name): _array(str(name), values, author) for name, values in given.items()}


def _array(name: str, given: object, author: Author) -> Floats:
    n, m = author.market.n_bars, author.market.n_instruments
    try:
        values = np.array(given, np.float64)
    except (TypeError, ValueError) as error:
        author.fail(f"indicator {name} does not hold real numbers", found=given, cure="return arrays", cause=error)
    if values.shape not in ((n,), (n, m)):
        cure = f"return ({n},) with one value per bar, or ({n}, {m}) with one per bar and instrument"
        author.fail(f"indicator {name} has the wrong shape", found=values.shape, cure=cure)
    values.flags.writeable = False
    return values
