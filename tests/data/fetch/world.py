"""Rows made up for a venue: candles, mark candles and funding of some symbols, with the quirks of real ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_704_067_200_000  # 2024-01-01
NOW = START + 250 * DAY + 30 * MINUTE  # in the middle of an hour: its candle is open

Row = tuple[int, float, float, float, float, float]  # time, open, high, low, close, volume


@dataclass
class Perpetual:
    """What a venue has of one symbol.

    Parameters
    ----------
    id, base, quote, settle : str
    since : int [ms UTC]
        Listing: no rows before.
    holes : list of (first, last)
        Ranges without candles and settlements.
    interval : list of (since, interval)
        Hours between settlements from a time on.
    jitter : int [ms]
        What settlements' times are off.
    """

    id: str
    base: str = "BTC"
    quote: str = "USDT"
    settle: str = "USDT"
    since: int = START
    holes: list[tuple[int, int]] = field(default_factory=list)
    interval: list[tuple[int, int]] = field(default_factory=lambda: [(0, 8)])
    jitter: int = 0
    price: float = 100.0
    active: bool = True
    real: dict[str, list[Any]] = field(default_factory=dict)  # rows to serve instead, by kind

    def candle(self, time: int, step: int, kind: str) -> Row:
        """Return the candle of a time: a wave, so that every one differs."""
        hours = time / HOUR
        opens = self.price * (1 + 0.1 * math.sin(hours / 24)) + (0.25 if kind == "mark" else 0.0)
        closes = self.price * (1 + 0.1 * math.sin((hours + step / HOUR) / 24))
        high, low = max(opens, closes) + 0.5, min(opens, closes) - 0.5
        numbers = (round(number, 4) for number in (opens, high, low, closes))
        return (time, *numbers, 0.0 if kind == "mark" else round(5 + hours % 7, 3))  # type: ignore[return-value]

    def candles(self, first: int, last: int, step: int, kind: str, now: int) -> list[Row]:
        """Return the candles that begin in ``first <= time <= last``, the open one included."""
        if kind in self.real:
            return [row for row in self.real[kind] if first <= row[0] <= min(last, now) and row[0] % step == 0]
        at = -(-max(first, self.since) // step) * step
        times = range(at, min(last, now) + 1, step)
        return [self.candle(time, step, kind) for time in times if self._there(time)]

    def settlements(self, first: int, last: int, now: int) -> list[tuple[int, float]]:
        """Return the settlements in ``first <= time <= last``."""
        if "funding" in self.real:
            return [row for row in self.real["funding"] if first <= row[0] <= min(last, now)]
        out = []
        for hour in range(-(-max(first - self.jitter, self.since) // HOUR), min(last, now) // HOUR + 1):
            time = hour * HOUR
            every = next(hours for since, hours in reversed(self.interval) if time >= since)
            if hour % every == 0 and self._there(time) and first <= time + self._off(hour) <= last:
                out.append((time + self._off(hour), round(0.0001 * math.cos(hour), 8)))
        return out

    def _off(self, hour: int) -> int:
        return hour * 7 % (2 * self.jitter + 1) - self.jitter if self.jitter else 0

    def _there(self, time: int) -> bool:
        return not any(first <= time < last for first, last in self.holes)
