"""The stationary bootstrap: which bars follow each other, and how long blocks are on average.

Sources: D. N. Politis and J. P. Romano, "The stationary bootstrap", JASA 89 (1994); D. N. Politis and H. White,
"Automatic block-length selection for the dependent bootstrap", Econometric Reviews 23 (2004), with the correction by
A. Patton, D. N. Politis and H. White, Econometric Reviews 28 (2009).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backtester._fields import Check, number
from backtester.market import Market

__all__ = ["block_length", "block_within", "draw_rows", "market_block_length"]

Floats = NDArray[np.float64]
LEAST = 16  # values below which autocorrelations say nothing


def draw_rows(n: int, block: float, seed: int, draw: int) -> NDArray[np.int64]:
    """Return which rows of ``0 ... n - 1`` a draw is made of, (n,).

    A block begins at any row with the same probability and goes on, from the last row to the first, until another
    begins, which happens at each step with probability ``1 / block``: lengths are geometric with that mean.

    Parameters
    ----------
    n : int
    block : float
        Mean length, at least 1.
    seed, draw : int
        Each draw of a seed has a stream of its own: draw 7 is the same however many others there are.
    """
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(draw,))))
    begins = random.random(n) < 1.0 / block
    begins[0] = True
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=n)
    first = random.integers(0, n, len(starts))
    return (np.arange(n) + np.repeat(first - starts, lengths)) % n


def block_within(n_bars: int) -> Check:
    """Return a check for a mean length of blocks in a market of so many bars."""
    return number(f"bars from 1 to the {n_bars:,} of the market", lambda value: 1 <= value <= n_bars)


def market_block_length(market: Market) -> float:
    """Return the block length that a market asks for: the longest of those of its instruments [bars].

    Of each, the log returns of closes and their sizes are asked: returns alone hardly depend on each other, and would
    tear apart the clusters of large moves in which positions are liquidated.
    """
    longest = 1.0
    for i in range(market.n_instruments):
        close = market.close[:, i]
        returns = np.diff(np.log(close[~np.isnan(close)]))
        longest = max(longest, block_length(returns), block_length(np.abs(returns)))
    return longest


def block_length(series: Floats) -> float:
    """Return the mean block length that makes the variance of a bootstrapped mean best.

    ``b = (2 G^2 / D)^(1/3) N^(1/3)`` with ``G = sum |k| w(k/M) R(k)`` and ``D = 2 (sum w(k/M) R(k))^2`` over
    ``k = -M ... M``; ``R`` are autocovariances, ``w(x) = 1`` up to ``|x| = 1/2`` and ``2 (1 - |x|)`` from there to 1.
    ``M = 2 m``, and ``m`` is the first lag after which ``K = max(5, ceil(sqrt(log10 N)))`` autocorrelations in a row
    are below ``2 sqrt(log10(N) / N)``. ``b`` is at least 1 and at most ``min(3 sqrt(N), N / 3)``, rounded up.

    Parameters
    ----------
    series : float64 array, (N,)
    """
    n = len(series)
    if n < LEAST or np.ptp(series) == 0.0:
        return 1.0
    most = math.ceil(math.sqrt(n)) + _in_a_row(n)
    covariance = _autocovariance(series, min(most, n - 1))
    window = min(2 * max(_last_lag(covariance / covariance[0], n), 1), len(covariance) - 1)
    lags = np.arange(1, window + 1)
    weighted = np.minimum(1.0, 2.0 * (1.0 - lags / window)) * covariance[1 : window + 1]
    spectrum = covariance[0] + 2.0 * weighted.sum()
    longest = float(math.ceil(min(3.0 * math.sqrt(n), n / 3.0)))
    if spectrum == 0.0:
        return longest
    ratio = 2.0 * float((lags * weighted).sum()) / spectrum  # 2 G^2 / D = (G / spectrum)^2
    return float(min(max(1.0, (ratio**2 * n) ** (1.0 / 3.0)), longest))


def _in_a_row(n: int) -> int:
    return max(5, math.ceil(math.sqrt(math.log10(n))))


def _last_lag(correlation: Floats, n: int) -> int:
    """Return the first lag after which a row of autocorrelations is small; the last large one if there is no row."""
    small = np.abs(correlation[1:]) < 2.0 * math.sqrt(math.log10(n) / n)
    row = _in_a_row(n)
    runs = np.convolve(small, np.ones(row, int), "valid") == row
    if runs.any():
        return int(np.argmax(runs))
    large = np.flatnonzero(~small)
    return int(large[-1]) + 1 if len(large) else 0


def _autocovariance(series: Floats, most: int) -> Floats:
    """Return ``sum_t (x[t] - mean)(x[t+k] - mean) / N`` for k from 0 to `most`."""
    centred = series - series.mean()
    size = 1 << (len(series) + most).bit_length()
    transformed = np.fft.rfft(centred, size)
    return np.asarray(np.fft.irfft(transformed * transformed.conj(), size)[: most + 1] / len(series))
