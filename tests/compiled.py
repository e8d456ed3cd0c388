"""Strategies whose method `on_bar` runs compiled and as the Python that it is."""

from __future__ import annotations

from typing import Any, ClassVar

from backtester.event_driven.compiled import Compiled, compiled
from backtester.strategy import Strategy

__all__ = ["AsPython", "both", "in_python"]


class AsPython:
    """The same method called by Python at every bar: what `compiled` returns, without the compiler."""

    def __init__(self, function: Any) -> None:
        self._compiled = Compiled(function)

    def __get__(self, strategy: Any, owner: type) -> Any:
        return self if strategy is None else self._compiled.__get__(strategy, owner)


def in_python(strategy: type[Strategy]) -> type[Strategy]:
    """Return the class with its compiled method as Python."""
    return type(strategy.__name__, (strategy,), {"on_bar": AsPython(strategy.on_bar.function)})  # type: ignore[attr-defined]


def both(function: Any, memory: int = 4, **members: Any) -> tuple[Strategy, Strategy]:
    """Return a strategy of one function, compiled and as Python."""
    whole = {"memory": memory, "__annotations__": {"memory": ClassVar[int]}, "on_bar": compiled(function)}
    cls = type("Both", (Strategy,), whole | {"__module__": function.__module__} | members)
    return cls(), in_python(cls)()
