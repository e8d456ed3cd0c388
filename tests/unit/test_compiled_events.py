"""Compiled `on_bar`: what has happened since the last call, and orders that cancel each other, as in Python."""

from pathlib import Path

import pytest

from backtester.allocation import Allocation
from backtester.engine import run
from backtester.errors import StrategyError
from tests.compiled import both
from tests.on_bar import account, candles
from tests.strategy_market import random_market

FALL = candles(64, 64, (64, 64, 48, 48), 48, 48)


def orders(function, prices=FALL, wallet=None, **more):
    """What a strategy asks for, compiled and as Python: the same."""
    found = [run(strategy, prices, wallet or account(), **more).scenario for strategy in both(function)]
    assert found[0].to_dict() == found[1].to_dict()
    return found[0].orders


def test_events_since_the_last_call():
    """Each is written down in the limit of an order: kind, slot, order and reason as numbers."""

    def on_bar(self, bar):
        for event in bar.events:
            kind = 1.0 if event.kind == "fill" else 2.0 if event.kind == "liquidation" else 4.0
            bar[0].buy(1.0, limit=kind + 8.0 * (event.slot + 1) + 64.0 * (event.order + 1))
            bar[0].buy(1.0, limit=1.0 + event.price + abs(event.quantity) if event.kind == "fill" else 1.0)
        if bar.index == 0:
            bar[0].buy(16.0)
            bar[0].buy(1e9, limit=1.0)

    asked = orders(on_bar).limit.tolist()[2:]
    assert asked[:2] == [1.0 + 8.0 + 64.0, 1.0 + 64.0 + 16.0]
    assert 2.0 + 8.0 in asked


def test_fills_and_liquidations_and_how_many():
    def on_bar(self, bar):
        if bar.index == 0:
            bar[0].buy(16.0)
        n = len(bar.fills) + 10 * len(bar.liquidations) + 100 * len(bar.events)
        if n > 0:
            bar[0].buy(1.0, limit=n / 128.0)

    assert orders(on_bar).limit.tolist()[1:] == [101 / 128, 210 / 128]  # the limit went with the position


def test_the_reason_of_a_refusal():
    def on_bar(self, bar):
        if bar.index == 0:
            bar[0].buy(1e6)
        for event in bar.events:
            if (event.kind == "rejected" and event.reason == "available") or event.kind == "cut":
                bar[0].buy(1.0, limit=7.0)

    assert 7.0 in orders(on_bar).limit.tolist()


def test_the_ruin_of_the_account():
    def on_bar(self, bar):
        if bar.index == 0:
            bar[0].buy(notional=4_096.0)
        for event in bar.events:
            if event.kind == "bankrupt":
                bar[0].buy(1.0, limit=5.0 + event.slot)

    assert orders(on_bar, candles(64, 64, 8, 8)).limit.tolist()[1:] == [4.0]


def test_a_strategy_sees_its_own_slots_alone():
    def on_bar(self, bar):
        if bar.index < 3:
            bar[bar.index % 2].buy(1.0)
        for event in bar.events:
            bar[0].buy(1.0, limit=1.0 + event.slot)

    prices, limits = random_market(6, 2), []
    for pair in zip(both(on_bar), both(on_bar), strict=True):
        team = [Allocation(each, name=name) for each, name in zip(pair, ("one", "two"), strict=True)]
        limits.append(run(team, prices, account("cross")).scenario.to_dict()["orders"])
    assert limits[0] == limits[1]
    assert {order["limit"] for order in limits[0] if order["limit"]} >= {1.0, 2.0}


def test_events_are_there_after_the_log_has_moved(monkeypatch):
    monkeypatch.setattr("backtester.event_driven.kernel_session.LOG_LENGTHS", (2, 8, 1))

    def on_bar(self, bar):
        bar[0].target(quantity=1.0 if bar.index % 2 == 0 else -1.0)
        if len(bar.fills) > 0:
            bar[0].buy(1.0, limit=bar.fills[-1].price / 2.0, expires=1)

    asked = orders(on_bar, random_market(60, 1), account("cross"))
    assert (asked.limit > 0.0).sum() == 59


def test_one_cancels_other():
    def on_bar(self, bar):
        if bar.index == 0:
            first = bar[0].buy(1.0, limit=56.0)
            second = bar[0].buy(1.0, limit=52.0)
            third = bar[0].stop_loss(40.0)
            bar.one_cancels_other(first, second, third)
            bar.one_cancels_other(bar[0].sell(1.0, limit=70.0), bar[0].sell(1.0, limit=80.0))

    results = [run(strategy, FALL, account("cross")) for strategy in both(on_bar)]
    assert results[0].scenario.to_dict() == results[1].scenario.to_dict()
    assert results[0].scenario.terms.oco.tolist() == [0, 0, 0, 1, 1]
    assert results[0].event_frame.query("kind == 'limit'")["fill"].tolist() == [56.0]


def test_an_order_in_two_groups_is_the_error_of_python():
    def on_bar(self, bar):
        one, two = bar[0].buy(1.0, limit=56.0), bar[0].buy(1.0, limit=52.0)
        bar.one_cancels_other(one, two)
        bar.one_cancels_other(one, two)

    for strategy in both(on_bar):
        with pytest.raises(StrategyError, match="one-cancels-other takes two or more new working orders"):
            run(strategy, FALL, account())


def test_no_order_is_no_order():
    def on_bar(self, bar):
        bar.one_cancels_other(bar[0].buy(1.0, limit=56.0), 3.0)

    with pytest.raises(StrategyError, match="one_cancels_other takes 2 to 17 orders of this call"):
        run(both(on_bar)[0], FALL, account())


def test_a_mistake_names_the_authors_line():
    def on_bar(self, bar):
        bar[0].close(
            fraction=2.0,  # the line
        )

    for strategy in both(on_bar):
        with pytest.raises(StrategyError, match="fraction must be between 0 and 1") as caught:
            run(strategy, FALL, account())
        file, line = caught.value.line.split(", line ")
        assert file == __file__
        assert "bar[0].close(" in Path(file).read_text().splitlines()[int(line) - 1]
