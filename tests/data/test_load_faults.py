"""Are faults of the files found whatever range is asked for, and is it said in which files?"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from backtester.errors import MarketDataError
from data import load

SECOND, MILLISECOND = 1_000_000_000, 1_000_000
MIDDLE = "2025-10-02"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return the folder of one symbol with four days of 1h candles and funding."""
    folder = tmp_path / "venue" / "BTCUSDT"
    folder.mkdir(parents=True)
    candles().to_parquet(folder / "1h-trade.parquet")
    candles().to_parquet(folder / "1h-mark.parquet")
    funding().to_parquet(folder / "funding.parquet")
    return folder


def candles(unit: int = MILLISECOND, freq: str = "1h") -> pd.DataFrame:
    time = pd.date_range("2025-10-01", periods=96, freq=freq).as_unit("ns").asi8
    return pd.DataFrame({"timestamp": time // unit, "open": 9.0, "high": 10.0, "low": 8.0, "close": 9.0})


def funding(unit: int = MILLISECOND) -> pd.DataFrame:
    time = pd.date_range("2025-10-01", periods=12, freq="8h").as_unit("ns").asi8
    return pd.DataFrame({"timestamp": time // unit, "funding_rate": 0.0001})


def refused(place: Path, **options: object) -> str:
    with pytest.raises(MarketDataError) as caught:
        load(place.parent, **options)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize("file", ["1h-trade", "1h-mark", "funding"])
@pytest.mark.parametrize("unit", [SECOND, 1])
@pytest.mark.parametrize("start", [None, MIDDLE])
def test_times_in_another_unit_are_never_taken_for_no_data(
    place: Path, file: str, unit: int, start: str | None
) -> None:
    table = funding(unit) if file == "funding" else candles(unit)
    table.to_parquet(place / f"{file}.parquet")
    said = refused(place, start=start)
    assert said.startswith("BTCUSDT: the column timestamp of the ")
    assert "is not in UTC milliseconds" in said


def test_the_files_are_named(place: Path) -> None:
    candles().iloc[::-1].to_parquet(place / "1h-trade.parquet")
    assert f"(in {place}, 1h)" in refused(place)


def test_the_columns_that_are_there_are_named(place: Path) -> None:
    funding().rename(columns={"funding_rate": "fundingRate"}).to_parquet(place / "funding.parquet")
    said = refused(place)
    assert "it has timestamp, fundingRate" in said
    assert "Rename fundingRate to funding_rate" in said


def test_a_mark_file_of_another_timeframe(place: Path) -> None:
    candles(freq="5min").to_parquet(place / "1h-mark.parquet")
    assert "the mark candles are of 5m, and the trade candles of BTCUSDT of 1h" in refused(place)


def test_a_missing_stamp(place: Path) -> None:
    table = candles().astype({"timestamp": "Int64"})
    table.loc[5, "timestamp"] = None
    table.to_parquet(place / "1h-trade.parquet")
    assert "the trade frame has a bar without a time" in refused(place, start="2025-09-01")


def test_a_folder_by_the_name_of_a_file_is_none(place: Path) -> None:
    (place / "5m-trade.parquet").mkdir()
    assert "there are no 5m trade candles" in refused(place, symbols=["BTCUSDT"], timeframe="5m")


def test_a_file_or_the_folder_of_a_symbol_in_place_of_the_folder_above(place: Path) -> None:
    with pytest.raises(MarketDataError, match=r"1h-trade\.parquet is a file\. Give the folder above the symbols"):
        load(place / "1h-trade.parquet")
    with pytest.raises(MarketDataError, match=r"is that of one symbol\. Give the one above: .*venue\.$"):
        load(place)


def test_a_symbol_is_a_text(place: Path) -> None:
    assert refused(place, symbols=[3]).startswith("a symbol is no name; found 3")
