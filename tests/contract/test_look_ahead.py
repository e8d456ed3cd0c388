"""Strategies that look into the future are caught, and honest ones are not."""

import threading

import numpy as np
import pandas as pd
import pytest

from backtester.account import Account
from backtester.asking.causality import look_briefly
from backtester.asking.intents import check_causal, intents_of, plan
from backtester.errors import StrategyError
from backtester.indicators import sma
from backtester.strategy import SlotSpec, Strategy, Targets
from tests.contract.bad_strategies import PRICES, SLOTS, N, refuse, strategy
from tests.strategy_market import market, random_market


def close_of(market):
    return pd.DataFrame(market.close)


PEEKS = {
    "the next close": lambda m: np.sign(close_of(m).shift(-1) - close_of(m)).to_numpy(),
    "the next close, wrapped": lambda m: np.sign(np.roll(m.close, -1, axis=0) - m.close),
    "the close in ten bars": lambda m: np.where(close_of(m).shift(-10).fillna(0.0) > m.close, 1.0, 0.0),
    "a centred window": lambda m: np.sign(m.close - close_of(m).rolling(11, center=True).mean()).to_numpy(),
    "the mean of all bars": lambda m: np.sign(m.close - m.close.mean(axis=0)),
    "a scale over all bars": lambda m: np.sign(m.close - sma(m.close, 9)) / m.close.std(axis=0),
    "the rank among all bars": lambda m: close_of(m).rank(pct=True).to_numpy() - 0.5,
    "a backfill": lambda m: np.where((np.arange(m.n_bars) % 7 == 0)[:, None], m.close, np.nan),
    "the last bar": lambda m: np.where(m.close < m.close[-1], 1.0, 0.0),
    "how many bars there are": lambda m: np.linspace(1.0, 2.0, m.n_bars),
}
PEEKS["a backfill"] = lambda m, sparse=PEEKS["a backfill"]: pd.DataFrame(sparse(m)).bfill().to_numpy()


@pytest.mark.parametrize("peek", list(PEEKS))
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_a_look_ahead_is_caught(peek, seed):
    bad = strategy(lambda market: Targets(notional=100.0 * PEEKS[peek](market)))
    said = (
        r"Bad\(\): it looks into the future: notional changes when later bars are taken away; "
        r"\S+ with all 240 bars, \S+ with the first \d+; slot .USDT; bar \d+ \(2025-01-.*UTC\)\. "
        r"Use only bars up to the one decided on: shift\(1\) and not shift\(-1\)"
    )
    refuse(bad, said, random_market(N, SLOTS, seed), check=True)


@pytest.mark.parametrize("peek", list(PEEKS))
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_a_look_ahead_is_caught_by_a_brief_look_as_well(peek, seed):
    bad = strategy(lambda market: Targets(notional=100.0 * PEEKS[peek](market)))
    with pytest.raises(StrategyError, match=r"it looks into the future: notional changes"):
        intents_of(bad, random_market(N, SLOTS, seed), look=look_briefly)


def test_the_first_bar_and_both_values_are_right():
    def peek(market):
        ahead = np.append(market.close[1:, 0], np.nan)
        return Targets(quantity=np.where(np.arange(market.n_bars) >= 100, ahead, 0.0))

    with pytest.raises(StrategyError) as caught:
        check_causal(strategy(peek), random_market(N, 1), cuts=[90, 121])
    assert caught.value.bar == 120
    assert caught.value.slot == "AUSDT"
    value = float(random_market(N, 1).close[121, 0])
    assert f"quantity changes when later bars are taken away; {value} with all 240 bars, nan with the first 121" in str(
        caught.value
    )


@pytest.mark.parametrize("field", ["stop", "leverage", "add_margin", "take_profit_price"])
def test_a_look_ahead_in_an_option_is_caught(field):
    def peek(market):
        ahead = np.roll(market.close, -1, axis=0) / market.close.max()
        return Targets(quantity=np.sign(market.close - sma(market.close, 5)), **{field: ahead})

    refuse(strategy(peek), f"it looks into the future: {field} changes", check=True)


def test_a_look_ahead_in_funding_is_caught():
    """Options that are there only with the whole market in sight."""

    def peek(market):
        return Targets(quantity=1.0, stop=0.5 if market.n_bars == N else None)

    refuse(
        strategy(peek),
        "it looks into the future: stop changes .* 0.5 with all 240 bars, None with the first",
        check=True,
    )


def test_slots_that_look_ahead_are_caught():
    def best(market):
        return [SlotSpec(market.symbols[int(np.argmax(market.close[-1]))])]

    prices = random_market(N, 5)
    bad = strategy(lambda market: Targets(quantity=1.0), slots=best)
    with pytest.raises(
        StrategyError, match=r"its method `slots` looks into the future.*Choose slots by the symbols alone"
    ):
        check_causal(bad, prices, cuts=range(1, N))


def test_a_random_strategy_is_not_called_a_look_ahead():
    rng = np.random.default_rng(1)
    refuse(
        strategy(lambda market: Targets(quantity=rng.normal(size=market.n_bars))),
        r"it is not deterministic: quantity differs between two calls.*Seed its random numbers",
        check=True,
    )


def test_a_strategy_that_fails_on_fewer_bars_says_so():
    def long_history(market):
        return Targets(quantity=np.full(market.n_bars, market.close[200, 0] * 0.0 + 1.0))

    refuse(strategy(long_history), r"raised IndexError \(on the first 120 of 240 bars\) in .*line", check=True)


def test_an_honest_strategy_passes():
    honest = strategy(lambda market: Targets(quantity=np.sign(market.close - sma(market.close, 20)), stop=0.02))
    check_causal(honest, PRICES)
    check_causal(honest, PRICES, cuts=range(1, N))
    check_causal(honest, PRICES, honest.targets(PRICES), cuts=[10])


def test_the_default_cuts():
    lengths = []

    def switch(market):
        lengths.append(market.n_bars)
        return Targets(quantity=np.arange(market.n_bars) // 50)

    check_causal(strategy(switch), PRICES)
    assert lengths == [240, 51, 101, 120, 151, 201, 239]  # the middle, all but the last, ends at changes


def test_the_earliest_difference_of_all_fields_is_named():
    def margin_first(seen):
        late = np.arange(seen.n_bars) >= 50
        peak = seen.close.max()
        return Targets(quantity=np.where(late, seen.close[:, 0] / peak, 1.0), add_margin=peak)

    rising = market(np.linspace(64.0, 128.0, 120))
    with pytest.raises(StrategyError, match=r"add_margin changes when later bars are taken away.*bar 0 "):
        check_causal(strategy(margin_first), rising, cuts=[60])


def test_a_piece_with_as_many_bars_as_slots_is_left_out():
    check_causal(strategy(lambda market: Targets(quantity=np.ones(market.n_bars))), random_market(4, 2))


class Fits(Strategy):
    """Learns a mean from the first market that it sees, and keeps it."""

    _mean = None

    def targets(self, market):
        if self._mean is None:
            self._mean = float(market.close.mean())
        return Targets(quantity=self._mean)


def test_what_is_kept_from_the_first_call_hides_nothing():
    with pytest.raises(StrategyError, match="quantity differs between two calls"):
        plan(Fits(), PRICES, Account(), check=True)
    with pytest.raises(StrategyError, match="quantity differs between two calls"):
        check_causal(Fits(), PRICES)


def test_a_strategy_that_cannot_be_copied_is_checked_as_it_is():
    class Holds(Strategy):
        def __init__(self):
            super().__init__()
            self._lock = threading.Lock()

        def targets(self, market):
            return Targets(quantity=1.0)

    check_causal(Holds(), PRICES)
