"""A small set of causal indicators: row ``t`` of each depends on rows up to ``t`` only.

All take arrays of shape (n_bars,) or (n_bars, n_instruments) and return float64 of the same shape;
`funding_per_day` takes a market. Missing bars (nan) are left out: the result is nan there, and a
window counts the bars that have a price. Until there are enough of those, the result is nan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backtester.asking.remembering import remembered
from backtester.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

    from backtester.market import Market

Floats = NDArray[np.float64]

_DAY = 86_400_000_000_000  # [ns]

__all__ = [
    "atr",
    "bars_since",
    "ema",
    "funding_per_day",
    "latest",
    "previous",
    "rolling_max",
    "rolling_min",
    "rolling_std",
    "sma",
    "zscore",
]


@remembered
def sma(values: ArrayLike, window: int) -> Floats:
    """Return the simple moving average of the last `window` bars.

    ``sma[t] = sum(values[t-window+1 .. t]) / window``

    Parameters
    ----------
    values : array, (n_bars,) or (n_bars, n_instruments)
    window : int [bars]

    Returns
    -------
    float64 array of the same shape

    Raises
    ------
    ConfigurationError
        If `window` is no whole number of at least 1.
    """
    from backtester.kernels.rolling import rolling_mean

    _check("window", window)
    return _by_kernel(values, lambda mean, column: rolling_mean(mean, column, int(window)))


@remembered
def ema(values: ArrayLike, span: int) -> Floats:
    """Return the exponential moving average; nan until `span` bars are known.

    ``ema[t] = ema[t-1] + 2/(span+1) * (values[t] - ema[t-1])``, starting at the first value.

    Parameters
    ----------
    values : array, (n_bars,) or (n_bars, n_instruments)
    span : int [bars]

    Returns
    -------
    float64 array of the same shape

    Raises
    ------
    ConfigurationError
        If `span` is no whole number of at least 1.
    """
    _check("span", span)
    return _by_column(values, lambda frame: frame.ewm(span=span, adjust=False, min_periods=span).mean())


@remembered
def rolling_max(values: ArrayLike, window: int) -> Floats:
    """Return the highest value of the last `window` bars, this one included.

    Parameters
    ----------
    values : array, (n_bars,) or (n_bars, n_instruments)
    window : int [bars]

    Returns
    -------
    float64 array of the same shape

    Raises
    ------
    ConfigurationError
        If `window` is no whole number of at least 1.
    """
    _check("window", window)
    return _by_column(values, lambda frame: frame.rolling(window).max())


@remembered
def rolling_min(values: ArrayLike, window: int) -> Floats:
    """Return the lowest value of the last `window` bars, this one included.

    Parameters
    ----------
    values : array, (n_bars,) or (n_bars, n_instruments)
    window : int [bars]

    Returns
    -------
    float64 array of the same shape

    Raises
    ------
    ConfigurationError
        If `window` is no whole number of at least 1.
    """
    _check("window", window)
    return _by_column(values, lambda frame: frame.rolling(window).min())


@remembered
def rolling_std(values: ArrayLike, window: int) -> Floats:
    """Return the standard deviation of the last `window` bars.

    ``std[t]^2 = sum((values - sma[t])^2) / window`` over the window (the population's).

    Parameters
    ----------
    values : array, (n_bars,) or (n_bars, n_instruments)
    window : int [bars]

    Returns
    -------
    float64 array of the same shape

    Raises
    ------
    ConfigurationError
        If `window` is no whole number of at least 1.
    """
    _check("window", window)
    out = _by_column(values, lambda frame: frame.rolling(window).std(ddof=0))
    out[rolling_max(values, window) == rolling_min(values, window)] = 0.0  # not what rounding leaves of it
    return out


def zscore(values: ArrayLike, window: int) -> Floats:
    """Return how many standard deviations the value is from its moving average.

    ``zscore = (values - sma) / rolling_std``; nan where the window does not move at all.

    Parameters
    ----------
    values : array, (n_bars,) or (n_bars, n_instruments)
    window : int [bars]

    Returns
    -------
    float64 array of the same shape

    Raises
    ------
    ConfigurationError
        If `window` is no whole number of at least 1.
    """
    given = np.asarray(values, np.float64)
    spread = rolling_std(given, window)
    return (given - sma(given, window)) / np.where(spread == 0.0, np.nan, spread)


def atr(high: ArrayLike, low: ArrayLike, close: ArrayLike, window: int) -> Floats:
    """Return the average true range, smoothed as Wilder does; nan until `window` bars are known.

    ``range[t] = max(high[t], close[t-1]) - min(low[t], close[t-1])`` and
    ``atr[t] = atr[t-1] + (range[t] - atr[t-1]) / window``, starting at ``high[0] - low[0]``.

    Parameters
    ----------
    high, low, close : array, (n_bars,) or (n_bars, n_instruments) [quote/base]
    window : int [bars]

    Returns
    -------
    float64 array of the same shape [quote/base]

    Raises
    ------
    ConfigurationError
        If `window` is no whole number of at least 1.
    """
    _check("window", window)
    before = previous(close)
    true_range = np.fmax(high, before) - np.fmin(low, before)
    true_range[np.isnan(np.asarray(close, np.float64))] = np.nan
    return _by_column(true_range, lambda frame: frame.ewm(alpha=1 / window, adjust=False, min_periods=window).mean())


def previous(values: ArrayLike, bars: int = 1) -> Floats:
    """Return the values of `bars` bars ago: the shift that does not look ahead.

    Parameters
    ----------
    values : array, (n_bars,) or (n_bars, n_instruments)
    bars : int [bars]

    Returns
    -------
    float64 array of the same shape

    Raises
    ------
    ConfigurationError
        If `bars` is no whole number of at least 1.
    """
    _check("bars", bars)
    return _by_column(values, lambda frame: frame.shift(bars))


def latest(values: ArrayLike) -> Floats:
    """Return the last value that was known: what nan stands for where it means "as before".

    Parameters
    ----------
    values : array, (n_bars,) or (n_bars, n_instruments)

    Returns
    -------
    float64 array of the same shape; nan before the first known value
    """
    given = np.asarray(values, np.float64)
    row = _last_row(~np.isnan(given))
    held = np.take_along_axis(given, np.maximum(row, 0), axis=0)
    return np.where(row < 0, np.nan, held)


def bars_since(condition: ArrayLike) -> Floats:
    """Return how many bars ago a condition last held: 0 where it holds, nan before the first time.

    Parameters
    ----------
    condition : bool array, (n_bars,) or (n_bars, n_instruments)

    Returns
    -------
    float64 array of the same shape [bars, missing ones counted]
    """
    given = np.asarray(condition, np.bool_)
    row = _last_row(given)
    return np.where(row < 0, np.nan, _rows(given) - row)


def funding_per_day(market: Market, days: int) -> Floats:
    """Return the funding that longs have paid over the last days, per day.

    The sum of the rates settled from ``close_time[t] - days`` until before ``close_time[t]``, over `days`. A
    settlement at the very close belongs to the next bar, which pays it.

    Parameters
    ----------
    market : Market
    days : int [days]

    Returns
    -------
    float64 array, (n_bars, n_instruments) [fraction of the notional per day]
        nan until the instrument's settlements reach back that far.

    Raises
    ------
    ConfigurationError
        If `days` is no whole number of at least 1.
    """
    _check("days", days, "days")
    out = np.full(market.close.shape, np.nan)
    start = market.close_time - days * _DAY
    for i in range(market.n_instruments):
        mine = market.funding.instrument == i
        time = market.funding.time[mine]
        total = np.concatenate(([0.0], np.cumsum(market.funding.rate[mine])))
        known = start >= time[0] if len(time) else np.zeros(market.n_bars, np.bool_)
        first, last = np.searchsorted(time, start[known]), np.searchsorted(time, market.close_time[known])
        out[known, i] = (total[last] - total[first]) / days
    return out


def _last_row(condition: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the last row up to each at which a condition held, -1 before the first."""
    return np.maximum.accumulate(np.where(condition, _rows(condition), -1), axis=0)


def _rows(values: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1))


def _by_column(values: ArrayLike, apply: Callable[[pd.DataFrame], pd.DataFrame]) -> Floats:
    """Apply a pandas method to each column, as if its missing bars were not there."""
    import pandas as pd

    given = np.asarray(values, np.float64)
    columns = given.reshape(len(given), -1)
    missing = np.isnan(columns)
    whole = ~missing.any(axis=0)
    out = np.full_like(columns, np.nan, order="F")
    if whole.all():
        out[:] = apply(pd.DataFrame(columns)).to_numpy()
        return out.reshape(given.shape)
    for i in range(columns.shape[1]):
        known = ~missing[:, i]
        out[known, i] = apply(pd.DataFrame(columns[known, i])).to_numpy()[:, 0]
    return out.reshape(given.shape)


def _by_kernel(values: ArrayLike, write: Callable[[Floats, Floats], None]) -> Floats:
    """Have a kernel write a result for each column, as if its missing bars were not there."""
    given = np.asarray(values, np.float64)
    columns = given.reshape(len(given), -1)
    out = np.empty_like(columns, order="F")
    for i in range(columns.shape[1]):
        column = np.ascontiguousarray(columns[:, i])
        known = ~np.isnan(column)
        if not known.all():
            column, result = column[known], np.empty(np.count_nonzero(known))
        else:
            column, result = column.view(), out[:, i]
        column.flags.writeable = False  # also one of the author's own: one array type, one compilation
        write(result, column)
        if len(column) < len(known):
            out[:, i] = np.nan
            out[known, i] = result
    return out.reshape(given.shape)


def _check(name: str, value: object, unit: str = "bars") -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ConfigurationError(name, value, f"must be a whole number of {unit}, at least 1")
