"""Each indicator against arithmetic written out here, with and without missing bars."""

import math

import numpy as np
import pandas as pd
import pytest

from backtester import indicators
from backtester.errors import ConfigurationError
from tests.strategy_market import random_funding, random_market

NAN = math.nan


def window_of(values, t, window):
    """The last `window` values up to t that are known, or None."""
    if math.isnan(values[t]):
        return None
    known = [v for v in values[: t + 1] if not math.isnan(v)][-window:]
    return known if len(known) == window else None


def naive(function):
    def apply(values, window):
        windows = [window_of(values, t, window) for t in range(len(values))]
        return [NAN if w is None else function(w) for w in windows]

    return apply


def mean(values):
    return math.fsum(values) / len(values)


def deviation(values):
    return math.sqrt(math.fsum((v - mean(values)) ** 2 for v in values) / len(values))


def naive_ema(values, span, alpha=None):
    alpha = 2.0 / (span + 1.0) if alpha is None else alpha
    out, state, seen = [], NAN, 0
    for value in values:
        if math.isnan(value):
            out.append(NAN)
            continue
        seen += 1
        state = value if seen == 1 else state + alpha * (value - state)
        out.append(state if seen >= span else NAN)
    return out


def naive_atr(high, low, close, window):
    ranges, before = [], NAN
    for top, bottom, c in zip(high, low, close, strict=True):
        if math.isnan(c):
            ranges.append(NAN)
            continue
        parts = [top - bottom] if math.isnan(before) else [top - bottom, abs(top - before), abs(bottom - before)]
        ranges.append(max(parts))
        before = c
    return naive_ema(ranges, window, alpha=1.0 / window)


NAIVE = {
    "sma": naive(mean),
    "ema": naive_ema,
    "rolling_max": naive(max),
    "rolling_min": naive(min),
    "rolling_std": naive(deviation),
    "zscore": naive(lambda w: (w[-1] - mean(w)) / deviation(w)),
}


def prices(seed, holes):
    rng = np.random.default_rng(seed)
    values = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, (120, 3)), axis=0))
    if holes:
        values[rng.random(values.shape) < 0.2] = np.nan
        values[:17, 1] = np.nan
        values[90:, 2] = np.nan
    return values


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("window", [2, 5, 30])
@pytest.mark.parametrize("name", list(NAIVE))
def test_windows_agree_with_the_naive_form(name, window, holes):
    values = prices(3, holes)
    got = getattr(indicators, name)(values, window)
    wanted = np.column_stack([NAIVE[name](list(values[:, i]), window) for i in range(3)])
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("window", [1, 14])
def test_atr_agrees_with_the_naive_form(window, holes):
    close = prices(4, holes)
    rng = np.random.default_rng(5)
    high, low = close + rng.random(close.shape), close - rng.random(close.shape)
    got = indicators.atr(high, low, close, window)
    columns = [naive_atr(high[:, i], low[:, i], close[:, i], window) for i in range(3)]
    np.testing.assert_allclose(got, np.column_stack(columns), rtol=1e-12)


def test_values_written_out():
    values = [1.0, 2.0, 4.0, 8.0]
    assert indicators.sma(values, 2).tolist()[1:] == [1.5, 3.0, 6.0]
    assert indicators.ema(values, 3).tolist()[2:] == [2.75, 5.375]  # 1, 1.5, 2.75, 5.375
    assert indicators.rolling_std([1.0, 3.0, 3.0], 2).tolist()[1:] == [1.0, 0.0]
    assert indicators.zscore([1.0, 3.0], 2).tolist()[1:] == [1.0]
    assert indicators.atr([4.0, 9.0], [2.0, 8.0], [3.0, 8.5], 1).tolist() == [2.0, 6.0]


@pytest.mark.parametrize("window", [1, 2, 7, 60])
def test_a_moving_average_is_that_of_pandas_to_the_last_digit(window):
    """Also where a price leaves that is far larger than what stays, on either side of 0, and with infinite ones."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=(200, 3)) * [1.0, 1e-6, 1e6]
        values[rng.integers(0, 200, 6), 0] = 1e15
        values[:, 1] = np.abs(values[:, 1]).round(6)  # stands still at times
        values[rng.integers(0, 200, 2), 2] = np.inf
        wanted = pd.DataFrame(values).rolling(window).mean().to_numpy()
        np.testing.assert_array_equal(indicators.sma(values, window), wanted)


def test_zscore_of_a_window_that_does_not_move_is_nan():
    assert np.isnan(indicators.zscore(np.full(5, 7.0), 3)).all()


@pytest.mark.parametrize("window", [2, 6, 11])
def test_a_price_that_has_come_to_rest_has_no_deviation_left(window):
    """Sums over a window that moves on keep some rounding of what has left it."""
    for seed in range(40):
        moved = 0.01 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.05, 30)))
        prices = np.concatenate([moved, np.full(20, moved[-1])])
        rest = slice(29 + window - 1, None)
        assert (indicators.rolling_std(prices, window)[rest] == 0.0).all()
        assert np.isnan(indicators.zscore(prices, window)[rest]).all()
        assert np.isfinite(indicators.zscore(prices, window)[window - 1 : 29]).all()


def test_previous_skips_missing_bars():
    got = indicators.previous([1.0, NAN, 3.0, 4.0])
    np.testing.assert_array_equal(got, [NAN, NAN, 1.0, 3.0])
    got = indicators.previous([1.0, NAN, 3.0, 4.0, 5.0], 2)
    np.testing.assert_array_equal(got, [NAN, NAN, NAN, 1.0, 3.0])


@pytest.mark.parametrize("holes", [False, True])
def test_latest_agrees_with_pandas(holes):
    values = prices(10, holes)
    np.testing.assert_array_equal(indicators.latest(values), pd.DataFrame(values).ffill().to_numpy())
    np.testing.assert_array_equal(indicators.latest(values[:, 1]), pd.Series(values[:, 1]).ffill().to_numpy())


def naive_bars_since(condition):
    out, age = [], NAN
    for holds in condition:
        age = 0.0 if holds else age + 1.0
        out.append(age)
    return out


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_bars_since_agrees_with_the_naive_form(share):
    condition = np.random.default_rng(11).random((90, 3)) < share
    wanted = np.column_stack([naive_bars_since(column) for column in condition.T])
    np.testing.assert_array_equal(indicators.bars_since(condition), wanted)
    np.testing.assert_array_equal(indicators.bars_since(condition[:, 0]), wanted[:, 0])


def naive_funding_per_day(market, days):
    """Sums over all settlements for every bar, in whole hours."""
    out = np.full(market.close.shape, NAN)
    for t, end in enumerate(market.close_time):
        for i in range(market.n_instruments):
            mine = [
                (int(time), rate)
                for time, j, rate in zip(*market.funding[:3], strict=True)
                if j == i and time < end
            ]
            start = int(end) - days * 24 * 3_600_000_000_000
            if mine and mine[0][0] <= start:
                out[t, i] = math.fsum(rate for time, rate in mine if time >= start) / days
    return out


@pytest.mark.parametrize("days", [1, 3])
def test_funding_per_day_agrees_with_the_naive_form(days):
    funding = random_funding(120)
    funding["BUSDT"] = funding["BUSDT"].iloc[4:]  # listed later
    del funding["CUSDT"]
    market = random_market(120, funding=funding)
    got = indicators.funding_per_day(market, days)
    np.testing.assert_allclose(got, naive_funding_per_day(market, days), rtol=1e-9, atol=1e-15)
    assert np.isfinite(got[:, :2]).any(axis=0).all()
    assert np.isnan(got[:, 2]).all()


def test_funding_per_day_written_out():
    times = pd.date_range("2025-01-01", periods=4, freq="8h", tz="UTC")
    market = random_market(25, 1, funding={"AUSDT": pd.Series([0.001, 0.002, 0.004, 0.008], times)})
    got = indicators.funding_per_day(market, 1)[:, 0]
    assert np.isnan(got[:23]).all()  # a day has gone by at the close of bar 23
    assert got[23:].tolist() == [0.007, pytest.approx(0.014)]  # the settlement at that close counts a bar later


@pytest.mark.parametrize("cut", [1, 30, 100])
def test_later_bars_do_not_change_what_was_funded(cut):
    market = random_market(120, funding=random_funding(120))
    whole = indicators.funding_per_day(market, 1)
    np.testing.assert_array_equal(whole[:cut], indicators.funding_per_day(market.slice(0, cut), 1))


def test_days_are_whole():
    with pytest.raises(ConfigurationError, match=r"days: must be a whole number of days, at least 1; found 0"):
        indicators.funding_per_day(random_market(5), 0)


@pytest.mark.parametrize("name", [*NAIVE, "previous"])
def test_shape_is_kept_and_the_input_is_not_touched(name):
    values = prices(6, True)
    values.flags.writeable = False
    function = getattr(indicators, name)
    assert function(values, 4).shape == values.shape
    one = function(values[:, 0], 4)
    assert one.shape == (120,)
    np.testing.assert_array_equal(one, function(values, 4)[:, 0])
    assert function(values[:1], 4).shape == (1, 3)
    assert function(np.full((4, 2), NAN), 2).shape == (4, 2)


@pytest.mark.parametrize("name", [*NAIVE, "previous"])
@pytest.mark.parametrize("cut", [1, 40, 119])
def test_later_bars_change_nothing(name, cut):
    values = prices(8, True)
    function = getattr(indicators, name)
    np.testing.assert_array_equal(function(values, 9)[:cut], function(values[:cut], 9))


def test_atr_does_not_look_ahead():
    close = prices(9, False)
    whole = indicators.atr(close + 1, close - 1, close, 5)
    np.testing.assert_array_equal(whole[:60], indicators.atr(close[:60] + 1, close[:60] - 1, close[:60], 5))


@pytest.mark.parametrize("window", [0, -3, 2.5, True, "5"])
def test_a_window_is_a_whole_number_of_bars(window):
    with pytest.raises(ConfigurationError, match=r"window: must be a whole number of bars, at least 1.*found"):
        indicators.sma([1.0, 2.0], window)
