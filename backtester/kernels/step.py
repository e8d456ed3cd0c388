"""To the next close at which strategies decide, in one call: `advance`, then `look`.

Both are entries and large. Compiled once more into each caller they would take as long again to compile, so they are
called by their addresses, with the addresses of their bundles (see `direct`).
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from backtester.kernels._jit import entry
from backtester.schema import DONE

__all__ = ["FULL", "OVER", "call", "step"]

OVER, FULL = -1, -2  # in the place of a decision's number: there is none any more, a log is too short


@intrinsic
def call(typingctx: Any, address: Any, arguments: Any) -> Any:
    """Call a C function of whole numbers, addresses among them, and return its whole number."""
    word = ir.IntType(64)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(word, [word] * len(arguments)).as_pointer()
        return builder.call(builder.inttoptr(values[0], kind), cgutils.unpack_tuple(builder, values[1]))

    return types.int64(types.int64, types.UniTuple(types.int64, len(arguments))), generate


@entry
def step(sheet):
    """Run an account to the next close at which strategies decide, and look at it.

    Parameters
    ----------
    sheet : Sheet

    Returns
    -------
    int
        Number of the decision; OVER, or FULL: then the account is to be run again from its start, with longer logs.
    """
    at = sheet.calls[0]
    index = at.index + 1
    while index + 1 < len(sheet.ends) and (sheet.ends[index] < 0 or sheet.ends[index] == sheet.ends[index + 1]):
        index += 1  # the simulation has no bar here: the next decision stands in for this one
    if index + 1 >= len(sheet.ends):
        return OVER
    if call(at.advance, (at.run, at.agenda, at.bars, at.curves, at.pad, at.path, sheet.ends[index] + 1)) != DONE:
        return FULL
    call(at.look, (at.run, at.bars, at.curves, at.seen, index))
    at.index = index
    return index
