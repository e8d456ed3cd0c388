"""The margin of pools and the ruin of the account, as a strategy sees them, on both engines, by hand."""

from __future__ import annotations

from typing import ClassVar

import pytest

from backtester import compiled
from backtester.allocation import Allocation
from backtester.engine import run
from backtester.strategy import Strategy
from tests.on_bar import account, candles, on_bar, play
from tests.strategy_market import market

POOL = ("equity", "initial_margin", "free_margin", "isolated_margin")


def pool(slot):
    return [getattr(slot, name) for name in POOL]


def test_the_free_margin_of_an_isolated_position():
    """2 at 64 post 128/4 = 32; at 72 the position is worth 16 more and its initial margin is 36."""
    buy = {0: lambda bar: bar[0].buy(2.0)}
    _, looked = play(candles(64, 64, (64, 72, 64, 72)), buy, lambda bar: pool(bar[0]))
    assert looked == [[0.0, 0.0, 0.0, 0.0], [32.0, 32.0, 0.0, 32.0], [48.0, 36.0, 12.0, 32.0]]


def test_the_margin_that_cross_has_free_and_what_could_be_moved():
    """8 at 64 with 1024: at 128 there is a profit of 512, which opens positions but cannot be moved."""

    def look(bar):
        return bar[0].free_margin, bar.account.free_margin, bar.account.available_margin

    _, looked = play(candles(64, 64, (64, 128, 64, 128)), {0: lambda bar: bar[0].buy(8.0)}, look, account("cross"))
    assert looked == [(1024, 1024, 1024), (896, 896, 896), (1536 - 256, 1536 - 256, 1024)]


def test_each_sub_account_has_its_own():
    """A half of 1024 each; main keeps what is left."""
    looked = []

    def step(bar):
        looked.append((bar[0].free_margin, bar.account.free_margin))
        if bar.index == 0:
            bar[0].buy(notional=512.0)

    idle = Allocation(on_bar(lambda bar: None), share=0.25, name="two")
    team = [Allocation(on_bar(step), share=0.5, name="one"), idle]
    run(team, market([64.0] * 3), account("sub_accounts"))
    assert looked == [(512.0, 256.0), (512.0 - 128.0, 256.0), (512.0 - 128.0, 256.0)]


GAP = candles(64, 64, 8, 8)
ALL = {0: lambda bar: bar[0].buy(notional=4_096.0)}  # all of 1024 at 4x


@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_ruin_is_a_flag_and_an_event_of_the_account(mode):
    def look(bar):
        return bar.account.is_bankrupt, [(event.kind, event.slot) for event in bar.events], bar.account.available_margin

    _, looked = play(GAP, ALL, look, account(mode))
    assert [bankrupt for bankrupt, _, _ in looked] == [False, False, True, True]
    assert looked[2][1:] == ([("liquidation", 0), ("bankrupt", -1)], 0.0)
    assert looked[3][1:] == ([], 0.0)


def test_every_strategy_of_the_account_hears_of_its_ruin():
    heard = {"one": [], "two": []}

    def listens(name, does):
        def step(bar):
            heard[name] += [(bar.index, event.kind, event.slot) for event in bar.events]
            if bar.index == 0:
                does(bar)

        return on_bar(step)

    team = [Allocation(listens("one", ALL[0]), name="one"), Allocation(listens("two", lambda bar: None), name="two")]
    run(team, GAP, account("cross"))
    assert heard["one"] == [(1, "fill", 0), (2, "liquidation", 0), (2, "bankrupt", -1)]
    assert heard["two"] == [(2, "bankrupt", -1)]


class Compiled(Strategy):
    """Writes down what it sees of the account in the limits of its orders, in the bar of the ruin and before."""

    memory: ClassVar[int] = 1

    @compiled
    def on_bar(self, bar):
        if bar.index == 0:
            bar[0].buy(notional=4_096.0)
        seen = bar.account.free_margin + bar.account.available_margin + bar[0].free_margin + bar[0].initial_margin
        bar[0].buy(1.0, limit=1.0 + seen + (10_000.0 if bar.account.is_bankrupt else 0.0))


def test_compiled_sees_the_same():
    limits = run(Compiled(), GAP, account("cross")).scenario.orders.limit.tolist()
    assert [limit for limit in limits if limit == limit] == [3073.0, 1025.0, 10001.0, 10001.0]
