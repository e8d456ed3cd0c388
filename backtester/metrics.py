"""Measures of one run: pure functions of what its equity curve comes to, see `backtester.running.curve.summary_of`.

Rules that hold for all of them:

* An undefined number is nan, never a stand-in: a Sharpe ratio without volatility, a Calmar ratio without a drawdown.
* The starting balance is the equity before the first bar, so that the first bar's gain or loss counts.
* Ruin is the first bar whose equity is at most ``RUIN`` of it. What follows is not part of the record: the
  return of the ruin bar is -1, later returns are left out, and the total return is -1 even if the equity recovers.
* Returns and drawdowns are fractions. A year has 365.25 days; the market never closes.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtester.running.curve import RUIN, CurveSummary

Floats = NDArray[np.float64]

YEAR = 365.25 * 86_400 * 1e9  # [ns]
NO_SPREAD = 1e-12  # returns whose spread is below this share of their mean do not vary: the rest is rounding
NAN = math.nan


def total_return(curve: CurveSummary) -> float:
    """Return ``final / start - 1``; -1 after ruin; nan without bars [fraction]."""
    return curve.final / curve.start - 1.0 if curve.ruin is None else -1.0


def max_drawdown(curve: CurveSummary) -> float:
    """Return the deepest fall of a close below the highest close before; 0 without one, nan without bars [fraction]."""
    return curve.drawdown if curve.n_bars else NAN


def max_drawdown_in_bars(curve: CurveSummary) -> float:
    """Return the same of the lows; nan where they are not recorded [fraction].

    The peak is still one of closes, because a high and a low of the same bar have no known order.
    """
    return curve.drawdown_in_bars if curve.n_bars else NAN


def underwater(equity: Floats, start: float, equity_low: Floats | None = None) -> Floats:
    """Return the distance of each bar from the highest close so far, as a fraction at most 0.

    ``equity[t] / max(start, equity[0..t]) - 1``, or with lows, since the low may come before the close,
    ``min(equity_low[t], equity[t]) / max(start, equity[0..t-1]) - 1`` where that is lower. From the ruin bar on: -1,
    and never below: no more than everything can be lost.

    Parameters
    ----------
    equity, equity_low : float64 array, (n_bars,) [quote]
        Equity at each close, and the lowest inside each bar.
    start : float [quote]
        Equity before the first bar.

    Returns
    -------
    float64 array, (n_bars,) [fraction]
    """
    path = np.concatenate(([start], np.asarray(equity, dtype=np.float64)))
    ruined = path <= RUIN * start
    if ruined.any():
        path[ruined.argmax() :] = 0.0
    peaks = np.maximum.accumulate(path)
    depth = path[1:] / peaks[1:] - 1.0
    if equity_low is not None:
        depth = np.minimum(depth, np.asarray(equity_low, dtype=np.float64) / peaks[:-1] - 1.0)
    return np.maximum(depth, -1.0)


def drawdown_length(curve: CurveSummary) -> int:
    """Return the bars from the peak to the recovery (or to the last bar) of the longest drawdown [bars].

    It runs from a peak to the first close at or above it. Of equal lengths the first counts.
    """
    return curve.end - curve.peak


def drawdown_time(curve: CurveSummary, open_time: NDArray[np.int64], close_time: NDArray[np.int64]) -> int:
    """Return the time from the peak to the recovery (or to the last close) of the longest drawdown [ns].

    A close is reached at ``close_time``; the starting balance is held at ``open_time[0]``. Longest means most bars.
    """
    if curve.end == curve.peak:
        return 0
    began = open_time[0] if curve.peak < 0 else close_time[curve.peak]
    return int(close_time[curve.end] - began)


def bars_per_year(timeframe: int) -> float:
    """Return ``365.25 days / timeframe`` [bars]; nan for an unknown timeframe (0, a lone bar) [ns]."""
    return YEAR / timeframe if timeframe > 0 else NAN


def volatility(curve: CurveSummary, timeframe: int) -> float:
    """Return ``std(returns, ddof=1) * sqrt(bars per year)``; nan with fewer than two returns [fraction a year]."""
    return _spread(curve) * math.sqrt(bars_per_year(timeframe))


def sharpe(curve: CurveSummary, timeframe: int) -> float:
    """Return ``mean(returns) / std(returns, ddof=1) * sqrt(bars per year)``, riskless rate 0.

    nan with fewer than two returns, or when they do not vary.
    """
    spread = _spread(curve)
    if not spread > NO_SPREAD * abs(curve.mean):
        return NAN
    return curve.mean / spread * math.sqrt(bars_per_year(timeframe))


def _spread(curve: CurveSummary) -> float:
    return math.sqrt(curve.squares / (curve.n_returns - 1)) if curve.n_returns > 1 else NAN


def sortino(curve: CurveSummary, timeframe: int) -> float:
    """Return ``mean(returns) / sqrt(mean(min(returns, 0)^2)) * sqrt(bars per year)``, target 0.

    nan with fewer than two returns, or when none is negative.
    """
    if curve.n_returns < 2 or curve.downside_squares == 0.0:
        return NAN
    return curve.mean / math.sqrt(curve.downside_squares / curve.n_returns) * math.sqrt(bars_per_year(timeframe))


def annual_return(curve: CurveSummary, timeframe: int) -> float:
    """Return ``(1 + total return)^(bars per year / n_bars) - 1``; -1 after ruin; nan when it overflows."""
    total = total_return(curve)
    if math.isnan(total):
        return NAN
    try:
        return float((1.0 + total) ** (bars_per_year(timeframe) / curve.n_bars) - 1.0)
    except OverflowError:
        return NAN


def calmar(curve: CurveSummary, timeframe: int) -> float:
    """Return the annual return over the maximum drawdown on closes; nan without a drawdown."""
    return annual_return(curve, timeframe) / curve.drawdown if curve.drawdown > 0.0 else NAN


def closest_distance_to_liquidation(mark_close: Floats, liquidation_price: Floats, quantity: Floats) -> float:
    """Return the smallest ``|mark - liquidation price| / mark`` of an open position at a close; nan if none.

    In a cross pool the liquidation price is that of the slot's instrument moving alone.

    Parameters
    ----------
    mark_close, liquidation_price : float64 array, (n_bars,) or (n_bars, n_slots) [quote/base]
        Mark at each close; the liquidation price there, nan where there is none.
    quantity : float64 array, same shape [base or contracts]
        Signed position at each close.
    """
    distance = np.abs(mark_close - liquidation_price) / mark_close
    known = (quantity != 0.0) & np.isfinite(distance)
    return float(distance[known].min()) if known.any() else NAN


def peak_margin_in_use(initial_margin: Floats) -> float:
    """Return the largest of ``initial_margin`` (n_bars,) [quote], that of all pools at each close; nan without bars."""
    return float(np.max(initial_margin)) if len(initial_margin) else NAN


def mean_margin_in_use(initial_margin: Floats) -> float:
    """Return the mean over all bars, flat ones too, of ``initial_margin`` (n_bars,) [quote]; nan without bars."""
    return float(np.mean(initial_margin)) if len(initial_margin) else NAN


def return_on_margin(curve: CurveSummary, initial_margin: Floats) -> float:
    """Return ``(final - start) / mean margin in use``; nan when no margin was ever in use at a close.

    After ruin the profit is ``-start``, as in `total_return`.
    """
    mean = mean_margin_in_use(initial_margin)
    return total_return(curve) * curve.start / mean if mean > 0.0 else NAN


def difference(first: Any, second: Any) -> float:
    """Return ``first - second``, nan when either is undefined or both are infinite."""
    if math.isinf(first) and math.isinf(second):
        return NAN
    return float(first) - float(second)
