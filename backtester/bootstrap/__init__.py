"""How sure a comparison is: the margin modes on many markets drawn from one by a stationary block bootstrap."""

from __future__ import annotations

from backtester.bootstrap.accounts import bootstrap_accounts
from backtester.bootstrap.blocks import block_length, draw_rows, market_block_length
from backtester.bootstrap.outcome import Bootstrap
from backtester.bootstrap.resampling import Resampler
from backtester.bootstrap.running import bootstrap

__all__ = [
    "Bootstrap",
    "Resampler",
    "block_length",
    "bootstrap",
    "bootstrap_accounts",
    "draw_rows",
    "market_block_length",
]
