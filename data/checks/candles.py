"""Checks of candles: one file by itself, and trade beside mark."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backtester.text import counted, percent
from backtester.times import step
from data.checks.findings import (
    DAY,
    ERROR,
    INFO,
    MILLISECOND,
    WARNING,
    Bools,
    Finding,
    Ints,
    Limits,
    Rows,
    between,
    moment,
    places,
    runs,
)
from data.quality import LONGEST_ALIGNED, stands_still
from data.series import OHLC, TIME, Series

USUAL_WINDOW = 500  # bars in which a move is usual or not
LEAST = 50  # bars that tell
NORMAL = 1.4826  # standard deviation of a normal variable over the median of its absolute value

Floats = NDArray[np.float64]


def check_candles(series: Series, rows: Rows, other: Rows | None, limits: Limits) -> list[Finding]:
    """Return what is odd about sorted candles by themselves; gaps are told by the entry.

    Parameters
    ----------
    series : Series
    rows : DataFrame
    other : DataFrame or None
        The mark candles of trade candles, and the other way round: what both show, happened.
    limits : Limits
    """
    time = rows[TIME].to_numpy()
    opened, high, low, close = (rows[name].to_numpy() for name in OHLC)
    found = [*_grid(series, time), *_order(series, time, opened, high, low, close)]
    found += _frozen(series, time, high, low, close, limits)
    if series.kind == "trade":
        found += _volume(series, time, high > low, rows["volume"].to_numpy())
    return found + _outside(series, rows, other, limits)


def check_beside_mark(series: Series, rows: Rows, mark: Rows | None, limits: Limits) -> list[Finding]:
    """Return where trade candles have no mark, and where they leave it."""
    if mark is None:
        said = "no mark candles: liquidations are triggered by trade prices"
        return [Finding(series, WARNING, "mark", said, len(rows))]
    both = rows.merge(mark, on=TIME, how="left", suffixes=("", "_mark"))
    time = both[TIME].to_numpy()
    found = _without_mark(series, time, both["close_mark"].isna().to_numpy(), int(mark[TIME].iloc[-1]))
    copied = np.logical_and.reduce([(both[name] == both[f"{name}_mark"]).to_numpy() for name in OHLC])
    if copied.sum() > len(copied) / 2:
        said = f"the mark candles are copies of the trade candles in {counted(int(copied.sum()), 'bar')}"
        found.append(Finding(series, WARNING, "mark", said, int(copied.sum()), int(time[np.argmax(copied)])))
    for name, sign in (("low", -1.0), ("high", 1.0)):
        away = sign * (both[name].to_numpy() / both[f"{name}_mark"].to_numpy() - 1.0)
        bad = np.flatnonzero(np.nan_to_num(away) > limits.spike)
        if len(bad):
            worst = int(bad[np.argmax(away[bad])])
            side = "below" if sign < 0 else "above"
            said = (
                f"{counted(len(bad), f'trade {name}')} more than {percent(limits.spike)} {side} that of the mark, "
                f"the furthest {percent(float(away[worst]))} at {moment(int(time[worst]))}"
            )
            found.append(Finding(series, WARNING, "spikes", said, len(bad), int(time[worst])))
    return found


def _without_mark(series: Series, time: Ints, lacks: Bools, last: int) -> list[Finding]:
    """Tell bars without a mark; that it ended within the last day of the trade candles is only to be known."""
    if not lacks.any():
        return []
    starts, ends = runs(lacks)
    longest = int(np.argmax(ends - starts))
    where = between(int(time[starts[longest]]), int(time[ends[longest]]))
    if len(starts) > 1:
        where = f"in {len(starts):,} places, the most in a row {where}"
    said = f"no mark for {counted(int(lacks.sum()), 'bar')} {where}"
    short = len(starts) == 1 and time[starts[0]] > last and time[-1] - last <= DAY
    return [Finding(series, INFO if short else WARNING, "mark", said, int(lacks.sum()), int(time[starts[longest]]))]


def _grid(series: Series, time: Ints) -> list[Finding]:
    size = step(series.timeframe)
    off = np.flatnonzero(time * MILLISECOND % size != 0) if size <= LONGEST_ALIGNED else np.array([], dtype=np.int64)
    if not len(off):
        return []
    said = f"{counted(len(off), 'bar is', 'bars are')} not on the {series.timeframe} grid: {places(time, off)}"
    return [Finding(series, ERROR, "grid", said, len(off), int(time[off[0]]))]


def _order(series: Series, time: Ints, opened: Floats, high: Floats, low: Floats, close: Floats) -> list[Finding]:
    bad = np.flatnonzero((high < np.maximum(opened, close)) | (low > np.minimum(opened, close)) | (low <= 0))
    if not len(bad):
        return []
    said = f"{counted(len(bad), 'bar has', 'bars have')} a high below, a low above, or a price not above 0: "
    return [Finding(series, ERROR, "prices", said + places(time, bad), len(bad), int(time[bad[0]]))]


def _frozen(series: Series, time: Ints, high: Floats, low: Floats, close: Floats, limits: Limits) -> list[Finding]:
    starts, ends = runs(stands_still(high, low, close))
    long = np.flatnonzero(ends - starts + 1 >= limits.frozen)
    if not len(long):
        return []
    bars = int(np.sum(ends[long] - starts[long] + 1))
    longest = long[np.argmax(ends[long] - starts[long])]
    most = int(ends[longest] - starts[longest] + 1)
    first = int(time[starts[longest]])
    where = f"{most:,} in a row from {moment(first)}"
    if len(long) > 1:
        where = f"at {len(long):,} places, at most {where}"
    said = f"the price stands still in {counted(bars, 'bar')}: {where}"
    return [Finding(series, WARNING, "frozen", said, bars, first)]


def _volume(series: Series, time: Ints, moves: Bools, volume: Floats) -> list[Finding]:
    if np.isnan(volume).all():
        return [Finding(series, INFO, "volume", "no volume is known", len(volume))]
    found = []
    for rows, severity, verb, said in (
        (np.flatnonzero((volume == 0) & moves), WARNING, ("moves", "move"), "without volume"),
        (np.flatnonzero((volume == 0) & ~moves), INFO, ("is", "are"), "without volume"),
        (np.flatnonzero(np.isnan(volume)), INFO, ("is", "are"), "of unknown volume"),
    ):
        if len(rows):
            text = f"{counted(len(rows), f'bar {verb[0]}', f'bars {verb[1]}')} {said}: {places(time, rows)}"
            found.append(Finding(series, severity, "volume", text, len(rows), int(time[rows[0]])))
    return found


def _outside(series: Series, rows: Rows, other: Rows | None, limits: Limits) -> list[Finding]:
    """Tell bars far outside of both neighbours; where the other price went there too, that is only to be known."""
    time = rows[TIME].to_numpy()
    away, move = _away(series, rows)
    bad = np.flatnonzero(away > limits.sigma)
    shared = np.zeros(len(bad), dtype=bool)
    if other is not None and len(bad):
        theirs, _ = _away(series, other)
        shared = np.isin(time[bad], other[TIME].to_numpy()[theirs > limits.sigma / 2])
    found = []
    what = "the mark" if series.kind == "trade" else "the trade price"
    for those, severity, too in ((bad[~shared], WARNING, ""), (bad[shared], INFO, f", and so does {what}")):
        if len(those):
            worst = int(those[np.argmax(away[those])])
            size, side = percent(abs(float(move[worst]))), "above" if move[worst] > 0 else "below"
            said = (
                f"{counted(len(those), 'bar stands', 'bars stand')} more than {limits.sigma:g} sigma outside of both "
                f"neighbours{too}: the furthest {size} {side} ({away[worst]:.0f} sigma) at {moment(int(time[worst]))}"
            )
            found.append(Finding(series, severity, "outside", said, len(those), int(time[worst])))
    return found


def _away(series: Series, rows: Rows) -> tuple[Floats, Floats]:
    """Return by how many sigma each bar's high or low stands outside of both neighbours', and by which fraction.

    Sigma is that of the moves from close to close around the bar, by their median, which no single bar can move.
    """
    away, move = np.zeros(len(rows)), np.zeros(len(rows))
    time = rows[TIME].to_numpy()
    if len(rows) < LEAST or (rows["low"] <= 0).any():
        return away, move
    high, low = (np.log(rows[name].to_numpy()) for name in ("high", "low"))
    above = high[1:-1] - np.maximum(high[:-2], high[2:])
    below = np.minimum(low[:-2], low[2:]) - low[1:-1]
    size = step(series.timeframe) // MILLISECOND
    beside = (np.diff(time)[:-1] == size) & (np.diff(time)[1:] == size)
    usual = _usual_move(np.log(rows["close"].to_numpy()))[1:-1]
    known = beside & (usual > 0)
    away[1:-1][known] = np.maximum(np.maximum(above, below)[known], 0.0) / usual[known]
    move[1:-1] = np.where(above > below, np.expm1(above), np.expm1(-below))
    return away, move


def _usual_move(close: Floats) -> Floats:
    """Return the standard deviation of a bar's move around each bar, by the median of the absolute moves."""
    import pandas as pd

    moves = np.abs(np.diff(close, prepend=close[0]))
    around = pd.Series(moves).rolling(USUAL_WINDOW, center=True, min_periods=LEAST // 2).median()
    return NORMAL * around.ffill().bfill().to_numpy()
