"""Does a window begin flat, with what is in force then and nothing else?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtester import Account, Market, Strategy, Targets, engine
from backtester.walk_forward.seam import inside
from tests.strategy_market import Fixed, frame, market, random_market

ACCOUNT = Account(leverage=5, mode="isolated")
NAN = np.nan


def window(on: Market, first: int, last: int, **targets: Any) -> list[tuple[int, float]]:
    """Return bar and size of the orders of a window."""
    prepared = engine.prepare(Fixed(Targets(**targets)), on, ACCOUNT, check=False)
    orders = inside(prepared, on, first, last).plan.orders
    return list(zip(orders.bar.tolist(), orders.size.tolist(), strict=True))


def changing(**at: float) -> np.ndarray:
    """Return a target of 20 bars that changes at bars, ``b3=1`` at bar 3."""
    out = np.full(20, NAN)
    for name, value in at.items():
        out[int(name[1:])] = value
    return out


def test_what_is_in_force_is_taken_up_at_the_first_open() -> None:
    on = market(np.full(20, 100.0))
    wanted = changing(b3=1.0, b5=-2.0, b12=3.0)
    assert window(on, 10, 15, quantity=wanted) == [(-1, -2.0), (2, 3.0)]
    assert window(on, 2, 10, quantity=wanted) == [(1, 1.0), (3, -2.0)]
    assert window(on, 0, 10, quantity=wanted) == [(3, 1.0), (5, -2.0)]


def test_what_is_decided_just_before_the_window_replaces_what_was_in_force() -> None:
    on = market(np.full(20, 100.0))
    assert window(on, 10, 15, quantity=changing(b3=1.0, b9=2.0)) == [(-1, 2.0)]
    assert window(on, 10, 15, quantity=changing(b3=1.0, b9=0.0)) == [(-1, 0.0)]


def test_what_was_left_before_stays_left() -> None:
    on = market(np.full(20, 100.0))
    assert window(on, 10, 15, quantity=changing(b3=1.0, b5=0.0)) == []


def dip(price: float, bar: int = 7) -> Market:
    closes = np.full(20, 100.0)
    closes[bar] = price
    return market(closes)


@pytest.mark.parametrize(
    ("side", "price", "exits", "held"),
    [
        (1.0, 75.0, {"stop": 0.25}, False),
        (1.0, 76.0, {"stop": 0.25}, True),
        (-1.0, 125.0, {"stop": 0.25}, False),
        (-1.0, 124.0, {"stop": 0.25}, True),
        (1.0, 125.0, {"take_profit": 0.25}, False),
        (1.0, 124.0, {"take_profit": 0.25}, True),
        (-1.0, 75.0, {"take_profit": 0.25}, False),
        (-1.0, 125.0, {"take_profit": 0.25}, True),
        (1.0, 125.0, {"trailing": 0.25}, False),  # the fall back to 100
        (1.0, 124.0, {"trailing": 0.25}, True),
        (-1.0, 75.0, {"trailing": 0.25}, False),
        (-1.0, 76.0, {"trailing": 0.25}, True),
    ],
)
def test_an_exit_that_was_reached_ends_what_was_in_force(
    side: float, price: float, exits: dict[str, float], held: bool
) -> None:
    found = window(dip(price), 10, 15, quantity=changing(b3=side), **exits)
    assert found == ([(-1, side)] if held else [])


def test_an_exit_counts_from_the_bar_after_the_decision_to_the_last_before_the_window() -> None:
    for bar, held in ((3, True), (4, False), (9, False), (11, True)):
        closes = np.full(20, 100.0)
        closes[bar] = 90.0
        candles = frame(closes)
        if bar < 19:
            candles.iloc[bar + 1] = [100.0, 100.0, 100.0, 100.0]  # it does not open at the dip
        on = Market.from_frames({"AUSDT": candles})
        stop = 85.0 if bar == 3 else 95.0
        found = window(on, 10, 15, quantity=changing(b3=1.0), stop_price=stop)
        assert bool(found) is held, bar


def test_a_stop_that_watches_the_mark_asks_the_mark() -> None:
    on = dip(90.0)
    calm = np.full_like(on.close, 100.0)
    marks = {f"mark_{name}": calm for name in ("open", "high", "low", "close")}
    marked = replace(on, **marks, mark_is_trade=np.array([False]))
    wanted = {"quantity": changing(b3=1.0), "stop": 0.05}
    assert window(marked, 10, 15, **wanted) == []
    assert window(marked, 10, 15, **wanted, watch="mark") == [(-1, 1.0)]


def test_leverage_in_force_goes_along_and_margin_that_was_added_does_not() -> None:
    on = market(np.full(20, 100.0))
    wants = Targets(
        quantity=changing(b2=1.0), leverage=changing(b2=3.0, b4=4.0, b12=6.0), add_margin=changing(b5=10.0, b11=20.0)
    )
    prepared = engine.prepare(Fixed(wants), on, ACCOUNT, check=False)
    actions = inside(prepared, on, 10, 15).plan.actions
    rows = [tuple(column[k].item() for column in (actions.bar, actions.kind, actions.amount)) for k in range(3)]
    assert rows == [(-1, 2, 4.0), (1, 0, 20.0), (2, 2, 6.0)]
    later = inside(prepared, on, 13, 18).plan.actions
    assert (later.bar.tolist(), later.amount.tolist()) == ([-1], [6.0])


def test_several_slots_keep_apart() -> None:
    on = random_market(20, 2, volatility=0.001)
    wanted = np.column_stack((changing(b3=1.0, b12=2.0), changing(b9=-1.0)))
    prepared = engine.prepare(Fixed(Targets(quantity=wanted)), on, ACCOUNT, check=False)
    orders = inside(prepared, on, 10, 15).plan.orders
    assert list(zip(orders.bar, orders.slot, orders.size, strict=True)) == [(-1, 0, 1.0), (-1, 1, -1.0), (2, 0, 2.0)]


def test_on_finer_bars_the_window_begins_with_its_first_fine_bar() -> None:
    fine = market(np.linspace(100.0, 120.0, 80))
    hours = fine.open_time[::4]
    coarse = Market.from_frames(
        {"AUSDT": frame(np.linspace(100.0, 120.0, 20), freq="4h")}
    ).with_detail(fine)  # fmt: skip
    assert np.array_equal(coarse.open_time, hours)
    prepared = engine.prepare(Fixed(Targets(quantity=changing(b3=1.0, b12=2.0))), coarse, ACCOUNT, check=False)
    ready = inside(prepared, coarse, 10, 15)
    assert ready.plan.orders.bar.tolist() == [-1, 11]
    run = engine.run(Fixed(Targets(quantity=1.0)), coarse.slice(10, 15), ACCOUNT, prepared=ready)
    assert run.quantity[[0, 11, 12], 0].tolist() == [1.0, 1.0, 2.0]


class Counts(Strategy):
    """Buys as much as its indicator says, once, at the first bar that it is called at."""

    def indicators(self, market: Market) -> dict[str, Any]:
        return {"bar": np.arange(market.n_bars, dtype=float)}

    def on_bar(self, bar: Any) -> None:
        if bar.index == 0:
            bar[0].buy(quantity=bar.indicator("bar"))


def test_a_strategy_called_at_every_bar_has_its_indicators_warm() -> None:
    on = market(np.full(20, 100.0))
    prepared = engine.prepare(Counts(), on, ACCOUNT)
    run = engine.run(Counts(), on.slice(10, 15), ACCOUNT, prepared=inside(prepared, on, 10, 15))
    assert run.quantity[:, 0].tolist() == [0.0, 10.0, 10.0, 10.0, 10.0]


def test_the_window_of_the_whole_market_is_the_run_of_it() -> None:
    on = random_market(300, 2, seed=4)
    from strategies import load

    strategy = load("trend", fast=12, slow=48)
    prepared = engine.prepare(strategy, on, ACCOUNT)
    whole = engine.run(strategy, on, ACCOUNT, prepared=prepared)
    same = engine.run(strategy, on.slice(0, 300), ACCOUNT, prepared=inside(prepared, on, 0, 300))
    assert np.array_equal(whole.equity, same.equity)
    pd.testing.assert_frame_equal(whole.event_frame, same.event_frame)
