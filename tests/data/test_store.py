"""The store: rows in pages, one file of them, a manifest; writers that race and writers that are killed."""

import json
import os
import subprocess
import sys
import textwrap

import duckdb
import numpy as np
import pandas as pd
import polars
import pytest

from backtester.errors import BacktesterError, ConfigurationError, MarketDataError
from data import load
from data.checks import check
from data.gaps import Gap
from data.locks import locked
from data.store import Series, Store
from tests.data.rows import HOUR, START, candles, rates

TRADE = Series("binance", "BTCUSDT", "trade", "1h")
MARK = TRADE._replace(kind="mark")
FUNDING = Series("binance", "BTCUSDT", "funding")
TIERS = Series("binance", "BTCUSDT", "tiers")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def filled(store, series, *frames, source="a test"):
    for frame in frames:
        store.add_page(series, frame, source)
    return store.merge(series)


def run(code, *args):
    """Run a program of its own, as another process would."""
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), *map(str, args)], env=dict(os.environ))


def message(call, *args):
    with pytest.raises(BacktesterError) as caught:
        call(*args)
    return str(caught.value)


# --- one file from pages ---


def test_the_same_rows_give_the_same_bytes_however_they_are_cut(tmp_path):
    rows = candles(1_000)
    cuts = {"one": [1_000], "three": [300, 700, 1_000], "many": range(7, 1_007, 7)}
    bytes_of = {}
    for name, ends in cuts.items():
        store, start = Store(tmp_path / name), 0
        for end in ends:
            store.add_page(TRADE, rows[max(0, start - 5) : end].sample(frac=1, random_state=1), name)
            start = end
            if name == "many" and end % 2:
                store.merge(TRADE)
        store.merge(TRADE)
        bytes_of[name] = store.path(TRADE).read_bytes()
    assert bytes_of["one"] == bytes_of["three"] == bytes_of["many"]
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "one" / "binance" / "BTCUSDT" / "1h-trade.parquet"), rows)


def test_what_came_last_stands(store):
    filled(store, TRADE, candles(10, price=100.0))
    filled(store, TRADE, candles(3, first=4, price=200.0))
    held = store.read(TRADE)
    assert len(held) == 10
    assert list(held["open"] > 150) == [False] * 4 + [True] * 3 + [False] * 3


def test_the_span_and_the_rows_have_the_pages_that_are_not_merged(store):
    assert store.span(TRADE) is None
    filled(store, TRADE, candles(10, first=5))
    store.add_page(TRADE, candles(10, first=20), "later")
    assert store.span(TRADE) == (START + 5 * HOUR, START + 29 * HOUR)
    assert len(store.read(TRADE)) == 20
    assert len(store.read(TRADE, START + 14 * HOUR, START + 21 * HOUR)) == 2
    assert len(pd.read_parquet(store.path(TRADE))) == 10


def test_nothing_is_left_beside_the_file(store):
    filled(store, TRADE, candles(10))
    names = sorted(path.name for path in store.path(TRADE).parent.iterdir())
    assert names == [".lock", "1h-trade.parquet", "manifest.json"]


def test_the_files_are_what_load_reads(store):
    filled(store, TRADE, candles())
    filled(store, MARK, candles(price=99.0).drop(columns="volume"))
    filled(store, FUNDING, rates(range(0, 48, 8)))
    market = load(store.root / "binance", "BTCUSDT", "1h")
    assert market.n_bars == 48
    assert not market.mark_is_trade[0]
    assert len(market.funding.time) == 6


def test_pandas_polars_and_duckdb_read_the_file_as_it_is(store):
    filled(store, TRADE, candles())
    path = store.path(TRADE)
    total = candles()["close"].sum()
    assert pd.read_parquet(path)["close"].sum() == pytest.approx(total)
    assert polars.read_parquet(path)["close"].sum() == pytest.approx(total)
    assert duckdb.sql(f"select sum(close) from '{path}'").fetchall()[0][0] == pytest.approx(total)
    assert polars.read_parquet(path).schema["timestamp"] == polars.Int64


def test_the_mark_price_of_funding_is_kept_where_it_is_known(store):
    filled(store, FUNDING, rates([0, 8]))
    assert list(pd.read_parquet(store.path(FUNDING)).columns) == ["timestamp", "funding_rate"]
    filled(store, FUNDING, rates([16]).assign(mark_price=100.0))
    assert pd.read_parquet(store.path(FUNDING))["mark_price"].notna().tolist() == [False, False, True]


def test_what_the_last_row_does_not_know_an_earlier_one_may(store):
    filled(store, FUNDING, rates([0, 8]).assign(mark_price=[100.0, 101.0]))
    filled(store, FUNDING, rates([8, 16], rate=0.0002))
    held = store.read(FUNDING)
    assert held["funding_rate"].tolist() == [0.0001, 0.0002, 0.0002]
    assert held["mark_price"].fillna(0).tolist() == [100.0, 101.0, 0.0]


def test_a_folder_for_pages_without_one_is_no_series(store):
    (store.path(TRADE).parent / "1h-trade.pages").mkdir(parents=True)
    (store.path(TRADE).parent / "1h-trade.pages" / ".00000001_1_2.parquet.77.tmp").write_bytes(b"cut off")
    assert store.series() == []
    filled(store, TRADE, candles(3))
    assert sorted(path.name for path in store.path(TRADE).parent.iterdir())[1:] == ["1h-trade.parquet", "manifest.json"]


def test_tiers_are_kept_by_their_date(store):
    table = pd.DataFrame(
        {"timestamp": START, "floor": [0.0, 50_000.0], "maintenance_rate": [0.004, 0.005], "max_leverage": [125, 100]}
    )
    filled(store, TIERS, table)
    entry = filled(store, TIERS, table.assign(timestamp=START + HOUR, max_leverage=[75, 50]))
    assert entry.rows == 4
    assert entry.gaps == ()
    assert store.read(TIERS)["max_leverage"].tolist() == [125, 100, 75, 50]


# --- the manifest ---


def test_what_the_manifest_says(store):
    filled(store, TRADE, candles(10), source="one")
    entry = filled(store, TRADE, candles(10, first=15), source="two")
    assert entry.source == "one; two"
    assert (entry.first, entry.last, entry.rows) == (START, START + 24 * HOUR, 20)
    assert entry.gaps == (Gap(START + 9 * HOUR, START + 15 * HOUR, 5),)
    assert entry.missing == 5
    assert entry == store.entry(TRADE) == store.entries()[TRADE] == Store(store.root).merge(TRADE)
    said = json.loads((store.path(TRADE).parent / "manifest.json").read_text())["files"]["1h-trade.parquet"]
    assert said["first"] == "2025-10-10T00:00:00Z"
    gap = {"after": "2025-10-10T09:00:00Z", "before": "2025-10-10T15:00:00Z", "missing": 5, "note": ""}
    assert said["gaps"] == [gap]


def test_settlements_are_missing_where_the_interval_is_broken_not_where_it_changes(store):
    entry = filled(store, FUNDING, rates([0, 8, 16, 24, 28, 32, 36, 44, 48, 52, 60, 68]))
    assert entry.gaps == (Gap(START + 36 * HOUR, START + 44 * HOUR, 1),)


def test_a_note_on_a_gap_outlives_a_merge_and_goes_with_the_gap(store):
    filled(store, TRADE, candles(10), candles(10, first=15), candles(10, first=30))
    store.note_gaps(TRADE, {START + 9 * HOUR: "the venue has none"})
    entry = filled(store, TRADE, candles(2, first=40))
    assert [gap.note for gap in entry.gaps] == ["the venue has none", ""]
    entry = filled(store, TRADE, candles(6, first=9))
    assert [gap.note for gap in entry.gaps] == [""]


def test_a_file_put_there_by_hand_gets_its_entry(store):
    path = store.path(TRADE)
    path.parent.mkdir(parents=True)
    candles(10).to_parquet(path)
    assert store.series() == [TRADE]
    assert store.entries() == {}
    before = path.read_bytes()
    assert store.merge(TRADE).rows == 10
    assert path.read_bytes() == before


def test_a_file_that_another_program_changed_is_not_merged_but_may_be_accepted_or_removed(store):
    filled(store, TRADE, candles(10))
    filled(store, TRADE, candles(5, first=10))
    candles(12, price=7.0).to_parquet(store.path(TRADE))
    store.add_page(TRADE, candles(5, first=20), "later")
    assert "1h-trade.parquet is not the file that was written: its sha256 is not" in message(store.merge, TRADE)
    assert store.accept(TRADE).source == "a test; changed by another program"
    assert store.merge(TRADE).source == "a test; changed by another program; later"
    assert store.read(TRADE)["open"].min() < 10
    store.path(TRADE).unlink()
    assert filled(store, TRADE, candles(3), source="anew") == store.entry(TRADE)
    assert store.entry(TRADE).source == "anew"


def test_a_manifest_that_cannot_be_read_is_said(store):
    filled(store, TRADE, candles(10))
    manifest = store.path(TRADE).parent / "manifest.json"
    whole = manifest.read_text()
    manifest.write_text(whole[:-20])
    assert f"the manifest {manifest} cannot be read" in message(store.merge, TRADE)
    manifest.write_text(whole.replace('"rows": 10', '"rows": "ten"'))
    assert "1h-trade.parquet.rows: is not a whole number; found 'ten'" in message(store.entries)


# --- what is refused ---


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (candles().drop(columns=["open", "low"]), "lack the columns open, low; they have timestamp, high"),
        (candles().assign(timestamp=lambda f: f.timestamp // 1000), "timestamp in row 0 is not in UTC milliseconds"),
        (candles().assign(timestamp=lambda f: f.timestamp / 7), "times of binance BTCUSDT 1h trade are float64"),
        (candles().assign(open=[1.0] * 5 + [np.nan] + [1.0] * 42), "the open in row 5 is no number; found nan"),
        (candles().assign(close=np.inf), "the close in row 0 is no number; found inf"),
        (candles().assign(high="much"), "the column high of binance BTCUSDT 1h trade does not hold numbers"),
    ],
)
def test_rows_that_cannot_be_kept(store, frame, said):
    assert said in message(store.add_page, TRADE, frame, "a test")
    assert store.span(TRADE) is None


@pytest.mark.parametrize(
    ("series", "error", "said"),
    [
        (TRADE._replace(venue="../up"), ConfigurationError, "venue: is no name for a folder"),
        (TRADE._replace(symbol="BTC/USDT:USDT"), ConfigurationError, "symbol: is no name for a folder"),
        (TRADE._replace(kind="trades"), ConfigurationError, "nearest: trade"),
        (TRADE._replace(timeframe=""), MarketDataError, "the timeframe cannot be read"),
        (FUNDING._replace(timeframe="8h"), ConfigurationError, "funding has none"),
    ],
)
def test_series_that_cannot_be(store, series, error, said):
    with pytest.raises(error, match=said):
        store.add_page(series, candles(), "a test")


def test_nothing_there(store):
    filled(store, MARK, candles())
    assert "there is nothing of binance BTCUSDT 1h trade" in message(store.read, TRADE)
    assert "holds 1h-mark.parquet" in message(store.merge, TRADE)
    assert "come without a source" in message(store.add_page, TRADE, candles(), " ")


def test_rows_of_nothing_are_no_page(store):
    store.add_page(TRADE, candles(0), "a test")
    assert store.span(TRADE) is None


# --- several writers, and killed ones ---

WRITER = """
import sys
import pandas as pd
from data.store import Series, Store
from tests.data.rows import HOUR, START, candles, rates
root, frames, kind, part, parts = sys.argv[1:]
store, rows = Store(root), pd.read_parquet(frames)
for k in range(int(part), 40, int(parts)):
    store.add_page(Series("binance", "BTCUSDT", kind, "1h"), rows[25 * k : 25 * k + 25], "a race")
    if k % 5 == 0:
        store.merge(Series("binance", "BTCUSDT", kind, "1h"))
store.merge(Series("binance", "BTCUSDT", kind, "1h"))
"""


def test_processes_on_one_series_and_on_its_neighbour_lose_nothing(store, tmp_path):
    rows = candles(1_000)
    rows.to_parquet(tmp_path / "rows.parquet")
    arguments = [("trade", 0, 2), ("trade", 1, 2), ("mark", 0, 1)]
    writers = [run(WRITER, store.root, tmp_path / "rows.parquet", *which) for which in arguments]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    alone = Store(tmp_path / "alone")
    for series in (TRADE, MARK):
        filled(alone, series, rows)
        assert store.path(series).read_bytes() == alone.path(series).read_bytes()
    assert {series: entry.rows for series, entry in store.entries().items()} == {TRADE: 1_000, MARK: 1_000}


KILLED = """
import os, signal, sys
from pathlib import Path
import pandas as pd
import pyarrow.parquet
import data.files, data.writing
from data.store import Series, Store
from tests.data.rows import HOUR, START, candles, rates

SERIES = Series("binance", "BTCUSDT", "trade", "1h")

def fill(store, rows):
    for k in range(6):
        store.add_page(SERIES, rows[10 * k : 10 * k + 10], "a test")
        if k in (2, 5):
            store.merge(SERIES)

def killed_at(moment, folder, frames):
    left = [moment]
    def dying(call):
        def counted(*args, **kwargs):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)
        return counted
    for owner, name in ((Path, "replace"), (Path, "unlink"), (Path, "rmdir"), (os, "fsync")):
        setattr(owner, name, dying(getattr(owner, name)))
    fill(Store(folder), pd.read_parquet(frames))
    os._exit(0)

moment, status = 0, None
while status != 0:
    moment += 1
    child = os.fork()
    if child == 0:
        killed_at(moment, f"{sys.argv[1]}/killed-{moment}", sys.argv[2])
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        sys.exit(1)
"""


def unlike(entry):
    """Return an entry without what depends on when and in how many steps it was made."""
    return entry._replace(fetched="", replaces="")


def test_a_kill_at_any_moment_loses_at_most_the_page_in_hand(tmp_path):
    rows = candles(60)
    rows.to_parquet(tmp_path / "rows.parquet")
    alone = Store(tmp_path / "alone")
    filled(alone, TRADE, rows)
    assert run(KILLED, tmp_path, tmp_path / "rows.parquet").wait(300) == 0
    folders = sorted(tmp_path.glob("killed-*"), key=lambda path: int(path.name.split("-")[1]))
    least = 0
    for folder in folders:
        store = Store(folder)
        last = START - HOUR
        assert not [each for each in check(store, store.series()) if each.severity == "error"]
        if store.span(TRADE):
            last = store.span(TRADE)[1]
            held = store.read(TRADE)
            pd.testing.assert_frame_equal(held, rows[: len(held)])
            assert len(held) >= least
            assert len(held) % 10 == 0
            least = len(held)
        filled(store, TRADE, rows[rows["timestamp"] > last], rows[-1:])
        assert store.path(TRADE).read_bytes() == alone.path(TRADE).read_bytes()
        names = sorted(path.name for path in store.path(TRADE).parent.iterdir())
        assert names == [".lock", "1h-trade.parquet", "manifest.json"]
        assert unlike(store.entry(TRADE)) == unlike(alone.entry(TRADE))
    assert len(folders) > 30
    assert least == 60


HOLDER = """
import sys, time
from pathlib import Path
from data.locks import locked
with locked(Path(sys.argv[1])):
    Path(sys.argv[1], "held").touch()
    time.sleep(60)
"""


def test_a_lock_is_waited_for_and_dies_with_its_holder(tmp_path):
    holder = run(HOLDER, tmp_path)
    try:
        while not (tmp_path / "held").exists():
            assert holder.poll() is None
        with pytest.raises(MarketDataError, match="another process has been writing to"), locked(tmp_path, 0.1):
            pass
    finally:
        holder.kill()
        holder.wait()
    with locked(tmp_path, 0.1):
        assert (tmp_path / ".lock").exists()
