"""The quality report: every rule finds what is planted, and a clean store has nothing to tell."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtester.errors import ConfigurationError
from data import Series, Store
from data.checks import ERROR, INFO, WARNING, Limits, check
from tests.data.rows import HOUR, START, rates

TRADE = Series("binance", "BTCUSDT", "trade", "1h")
MARK = TRADE._replace(kind="mark")
FUNDING = Series("binance", "BTCUSDT", "funding")
TIERS = Series("binance", "BTCUSDT", "tiers")
BARS = 480


def walk(n=BARS, seed=1, start=START):
    """Return candles of a random walk, in which nothing is odd."""
    price = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.004, n + 1)))
    rows = pd.DataFrame({"timestamp": start + HOUR * np.arange(n), "open": price[:-1], "close": price[1:]})
    rows["high"], rows["low"] = rows[["open", "close"]].max(axis=1) * 1.001, rows[["open", "close"]].min(axis=1) * 0.999
    return rows[["timestamp", "open", "high", "low", "close"]].assign(volume=5.0)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def like(rows):
    """Return mark candles a hair's breadth from trade candles."""
    return rows.assign(**{name: rows[name] * 1.0001 for name in ("open", "high", "low", "close")})


def put(store, series, rows):
    store.add_page(series, rows, "a test")
    store.merge(series)


def found(store, trade=None, mark=None, funding=None, limits=None):
    """Return what is found on a symbol that has everything, with some of it spoilt, as (severity, rule): text."""
    put(store, TRADE, walk() if trade is None else trade)
    put(store, MARK, like(walk()) if mark is None else mark)
    put(store, FUNDING, rates(range(0, BARS, 8)) if funding is None else funding)
    return told(store, limits)


def told(store, limits=None):
    return {(each.severity, each.rule): each.text for each in check(store, store.series(), limits)}


def test_nothing_is_odd_about_good_data(store):
    assert found(store) == {}


# --- files ---


def test_a_file_that_is_not_the_one_of_the_manifest(store):
    found(store)
    walk(seed=2).to_parquet(store.path(TRADE))
    (each,) = [each for each in check(store, [TRADE]) if each.rule == "sha256"]
    assert each.severity == ERROR
    assert "the file is not the one of the manifest: sha256 " in each.text


def test_a_file_without_a_manifest_and_pages_that_wait(store):
    found(store)
    (store.path(TRADE).parent / "manifest.json").unlink()
    assert set(told(store)) == {(INFO, "manifest")}
    store.add_page(TRADE, walk(), "a test")
    assert told(store)[INFO, "pages"] == "1 page waits to be merged, which backtester data repair does"


def test_a_file_that_cannot_be_read(store):
    found(store)
    store.path(MARK).write_bytes(b"no parquet")
    store.path(FUNDING).write_bytes(pd.DataFrame({"timestamp": [START]}).to_parquet())
    texts = {each.series.kind: each.text for each in check(store, store.series()) if each.severity == ERROR}
    assert "cannot be read as Parquet" in texts["mark"]
    assert "lack the column funding_rate; they have timestamp" in texts["funding"]


def test_rows_twice_and_out_of_order(store):
    found(store)
    rows = walk()
    pd.concat([rows, rows[5:7].assign(close=[1.0, rows["close"][6]])]).to_parquet(store.path(TRADE))
    texts = told(store)
    assert texts[ERROR, "duplicates"] == "2 rows are there twice, 1 with other numbers, the first at 2025-10-10 05:00"
    assert "2025-10-10 05:00 comes after a later one" in texts[ERROR, "order"]


# --- candles ---


def test_gaps_are_warnings_until_something_is_known_of_them(store):
    rows = pd.concat([walk()[:100], walk()[110:200], walk()[202:]])
    assert found(store, rows)[WARNING, "gaps"] == (
        "12 bars are missing in 2 places, the most (10) between 2025-10-14 03:00 and 2025-10-14 14:00"
    )
    store.note_gaps(TRADE, {gap.after: "the venue has none" for gap in store.entry(TRADE).gaps})
    texts = told(store)
    assert (WARNING, "gaps") not in texts
    assert texts[INFO, "gaps"].endswith("2025-10-14 14:00; the venue has none")


def test_bars_off_the_grid_and_impossible_prices(store):
    rows = walk()
    rows.loc[3, "timestamp"] += 60_000
    rows.loc[7, "high"] = rows.loc[7, "low"] - 1
    rows.loc[9, "low"] = -1.0
    texts = found(store, rows)
    assert texts[ERROR, "grid"] == "1 bar is not on the 1h grid: 2025-10-10 03:01"
    assert texts[ERROR, "prices"] == (
        "2 bars have a high below, a low above, or a price not above 0: 2025-10-10 07:00 and 2025-10-10 09:00"
    )


def test_frozen_bars(store):
    rows = walk()
    for first, last in ((10, 13), (50, 51), (80, 80)):
        rows.loc[first:last, ["open", "high", "low", "close"]] = rows["close"][first - 1]
    assert found(store, rows)[WARNING, "frozen"] == (
        "the price stands still in 6 bars: at 2 places, at most 4 in a row from 2025-10-10 10:00"
    )
    assert "in 7 bars: at 3 places" in told(store, Limits(frozen=1))[WARNING, "frozen"]
    assert (WARNING, "frozen") not in told(store, Limits(frozen=5))


def test_volume(store, tmp_path):
    rows = walk()
    rows.loc[10:12, "volume"] = 0.0
    rows.loc[30, ["open", "high", "low", "close"]] = rows["close"][29]
    rows.loc[30, "volume"] = 0.0
    texts = found(store, rows)
    assert texts[WARNING, "volume"].startswith("3 bars move without volume: 2025-10-10 10:00, 2025-10-10 11:00")
    assert texts[INFO, "volume"] == "1 bar is without volume: 2025-10-11 06:00"
    unknown = found(Store(tmp_path / "unknown"), walk().assign(volume=np.nan))
    assert unknown[INFO, "volume"] == "no volume is known"


def test_trade_that_leaves_the_mark(store):
    rows = walk()
    rows.loc[200, "low"] *= 0.5
    rows.loc[300, "high"] *= 1.08
    rows.loc[310, "high"] *= 1.03
    texts = [each.text for each in check_of(store, rows) if each.rule == "spikes"]
    low, high = texts
    assert low.startswith(
        "1 trade low more than 5.00 % below that of the mark, the furthest 50.00 % at 2025-10-18 08:00"
    )
    assert high.startswith("1 trade high more than 5.00 % above that of the mark, the furthest 7.99 %")
    assert len([each for each in check_of(store, rows, limits=Limits(spike=0.1)) if each.rule == "spikes"]) == 1


def check_of(store, trade, limits=None):
    found(store, trade)
    return check(store, [TRADE], limits)


def test_a_bar_outside_of_its_neighbours_that_the_other_price_confirms_or_not(store):
    rows = walk()
    rows.loc[200, "low"] *= 0.5
    assert (
        "1 bar stands more than 20 sigma outside of both neighbours: the furthest 49.63 % below"
        in (found(store, rows)[WARNING, "outside"])
    )
    texts = found(store, rows, mark=like(rows))
    assert (WARNING, "outside") not in texts
    assert texts[INFO, "outside"].startswith(
        "1 bar stands more than 20 sigma outside of both neighbours, and so does the "
    )
    assert (WARNING, "outside") not in told(store, Limits(sigma=1_000))


def test_a_move_that_stays_is_not_outside(store):
    rows = walk()
    rows.loc[200:, ["open", "high", "low", "close"]] *= 0.5
    rows.loc[200, "open"], rows.loc[200, "high"] = rows["close"][199], rows["close"][199] * 1.001
    assert not [key for key in found(store, rows, mark=like(rows)) if key[1] == "outside"]


def test_mark_that_is_missing(store):
    hole = like(pd.concat([walk()[:100], walk()[103:]]))
    assert found(store, mark=hole)[WARNING, "mark"] == "no mark for 3 bars from 2025-10-14 04:00 to 2025-10-14 06:00"
    texts = told_without(store, MARK)
    assert texts[WARNING, "mark"] == "no mark candles: liquidations are triggered by trade prices"


def test_a_mark_that_is_a_copy_of_the_trade(store):
    assert found(store, mark=walk())[WARNING, "mark"] == "the mark candles are copies of the trade candles in 480 bars"


def test_a_mark_that_ends_on_the_last_day_is_only_to_be_known(tmp_path):
    assert set(found(Store(tmp_path / "a"), mark=like(walk())[:-20])) == {(INFO, "mark")}
    assert (WARNING, "mark") in found(Store(tmp_path / "b"), mark=walk()[:-30])


def told_without(store, series):
    store.path(series).unlink()
    return told(store)


# --- funding and tiers ---


def test_funding_that_is_missing(tmp_path):
    hole = rates([*range(0, 160, 8), *range(200, BARS, 8)])
    texts = found(Store(tmp_path / "hole"), funding=hole)
    assert texts[WARNING, "gaps"] == "5 settlements are missing between 2025-10-16 08:00 and 2025-10-18 08:00"
    texts = found(Store(tmp_path / "late"), funding=rates(range(80, BARS, 8)))
    assert texts[WARNING, "coverage"] == (
        "it begins at 2025-10-13 08:00, the trade candles at 2025-10-10 00:00: 10 settlements missing"
    )
    store = Store(tmp_path / "none")
    found(store)
    assert told_without(store, FUNDING)[WARNING, "funding"] == "no funding: positions pay and receive none"


def test_intervals_that_change_are_to_be_known_and_odd_ones_warn(tmp_path):
    hours = [*range(0, 80, 8), *range(80, 160, 2), *range(160, BARS, 8)]
    texts = found(Store(tmp_path / "changes"), funding=rates(hours))
    assert texts == {
        (INFO, "interval"): "the interval changes: 8 h, 2 h from 2025-10-13 08:00, 8 h from 2025-10-16 16:00"
    }
    jitter = rates(range(0, BARS, 8)).assign(timestamp=lambda rows: rows["timestamp"] + 7)
    assert found(Store(tmp_path / "jitter"), funding=jitter) == {}
    odd = rates([*range(0, 80, 8), 83, *range(88, BARS, 8)])
    texts = found(Store(tmp_path / "odd"), funding=odd)
    assert texts[WARNING, "interval"] == (
        "2 intervals are none of 1, 2, 4 or 8 h, the first 11 h after 2025-10-13 00:00"
    )


def test_rates_that_cannot_be(store):
    assert (
        "1 rate is 100 % or more"
        in found(
            store,
            funding=rates(range(0, BARS, 8))
            .replace(0.0001, 0.0001)
            .assign(funding_rate=[1.5] + [0.0001] * (BARS // 8 - 1)),
        )[ERROR, "rates"]
    )


def test_tiers_that_cannot_be_used(store):
    found(store)
    table = pd.DataFrame(
        {"timestamp": START, "floor": [0.0, 5e4], "maintenance_rate": [0.01, 0.005], "max_leverage": 50}
    )
    put(store, TIERS, table)
    assert told(store)[ERROR, "tiers"].startswith("the tiers of 2025-10-10 00:00 cannot be used: the table ")


# --- limits ---


@pytest.mark.parametrize(
    "limits", [Limits(spike=0.0), Limits(sigma=-1.0), Limits(frozen=0), Limits(sigma=float("nan"))]
)
def test_limits_that_are_none(store, limits):
    with pytest.raises(ConfigurationError, match="is no limit"):
        check(store, [], limits)


# --- real candles, where there are some beside the checkout: what is known to be wrong with them is found ---

GIVEN = os.environ.get("BACKTESTER_MARKET_DATA")
REAL = Path(GIVEN) if GIVEN else Path(__file__).parents[3] / "shared" / "market-data"
needs_real_data = pytest.mark.skipif(
    not (REAL / "manifest.json").is_file(), reason="no real candles: set BACKTESTER_MARKET_DATA to a folder of venues"
)


@pytest.fixture(scope="module")
def real():
    store = Store(REAL)
    return check(store, store.series(), Limits(frozen=1))


def of(real, rule, symbol, timeframe="1h", venue="binance"):
    return [
        each
        for each in real
        if each.rule == rule and each.series[:2] == (venue, symbol) and each.series.timeframe == timeframe
    ]


@needs_real_data
def test_every_gap_that_the_source_counts_is_counted(real):
    files = json.loads((REAL / "manifest.json").read_text())["files"]
    listed = {f"{each['venue']}/{each['instrument']}/{each['timeframe']}-{each['kind']}": each for each in files}
    missing = {
        f"{each.series.venue}/{each.series.symbol}/{each.series.timeframe}-{each.series.kind}": each.bars
        for each in real
        if each.rule == "gaps" and each.series.timeframe
    }
    assert missing == {name: each["missing_bars"] for name, each in listed.items() if each.get("missing_bars")}
    assert len(missing) >= 8


@needs_real_data
@pytest.mark.parametrize("symbol", ["ADA", "BNB", "BTC", "DOGE", "ETH", "SOL", "TRX", "XRP"])
def test_the_frozen_bars_of_october_2024(real, symbol):
    (each,) = of(real, "frozen", f"{symbol}USDT", "15m")
    assert "4 in a row from 2024-10-28 20:00" in each.text


@needs_real_data
@pytest.mark.parametrize(
    ("symbol", "time", "below"),
    [("ADA", "2020-02-28 17:00", 52), ("ETH", "2021-05-19 13:00", 20.6), ("XRP", "2020-06-02 14:00", 22.6)],
)
def test_the_lows_far_below_the_mark(real, symbol, time, below):
    (each,) = [each for each in of(real, "spikes", f"{symbol}USDT") if "trade low" in each.text]
    assert each.text.endswith(time)
    assert float(each.text.split("furthest ")[1].split(" %")[0]) == pytest.approx(below, abs=0.1)


@needs_real_data
def test_the_holes_of_funding_and_the_venues_without_a_mark(real):
    holes = {each.series.symbol: each.text for each in real if each.rule == "gaps" and each.series.kind == "funding"}
    expected = {"ENAUSDT": 4004, "RENDERUSDT": 4004, "TONUSDT": 4004, "LPTUSDT": 2120, "LINKUSDT": 4568, "SOLUSDT": 608}
    for symbol, hours in expected.items():
        first, last = holes[symbol].split("between ")[1].split(" and ")
        assert (pd.Timestamp(last) - pd.Timestamp(first)).total_seconds() / 3600 == hours
    for venue in ("okx", "hyperliquid"):
        without = {
            each.series.symbol
            for each in real
            if each.series.venue == venue and each.text.startswith("no mark candles")
        }
        assert without == {path.name for path in (REAL / venue).iterdir()}


@needs_real_data
def test_the_interval_of_sol_in_november_2022(real):
    (each,) = of(real, "interval", "SOLUSDT", "")
    assert each.severity == INFO
    assert "from 2022-11-" in each.text
