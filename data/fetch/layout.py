"""How Binance's public archive is laid out: one zip for a month or a day of one symbol and kind, each with a checksum.

    data/futures/um/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip
    data/futures/um/daily/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2024-01-31.zip
    data/futures/cm/monthly/fundingRate/BTCUSD_PERP/BTCUSD_PERP-fundingRate-2024-01.zip
    .../BTCUSDT-1h-2024-01.zip.CHECKSUM        sha256 and name of the zip

Funding comes by the month only. See https://github.com/binance/binance-public-data (read 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from data.store import Series

ADDRESS = "https://data.binance.vision"
MARKETS = {"binance": "um", "binance_coinm": "cm"}
BEGINNING = date(2019, 9, 1)  # of Binance's futures
KINDS = {"trade": "klines", "mark": "markPriceKlines", "funding": "fundingRate"}
_NAME = re.compile(r"(?P<symbol>.+)-(?P<what>fundingRate|\d+[smhdw])-(?P<period>\d{4}-\d{2}(-\d{2})?)\.zip")


class Part(NamedTuple):
    """One zip: the part of a series in a month (``2024-01``) or on a day (``2024-01-31``)."""

    series: Series
    period: str

    @property
    def name(self) -> str:
        """Name of the file."""
        return f"{self.series.symbol}-{self.series.timeframe or 'fundingRate'}-{self.period}.zip"

    @property
    def path(self) -> str:
        """Path within the archive."""
        length = "monthly" if len(self.period) == len("2024-01") else "daily"
        folder = "/".join(word for word in (self.series.symbol, self.series.timeframe) if word)
        market = MARKETS[self.series.venue]
        return f"data/futures/{market}/{length}/{KINDS[self.series.kind]}/{folder}/{self.name}"

    @property
    def range(self) -> tuple[int, int]:
        """First and last time [ms UTC], the last one excluded."""
        if len(self.period) == len("2024-01"):
            first = date.fromisoformat(f"{self.period}-01")
            return milliseconds(first), milliseconds(next_month(first))
        day = date.fromisoformat(self.period)
        return milliseconds(day), milliseconds(day + timedelta(days=1))

    def days(self) -> Iterator[Part]:
        """Yield the days of a month."""
        first, last = self.range
        for time in range(first, last, 86_400_000):
            yield self._replace(period=_date(time).isoformat())


def months(series: Series, first: int, last: int) -> Iterator[Part]:
    """Yield the months that touch ``first <= time < last`` [ms UTC]."""
    at = _date(first).replace(day=1)
    while milliseconds(at) < last:
        yield Part(series, at.strftime("%Y-%m"))
        at = next_month(at)


def part_of(path: tuple[str, ...], venue: str, candles: str) -> Part | None:
    """Return what a file holds by its path, None if it is none of an archive.

    Parameters
    ----------
    path : tuple of str
        Folders and name. Names of trade and mark candles are alike: a folder ``klines`` or ``markPriceKlines`` tells.
    venue : str
    candles : str
        Kind of candles that no folder tells: ``trade`` or ``mark``.
    """
    match = _NAME.fullmatch(path[-1])
    if match is None:
        return None
    if match["what"] == "fundingRate":
        return Part(Series(venue, match["symbol"], "funding"), match["period"])
    told = [kind for kind, folder in KINDS.items() if folder in path[:-1]]
    return Part(Series(venue, match["symbol"], told[0] if told else candles, match["what"]), match["period"])


def next_month(day: date) -> date:
    """Return the first day of the next month."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def milliseconds(day: date) -> int:
    """Return the start of a day [ms UTC]."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def _date(time: int) -> date:
    return datetime.fromtimestamp(time / 1000, UTC).date()
