"""Runs with `on_bar`: what is kept between them, several strategies, and the same run again without the strategy."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from backtester.allocation import Allocation
from backtester.compare import compare
from backtester.engine import prepare, run, simulate
from backtester.strategy import Strategy, Targets
from tests.on_bar import account, candles, on_bar, play
from tests.strategy_market import random_funding, random_market

MODES = ("isolated", "cross", "mixed", "sub_accounts")


class Counts(Strategy):
    """Counts its calls on self, and buys ever more."""

    def __init__(self, **overrides):
        super().__init__(**overrides)
        self.calls = []

    def on_bar(self, bar):
        self.calls.append(bar.index)
        bar[0].target(quantity=float(len(self.calls)))


class Busy(Strategy):
    """Trades every bar through most of what there is."""

    seed: int = 7

    def __init__(self, **overrides):
        super().__init__(**overrides)
        self.random = np.random.default_rng(self.seed)

    def on_bar(self, bar):
        for slot in bar:
            if np.isnan(slot.price):
                continue
            if slot.is_open:
                self.mind(bar, slot)
            elif self.random.random() < 0.5:
                slot.buy(notional=500.0, stop=0.03, trailing=0.05)
            else:
                orders = slot.buy(notional=500.0, limit=0.98 * slot.price, expires=3), slot.sell(
                    notional=500.0, trigger=0.98 * slot.price, expires=3
                )
                bar.one_cancels_other(*orders)

    def mind(self, bar, slot):
        if slot.is_isolated and slot.margin_ratio > 0.2:
            slot.add_margin(0.5 * slot.isolated_margin)
        if self.random.random() < 0.3:
            slot.take_profit(slot.price * (1.02 if slot.quantity > 0 else 0.98), fraction=0.5, expires=4)
        if self.random.random() < 0.1:
            slot.close()


def busy_account(mode):
    mixed = {"isolated": ("AUSDT",)} if mode == "mixed" else {}
    shares = {"shares": {"AUSDT": 0.5}} if mode == "sub_accounts" else {}
    return account(mode, balance=4_096.0, leverage=20.0, **mixed, **shares)


def logs(result):
    return [getattr(result, name).tobytes() for name in ("events", "ledger", "position_changes")]


def test_nothing_leaks_from_run_to_run_or_into_the_authors_object():
    strategy, prices = Counts(), candles(*[64] * 4)
    first, second = (run(strategy, prices, account()) for _ in range(2))
    assert strategy.calls == []
    assert first.scenario.orders.size.tolist() == second.scenario.orders.size.tolist() == [1.0, 2.0, 3.0, 4.0]


def test_nor_between_modes_and_paths():
    strategy = Counts()
    both = compare(strategy, random_market(40, 1), account(balance=1e6))
    for mode in ("isolated", "cross"):
        assert getattr(both, mode).scenario.orders.size.tolist() == list(range(1, 41))
    assert strategy.calls == []


def test_nor_between_runs_of_one_preparation():
    strategy, prices, rich = Counts(), candles(*[64] * 4), account()
    ready = prepare(strategy, prices, rich)
    one, two = (run(strategy, prices, rich, mode=mode, prepared=ready) for mode in ("isolated", "cross"))
    assert one.scenario.orders.size.tolist() == two.scenario.orders.size.tolist() == [1.0, 2.0, 3.0, 4.0]


class Fits(Strategy):
    """Keeps what it found in `indicators` on self, for `on_bar` to use."""

    def indicators(self, market):
        self.fits = getattr(self, "fits", 0) + 1
        return {"fits": np.full(market.n_bars, float(self.fits))}

    def on_bar(self, bar):
        self.fits += 1
        bar[0].target(quantity=bar.indicator("fits") + 8.0 * self.fits)


def test_nor_what_indicators_keep():
    strategy, prices, rich = Fits(), candles(*[64] * 3), account(balance=1e6)
    ready = prepare(strategy, prices, rich)
    runs = [run(strategy, prices, rich), run(strategy, prices, rich)]
    runs += [run(strategy, prices, rich, mode=mode, prepared=ready) for mode in ("isolated", "cross")]
    assert [result.scenario.orders.size.tolist() for result in runs] == [[17.0, 25.0, 33.0]] * 4
    assert not hasattr(strategy, "fits")


class ClassKeeps(Strategy):
    """Keeps what it sees in a list that its class holds, and counts its calls there too."""

    calls: ClassVar[list[int]] = []

    def targets(self, market):
        self.calls.append(-1)
        return Targets(quantity=np.full((market.n_bars, 1), np.nan))

    def on_bar(self, bar):
        self.calls.append(bar.index)
        bar[0].target(quantity=float(len(self.calls)))


class Keeps(ClassKeeps):
    """The same of a class that is derived."""


@pytest.mark.parametrize("kind", [ClassKeeps, Keeps])
def test_nor_what_a_class_holds_nor_what_targets_keep(kind):
    strategy, prices = kind(), candles(*[64] * 3)
    runs = [run(strategy, prices, account(balance=1e6)), run(kind(), prices, account(balance=1e6))]
    assert [result.scenario.orders.size.tolist() for result in runs] == [[2.0, 3.0, 4.0]] * 2
    assert strategy.calls == ClassKeeps.calls == []


class Learns(Strategy):
    """Vectorised, and keeps what it has seen on self."""

    def targets(self, market):
        self.seen = market
        return Targets(quantity=1.0)


def test_nor_does_a_vectorised_strategy_keep_anything():
    strategy = Learns()
    run(strategy, candles(*[64] * 3), account())
    assert not hasattr(strategy, "seen")


def test_what_self_holds_at_the_start_is_there_in_every_run():
    strategy = Counts()
    strategy.calls = [0] * 9
    result = run(strategy, candles(64, 64), account())
    assert result.scenario.orders.size.tolist() == [10.0, 11.0]
    assert len(strategy.calls) == 9


@pytest.mark.parametrize("mode", MODES)
def test_it_runs_again_without_the_strategy(mode):
    """The scenario has all orders: the same logs byte for byte, and the same equity."""
    prices = random_market(800, 3, gaps=[(1, 40, 60)], funding=random_funding(800))
    result = run(Busy(), prices, busy_account(mode))
    assert len(result.events) > 1_100  # the logs had to grow
    result.check_ledger()
    again = simulate(result.scenario)
    assert logs(again) == logs(result)
    np.testing.assert_allclose(again.equity, result.equity, rtol=1e-9)
    np.testing.assert_allclose(again.equity_low, result.equity_low, rtol=1e-9)


@pytest.mark.parametrize("record", ["equity", "lows", "full"])
def test_what_is_recorded_changes_nothing(record):
    prices = random_market(200, 2)
    full, some = (run(Busy(), prices, busy_account("isolated"), record=each) for each in ("full", record))
    assert logs(full) == logs(some)
    assert np.isnan(some.equity_low).all() == (record == "equity")


@pytest.mark.parametrize("mode", MODES)
def test_on_a_finer_simulation_it_runs_again_too(mode):
    fine = random_market(400, 2, volatility=0.01)
    result = run(Busy(), every(fine, 4).with_detail(fine), busy_account(mode))
    assert len(result.events) > 100
    assert logs(simulate(result.scenario)) == logs(result)


def every(fine, n):
    """Return the market of `n` bars at a time."""
    first, last = fine.open[::n], fine.close[n - 1 :: n]
    high = fine.high.reshape(-1, n, fine.n_instruments).max(axis=1)
    low = fine.low.reshape(-1, n, fine.n_instruments).min(axis=1)
    columns = dict(zip(("open", "high", "low", "close"), (first, high, low, last), strict=True))
    marks = {f"mark_{name}": values for name, values in columns.items()}
    return replace(fine, open_time=fine.open_time[::n].copy(), **columns, **marks)


def test_it_is_called_once_at_each_close_of_a_decision_bar_on_a_finer_simulation():
    hours, quarters = candles(*[64] * 3), candles(*[64] * 12, freq="15min")
    _, looked = play(hours.with_detail(quarters), {}, lambda bar: (bar.index, bar.time.hour))
    assert looked == [(0, 1), (1, 2), (2, 3)]


# Several strategies


def buys(quantity, log, symbol="AUSDT"):
    def step(bar):
        log.append((bar.index, bar[symbol].quantity, bar.account.equity))
        if bar.index == 0:
            bar[symbol].buy(quantity)

    return on_bar(step)


def test_each_has_its_slots_and_all_the_same_account():
    one, two = [], []
    team = [Allocation(buys(1.0, one), name="one"), Allocation(buys(2.0, two), name="two")]
    result = run(team, candles(64, 64, (64, 72, 64, 72)), account("cross"))
    assert one == [(0, 0, 1024), (1, 1, 1024), (2, 1, 1048)]
    assert two == [(0, 0, 1024), (1, 2, 1024), (2, 2, 1048)]
    assert result.by_strategy["pnl"].to_dict() == {"one": 8.0, "two": 16.0, "account": 0.0}


def test_beside_one_that_has_targets_alone():
    class Holds(Strategy):
        def targets(self, market):
            return Targets(quantity=4.0)

    log = []
    result = run([Holds(), buys(1.0, log)], candles(*[64] * 3), account("cross"))
    assert [row[1] for row in log] == [0, 1, 1]
    assert result.scenario.orders.slot.tolist() == [0, 1]
    assert result.scenario.orders.size.tolist() == [4.0, 1.0]


def test_one_cancels_other_stays_within_its_strategy():
    """Both number their groups, and the trade of one must not cancel the orders of the other."""

    def pair(limit):
        def step(bar):
            if bar.index == 0:
                slot = bar["AUSDT"]
                bar.one_cancels_other(slot.buy(1.0, limit=limit), slot.buy(1.0, limit=limit / 2))

        return on_bar(step)

    team = [Allocation(pair(56.0), name="one"), Allocation(pair(40.0), name="two")]
    result = run(team, candles(64, (64, 64, 48, 64), (64, 64, 36, 64)), account("cross"))
    assert result.event_frame.query("kind == 'limit'")["fill"].tolist() == [56.0, 40.0]


def test_events_are_not_lost_where_two_strategies_trade():
    one, two = [], []

    def trades(log, at):
        def step(bar):
            log.append([event.kind for event in bar.fills])
            if bar.index == at:
                bar["AUSDT"].buy(1.0)

        return on_bar(step)

    team = [Allocation(trades(one, 0), name="one"), Allocation(trades(two, 1), name="two")]
    run(team, candles(*[64] * 4), account())
    assert one == [[], ["fill"], [], []]
    assert two == [[], [], ["fill"], []]
