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


def test_blocks_begin_anywhere_and_their_lengths_are_geometric():
    """Of 20 rows and 6,000 draws: every row is as often a beginning, and every length as often as it should be."""
    rows = np.stack([draw_rows(20, 4.0, 2, k) for k in range(6_000)])
    joints = (rows[:, 1:] - rows[:, :-1]) % 20 != 1
    assert joints.mean(axis=0) == pytest.approx(0.25 * 19 / 20, abs=0.025)  # the last step like the others
    begins = np.bincount(rows[:, 0], minlength=20)
    assert begins.min() > 6_000 / 20 * 0.75
    first = np.where(joints.any(axis=1), joints.argmax(axis=1) + 1, 20)
    for length in (1, 2, 5):
        expected = 0.2375 * (1 - 0.2375) ** (length - 1)  # a new block may go on where the last one ended
        assert np.mean(first == length) == pytest.approx(expected, abs=0.02)


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


def block_by_hand(x):
    """As the papers have it, sum by sum; and the spectrum at 0, which may come out below 0."""
    n, mean = len(x), sum(x) / len(x)
    row, bound = max(5, math.ceil(math.sqrt(math.log10(n)))), 2 * math.sqrt(math.log10(n) / n)
    most = min(math.ceil(math.sqrt(n)) + row, n - 1)
    covariance = [sum((x[t] - mean) * (x[t + k] - mean) for t in range(n - k)) / n for k in range(most + 1)]
    large = [k for k in range(1, most + 1) if abs(covariance[k] / covariance[0]) >= bound]
    quiet = (m for m in range(most - row + 1) if not any(m < k <= m + row for k in large))
    window = min(2 * max(next(quiet, max(large, default=0)), 1), most)
    lags = [(k, min(1.0, 2 * (1 - abs(k) / window)) * covariance[abs(k)]) for k in range(-window, window + 1)]
    spectrum = sum(value for _, value in lags)
    b = (2 * sum(abs(k) * value for k, value in lags) ** 2 / (2 * spectrum**2) * n) ** (1 / 3)
    return min(max(b, 1.0), math.ceil(min(3 * math.sqrt(n), n / 3))), spectrum


def test_the_block_length_is_that_of_the_papers():
    random, below = np.random.default_rng(0), 0
    for k in range(150):
        series = ar(random.uniform(-0.98, 0.98), int(random.integers(16, 250)), k)
        series = np.cumsum(series) if k % 7 == 0 else np.abs(series) if k % 5 == 0 else series
        expected, spectrum = block_by_hand(series.tolist())
        assert block_length(series) == pytest.approx(expected, rel=1e-7)
        below += spectrum < 0
    assert below > 2


def test_the_longest_block_counts_of_instruments_returns_and_their_sizes():
    calm, trending = np.random.default_rng(3).normal(0.0, 0.01, N), 0.01 * ar(0.8, N, 1)
    clustered = 0.01 * np.random.default_rng(4).normal(size=N) * np.exp(ar(0.95, N, 2) / 2)
    alone = [market(100 * np.exp(np.cumsum(moves))) for moves in (calm, trending, clustered)]
    lengths = [market_block_length(each) for each in alone]
    assert lengths[0] < min(lengths[1:])
    assert lengths[1] == block_length(np.diff(np.log(alone[1].close[:, 0]))) > block_length(
        np.abs(np.diff(np.log(alone[1].close[:, 0])))
    )
    assert lengths[2] == block_length(np.abs(np.diff(np.log(alone[2].close[:, 0]))))
    both = market(*(each.close[:, 0] for each in alone))
    assert market_block_length(both) == max(lengths)
    late = random_market(N, 2, gaps=((1, 0, 99),))
    known = late.close[100:, 1]
    assert market_block_length(late.select([late.symbols[1]])) == max(
        block_length(moves) for moves in (np.diff(np.log(known)), np.abs(np.diff(np.log(known))))
    )


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


def test_a_draw_says_that_it_is_one(made, resampler):
    drawn = resampler.draw(15.0, 3, 7)
    said = "draw 7 of seed 3, blocks of 15 bars on average"
    assert drawn.notes == (*made.notes, f"made up: {said}")
    assert drawn.source == f"{made.source}, {said}"


def test_a_market_with_gaps_and_late_listings_is_itself_too():
    late = random_market(N, 3, gaps=((1, 0, 99), (2, 200, 219)))
    same = Resampler(late).of(np.arange(N))
    assert np.array_equal(same.close, late.close, equal_nan=True)
    assert same.mark_open is same.open
    drawn = Resampler(late).draw(20.0, 0, 0)  # its constructor checks it
    assert 0 < np.isnan(drawn.close[:, 1]).sum() < N


@pytest.mark.parametrize("seed", range(3))
def test_every_known_price_is_as_far_from_the_last_known_one_as_it_was(seed):
    """Bar by bar, with gaps and a late listing: the last known close of the draw stands for that of the market."""
    gaps = ((1, 0, 99), (2, 200, 219), (2, 230, 231), (0, N - 3, N - 1))
    late = random_market(N, 3, seed, gaps=gaps)
    rows = draw_rows(N, 6.0, seed, 0)
    drawn = Resampler(late).of(rows)
    for i in range(3):
        first = next(t for t in range(N) if not math.isnan(late.open[t, i]))
        known = [late.open[first, i]]  # the last close known before each bar of the market
        for close in late.close[:, i]:
            known.append(known[-1] if math.isnan(close) else close)
        last = late.open[first, i]
        for t, row in enumerate(rows):
            for name in PRICES:
                before, after = getattr(late, name)[row, i], getattr(drawn, name)[t, i]
                assert after == pytest.approx(last * before / known[row], rel=1e-11, nan_ok=True)
            last = last if math.isnan(drawn.close[t, i]) else drawn.close[t, i]


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


def test_a_settlement_is_priced_beside_the_mark_of_its_bar_as_its_own_was():
    """In a bar of the draw, the price of the settlement is as far from the mark's open as where the rate comes from."""
    made = synthetic(N, 2, seed=5, crash=False)
    premium = 1.0 + 1e-3 * np.random.default_rng(1).normal(size=len(made.funding.time))
    bar = np.searchsorted(made.open_time, made.funding.time)
    price = premium * made.mark_open[bar, made.funding.instrument]
    made = replace(made, funding=made.funding._replace(mark_price=price, rate=1e-9 * np.arange(len(premium))))
    rows = draw_rows(N, 15.0, 3, 2)
    drawn = Resampler(made).of(rows)
    taken = np.rint(drawn.funding.rate / 1e-9).astype(int)  # whose rate it is
    expected = premium[taken] * drawn.mark_open[bar, made.funding.instrument]
    np.testing.assert_allclose(drawn.funding.mark_price, expected, rtol=1e-12)
    assert not np.array_equal(taken, np.arange(len(taken)))


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
