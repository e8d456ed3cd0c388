"""Does a strategy that trades at random do the same, bit for bit, compiled and as Python, and on the plain engine?

What it draws depends on the bits of all that it sees of the account: one that differs leads it elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from backtester import compiled
from backtester.account import Account
from backtester.allocation import Allocation
from backtester.engine import run
from backtester.event_driven import kernel_session
from backtester.event_driven.follow import Planned, follow
from backtester.event_driven.followers import Follower
from backtester.event_driven.kernel_session import KernelSession
from backtester.event_driven.reference_session import ReferenceSession
from backtester.market import Market
from backtester.orders import MarginActions, Orders
from backtester.result import Result
from backtester.scenario import Scenario, validate
from backtester.strategy import SlotSpec, Strategy, Targets
from tests.compiled import in_python
from tests.strategy_market import frame, random_funding, random_market
from tests.twin.scenarios import random_scenario

SEEDS = 80
BATCH = 20
NOTHING = Planned(Orders.none(), MarginActions.none())


class Draws(Strategy):
    """Asks for anything that `on_bar` offers."""

    seed: int = 1
    often: float = 0.4
    memory: ClassVar[int] = 1

    def indicators(self, market):
        mean = np.nanmean(market.close, axis=1)
        return {"mean": mean, "gap": market.close - mean[:, None]}

    @compiled
    def on_bar(self, bar):  # noqa: C901  (all that may be asked for)
        draw = self.memory[0] + self.seed + 0.1 * bar.index + bar.account.equity + 1.7 * bar.account.free_margin
        draw += bar.close[0] + bar.history("high", 3)[0, 0] + bar.indicator("mean") + bar.open_time % 7
        draw += 0.3 * bar.account.available_margin + len(bar.fills) + 3.0 * len(bar.liquidations)
        for event in bar.events:
            draw += 1.3 * event.quantity + 0.7 * event.amount + event.slot + 0.1 * event.order
            draw += 2.0 if event.kind == "rejected" and event.reason == "available" else 0.0
            if event.kind == "bankrupt":
                draw += 5.0
        for slot in bar:
            views = (
                slot.mark, slot.quantity, slot.entry, slot.leverage, slot.pnl, slot.funding_paid,
                slot.isolated_margin, slot.equity, slot.requirement, slot.initial_margin, slot.free_margin,
                slot.margin_ratio, slot.liquidation_price, slot.distance, slot.indicator("gap"),
                slot.history("low")[-1],
            )  # fmt: skip
            for view in views:
                draw = draw * 1.618 + view if math.isfinite(view) else draw + 0.5
                draw = draw % 1_000.0 if math.isfinite(draw) else 1.0
        for slot in bar:
            draw = (draw * 9_301.0 + 49_297.0) % 233_280.0
            what, size = int(draw) % 16, 1.0 + int(draw / 16.0) % 40
            price = slot.price
            if math.isnan(price) or draw / 233_280.0 > self.often:
                continue
            if what == 0:
                slot.buy(notional=size, stop=0.05)
            elif what == 1:
                slot.sell(0.01 * size, take_profit=0.03, watch="mark")
            elif what == 2:
                slot.buy(equity_fraction=0.1 * size, limit=0.98 * price, expires=3, post_only=True)
            elif what == 3:
                slot.sell(margin=size, limit=1.02 * price, time_in_force="ioc", collateral=2.0 * size)
            elif what == 4:
                slot.buy(notional=size, trigger=1.01 * price, limit=1.03 * price, reduce_only=size > 20)
            elif what == 5:
                slot.target(notional=size - 20.0, trailing=0.04)
            elif what == 6:
                slot.close(0.5)
            elif what == 7:
                slot.stop_loss(price * (0.97 if slot.quantity > 0 else 1.03), watch="mark", expires=bar.index % 3 + 1)
            elif what == 8:
                slot.take_profit(price * (1.02 if slot.quantity > 0 else 0.98), fraction=0.5)
            elif what == 9:
                slot.trailing_stop(distance=0.02 * price, fraction=0.5)
            elif what == 14:
                slot.trailing_stop(0.03)
            elif what == 10:
                slot.add_margin(size)
            elif what == 11:
                slot.remove_margin(0.25 * size)
            elif what == 12:
                slot.set_leverage(int(size) % 9 + 1)
            elif what == 13:
                slot.cancel_all()
            else:
                below = slot.buy(notional=size, limit=0.98 * price)
                bar.one_cancels_other(below, slot.buy(notional=size, trigger=1.02 * price))
        self.memory[0] = draw


def account(seed: int, kind: type[Strategy]) -> tuple[Scenario, list[Follower]]:
    """Return a random scenario without its orders, and who trades in it."""
    data = validate(random_scenario(seed) | {"orders": [], "margin_actions": []})
    scenario = Scenario.from_dict(data)
    specs = [SlotSpec(scenario.market.symbols[slot.instrument], str(j)) for j, slot in enumerate(scenario.slots)]
    close = scenario.market.close
    indicators = {"mean": np.nan_to_num(close[:, 0]), "gap": np.nan_to_num(close - 1.0)}
    return scenario, [Follower(kind(seed=seed), specs, 0, 1.0, indicators)]


def trade(seed: int, kind: type[Strategy], session_of: Any) -> Any:
    """Let the strategy of a seed trade, and return the session."""
    scenario, followers = account(seed, kind)
    session, n = session_of(scenario), scenario.market.n_bars
    follow(session, scenario.market, followers, NOTHING, list(range(n)), n)
    return session


def result_of(seed: int, kind: type[Strategy]) -> Result:
    return trade(seed, kind, lambda scenario: KernelSession(scenario, "full")).result("draws")


def same(one: Result, other: Result) -> bool:
    """Whether two runs are the same to the last bit, with all that was asked for."""
    logs = ("events", "ledger", "position_changes", "equity", "equity_low")
    asked = (one.scenario.to_dict(), other.scenario.to_dict())
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in logs) and all(
        asked[0][name] == asked[1][name] for name in ("orders", "margin_actions")
    )


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_compiled_and_python_do_the_same(first):
    events, modes = 0, set()
    for seed in range(first, first + BATCH):
        mine, theirs = (result_of(seed, kind) for kind in (Draws, in_python(Draws)))
        assert same(mine, theirs), seed
        events += len(mine.events)
        modes.add(mine.scenario.mode)
    assert events > 10 * BATCH
    assert len(modes) > 2


def test_the_plain_engine_runs_it_as_python():
    for seed in range(500, 510):
        session = trade(seed, Draws, ReferenceSession)
        asked = trade(seed, in_python(Draws), ReferenceSession)
        assert session.scenario().to_dict() == asked.scenario().to_dict()
        assert session.result() == asked.result()


def test_logs_that_fill_up_begin_again_and_lose_nothing(monkeypatch):
    whole = {seed: result_of(seed, Draws) for seed in range(400, 410)}
    monkeypatch.setattr(kernel_session, "LOG_LENGTHS", (1, 8, 1))
    assert all(same(result, result_of(seed, Draws)) for seed, result in whole.items())


def market(**more):
    return random_market(400, 3, gaps=[(1, 40, 60)], funding=random_funding(400), **more)


def play(strategies: Any, mode: str, prices: Any = None) -> Result:
    mixed = {"isolated": ("AUSDT",)} if mode == "mixed" else {}
    wallet = Account(balance=500.0, leverage=8, mode=mode, **mixed)
    return run(strategies, market() if prices is None else prices, wallet)


@pytest.mark.parametrize("mode", ["isolated", "cross", "mixed"])
def test_in_an_account_of_a_venue(mode):
    mine, theirs = play(Draws(), mode), play(in_python(Draws)(), mode)
    assert same(mine, theirs)
    assert len(mine.events) > 200


def finer(gone: Sequence[int] = ()) -> Market:
    """Return a market of four hours to be simulated on those of one, of which some are gone."""
    hours = {f"{name}USDT": frame(random_market(402, 1, seed=k).close[:, 0]) for k, name in enumerate("AB")}
    how = {"open": "first", "high": "max", "low": "min", "close": "last"}
    coarse = {symbol: candles.resample("4h").agg(how) for symbol, candles in hours.items()}
    fine = {symbol: candles.drop(candles.index[np.array(gone, int)]) for symbol, candles in hours.items()}
    return Market.from_frames(coarse, detail=Market.from_frames(fine))


@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_on_a_finer_market(mode):
    """The last bar of four hours is not whole."""
    assert same(play(Draws(), mode, finer()), play(in_python(Draws)(), mode, finer()))


def test_where_the_finer_market_has_holes():
    """Of the first bar of four hours, and of two more, it has nothing: the next decision stands in for theirs."""
    prices = finer([*range(4), *range(200, 208)])
    mine, theirs = play(Draws(), "isolated", prices), play(in_python(Draws)(), "isolated", prices)
    assert same(mine, theirs)
    assert len(mine.events) > 50


class WithTargets(Draws):
    """Has targets too, which its market orders take the place of."""

    def targets(self, market):
        return Targets(notional=np.where(np.arange(market.n_bars) // 9 % 2, 30.0, -30.0))


def test_beside_targets():
    mine, theirs = (play(kind(), "isolated") for kind in (WithTargets, in_python(WithTargets)))
    assert same(mine, theirs)
    assert not same(mine, play(Draws(), "isolated"))


@pytest.mark.parametrize("second", [Draws, in_python(Draws)], ids=["compiled", "python"])
def test_several_in_one_account(second):
    """Compiled and not, beside each other."""

    def pair(one, other):
        return [Allocation(one(seed=1), 0.5, name="one"), Allocation(other(seed=2), 0.5, name="other")]

    mine = play(pair(Draws, second), "cross")
    theirs = play(pair(in_python(Draws), in_python(Draws)), "cross")
    assert same(mine, theirs)
    assert len({event["slot"] for event in mine.events}) == 6
