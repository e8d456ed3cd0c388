"""Indicators that are worked out once for many strategies: what a sweep over parameters asks for again and again.

All that are remembered are causal: of the first bars of an array they are the first bars of what they are of all of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from threading import Lock
from typing import Any, ParamSpec

import numpy as np
from numpy.typing import NDArray

__all__ = ["Memory", "remembered", "remembering"]

P = ParamSpec("P")
Floats = NDArray[np.float64]


class Memory:
    """The results that were asked for last.

    Parameters
    ----------
    most : int [bytes]
        Of all results together.
    """

    def __init__(self, most: int) -> None:
        self._most, self._held = most, 0
        self._lock = Lock()
        self._found: OrderedDict[Any, tuple[object, Floats]] = OrderedDict()

    def get(self, key: Any, given: Floats, make: Callable[[], Floats]) -> Floats:
        """Return the result of a key for all bars of `given`, which keeps the place that the key names from reuse."""
        with self._lock:
            found = self._found.get(key)
            if found is not None and len(found[1]) >= len(given):
                self._found.move_to_end(key)
                return found[1][: len(given)]
        result = make()
        result.flags.writeable = False
        with self._lock:
            found = self._found.get(key)
            if found is None or len(found[1]) < len(given):
                self._found[key] = given, result
                self._held += result.nbytes - (0 if found is None else found[1].nbytes)
            while self._held > self._most:
                self._held -= self._found.popitem(last=False)[1][1].nbytes
        return result


_MEMORY: ContextVar[tuple[Memory | None, bool]] = ContextVar("memory", default=(None, False))


@contextmanager
def remembering(memory: Memory, *, lent: bool = False) -> Iterator[None]:
    """Let indicators of arrays that cannot be written to, as those of a market, be looked up in a memory.

    Parameters
    ----------
    memory : Memory
    lent : bool
        Callers get what is in the memory, which they cannot write to, and not an array of their own: a copy takes as
        long as most of what is done with it.
    """
    token = _MEMORY.set((memory, lent))
    try:
        yield
    finally:
        _MEMORY.reset(token)


def remembered(indicator: Callable[P, Floats]) -> Callable[P, Floats]:
    """Have an indicator use the memory where there is one."""

    @wraps(indicator)
    def asked(*args: P.args, **kwargs: P.kwargs) -> Floats:
        (memory, lent), values = _MEMORY.get(), args[0] if args else None
        if memory is None or not isinstance(values, np.ndarray) or values.flags.writeable or values.ndim == 0:
            return indicator(*args, **kwargs)
        place = values.__array_interface__["data"][0], values.shape[1:], values.strides, values.dtype.str
        key = indicator.__name__, place, args[1:], tuple(sorted(kwargs.items()))
        found = memory.get(key, values, lambda: indicator(*args, **kwargs))
        return found if lent else found.copy()

    return asked
