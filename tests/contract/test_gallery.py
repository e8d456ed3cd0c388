"""What every shipped strategy must do, with the checker that authors get too."""

import inspect

import numpy as np
import pytest

import strategies
from backtester.account import Account
from backtester.asking.description import describe
from backtester.asking.intents import check_causal, plan
from backtester.engine import run
from backtester.errors import ConfigurationError, StrategyError
from backtester.market import PRICES
from tests.strategy_market import market, random_funding, random_market

NAMES = list(strategies.gallery())
FIELDS = ("leverage", "stop", "take_profit", "trailing", "stop_price", "take_profit_price", "add_margin")

# A jump, a hole, a late listing and a delisting.
WITH_GAPS = [(0, 100, 107), (1, 0, 149), (2, 400, 599)]


@pytest.fixture(params=NAMES)
def strategy(request):
    return strategies.load(request.param)


@pytest.fixture(params=["whole", "with gaps"])
def prices(request):
    return random_market(gaps=() if request.param == "whole" else WITH_GAPS, funding=random_funding())


def rows(found):
    return [np.asarray(column).tolist() for column in (*found.orders, *found.actions)]


def test_it_trades(strategy, prices):
    found = plan(strategy, prices, Account())
    assert len(found.orders.bar) >= 5
    assert {slot.instrument for slot in found.slots} <= {0, 1, 2}
    assert len(set(found.orders.size)) > 1


def test_it_does_not_look_ahead(strategy, prices):
    check_causal(strategy, prices)
    check_causal(strategy, prices, cuts=range(1, prices.n_bars, 37))


def test_it_leaves_the_market_alone(strategy, prices):
    before = [getattr(prices, name).tobytes() for name in PRICES]
    plan(strategy, prices, Account())
    assert before == [getattr(prices, name).tobytes() for name in PRICES]


def test_it_is_finite(strategy, prices):
    targets = strategy.targets(prices)
    given = [getattr(targets, name) for name in (targets.size_type, *FIELDS)]
    assert not any(np.isinf(np.asarray(values, float)).any() for values in given if values is not None)


def test_it_is_deterministic_and_keeps_no_state(strategy, prices):
    first = rows(plan(strategy, prices, Account()))
    plan(strategy, random_market(seed=99), Account())
    np.testing.assert_equal(rows(plan(strategy, prices, Account())), first)
    np.testing.assert_equal(rows(plan(strategies.load(type(strategy).__name__), prices, Account())), first)


@pytest.mark.parametrize("n_bars", [1, 2, 5])
def test_it_waits_on_a_market_that_is_too_short(strategy, n_bars):
    found = plan(strategy, random_market(n_bars), Account(), check=True)
    assert len(found.orders.bar) == 0


def test_it_says_nothing_where_there_are_no_prices(strategy):
    prices = market([64.0] * 50, [64.0] * 50, gaps=[(0, 10, 49)]).slice(10, 50)
    assert len(plan(strategy, prices, Account()).orders.bar) == 0


def test_it_opens_only_on_bars_that_have_a_price(strategy):
    prices = random_market(gaps=WITH_GAPS, funding=random_funding())
    found = plan(strategy, prices, Account())
    columns = np.array([slot.instrument for slot in found.slots])[found.orders.slot]
    assert not np.isnan(prices.close[found.orders.bar, columns]).any()


def test_the_margin_mode_does_not_change_what_it_wants(strategy, prices):
    cross, isolated = (rows(plan(strategy, prices, Account(mode=mode))) for mode in ("cross", "isolated"))
    np.testing.assert_equal(cross, isolated)


@pytest.mark.parametrize("mode", ["isolated", "cross", "mixed"])
def test_it_runs_in_every_mode_and_its_ledger_balances(strategy, mode):
    prices = random_market(gaps=WITH_GAPS, funding=random_funding())
    last = strategy.slots(prices)[-1].symbol
    account = Account(leverage=20, mode=mode, isolated=(last,) if mode == "mixed" else ())
    result = run(strategy, prices, account)
    result.check_ledger()
    assert len(result.trades) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_it_is_short_and_asks_a_margin_question(name):
    source = inspect.getsource(inspect.getmodule(strategies.gallery()[name]))
    assert len(source.splitlines()) <= 80
    assert "The margin question:" in source
    assert not any(venue in source.lower() for venue in ("binance", "bybit", "okx", "kraken", "crypto.com"))


@pytest.mark.parametrize("name", NAMES)
def test_its_parameters_are_explained(name):
    said = describe(strategies.gallery()[name])
    assert said.question.endswith("?")
    assert said.summary.endswith(".")
    assert all(parameter.meaning for parameter in said.parameters), said
    assert [parameter.name for parameter in said.parameters] == list(strategies.load(name).parameters())


def test_the_pair_is_hedged():
    targets = strategies.load("hedged_pair", exposure=1.5).targets(random_market(n_symbols=2))
    size = targets.equity_fraction
    np.testing.assert_array_equal(size[:, 0], -size[:, 1])
    assert set(size[~np.isnan(size)]) == {0.0, 1.5, -1.5}


def test_the_pair_takes_the_symbols_it_is_told():
    pair = strategies.load("hedged_pair", first="CUSDT", second="AUSDT")
    assert [spec.symbol for spec in pair.slots(random_market(5))] == ["CUSDT", "AUSDT"]
    pair = strategies.load("hedged_pair", second="AUSDT")
    assert [spec.symbol for spec in pair.slots(random_market(5))] == ["BUSDT", "AUSDT"]


def test_the_pair_needs_two_symbols():
    said = r"HedgedPair.*its method `slots` raised ValueError in .*hedged_pair\.py, line \d+: a pair needs"
    with pytest.raises(StrategyError, match=said):
        plan(strategies.load("hedged_pair"), random_market(5, 1), Account())


def test_the_pair_is_of_two_symbols():
    with pytest.raises(StrategyError, match="first and second must be two symbols"):
        plan(strategies.load("hedged_pair", first="AUSDT", second="AUSDT"), random_market(5), Account())


def test_the_grid_adds_as_the_price_goes_away_and_closes_one_step_nearer():
    grid = strategies.load("grid_reversion", window=4, step=0.25, rungs=2, exposure=1.0)
    prices = market([64.0] * 8 + [32.0, 16.0, 16.0, 64.0])
    found = plan(grid, prices, Account()).orders
    placed = [(int(b), int(s), float(x)) for b, s, x in zip(found.bar, found.slot, found.size, strict=True)]
    # closes over their means: 32/56 is 1.7 steps below, 16/44 2.5, 16/32 2 (rung 2 keeps), 64/32 4 above
    assert placed == [(8, 0, 0.5), (9, 1, 0.5), (11, 0, 0.0), (11, 1, 0.0), (11, 2, -0.5), (11, 3, -0.5)]


def test_the_grid_closes_the_first_rung_at_the_mean_itself():
    grid = strategies.load("grid_reversion", window=2, step=0.25, rungs=1, exposure=1.0)
    found = plan(grid, market([64.0, 64.0, 32.0, 32.0]), Account()).orders
    assert list(zip(found.bar.tolist(), found.slot.tolist(), found.size.tolist(), strict=True)) == [
        (2, 0, 1.0),
        (3, 0, 0.0),
    ]


def test_the_breakout_enters_at_an_extreme_and_leaves_at_the_middle():
    breakout = strategies.load("breakout", channel=4, range_window=2, exposure=1.0)
    prices = market([64.0, 66.0, 64.0, 66.0, 64.0, 70.0, 71.0, 64.0, 60.0, 60.0])
    found = plan(breakout, prices, Account()).orders
    placed = [(int(b), float(x)) for b, x in zip(found.bar, found.size, strict=True)]
    assert placed == [(5, 1.0), (7, 0.0), (8, -1.0)]
    assert (found.trail[found.size != 0.0] > 0.0).all()


def test_the_breakout_leaves_at_the_middle_itself():
    """67 is half-way between 64 and 70; the bar after is below it, and would not have crossed it."""
    breakout = strategies.load("breakout", channel=4, range_window=2, exposure=1.0)
    found = plan(breakout, market([64.0, 66.0, 64.0, 66.0, 64.0, 70.0, 67.0, 66.0, 66.0]), Account()).orders
    assert list(zip(found.bar.tolist(), found.size.tolist(), strict=True)) == [(5, 1.0), (6, 0.0)]


@pytest.mark.parametrize("name", ["breakout", "Breakout", "BREAKOUT", " breakout "])
def test_names_are_found(name):
    assert type(strategies.load(name)) is strategies.Breakout


@pytest.mark.parametrize("name", ["hedged_pair", "HedgedPair", "hedged-pair"])
def test_names_of_two_words_are_found(name):
    assert strategies.load(name, window=9).window == 9


def test_an_unknown_name_proposes_the_nearest():
    with pytest.raises(ConfigurationError, match=r"no such strategy; found 'brekout'; nearest: breakout"):
        strategies.load("brekout")
    with pytest.raises(ConfigurationError, match=r"allowed: breakout, core_and_small_cap, .*path/file\.py:Class"):
        strategies.load("scalper")


def test_an_unknown_parameter_is_refused():
    with pytest.raises(ConfigurationError, match=r"nearest: channel"):
        strategies.load("breakout", chanel=9)
