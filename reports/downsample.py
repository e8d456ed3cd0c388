"""Fewer points for the same picture: the least and the greatest of each pixel column stay."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

__all__ = ["columns_of", "envelope", "extremes", "lowest", "means"]


def columns_of(x: ArrayLike, columns: int) -> NDArray[np.int64]:
    """Return the pixel column of each point, equal widths of `x` from its first to its last value.

    Parameters
    ----------
    x : float64 array, (n,)
        Ascending.
    columns : int
        Number of pixel columns.
    """
    at = np.asarray(x, dtype=np.float64)
    width = at[-1] - at[0] if at.size else 0.0
    if width <= 0.0:
        return np.zeros(at.size, dtype=np.int64)
    return np.minimum(((at - at[0]) / width * columns).astype(np.int64), columns - 1)


def extremes(x: ArrayLike, y: ArrayLike, columns: int) -> NDArray[np.int64]:
    """Return the points to draw: each column's first least and first greatest, the two ends, and each gap.

    Infinite values count as extremes. A run of nan keeps one point per column, so that the line stays broken there.

    Parameters
    ----------
    x : float64 array, (n,)
        Ascending.
    y : float64 array, (n,)
        Value at each x; nan is a gap.
    columns : int
        Number of pixel columns.

    Returns
    -------
    int64 array, (<= 3 * columns + 2,)
        Ascending positions, each once; all of them if there are no more than twice as many points as columns.
    """
    value = np.asarray(y, dtype=np.float64)
    n = value.size
    if n <= 2 * columns:
        return np.arange(n)
    column = columns_of(x, columns)
    kept = [np.array([0, n - 1]), _least(column, value), _least(column, -value)]
    gaps = np.flatnonzero(np.isnan(value))
    kept.append(gaps[_firsts(column[gaps])])
    return np.unique(np.concatenate(kept))


def lowest(x: ArrayLike, y: ArrayLike, columns: int) -> NDArray[np.int64]:
    """Return the first least point of each pixel column; all points if there are no more than columns.

    Parameters
    ----------
    x : float64 array, (n,)
        Ascending.
    y : float64 array, (n,)
        Value at each x; nan is never the least.
    columns : int
        Number of pixel columns.
    """
    value = np.asarray(y, dtype=np.float64)
    return np.arange(value.size) if value.size <= columns else _least(columns_of(x, columns), value)


def _least(column: NDArray[np.int64], value: Floats) -> NDArray[np.int64]:
    """Return the position of the least value of each column, of equals the first; columns ascend."""
    known = np.flatnonzero(~np.isnan(value))
    if not known.size:
        return known
    starts = np.flatnonzero(_firsts(column[known]))
    least = np.minimum.reduceat(value[known], starts)
    hits = known[value[known] == np.repeat(least, np.diff(np.append(starts, known.size)))]
    return hits[_firsts(column[hits])]


def _firsts(column: NDArray[np.int64]) -> NDArray[np.bool_]:
    first = np.ones(column.size, dtype=np.bool_)
    first[1:] = column[1:] != column[:-1]
    return first


def envelope(x: ArrayLike, low: ArrayLike, high: ArrayLike, columns: int) -> tuple[Floats, Floats, Floats]:
    """Return x, the least of `low` and the greatest of `high` of each pixel column, for a filled band.

    Parameters
    ----------
    x : float64 array, (n,)
        Ascending.
    low, high : float64 array, (n,)
        Bounds at each x, without nan.
    columns : int
        Number of pixel columns.
    """
    at, lower, upper = (np.asarray(a, dtype=np.float64) for a in (x, low, high))
    if at.size <= 2 * columns:
        return at, lower, upper
    starts = np.flatnonzero(_firsts(columns_of(at, columns)))
    middle = at[starts]
    middle[-1] = at[-1]
    return middle, np.minimum.reduceat(lower, starts), np.maximum.reduceat(upper, starts)


def means(x: ArrayLike, y: ArrayLike, columns: int) -> Floats:
    """Return the mean of `y`, without nan, in each pixel column that `envelope` returns."""
    at, value = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if at.size <= 2 * columns:
        return value
    starts = np.flatnonzero(_firsts(columns_of(at, columns)))
    return np.add.reduceat(value, starts) / np.diff(np.append(starts, at.size))
