"""Compiled `on_bar`: what it reads, what it keeps, and what is said of what it cannot have."""

import re
import threading
from typing import ClassVar

import numba
import numpy as np
import pytest

from backtester import compiled
from backtester.engine import run
from backtester.errors import StrategyError
from backtester.event_driven.asked import Order
from backtester.event_driven.compiled_asks import METHODS, PARAMETERS
from backtester.event_driven.slot import BarSlot
from backtester.schema import SLOT_VIEW
from backtester.strategy import SlotSpec, Strategy
from tests.compiled import both, in_python
from tests.on_bar import account, candles, play
from tests.strategy_market import random_market

FLAT = candles(*[64] * 6)


def limits(function, prices=None, wallet=None, **more):
    """What a strategy reads: the limits of the orders that it places, the same compiled and as Python."""
    found = [
        run(strategy, random_market(40, 3) if prices is None else prices, wallet or account()).scenario.orders.limit
        for strategy in both(function, **more)
    ]
    assert found[0].tobytes() == found[1].tobytes()
    return found[0].tolist()


def refused(function, **more):
    """The error of a strategy that cannot be had."""
    with pytest.raises(StrategyError) as caught:
        run(both(function, **more)[0], random_market(20, 2), account())
    return str(caught.value)


# What it reads


def test_prices_of_the_bar_and_of_those_before():
    def on_bar(self, bar):
        for price in (bar.open[1], bar.high[1], bar.low[1], bar.close[1], bar.mark[1], bar[1].price):
            bar[1].buy(1.0, limit=price)
        if bar.index == 30:
            for field in (bar.history("mark_low"), bar.history("open", 5), bar.history(n=2)):
                bar[0].buy(1.0, limit=field.max() / len(field))
            bar[0].buy(1.0, limit=bar[2].history("high", 3).max())

    prices = random_market(40, 3)
    found = limits(on_bar, prices)
    columns = (prices.open, prices.high, prices.low, prices.close, prices.mark_close, prices.close)
    assert found[:6] == [column[0, 1] for column in columns]
    past = prices.mark_low[:31].max() / 31, prices.open[26:31].max() / 5, prices.close[29:31].max() / 2
    at_30 = 6 * 30  # orders come by slot
    assert found[at_30 : at_30 + 3] == list(past)
    assert found[at_30 + 3] == prices.high[28:31, 2].max()


def test_the_number_of_the_bar_and_its_time():
    def on_bar(self, bar):
        bar[0].buy(1.0, limit=float(bar.index + 1))
        bar[0].buy(1.0, limit=float(bar.open_time // 1_000_000_000))

    found = limits(on_bar, FLAT)
    assert found[::2] == [1, 2, 3, 4, 5, 6]
    assert np.diff(found[1::2]).tolist() == [3600] * 5


def test_indicators_of_the_bar():
    def on_bar(self, bar):
        bar[1].buy(1.0, limit=bar.indicator("level"))
        bar[1].buy(1.0, limit=bar.indicator("each")[0])
        bar[1].buy(1.0, limit=bar[2].indicator("each"))
        bar[1].buy(1.0, limit=bar[2].indicator("level") + 1.0)

    def indicators(self, market):
        return {"each": np.asfortranarray(2.0 * market.close), "level": market.close[:, 0]}

    prices = random_market(40, 3)
    rows = np.reshape(limits(on_bar, prices, indicators=indicators), (40, 4))
    first, third = prices.close[:, 0], prices.close[:, 2]
    assert rows.tolist() == np.stack([first, 2 * first, 2 * third, first + 1.0], axis=1).tolist()


def test_its_slots_by_number_and_in_turn():
    def on_bar(self, bar):
        if bar.index == 0:
            for slot in bar.slots:
                slot.buy(1.0)
            for j in range(len(bar)):
                bar.slots[j].buy(1.0, limit=1.0 + j)
            bar[-1].buy(1.0, limit=9.0)

    result = run(both(on_bar)[0], random_market(5, 3), account(balance=1e6))
    assert result.scenario.orders.slot.tolist() == [0, 0, 1, 1, 2, 2, 2]


def test_its_own_slots_where_they_are_not_its_markets():
    def on_bar(self, bar):
        bar[1].buy(1.0, limit=bar[1].price)

    def slots(self, market):
        return [SlotSpec("CUSDT", "a"), SlotSpec("CUSDT", "b")]

    prices = random_market(10, 3)
    assert limits(on_bar, prices, slots=slots) == prices.close[:, 2].tolist()


def test_all_that_a_slot_shows_is_there():
    """A value more in the view is one more for compiled code: nothing has to be said twice."""
    shown = {name for name in dir(BarSlot) if isinstance(getattr(BarSlot, name), property)} | set(SLOT_VIEW.names)
    assert len(shown) == 17
    lines = "".join(f"    total += 0.0 * slot.{name}\n" for name in sorted(shown))
    names = {}
    exec(f"def on_bar(self, bar):\n  total = 1.0\n  for slot in bar:\n{lines}  bar[0].buy(1.0, limit=2.0)\n", names)
    names["on_bar"].__module__ = __name__
    assert limits(names["on_bar"]) == [2.0] * 40


def test_every_method_that_asks_has_its_parameters():
    asks = {name for name, value in vars(BarSlot).items() if callable(value) and not name.startswith("_")}
    assert asks == set(METHODS)
    assert list(PARAMETERS["close"].items()) == [
        ("fraction", float), ("limit", float), ("post_only", bool), ("time_in_force", str), ("expires", int),
    ]  # fmt: skip
    assert Order not in PARAMETERS["buy"].values()
    assert len(PARAMETERS["buy"]) == 17


# What it keeps


def test_memory_begins_with_zeros_in_every_run():
    def on_bar(self, bar):
        self.memory[0] += 1.0
        bar[0].target(quantity=self.memory[0])

    strategy, _ = both(on_bar, memory=1)
    for _ in range(2):
        assert run(strategy, candles(*[64] * 3), account()).scenario.orders.size.tolist() == [1.0, 2.0, 3.0]


class Typed(Strategy):
    """A parameter of each type."""

    many: int = 3
    size: float = 2.0
    short: bool = False
    how: str = "twice"
    memory: ClassVar[int] = 0

    @compiled
    def on_bar(self, bar):
        size = self.size * (2.0 if self.how == "twice" else 1.0)
        for k in range(self.many):
            bar[0].buy(-size if self.short else size, limit=1.0 + k)


def test_parameters_of_every_type():
    assert run(Typed(many=2), candles(64), account()).scenario.orders.size.tolist() == [4.0, 4.0]
    assert run(Typed(how="once", size=8), candles(64), account()).scenario.orders.size.tolist() == [8.0] * 3
    with pytest.raises(StrategyError, match=r"quantity must be a number above 0.*found -4"):
        run(Typed(short=True), candles(64), account())


def test_two_sets_of_parameters_are_compiled_once():
    function = Typed.on_bar.machine_code
    run(Typed(many=2), candles(64), account())
    n = len(function.signatures)
    run(Typed(many=5, how="once"), candles(64, 65), account())
    assert len(function.signatures) == n


def test_runs_beside_each_other_share_nothing():
    def on_bar(self, bar):
        self.memory[0] += bar.account.equity
        bar[0].target(quantity=self.memory[0] % 5.0)

    strategy, _ = both(on_bar)
    prices = random_market(300, 1)
    alone = run(strategy, prices, account()).events.tobytes()
    found = []
    threads = [threading.Thread(target=lambda: found.append(run(strategy, prices, account()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.events.tobytes() for result in found] == [alone] * 4


def test_helpers_of_the_author_are_compiled_with_it():
    @numba.njit
    def part(price, share):
        return share * price

    def on_bar(self, bar):
        bar[0].buy(1.0, limit=part(bar[0].price, 0.5))

    assert limits(on_bar, FLAT)[0] == 32.0


def test_cancel_all_leaves_the_market_order_and_other_slots():
    def on_bar(self, bar):
        if bar.index == 0:
            bar[0].buy(1.0, limit=32.0)
            bar[1].buy(1.0, limit=1.0)
        if bar.index == 2:
            bar[0].buy(1.0)
            bar[0].buy(1.0, limit=31.0)
            bar[0].cancel_all()
            bar[0].buy(1.0, limit=30.0)

    for strategy in both(on_bar):
        result = run(strategy, random_market(6, 2), account())
        assert result.scenario.actions.slot.tolist() == [0]
        assert result.scenario.orders.limit[-1] == 30.0
        assert 31.0 not in result.scenario.orders.limit
        gone = [event for event in result.events if event["reason"] and event["quantity"] == 1.0]
        assert [event["slot"] for event in gone] == [0]


def test_cancel_all_in_python():
    """What rests is taken away at the next open, what was placed in this call at once."""
    prices = candles(64, 64, 64, 64)
    script = {
        0: lambda bar: [bar[0].buy(1.0, limit=32.0), bar[0].buy(1.0, limit=16.0)],
        1: lambda bar: [bar[0].buy(1.0, limit=8.0), bar[0].cancel_all()],
        2: lambda bar: bar[0].cancel_all(),
    }
    result, looked = play(prices, script, lambda bar: [event.reason for event in bar.events])
    assert looked == [[], [], ["asked", "asked"], []]
    assert result.scenario.orders.limit.tolist() == [32.0, 16.0]


# What cannot be had


def on_bar_of(line):
    names = {"np": np}
    exec(f"def on_bar(self, bar):\n    {line}\n", names)
    names["on_bar"].__module__ = __name__
    return names["on_bar"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("bar[0].positon", "Unknown attribute 'positon'"),
        ("bar[0].buy(notinal=3.0)", "buy has no parameter notinal: it has notional"),
        ("bar[0].buy(1.0, 2.0)", "buy takes one parameter without its name, then name=value"),
        ("bar[0].buy('x')", "buy: quantity must be a number, and is Literal[str](x)"),
        ("bar[0].buy(1.0, limit=2.0, expires=2.5)", "buy: expires must be a whole number, and is float64"),
        ("bar[0].buy(1.0, limit=2.0, post_only=1)", "buy: post_only must be True or False"),
        ("bar[0].stop_loss(1.0, watch='last')", "stop_loss: watch must be one of trade, mark, gtc"),
        ("bar['AUSDT'].close()", "slots have numbers and no names"),
        ("bar.history('clse')", "history takes one of open, high, low, close, mark_open"),
        ("bar.indicator('slow')", "indicator takes a name that `indicators` returns, written out: it returns none"),
        ("bar.close[0] = 1.0", "Cannot modify readonly array"),
        ("self.line", "Unknown attribute 'line'"),
    ],
)
def test_what_cannot_be_compiled_is_said_with_its_line_and_a_cure(line, message):
    said = refused(on_bar_of(line))
    assert re.search(r"its method `on_bar` cannot be compiled, in <string>, line 2; found ", said)
    assert message in said
    assert said.endswith("See docs/compiled.md for what can be; without @compiled it runs as Python.")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("bar[1].buy(notional=np.nan)", "notional must be a number above 0; slot BUSDT; bar 0 (2025"),
        ("bar[1].sell(-1.0)", "quantity must be a number above 0; slot BUSDT; bar 0 (2025"),
        ("bar[0].buy(1.0); bar[0].sell(2.0)", "a second market order for one slot at one bar; slot AUSDT; bar 0"),
        ("bar[0].buy()", "an order needs one size"),
        ("bar[2].buy(1.0)", "there is no such slot; bar 0 (2025-01-01 00:00:00 UTC); found 2"),
        ("bar[-3].buy(1.0)", "there is no such slot; bar 0 (2025-01-01 00:00:00 UTC); found -3"),
        ("bar.history('close', 0)", "n must be a number of bars; bar 0"),
        ("for k in range(1_000): bar[0].set_leverage(3)", "it asks for too much at once; bar 0"),
        ("self.memory[bar.index] = 1.0", "raised IndexError in <string>, line 2: index 4 is out of bounds"),
        ("self.memory[0] = 1 / (bar.index - 3)", "raised ZeroDivisionError in <string>, line 2: division by zero"),
        ("assert bar.index < 7", "raised AssertionError in <string>, line 2"),
    ],
)
def test_mistakes_are_said_as_python_says_them(line, message):
    assert message in refused(on_bar_of(line))


def test_an_answer_is_refused():
    assert "its method `on_bar` returns something" in refused(on_bar_of("return 3"))


@pytest.mark.parametrize("memory", [-1, 2.5, True, "4"])
def test_a_memory_that_is_no_number_of_floats_is_refused(memory):
    said = refused(on_bar_of("pass"), memory=memory)
    assert said.endswith("Say how many floats it keeps: `memory: ClassVar[int] = 4`.")


def test_it_cannot_write_to_what_it_sees():
    assert "leverage can only be read" in refused(on_bar_of("bar[0].leverage = 2.0"))
    assert "equity" in refused(on_bar_of("bar.account.equity = 2.0"))


def test_a_subclass_has_parameters_of_its_own():
    class More(Typed):
        extra: int = 1

    assert run(More(many=1), candles(64), account()).scenario.orders.size.tolist() == [4.0]
    assert in_python(More)(many=1).on_bar is not None
