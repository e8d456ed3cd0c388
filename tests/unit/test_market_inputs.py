"""Is what cannot be candles refused with a clear word, whatever type it has?"""

import numpy as np
import pandas as pd
import pytest

from backtester.errors import MarketDataError
from backtester.market import Funding, Market
from backtester.times import instant
from data import synthetic

START = pd.Timestamp("2025-10-10", tz="UTC")


def frame(n=12, start=START, freq="1h"):
    close = 100.0 + np.arange(n)
    index = pd.date_range(start, periods=n, freq=freq)
    return pd.DataFrame({"open": close, "high": close + 1, "low": close - 1, "close": close}, index)


def stamped(values):
    return frame().assign(timestamp=values).reset_index(drop=True)


def milliseconds():
    return frame().index.as_unit("ms").asi8


def refused(call, *args, **kwargs):
    with pytest.raises(MarketDataError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


def market(**changes):
    names = ("open", "high", "low", "close", "mark_open", "mark_high", "mark_low", "mark_close")
    given = dict.fromkeys(names, np.ones((5, 1)))
    given |= {"symbols": ("A",), "open_time": np.arange(5), "mark_is_trade": np.ones(1, bool)}
    return Market(**(given | changes))


# Frames


@pytest.mark.parametrize("given", [frame(), [frame()], None, "A"], ids=["frame", "list", "None", "text"])
def test_frames_come_by_symbol(given):
    assert 'not frames by symbol. Give {"BTCUSDT": frame}.' in refused(Market.from_frames, given)


@pytest.mark.parametrize("symbol", [1, "", " ", None])
def test_a_symbol_is_a_name(symbol):
    assert refused(Market.from_frames, {symbol: frame()}).startswith("a symbol is no name")
    assert refused(market, symbols=(symbol,)).startswith("a symbol is no name")


def test_nothing_in_place_of_a_mark_is_no_mark():
    assert Market.from_frames({"A": frame()}, {"A": None}, {"A": None}).mark_is_trade.all()


def test_whole_milliseconds_may_be_floats():
    given = Market.from_frames({"A": stamped(milliseconds().astype(float))})
    assert given.index[0] == START


@pytest.mark.parametrize("kind", ["Int64", "float64"])
def test_a_missing_stamp_names_its_bar(kind):
    times = pd.Series(milliseconds()).astype(kind)
    times[3] = None
    said = refused(Market.from_frames, {"A": stamped(times.to_numpy() if kind == "float64" else times.array)})
    assert said.startswith("A: the trade frame has a bar without a time; bar 3")


@pytest.mark.parametrize("values", [frame().index.astype(str), milliseconds() + 0.5, frame().index.date])
def test_stamps_that_are_no_times_are_named(values):
    said = refused(Market.from_frames, {"A": stamped(values)})
    assert said.startswith("A: the column timestamp of the trade frame holds no times but ")
    assert "pandas.to_datetime" in said


def test_a_column_that_occurs_twice():
    twice = pd.concat([frame(), frame()[["high"]]], axis=1)
    assert refused(Market.from_frames, {"A": twice}) == "A: the trade frame has the column high twice. Drop one."


@pytest.mark.parametrize("kind", [complex, bool])
def test_prices_are_real_numbers(kind):
    assert "the trade column open does not hold numbers but" in refused(
        Market.from_frames, {"A": frame().astype(kind)}
    )


# One timeframe


def test_instruments_of_two_timeframes_do_not_share_an_axis():
    said = refused(Market.from_frames, {"A": frame(), "B": frame(freq="5min")})
    assert said.startswith("B: the trade candles are of 5m, and the trade candles of A of 1h. Give candles of one")


@pytest.mark.parametrize("freq", ["5min", "4h"])
def test_a_mark_of_another_timeframe_is_no_mark(freq):
    said = refused(Market.from_frames, {"A": frame()}, {"A": frame(freq=freq)})
    assert "the mark candles are of" in said
    assert "the trade candles of A of 1h" in said


def test_candles_that_begin_between_the_others_are_refused():
    said = refused(Market.from_frames, {"A": frame(), "B": frame(start=START + pd.Timedelta("30min"))})
    assert said.startswith("B: the trade candles begin between those of A: 2025-10-10 00:30 and 2025-10-10 00:00")


def test_gaps_and_few_bars_are_no_timeframe():
    holes, few = frame().iloc[[0, 1, 2, 3, 9, 11]], frame(n=2, start=START + pd.Timedelta("2h"), freq="4h")
    assert Market.from_frames({"A": frame(), "B": holes, "C": few}).n_bars == 12


# Arrays


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_datetimes_of_any_unit_are_times(unit):
    index = pd.date_range(START, periods=5, freq="1h").as_unit(unit)
    for times in (index, index.tz_localize(None), index.tz_localize(None).to_numpy()):
        assert market(open_time=times).index[0] == START


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"open_time": np.arange(5) + 0.5}, "open_time holds no times but float64"),
        ({"open_time": np.array(["now"] * 5)}, "open_time holds no times but"),
        ({"close": np.full((5, 1), "x")}, "close does not hold numbers"),
        ({"funding": None}, "funding is no Funding"),
        ({"detail": "1m"}, "the detail is no Market; found '1m'"),
    ],
)
def test_arrays_of_other_things(changes, said):
    assert refused(market, **changes).startswith(said)


def test_one_symbol_may_be_given_by_itself():
    assert market(symbols="BTCUSDT").symbols == ("BTCUSDT",)
    assert synthetic(5, 2).select("FAKE2/USDT:USDT").symbols == ("FAKE2/USDT:USDT",)
    assert "3: the market has no such instrument" in refused(market().column, 3)


@pytest.mark.parametrize(
    "made",
    [
        Market.from_frames({"A": frame(), "B": frame()}, {"A": frame()}),
        Market.from_frames({"A": frame()}),
        synthetic(12, 2, detail="30m"),
    ],
    ids=["frames", "no mark", "synthetic"],
)
def test_nobody_can_make_the_prices_writeable(made):
    for each in (made, made.detail or made):
        for array in (each.close, each.mark_low):
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.flags.writeable = True


def test_funding_of_no_settlement_is_funding():
    assert len(market(funding=Funding.none()).funding.time) == 0


# Times


@pytest.mark.parametrize("value", [True, 1759290000.0, float("nan"), [], "soon", ""])
def test_what_is_no_time(value):
    assert refused(instant, value, "start").startswith("start is not a time")


@pytest.mark.parametrize("value", ["9999-12-31", "1500-01-01", 10**25, -(10**25)])
def test_what_lies_beyond_the_nanoseconds(value):
    said = refused(instant, value, "end")
    assert said.startswith("end is out of range; found ")
    assert "1678 to 2261" in said


def test_nanoseconds_are_exact():
    assert instant(1_759_290_000_123_456_789, "start") == 1_759_290_000_123_456_789
    assert instant(np.int64(-5), "start") == -5
