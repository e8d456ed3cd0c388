"""Candles, mark prices and funding of several perpetuals on one time axis, validated once.

A `Market` is frozen and its arrays are read-only: what a run has seen cannot be
changed under it, and two runs can share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backtester.errors import MarketDataError, nearest
from backtester.market_parts import checks
from backtester.market_parts.detail import check_detail, detail_notes
from backtester.market_parts.funding import Funding
from backtester.schema import BLOCK
from backtester.symbols import listed
from backtester.text import counted, moment, timeframe

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

__all__ = ["Funding", "Market"]

PRICES = ("open", "high", "low", "close", "mark_open", "mark_high", "mark_low", "mark_close")


@dataclass(frozen=True, eq=False, repr=False)
class Market:
    """Prices and funding of several instruments.

    Parameters
    ----------
    symbols : tuple of str
        One per column.
    open_time : int64 array, (n_bars,) [ns UTC]
        Start of each bar, strictly ascending. A bar lasts until the next one starts.
    open, high, low, close : float64 array, (n_bars, n_instruments) [quote/base]
        Trade prices. A missing bar is nan in all eight price arrays.
    mark_open, mark_high, mark_low, mark_close : float64 array, (n_bars, n_instruments)
        Mark prices. The same objects as the trade prices when no instrument has a mark.
    mark_is_trade : bool array, (n_instruments,)
        True where there is no mark data and the trade price stands in for it.
    funding : Funding
        Settlements of all instruments.
    detail : Market, optional
        The finer market the simulation runs on; decisions stay on this one.
    synthetic : bool
        True for made-up prices; shown wherever results are shown.
    source : str
        One line for reports, such as ``"binance 1h, 2025-10-01 to 2025-10-20"``.
    notes : tuple of str
        Substitutions and gaps, to be shown with every result.
    files : mapping of str to mapping of str to str
        The sha256 of each file that it was read from, by symbol and name.
    without_mark : mapping of str to int64 array [ns UTC]
        Opens of the bars of an instrument with a mark in which the trade bar stands in for it.

    Raises
    ------
    MarketDataError
        Naming the instrument, the first bad bar, its time and the cure.
    """

    symbols: tuple[str, ...]
    open_time: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    mark_open: Floats
    mark_high: Floats
    mark_low: Floats
    mark_close: Floats
    mark_is_trade: NDArray[np.bool_]
    funding: Funding = field(default_factory=Funding.none)
    detail: Market | None = None
    synthetic: bool = False
    source: str = ""
    notes: tuple[str, ...] = ()
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    without_mark: Mapping[str, Ints] = field(default_factory=dict)
    _step: int = 0  # the timeframe of the market this one is a piece of, for pieces of one bar

    def __post_init__(self) -> None:
        put = object.__setattr__  # the dataclass is frozen; this is its constructor
        put(self, "symbols", _names(self.symbols))
        put(self, "notes", tuple(self.notes))
        put(self, "open_time", checks.frozen_times(self.open_time))
        seen: dict[int, Floats] = {}  # trade and mark arrays may be one object: keep it so
        for name in PRICES:
            given = getattr(self, name)
            if id(given) not in seen:
                seen[id(given)] = checks.frozen(given, np.float64, name)
            put(self, name, seen[id(given)])
        put(self, "mark_is_trade", checks.frozen(self.mark_is_trade, np.bool_, "mark_is_trade"))
        if not isinstance(self.funding, Funding):
            raise MarketDataError("funding is no Funding", found=self.funding, cure="Give Funding or Funding.none()")
        kinds = (np.int64, np.int64, np.float64, np.float64)
        columns = [checks.frozen(c, k, "funding") for c, k in zip(self.funding, kinds, strict=True)]
        put(self, "funding", Funding(*columns))
        checks.check_market(self)

    def __repr__(self) -> str:
        what = self.source or "market"
        return f"<Market: {what}, {counted(self.n_instruments, 'instrument')} x {counted(self.n_bars, 'bar')}>"

    @property
    def n_bars(self) -> int:
        """Number of bars."""
        return len(self.open_time)

    @property
    def n_instruments(self) -> int:
        """Number of instruments."""
        return len(self.symbols)

    @cached_property
    def index(self) -> pd.DatetimeIndex:
        """Start of each bar as a UTC DatetimeIndex."""
        import pandas as pd

        return pd.DatetimeIndex(self.open_time.view("datetime64[ns]"), tz="UTC", name="time")

    @cached_property
    def timeframe(self) -> int:
        """The most frequent step between bars [ns]; 0 for a lone bar, whose length is unknown."""
        if self._step or self.n_bars < 2:
            return self._step
        steps, counts = np.unique(np.diff(self.open_time), return_counts=True)
        return int(steps[np.argmax(counts)])

    @cached_property
    def close_time(self) -> Ints:
        """End of each bar [ns UTC]: the start of the next one, for the last start + timeframe."""
        out = np.append(self.open_time[1:], self.open_time[-1] + self.timeframe)
        out.flags.writeable = False
        return out

    @cached_property
    def first_bars(self) -> Ints:
        """First bar with a price of each instrument; n_bars where there is none."""
        known = ~np.isnan(self.close)
        out = np.where(known.any(axis=0), known.argmax(axis=0), self.n_bars)
        out.flags.writeable = False
        return out

    @cached_property
    def mark_ranges(self) -> tuple[Floats, Floats]:
        """Lowest and highest mark of each `BLOCK` bars, ``(n_blocks, n_instruments)``; nan where one has no data."""
        firsts = np.arange(0, self.n_bars, BLOCK)
        low = np.minimum.reduceat(self.mark_low, firsts, axis=0)
        high = np.maximum.reduceat(self.mark_high, firsts, axis=0)
        return checks.frozen(low, np.float64), checks.frozen(high, np.float64)

    def column(self, symbol: str) -> int:
        """Return the column of a symbol.

        Raises
        ------
        MarketDataError
            If the market has no such symbol; it names the nearest ones.
        """
        if symbol in self.symbols:
            return self.symbols.index(symbol)
        near = nearest(str(symbol), self.symbols)
        raise MarketDataError(
            "the market has no such instrument; it has " + listed(self.symbols),
            instrument=symbol,
            cure=f"Perhaps you mean {' or '.join(near)}" if near else "Choose one of those",
        )

    def slice(self, start: int, stop: int) -> Market:
        """Return bars ``start`` to ``stop - 1`` as views of the same arrays, with their detail."""
        rows = range(self.n_bars)[start:stop]
        if not rows:
            raise MarketDataError(
                f"the piece asked for, bars {start} to {stop} of {self.n_bars}, is empty",
                cure="Choose start < stop within the market",
            )
        first, last = int(self.open_time[rows.start]), int(self.close_time[rows.stop - 1])
        time = self.funding.time
        events = slice(*np.searchsorted(time, (first, last)))
        return self._with(
            open_time=self.open_time[rows.start : rows.stop],
            funding=self.funding.at(events),
            detail=self.detail and self.detail.between(first, last),
            _step=self.timeframe,
            **{name: getattr(self, name)[rows.start : rows.stop] for name in PRICES},
        )

    def between(self, start: int, stop: int) -> Market:
        """Return the bars with ``start <= open_time < stop`` [ns UTC]."""
        first, last = np.searchsorted(self.open_time, (start, stop))
        if first >= last:
            raise MarketDataError(
                f"no {timeframe(self.timeframe)} bars from {moment(start)} to {moment(stop)}; "
                f"there are bars from {moment(self.open_time[0])} to {moment(self.open_time[-1])}",
                cure="Choose a range that has bars",
            )
        return self.slice(int(first), int(last))

    def select(self, symbols: str | Sequence[str]) -> Market:
        """Return the market of some of its instruments, in the order given."""
        chosen = [self.column(symbol) for symbol in _names(symbols)]
        if not chosen or len(set(chosen)) < len(chosen):
            raise MarketDataError(
                "a market needs at least one instrument, and each only once",
                found=list(symbols),
                cure="Name each symbol once",
            )
        place = np.full(self.n_instruments, -1, np.int64)
        place[chosen] = np.arange(len(chosen))
        moved = place[self.funding.instrument]
        order = np.lexsort((moved, self.funding.time))
        order = order[moved[order] >= 0]
        parts: dict[int, Floats] = {}
        for name in PRICES:
            whole = getattr(self, name)
            if id(whole) not in parts:
                parts[id(whole)] = checks.frozen(whole[:, chosen], np.float64, name)
        return self._with(
            symbols=tuple(self.symbols[i] for i in chosen),
            mark_is_trade=checks.frozen(self.mark_is_trade[chosen], np.bool_),
            funding=self.funding.at(order)._replace(instrument=moved[order]),
            detail=self.detail and self.detail.select(symbols),
            files={symbol: self.files[symbol] for symbol in _names(symbols) if symbol in self.files},
            **{name: parts[id(getattr(self, name))] for name in PRICES},
        )

    def _with(self, **changes: Any) -> Market:
        """Return a copy with other arrays, which are known to be good: no check again."""
        other = object.__new__(Market)
        kept = {name: getattr(self, name) for name in self.__dataclass_fields__}
        other.__dict__.update(kept | changes)
        return other

    @classmethod
    def from_frames(
        cls,
        trade: Mapping[str, pd.DataFrame],
        mark: Mapping[str, pd.DataFrame] | None = None,
        funding: Mapping[str, pd.DataFrame | pd.Series] | None = None,
        *,
        start: object = None,
        end: object = None,
        detail: Market | None = None,
        synthetic: bool = False,
        source: str = "",
        notes: Iterable[str] = (),
    ) -> Market:
        """Build a market from pandas frames, one per symbol.

        Times are a DatetimeIndex (naive means UTC) or a column ``timestamp`` (UTC milliseconds
        or datetimes). The time axis is the union of the instruments' times.

        Parameters
        ----------
        trade, mark : mapping of symbol to frame
            Columns ``open, high, low, close``; others are ignored. Where there is no mark, the
            trade price stands in for it and a note says so.
        funding : mapping of symbol to frame or series
            Column ``funding_rate`` (fraction), optionally ``mark_price``, at settlement times.
        start, end : str, datetime, Timestamp or int [ns UTC], optional
            Bars with ``start <= open_time < end`` are kept.
        detail : Market, optional
            Finer market of the same symbols for the simulation.

        Raises
        ------
        MarketDataError
            Naming the instrument, the first bad bar, its time and the cure.
        """
        from backtester.market_parts.assemble import assemble

        parts = assemble(trade, mark or {}, funding or {}, start, end)
        prices: dict[str, Any] = dict(zip(PRICES, (*parts.trade, *parts.mark), strict=True))
        market = cls(
            symbols=tuple(trade),
            open_time=parts.open_time,
            mark_is_trade=parts.mark_is_trade,
            without_mark=parts.without_mark,
            funding=Funding(*parts.funding),
            **prices,
            synthetic=synthetic,
            source=source,
            notes=(*notes, *parts.notes),
        )
        return market if detail is None else market.with_detail(detail)

    def with_detail(self, detail: Market) -> Market:
        """Return this market with a finer one to simulate on, cut to this one's range.

        Raises
        ------
        MarketDataError
            If the symbols differ, the other is not finer, or the two do not overlap in time.
        """
        check_detail(self, detail)
        finer = detail.between(int(self.open_time[0]), int(self.close_time[-1]))
        said = detail_notes(self, finer)
        return replace(self, detail=finer, notes=(*self.notes, *said))


def _names(symbols: str | Iterable[str]) -> tuple[str, ...]:
    """Return symbols as a tuple; a single one may be given by itself."""
    return (symbols,) if isinstance(symbols, str) else tuple(symbols)
