"""Runs of compiled strategies: from bar to bar without Python, until something is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Any

import numba
import numpy as np

from backtester._author import explain_at, explain_compiling
from backtester.errors import StrategyError
from backtester.event_driven import compiled_views  # noqa: F401  (what compiled code reads of a bar)
from backtester.event_driven.bar import Bar
from backtester.event_driven.compiled import Compiled
from backtester.event_driven.compiled_asks import WIDTH, replay
from backtester.event_driven.compiled_types import BAR, Address, bar_record, calls_record, word_at
from backtester.event_driven.followers import Follower
from backtester.event_driven.kernel_session import KernelSession
from backtester.kernels.step import call
from backtester.market import PRICES, Market
from backtester.schema import DONE, LOG_FULL, SLOT_VIEW
from backtester.strategy import Strategy

__all__ = ["CompiledRun"]

MOST_BARS = 100_000  # before Python is asked whether somebody wants the run to end
ASKED = 2  # outcome of `_drive`, beside DONE and LOG_FULL


class CompiledRun:
    """A compiled strategy in a run of the kernels.

    Parameters
    ----------
    follower : Follower
        Whose `on_bar` is `Compiled`.
    bar : Bar
        Takes what is asked for.
    market : Market
        What the strategy sees.
    session : KernelSession
    ends : sequence of int
        The simulation's bar at whose close each bar of the market decides, and the number of its bars.

    Raises
    ------
    StrategyError
        If the method cannot be compiled.
    """

    def __init__(
        self, follower: Follower, bar: Bar, market: Market, session: KernelSession, ends: Sequence[int]
    ) -> None:
        on_bar: Compiled = type(follower.strategy).on_bar  # type: ignore[assignment]
        self._strategy, self._bar, self._session, self._ends = follower.strategy, bar, session, ends
        self._asks = np.empty((64 + 16 * len(follower.specs), WIDTH))
        self._tables = _tables(follower, bar, market) | {"grid": np.array(ends, np.int64), "asks": self._asks}
        self._record = _record_of(follower, market, session, self._tables)
        axes = tuple((name, values.ndim) for name, values in follower.indicators.items())
        self._own, self._at = on_bar.own(follower.strategy), Address(self._record.ctypes.data, axes)
        self._python = on_bar.function
        self._code = machine_code(on_bar, follower.strategy, self._own, self._at)

    def __call__(self, bar: Bar) -> None:
        """Call the strategy at a close, as one of several in the account."""
        self._record["index"] = bar.index
        try:
            self._code(self._own, self._at)
        except Exception as error:
            raise self._as_python_raises(error) from None
        self._ask()

    def run(self, planned: Set[int]) -> Iterator[int]:
        """Run the account on, calling nobody but the strategy.

        Parameters
        ----------
        planned : set of int
            Bars of the simulation at which targets have planned something.

        Yields
        ------
        int
            Bar of the simulation at whose close something is asked for or planned.
        """
        stops = {k + 1 for k, at in enumerate(self._ends[:-1]) if at in planned and at != self._ends[k + 1]}
        n, index = len(self._ends) - 1, 0
        for stop in sorted({*stops, *range(MOST_BARS, n, MOST_BARS), n}):
            while index < stop:
                index, outcome = self._drive(index, stop)
                if outcome == LOG_FULL:
                    self._session.start_again()
                elif outcome == ASKED or index in stops:
                    self._bar.move(index - 1)
                    self._ask()
                    yield self._ends[index - 1]

    def _drive(self, first: int, stop: int) -> tuple[int, int]:
        try:
            return _drive(self._code, self._own, self._at, first, stop)
        except Exception as error:  # of the author's
            self._bar.move(self._record["index"].item())
            error = self._as_python_raises(error)
            explain_at(self._strategy, error, self._bar.index, self._bar.open_time)

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
        n, most = self._record["n_asks"].item(), len(self._asks)
        if n > most:
            cure = f"ask for at most {most} things at one close"
            self._bar.place(None).fail("it asks for too much at once", n, cure)
        self._record["n_asks"] = 0
        replay(self._asks[:n].tolist(), self._bar.slots)


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
def _drive(on_bar: Any, own: Any, bar: Any, first: int, stop: int) -> Any:
    """Call a strategy at the bars from `first` to `stop - 1`; return where to go on, and why."""
    record: Any = bar_record(bar)
    at: Any = calls_record(record.calls)
    for index in range(first, stop):
        end: Any = word_at(record.grid, index)  # type: ignore[call-arg]
        if end < 0 or end == word_at(record.grid, index + 1):  # type: ignore[call-arg]
            continue  # the simulation has no bar here: the next decision stands in for this one
        record.index = index
        if call(at.step, (at.sheet, end + 1, index)) == LOG_FULL:
            return index, LOG_FULL
        on_bar(own, bar)
        if record.n_asks > 0:
            return index + 1, ASKED
    return stop, DONE


def _tables(follower: Follower, bar: Bar, market: Market) -> dict[str, Any]:
    """Return the arrays that a strategy may look at, by the field that holds their address."""
    columns = [bar.column(spec.symbol) for spec in follower.specs]
    prices = [np.ascontiguousarray(getattr(market, name)) for name in PRICES]
    indicators = [np.ascontiguousarray(values) for values in follower.indicators.values()]
    return {
        "columns": np.array(columns, np.int64),
        "open_time": np.ascontiguousarray(market.open_time),
        "prices": _addresses(prices),
        "indicators": _addresses(indicators),
        "kept": prices + indicators,
    }


def _addresses(arrays: Sequence[Any]) -> Any:
    return np.array([array.ctypes.data for array in arrays], np.int64)


def _record_of(follower: Follower, market: Market, session: KernelSession, tables: dict[str, Any]) -> Any:
    record = np.zeros(1, BAR)
    for name in BAR.names or ():
        if name in tables:
            record[name] = tables[name].ctypes.data
    record["first_slot"], record["n_slots"] = follower.first_slot, len(follower.specs)
    record["n_instruments"], record["most_asks"] = market.n_instruments, len(tables["asks"])
    record["slots"] = session.view.slots.ctypes.data + follower.first_slot * SLOT_VIEW.itemsize
    record["account"], record["calls"] = session.view.account.ctypes.data, session.calls.ctypes.data
    return record
