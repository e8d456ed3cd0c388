"""Real candles and settlements, in each venue's format, through its real client: do they arrive as they are?

Read at run time from beside the project. Where a venue's own are not there, it is lent those of Binance.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from data.fetch.archive import read_archive
from data.fetch.download import Wish, download
from data.fetch.sources import Folder
from data.store import Series, Store
from tests.data.fetch.formats import VENUES
from tests.data.fetch.kit import Heard, session
from tests.data.fetch.world import DAY, HOUR, MINUTE, Perpetual
from tests.data.fetch.zipped import Zips

GIVEN = os.environ.get("BACKTESTER_MARKET_DATA")
FOLDER = Path(GIVEN) if GIVEN else Path(__file__).parents[4] / "shared" / "market-data"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="no real candles: set BACKTESTER_MARKET_DATA to the folder above binance/BTCUSDT"
)
OWN = {
    "bybit": ("bybit/BTCUSDT", "2025-10-01"),
    "okx": ("okx/BTC-USDT-SWAP", "2025-03-01"),
    "hyperliquid": ("hyperliquid/BTC", "2025-05-01"),
}
LENT = ("binance/BTCUSDT", "2025-10-01")  # with the crash of 10 October
DAYS = 45

Play = Callable[..., Any]


def part_of(folder: str, file: str, since: str) -> pd.DataFrame:
    """Return the rows of some weeks, empty if there is no such file."""
    path = FOLDER / folder / file
    if not path.is_file():
        return pd.DataFrame({"timestamp": pd.Series(dtype="int64")})
    frame = pd.read_parquet(path)
    first = pd.Timestamp(since, tz="UTC").value // 1_000_000
    inside = (frame["timestamp"] >= first) & (frame["timestamp"] < first + DAYS * DAY)
    return frame[inside].reset_index(drop=True)


def told(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    return [(int(time), *cells) for time, *cells in frame.itertuples(index=False)]


@pytest.mark.parametrize("venue", VENUES)
def test_real_rows_arrive_as_they_are(venue: str, serve: Play, store: Store) -> None:
    folder, since = OWN.get(venue, LENT)
    files = {"trade": "1h-trade.parquet", "mark": "1h-mark.parquet", "funding": "funding.parquet"}
    there = {kind: part_of(folder, file, since) for kind, file in files.items()}
    make, one = VENUES[venue]
    first = int(there["trade"]["timestamp"].iloc[0])
    now = int(there["trade"]["timestamp"].iloc[-1]) + HOUR + MINUTE
    one = replace(one, since=first, real={kind: told(frame) for kind, frame in there.items() if len(frame)})
    server = serve(make([one], now), now)
    kinds = tuple(kind for kind, frame in there.items() if len(frame))
    outcome = download(store, session(server, venue), Wish((one.id,), "1h", first, None, kinds), Heard())
    assert not outcome.failures
    assert len(outcome.entries) >= 2
    for series in outcome.entries:
        prices = ["open", "high", "low", "close"] + (["volume"] if series.kind == "trade" else [])
        columns = ["timestamp", *(["funding_rate"] if series.kind == "funding" else prices)]
        expected = there[series.kind][columns]
        assert len(expected) > (100 if series.kind == "funding" else 1_000)
        assert_frame_equal(store.read(series)[columns], expected.astype(dict.fromkeys(columns[1:], float)))


def test_real_rows_in_zips(tmp_path: Path, store: Store) -> None:
    frame = part_of(*LENT[:1], "1h-trade.parquet", LENT[1])
    one = Perpetual("BTCUSDT", since=0, real={"trade": told(frame)})
    series = Series("binance", "BTCUSDT", "trade", "1h")
    first, last = int(frame["timestamp"].iloc[0]), int(frame["timestamp"].iloc[-1]) + HOUR
    zips = Zips()
    zips.put_all(one, series, first, last, by_days_from=first + 31 * DAY)
    zips.write(tmp_path / "zips")
    outcome = read_archive(store, Folder(tmp_path / "zips", "binance", "trade"), [series], Heard(), now=last)
    assert not outcome.failures
    assert_frame_equal(store.read(series), frame[["timestamp", "open", "high", "low", "close", "volume"]])
