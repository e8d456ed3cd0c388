"""Real candles, where there are some beside the checkout: imported whole, what comes out is what went in."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from data import Store, load
from data.exports import export
from data.imports import import_path

GIVEN = os.environ.get("BACKTESTER_MARKET_DATA")
REAL = Path(GIVEN) if GIVEN else Path(__file__).parents[3] / "shared" / "market-data"
pytestmark = pytest.mark.skipif(
    not (REAL / "manifest.json").is_file(), reason="no real candles: set BACKTESTER_MARKET_DATA to a folder of venues"
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    done, failed = import_path(store, REAL / "bybit")
    assert failed == []
    assert len(done) == len(list((REAL / "bybit").rglob("*.parquet")))
    return store


def test_rows_and_gaps_are_those_of_the_source(store):
    listed = {each["file"]: each for each in json.loads((REAL / "manifest.json").read_text())["files"]}
    for series, entry in store.entries().items():
        known = listed[f"{series.venue}/{series.symbol}/{series.file}"]
        assert entry.rows == known["rows"]
        assert entry.missing == known.get("missing_bars", 0)
        source = pd.read_parquet(REAL / known["file"])
        rows = store.read(series)
        pd.testing.assert_frame_equal(rows, source[list(rows.columns)])


def test_a_market_from_the_store_is_the_one_of_the_source(store):
    ours, theirs = (load(root / "bybit", ["BTCUSDT", "WIFUSDT"], "1h") for root in (store.root, REAL))
    assert (ours.close[~pd.isna(ours.close)] == theirs.close[~pd.isna(theirs.close)]).all()
    assert (ours.funding.rate == theirs.funding.rate).all()
    assert ours.notes == theirs.notes


@pytest.mark.parametrize("form", ["csv", "freqtrade-feather", "freqtrade-json"])
def test_what_goes_to_other_programs_comes_back_to_the_bit(store, tmp_path, form):
    chosen = [series for series in store.series() if series.symbol == "WIFUSDT"]
    export(store, tmp_path / "out", form, chosen)
    back = Store(tmp_path / "back")
    import_path(back, tmp_path / "out")
    assert back.series() == chosen
    for series in chosen:
        assert back.path(series).read_bytes() == store.path(series).read_bytes()
