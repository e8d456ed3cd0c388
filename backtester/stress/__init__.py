"""Shocks laid on a market, and what they do to a strategy under each margin mode."""

from __future__ import annotations

from backtester.stress.compare import StressComparison, stress
from backtester.stress.reading import SHOCKS, read_shock, read_shocks
from backtester.stress.shock import Shock, shocked
from backtester.stress.shocks import Dislocation, Drop, FlashCrash, FundingSpike, Gap, Outage

__all__ = [
    "SHOCKS",
    "Dislocation",
    "Drop",
    "FlashCrash",
    "FundingSpike",
    "Gap",
    "Outage",
    "Shock",
    "StressComparison",
    "read_shock",
    "read_shocks",
    "shocked",
    "stress",
]
