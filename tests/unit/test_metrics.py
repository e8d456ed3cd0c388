"""Each measure against arithmetic written out here; each undefined one is nan."""

import math

import numpy as np
import pytest

from backtester import metrics
from backtester.running.curve import summary_of

HOUR = 3_600_000_000_000
HOURS_A_YEAR = 365.25 * 24


def path(*values):
    return np.array(values, dtype=float)


def test_total_return_counts_the_first_bar():
    assert metrics.total_return(summary_of(path(96.0, 112.0, 128.0), 64.0)) == 1.0
    assert metrics.total_return(summary_of(path(48.0), 64.0)) == -0.25


def test_returns_are_from_close_to_close_and_from_the_start():
    curve = summary_of(path(96.0, 48.0, 64.0), 64.0)  # 1/2, -1/2, 1/3
    assert (curve.n_returns, curve.downside_squares) == (3, 0.25)
    assert curve.mean == pytest.approx(1 / 9, rel=1e-15)
    assert curve.squares == pytest.approx(0.5 + 1 / 9 - 3 / 81, rel=1e-15)


def test_drawdown_on_closes_is_from_the_highest_close_so_far():
    equity = path(128.0, 96.0, 256.0, 192.0, 224.0)
    assert metrics.underwater(equity, 64.0).tolist() == [0.0, -0.25, 0.0, -0.25, -0.125]
    assert metrics.max_drawdown(summary_of(equity, 64.0)) == 0.25


def test_drawdown_counts_from_the_starting_balance():
    assert metrics.max_drawdown(summary_of(path(48.0, 56.0), 64.0)) == 0.25


def test_drawdown_inside_bars_sets_lows_against_the_closes_before():
    equity, low = path(128.0, 256.0, 256.0), path(60.0, 32.0, 192.0)
    # bar 1: its low of 32 came under the close of 128; whether it came before or after 256 is not known
    assert metrics.underwater(equity, 64.0, low).tolist() == [60 / 64 - 1, -0.75, -0.25]
    assert metrics.max_drawdown_in_bars(summary_of(equity, 64.0, low)) == 0.75
    assert metrics.max_drawdown(summary_of(equity, 64.0)) == 0.0


def test_a_wick_that_closes_do_not_show_is_seen():
    assert metrics.max_drawdown_in_bars(summary_of(path(100.0, 100.0), 100.0, path(100.0, 25.0))) == 0.75


def test_drawdown_never_exceeds_everything():
    assert metrics.max_drawdown_in_bars(summary_of(path(64.0, 64.0), 64.0, path(64.0, -64.0))) == 1.0
    assert metrics.max_drawdown(summary_of(path(-64.0), 64.0)) == 1.0


@pytest.mark.parametrize(
    ("equity", "span", "length"),
    [
        ((100, 100, 100), (-1, -1, True), 0),
        ((110, 100, 105, 110, 120), (0, 3, True), 3),  # made good at an equal close
        ((110, 100, 120, 90, 95, 100), (2, 5, False), 3),  # still open: to the last bar
        ((90, 95), (-1, 1, False), 2),  # from the starting balance
        ((110, 105, 110, 105, 110), (0, 2, True), 2),  # of equal lengths the first
        ((110, 110, 110, 100), (2, 3, False), 1),  # from the last close at the peak
    ],
)
def test_longest_drawdown(equity, span, length):
    curve = summary_of(path(*equity), 100.0)
    assert (curve.peak, curve.end, curve.recovered) == span
    assert metrics.drawdown_length(summary_of(path(*equity), 100.0)) == length


def test_longest_drawdown_in_time_follows_gaps_of_the_clock():
    opened = np.array([0, 10, 20, 70], dtype=np.int64)
    closed = np.array([10, 20, 70, 80], dtype=np.int64)
    assert metrics.drawdown_time(summary_of(path(110, 100, 105, 110), 100.0), opened, closed) == 70
    assert metrics.drawdown_time(summary_of(path(90, 90, 90, 90), 100.0), opened, closed) == 80
    assert metrics.drawdown_time(summary_of(path(100, 100, 100, 100), 100.0), opened, closed) == 0


def test_volatility_sharpe_and_sortino():
    equity = path(96.0, 48.0, 72.0)  # returns 1/2, -1/2, 1/2
    spread = math.sqrt(((0.5 - 1 / 6) ** 2 * 2 + (-0.5 - 1 / 6) ** 2) / 2)
    downside = math.sqrt(0.25 / 3)
    year = math.sqrt(HOURS_A_YEAR)
    assert metrics.volatility(summary_of(equity, 64.0), HOUR) == pytest.approx(spread * year, rel=1e-15)
    assert metrics.sharpe(summary_of(equity, 64.0), HOUR) == pytest.approx(1 / 6 / spread * year, rel=1e-14)
    assert metrics.sortino(summary_of(equity, 64.0), HOUR) == pytest.approx(1 / 6 / downside * year, rel=1e-14)


def test_calmar_is_the_annual_return_over_the_drawdown_on_closes():
    half_a_year = int(365.25 * 86_400e9 / 2)
    equity = path(128.0, 96.0)  # 64 -> 96 within a year: 50 %; drawdown 25 %
    assert metrics.annual_return(summary_of(equity, 64.0), half_a_year) == 0.5
    assert metrics.calmar(summary_of(equity, 64.0), half_a_year) == 2.0


def test_flat_equity_has_no_ratios():
    flat = path(100.0, 100.0, 100.0)
    assert metrics.total_return(summary_of(flat, 100.0)) == 0.0
    assert metrics.volatility(summary_of(flat, 100.0), HOUR) == 0.0
    for ratio in (metrics.sharpe, metrics.sortino, metrics.calmar):
        assert math.isnan(ratio(summary_of(flat, 100.0), HOUR))


def test_a_constant_gain_has_no_sharpe_ratio_although_its_rounded_returns_vary():
    equity = 100.0 * 1.01 ** np.arange(1, 50)
    assert summary_of(equity, 100.0).squares > 0.0
    assert math.isnan(metrics.sharpe(summary_of(equity, 100.0), HOUR))
    assert math.isnan(metrics.sortino(summary_of(equity, 100.0), HOUR))  # no loss
    assert math.isnan(metrics.calmar(summary_of(equity, 100.0), HOUR))  # no drawdown


def test_one_bar_has_no_spread():
    for ratio in (metrics.volatility, metrics.sharpe, metrics.sortino):
        assert math.isnan(ratio(summary_of(path(90.0), 100.0), HOUR))


def test_an_unknown_timeframe_annualises_nothing():
    for ratio in (metrics.volatility, metrics.sharpe, metrics.sortino, metrics.calmar):
        assert math.isnan(ratio(summary_of(path(90.0, 95.0, 80.0), 100.0), 0))


def test_growth_beyond_floats_is_undefined():
    assert math.isnan(metrics.annual_return(summary_of(path(1e6), 1.0), 1_000_000_000))


def test_no_bars_measure_nothing():
    empty = path()
    assert math.isnan(metrics.total_return(summary_of(empty, 100.0)))
    assert math.isnan(metrics.max_drawdown(summary_of(empty, 100.0)))
    assert math.isnan(metrics.peak_margin_in_use(empty))
    assert math.isnan(metrics.mean_margin_in_use(empty))
    assert metrics.drawdown_length(summary_of(empty, 100.0)) == 0


class TestRuin:
    EQUITY = path(128.0, 64.0, 0.0, 0.0, 64.0)  # lost all in bar 2; what comes later is no record

    def test_time(self):
        assert summary_of(self.EQUITY, 64.0).ruin == 2
        assert summary_of(path(1.0), 64.0).ruin is None
        assert summary_of(path(6.4e-8), 64.0).ruin == 0  # within 1e-9 of the balance: bankrupt
        assert summary_of(path(-1.0, 64.0), 64.0).ruin == 0

    def test_returns_end_with_minus_one(self):
        curve = summary_of(self.EQUITY, 64.0)  # 1, -1/2, -1
        assert (curve.n_returns, curve.downside_squares) == (3, 1.25)
        assert curve.mean == pytest.approx(-1 / 6, rel=1e-15)

    def test_a_debt_is_no_more_than_everything(self):
        curve = summary_of(path(64.0, -640.0, 64.0), 64.0)  # 0, -1
        assert (curve.n_returns, curve.mean, curve.downside_squares) == (2, -0.5, 1.0)

    def test_total_return_stays_at_minus_one(self):
        assert metrics.total_return(summary_of(self.EQUITY, 64.0)) == -1.0
        assert metrics.annual_return(summary_of(self.EQUITY, 64.0), HOUR) == -1.0

    def test_ratios_use_the_ruin_bar_and_none_after_it(self):
        alone = path(128.0, 64.0, 0.0)
        for ratio in (metrics.volatility, metrics.sharpe, metrics.sortino):
            assert ratio(summary_of(self.EQUITY, 64.0), HOUR) == ratio(summary_of(alone, 64.0), HOUR)
            assert not math.isnan(ratio(summary_of(self.EQUITY, 64.0), HOUR))
        assert metrics.calmar(summary_of(self.EQUITY, 64.0), HOUR) == -1.0

    def test_drawdown_is_total_and_lasts(self):
        assert metrics.max_drawdown(summary_of(self.EQUITY, 64.0)) == 1.0
        assert metrics.underwater(self.EQUITY, 64.0).tolist() == [0.0, -0.5, -1.0, -1.0, -1.0]
        curve = summary_of(self.EQUITY, 64.0)
        assert (curve.peak, curve.end, curve.recovered) == (0, 4, False)

    def test_coming_back_from_below_zero_flatters_nothing(self):
        lucky, dead = path(64.0, -32.0, 256.0), path(64.0, 0.0, 0.0)
        assert metrics.sharpe(summary_of(lucky, 64.0), HOUR) == metrics.sharpe(summary_of(dead, 64.0), HOUR)
        assert metrics.total_return(summary_of(lucky, 64.0)) == metrics.total_return(summary_of(dead, 64.0))

    def test_return_on_margin(self):
        assert metrics.return_on_margin(summary_of(self.EQUITY, 64.0), path(32.0, 32.0, 0.0, 0.0, 0.0)) == -64.0 / 12.8


def test_margin_in_use_counts_flat_bars():
    used = path(0.0, 32.0, 64.0, 0.0)
    assert metrics.peak_margin_in_use(used) == 64.0
    assert metrics.mean_margin_in_use(used) == 24.0
    assert metrics.return_on_margin(summary_of(path(64.0, 64.0, 64.0, 76.0), 64.0), used) == 0.5
    assert math.isnan(metrics.return_on_margin(summary_of(path(64.0, 64.0), 64.0), path(0.0, 0.0)))


def test_closest_distance_to_liquidation():
    mark = path(128.0, 128.0, 128.0, 128.0)
    price = path(64.0, 120.0, 160.0, np.nan)
    assert metrics.closest_distance_to_liquidation(mark, price, path(1.0, 0.0, -1.0, 1.0)) == 0.25
    assert metrics.closest_distance_to_liquidation(mark, price, path(1.0, 1.0, -1.0, 1.0)) == 0.0625
    assert math.isnan(metrics.closest_distance_to_liquidation(mark, price, path(0.0, 0.0, 0.0, 1.0)))
    assert math.isnan(metrics.closest_distance_to_liquidation(path(np.nan), path(64.0), path(1.0)))


def test_difference_of_undefined_numbers_is_undefined():
    assert metrics.difference(3.0, 1.0) == 2.0
    assert math.isnan(metrics.difference(math.nan, 1.0))
    assert math.isnan(metrics.difference(math.inf, math.inf))
    assert metrics.difference(math.inf, 1.0) == math.inf


def test_inputs_are_not_changed():
    equity = path(128.0, 0.0, 64.0)
    equity.flags.writeable = False
    metrics.calmar(summary_of(equity, 64.0), HOUR)
    metrics.underwater(equity, 64.0, equity)
