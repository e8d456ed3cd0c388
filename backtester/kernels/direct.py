"""Calls of an entry at the price of a function pointer, for runs that stop at every bar.

numba looks at every argument of every call, which takes longer than most bars. Here the types are looked at once; the
arrays of a bundle are given by the addresses and lengths that compiled code reads (see `_bundles`).
"""

import ctypes
from collections.abc import Callable
from functools import cached_property
from itertools import accumulate, chain
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["Words", "address_of", "direct"]


class Words:
    """A bundle of arrays as compiled code sees it.

    Parameters
    ----------
    bundle : NamedTuple of contiguous arrays
        Kept alive with this object.

    Attributes
    ----------
    address : int
        Where compiled code finds the words.
    words : uint64 array
        Of each array the address of its first element, and its shape.
    places : dict of str to int
        Which word is the address of which array.
    """

    def __init__(self, bundle: Any) -> None:
        self._arrays = dict(zip(bundle._fields, bundle, strict=True))
        parts = [[array.ctypes.data, *array.shape] for array in bundle]
        self.words: NDArray[np.uint64] = np.array(list(chain.from_iterable(parts)), np.uint64)
        self.places = dict(zip(bundle._fields, accumulate(map(len, parts), initial=0), strict=False))
        self.address: int = self.words.ctypes.data

    @cached_property
    def reference(self) -> object:
        """The same as an argument of a call."""
        return ctypes.byref((ctypes.c_uint64 * len(self.words)).from_buffer(self.words))

    def place_of(self, name: str) -> int:
        """Return where compiled code finds the address of a table."""
        return self.address + self.words.itemsize * self.places[name]

    def point(self, name: str, table: NDArray[Any], length: int | None = None) -> None:
        """Put another table in the place of one, of which compiled code sees the first `length` rows."""
        place, self._arrays[name] = self.places[name], table
        self.words[place] = table.ctypes.data
        self.words[place + 1] = len(table) if length is None else length

    def hold(self, name: str, table: NDArray[Any]) -> None:
        """Put a table in the place of one if it is not there."""
        if self._arrays[name] is not table:
            self.point(name, table)

    def lengthen(self, name: str, length: int) -> None:
        """Have compiled code see more rows of the same table."""
        self.words[self.places[name] + 1] = length


def address_of(entry: Any, *arguments: Any) -> int:
    """Return where the machine code of an entry begins.

    Parameters
    ----------
    entry : numba function
        Compiled for the types of these arguments if it is not yet.
    *arguments
        As in a call from Python: bundles and whole numbers.

    Returns
    -------
    int
        It takes the address of its `Words` in the place of a bundle.
    """
    types = tuple(numba.typeof(argument) for argument in arguments)
    entry.compile(types)
    compiled = entry.overloads[types]
    address: int = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)
    return address


def direct(entry: Any, *arguments: Any, lets_go: bool = False) -> Callable[..., int]:
    """Return an entry as a C function of ctypes objects: the `reference` of `Words`, or an int64.

    It keeps the interpreter's lock: a thread that gave it away at every bar would wait for it at every bar. With
    `lets_go` others may run beside it, as beside a call from Python.
    """
    kind = ctypes.CFUNCTYPE if lets_go else ctypes.PYFUNCTYPE
    return kind(ctypes.c_int64)(address_of(entry, *arguments))
