"""Runs of compiled strategies: from bar to bar without Python, until something is asked for."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence, Set
from functools import partial
from typing import Any

import numba
import numpy as np

from backtester.asking.author import explain_at, explain_compiling
from backtester.errors import StrategyError
from backtester.event_driven import compiled_events, compiled_views  # noqa: F401  (what compiled code reads of a bar)
from backtester.event_driven.bar import Bar
from backtester.event_driven.compiled import Compiled
from backtester.event_driven.compiled_asks import WIDTH, replay
from backtester.event_driven.compiled_types import BAR, Address, bar_record, calls_record
from backtester.event_driven.desk import Desk
from backtester.event_driven.kernel_session import KernelSession
from backtester.event_driven.structures import structure
from backtester.kernels.step import FULL, OVER, call
from backtester.market import PRICES
from backtester.schema import SLOT_VIEW
from backtester.strategy import Strategy

__all__ = ["CompiledRun"]

MOST_BARS = 100_000  # before Python is asked whether somebody wants the run to end


class CompiledRun:
    """A compiled strategy in a run of the kernels.

    Parameters
    ----------
    strategy : Strategy
        Whose `on_bar` is `Compiled`.
    bar : Bar
        Takes what is asked for.
    desk : Desk
        Behind that bar.
    session : KernelSession

    Raises
    ------
    StrategyError
        If the method cannot be compiled.
    """

    def __init__(self, strategy: Strategy, bar: Bar, desk: Desk, session: KernelSession) -> None:
        on_bar: Compiled = type(strategy).on_bar  # type: ignore[assignment]
        self._strategy, self._bar, self._desk, self._session = strategy, bar, desk, session
        self._asks = np.empty((64 + 16 * len(desk.specs), WIDTH))
        self._tables = _tables(desk) | {"asks": self._asks}
        self._record = _record_of(desk, session, self._tables)
        axes = tuple((name, values.ndim) for name, values in desk.indicators.items())
        self._own, self._at = on_bar.own(strategy), Address(ctypes.addressof(self._record), axes)
        self._python = on_bar.function
        code = machine_code(on_bar, strategy, self._own, self._at)
        types = numba.typeof(self._own), numba.typeof(self._at)
        # Numba asks for the types of all arguments at every call of a dispatcher; here they are known.
        self._once = partial(code.compile(types), self._own, self._at)
        to_stop = _drive.compile((numba.typeof(code), *types, numba.int64))
        self._to_stop = partial(to_stop, code, self._own, self._at)

    def __call__(self, bar: Bar) -> None:
        """Call the strategy at a close, as one of several in the account."""
        try:
            self._once()
        except Exception as error:
            raise self._as_python_raises(error) from None
        self._ask()

    def run(self, planned: Set[int]) -> Iterator[int]:
        """Run the account on, calling nobody but the strategy.

        Parameters
        ----------
        planned : set of int
            Decisions at which targets have planned something.

        Yields
        ------
        int
            Number of a decision at which something is asked for or planned.
        """
        index, ahead = -1, sorted(planned, reverse=True)
        while (outcome := self._drive(min([index + MOST_BARS, *ahead[-1:]]))) != OVER:
            if outcome == FULL:
                self._session.start_again()
                continue
            index = outcome
            while ahead and ahead[-1] <= index:
                ahead.pop()
            if index in planned or self._desk.asked.orders or self._desk.asked.actions:
                yield index

    def _drive(self, stop: int) -> int:
        """Call the strategy until it asks for something, at most to decision `stop`; returns the last decision."""
        try:
            index: int = self._to_stop(stop)
            if index >= 0:
                self._stand_at(index)
                self._ask()
        except Exception as error:  # of the author's, or of what he asks for
            self._stand_at(self._session.calls.index)
            error = error if isinstance(error, StrategyError) else self._as_python_raises(error)
            explain_at(self._strategy, error, self._bar.index, self._bar.open_time)
        return index

    def _stand_at(self, index: int) -> None:
        self._bar.index = self._session.index = index

    def _as_python_raises(self, error: Exception) -> Exception:
        """Return the exception that Python raises at the same bar, if it does: that knows the author's line."""
        try:
            self._python(self._own, self._bar)
        except (type(error), StrategyError) as same:
            return same
        except Exception:  # what it did before has changed its memory
            pass
        return error

    def _ask(self) -> None:
        """Ask for what the strategy has written down."""
        n, most = self._record.n_asks, len(self._asks)
        if n > most:
            self._desk.fail("it asks for too much at once", n, f"ask for at most {most} things at one close")
        self._record.n_asks = 0
        try:
            replay(self._asks[:n].tolist(), self._bar)
        except StrategyError as error:
            self._desk.asked.orders.clear()
            raise self._as_python_raises(error) from None


def machine_code(on_bar: Compiled, strategy: Strategy, own: Any, bar: Address) -> Any:
    """Return the compiled method, or say what it has that cannot be compiled."""
    code = on_bar.machine_code
    try:
        code.compile((numba.typeof(own), numba.typeof(bar)))
    except (numba.core.errors.NumbaError, NotImplementedError) as error:
        explain_compiling(strategy, error, on_bar.function)
    if code.nopython_signatures[-1].return_type != numba.types.none:
        cure = "place orders on the slots: slot.buy(notional=...)"
        raise StrategyError(strategy.name, "its method `on_bar` returns something", cure=cure)
    return code


@numba.njit(nogil=True)
def _drive(on_bar: Any, own: Any, bar: Any, stop: int) -> Any:
    """Call a strategy until it asks for something, at most to decision `stop`; returns the last, as `step` does."""
    record: Any = bar_record(bar)
    at: Any = calls_record(record.calls)
    while True:
        index: Any = call(at.step, (at.sheet,))  # type: ignore[call-arg]
        if index < 0:
            return index
        on_bar(own, bar)
        if record.n_asks > 0 or index >= stop:
            return index


def _tables(desk: Desk) -> dict[str, Any]:
    """Return the arrays that a strategy may look at, by the field that holds their address."""
    columns = [desk.market.symbols.index(spec.symbol) for spec in desk.specs]
    prices = [np.ascontiguousarray(getattr(desk.market, name)) for name in PRICES]
    indicators = [np.ascontiguousarray(values) for values in desk.indicators.values()]
    return {
        "columns": np.array(columns, np.int64),
        "open_time": np.ascontiguousarray(desk.market.open_time),
        "prices": _addresses(prices),
        "indicators": _addresses(indicators),
        "kept": prices + indicators,
    }


def _addresses(arrays: Sequence[Any]) -> Any:
    return np.array([array.ctypes.data for array in arrays], np.int64)


def _record_of(desk: Desk, session: KernelSession, tables: dict[str, Any]) -> Any:
    record = structure(BAR)()
    for name in BAR.names or ():
        if name in tables:
            setattr(record, name, tables[name].ctypes.data)
    record.first_slot, record.n_slots = desk.first_slot, len(desk.specs)
    record.n_instruments, record.most_asks = desk.market.n_instruments, len(tables["asks"])
    record.slots = session.view.slots.ctypes.data + desk.first_slot * SLOT_VIEW.itemsize
    record.events = session.address_of_events
    record.account, record.calls = session.view.account.ctypes.data, ctypes.addressof(session.calls)
    return record
