"""Real candles, where there are some: no part of this project."""

import os
from pathlib import Path

import pytest

GIVEN = os.environ.get("BACKTESTER_MARKET_DATA")
REAL = Path(GIVEN) if GIVEN else Path(__file__).parents[2] / "shared" / "market-data"
BINANCE = REAL / "binance"

needs_real_candles = pytest.mark.skipif(
    not BINANCE.is_dir(), reason="no real candles: set BACKTESTER_MARKET_DATA to a folder with a folder binance"
)
