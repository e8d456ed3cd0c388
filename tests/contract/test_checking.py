"""The checker: the gallery passes, and each check sees the fault that it is there for."""

import numpy as np
import pandas as pd
import pytest

import strategies
from backtester.checking.checks import cost_per_bar, with_missing_bars
from backtester.checking.run import check_strategy
from backtester.indicators import sma
from backtester.strategy import Strategy, Targets
from data import synthetic
from tests.contract import findings
from tests.contract.bad_strategies import strategy
from tests.strategy_market import fixed

MARKET = synthetic(600, 6, seed=7)


def found(bad, market=MARKET):
    return findings.found(bad, market)


def only(name, bad, market=MARKET):
    return findings.only(name, bad, market)


@pytest.mark.parametrize("name", list(strategies.gallery()))
def test_the_gallery_passes(name):
    for finding in check_strategy(strategies.load(name), MARKET):
        assert finding.passed, finding
        assert finding.said
        assert not finding.cure


def test_a_look_ahead():
    def peek(market):
        ahead = np.full(market.close.shape, np.nan)
        ahead[:-1] = np.sign(market.close[1:] - market.close[:-1])
        return Targets(notional=np.where(np.isnan(market.close), np.nan, 1_000.0 * ahead))

    findings = found(strategy(peek))
    assert not findings["no look-ahead"].passed
    assert findings["no look-ahead"].said.startswith("it looks into the future: notional changes when later bars")
    assert "shift(1)" in findings["no look-ahead"].cure


def test_a_backfill_looks_ahead_only_where_bars_are_missing():
    def backfilled(market):
        filled = pd.DataFrame(market.close).bfill().ffill().to_numpy()
        return Targets(notional=filled)

    findings = found(strategy(backfilled))
    assert findings["no look-ahead"].passed is False
    assert "(on a market with missing bars)" in findings["no look-ahead"].said


def test_one_fault_is_said_once():
    def peek(market):
        ahead = np.sign(np.roll(market.close, -1, axis=0) - market.close)
        return Targets(notional=1_000.0 * ahead)

    only("no look-ahead", strategy(peek))


def test_writing_into_the_market_is_refused_and_named():
    def writes(market):
        market.close[0] = 1.0
        return Targets(notional=1.0)

    findings = found(strategy(writes))
    assert findings["market untouched"].passed is False
    assert "writes into the market, in" in findings["market untouched"].said
    assert findings["runs"].passed is None
    assert findings["cost"] == ("cost", None, "not checked", "")


def test_a_market_that_is_changed_behind_its_back():
    def swaps(market):
        object.__setattr__(market, "high", market.high + 0.0 * market.high + 1.0)
        return Targets(notional=np.where(np.isnan(market.close), np.nan, 1_000.0))

    prices = synthetic(300, 2, seed=7)
    found = only("market untouched", strategy(swaps), prices)
    assert found.said == "it changed market.high"
    assert found.cure == "work on a copy: high = market.high.copy()"


def test_random_targets():
    rng = np.random.default_rng(1)
    findings = found(strategy(lambda market: Targets(notional=rng.normal(size=market.n_bars))))
    assert findings["deterministic"].passed is False
    assert "notional differs between two calls" in findings["deterministic"].said


class Counts(Strategy):
    """Wants more with each call."""

    _calls = 0

    def targets(self, market):
        self._calls += 1
        return Targets(notional=np.where(np.isnan(market.close), np.nan, float(self._calls)))


class Fits(Strategy):
    """Learns a mean from the first market that it sees, and keeps it."""

    _mean = None

    def targets(self, market):
        if self._mean is None:
            self._mean = np.nanmean(market.close)
        return Targets(notional=np.where(np.isnan(market.close), np.nan, self._mean))


def test_state_that_is_kept_between_calls():
    finding = found(Counts())["deterministic"]
    assert finding.passed is False
    assert "notional differs between two calls" in finding.said
    assert "keep nothing on self" in finding.cure


def test_a_look_ahead_that_is_kept_from_the_first_call():
    finding = only("no look-ahead", Fits())
    assert "notional" in finding.said


def test_an_infinite_size():
    size = np.ones(600)
    size[300] = np.inf

    def infinite(market):
        return Targets(notional=np.where(np.isnan(market.close), np.nan, size[: market.n_bars, None]))

    finding = found(strategy(infinite))["finite"]
    assert finding.passed is False
    assert finding.said.startswith("the size is infinite; slot FAKE1/USDT:USDT; bar 300 (2024-01-13 12:00:00 UTC)")


def test_an_exit_that_is_not_known():
    def early(market):
        size = np.where(np.isnan(market.close), np.nan, 1.0)
        return Targets(notional=size, stop=sma(market.close, 9) / market.close / 2)

    finding = found(strategy(early))["finite"]
    assert finding.passed is False
    assert "stop is nan where an order arises" in finding.said
    assert "Wait" not in finding.said
    assert finding.cure.startswith("wait until stop is known")


def test_a_comparison_with_nan():
    """The usual mistake: nan > 0 is false, so a missing bar reads as a wish to be short."""

    def careless(market):
        trend = market.close - sma(market.close, 20)
        return Targets(notional=np.where(trend > 0.0, 1_000.0, -1_000.0))

    finding = only("missing bars", strategy(careless))
    assert finding.said.startswith(
        "it asks for an order where the instrument has no price (on a market with missing bars); slot "
    )
    assert "np.isnan(market.close)" in finding.cure


def test_a_strategy_that_breaks_on_missing_bars():
    def strict(market):
        if np.isnan(market.close).any():
            raise RuntimeError("gaps")
        return Targets(notional=1_000.0)

    finding = only("missing bars", strategy(strict))
    assert "raised RuntimeError in" in finding.said
    assert finding.said.endswith("gaps (on a market with missing bars)")


def test_a_strategy_that_needs_a_hundred_bars():
    def far_back(market):
        if market.n_bars < 20:  # a prefix of this market is longer
            market.close[19]
        return Targets(notional=np.where(np.isnan(market.close), np.nan, 1_000.0))

    finding = only("short markets", strategy(far_back))
    assert "IndexError" in finding.said
    assert "(on a market of 1 bar)" in finding.said
    assert finding.cure.startswith("let indicators be nan")


def test_a_strategy_that_takes_a_second_instrument_for_granted():
    def second(market):
        return Targets(notional=np.where(np.isnan(market.close), np.nan, np.sign(market.close[:, [1]])))

    finding = only("one instrument", strategy(second))
    assert "IndexError" in finding.said
    assert "(with FAKE1/USDT:USDT alone)" in finding.said
    assert "needs at least two symbols" in finding.cure


def test_a_strategy_may_refuse_one_instrument():
    def says_so(market):
        if market.n_instruments < 2:
            raise ValueError("needs two")
        return Targets(notional=np.where(np.isnan(market.close), np.nan, 1_000.0))

    finding = found(strategy(says_so))["one instrument"]
    assert finding.passed
    assert finding.said == "it says that one instrument is not enough: needs two"


def test_an_error_out_of_a_library_is_no_refusal():
    def breaks(market):
        market.close @ np.ones(6)  # a ValueError of numpy's
        return Targets(notional=np.where(np.isnan(market.close), np.nan, 1_000.0))

    finding = only("one instrument", strategy(breaks))
    assert "ValueError" in finding.said


def test_a_strategy_that_does_not_run():
    findings = found(strategy(lambda market: 1 / 0))
    assert findings["runs"].passed is False
    assert "raised ZeroDivisionError in" in findings["runs"].said
    assert {finding.passed for name, finding in findings.items() if name != "runs"} == {None}


def test_a_strategy_without_orders_is_said():
    assert "no order comes of it" in found(fixed(notional=0.0))["runs"].said


def test_the_market_with_missing_bars():
    holes = np.isnan(with_missing_bars(MARKET).close)
    assert [list(map(int, np.flatnonzero(np.diff(column)) + 1)) for column in holes.T] == [
        [200, 231, 300, 301],
        [150],
        [450],
    ] * 2
    assert holes[0].tolist() == [False, True, False] * 2
    one = np.isnan(with_missing_bars(MARKET.select(MARKET.symbols[0])).close[:, 0])
    assert (one[0], one[200], one[300], one[599]) == (True, True, True, True)


def test_the_cost_is_per_bar():
    import time

    def slow(market):
        time.sleep(0.03)
        return Targets(notional=1.0)

    assert 50.0 <= cost_per_bar(strategy(slow), MARKET) < 500.0
