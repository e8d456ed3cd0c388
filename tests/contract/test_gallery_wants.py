"""What the strategies of the gallery ask for on markets that are small enough to reckon by hand."""

import numpy as np
import pandas as pd
import pytest

import strategies
from backtester.account import Account
from backtester.asking.intents import plan
from backtester.engine import run
from backtester.errors import StrategyError
from backtester.indicators import previous, rolling_std
from tests.strategy_market import market, random_funding, random_market


def placed(strategy, prices):
    """Return the orders as (bar, slot, size)."""
    found = plan(strategy, prices, Account()).orders
    return [(int(b), int(s), float(x)) for b, s, x in zip(found.bar, found.slot, found.size, strict=True)]


def test_the_trend_turns_where_the_averages_have_crossed_by_the_band():
    # averages of 1 and 2 bars: ema2 = ema2 + 2/3 (close - ema2), so their distance is a third of close - ema2 before
    closes = [64.0, 64.0, 67.0, 67.0, 58.0]
    trend = strategies.load("trend", fast=1, slow=2, band=0.25, exposure=1.5)
    assert placed(trend, market(closes)) == [(2, 0, 1.5), (4, 0, -1.5)]  # 1 of a range of 3, then -8.3 / 3 of 9
    assert [slot.leverage for slot in trend.slots(market(closes))] == [20.0]


def test_the_carry_is_short_where_longs_pay_and_its_hedge_weighs_as_much():
    times = pd.date_range("2025-01-01", periods=9, freq="8h", tz="UTC")
    rates = {"BUSDT": [0.001] * 5 + [0.0] * 4, "CUSDT": [-0.001] * 9}
    funding = {symbol: pd.Series(values, times) for symbol, values in rates.items()}
    prices = market(*[[64.0] * 72] * 3, funding=funding)
    carry = strategies.load("funding_carry", days=1, exposure=3.0)
    # three settlements of 0.001 lie within a day at the close of bar 23; the last of them is out after bar 63 - 8
    assert placed(carry, prices) == [(23, 0, 1.0), (23, 1, -1.0), (56, 0, 0.0), (56, 1, 0.0)]
    alone = strategies.load("funding_carry", days=1, exposure=3.0, hedged=False)
    assert placed(alone, prices) == [(23, 1, -1.0), (56, 1, 0.0)]


def test_the_hedge_of_the_carry_is_the_one_it_is_told():
    prices = random_market(funding=random_funding())
    size = strategies.load("funding_carry", hedge="CUSDT").targets(prices).equity_fraction
    np.testing.assert_allclose(size[:, 2], -size[:, :2].sum(axis=1))
    assert (size[:, 2] > 0.0).any()
    with pytest.raises(StrategyError, match=r"ValueError in .*funding_carry\.py, line \d+: a hedged carry needs"):
        plan(strategies.load("funding_carry"), random_market(5, 1), Account())


def test_the_basket_weighs_the_same_on_both_sides():
    prices = random_market(n_symbols=6)
    size = strategies.load("hedged_basket", share=0.34, exposure=3.0).targets(prices).equity_fraction
    chosen = ~np.isnan(size).any(axis=1)
    assert np.flatnonzero(chosen).tolist() == list(range(72, 600, 24))
    assert set(size[chosen].ravel()) == {0.75, 0.0, -0.75}
    np.testing.assert_array_equal(size[chosen].sum(axis=1), 0.0)
    gain = prices.close[96] / prices.close[24]
    assert size[96, np.argmin(gain)] == 0.75
    assert size[96, np.argmax(gain)] == -0.75


def test_a_symbol_without_a_price_is_left_out_of_the_basket():
    prices = random_market(n_symbols=3, gaps=[(0, 80, 599)])
    size = strategies.load("hedged_basket").targets(prices).equity_fraction
    assert np.isnan(size[96:, 0]).all()
    assert (np.abs(size[96::24, 1:]) == 1.0).all()


def test_a_spike_is_followed_for_some_bars_with_both_exits():
    closes = [64.0, 65.0, 64.0, 65.0, 64.0, 80.0, 80.0, 80.0, 80.0, 80.0]  # ranges of 1, then a move of 16
    news = strategies.load("news_spike", range_window=3, hold=3, exposure=1.0, stop_ranges=1.0, profit_ranges=2.0)
    prices = market(closes)
    assert placed(news, prices) == [(5, 0, 1.0), (8, 0, 0.0)]
    entry = plan(news, prices, Account()).orders
    calm = (1.0 - (2 / 3) ** 4) / 64.0  # four ranges of 1 after one of 0, smoothed as Wilder does
    assert entry.stop[0] == pytest.approx(80.0 * (1.0 - calm))
    assert entry.take_profit[0] == pytest.approx(80.0 * (1.0 + 2.0 * calm))


def test_the_core_is_opened_once_and_the_speculation_for_some_bars():
    small = [64.0, 64.0, 64.0, 65.0, 60.0, 60.0, 60.0, 60.0]
    both = strategies.load("core_and_small_cap", channel=2, hold=3)
    assert placed(both, market([8.0] * 8, [1.0] * 8, small)) == [(2, 0, 1.0), (3, 1, 1.0), (6, 1, 0.0)]
    assert [(s.label, s.leverage) for s in both.slots(market([8.0], [1.0], [2.0]))] == [
        ("AUSDT core", 3.0),
        ("CUSDT speculation", 10.0),
    ]
    with pytest.raises(StrategyError, match="the core and the small coin must be two symbols"):
        plan(both, random_market(5, 1), Account())


def test_the_size_is_in_proportion_to_one_over_the_volatility():
    prices = random_market()
    size = strategies.load("volatility_target", risk=0.03, ceiling=1e9).targets(prices).equity_fraction
    volatility = rolling_std(np.log(prices.close / previous(prices.close)), 72)
    rows = np.arange(72, 600, 24)
    np.testing.assert_allclose(np.abs(size[rows]) * volatility[rows] * 3, 0.03)
    capped = strategies.load("volatility_target", ceiling=0.3).targets(prices).equity_fraction
    np.testing.assert_allclose(np.abs(capped[rows]), 0.1)


def test_a_trade_posts_the_loss_it_accepts_and_isolated_it_loses_no_more():
    prices = random_market(2_000)
    account = Account(balance=10_000, mode="isolated", rules={"funding_source": "pool", "opening_fee_from": "pool"})
    result = run(strategies.load("fixed_loss", max_loss=100.0, ranges=1.5), prices, account)
    opened = result.event_frame.query("kind == 'fill'")
    assert len(opened) > 50
    assert len(result.liquidations) > 5
    assert (result.liquidations["loss"] <= 100.0 + 1e-6).all()
    assert (result.liquidations["loss"] > 50.0).all()
    assert result.trades["pnl"].min() > -100.0 - 1e-6


def test_the_martingale_doubles_further_down_and_goes_home_together():
    game = strategies.load("martingale", window=2, dip=0.02, step=0.1, lots=3, profit=0.05, exposure=7.0)
    closes = [100.0, 100.0, 90.0, 81.5, 79.0, 72.0, 79.0, 80.0]
    # opens at 90; steps below it: 0.94, 1.2, 2, 1.2; average of 1 at 90, 2 at 79, 4 at 72: 75.7, and 5 % above: 79.5
    held = game.held(market(closes).close, np.array([[False]] * 2 + [[True]] * 6), np.array([1.0, 2.0, 4.0]))
    assert held[:, 0].tolist() == [0, 0, 1, 1, 2, 3, 3, 0]
    orders = placed(game, market(closes))
    assert orders[:3] == [(2, 0, 1.0), (4, 1, 2.0), (5, 2, 4.0)]
    assert orders[3:] == [(7, 0, 0.0), (7, 1, 0.0), (7, 2, 0.0)]


def test_a_fall_through_several_levels_buys_all_their_lots():
    game = strategies.load("martingale", window=2, dip=0.02, step=0.1, lots=3, exposure=7.0)
    assert placed(game, market([100.0, 100.0, 90.0, 60.0])) == [(2, 0, 1.0), (3, 1, 2.0), (3, 2, 4.0)]
