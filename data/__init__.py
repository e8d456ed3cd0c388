"""Candles in: from a folder of Parquet files, or made up from a seed; and the store that such a folder is.

>>> from data import load, synthetic
>>> market = load("candles/binance", ["BTC/USDT:USDT"], "1h", start="2025-10-01", end="2025-10-20")
>>> market = synthetic(n_bars=1_000, n_instruments=3, seed=7)
"""

from data.folder import Listing, available
from data.loading import load
from data.store import Entry, Gap, Series, Store
from data.synthetic import synthetic

__all__ = ["Entry", "Gap", "Listing", "Series", "Store", "available", "load", "synthetic"]
