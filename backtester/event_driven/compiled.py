"""`on_bar` as machine code: the same method with a decorator. docs/compiled.md."""

from __future__ import annotations

from collections import namedtuple
from functools import cache, cached_property, partial
from types import FunctionType
from typing import Any, TypeVar, cast

import numpy as np

from backtester.errors import StrategyError

__all__ = ["Compiled", "compiled"]

Method = TypeVar("Method")


class Compiled:
    """A method `on_bar` that the kernels call by themselves, from bar to bar.

    Where there are no kernels to call it, in the reference engine, it runs as the Python that it is. Its `self` holds
    the parameters of the strategy and `memory`, the floats that it keeps from bar to bar; both ways it is the same.

    Parameters
    ----------
    function : callable
        ``on_bar(self, bar)``, without the decorator.
    """

    def __init__(self, function: FunctionType) -> None:
        self.function = function
        self.__name__, self.__doc__ = function.__name__, function.__doc__

    def __get__(self, strategy: Any, owner: type) -> Any:
        return self if strategy is None else partial(self.function, self.own(strategy))

    @cached_property
    def machine_code(self) -> Any:
        """The function as numba has it, compiled when it is first run. It raises what Python raises."""
        import numba

        return numba.njit(self.function, nogil=True, boundscheck=True, error_model="python")

    def own(self, strategy: Any) -> Any:
        """Return `self` for one run: the parameters, and a memory of zeros.

        Raises
        ------
        StrategyError
            If `memory` is no number of floats.
        """
        n = getattr(strategy, "memory", 0)
        if isinstance(n, bool) or not isinstance(n, int) or n < 0:
            cure = "say how many floats it keeps: `memory: ClassVar[int] = 4`"
            raise StrategyError(strategy.name, "its memory is no number of floats", found=n, cure=cure)
        values = strategy.parameters() | {"memory": np.zeros(n)}
        return _tuple_of(type(strategy).__name__, tuple(values))(**values)


@cache
def _tuple_of(name: str, fields: tuple[str, ...]) -> Any:
    """Return one type for the same fields: a new one would be compiled for anew."""
    return namedtuple(name, fields)


def compiled(on_bar: Method) -> Method:
    """Have a strategy's method `on_bar` compiled: a decorator.

    The method stays as it is written, as far as numba knows the Python in it: numbers, arrays, loops, and functions
    that are compiled themselves (``@numba.njit``). docs/compiled.md says what `bar` and its slots have.

    Parameters
    ----------
    on_bar : callable
        ``on_bar(self, bar)``.

    Returns
    -------
    Compiled
        Which Python calls as it calls the method.
    """
    return cast(Method, Compiled(cast(FunctionType, on_bar)))
