"""Markets from folders of Parquet files: what is found, what is said, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from backtester.errors import BacktesterError
from data import available, load
from tests.real_candles import BINANCE, REAL, needs_real_candles

HOUR = 3_600_000_000_000
START = pd.Timestamp("2025-10-10", tz="UTC")
DAY = 24


def candles(n=DAY, start=START, freq="1h", price=100.0):
    index = pd.date_range(start, periods=n, freq=freq)
    wave = price * (1 + 0.01 * np.sin(np.arange(n + 1)))
    out = pd.DataFrame({"timestamp": index.as_unit("ms").asi8, "open": wave[:-1], "close": wave[1:]})
    out["high"] = out[["open", "close"]].max(axis=1) + 0.5
    out["low"] = out[["open", "close"]].min(axis=1) - 0.5
    return out[["timestamp", "open", "high", "low", "close"]].assign(volume=1.0)


def rates(n=3, start=START):
    index = pd.date_range(start, periods=n, freq="8h")
    return pd.DataFrame({"timestamp": index.as_unit("ms").asi8, "funding_rate": 0.0001})


@pytest.fixture
def venue(tmp_path):
    """Return a folder of a venue: A has everything, B no mark, C only 5m candles."""
    root = tmp_path / "candles" / "somewhere"
    write(root / "AAAUSDT" / "1h-trade.parquet", candles())
    write(root / "AAAUSDT" / "1h-mark.parquet", candles(price=99.9))
    write(root / "AAAUSDT" / "5m-trade.parquet", candles(12 * DAY, freq="5min"))
    write(root / "AAAUSDT" / "funding.parquet", rates())
    write(root / "BBBUSDT" / "1h-trade.parquet", candles(price=5.0))
    write(root / "BBBUSDT" / "funding.parquet", rates(1))
    write(root / "CCCUSDT" / "5m-trade.parquet", candles(12 * DAY, freq="5min"))
    write(root / "notes" / "readme.txt", None)
    return root


def write(path, frame, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    if frame is None:
        path.write_text("not candles", encoding="utf-8")
    else:
        frame.to_parquet(path, index=False, **options)


def message(*args, **kwargs):
    with pytest.raises(BacktesterError) as caught:
        load(*args, **kwargs)
    return str(caught.value)


# --- what comes out ---


def test_a_listing_of_what_is_there(venue):
    listing = available(venue)
    assert list(listing) == ["AAAUSDT", "BBBUSDT", "CCCUSDT"]
    assert listing["AAAUSDT"] == (("5m", "1h"), ("1h",), True)
    assert listing["CCCUSDT"] == (("5m",), (), False)
    assert available(venue.parent, venue="somewhere") == listing


def test_one_symbol_with_mark_and_funding(venue):
    market = load(venue, "AAAUSDT", "1h")
    assert market.symbols == ("AAAUSDT",)
    assert market.n_bars == DAY
    assert market.open_time[0] == START.value
    assert market.close[0, 0] == candles()["close"][0]
    assert market.mark_close[0, 0] == candles(price=99.9)["close"][0]
    assert not market.mark_is_trade[0]
    assert len(market.funding.time) == 3
    assert market.source == "somewhere 1h, 2025-10-10 to 2025-10-11"
    assert market.notes == ()
    assert not market.synthetic


def test_symbols_in_the_unified_notation_keep_the_name_asked_for(venue):
    market = load(venue, ["BBB/USDT:USDT", "AAA/USDT:USDT"], "1h")
    assert market.symbols == ("BBB/USDT:USDT", "AAA/USDT:USDT")
    assert market.open[0, 0] == 5.0


def test_the_folder_above_with_the_venue_named(venue):
    assert load(venue.parent, "AAAUSDT", "1h", venue="somewhere").n_bars == DAY
    assert load(venue, "AAAUSDT", "1h", venue="somewhere").n_bars == DAY


@pytest.mark.parametrize("every", [None, "all"])
def test_all_takes_what_has_the_timeframe_and_says_what_it_left_out(venue, every):
    market = load(venue, every, "1h")
    assert market.symbols == ("AAAUSDT", "BBBUSDT")
    assert "left out, no 1h trade candles: CCCUSDT" in market.notes
    assert "mark = trade for BBBUSDT: no mark data" in market.notes
    assert any(note.startswith("funding of BBBUSDT covers 33.3 %") for note in market.notes)


def test_all_may_ask_for_mark_and_funding(venue):
    write(venue / "DDDUSDT" / "1h-trade.parquet", candles())
    write(venue / "DDDUSDT" / "1h-mark.parquet", candles())
    write(venue / "DDDUSDT" / "funding.parquet", rates(start=START - pd.Timedelta("9D")))
    market = load(venue, "all", "1h", start=START, require=("mark", "funding"))
    assert market.symbols == ("AAAUSDT",)
    assert "left out, no 1h mark candles: BBBUSDT" in market.notes
    assert "left out, no funding data in this range: DDDUSDT" in market.notes
    said = message(venue, "BBBUSDT", "1h", require=("mark",))
    assert said.startswith("BBBUSDT: there are no 1h mark candles")
    assert "no funding data in this range" in message(venue, "DDDUSDT", "1h", start=START, require=("funding",))
    assert "allowed: mark, funding" in message(venue, "AAAUSDT", "1h", require=("marks",))


@pytest.mark.parametrize("rows", [None, 5])
def test_a_range_reads_its_bars_only(venue, rows):
    write(venue / "AAAUSDT" / "1h-trade.parquet", candles(), row_group_size=rows)
    market = load(venue, "AAAUSDT", "1h", start="2025-10-10 06:00", end="2025-10-10 18:00")
    assert market.n_bars == 12
    assert market.open_time[0] == START.value + 6 * HOUR
    assert list(market.funding.time) == [START.value + 8 * HOUR, START.value + 16 * HOUR]


def test_all_leaves_out_what_has_no_bars_in_the_range(venue):
    write(venue / "DDDUSDT" / "1h-trade.parquet", candles(start=START - pd.Timedelta("9D")))
    market = load(venue, None, "1h", start=START)
    assert market.symbols == ("AAAUSDT", "BBBUSDT")
    assert "left out, no 1h bars in this range: DDDUSDT" in market.notes


def test_a_finer_market_to_simulate_on(venue):
    market = load(venue, "AAAUSDT", "1h", simulation_timeframe="5m", end="2025-10-10 12:00")
    assert market.n_bars == 12
    assert market.detail.n_bars == 144
    assert market.detail.timeframe == HOUR // 12
    assert market.detail.mark_is_trade[0]
    assert "5m detail: mark = trade for AAAUSDT: no mark data" in market.notes
    assert len(market.detail.funding.time) == 2


def test_all_with_a_finer_market_takes_what_has_both(venue):
    market = load(venue, "all", "1h", simulation_timeframe="5m")
    assert market.symbols == market.detail.symbols == ("AAAUSDT",)
    assert "left out, no 5m trade candles: BBBUSDT" in market.notes


def test_a_price_that_stands_still_is_said(venue):
    frame = candles()
    frame.loc[[4, 5, 9], ["open", "high", "low", "close"]] = [[frame.close[3]] * 4] * 2 + [[frame.close[8]] * 4]
    write(venue / "AAAUSDT" / "1h-trade.parquet", frame)
    note = "the price of AAAUSDT stands still in 3 bars: from 2025-10-10 04:00, 2025-10-10 09:00"
    assert note in load(venue, "AAAUSDT", "1h").notes


def test_times_may_be_datetimes(venue):
    frame = candles()
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], unit="ms", utc=True)
    write(venue / "AAAUSDT" / "1h-trade.parquet", frame)
    assert load(venue, "AAAUSDT", "1h", start="2025-10-10 06:00").n_bars == 18


# --- what is refused ---


def test_a_folder_without_the_symbol_names_the_nearest_and_what_is_there(venue):
    said = message(venue, ["AAABUSDT"], "1h")
    assert said.startswith("AAABUSDT: there is no such symbol in ")
    assert str(venue) in said
    assert "there are AAAUSDT, BBBUSDT, CCCUSDT" in said
    assert "Perhaps you mean AAAUSDT" in said


def test_another_settlement_is_another_symbol(venue):
    assert "no such symbol" in message(venue, "AAA/USDC:USDC", "1h")
    write(venue / "AAAUSDC" / "1h-trade.parquet", candles())
    said = message(venue, "AAA-PERP", "1h")
    assert "more than one folder fits this symbol: AAAUSDC, AAAUSDT" in said


def test_a_timeframe_that_is_missing_names_those_that_are_there(venue):
    said = message(venue, "AAAUSDT", "4h")
    assert said.startswith("AAAUSDT: there are no 4h trade candles in ")
    assert "trade 5m, 1h, mark 1h, funding" in said
    assert "Choose a timeframe that is there" in said
    said = message(venue, None, "4h")
    assert "no symbol of" in said
    assert "Timeframes that are there: 5m, 1h" in said
    assert "no 1m trade candles" in message(venue, "AAAUSDT", "1h", simulation_timeframe="1m")


@pytest.mark.parametrize("timeframe", ["1hour", "60", "h", "0h", ""])
def test_a_timeframe_that_cannot_be_read(venue, timeframe):
    said = message(venue, "AAAUSDT", timeframe)
    assert "the timeframe cannot be read" in said
    assert '"15m"' in said


@pytest.mark.parametrize("finer", ["1h", "2h", "7m"])
def test_a_simulation_must_be_finer_and_fit(venue, finer):
    assert f"a simulation on {finer} does not fit decisions on 1h" in message(
        venue, "AAAUSDT", "1h", simulation_timeframe=finer
    )


def test_a_folder_that_is_missing_names_its_neighbours(venue):
    said = message(venue.parent / "somewere", "AAAUSDT")
    assert "the folder of the market data does not exist" in said
    assert "Perhaps you mean somewhere" in said
    said = message(venue.parent, "AAAUSDT", venue="elsewhere")
    assert "there is no folder for the venue elsewhere" in said


def test_the_folder_above_without_a_venue_says_which_there_are(venue):
    said = message(venue.parent, "AAAUSDT")
    assert "holds venues, not symbols: somewhere" in said
    assert 'venue="somewhere"' in said


def test_a_folder_without_candles_says_how_they_are_named(tmp_path):
    said = message(tmp_path, "AAAUSDT")
    assert "holds no candles: it is empty" in said
    assert "<SYMBOL>/<timeframe>-trade.parquet" in said


def test_an_empty_range_shows_the_range_there_is(venue):
    said = message(venue, ["AAAUSDT", "BBBUSDT"], "1h", start="2026-01-01")
    assert said.startswith("AAAUSDT: no 1h bars from 2026-01-01 00:00 to the end (nor of BBBUSDT)")
    assert "from 2025-10-10 00:00 to 2025-10-10 23:00" in said
    assert "no 1h bars" in message(venue, None, "1h", start="2026-01-01")


def test_a_range_that_ends_before_it_starts(venue):
    said = message(venue, "AAAUSDT", "1h", start="2025-10-11", end="2025-10-10")
    assert "the range is empty: start 2025-10-11 00:00 is not before end 2025-10-10 00:00" in said
    assert "end is not a time" in message(venue, "AAAUSDT", "1h", end="later")


def test_a_symbol_asked_for_twice_and_none_at_all(venue):
    assert "one symbol is asked for twice" in message(venue, ["AAAUSDT", "AAA/USDT:USDT"], "1h")
    assert "no symbols were asked for" in message(venue, [], "1h")


def test_a_file_that_is_not_parquet_is_named(venue):
    write(venue / "AAAUSDT" / "1h-mark.parquet", None)
    said = message(venue, "AAAUSDT", "1h")
    assert "1h-mark.parquet cannot be read as Parquet" in said
    assert "Download it again" in said


def test_a_file_without_a_price_or_a_rate_names_the_column(venue):
    write(venue / "AAAUSDT" / "1h-mark.parquet", candles().drop(columns="low"))
    assert "AAAUSDT: the mark frame lacks the column low; it has timestamp, open" in message(venue, "AAAUSDT", "1h")
    write(venue / "BBBUSDT" / "funding.parquet", rates().rename(columns={"funding_rate": "rate"}))
    assert "BBBUSDT: funding without a rate" in message(venue, "BBBUSDT", "1h")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: f.iloc[[0, 2, 1, 3]], ["AAAUSDT: the times are not sorted", "bar 2", "sort"]),
        (lambda f: f.iloc[[0, 1, 1, 2]], ["AAAUSDT: two bars have the same time", "bar 2"]),
        (lambda f: f.assign(low=f.low.where(f.index != 3)), ["NaN inside a trade bar (low)", "bar 3"]),
        (lambda f: f.assign(low=f.low.where(f.index != 3, -1.0)), ["low is not a positive, finite price", "bar 3"]),
        (lambda f: f.assign(open=f.open.where(f.index != 3, 500.0)), ["open is outside low..high", "bar 3"]),
    ],
)
def test_damage_in_a_file_is_refused_with_its_place(venue, damage, words):
    write(venue / "AAAUSDT" / "1h-trade.parquet", damage(candles()))
    said = message(venue, "AAAUSDT", "1h")
    for word in words:
        assert word in said


def test_marks_of_another_time_are_refused(venue):
    write(venue / "AAAUSDT" / "1h-mark.parquet", candles(start=START + pd.Timedelta("9D")))
    assert "mark and trade do not overlap in time" in message(venue, "AAAUSDT", "1h")


def test_bars_beside_the_grid_and_files_of_another_timeframe_are_refused(venue):
    late = candles().assign(timestamp=lambda f: f.timestamp + 60_000 * (f.index == 3))
    write(venue / "BBBUSDT" / "1h-trade.parquet", late)
    said = message(venue, ["AAAUSDT", "BBBUSDT"], "1h")
    assert said.startswith("BBBUSDT: a bar is not on the 1h grid (1 such bar)")
    assert "2025-10-10 03:01:00 UTC" in said
    write(venue / "BBBUSDT" / "1h-trade.parquet", candles(freq="4h"))
    said = message(venue, "BBBUSDT", "1h")
    assert "named 1h, but hold 4h bars" in said


# --- real candles, where there are some beside the checkout ---


@needs_real_candles
def test_every_real_file_loads_or_says_why_not():
    loaded = 0
    for place in sorted(REAL.iterdir()):
        if not place.is_dir():
            continue
        for symbol, listing in available(place).items():
            for timeframe in listing.trade:
                market = load(place, symbol, timeframe)
                assert market.n_bars > 1
                loaded += 1
    assert loaded > 100


@needs_real_candles
def test_the_widest_crash_of_2025():
    market = load(BINANCE, "all", "1h", start="2025-10-01", end="2025-10-20", require=("mark", "funding"))
    assert market.n_bars == 19 * DAY
    assert market.n_instruments > 30
    hour = int(np.argmin(np.nanmin(market.mark_low / market.mark_open, axis=1)))
    assert str(market.index[hour]) == "2025-10-10 21:00:00+00:00"
    assert (market.mark_low[hour] / market.mark_open[hour] - 1).min() < -0.5
    assert not any("mark = trade" in note for note in market.notes)


@needs_real_candles
def test_known_defects_are_said():
    binance = BINANCE
    text = "\n".join(load(binance, ["BTCUSDT", "LPTUSDT", "LINKUSDT"], "1h").notes)
    assert "the price of LPTUSDT stands still in 1 bar: from 2024-10-28 20:00" in text
    assert "no data in 4,556 bars of LINKUSDT (2024-10-23 04:00 to 2025-04-30 23:00)" in text
    assert "funding of LPTUSDT covers" in text
    detailed = load(binance, "BTCUSDT", "1h", start="2025-07-01", end="2025-09-01", simulation_timeframe="15m")
    assert any("no 15m detail for BTCUSDT in" in note for note in detailed.notes)
