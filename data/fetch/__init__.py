"""History from venues and archives into a store.

>>> from data.fetch import Fetcher
>>> fetch = Fetcher()
>>> frame = fetch(Series("bybit", "BTCUSDT", "trade", "1h"), first_ms, last_ms)
"""

from data.fetch.fetcher import Fetcher

__all__ = ["Fetcher"]
