"""What is timed: the market, the strategy, and the arrays that each engine is given."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from sma_cross import NOTIONAL, SmaCross

from backtester import Account, Market, engine
from backtester.result import Result
from backtester.schema import Curves, Pad, Run
from data import synthetic

__all__ = [
    "BALANCE_PER_SLOT",
    "FEE_RATE",
    "LEVERAGE",
    "MINUTES",
    "MODES",
    "NOTIONAL",
    "CompiledRun",
    "SmaCross",
    "account_of",
    "market_of",
    "signals_of",
]

MINUTES = 525_600  # a year
FEE_RATE = 0.0005
LEVERAGE = 10.0
BALANCE_PER_SLOT = 100_000.0  # pays a year of fees, so that no account dries up and idles
MODES = ("isolated", "cross")


def market_of(n_bars: int, n_instruments: int, timeframe: str) -> Market:
    """Return a made-up market with mark prices of its own and funding every eight hours."""
    return synthetic(n_bars, n_instruments, timeframe, crash=False)


def account_of(n_slots: int, mode: str) -> Account:
    """Return the account of a case; the venue's taker fee is `FEE_RATE`."""
    return Account(balance=BALANCE_PER_SLOT * n_slots, leverage=LEVERAGE, venue="generic", mode=mode)


class CompiledRun:
    """The call of the kernel that `engine.simulate` makes, to be made again and timed alone.

    Parameters
    ----------
    result : Result
        Of the run; the repeats must leave the same equity.
    record : str
        What is kept per bar.
    """

    def __init__(self, result: Result, record: str = "equity") -> None:
        calls: list[Any] = []

        def spy(*arguments: Any) -> Any:
            calls.append(_copy(arguments))
            return kernel(*arguments)

        kernel = engine.run_kernel
        with mock.patch.object(engine, "run_kernel", spy):
            engine.simulate(result.scenario, record=record)
        self._kernel, self._start, self._result = kernel, calls[-1], result
        self._arguments = _copy(self._start)

    def rewind(self) -> None:
        """Put back what a run changes and reads; it writes its logs and curves from the first row on."""
        for value, start in zip(self._arguments, self._start, strict=True):
            if not isinstance(value, (Curves, Pad)):
                _restore(value, start)

    def __call__(self) -> None:
        self._kernel(*self._arguments)

    def check(self) -> None:
        """Fail unless one more call writes what the result holds."""
        curves = next(value for value in self._arguments if isinstance(value, Curves))
        for curve in curves:
            curve.fill(np.nan)
        self.rewind()
        self()
        if not np.array_equal(curves.equity, self._result.equity):
            raise RuntimeError("the compiled run and the engine differ in equity")


def signals_of(result: Result) -> dict[str, NDArray[np.bool_]]:
    """Return the orders of a run as signals at the bars that execute them, ``(n_bars, n_slots)``."""
    orders = result.scenario.orders
    acts = orders.bar + 1 < len(result.equity)
    out = {}
    for name, chosen in (
        ("entries", orders.size > 0),
        ("short_entries", orders.size < 0),
        ("exits", orders.size == 0),
    ):
        out[name] = np.zeros((len(result.equity), len(result.scenario.slots)), np.bool_)
        out[name][orders.bar[chosen & acts] + 1, orders.slot[chosen & acts]] = True
    return out


def _copy(value: Any) -> Any:
    """Return a copy of (named tuples of) arrays; read-only ones are inputs and shared."""
    if isinstance(value, np.ndarray):
        return value.copy() if value.flags.writeable else value
    if isinstance(value, tuple):
        parts = map(_copy, value)
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def _restore(value: Any, start: Any) -> None:
    if isinstance(value, Run):
        logs = {"events", "ledger", "positions"}
        value, start = (tuple(getattr(run, name) for name in run._fields if name not in logs) for run in (value, start))
    if isinstance(value, np.ndarray) and value.flags.writeable:
        np.copyto(value, start)
    elif isinstance(value, tuple):
        for part, first in zip(value, start, strict=True):
            _restore(part, first)
