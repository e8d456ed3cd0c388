"""What a market accepts, what it refuses and in which words, and what it says about gaps."""

import pickle

import numpy as np
import pandas as pd
import pytest

from backtester.errors import MarketDataError
from backtester.market import PRICES, Funding, Market

HOUR = 3_600_000_000_000
START = pd.Timestamp("2025-10-10", tz="UTC")


def frame(n=6, start=START, price=100.0, **columns):
    index = pd.date_range(start, periods=n, freq="h")
    base = {"open": price, "high": price + 2, "low": price - 2, "close": price + 1}
    out = pd.DataFrame({name: np.full(n, value) for name, value in base.items()}, index=index)
    return out.assign(**columns)


def rates(n=2, start=START, hours=8, rate=0.0001):
    return pd.DataFrame({"funding_rate": rate}, index=pd.date_range(start, periods=n, freq=f"{hours}h"))


def arrays(n=4, instruments=2, **changes):
    """Return the arguments of a small, valid market."""
    o = np.full((n, instruments), 100.0)
    out = dict(zip(PRICES, (o, o + 2, o - 2, o + 1, o, o + 2, o - 2, o + 1), strict=True))
    out |= {
        "symbols": tuple("ABCDE"[:instruments]),
        "open_time": START.value + HOUR * np.arange(n),
        "mark_is_trade": np.zeros(instruments, bool),
    }
    return out | changes


def message(call, *args, **kwargs):
    with pytest.raises(MarketDataError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


# --- what comes out ---


def test_a_market_is_contiguous_read_only_and_in_ns():
    market = Market.from_frames({"A": frame(), "B": frame(price=50.0)}, {"A": frame(), "B": frame(price=50.0)})
    assert market.n_bars == 6
    assert market.n_instruments == 2
    assert market.open_time.dtype == np.int64
    assert market.open_time[0] == START.value
    assert market.timeframe == HOUR
    assert market.close_time[-1] == START.value + 6 * HOUR
    assert market.index[1] == START + pd.Timedelta("1h")
    for name in PRICES:
        values = getattr(market, name)
        assert values.dtype == np.float64
        assert values.flags.f_contiguous
        assert not values.flags.writeable
    assert list(market.close[0]) == [101.0, 51.0]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_of_any_unit_zone_and_place_are_the_same(unit):
    plain = frame()
    column = plain.reset_index(drop=True).assign(timestamp=plain.index.as_unit("ms").asi8)
    as_datetimes = plain.reset_index(drop=True).assign(timestamp=plain.index)
    frames = [
        plain.set_index(plain.index.as_unit(unit)),
        plain.tz_localize(None),
        plain.tz_convert("Asia/Tokyo"),
        column,
        column.set_index("timestamp"),
        as_datetimes,
    ]
    for given in frames:
        assert np.array_equal(Market.from_frames({"A": given}).open_time, START.value + HOUR * np.arange(6))


def test_the_frames_of_the_caller_are_not_touched_and_stay_writeable():
    given = frame()
    market = Market.from_frames({"A": given}, {"A": given})
    given.iloc[0, 0] = 101.5
    assert market.open[0, 0] == 100.0


def test_without_mark_the_trade_arrays_stand_in_and_are_shared():
    market = Market.from_frames({"A": frame(), "B": frame()})
    assert market.mark_open is market.open
    assert market.mark_low is market.low
    assert list(market.mark_is_trade) == [True, True]
    assert "mark = trade for A, B: no mark data" in market.notes


def test_one_instrument_without_mark_uses_its_trade_only_for_itself():
    market = Market.from_frames({"A": frame(), "B": frame(price=50.0)}, {"A": frame(price=99.0)})
    assert list(market.mark_is_trade) == [False, True]
    assert list(market.mark_close[0]) == [100.0, 51.0]
    assert any("mark = trade for B: no mark data" in note for note in market.notes)


def test_a_mark_that_covers_a_part_is_completed_from_trade_and_said_from_when_to_when():
    mark = frame(price=99.0).iloc[2:5].drop(frame().index[3])
    market = Market.from_frames({"A": frame()}, {"A": mark})
    assert list(market.mark_open[:, 0]) == [100.0, 100.0, 99.0, 100.0, 99.0, 100.0]
    assert not market.mark_is_trade[0]
    text = "\n".join(market.notes)
    assert "before the mark data begins, 2 bars (2025-10-10 00:00 to 2025-10-10 01:00)" in text
    assert "after the mark data ends, 1 bar (2025-10-10 05:00)" in text
    assert "mark missing, 1 bar (2025-10-10 03:00)" in text


def test_a_mark_outside_of_the_chosen_range_is_no_mark():
    market = Market.from_frames({"A": frame()}, {"A": frame(2)}, start="2025-10-10 03:00")
    assert market.mark_is_trade[0]
    assert "mark = trade for A: no mark data in this range" in market.notes


def test_times_are_the_union_and_a_late_listing_is_nan_until_then():
    market = Market.from_frames({"A": frame(), "B": frame(3, START + pd.Timedelta("2h"))})
    assert market.n_bars == 6
    assert list(np.isnan(market.open[:, 1])) == [True, True, False, False, False, True]
    text = "\n".join(market.notes)
    assert "B: listed or known from 2025-10-10 02:00" in text
    assert "B: nothing after 2025-10-10 04:00" in text


def test_a_bar_that_is_missing_from_all_stays_missing_and_is_said():
    market = Market.from_frames({"A": frame().drop(frame().index[2])})
    assert market.n_bars == 5
    assert market.close_time[1] == market.open_time[2]
    assert "1 bar is missing, the first after 2025-10-10 01:00" in market.notes


def test_a_whole_missing_bar_is_nan_in_all_eight_prices():
    trade, mark = frame(), frame()
    trade.iloc[2] = np.nan
    mark.iloc[3] = np.nan
    market = Market.from_frames({"A": trade}, {"A": mark})
    assert all(np.isnan(getattr(market, name)[2, 0]) for name in PRICES)
    assert market.mark_open[3, 0] == 100.0
    assert any("no data in 1 bar of A (2025-10-10 02:00)" in note for note in market.notes)


def test_start_is_inside_and_end_is_outside():
    market = Market.from_frames({"A": frame()}, start="2025-10-10 01:00", end="2025-10-10 04:00")
    assert market.n_bars == 3
    assert market.index[0] == START + pd.Timedelta("1h")


def test_one_bar_is_a_market_of_unknown_timeframe():
    market = Market.from_frames({"A": frame(1)})
    assert market.timeframe == 0
    assert market.close_time[0] == market.open_time[0]


# --- funding ---


def test_funding_is_sorted_by_time_then_instrument():
    market = Market.from_frames({"A": frame(24), "B": frame(24)}, funding={"B": rates(3, rate=0.0002), "A": rates(3)})
    assert list(market.funding.instrument) == [0, 1] * 3
    assert list(market.funding.rate[:2]) == [0.0001, 0.0002]
    assert np.all(np.isnan(market.funding.mark_price))
    assert not any("funding" in note for note in market.notes)


def test_funding_may_be_a_series_and_may_know_its_mark_price():
    series = rates(2)["funding_rate"]
    with_price = rates(2).assign(mark_price=[100.0, np.nan])
    market = Market.from_frames({"A": frame(12), "B": frame(12)}, funding={"A": series, "B": with_price})
    assert np.array_equal(market.funding.mark_price, [np.nan, 100.0, np.nan, np.nan], equal_nan=True)


def test_milliseconds_of_jitter_are_removed_and_said():
    late = rates(2)
    late.index = late.index + pd.Timedelta("12ms")
    market = Market.from_frames({"A": frame(12)}, funding={"A": late})
    assert list(market.funding.time % HOUR) == [0, 0]
    assert "funding of A: 2 settlement times moved to the full second" in market.notes


@pytest.mark.parametrize(
    ("present", "missing"),
    [
        ([0, 8, 16, 24, 32, 40], 0),
        ([0, 8, 24, 32, 40], 1),
        ([0, 8, 40], 3),
        ([16, 24, 32, 40], 2),
        ([0, 8, 16], 3),
        ([0, 8, 16, 20, 24, 28, 32, 36, 40, 44], 0),  # from 8 h to 4 h
        ([0, 2, 4, 6, 8, 16, 24, 32, 40], 0),  # from 2 h to 8 h
        ([0, 1, 2, 3, 5, 6, 7], 1 + 40),
    ],
)
def test_the_settlements_that_are_missing_are_counted_at_the_interval_of_the_data(present, missing):
    index = START + pd.to_timedelta(present, unit="h")
    market = Market.from_frames({"A": frame(48)}, funding={"A": pd.Series(0.0001, index=index)})
    said = [note for note in market.notes if note.startswith("funding of A covers")]
    assert len(market.funding.time) == len(present)
    assert (f"({missing:,} missing" in said[0]) if missing else not said


def test_no_funding_is_said_and_funding_outside_of_the_bars_is_left_out():
    market = Market.from_frames({"A": frame(), "B": frame()}, funding={"A": rates(20, START - pd.Timedelta("3D"))})
    assert "no funding for B" in market.notes
    assert len(market.funding.time) == 1


def test_hours_in_which_no_settlement_is_due_lack_none():
    trade, funding = {"A": frame(48)}, {"A": rates(6)}
    assert "no funding" not in str(
        Market.from_frames(trade, funding=funding, start="2025-10-10 09:00", end="2025-10-10 16:00").notes
    )
    assert (
        "no funding for A in this range" in Market.from_frames(trade, funding={"A": rates(1)}, start="2025-10-11").notes
    )


# --- pieces ---


def test_a_slice_is_a_view_with_its_funding_and_detail():
    fine = Market.from_frames({"A": frame(24).resample("30min").ffill()})
    whole = Market.from_frames({"A": frame(24)}, funding={"A": rates(3)}, detail=fine)
    piece = whole.slice(4, 10)
    assert piece.n_bars == 6
    assert np.shares_memory(piece.open, whole.open)
    assert list(piece.funding.time) == [START.value + 8 * HOUR]
    assert piece.detail.n_bars == 12
    assert piece.detail.open_time[0] == piece.open_time[0]
    assert whole.slice(3, 4).timeframe == HOUR
    assert "empty" in message(whole.slice, 5, 5)
    said = message(whole.between, START.value + 99 * HOUR, START.value + 100 * HOUR)
    assert "no 1h bars from 2025-10-14 03:00 to 2025-10-14 04:00" in said


def test_a_selection_keeps_the_order_asked_for_and_renumbers_funding():
    names = {name: frame(24, price=price) for name, price in (("A", 10.0), ("B", 20.0), ("C", 30.0))}
    whole = Market.from_frames(names, funding={name: rates(3, rate=k / 1e4) for k, name in enumerate(names)})
    part = whole.select(["C", "A"])
    assert part.symbols == ("C", "A")
    assert list(part.open[0]) == [30.0, 10.0]
    assert list(part.funding.instrument) == [0, 1] * 3
    assert list(part.funding.rate[:2]) == [0.0002, 0.0]
    assert part.mark_open is part.open
    assert part.open.flags.f_contiguous
    said = message(whole.select, ["AA"])
    assert said.startswith("AA: ")
    assert "it has A, B, C" in said
    assert "Perhaps you mean A" in said
    assert "only once" in message(whole.select, ["A", "A"])


def test_a_market_survives_pickling():
    market = Market.from_frames({"A": frame()}, funding={"A": rates(1)})
    again = pickle.loads(pickle.dumps(market))
    assert np.array_equal(again.open, market.open)
    assert again.notes == market.notes


# --- what is refused ---


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
