"""Kernels are compiled by fewer steps than numba's own, and numba is left as it was found."""

import numba
import pytest
from numba.core import types
from numba.core.postproc import PostProcessor

from backtester.kernels._jit import entry, kernel

compiled = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="kernels are not compiled in this run")


@kernel
def settled(value, limit):
    """Assign on two paths, in a loop, and before a return: what a lowering without releases has to get right."""
    total, kept = 0.0, value
    while kept > limit:
        kept -= 1.0
        if kept < 2.0:
            return total - kept
        total = total + kept
    return total


@entry
def _entry(value, limit):
    return settled(value, limit), settled(limit, value)


def patched():
    return types.BaseFunction.get_call_type, PostProcessor.run


@pytest.mark.parametrize("value, limit", [(5.0, 0.0), (5.0, 3.0), (1.0, 4.0)])
def test_kernels_return_what_python_returns(value, limit):
    plain = getattr(settled, "py_func", settled)
    assert _entry(value, limit) == (plain(value, limit), plain(limit, value))


@compiled
def test_numba_is_as_before_after_a_kernel_was_compiled():
    before = patched()

    @entry
    def fresh(value):
        return settled(value, 0.0)

    assert fresh(3.0) == settled.py_func(3.0, 0.0)
    assert patched() == before


@compiled
def test_numba_is_as_before_after_a_kernel_could_not_be_compiled():
    before = patched()

    @entry
    def wrong(value):
        return value.missing

    with pytest.raises(numba.TypingError, match="missing"):
        wrong(1.0)
    assert patched() == before
