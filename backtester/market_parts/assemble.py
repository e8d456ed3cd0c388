"""Put instruments on one time axis, let trade stand in for missing marks, and say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.errors import MarketDataError, nearest
from backtester.market_parts.checks import check_symbols
from backtester.market_parts.coverage import Notes, note_funding, note_gaps, note_substitution
from backtester.market_parts.frames import Bars, bars_of, settlements_of, window
from backtester.market_parts.timeframes import Candles, check_one_timeframe
from backtester.symbols import listed
from backtester.text import moment
from backtester.times import instant

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Parts(NamedTuple):
    """The arrays of a market; prices in the order open, high, low, close."""

    open_time: Ints
    trade: list[Floats]
    mark: list[Floats]
    mark_is_trade: NDArray[np.bool_]
    without_mark: dict[str, Ints]
    funding: tuple[Ints, Ints, Floats, Floats]
    notes: list[str]


def assemble(
    trade: Mapping[str, Any],
    mark: Mapping[str, Any],
    funding: Mapping[str, Any],
    start: object,
    end: object,
) -> Parts:
    """Return the arrays of a market from frames by symbol; see ``Market.from_frames``."""
    for kind, frames in (("trade", trade), ("mark", mark), ("funding", funding)):
        _check_mapping(kind, frames)
    symbols = list(trade)
    if not symbols:
        raise MarketDataError("a market needs at least one instrument", cure="Give trade frames")
    check_symbols(symbols)
    _check_known("mark", mark, symbols)
    _check_known("funding", funding, symbols)
    first, last = instant(start, "start"), instant(end, "end")
    candles = {s: bars_of(frame, s, "trade") for s, frame in trade.items()}
    marks = {s: bars_of(f, s, "mark") for s, f in mark.items() if f is not None and len(f)}
    for symbol, bars in marks.items():
        _check_overlap(candles[symbol], bars, symbol)
    _check_timeframes(candles, marks)
    grid = _union([_cut(bars, first, last).time for bars in candles.values()])
    if len(grid) == 0:
        _fail_empty(candles, start, end)
    notes = Notes(symbols)
    prices = _place([_cut(bars, first, last) for bars in candles.values()], grid)
    note_gaps(notes, prices[0], grid)
    sparse = [_cut(marks[s], first, last) if s in marks else None for s in symbols]
    marked, is_trade, without = _mark_prices(prices, sparse, grid, notes)
    for array in (prices, marked):
        array.flags.writeable = False  # the owner of the market's arrays: nobody can make those writeable again
    views = list(prices.transpose(0, 2, 1))
    return Parts(
        open_time=grid,
        trade=views,
        mark=views if marked is prices else list(marked.transpose(0, 2, 1)),
        mark_is_trade=is_trade,
        without_mark=without,
        funding=_settlements(funding, prices[0], grid, notes),
        notes=notes.lines(),
    )


def _check_mapping(kind: str, frames: object) -> None:
    if not isinstance(frames, Mapping):
        raise MarketDataError(
            f"the {kind} data is a {type(frames).__name__}, not frames by symbol", cure='Give {"BTCUSDT": frame}'
        )


def _check_timeframes(trade: Mapping[str, Bars], mark: Mapping[str, Bars]) -> None:
    kinds = (("trade", trade), ("mark", mark))
    check_one_timeframe(Candles(symbol, kind, bars.time) for kind, frames in kinds for symbol, bars in frames.items())


def _check_known(kind: str, frames: Mapping[str, Any], symbols: Iterable[str]) -> None:
    """Refuse mark or funding of an instrument that has no candles."""
    for symbol in frames:
        if symbol not in symbols:
            near = nearest(symbol, symbols)
            raise MarketDataError(
                f"{kind} data of an instrument without trade candles; there are those of {listed(symbols)}",
                instrument=symbol,
                cure=f"Perhaps you mean {near[0]}" if near else "Leave it out, or add its candles",
            )


def _check_overlap(trade: Bars, mark: Bars, symbol: str) -> None:
    """Mark and trade candles of an instrument share at least one bar."""
    rows = np.searchsorted(trade.time, mark.time)
    if np.any(trade.time[np.minimum(rows, len(trade.time) - 1)] == mark.time):
        return
    ranges = [f"{moment(bars.time[0])} to {moment(bars.time[-1])}" for bars in (trade, mark)]
    raise MarketDataError(
        f"mark and trade do not overlap in time: they share no bar; trade {ranges[0]}, mark {ranges[1]}",
        instrument=symbol,
        cure="Load the mark of the same range and timeframe, or leave it out (mark = trade)",
    )


def _cut(bars: Bars, first: int | None, last: int | None) -> Bars:
    """Return the bars with ``first <= time < last``."""
    rows = window(bars.time, first, last)
    return Bars(bars.time[rows], bars.prices[:, rows])


def _union(times: list[Ints]) -> Ints:
    """Return all times that occur, sorted; without a sort when all instruments have the same."""
    if all(np.array_equal(times[0], other) for other in times[1:]):
        return times[0]
    return np.unique(np.concatenate(times))


def _fail_empty(candles: Mapping[str, Bars], start: object, end: object) -> None:
    """Raise: there is not one bar in the range asked for."""
    first = min(int(bars.time[0]) for bars in candles.values())
    last = max(int(bars.time[-1]) for bars in candles.values())
    raise MarketDataError(
        f"no bars from {start or 'the beginning'} to {end or 'the end'}; "
        f"there are bars from {moment(first)} to {moment(last)}",
        cure="Choose a range within that, with start before end",
    )


def _place(candles: list[Bars], grid: Ints) -> Floats:
    """Return prices (4, n_instruments, n_bars), nan where an instrument has no bar."""
    out = np.full((4, len(candles), len(grid)), np.nan)
    for i, bars in enumerate(candles):
        if len(bars.time) == len(grid):
            out[:, i] = bars.prices
        else:
            out[:, i, np.searchsorted(grid, bars.time)] = bars.prices
    return out


def _mark_prices(
    trade: Floats, marks: list[Bars | None], grid: Ints, notes: Notes
) -> tuple[Floats, NDArray[np.bool_], dict[str, Ints]]:
    """Return mark prices shaped like ``trade``, where trade stands in for all of them, and when for some.

    A bar without a mark takes the trade bar; a bar without a trade has no data at all. The
    ``trade`` array itself is returned when no instrument has a mark: half the memory.
    """
    is_trade = np.array([bars is None or len(bars.time) == 0 for bars in marks])  # the rest is seen below
    for i, bars in enumerate(marks):
        if is_trade[i] and not np.isnan(trade[0, i]).all():
            notes.add("mark = trade for {}: no mark data" + (" in this range" if bars else ""), i)
    without: dict[str, Ints] = {}
    if is_trade.all():
        return trade, is_trade, without
    out = trade.copy()
    for i, bars in enumerate(marks):
        if bars is None or is_trade[i]:
            continue
        rows = np.minimum(np.searchsorted(grid, bars.time), len(grid) - 1)
        both = (grid[rows] == bars.time) & ~np.isnan(bars.prices[0]) & ~np.isnan(trade[0, i, rows])
        rows = rows[both]
        out[:, i, rows] = bars.prices[:, both]
        lacks = ~np.isnan(trade[0, i])
        lacks[rows] = False
        note_substitution(notes, i, lacks, rows, grid)
        is_trade[i] = len(rows) == 0
        without[notes.symbols[i]] = grid[lacks]
    return out, is_trade, without


def _settlements(
    funding: Mapping[str, Any], opens: Floats, grid: Ints, notes: Notes
) -> tuple[Ints, Ints, Floats, Floats]:
    """Return funding of all instruments sorted by time and instrument, within the market."""
    columns: list[tuple[Ints, Ints, Floats, Floats]] = []
    for i, symbol in enumerate(notes.symbols):
        known = np.flatnonzero(~np.isnan(opens[i]))
        frame = funding.get(symbol)
        if len(known) == 0:
            continue
        if frame is None or len(frame) == 0:
            notes.add("no funding for {}", i)
            continue
        time, rate, price, snapped = settlements_of(frame, symbol)
        first, last = int(grid[known[0]]), int(grid[known[-1]])
        rows = window(time, first, last + 1)
        note_funding(notes, i, time[rows], first, last, snapped)
        columns.append((time[rows], np.full(len(time[rows]), i), rate[rows], price[rows]))
    if not columns:
        whole, real = np.empty(0, np.int64), np.empty(0)
        return whole, whole, real, real
    time, instrument, rate, price = (np.concatenate(c) for c in zip(*columns, strict=True))
    order = np.lexsort((instrument, time))
    return time[order], instrument[order], rate[order], price[order]
