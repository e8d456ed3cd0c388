"""Markets that are refused: each message says what, where, what was found and how to mend it."""

import numpy as np
import pandas as pd
import pytest

from backtester.market import Funding, Market
from tests.unit.market_frames import START, arrays, frame, message, rates


def test_unsorted_times_name_instrument_bar_time_and_cure():
    said = message(Market.from_frames, {"A": frame().iloc[[0, 2, 1, 3]]})
    assert said.startswith("A: the times are not sorted")
    assert "bar 2 (2025-10-10 01:00:00 UTC)" in said
    assert "2025-10-10 01:00 after 2025-10-10 02:00" in said
    assert "sort_index" in said


def test_duplicate_times_name_instrument_bar_time_and_cure():
    said = message(Market.from_frames, {"A": frame().iloc[[0, 1, 1, 2]]})
    assert said.startswith("A: two bars have the same time")
    assert "bar 2 (2025-10-10 01:00:00 UTC)" in said
    assert "duplicated" in said


@pytest.mark.parametrize("kind", ["trade", "mark"])
def test_a_nan_inside_a_bar_names_the_price_and_the_cure(kind):
    bad = frame()
    bad.iloc[3, 2] = np.nan
    given = {"A": bad} if kind == "trade" else {"A": frame()}
    said = message(Market.from_frames, given, {"A": bad} if kind == "mark" else None)
    assert said.startswith(f"A: NaN inside a {kind} bar (low)")
    assert "bar 3 (2025-10-10 03:00:00 UTC)" in said
    assert "make the whole bar NaN" in said


@pytest.mark.parametrize("value", [-1.0, 0.0, np.inf])
def test_a_price_that_is_none_names_the_value_and_the_cure(value):
    bad = frame()
    bad.iloc[4, 1] = value
    said = message(Market.from_frames, {"A": bad})
    assert said.startswith("A: the trade high is not a positive, finite price")
    assert f"high {value:g}" in said
    assert "bar 4" in said
    assert "Correct the price" in said


@pytest.mark.parametrize(("column", "value"), [("open", 97.0), ("open", 103.0), ("close", 97.0), ("close", 103.0)])
def test_open_and_close_outside_of_the_bar_are_refused(column, value):
    bad = frame()
    bad.loc[bad.index[1], column] = value
    said = message(Market.from_frames, {"A": bad})
    assert f"the trade {column} is outside low..high" in said
    assert "bar 1" in said


def test_a_low_above_the_high_is_refused():
    bad = frame()
    bad.iloc[1, 1], bad.iloc[1, 2] = 98.0, 102.0
    assert "low is above the high" in message(Market.from_frames, {"A": bad})


def test_mark_and_trade_that_do_not_overlap_show_both_ranges():
    said = message(Market.from_frames, {"A": frame()}, {"A": frame(3, START + pd.Timedelta("9h"))})
    assert said.startswith("A: mark and trade do not overlap in time")
    assert "trade 2025-10-10 00:00 to 2025-10-10 05:00" in said
    assert "mark 2025-10-10 09:00 to 2025-10-10 11:00" in said
    assert "leave it out (mark = trade)" in said


def test_mark_between_the_bars_of_trade_does_not_overlap_either():
    said = message(Market.from_frames, {"A": frame()}, {"A": frame(6, START + pd.Timedelta("30min"))})
    assert "they share no bar" in said


def test_funding_without_a_column_of_rates():
    wrong = rates(2).rename(columns={"funding_rate": "fundingRate"})
    said = message(Market.from_frames, {"A": frame(12)}, funding={"A": wrong})
    assert said.startswith("A: funding without a rate")
    assert "it has fundingRate" in said
    assert "Rename fundingRate to funding_rate" in said


def test_funding_with_a_missing_rate():
    bad = rates(2)
    bad.iloc[1] = np.nan
    said = message(Market.from_frames, {"A": frame(12)}, funding={"A": bad})
    assert said.startswith("A: funding without a rate (1 settlement)")
    assert "2025-10-10 08:00:00 UTC" in said
    assert "leave the settlement out" in said


def test_funding_in_percent_twice_or_at_a_price_of_zero_is_refused():
    trade = {"A": frame(12)}
    assert "fractions, not percent" in message(Market.from_frames, trade, funding={"A": rates(2, rate=1.5)})
    twice = rates(2).iloc[[0, 0]]
    assert "two settlements have the same time" in message(Market.from_frames, trade, funding={"A": twice})
    priced = rates(2).assign(mark_price=0.0)
    assert "mark price of a settlement" in message(Market.from_frames, trade, funding={"A": priced})


def test_a_frame_without_a_column_or_without_times_names_what_it_has():
    said = message(Market.from_frames, {"A": frame().drop(columns=["low", "close"])})
    assert "lacks the columns low, close; it has open, high" in said
    said = message(Market.from_frames, {"A": frame().reset_index(drop=True)})
    assert "has no times" in said
    assert "DatetimeIndex" in said
    said = message(Market.from_frames, {"A": frame().assign(open="dear")})
    assert "trade column open does not hold numbers" in said


@pytest.mark.parametrize("factor", [1e-3, 1e3, 1e6])
def test_timestamps_in_another_unit_than_milliseconds_are_refused(factor):
    milliseconds = START.value // 1_000_000
    given = frame().reset_index(drop=True).assign(timestamp=int(milliseconds * factor) + np.arange(6))
    assert "is not in UTC milliseconds" in message(Market.from_frames, {"A": given})


def test_a_missing_time_is_refused():
    given = frame()
    given.index = given.index.where(np.arange(6) != 2)
    assert "bar without a time" in message(Market.from_frames, {"A": given})


def test_an_empty_range_shows_what_there_is():
    said = message(Market.from_frames, {"A": frame()}, start="2026-01-01")
    assert "no bars from 2026-01-01 to the end" in said
    assert "from 2025-10-10 00:00 to 2025-10-10 05:00" in said
    assert "start is not a time" in message(Market.from_frames, {"A": frame()}, start="soon")


def test_nothing_and_a_mark_of_nobody_are_refused():
    assert "at least one instrument" in message(Market.from_frames, {})
    said = message(Market.from_frames, {"BTCUSDT": frame()}, {"BTCUSD": frame()})
    assert said.startswith("BTCUSD: mark data of an instrument without trade candles")
    assert "Perhaps you mean BTCUSDT" in said
    assert "the trade frame is empty" in message(Market.from_frames, {"A": frame(0)})


# --- arrays given directly ---


def test_arrays_are_checked_like_frames():
    assert Market(**arrays()).n_instruments == 2
    bad = arrays()
    bad["low"] = bad["low"].copy()
    bad["low"][2, 1] = -5.0
    said = message(Market, **bad)
    assert said.startswith("B: the trade low is not a positive, finite price")
    assert "bar 2 (2025-10-10 02:00:00 UTC)" in said


def test_wrong_shapes_are_refused():
    assert "close has the wrong shape" in message(Market, **arrays(close=np.ones((4, 3))))
    assert "mark_is_trade has the wrong shape" in message(Market, **arrays(mark_is_trade=np.zeros(3, bool)))
    assert "the symbol occurs twice" in message(Market, **arrays(symbols=("A", "A")))


@pytest.mark.parametrize("symbol", ["A\nB", "A\x00", "A\x1b[31m", "A\ud800"])
def test_a_symbol_that_no_file_could_hold_is_refused(symbol):
    assert "a symbol has a character that cannot be shown" in message(Market, **arrays(symbols=(symbol, "B")))
    assert "instruments and bars" in message(Market, **arrays(n=0))


def test_a_bar_missing_in_one_of_trade_and_mark_is_refused():
    bad = arrays()
    for name in ("mark_open", "mark_high", "mark_low", "mark_close"):
        bad[name] = bad[name].copy()
        bad[name][1, 0] = np.nan
    said = message(Market, **bad)
    assert said.startswith("A: the mark bar is missing and the other is not")
    assert "Market.from_frames" in said


@pytest.mark.parametrize(
    ("time", "instrument", "problem"),
    [([2, 1], [0, 0], "not sorted"), ([1, 1], [1, 0], "not sorted"), ([1, 2], [0, 2], "not among the 2")],
)
def test_funding_arrays_are_checked(time, instrument, problem):
    funding = Funding(np.array(time), np.array(instrument), np.zeros(2), np.full(2, np.nan))
    assert problem in message(Market, **arrays(funding=funding))


def test_a_detail_must_be_finer_of_the_same_symbols_and_of_the_same_time():
    coarse, fine = frame(24), frame(24).resample("30min").ffill()
    whole = Market.from_frames({"A": coarse})
    assert "other symbols" in message(whole.with_detail, Market.from_frames({"B": fine}))
    assert "not finer" in message(whole.with_detail, whole)
    later = fine.set_index(fine.index + pd.Timedelta("9D"))
    assert "do not overlap" in message(whole.with_detail, Market.from_frames({"A": later}))


def test_a_hole_of_the_detail_is_said():
    fine = Market.from_frames({"A": frame(24).resample("30min").ffill().drop(frame(24).index[5:7])})
    market = Market.from_frames({"A": frame(24)}, detail=fine.slice(0, 40))
    assert any("no 30m detail for A in 3 bars (2025-10-10 21:00 to" in note for note in market.notes)
    assert any(note.startswith("30m detail: 2 bars are missing") for note in market.notes)
    assert sum("no funding for A" in note for note in market.notes) == 1
