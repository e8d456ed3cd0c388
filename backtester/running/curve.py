"""What an equity curve comes to: the few numbers of it that all measures are made of, taken in one pass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.kernels.tally import tally
from backtester.schema import NO_BAR, NO_STRETCHES, TALLY, TALLY_BLOCK, Bars, Curves, Tallied

__all__ = ["RUIN", "CurveSummary", "empty_tally", "summary_of", "summary_of_tally"]

Floats = NDArray[np.float64]

NO_BARS = Bars(*np.empty((len(Bars._fields), 0, 0)))  # for curves that tell all by themselves

RUIN = 1e-9  # of the starting balance; the margin model calls an account bankrupt at the same line


class CurveSummary(NamedTuple):
    """An equity curve in a few numbers; what follows the bar of ruin is in none but `final`.

    A return is ``equity[t] / equity[t-1] - 1``, in the bar of ruin -1.

    Parameters
    ----------
    start : float [quote]
        Equity before the first bar.
    n_bars : int
    final : float [quote]
        Equity at the last close; nan without bars.
    ruin : int or None
        First bar with ``equity <= RUIN * start``.
    drawdown : float [fraction]
        Deepest fall of a close below the highest close before it, at most 1.
    drawdown_in_bars : float [fraction]
        The same of lows and closes; nan where lows are not recorded.
    peak, end : int
        Bars between which the longest drawdown on closes lies; -1 is the starting balance. Equal: there is none.
    recovered : bool
        Whether that one was made good.
    n_returns : int
    mean : float
        Of the returns.
    squares : float
        Sum of their squared deviations from the mean.
    downside_squares : float
        Sum of the squares of those below 0.
    """

    start: float
    n_bars: int
    final: float
    ruin: int | None
    drawdown: float
    drawdown_in_bars: float
    peak: int
    end: int
    recovered: bool
    n_returns: int
    mean: float
    squares: float
    downside_squares: float


def summary_of(equity: Floats, start: float, equity_low: Floats | None = None) -> CurveSummary:
    """Return what a curve comes to.

    Parameters
    ----------
    equity, equity_low : float64 array, (n_bars,) [quote]
        Equity at each close, and the lowest inside each bar.
    start : float [quote]
        Equity before the first bar.
    """
    lows = np.empty(0) if equity_low is None else equity_low
    curves = Curves(_row(equity), _row(lows), np.empty(0), np.empty((0, 0)), NO_STRETCHES)
    tallied = empty_tally(start)
    tally(curves, NO_BARS, tallied, 0, len(curves.equity))
    last = float(curves.equity[-1]) if len(curves.equity) else np.nan
    return summary_of_tally(tallied, last, has_lows=equity_low is not None)


def empty_tally(start: float) -> Tallied:
    """Return the tally of a curve before its first bar."""
    row = np.zeros(1, TALLY)
    row["start"] = row["last"] = row["peak"] = start
    row["ruin_line"] = RUIN * start
    for name in ("ruin", "peak_bar", "longest_from", "longest_to"):
        row[name] = NO_BAR
    return Tallied(row, np.empty(TALLY_BLOCK), np.empty(2 * TALLY_BLOCK))


def summary_of_tally(tallied: Tallied, final: float, *, has_lows: bool) -> CurveSummary:
    """Return what the bars that were taken in come to; `final` is the equity at the last of them."""
    row = dict(zip(TALLY.names or (), tallied.tally[0].tolist(), strict=True))
    peak, end, last = row["longest_from"], row["longest_to"], row["n_bars"] - 1
    open_longest = last - row["peak_bar"] > end - peak
    return CurveSummary(
        start=row["start"],
        n_bars=row["n_bars"],
        final=final,
        ruin=None if row["ruin"] == NO_BAR else row["ruin"],
        drawdown=0.0 - max(row["deepest"], -1.0),
        drawdown_in_bars=0.0 - max(row["deepest_in_bars"], -1.0) if has_lows else np.nan,
        peak=row["peak_bar"] if open_longest else peak,
        end=last if open_longest else end,
        recovered=not open_longest,
        n_returns=row["n_returns"],
        mean=row["mean"],
        squares=row["squares"],
        downside_squares=row["downside_squares"],
    )


def _row(values: Floats) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float64)
