"""Windows that move over the bars of one instrument, in one pass."""

from math import isfinite, nan

from backtester.kernels._jit import entry, kernel


@entry
def rolling_mean(mean, values, window):
    """Write the mean of the last `window` values; nan where one of them is not finite, or there are not as many.

    The sum is carried on: what leaves is taken off before what comes is added, and each of the two makes up for what
    it was rounded by the last time (Kahan 1965).

    Parameters
    ----------
    mean, values : float64 array, (n_bars,)
    window : int [bars]
    """
    total = in_excess = out_excess = 0.0
    known = below = alike = 0 * window
    last = nan
    for t in range(len(values)):
        if t >= window and isfinite(values[t - window]):
            total, out_excess = added(total, -values[t - window], out_excess)
            known -= 1
            below -= values[t - window] < 0.0
        if isfinite(values[t]):
            total, in_excess = added(total, values[t], in_excess)
            known += 1
            below += values[t] < 0.0
            alike = alike + 1 if values[t] == last else 1
            last = values[t]
        mean[t] = last if alike >= window else within(total / window, below, window)
        if known < window:
            mean[t] = nan


@kernel
def added(total, value, excess):
    """The sum of two numbers, and what rounding put on top of it; what it put there before is taken off."""
    value = value - excess
    after = total + value
    return after, after - total - value


@kernel
def within(mean, below, n):
    """The mean of `n` values: 0 where rounding has put it on a side of 0 on which there is none of them."""
    if (below == 0 and mean < 0.0) or (below == n and mean > 0.0):
        return 0.0
    return mean
