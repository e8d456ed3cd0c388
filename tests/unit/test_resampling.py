"""Do draws keep what belongs together, and do intervals and p-values say what they claim?"""

import math
from dataclasses import replace

import numpy as np
import pytest

from backtester import Funding
from backtester.bootstrap import Resampler, block_length, draw_rows, market_block_length
from backtester.bootstrap.statistics import band, p_value, share
from backtester.errors import ConfigurationError
from backtester.market import PRICES
from data import synthetic
from tests.strategy_market import market, random_market

N = 480


@pytest.fixture(scope="module")
def made():
    return synthetic(N, 3, seed=5, crash=False)


@pytest.fixture(scope="module")
def resampler(made):
    return Resampler(made)


# Rows


def test_rows_are_blocks_of_the_mean_length_that_wrap_around():
    rows = np.concatenate([draw_rows(2_000, 25.0, 1, k) for k in range(50)])
    assert rows.min() == 0
    assert rows.max() == 1_999
    joints = np.count_nonzero((np.diff(rows) != 1) & (np.diff(rows) != -1_999))
    assert len(rows) / joints == pytest.approx(25.0, rel=0.06)
    counts = np.bincount(rows, minlength=2_000)
    assert counts.mean() == 50
    assert counts.max() < 120  # no row is favoured, those at the ends neither
    assert abs(counts[:50].mean() - 50) < 15


def test_rows_of_length_one_are_drawn_one_by_one():
    rows = draw_rows(5_000, 1.0, 0, 0)
    assert np.count_nonzero(np.diff(rows) == 1) < 10


def test_a_draw_depends_on_seed_and_number_alone():
    assert np.array_equal(draw_rows(300, 9.0, 4, 7), draw_rows(300, 9.0, 4, 7))
    others = [draw_rows(300, 9.0, seed, draw) for seed, draw in ((4, 8), (5, 7), (0, 4))]
    assert not any(np.array_equal(draw_rows(300, 9.0, 4, 7), each) for each in others)


# Length of blocks


def ar(phi, n, seed):
    noise = np.random.default_rng(seed).normal(size=n + 200)
    out = np.zeros(n + 200)
    for t in range(1, n + 200):
        out[t] = phi * out[t - 1] + noise[t]
    return out[200:]


@pytest.mark.parametrize(("phi", "low", "high"), [(0.0, 1.0, 8.0), (0.5, 10.0, 40.0), (0.8, 25.0, 110.0)])
def test_the_block_length_is_near_that_of_the_theory(phi, low, high):
    """For an AR(1), ``b = ((2 phi / (1 - phi^2))^2 N)^(1/3)``, from its covariances and spectrum at 0."""
    n = 4_000
    theory = max(1.0, ((2 * phi / (1 - phi * phi)) ** 2 * n) ** (1 / 3))
    found = np.median([block_length(ar(phi, n, seed)) for seed in range(15)])
    assert low <= found <= high
    assert found == pytest.approx(theory, rel=0.35) or phi == 0.0


def test_a_series_that_does_not_vary_or_is_short_has_blocks_of_one():
    assert block_length(np.ones(100)) == 1.0
    assert block_length(np.arange(5.0)) == 1.0


def test_clusters_of_large_moves_make_blocks_longer():
    random = np.random.default_rng(2)
    size = np.exp(0.5 * ar(0.97, 4_000, 1) * math.sqrt(1 - 0.97**2) * 2)
    calm, wild = (100 * np.exp(np.cumsum(0.005 * s * random.normal(size=4_000))) for s in (1.0, size))
    assert market_block_length(market(wild)) > 3 * market_block_length(market(calm))


# Markets


def test_one_block_of_the_whole_length_is_the_market_itself(made, resampler):
    same = resampler.of(np.arange(N))
    for name in PRICES:
        assert np.array_equal(getattr(same, name), getattr(made, name))
    for whole, drawn in zip(made.funding, same.funding, strict=True):
        np.testing.assert_allclose(drawn, whole, rtol=1e-15)
    assert np.array_equal(same.funding.rate, made.funding.rate)


def test_a_market_with_gaps_and_late_listings_is_itself_too():
    late = random_market(N, 3, gaps=((1, 0, 99), (2, 200, 219)))
    same = Resampler(late).of(np.arange(N))
    assert np.array_equal(same.close, late.close, equal_nan=True)
    assert same.mark_open is same.open
    drawn = Resampler(late).draw(20.0, 0, 0)  # its constructor checks it
    assert 0 < np.isnan(drawn.close[:, 1]).sum() < N


def test_the_shape_of_every_bar_is_kept(made, resampler):
    rows = draw_rows(N, 15.0, 3, 0)
    drawn = resampler.of(rows)
    before = np.concatenate((made.open[:1], made.close[:-1]))[rows]
    previous = np.concatenate((made.open[:1], drawn.close[:-1]))
    for name in PRICES:  # against the close before, trade and mark alike
        np.testing.assert_allclose(getattr(drawn, name) / previous, getattr(made, name)[rows] / before, rtol=1e-12)


def test_the_mark_stays_beside_the_trade_price(made, resampler):
    rows = draw_rows(N, 15.0, 3, 1)
    drawn = resampler.of(rows)
    np.testing.assert_allclose(drawn.mark_close / drawn.close, (made.mark_close / made.close)[rows], rtol=1e-12)
    assert not np.array_equal(made.mark_close, made.close)


def test_instruments_that_move_together_still_do():
    moves = np.random.default_rng(0).normal(0.0, 0.01, N)
    twins = market(100 * np.exp(np.cumsum(moves)), 7 * np.exp(np.cumsum(2 * moves)))
    drawn = Resampler(twins).draw(5.0, 0, 0)
    first, second = np.diff(np.log(drawn.close), axis=0).T
    np.testing.assert_allclose(second, 2 * first, atol=1e-12)


def test_funding_stays_at_its_times_with_the_rate_in_force(made, resampler):
    rows = draw_rows(N, 15.0, 3, 2)
    drawn = resampler.of(rows)
    assert np.array_equal(drawn.funding.time, made.funding.time)
    assert np.array_equal(drawn.funding.instrument, made.funding.instrument)
    for k in range(len(made.funding.time)):
        i = made.funding.instrument[k]
        source = made.open_time[rows[np.searchsorted(made.open_time, made.funding.time[k])]]
        mine = made.funding.instrument == i
        in_force = max(np.searchsorted(made.funding.time[mine], source, side="right") - 1, 0)
        assert drawn.funding.rate[k] == made.funding.rate[mine][in_force]


def test_several_settlements_in_a_bar_come_as_they_were():
    daily = market(100 + np.arange(30.0))
    day = 86_400_000_000_000
    start = daily.open_time[0]
    time = start + np.arange(1, 30 * 3 - 2) * (day // 3)
    rate = 1e-6 * np.arange(len(time))
    funding = Funding(time, np.zeros(len(time), np.int64), rate, np.full(len(time), np.nan))
    daily = replace(daily, open_time=start + day * np.arange(30), funding=funding)
    rows = np.r_[np.arange(10, 20), np.arange(0, 20)]
    drawn = Resampler(daily).of(rows).funding.rate
    bar = np.searchsorted(daily.open_time, time)
    assert np.array_equal(drawn[bar == 5], rate[bar == 15])
    assert np.array_equal(drawn[bar == 25], rate[bar == 15])


def test_a_whole_block_of_finer_bars_is_the_market_itself():
    finer = synthetic(48, 2, detail="15m")
    same = Resampler(finer).of(np.arange(48))
    for name in PRICES:
        assert np.array_equal(getattr(same.detail, name), getattr(finer.detail, name))
    assert all(np.array_equal(*columns) for columns in zip(same.detail.funding, finer.detail.funding, strict=True))


def test_finer_bars_stay_inside_of_theirs():
    finer = synthetic(48, 2, detail="15m")
    rows = draw_rows(48, 6.0, 0, 1)
    drawn = Resampler(finer).of(rows)
    assert np.array_equal(drawn.detail.open_time, finer.detail.open_time)
    for name in PRICES:
        shape = getattr(drawn.detail, name).reshape(48, 4, 2) / drawn.open[:, None]
        source = getattr(finer.detail, name).reshape(48, 4, 2) / finer.open[:, None]
        np.testing.assert_allclose(shape, source[rows], rtol=1e-12)
    inside = drawn.detail.high.reshape(48, 4, 2).max(axis=1)
    np.testing.assert_allclose(inside, drawn.high, rtol=1e-12)


def test_funding_of_finer_bars_is_that_of_the_market():
    finer = synthetic(96, 2, detail="15m")
    drawn = Resampler(finer).draw(8.0, 0, 2)
    assert np.array_equal(drawn.detail.funding.time, drawn.funding.time)
    assert np.array_equal(drawn.detail.funding.rate, drawn.funding.rate)
    np.testing.assert_allclose(drawn.detail.funding.mark_price, drawn.funding.mark_price, rtol=1e-12)
    assert not np.array_equal(drawn.funding.rate, finer.funding.rate)


def test_finer_bars_with_gaps_and_one_bar_are_refused():
    finer = synthetic(48, 1, detail="15m")
    with pytest.raises(ConfigurationError, match="simulation_timeframe: cannot be resampled: the bar of 2024-01-02"):
        Resampler(replace(finer, detail=finer.detail.between(0, int(finer.detail.open_time[-1]))))
    with pytest.raises(ConfigurationError, match="too few bars to resample"):
        Resampler(synthetic(1, 1))


# Statistics


def test_the_band_is_between_percentiles():
    assert band(np.arange(101.0), 0.9) == pytest.approx((50.0, 5.0, 95.0))


def test_wilsons_interval_is_that_of_the_books():
    """0 of 10 and 5 of 10 at 95 %: z = 1.959964."""
    z = 1.959963984540054
    never = share(0, 10, 0.95)
    assert never.low == 0.0
    assert never.high == pytest.approx(z * z / (10 + z * z))
    half = share(5, 10, 0.95)
    assert (half.low, half.high) == pytest.approx((0.2366, 0.7634), abs=5e-5)
    assert share(10, 10, 0.95).high == 1.0


def test_wilsons_interval_covers():
    random = np.random.default_rng(1)
    for truth in (0.02, 0.3):
        inside = [
            each.low <= truth <= each.high for each in (share(int(c), 80, 0.9) for c in random.binomial(80, truth, 800))
        ]
        assert 0.85 <= np.mean(inside) <= 0.97


def resampled_means(series, block, n, seed):
    return np.array([series[draw_rows(len(series), block, seed, k)].mean() for k in range(n)])


def test_the_percentile_interval_of_a_dependent_series_covers_where_single_bars_do_not():
    """The mean of an AR(1) of known mean 0: intervals of blocks hold it, those of single bars are too narrow."""
    blocks, single = [], []
    for seed in range(120):
        series = ar(0.6, 300, seed)
        for found, block in ((blocks, block_length(series)), (single, 1.0)):
            ends = band(resampled_means(series, block, 150, seed), 0.9)
            found.append(ends.low <= 0.0 <= ends.high)
    assert 0.78 <= np.mean(blocks) <= 0.97
    assert np.mean(single) < 0.7


def test_the_p_value_is_uniform_where_there_is_no_difference_and_small_where_there_is():
    p = []
    for seed in range(200):
        series = ar(0.3, 250, seed)
        p.append(p_value(series.mean(), resampled_means(series, block_length(series), 99, seed)))
    ordered = np.sort(p)
    distance = np.abs(ordered - (np.arange(200) + 0.5) / 200).max()
    assert distance < 0.15  # of a uniform sample of 200: below 0.115 in 99 of 100
    assert 0.01 <= np.mean(np.array(p) <= 0.05) <= 0.13
    shifted = ar(0.3, 250, 0) + 1.0
    assert p_value(shifted.mean(), resampled_means(shifted, 8.0, 99, 0)) == 0.01
    assert p_value(0.0, np.zeros(9)) == 1.0
