"""Requirements as straight lines: on one tier piece everything a pool is worth and must hold is linear in levels."""

import numpy as np

from backtester.kernels._jit import kernel
from backtester.kernels.margin import side_rate, tier_at
from backtester.schema import ENTRY_BASIS, LARGER_SIDE, NET


@kernel
def side_piece(run, i, quantity, basis_notional, v):
    """Requirement of a side on its present tier piece: ``rate*|v| - amount`` for ``above < |v| <= below``."""
    entry_basis = run.state[0].mm_basis == ENTRY_BASIS
    if quantity == 0.0 and (basis_notional == 0.0 or not entry_basis):
        return 0.0, 0.0, 0.0, np.inf
    instrument = run.instruments[i]
    notional = basis_notional if entry_basis else quantity * abs(v)
    k = tier_at(run.tiers, instrument, quantity if instrument.by_quantity else notional)
    tier = run.tiers[k]
    rate = side_rate(run, i, tier, quantity)
    if entry_basis:
        return 0.0, tier.maintenance_amount - rate * notional, 0.0, np.inf
    if instrument.by_quantity:
        return rate * quantity, tier.maintenance_amount, 0.0, np.inf
    above = tier.floor / quantity
    below = run.tiers[k + 1].floor / quantity if k + 1 < instrument.last_tier else np.inf
    return rate * quantity, tier.maintenance_amount, above, below


@kernel
def pieces(run, i, long_q, short_q, long_n, short_n, v):
    """Requirement of an instrument near level `v` as ``max(r1*|v| - c1, r2*|v| - c2)`` for ``above < |v| <= below``."""
    offset = run.state[0].hedge_offset
    if offset == NET and long_q > 0.0 and short_q > 0.0:
        r, c, above, below = side_piece(run, i, abs(long_q - short_q), abs(long_n - short_n), v)
        return r, c, r, c, above, below
    if short_q == 0.0:
        r, c, above, below = side_piece(run, i, long_q, long_n, v)
        return r, c, r, c, above, below
    r2, c2, above2, below2 = side_piece(run, i, short_q, short_n, v)
    if long_q == 0.0:
        return r2, c2, r2, c2, above2, below2
    r1, c1, above1, below1 = side_piece(run, i, long_q, long_n, v)
    above, below = max(above1, above2), min(below1, below2)
    if offset == LARGER_SIDE:
        return r1, c1, r2, c2, above, below
    return r1 + r2, c1 + c2, r1 + r2, c1 + c2, above, below
