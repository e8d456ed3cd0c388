"""Times and timeframes as people write them, in ns UTC."""

from __future__ import annotations

import re

from backtester.errors import MarketDataError

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def instant(value: object, name: str) -> int | None:
    """Return a time given by a person as ns UTC; without a zone UTC is meant, None stays None.

    Parameters
    ----------
    value : str, datetime, Timestamp, int [ns UTC] or None
    name : str
        What the time is for, said in the error.

    Raises
    ------
    MarketDataError
        If it is not a time.
    """
    import pandas as pd

    if value is None:
        return None
    try:
        if isinstance(value, bool | float):
            raise TypeError("seconds, milliseconds or nanoseconds: it does not tell")
        time = pd.Timestamp(value)  # type: ignore[arg-type]
        if pd.isna(time):
            raise MarketDataError(f"{name} is not a time", found=value, cure="Leave it out for no limit")
        time = time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")
        return int(time.as_unit("ns").value)
    except (OverflowError, pd.errors.OutOfBoundsDatetime) as error:
        cure = "Choose a time from 1678 to 2261, or leave it out for no limit"
        raise MarketDataError(f"{name} is out of range", found=value, cure=cure) from error
    except (TypeError, ValueError) as error:
        raise MarketDataError(f"{name} is not a time", found=value, cure='Write it as "2025-10-10 21:00"') from error


def step(timeframe: str) -> int:
    """Return a timeframe such as ``5m`` or ``1h`` in ns.

    Raises
    ------
    MarketDataError
        If it is not a number with s, m, h, d or w.
    """
    match = re.fullmatch(r"([1-9]\d*)([smhdw])", str(timeframe))
    if match is None:
        raise MarketDataError(
            "the timeframe cannot be read", found=timeframe, cure='Write it as "1m", "15m", "1h" or "1d"'
        )
    return int(match[1]) * SECONDS[match[2]] * 1_000_000_000
