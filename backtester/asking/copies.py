"""Copies of strategies: what one keeps on itself in a run is left to no other."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from backtester.allocation import Allocation, Strategies, allocations
from backtester.errors import StrategyError
from backtester.strategy import Strategy

__all__ = ["own_copies", "own_copy", "unasked"]


def own_copy(strategy: Strategy) -> Strategy:
    """Return a copy of a strategy for one run.

    What its classes hold and may be changed, such as a list, is copied to the object: `self` changes its own.

    Raises
    ------
    StrategyError
        If it keeps something that cannot be copied.
    """
    try:
        own = copy.deepcopy(strategy)
        for name, value in _held_by_classes(type(strategy)):
            mine = copy.deepcopy(value)
            if mine is not value and name not in vars(own):
                setattr(own, name, mine)
    except Exception as error:  # of an attribute of the author's
        cure = "keep what cannot be copied in a module, or make it in `on_bar`"
        problem = "it keeps something on self that cannot be copied, and each run works on a copy"
        raise StrategyError(strategy.name, problem, found=error, cure=cure) from error
    return own


def _held_by_classes(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield what is no method, property or name of the language, from the most derived class on."""
    seen: set[str] = set()
    for each in cls.__mro__[: cls.__mro__.index(Strategy)]:
        for name, value in vars(each).items():
            ours = name.startswith("__") or name in vars(Strategy)
            if not (name in seen or ours or hasattr(value, "__get__")):
                yield name, value
            seen.add(name)


def unasked(strategy: Strategy) -> Strategy:
    """Return a copy of a strategy, or itself where it cannot be copied.

    One that was asked about the whole market may have kept what it saw.
    """
    try:
        return own_copy(strategy)
    except StrategyError:
        return strategy


def own_copies(strategies: Strategies) -> list[Allocation]:
    """Return an account's strategies as they are for one run, as far as they can be copied."""
    return [replace(each, strategy=unasked(each.strategy)) for each in allocations(strategies)]
