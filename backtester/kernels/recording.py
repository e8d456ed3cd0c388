"""What the quiet passes write beside their loops. docs/model.md, "What is recorded"."""

from backtester.kernels._jit import kernel
from backtester.kernels._views import tail
from backtester.kernels.stretches import has_stretches

VECTOR = 8  # bars that loops like to come in


@kernel
def whole_vectors(n, most):
    """`n` bars and those that make whole vectors of them; what is written beyond `n` is written again."""
    return min(-(-n // VECTOR) * VECTOR, most)


@kernel
def idle_cash(run):
    """Cash of the pools without positions."""
    idle = 0.0
    for p in range(len(run.pools)):
        if run.pools[p].n_open == 0:
            idle += run.pools[p].cash
    return idle


@kernel
def has_lows(curves):
    """Whether the lowest equity inside the bars is asked for."""
    return len(curves.equity_low) > 0


@kernel
def has_ratios(curves):
    """Whether margin ratios are asked for."""
    return len(curves.worst_ratio) > 0


@kernel
def quiet_bars(okay):
    """How many bars are quiet in front of the first that is not; there is one."""
    quiet = 0
    while okay[quiet] > 0.0:
        quiet += 1
    return quiet


@kernel
def note_pool_ratio(run, curves, seen, p, t, n):
    """Copy the pool's ratios into its curve; what the open of the first bar saw is in the pool."""
    ratio = tail(curves.pool_ratio, p, t)
    for b in range(n):
        ratio[b] = seen[b]
    if run.state[0].bar == t:
        ratio[0] = max(ratio[0], run.pools[p].ratio)


@kernel
def join_open(run, curves, t, n):
    """Take what the open of the first of `n` quiet bars saw, which is in the clock, into their curves."""
    clock = run.state[0]
    if n > 0 and clock.bar == t:
        if has_stretches(curves):
            stretch = curves.stretches[clock.n_stretches - 1]
            stretch.low = min(stretch.low, clock.equity_low)
        elif has_lows(curves):
            curves.equity_low[t] = min(curves.equity_low[t], clock.equity_low)
        if has_ratios(curves):
            curves.worst_ratio[t] = max(curves.worst_ratio[t], clock.worst_ratio)
    if has_ratios(curves):
        note_flat_pools(run, curves, t, n)


@kernel
def note_flat_pools(run, curves, t, n):
    """A pool without positions has a ratio of 0, whatever was looked at ahead, but for what this open saw."""
    for p in range(len(run.pools)):
        if run.pools[p].n_open == 0 and n > 0:
            ratio = tail(curves.pool_ratio, p, t)
            for b in range(n):
                ratio[b] = 0.0
            if run.state[0].bar == t:
                ratio[0] = run.pools[p].ratio
