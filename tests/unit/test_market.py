"""What a market accepts, and what it says about gaps."""

import pickle

import numpy as np
import pandas as pd
import pytest

from backtester.market import PRICES, Market
from tests.unit.market_frames import HOUR, START, frame, message, rates

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
