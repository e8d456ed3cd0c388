"""Indicators that are remembered: the same numbers, worked out once, and an array of its own for everybody."""

import numpy as np
import pytest

from backtester import indicators
from backtester.asking import remembering
from backtester.asking.remembering import Memory
from data import synthetic

CLOSE = synthetic(500, 2).close


@pytest.fixture
def counted(monkeypatch):
    """Count how often an indicator is worked out."""
    asked = []

    def counting(original):
        def by_column(values, apply):
            asked.append(1)
            return original(values, apply)

        return by_column

    for name in ("_by_column", "_by_kernel"):
        monkeypatch.setattr(indicators, name, counting(getattr(indicators, name)))
    return asked


def test_the_same_indicator_of_the_same_array_is_worked_out_once(counted):
    right = indicators.sma(CLOSE, 20)
    with remembering.remembering(Memory(1 << 20)):
        first, again, other = (indicators.sma(CLOSE, n) for n in (20, 20, 30))
    np.testing.assert_array_equal(first, right)
    np.testing.assert_array_equal(again, right)
    assert not np.array_equal(other, right, equal_nan=True)
    assert len(counted) == 3


def test_without_a_memory_nothing_is_remembered(counted):
    for _ in range(3):
        indicators.ema(CLOSE, 20)
    assert len(counted) == 3


def test_whoever_writes_into_an_indicator_writes_into_his_own():
    right = indicators.sma(CLOSE, 20)
    with remembering.remembering(Memory(1 << 20)):
        for written in (0.0, 1.0):
            indicators.sma(CLOSE, 20)[:] = written
        np.testing.assert_array_equal(indicators.sma(CLOSE, 20), right)


def test_what_is_lent_is_not_copied_and_cannot_be_written_to():
    right = indicators.sma(CLOSE, 20)
    with remembering.remembering(Memory(1 << 20), lent=True):
        first, again = indicators.sma(CLOSE, 20), indicators.sma(CLOSE, 20)
    assert np.shares_memory(first, again)
    np.testing.assert_array_equal(again, right)
    for array in (first, again):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_arrays_that_may_change_and_other_indicators_are_not_confused(counted):
    mine = CLOSE.copy()
    with remembering.remembering(Memory(1 << 20)):
        before = indicators.sma(mine, 5)
        mine *= 2.0
        np.testing.assert_allclose(indicators.sma(mine, 5), 2.0 * before)
        assert not np.array_equal(indicators.rolling_max(CLOSE, 5), indicators.rolling_min(CLOSE, 5), equal_nan=True)
        one, two = CLOSE[:, 0], CLOSE[:, 1]
        assert not np.array_equal(indicators.sma(one, 5), indicators.sma(two, 5), equal_nan=True)
        assert indicators.sma(values=CLOSE, window=5).shape == CLOSE.shape


INDICATORS = ("sma", "ema", "rolling_max", "rolling_min", "rolling_std")


@pytest.mark.parametrize("name", INDICATORS)
@pytest.mark.parametrize("missing", [(), (3, 200, 201, 499)])
def test_of_the_first_bars_it_is_the_first_bars_of_what_it_is_of_all_to_the_last_digit(name, missing, counted):
    """So the look-ahead check may be answered from the memory: on fewer bars an indicator is no other one."""
    prices = CLOSE.copy()
    prices[list(missing), 0] = np.nan
    prices.flags.writeable = False
    indicator = getattr(indicators, name)
    alone = {n: indicator(prices[:n], 20) for n in (1, 19, 20, 21, 199, 200, 201, 499, 500)}
    with remembering.remembering(Memory(1 << 20)):
        indicator(prices, 20)
        asked = len(counted)
        for n, right in alone.items():
            np.testing.assert_array_equal(indicator(prices[:n], 20), right)
    assert len(counted) == asked


def test_of_more_bars_than_before_it_is_worked_out_again(counted):
    with remembering.remembering(Memory(CLOSE.nbytes)):
        for n in (100, 500, 300, 500):
            assert len(indicators.sma(CLOSE[:n], 20)) == n
    assert len(counted) == 2


def test_the_oldest_goes_when_the_memory_is_full(counted):
    with remembering.remembering(Memory(2 * CLOSE.nbytes)):
        for window in (5, 6, 7, 6, 7, 5):
            indicators.sma(CLOSE, window)
    assert len(counted) == 4
