"""Margin calculators: what a position or an account is worth, must hold, and can survive.

An account is a small frozen value, a `Pool` of cash, positions and rules; each calculator is a function of it, and each
"what if" returns another pool. Isolated margin is a pool of its own for each position, so a whole account is a tuple of
pools. docs/calculators.md has examples.
"""

from backtester.calculators.margins import (
    equity,
    free_margin,
    initial_margin,
    is_liquidated,
    maintenance_margin,
    margin_ratio,
    notional,
    unrealized_pnl,
)
from backtester.calculators.pool import Pool, Position, after_fundings, funding_payment, isolated, marked, moved
from backtester.calculators.prices import bankruptcy_price, liquidation_price, safe_range
from backtester.calculators.survival import largest_leverage, largest_size, margin_to_add
from backtester.calculators.tiers import (
    MaintenanceTier,
    allowed_leverage,
    allowed_size,
    leverage_of_margin,
    maintenance_tier,
)
from backtester.calculators.top_ups import TopUp, next_top_up

__all__ = [
    "MaintenanceTier",
    "Pool",
    "Position",
    "TopUp",
    "after_fundings",
    "allowed_leverage",
    "allowed_size",
    "bankruptcy_price",
    "equity",
    "free_margin",
    "funding_payment",
    "initial_margin",
    "is_liquidated",
    "isolated",
    "largest_leverage",
    "largest_size",
    "leverage_of_margin",
    "liquidation_price",
    "maintenance_margin",
    "maintenance_tier",
    "margin_ratio",
    "margin_to_add",
    "marked",
    "moved",
    "next_top_up",
    "notional",
    "safe_range",
    "unrealized_pnl",
]
