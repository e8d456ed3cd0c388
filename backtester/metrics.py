"""Measures of one run: pure functions of arrays.

Rules that hold for all of them:

* An undefined number is nan, never a stand-in: a Sharpe ratio without volatility, a Calmar ratio without a drawdown.
* ``start`` is the equity before the first bar, so that the first bar's gain or loss counts.
* Ruin is the first bar whose equity is at most ``RUIN`` of ``start``. What follows is not part of the record: the
  return of the ruin bar is -1, later returns are left out, and the total return is -1 even if the equity recovers.
* Returns and drawdowns are fractions. A year has 365.25 days; the market never closes.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

YEAR = 365.25 * 86_400 * 1e9  # [ns]
RUIN = 1e-9  # of the starting balance; the margin model calls an account bankrupt at the same line
NO_SPREAD = 1e-12  # returns whose spread is below this share of their size do not vary: the rest is rounding
NAN = math.nan


def time_of_ruin(equity: Floats, start: float) -> int | None:
    """Return the first bar with ``equity <= RUIN * start``, or None.

    Parameters
    ----------
    equity : float64 array, (n_bars,) [quote]
        Equity at each close.
    start : float [quote]
        Equity before the first bar.
    """
    ruined = np.asarray(equity) <= RUIN * start
    return int(ruined.argmax()) if ruined.any() else None


def equity_path(equity: Floats, start: float) -> Floats:
    """Return ``[start, equity...]`` with 0 from the ruin bar on, (n_bars + 1,) [quote]."""
    path = np.concatenate(([start], np.asarray(equity, dtype=np.float64)))
    ruin = time_of_ruin(equity, start)
    if ruin is not None:
        path[ruin + 1 :] = 0.0
    return path


def returns(equity: Floats, start: float) -> Floats:
    """Return ``equity[t] / equity[t-1] - 1`` up to and with the ruin bar, whose return is -1; (<= n_bars,) [1]."""
    path = equity_path(equity, start)
    ruin = time_of_ruin(equity, start)
    if ruin is not None:
        path = path[: ruin + 2]
    return path[1:] / path[:-1] - 1.0


def total_return(equity: Floats, start: float) -> float:
    """Return ``equity[-1] / start - 1``; -1 after ruin; nan without bars [fraction]."""
    path = equity_path(equity, start)
    return float(path[-1] / start - 1.0) if path.size > 1 else NAN


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
    path = equity_path(equity, start)
    peaks = np.maximum.accumulate(path)
    depth = path[1:] / peaks[1:] - 1.0
    if equity_low is not None:
        depth = np.minimum(depth, np.asarray(equity_low, dtype=np.float64) / peaks[:-1] - 1.0)
    return np.maximum(depth, -1.0)


def max_drawdown(equity: Floats, start: float, equity_low: Floats | None = None) -> float:
    """Return the deepest point under water, ``-min(underwater)``; 0 if there is none, nan without bars [fraction].

    Without lows it is the drawdown on closes. With lows it is the drawdown inside bars: the peak is still one of
    closes, because a high and a low of the same bar have no known order.
    """
    depth = underwater(equity, start, equity_low)
    return float(max(0.0, -depth.min())) if depth.size else NAN


def drawdown_span(equity: Floats, start: float) -> tuple[int, int, bool]:
    """Return the longest drawdown on closes: bar of its peak, bar of its end, and whether it was made good.

    It runs from a peak to the first close at or above it; one that is still open runs to the last bar. The peak is
    -1 if it is the starting balance. Of equal lengths the first counts. Without a drawdown both bars are -1.
    """
    path = equity_path(equity, start)
    tops = np.flatnonzero(path >= np.maximum.accumulate(path))
    ends = np.append(tops[1:], path.size - 1)
    lengths = ends - tops
    lengths[:-1][lengths[:-1] == 1] = 0  # from one top straight to the next
    longest = int(np.argmax(lengths))
    if lengths[longest] == 0:
        return -1, -1, True
    return int(tops[longest]) - 1, int(ends[longest]) - 1, longest + 1 < tops.size


def drawdown_length(equity: Floats, start: float) -> int:
    """Return the bars from the peak to the recovery (or to the last bar) of the longest drawdown [bars]."""
    peak, end, _ = drawdown_span(equity, start)
    return end - peak


def drawdown_time(equity: Floats, start: float, open_time: NDArray[np.int64], close_time: NDArray[np.int64]) -> int:
    """Return the time from the peak to the recovery (or to the last close) of the longest drawdown [ns].

    A close is reached at ``close_time``; the starting balance is held at ``open_time[0]``. Longest means most bars.
    """
    peak, end, _ = drawdown_span(equity, start)
    if end == peak:
        return 0
    began = open_time[0] if peak < 0 else close_time[peak]
    return int(close_time[end] - began)


def bars_per_year(timeframe: int) -> float:
    """Return ``365.25 days / timeframe`` [bars]; nan for an unknown timeframe (0, a lone bar) [ns]."""
    return YEAR / timeframe if timeframe > 0 else NAN


def volatility(equity: Floats, start: float, timeframe: int) -> float:
    """Return ``std(returns, ddof=1) * sqrt(bars per year)``; nan with fewer than two returns [fraction a year]."""
    changes = returns(equity, start)
    if changes.size < 2:
        return NAN
    return float(changes.std(ddof=1) * math.sqrt(bars_per_year(timeframe)))


def sharpe(equity: Floats, start: float, timeframe: int) -> float:
    """Return ``mean(returns) / std(returns, ddof=1) * sqrt(bars per year)``, riskless rate 0.

    nan with fewer than two returns, or when they do not vary.
    """
    changes = returns(equity, start)
    if changes.size < 2:
        return NAN
    spread = changes.std(ddof=1)
    if spread <= NO_SPREAD * np.abs(changes).max():
        return NAN
    return float(changes.mean() / spread * math.sqrt(bars_per_year(timeframe)))


def sortino(equity: Floats, start: float, timeframe: int) -> float:
    """Return ``mean(returns) / sqrt(mean(min(returns, 0)^2)) * sqrt(bars per year)``, target 0.

    nan with fewer than two returns, or when none is negative.
    """
    changes = returns(equity, start)
    if changes.size < 2 or not (changes < 0.0).any():
        return NAN
    downside = math.sqrt(float(np.mean(np.minimum(changes, 0.0) ** 2)))
    return float(changes.mean() / downside * math.sqrt(bars_per_year(timeframe))) if downside > 0.0 else NAN


def annual_return(equity: Floats, start: float, timeframe: int) -> float:
    """Return ``(1 + total return)^(bars per year / n_bars) - 1``; -1 after ruin; nan when it overflows."""
    total = total_return(equity, start)
    if math.isnan(total):
        return NAN
    try:
        return float((1.0 + total) ** (bars_per_year(timeframe) / len(equity)) - 1.0)
    except OverflowError:
        return NAN


def calmar(equity: Floats, start: float, timeframe: int) -> float:
    """Return the annual return over the maximum drawdown on closes; nan without a drawdown."""
    deepest = max_drawdown(equity, start)
    return annual_return(equity, start, timeframe) / deepest if deepest > 0.0 else NAN


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


def return_on_margin(equity: Floats, start: float, initial_margin: Floats) -> float:
    """Return ``(equity[-1] - start) / mean margin in use``; nan when no margin was ever in use at a close.

    After ruin the profit is ``-start``, as in `total_return`.
    """
    mean = mean_margin_in_use(initial_margin)
    return total_return(equity, start) * start / mean if mean > 0.0 else NAN


def difference(first: Any, second: Any) -> float:
    """Return ``first - second``, nan when either is undefined or both are infinite."""
    if math.isinf(first) and math.isinf(second):
        return NAN
    return float(first) - float(second)
