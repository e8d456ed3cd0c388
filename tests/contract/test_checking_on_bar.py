"""The checker on strategies that are called at every bar: an honest one passes, and each fault is seen."""

import math
from typing import ClassVar

import numpy as np
import pytest

from backtester.checking.on_bar import cost_of_calls
from backtester.indicators import sma
from backtester.strategy import Strategy, Targets
from data import synthetic
from tests.contract import findings
from tests.contract.bad_strategies import called

MARKET = synthetic(300, 3, seed=7)


def found(bad, market=MARKET):
    return findings.found(bad, market)


def only(name, bad, market=MARKET):
    return findings.only(name, bad, market)


class Honest(Strategy):
    """Buys below its average, lets orders rest that expire, and minds its margin."""

    window: int = 9  # [bars]

    def indicators(self, market):
        return {"mean": sma(market.close, self.window)}

    def on_bar(self, bar):
        for slot in bar:
            mean = slot.indicator("mean")
            if math.isnan(slot.price) or math.isnan(mean):
                continue
            if slot.is_open and slot.is_isolated and slot.margin_ratio > 0.05:
                slot.add_margin(0.1 * slot.isolated_margin)
            elif not slot.is_open and slot.price < mean:
                bar.one_cancels_other(
                    slot.buy(notional=1_000.0, limit=0.99 * slot.price, expires=5, stop=0.03),
                    slot.buy(notional=1_000.0, trigger=1.01 * slot.price, expires=50, trailing=0.02),
                )


def test_an_honest_one_passes():
    findings = found(Honest())
    assert all(finding.passed for finding in findings.values()), findings
    assert findings["runs"].said.endswith(" orders in 3 slots")
    assert findings["no look-ahead"].said.startswith("the same orders when later bars are taken away, at ")
    assert findings["no look-ahead"].said.endswith("places, also with missing bars")
    assert findings["deterministic"].said == "the same orders again, after it ran on other markets"
    assert findings["cost"].said.endswith("microseconds per bar, all instruments together")


def buys(bar, size=1_000.0):
    for slot in bar:
        if not math.isnan(slot.price):
            slot.target(notional=size)


def test_one_that_keeps_the_whole_market_and_reads_the_next_bar():
    def keeps(self, market):
        self.up = np.sign(np.roll(market.close, -1, axis=0) - market.close)
        return {}

    def peeks(self, bar):
        for i, slot in enumerate(bar):
            if not math.isnan(self.up[bar.index, i]):
                slot.target(notional=1_000.0 * self.up[bar.index, i])

    finding = only("no look-ahead", called(peeks, indicators=keeps))
    assert finding.said.startswith(
        "it looks into the future: what `on_bar` asks for changes when later bars are taken away; market "
    )
    assert " with the first " in finding.said
    assert "bar " in finding.said
    assert "shift(1) and not shift(-1)" in finding.cure


def test_one_that_sees_how_long_the_market_is():
    def counts(self, market):
        self.last = market.n_bars
        return {}

    def sells_at_the_end(self, bar):
        buys(bar, 1_000.0 if bar.index < self.last - 1 else -1_000.0)

    assert "it looks into the future" in only("no look-ahead", called(sells_at_the_end, indicators=counts)).said


def test_an_indicator_that_looks_ahead():
    def ahead(self, market):
        return {"next": np.roll(market.close, -1, axis=0)}

    finding = only("no look-ahead", called(lambda self, bar: buys(bar), indicators=ahead))
    assert finding.said.startswith("it looks into the future: indicator next changes when later bars are taken away")


def test_chance_is_not_called_a_look_ahead():
    rng = np.random.default_rng(1)
    findings = found(called(lambda self, bar: buys(bar, rng.normal())))
    assert findings["deterministic"].passed is False
    assert "it is not deterministic: `on_bar` asks for market " in findings["deterministic"].said
    assert "in another run" in findings["no look-ahead"].said
    assert "seed random numbers" in findings["deterministic"].cure


def test_state_of_the_class_is_not_deterministic():
    class Remembers(Strategy):
        seen: ClassVar[list] = []

        def on_bar(self, bar):
            Remembers.seen.append(bar.index)
            buys(bar, float(len(Remembers.seen)))

    assert found(Remembers())["deterministic"].passed is False


def test_state_of_the_class_is_where_self_has_its_own():
    class Remembers(Strategy):
        seen: ClassVar[list] = []

        def on_bar(self, bar):
            self.seen.append(bar.index)
            buys(bar, float(len(self.seen)))

    assert found(Remembers())["deterministic"].passed is True


def test_state_on_self_is():
    class Counts(Strategy):
        def __init__(self, **overrides):
            super().__init__(**overrides)
            self.n = 0

        def on_bar(self, bar):
            self.n += 1
            buys(bar, 1_000.0 + self.n)

    assert all(finding.passed for finding in found(Counts()).values())


def test_writing_into_the_market_is_refused_and_named():
    def writes(self, bar):
        bar.history()[0] = 1.0

    findings = found(called(writes))
    assert findings["market untouched"].passed is False
    assert "writes into the market, in" in findings["market untouched"].said
    assert findings["runs"].passed is None


def test_a_size_that_is_not_finite():
    finding = found(called(lambda self, bar: buys(bar, 1e4 / (bar.index % 200 < 199) if bar.index % 200 else math.inf)))
    assert finding["runs"].passed is False
    assert "notional must be a number; slot FAKE1/USDT:USDT; bar 0" in finding["runs"].said


def test_an_order_where_there_is_no_price():
    def careless(self, bar):
        if bar.index % 4 == 0:
            for slot in bar:
                slot.target(notional=1_000.0)

    finding = only("missing bars", called(careless))
    assert finding.said.startswith(
        "it asks for an order where the instrument has no price (on a market with missing bars); slot "
    )
    assert finding.cure == "leave slots without a price alone: if math.isnan(slot.price): continue"


def test_one_that_takes_a_second_instrument_for_granted():
    finding = only("one instrument", called(lambda self, bar: buys([bar[0], bar[1]])))
    assert "there is no such slot (with FAKE1/USDT:USDT alone)" in finding.said
    assert "found 1" in finding.said


def test_one_may_refuse_a_single_instrument():
    def says_so(self, bar):
        if len(bar) < 2:
            raise ValueError("needs two")
        buys(bar)

    findings = found(called(says_so))
    assert findings["one instrument"].passed
    assert findings["one instrument"].said == "it says that one instrument is not enough: needs two"


def test_one_that_needs_bars_behind_it():
    def back(self, bar):
        if len(bar.history()) < 5 and len(self.length) < 5:
            bar.history()[4]
        buys(bar)

    def keeps(self, market):
        self.length = range(market.n_bars)
        return {}

    finding = only("short markets", called(back, indicators=keeps))
    assert "IndexError" in finding.said
    assert "(on a market of 1 bar)" in finding.said


def test_one_that_does_not_run():
    findings = found(called(lambda self, bar: 1 / 0))
    assert "its method `on_bar` raised ZeroDivisionError in" in findings["runs"].said
    assert "bar 0" in findings["runs"].said
    assert {finding.passed for name, finding in findings.items() if name != "runs"} == {None}


def test_one_that_asks_for_nothing_is_said():
    said = found(called(lambda self, bar: None))["runs"].said
    assert said.startswith("it is called at every bar, with 3 slots, and no order comes of it here")


def test_targets_beside_it_are_checked_as_well():
    def peek(self, market):
        return Targets(notional=1_000.0 * np.sign(np.roll(market.close, -1, axis=0) - market.close))

    finding = only("no look-ahead", called(lambda self, bar: None, targets=peek))
    assert "notional changes" in finding.said


def test_the_cost_is_that_of_the_calls(monkeypatch):
    """The clock stands still but for what `on_bar` takes: 250 microseconds at every other bar."""
    clock = [0.0]
    monkeypatch.setattr("backtester.checking.on_bar.time.perf_counter", lambda: clock[0])

    def slow(self, bar):
        clock[0] += 250e-6 * (bar.index % 2)

    assert cost_of_calls(called(slow), MARKET) == pytest.approx(125.0)


@pytest.mark.parametrize("finer", [False, True])
def test_orders_that_expire_behind_the_end_are_the_same(finer):
    """A run on fewer bars cannot know the bar after its end."""

    def rests(self, bar):
        for slot in bar:
            if not math.isnan(slot.price):
                slot.buy(notional=100.0, limit=0.9 * slot.price, expires=40)

    market = synthetic(300, 3, seed=7, detail="15m") if finer else MARKET
    assert found(called(rests), market)["no look-ahead"].passed
