"""Small frames and arrays that make a valid market, and the message of one that is refused."""

import numpy as np
import pandas as pd
import pytest

from backtester.errors import MarketDataError
from backtester.market import PRICES

HOUR = 3_600_000_000_000
START = pd.Timestamp("2025-10-10", tz="UTC")


def frame(n=6, start=START, price=100.0, **columns):
    index = pd.date_range(start, periods=n, freq="h")
    base = {"open": price, "high": price + 2, "low": price - 2, "close": price + 1}
    out = pd.DataFrame({name: np.full(n, value) for name, value in base.items()}, index=index)
    return out.assign(**columns)


def rates(n=2, start=START, hours=8, rate=0.0001):
    return pd.DataFrame({"funding_rate": rate}, index=pd.date_range(start, periods=n, freq=f"{hours}h"))


def arrays(n=4, instruments=2, **changes):
    """Return the arguments of a small, valid market."""
    o = np.full((n, instruments), 100.0)
    out = dict(zip(PRICES, (o, o + 2, o - 2, o + 1, o, o + 2, o - 2, o + 1), strict=True))
    out |= {
        "symbols": tuple("ABCDE"[:instruments]),
        "open_time": START.value + HOUR * np.arange(n),
        "mark_is_trade": np.zeros(instruments, bool),
    }
    return out | changes


def message(call, *args, **kwargs):
    with pytest.raises(MarketDataError) as caught:
        call(*args, **kwargs)
    return str(caught.value)
