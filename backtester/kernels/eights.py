"""Sums and extremes of rows of ``8*n`` numbers: loops as in `loops`, which go over a row once and leave `n` numbers.

The first number left is made of the first of each eighth of the row, and so on. For sums, eighths half a row apart come
together first, then those a quarter apart: it is what halving the row three times comes to, digit for digit.
"""

from backtester.kernels._jit import kernel, loop


@kernel
def total(a, b, c, d, e, f, g, h):
    """Sum of eight numbers, by halves."""
    return ((a + e) + (c + g)) + ((b + f) + (d + h))


@kernel
def lowest(a, b, c, d, e, f, g, h):
    """The smallest of eight numbers."""
    return min(min(min(a, b), min(c, d)), min(min(e, f), min(g, h)))


@kernel
def highest(a, b, c, d, e, f, g, h):
    """The largest of eight numbers."""
    return max(max(max(a, b), max(c, d)), max(max(e, f), max(g, h)))


@kernel
def square(value):
    """``value**2``."""
    return value * value


@kernel
def loss(value):
    """``min(value, 0)**2``."""
    return square(min(value, 0.0))


@loop
def write_lowest(low, row, n):
    """The smallest numbers."""
    for k in range(n):
        a, b, c, d = row[k], row[k + n], row[k + 2 * n], row[k + 3 * n]
        e, f, g, h = row[k + 4 * n], row[k + 5 * n], row[k + 6 * n], row[k + 7 * n]
        low[k] = lowest(a, b, c, d, e, f, g, h)


@loop
def write_highest(high, row, n):
    """The largest numbers."""
    for k in range(n):
        a, b, c, d = row[k], row[k + n], row[k + 2 * n], row[k + 3 * n]
        e, f, g, h = row[k + 4 * n], row[k + 5 * n], row[k + 6 * n], row[k + 7 * n]
        high[k] = highest(a, b, c, d, e, f, g, h)


@loop
def write_totals(sums, row, n):
    """The sums."""
    for k in range(n):
        a, b, c, d = row[k], row[k + n], row[k + 2 * n], row[k + 3 * n]
        e, f, g, h = row[k + 4 * n], row[k + 5 * n], row[k + 6 * n], row[k + 7 * n]
        sums[k] = total(a, b, c, d, e, f, g, h)


@loop
def write_spreads(squares, losses, row, middle, n):
    """The sums of squared distances from `middle`, and of the squares of what is below 0."""
    for k in range(n):
        a, b, c, d = row[k], row[k + n], row[k + 2 * n], row[k + 3 * n]
        e, f, g, h = row[k + 4 * n], row[k + 5 * n], row[k + 6 * n], row[k + 7 * n]
        losses[k] = total(loss(a), loss(b), loss(c), loss(d), loss(e), loss(f), loss(g), loss(h))
        a, b, c, d = square(a - middle), square(b - middle), square(c - middle), square(d - middle)
        e, f, g, h = square(e - middle), square(f - middle), square(g - middle), square(h - middle)
        squares[k] = total(a, b, c, d, e, f, g, h)
