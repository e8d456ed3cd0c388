"""A small set of causal indicators: row ``t`` of each depends on rows up to ``t`` only.

All take float64 arrays of shape (n_bars,) or (n_bars, n_instruments) and return the same shape.
Missing bars (nan) are left out: the result is nan there, and a window counts the bars that have a
price. Until there are enough of those, the result is nan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backtester.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

__all__ = [
    "atr",
    "ema",
    "previous",
    "rolling_max",
    "rolling_min",
    "rolling_std",
    "sma",
    "zscore",
]


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
    _check("window", window)
    return _by_column(values, lambda frame: frame.rolling(window).mean())


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
    return _by_column(values, lambda frame: frame.rolling(window).std(ddof=0))


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
    spread[spread == 0.0] = np.nan
    return (given - sma(given, window)) / spread


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


def _check(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ConfigurationError(name, value, "must be a whole number of bars, at least 1")
