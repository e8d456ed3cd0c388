"""Mistakes in `on_bar`: each is a StrategyError that says who, when, in which slot, what was found, and the cure."""

import pickle
import re
import threading
from pathlib import Path

import numpy as np
import pytest

from backtester.engine import run
from backtester.errors import StrategyError
from backtester.strategy import Strategy
from tests.on_bar import account, on_bar
from tests.strategy_market import market

PRICES = market([64.0] * 4, [32.0] * 4)
NAN = float("nan")


def refused(function):
    """Return the error of what is done at bar 1."""

    def step(bar):
        return function(bar) if bar.index == 1 else None

    with pytest.raises(StrategyError) as caught:
        run(on_bar(step), PRICES, account())
    return caught.value


def check(error, slot, message):
    assert (error.strategy, error.bar, error.time) == ("OnBar()", 1, int(PRICES.open_time[1]))
    assert error.slot == slot
    assert str(error).startswith("strategy OnBar(): ")
    assert "bar 1 (2025-01-01 01:00:00 UTC)" in str(error)
    assert message in str(error)


def check_line(error):
    """It names the author's file and a line there, though it was found in ours."""
    file, line = error.line.split(", line ")
    assert Path(file) == Path(__file__)
    assert "slot." in Path(file).read_text().splitlines()[int(line) - 1]
    assert f"in {error.line}: " in str(error)


SIZES = "Give exactly one of quantity, notional, equity_fraction, margin"


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda slot: slot.buy(NAN), "quantity must be a number above 0; slot AUSDT"),
        (lambda slot: slot.buy(NAN), "found nan. Wait until it is known, or leave the order out"),
        (lambda slot: slot.buy(np.float64("nan")), "Wait until it is known"),
        (lambda slot: slot.sell(-1.0), "found -1.0. Buy and sell say the side"),
        (lambda slot: slot.buy(0), "found 0. Buy and sell say the side; leave the order out for none"),
        (lambda slot: slot.buy("1"), "found '1'"),
        (lambda slot: slot.buy(True), "found True"),
        (lambda slot: slot.buy(np.array([1.0])), "found array([1.])"),
        (lambda slot: slot.buy(), f"an order needs one size; slot AUSDT; bar 1 (2025-01-01 01:00:00 UTC). {SIZES}"),
        (lambda slot: slot.buy(1.0, notional=64.0), f"found 'quantity, notional'. {SIZES}"),
        (lambda slot: slot.target(margin=1.0, notional=64.0), f"found 'notional, margin'. {SIZES}"),
        (lambda slot: slot.target(NAN), "quantity must be a number; slot AUSDT"),
        (lambda slot: slot.target(float("-inf")), "found -inf. 0 is flat, below 0 short"),
        (lambda slot: slot.buy(1.0, stoploss=0.1), "no such term of an order; slot AUSDT; bar 1"),
        (lambda slot: slot.buy(1.0, take_profits=0.1), "found 'take_profits'. Did you mean take_profit?"),
        (lambda slot: slot.target(1.0, limit=60.0), "found 'limit'. There are quantity, notional,"),
        (lambda slot: (slot.buy(1.0), slot.close()), "a second market order for one slot at one bar"),
        (lambda slot: (slot.buy(1.0), slot.target(2.0)), "Join the two: one market order trades the sum"),
        (lambda slot: slot.buy(1.0, limit=60.0, time_in_force="day"), "found 'day'. Give one of gtc, ioc, fok"),
        (lambda slot: slot.buy(1.0, time_in_force="ioc"), "time_in_force is for limit orders"),
        (lambda slot: slot.buy(1.0, trigger=70.0, post_only=True), "post_only is for limit orders"),
        (lambda slot: slot.buy(1.0, limit=1.0, post_only=True, time_in_force="ioc"), "post_only rests and never"),
        (lambda slot: slot.buy(1.0, expires=3), "a market order trades in the next bar; slot AUSDT"),
        (lambda slot: slot.buy(1.0, limit=60.0, expires=0), "expires must be a number of bars"),
        (lambda slot: slot.buy(1.0, limit=60.0, expires=1.5), "found 1.5. 1 is a single bar"),
        (lambda slot: slot.buy(1.0, stop=0.1, stop_price=60.0), "stop is given twice; slot AUSDT"),
        (lambda slot: slot.buy(1.0, stop=5), "stop must be between 0 and 1; slot AUSDT"),
        (lambda slot: slot.buy(1.0, trailing=5), "found 5. 5 % is 0.05"),
        (lambda slot: slot.buy(1.0, stop_price=-1.0), "stop_price must be a number above 0"),
        (lambda slot: slot.buy(1.0, limit=NAN), "limit must be a number above 0"),
        (lambda slot: slot.buy(1.0, collateral=-1.0), "collateral must be a number above 0"),
        (lambda slot: slot.buy(1.0, watch="index"), "watch is unknown; slot AUSDT"),
        (lambda slot: slot.close(2.0), "fraction must be between 0 and 1"),
        (lambda slot: slot.close(expires=2), "Give a limit, or none of the other terms"),
        (lambda slot: slot.stop_loss(NAN), "price must be a number above 0"),
        (lambda slot: slot.stop_loss(60.0, watch="last"), "Give one of trade, mark"),
        (lambda slot: slot.take_profit(70.0, fraction=NAN), "fraction must be between 0 and 1"),
        (lambda slot: slot.trailing_stop(), "a trailing stop needs a callback or a distance"),
        (lambda slot: slot.trailing_stop(0.1, distance=3.0), "Give one of the two"),
        (lambda slot: slot.trailing_stop(1.5), "callback must be between 0 and 1"),
        (lambda slot: slot.add_margin(NAN), "amount must be a number above 0; slot AUSDT"),
        (lambda slot: slot.remove_margin(-1.0), "found -1.0. Give such a number"),
        (lambda slot: slot.set_leverage(0), "leverage must be a number above 0"),
    ],
)
def test_mistakes_in_a_slot(ask, message):
    error = refused(lambda bar: ask(bar["AUSDT"]) and None)
    check(error, "AUSDT", message)
    check_line(error)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda bar: bar["AUSD"], "there is no such slot; bar 1"),
        (lambda bar: bar["AUSD"], "found 'AUSD'. Did you mean AUSDT?"),
        (lambda bar: bar["XRP"], "found 'XRP'. There are AUSDT, BUSDT"),
        (lambda bar: bar[2], "found 2. There are AUSDT, BUSDT"),
        (lambda bar: bar.indicator("fast"), "There are none: return it from `indicators` by its name"),
        (lambda bar: bar[0].indicator("fast"), "there is no such indicator"),
        (lambda bar: bar.history("closes"), "there is no such price; bar 1"),
        (lambda bar: bar.history("volume"), "There are open, high, low, close,"),
        (lambda bar: bar.history(n=0), "n must be a number of bars"),
        (lambda bar: bar.one_cancels_other(bar[0].buy(1.0, limit=60.0)), "takes two or more new working orders"),
        (lambda bar: bar.one_cancels_other(bar[0].buy(1.0, limit=60.0), bar[0].sell(1.0)), "market orders left out"),
        (lambda bar: bar.one_cancels_other(bar[0].stop_loss(1.0), "stop"), "takes two or more new working orders"),
        (lambda bar: bar[0].buy(1.0), "its method `on_bar` returned something; bar 1"),
        (lambda bar: bar[0].buy(1.0), "Place orders on the slots: bar[0].buy(1.0)"),
    ],
)
def test_mistakes_that_are_no_slots(ask, message):
    check(refused(ask), None, message)


def test_a_nearest_indicator_is_proposed():
    strategy = on_bar(lambda bar: bar.indicator("fat"), indicators=lambda market: {"fast": market.close})
    with pytest.raises(StrategyError, match=r"found 'fat'\. Did you mean fast\?"):
        run(strategy, PRICES, account())


def test_an_order_is_in_one_group():
    def step(bar):
        one, two, three = (bar[0].buy(1.0, limit=price) for price in (60.0, 50.0, 40.0))
        bar.one_cancels_other(one, two)
        bar.one_cancels_other(two, three)

    check(refused(step), None, "join all of them at once")


def test_orders_of_an_earlier_call_are_in_no_new_group():
    kept = []

    def step(bar):
        kept.append(bar[0].buy(1.0, limit=60.0))
        if bar.index == 1:
            bar.one_cancels_other(*kept)

    with pytest.raises(StrategyError, match="takes two or more new working orders"):
        run(on_bar(step), PRICES, account())


def test_a_fraction_of_a_close_that_is_not_known():
    prices = market([64.0] * 4, [64.0] * 4, gaps=[(0, 1, 2)])

    def step(bar):
        if bar.index == 1:
            bar["AUSDT"].buy(1.0, stop=0.1)

    with pytest.raises(StrategyError, match=r"a close that is not known; slot AUSDT; .*Give stop_price, or wait"):
        run(on_bar(step), prices, account())


# What the author's code raises


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda bar: 1 / 0, "raised ZeroDivisionError in {}: division by zero"),
        (lambda bar: bar[0].positon, "raised AttributeError in {}: 'BarSlot' object has no attribute 'positon'"),
        (lambda bar: setattr(bar[0], "leverage", 2), "raised AttributeError in {}: leverage can only be read"),
        (lambda bar: bar[0].close(limt=1.0), "raised TypeError in {}: BarSlot.close() got an unexpected keyword"),
        (lambda bar: exit(3), "raised SystemExit in {}: 3"),
        (lambda bar: bar.history().__setitem__(0, 1.0), "its method `on_bar` writes into the market, in {}; bar 1"),
    ],
)
def test_an_exception_has_the_authors_file_and_line(wrong, message):
    error = refused(wrong)
    before, after = message.split("{}")
    assert re.search(re.escape(before) + r".*test_on_bar_mistakes\.py, line \d+" + re.escape(after), str(error))
    assert error.bar == 1
    assert error.__cause__ is not None


def test_an_interrupt_is_left_alone():
    def step(bar):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(on_bar(step), PRICES, account())


class ChangesItself(Strategy):
    size: float = 1.0

    def on_bar(self, bar):
        self.size = -self.size
        bar[0].buy(self.size)


def test_a_parameter_that_changes_does_not_hide_the_mistake():
    with pytest.raises(StrategyError, match=r"^strategy ChangesItself\(size=1\): in .*: quantity must be a number"):
        run(ChangesItself(), PRICES, account())


class KeepsALock(Strategy):
    def __init__(self, **overrides):
        super().__init__(**overrides)
        self.lock = threading.Lock()

    def on_bar(self, bar):
        pass


def test_what_cannot_be_copied():
    with pytest.raises(StrategyError, match=r"KeepsALock\(\): it keeps something on self that cannot") as caught:
        run(KeepsALock(), PRICES, account())
    assert "Keep what cannot be copied in a module" in str(caught.value)
    assert isinstance(caught.value.__cause__, TypeError)


def test_a_strategy_with_neither_method():
    with pytest.raises(StrategyError, match=r"it has no method `targets`\. Write .*or `def on_bar\(self, bar: Bar\)"):
        run(Strategy(), PRICES, account())


def test_the_error_crosses_process_borders_whole():
    error = refused(lambda bar: bar["XRP"])
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
