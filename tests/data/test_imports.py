"""Imports of CSV, Parquet, feather, JSON and frames, and exports that can be imported again."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from backtester.errors import BacktesterError
from data import Series, Store
from data.exports import FORMATS, export
from data.imports import Wanted, import_frame, import_path
from tests.data.rows import HOUR, START, candles, rates

BTC = Wanted("binance", "BTCUSDT")
TRADE = Series("binance", "BTCUSDT", "trade", "1h")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def message(call, *args, **kwargs):
    with pytest.raises(BacktesterError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


def taken(store, path, wanted=BTC):
    """Import one file and return what became of it."""
    (done,), failed = import_path(store, path, wanted)
    assert failed == []
    return done


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


# --- times and columns ---


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (lambda ms: ms // 1000, "s since 1970"),
        (lambda ms: ms / 1000, "s since 1970"),
        (lambda ms: ms, "ms since 1970"),
        (lambda ms: ms * 1000, "us since 1970"),
        (lambda ms: ms * 1_000_000, "ns since 1970"),
        (lambda ms: np.where(ms > START + 20 * HOUR, ms * 1000, ms), "ms and us since 1970"),
        (lambda ms: pd.to_datetime(ms, unit="ms").dt.strftime("%Y-%m-%d %H:%M:%S"), "ISO texts, taken as UTC"),
        (lambda ms: pd.to_datetime(ms, unit="ms", utc=True).dt.strftime("%Y-%m-%dT%H:%M:%SZ"), "ISO texts"),
        (lambda ms: pd.to_datetime(ms, unit="ms", utc=True).dt.tz_convert("Asia/Tokyo").astype(str), "ISO texts"),
        (lambda ms: pd.to_datetime(ms, unit="ms"), "dates"),
        (lambda ms: pd.to_datetime(ms, unit="ms", utc=True).dt.tz_convert("Asia/Tokyo"), "dates"),
    ],
)
def test_times_are_told_by_their_size_or_their_form(store, times, said):
    rows = candles()
    done = import_frame(store, rows.assign(timestamp=times(rows["timestamp"])), BTC)
    assert done.times == said
    assert done.series == TRADE
    pd.testing.assert_frame_equal(store.read(TRADE), rows)


def test_a_csv_with_names_of_its_own(store, tmp_path):
    rows = candles().rename(columns={"timestamp": "Open Time", "open": "O", "high": "H", "low": "L", "close": "C"})
    rows.assign(junk="x").to_csv(tmp_path / "bars.csv", index=False, sep=";")
    done = taken(store, tmp_path / "bars.csv")
    assert (done.rows, done.series) == (48, TRADE)
    assert done.entry.source == "import of bars.csv"
    pd.testing.assert_frame_equal(store.read(TRADE), candles())


def test_columns_that_are_mapped(store, tmp_path):
    names = dict(zip(candles().columns, "pqrstu", strict=True))
    candles().rename(columns=names).to_csv(tmp_path / "bars.csv", index=False)
    assert "no column for timestamp, open, high, low, close; there are p, q" in message(
        import_path, store, tmp_path / "bars.csv", BTC
    )
    taken(store, tmp_path / "bars.csv", BTC._replace(columns=names))
    pd.testing.assert_frame_equal(store.read(TRADE), candles())


def test_a_csv_without_a_header_is_in_the_usual_order_or_says_its_own(store, tmp_path):
    candles().to_csv(tmp_path / "plain.csv", index=False, header=False)
    taken(store, tmp_path / "plain.csv")
    pd.testing.assert_frame_equal(store.read(TRADE), candles())
    other = candles()[["timestamp", "open", "close", "high", "low", "volume"]]
    other.to_csv(tmp_path / "other.csv", index=False, header=False)
    eth = BTC._replace(symbol="ETHUSDT")
    assert "the columns have no names, and are not in the order timestamp, open, high" in message(
        import_path, store, tmp_path / "other.csv", eth
    )
    order = {"timestamp": "1", "open": "2", "close": "3", "high": "4", "low": "5", "volume": "6"}
    taken(store, tmp_path / "other.csv", eth._replace(columns=order))
    pd.testing.assert_frame_equal(store.read(TRADE._replace(symbol="ETHUSDT")), candles())


def test_lines_before_a_header_are_passed_over(store, tmp_path):
    table = candles().to_csv(index=False)
    taken(store, written(tmp_path / "bars.csv", f"https://www.example.org\n{table}"))
    assert len(store.read(TRADE)) == 48


def test_a_compressed_csv_and_a_parquet_file(store, tmp_path):
    (tmp_path / "bars.csv.gz").write_bytes(gzip.compress(candles().to_csv(index=False).encode()))
    candles(10, first=48).set_index(pd.to_datetime(candles(10, first=48)["timestamp"], unit="ms")).drop(
        columns="timestamp"
    ).to_parquet(tmp_path / "bars.parquet")
    taken(store, tmp_path / "bars.csv.gz")
    assert taken(store, tmp_path / "bars.parquet").entry.source == "import of bars.csv.gz; import of bars.parquet"
    pd.testing.assert_frame_equal(store.read(TRADE), candles(58))


def test_a_frame_whose_index_is_its_times(store):
    rows = candles().set_index(pd.to_datetime(candles()["timestamp"], unit="ms")).drop(columns="timestamp")
    import_frame(store, rows, BTC._replace(kind="mark"))
    assert list(store.read(TRADE._replace(kind="mark")).columns) == ["timestamp", "open", "high", "low", "close"]


def test_funding_is_told_by_its_columns(store, tmp_path):
    rates().rename(columns={"timestamp": "calc_time", "funding_rate": "last_funding_rate"}).to_csv(
        tmp_path / "x.csv", index=False
    )
    assert taken(store, tmp_path / "x.csv").series == Series("binance", "BTCUSDT", "funding")


def test_the_timeframe_is_told_by_the_times(store):
    assert import_frame(store, candles(step=HOUR // 4), BTC).series.timeframe == "15m"
    said = message(import_frame, store, candles(), BTC._replace(timeframe="15m"))
    assert "timeframe: the bars of binance BTCUSDT trade are 1h apart; found '15m'" in said
    assert "cannot be told from one bar" in message(import_frame, store, candles(1), BTC)
    assert import_frame(store, candles(1), BTC._replace(timeframe="1h")).entry.rows == 1


def test_rows_that_differ_from_those_there_are_counted(store):
    import_frame(store, candles(), BTC)
    assert import_frame(store, candles(), BTC).replaced == 0
    assert import_frame(store, candles(60).assign(open=100.25), BTC).replaced == 48
    for rate, replaced in ((0.0001, 0), (0.0001, 0), (0.0002, 6)):
        assert import_frame(store, rates(rate=rate), BTC).replaced == replaced
    assert import_frame(store, rates(rate=0.0002).assign(mark_price=100.0), BTC).replaced == 0


def test_a_symbol_that_is_there_in_another_notation_is_the_same(store):
    import_frame(store, candles(), Wanted("okx", "BTC-USDT-SWAP"))
    assert import_frame(store, rates(), Wanted("okx", "BTCUSDT")).series.symbol == "BTC-USDT-SWAP"
    assert import_frame(store, rates(), Wanted("okx", "ETH/USDT:USDT")).series.symbol == "ETHUSDT"


# --- folders ---


def test_a_folder_in_the_layout_of_a_store_keeps_what_is_known_of_its_source(store, tmp_path):
    first = Store(tmp_path / "first")
    import_frame(first, candles(), BTC, "by hand")
    import_frame(first, rates(), BTC, "by hand")
    (tmp_path / "first" / "README.md").write_text("not data")
    done, failed = import_path(store, tmp_path / "first")
    assert failed == []
    assert [each.series for each in done] == [TRADE, Series("binance", "BTCUSDT", "funding")]
    assert store.entry(TRADE).source == "by hand"
    assert store.path(TRADE).read_bytes() == first.path(TRADE).read_bytes()


def test_a_spoilt_file_does_not_stop_the_others(store, tmp_path):
    place = tmp_path / "in" / "binance" / "BTCUSDT"
    place.mkdir(parents=True)
    candles().to_parquet(place / "1h-trade.parquet")
    (place / "1h-mark.parquet").write_text("no parquet")
    (place / "notes.csv").write_text("a,b\n1,2\n")
    done, failed = import_path(store, tmp_path / "in")
    assert [each.series for each in done] == [TRADE]
    assert {each.path.name: each.why.split(";")[0][:40] for each in failed} == {
        "notes.csv": "its name does not say what it holds",
        "1h-mark.parquet": f"{place / '1h-mark.parquet'} cannot be read as parquet"[:40],
    }


def test_of_a_folder_only_what_is_asked_for(store, tmp_path):
    first = Store(tmp_path / "first")
    for symbol in ("BTCUSDT", "ETHUSDT"):
        import_frame(first, candles(), Wanted("binance", symbol))
        import_frame(first, rates(), Wanted("binance", symbol))
    done, _ = import_path(store, tmp_path / "first", Wanted(symbol="ETH/USDT:USDT", kind="funding", venue="mine"))
    assert [each.series for each in done] == [Series("mine", "ETHUSDT", "funding")]
    assert "is of what is asked for" in message(import_path, store, tmp_path / "first", Wanted(symbol="SOLUSDT"))


def test_freqtrade_feather_and_json_as_freqtrade_writes_them(store, tmp_path):
    place = tmp_path / "user_data" / "data" / "bybit" / "futures"
    place.mkdir(parents=True)
    date = pd.to_datetime(candles()["timestamp"], unit="ms", utc=True)
    table = candles().drop(columns="timestamp")
    table.insert(0, "date", date)
    table.to_feather(place / "XRP_USDT_USDT-1h-futures.feather", compression="lz4")
    (table.assign(volume=0.0)).to_feather(place / "XRP_USDT_USDT-1h-mark.feather")
    rate = table[::8].assign(open=0.0002, high=0.0, low=0.0, close=0.0, volume=0.0).reset_index(drop=True)
    rate.to_feather(place / "XRP_USDT_USDT-8h-funding_rate.feather")
    (place / "ADA_USDT_USDT-1h-futures.json").write_text(json.dumps(candles().to_numpy().tolist()))
    (place / "ADA_USDT_USDT-8h-funding_rate.json").write_text(json.dumps([[START, 0.0003, 0, 0, 0, 0]]))
    (tmp_path / "user_data" / "data" / "bybit" / "XRP_USDT-1h.feather").write_bytes(b"spot")
    done, failed = import_path(store, tmp_path / "user_data")
    assert [path.name for path, _ in failed] == ["XRP_USDT-1h.feather"]
    kinds = {(each.series.symbol, each.series.kind, each.series.timeframe) for each in done}
    assert kinds == {
        ("XRPUSDT", "trade", "1h"),
        ("XRPUSDT", "mark", "1h"),
        ("XRPUSDT", "funding", ""),
        ("ADAUSDT", "trade", "1h"),
        ("ADAUSDT", "funding", ""),
    }
    xrp = Series("bybit", "XRPUSDT", "trade", "1h")
    pd.testing.assert_frame_equal(store.read(xrp), candles())
    assert store.read(xrp._replace(kind="funding", timeframe=""))["funding_rate"].tolist() == [0.0002] * 6
    assert store.read(Series("bybit", "ADAUSDT", "funding"))["funding_rate"].tolist() == [0.0003]


# --- out and in again ---


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_exported_comes_back_the_same(store, tmp_path, form):
    noise = np.random.default_rng(1).normal(size=48)
    import_frame(store, candles().assign(volume=noise**2), BTC)
    import_frame(store, candles(price=1e-7), BTC._replace(kind="mark"))
    import_frame(store, rates(rate=-1.2345678e-5), BTC)
    import_frame(store, candles(), BTC._replace(symbol="BTCUSD_PERP"))
    written = export(store, tmp_path / "out", form, store.series())
    assert len(written) == 4
    back = Store(tmp_path / "back")
    _, failed = import_path(back, tmp_path / "out")
    assert failed == []
    assert back.series() == store.series()
    for series in store.series():
        assert back.path(series).read_bytes() == store.path(series).read_bytes()


def test_an_export_of_a_range(store, tmp_path):
    import_frame(store, candles(), BTC)
    (path,) = export(store, tmp_path, "csv", [TRADE], first=START + HOUR, last=START + 3 * HOUR)
    assert path == tmp_path / "binance" / "BTCUSDT" / "1h-trade.csv"
    assert pd.read_csv(path)["timestamp"].tolist() == [START + HOUR, START + 2 * HOUR]
    assert "is there already" in message(export, store, tmp_path, "csv", [TRADE])


def test_exports_that_cannot_be(store, tmp_path):
    import_frame(store, candles(), Wanted("hyperliquid", "BTC"))
    assert "nearest: parquet" in message(export, store, tmp_path, "parkett", store.series())
    said = message(export, store, tmp_path, "freqtrade-json", store.series())
    assert "quote: BTC of hyperliquid does not tell its quote" in said
    (path,) = export(store, tmp_path, "freqtrade-json", store.series(), quote="USDC")
    assert path.name == "BTC_USDC_USDC-1h-futures.json"
    assert "there is nothing to export" in message(export, store, tmp_path, "csv", [])


# --- what is refused ---


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no table with columns parted by comma"),
        ("nothing here\n", "there is no table with columns parted by comma"),
        ("timestamp,open,high,low,close\n", "has no rows"),
        ("timestamp,open,high,low,close\n10/10/2025,1,1,1,1\n", "has no time that can be read; found '10/10/2025'"),
        ("timestamp,open,high,low,close\n1760054400,1,1,1,1\n,1,1,1,1\n", "row 1 has no time"),
        ("timestamp,open,high,low,close\n12,1,1,1,1\n", "row 0 has no time in s, ms, us or ns since 1970; found 12"),
        ("timestamp,open,high,low,close\n1760054400,1,1,x,1\n1760058000,1,1,1,1\n", "does not hold numbers"),
        ("timestamp,open,high,low,close\n1760054400,1,1,,1\n1760058000,1,1,1,1\n", "the low in row 0 is no number"),
        ("timestamp,time,open,high,low,close,Open\n1,2,3,4,5,6,7\n", "two columns could be open: open, Open"),
    ],
)
def test_tables_that_cannot_be_used(store, tmp_path, text, said):
    path = written(tmp_path / "bars.csv", text)
    whole = message(import_path, store, path, BTC)
    assert said in whole
    assert str(path) in whole
    assert store.series() == []


def test_sources_that_cannot_be_used(store, tmp_path):
    bars = tmp_path / "bars.csv"
    candles().to_csv(bars, index=False)
    assert "there is no file or folder" in message(import_path, store, tmp_path / "none")
    assert "venue: is needed for import of bars.csv" in message(import_path, store, bars)
    assert "symbol: is needed" in message(import_path, store, bars, Wanted("binance"))
    assert "is of no format that can be read" in message(import_path, store, written(tmp_path / "a.xls", "x"), BTC)
    said = message(import_path, store, bars, BTC._replace(columns={"open": "no", "opne": "open"}))
    assert "columns: the table has no such column; found 'open=no'" in said
    said = message(import_path, store, bars, BTC._replace(columns={"opne": "open"}))
    assert "columns: trade has no such column; found 'opne'; nearest: open" in said
    (tmp_path / "empty").mkdir()
    assert "there are no data files" in message(import_path, store, tmp_path / "empty")
    assert "lie in each other" in message(import_path, store, tmp_path)
    assert "is for one file, not for a folder" in message(
        import_path, store, tmp_path / "empty", BTC._replace(columns={"open": "o"})
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read as json"),
        ("{}", "it is no list of rows of one kind"),
        ("[1, 2]", "its rows are neither lists nor objects: 1"),
        ('[[1], {"a": 1}]', "it is no list of rows of one kind"),
        ("[]", "has no rows"),
    ],
)
def test_json_that_holds_no_rows(store, tmp_path, text, said):
    assert said in message(import_path, store, written(tmp_path / "bars.json", text), BTC)


@pytest.mark.parametrize("kind", ["trade", "mark", "funding", "tiers"])
def test_every_column_of_a_store_is_found_by_its_own_name(store, kind):
    """And comes back: tiers with the rate by which they grow, candles with their volume."""
    series = Series("crypto_com", "ETHUSD-PERP", kind, "1h" if kind in ("trade", "mark") else "")
    values = dict.fromkeys(series.columns, 0.25) | {"timestamp": START}
    import_frame(store, pd.DataFrame([values]), Wanted(*series), source="a test")
    assert store.read(series).iloc[0].to_dict() == values
