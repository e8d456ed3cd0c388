"""What a run used is on its result: files, substitutions, coverage; and what is missing is said or refused."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from backtester import Account, Market, Strategy, Targets, compare
from backtester.errors import MarketDataError
from backtester.provenance import check_complete, coverage_of, data_line, fingerprint, provenance, warnings
from data import Series, Store, load, synthetic
from tests.data.rows import HOUR, START, candles, rates


class Hold(Strategy):
    def targets(self, market):
        return Targets(notional=np.full((market.n_bars, market.n_instruments), 100.0))


@pytest.fixture
def store(tmp_path):
    """Return a store: A has everything, B lacks bars, marks and a third of the funding, C has neither of the two."""
    store = Store(tmp_path)
    whole, mark = candles(240), candles(240, price=99.9)
    put(store, "AAAUSDT", whole, mark, rates(range(0, 240, 8)))
    put(store, "BBBUSDT", whole.drop(index=range(50, 55)), mark[:200], rates([*range(0, 80, 8), *range(160, 240, 8)]))
    put(store, "CCCUSDT", whole, None, None)
    return store


def put(store, symbol, trade, mark, funding):
    for series, rows in (
        (Series("here", symbol, "trade", "1h"), trade),
        (Series("here", symbol, "mark", "1h"), mark),
        (Series("here", symbol, "funding"), funding),
    ):
        if rows is not None:
            store.add_page(series, rows, "a test")
            store.merge(series)


def test_coverage_counts_what_is_there_and_what_is_not(store):
    market = load(store.root / "here", timeframe="1h")
    every = coverage_of(market)
    assert every["AAAUSDT"] == (240, 0, 0, 30, 0)
    assert every["BBBUSDT"] == (235, 5, 40, 20, 10)
    assert every["BBBUSDT"].funding == pytest.approx(2 / 3)
    assert every["CCCUSDT"] == (240, 0, 240, 0, 29)
    assert every["CCCUSDT"].funding == 0.0


def test_a_mark_that_happens_to_be_the_trade_price_is_a_mark_and_a_piece_counts_its_own(store):
    put(store, "DDDUSDT", candles(240), candles(240), rates(range(0, 240, 8)))
    check_complete(load(store.root / "here", "DDDUSDT", "1h"))
    market = load(store.root / "here", ["BBBUSDT", "AAAUSDT"], "1h")
    assert coverage_of(market.slice(0, 210).select("BBBUSDT"))["BBBUSDT"].trade_as_mark == 10


def test_the_files_and_their_hashes_are_on_the_result(store):
    market = load(store.root / "here", ["AAAUSDT", "CCCUSDT"], "1h")
    result = compare(Hold(), market, Account(balance=1_000, leverage=2))
    path = store.path(Series("here", "AAAUSDT", "funding"))
    files = result.data["files"]
    assert files["AAAUSDT"]["funding.parquet"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert {symbol: sorted(names) for symbol, names in files.items()} == {
        "AAAUSDT": ["1h-mark.parquet", "1h-trade.parquet", "funding.parquet"],
        "CCCUSDT": ["1h-trade.parquet"],
    }
    assert result.isolated.market.files == market.files
    assert result.data["substitutions"] == ["mark = trade for CCCUSDT: no mark data"]
    assert result.data["instruments"]["AAAUSDT"]["funding_coverage_pct"] == 100.0
    assert result.to_dict()["data"] == result.data
    line = f"data     4 files, fingerprint {fingerprint(market)}; funding covers 0 to 100 %"
    assert line in str(result)


def test_a_fingerprint_is_that_of_the_rows_and_of_nothing_else(store, tmp_path):
    market = load(store.root / "here", ["BBBUSDT", "AAAUSDT"], "1h")
    assert fingerprint(market.select(["AAAUSDT", "BBBUSDT"])) == fingerprint(market)
    assert fingerprint(market.select("AAAUSDT")) != fingerprint(market)
    other = Store(tmp_path / "other")
    put(other, "AAAUSDT", candles(240)[:200], candles(240, price=99.9), rates(range(0, 240, 8)))
    other.add_page(Series("here", "AAAUSDT", "trade", "1h"), candles(240)[200:], "another way")
    other.merge(Series("here", "AAAUSDT", "trade", "1h"))
    assert fingerprint(load(other.root / "here", "AAAUSDT", "1h")) == fingerprint(market.select("AAAUSDT"))


def test_finer_candles_are_among_the_files(store):
    series = Series("here", "AAAUSDT", "trade", "15m")
    store.add_page(series, candles(960, step=HOUR // 4), "a test")
    store.merge(series)
    market = load(store.root / "here", "AAAUSDT", "1h", simulation_timeframe="15m")
    assert "15m-trade.parquet" in provenance(market)["files"]["AAAUSDT"]
    assert provenance(market)["detail"]["AAAUSDT"]["trade_as_mark"] == 960
    with pytest.raises(MarketDataError, match="mark = trade for AAAUSDT in 960 15m bars"):
        check_complete(market)
    assert any("15m detail: mark = trade" in note for note in provenance(market)["substitutions"])


def test_a_file_that_is_not_the_one_of_the_manifest_is_noted(store):
    candles(240, price=101.0).to_parquet(store.path(Series("here", "AAAUSDT", "trade", "1h")))
    market = load(store.root / "here", "AAAUSDT", "1h")
    assert "1h-trade.parquet of AAAUSDT is not the file that the store's manifest knows" in market.notes


def test_missing_funding_warns_and_what_is_not_complete_is_refused(store):
    folder = store.root / "here"
    whole = load(folder, "AAAUSDT", "1h")
    assert warnings(whole) == []
    check_complete(whole)
    market = load(folder, ["BBBUSDT", "CCCUSDT"], "1h")
    (said,) = warnings(market)
    assert said.startswith("funding that is missing counts as none: funding of BBBUSDT covers 66.7 %")
    assert said.endswith("; there is no funding for CCCUSDT")
    with pytest.raises(MarketDataError) as caught:
        check_complete(market)
    for said in (
        "mark = trade for BBBUSDT in 40 1h bars",
        "5 1h bars of BBBUSDT missing",
        "mark = trade for CCCUSDT in 240 1h bars",
        "backtester data repair",
    ):
        assert said in str(caught.value)


def test_markets_without_files_have_no_line_and_synthetic_ones_are_complete():
    market = synthetic(n_bars=100, n_instruments=2, seed=1)
    assert data_line(market) == fingerprint(market) == ""
    assert provenance(market)["fingerprint"] is None
    check_complete(market)


def test_a_market_too_short_for_a_funding_lacks_none():
    frame = candles(3).set_index(pd.to_datetime(START + HOUR * np.arange(3), unit="ms")).drop(columns="timestamp")
    market = Market.from_frames({"X": frame})
    assert coverage_of(market)["X"].funding == 1.0
    assert warnings(market) == []
