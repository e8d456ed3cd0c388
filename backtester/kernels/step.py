"""To the next close at which a strategy is called, in one call: `advance`, then `look`.

Both are entries and large. Compiled once more into each caller they would take as long again to compile, so they are
called by their addresses, with the addresses of their bundles (see `direct`).
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from backtester.kernels._jit import entry
from backtester.schema import DONE

__all__ = ["call", "step"]


@intrinsic
def call(typingctx: Any, address: Any, arguments: Any) -> Any:
    """Call a C function of whole numbers, addresses among them, and return its whole number."""
    word = ir.IntType(64)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(word, [word] * len(arguments)).as_pointer()
        return builder.call(builder.inttoptr(values[0], kind), cgutils.unpack_tuple(builder, values[1]))

    return types.int64(types.int64, types.UniTuple(types.int64, len(arguments))), generate


@entry
def step(sheet, until, index):
    """Run an account to the open of bar `until`, and look at it.

    Parameters
    ----------
    sheet : Sheet
    until : int
    index : int
        Number of the decision that comes then.

    Returns
    -------
    int
        DONE, or LOG_FULL: then nothing was looked at.
    """
    at = sheet.calls[0]
    outcome = call(at.advance, (at.run, at.agenda, at.bars, at.curves, at.pad, at.path, until))
    if outcome == DONE:
        call(at.look, (at.run, at.bars, at.curves, at.seen, index))
    return outcome
