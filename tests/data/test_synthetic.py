"""The made-up market: the same everywhere, consistent with itself, and like the real thing in kind."""

import hashlib

import numpy as np
import pytest

from backtester.errors import BacktesterError
from backtester.market import PRICES
from data import synthetic

HOUR = 3_600_000_000_000


@pytest.fixture(scope="module")
def year():
    return synthetic()


def returns(market):
    return np.diff(np.log(market.close), axis=0)


def crash_bar(market):
    return int(0.65 * market.n_bars)


def test_it_says_that_it_is_made_up(year):
    assert year.synthetic
    assert "synthetic market, seed 7" in year.source
    assert year.symbols[0] == "FAKE1/USDT:USDT"
    assert year.notes == ()
    assert not year.mark_is_trade.any()


def test_the_same_seed_is_the_same_market_and_another_is_not(year):
    again, other = synthetic(), synthetic(seed=8)
    for name in PRICES:
        assert np.array_equal(getattr(again, name), getattr(year, name))
    assert np.array_equal(again.funding.rate, year.funding.rate)
    assert not np.array_equal(other.close, year.close)


def test_the_prices_of_a_seed_never_change():
    market = synthetic(n_bars=500, n_instruments=3, seed=7, detail="15m")
    digest = hashlib.sha256()
    for piece in (market, market.detail):
        for name in PRICES:
            digest.update(np.ascontiguousarray(getattr(piece, name)).tobytes())
    digest.update(market.funding.rate.tobytes())
    assert digest.hexdigest() == "965b332633eb84b32930d12aa9f72fabea62a71fcb972b3951eb3033943bda2d"


def test_an_instrument_does_not_depend_on_how_many_there_are(year):
    assert np.array_equal(synthetic(n_instruments=2).close, year.close[:, :2])


def test_instruments_move_together(year):
    correlation = np.corrcoef(returns(year).T)
    apart = correlation[~np.eye(6, dtype=bool)]
    assert apart.min() > 0.5
    assert apart.max() < 0.95


def test_volatility_is_of_the_size_of_the_real_one_and_grows_with_thinness(year):
    yearly = returns(year).std(axis=0) * np.sqrt(8_760)
    assert yearly.min() > 0.35
    assert yearly.max() < 1.5
    assert yearly[0] < yearly[-1]


def test_volatility_clusters_and_returns_do_not():
    calm = synthetic(crash=False)
    move = returns(calm)[:, 0]
    size = np.abs(move)
    for lag in (1, 6, 24):
        assert np.corrcoef(size[:-lag], size[lag:])[0, 1] > 0.03
        assert abs(np.corrcoef(move[:-lag], move[lag:])[0, 1]) < 0.05


def test_there_are_jumps():
    move = returns(synthetic(crash=False))
    kurtosis = ((move - move.mean(axis=0)) ** 4).mean(axis=0) / move.var(axis=0) ** 2
    assert kurtosis.min() > 4.0  # 3 is normal


def test_the_crash_hits_all_and_recovers_in_part(year):
    bar = crash_bar(year)
    before = year.close[bar - 1]
    fall = year.mark_low[bar : bar + 6].min(axis=0) / before - 1
    later = year.close[bar + 48] / before - 1
    assert fall.max() < -0.12
    assert fall.min() > -0.7
    assert np.all(later > fall + 0.03)
    assert later.max() < 0.0


def test_without_a_crash_there_is_none():
    calm = synthetic(crash=False)
    bar = crash_bar(calm)
    assert (calm.low[bar : bar + 6].min(axis=0) / calm.close[bar - 1] - 1).min() > -0.1


def test_trade_wicks_go_beyond_the_mark_in_the_crash_and_hardly_otherwise(year):
    beyond = 1 - year.low / year.mark_low
    bar = crash_bar(year)
    assert beyond[bar : bar + 4, 1:].max(axis=0).min() > 0.01
    assert np.quantile(np.abs(beyond), 0.95) < 0.005


def test_mark_and_trade_are_apart_but_near(year):
    premium = year.close / year.mark_close - 1
    assert np.all(premium.std(axis=0) > 0.0001)
    assert np.all(premium.std(axis=0) < 0.005)


def test_funding_comes_every_eight_hours_at_the_mark_of_that_moment(year):
    times = year.funding.time.reshape(-1, 6)
    assert np.all(times[:, 0] % (8 * HOUR) == 0)
    assert np.all(np.diff(times[:, 0]) == 8 * HOUR)
    assert len(times) == 8_760 // 8 - 1
    rows = np.searchsorted(year.open_time, times[:, 0])
    assert np.array_equal(year.funding.mark_price.reshape(-1, 6), year.mark_open[rows])


def test_funding_follows_the_premium_and_spikes(year):
    rate = year.funding.rate.reshape(-1, 6)
    premium = (year.close / year.mark_close - 1)[:-8].reshape(-1, 8, 6).mean(axis=1)
    for i in range(6):
        # not 1: the rate stays at the interest while the premium is small
        assert np.corrcoef(premium[:, i], rate[:, i])[0, 1] > 0.7
    assert np.abs(rate).max() > 20 * np.median(np.abs(rate))
    assert np.abs(rate).max() <= 0.03
    assert 0 < np.median(rate) < 0.0005


def test_hours_are_made_of_their_minutes_exactly():
    market = synthetic(n_bars=200, n_instruments=3, detail="1m")
    fine = market.detail
    assert fine.n_bars == 200 * 60
    assert fine.timeframe == HOUR // 60
    for prefix in ("", "mark_"):
        parts = {name: getattr(fine, prefix + name).reshape(200, 60, 3) for name in ("open", "high", "low", "close")}
        assert np.array_equal(getattr(market, prefix + "open"), parts["open"][:, 0])
        assert np.array_equal(getattr(market, prefix + "high"), parts["high"].max(axis=1))
        assert np.array_equal(getattr(market, prefix + "low"), parts["low"].min(axis=1))
        assert np.array_equal(getattr(market, prefix + "close"), parts["close"][:, -1])
    assert np.array_equal(fine.funding.rate, market.funding.rate)
    assert fine.synthetic


def test_a_bar_opens_where_the_last_one_closed(year):
    assert np.array_equal(year.open[1:], year.close[:-1])


@pytest.mark.parametrize("n_bars", [1, 2, 9])
@pytest.mark.parametrize("timeframe", ["1m", "1h", "1d"])
def test_small_markets_and_other_timeframes_work(n_bars, timeframe):
    market = synthetic(n_bars=n_bars, n_instruments=9, timeframe=timeframe)
    assert market.n_bars == n_bars
    assert market.n_instruments == 9


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"n_bars": 0}, "n_bars"),
        ({"n_instruments": 0}, "n_instruments"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"timeframe": "1 hour"}, "timeframe"),
        ({"detail": "1h"}, "does not divide"),
        ({"detail": "7m"}, "does not divide"),
        ({"start": "now and then"}, "start is not a time"),
    ],
)
def test_what_makes_no_market_is_refused(wrong, words):
    with pytest.raises(BacktesterError, match=words):
        synthetic(**wrong)
