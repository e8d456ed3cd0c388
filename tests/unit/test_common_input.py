"""What runs share: the same numbers as alone, whatever another run did with it before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backtester import Account, Allocation
from backtester.engine import prepare, run, simulate
from backtester.running.common_input import OF_MARKET
from backtester.running.kept import Kept
from backtester.scenario import Scenario, validate
from data import synthetic
from strategies.grid_reversion import GridReversion
from strategies.trend import Trend
from tests.laws.engines import columns, flat, scenario
from tests.twin.scenarios import random_scenario
from tests.twin.working import working_scenario

MARKET = synthetic(600, 3, "1h")
LOGS = ("events", "ledger", "position_changes", "equity", "equity_low", "worst_margin_ratio")


def same(one: Any, other: Any) -> None:
    for name in LOGS:
        left, right = getattr(one, name), getattr(other, name)
        assert left.tobytes() == right.tobytes(), name
    assert one.curve == other.curve


@pytest.mark.parametrize("record", ["none", "full"])
def test_runs_of_one_preparation_are_those_that_were_prepared_alone(record: str) -> None:
    team = [Allocation(GridReversion(), name="grid"), Allocation(Trend(), name="trend", leverage=5)]
    account = Account(leverage=20)
    prepared = prepare(team, MARKET, account)
    for mode in ("isolated", "cross", "isolated"):
        for path in ("adverse", "candle"):
            chosen = {"mode": mode, "path": path, "record": record}
            same(run(team, MARKET, account, prepared=prepared, **chosen), run(team, MARKET, account, **chosen))


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("drawn", [random_scenario, working_scenario])
def test_what_a_run_did_with_its_orders_is_not_left_to_the_next(drawn: Any, seed: int) -> None:
    """Limits, triggers and cancellations among them."""
    scene, kept = Scenario.from_dict(validate(drawn(seed))), Kept()
    alone = simulate(scene)
    for mode in (scene.mode, "cross", "isolated", scene.mode):
        chosen = replace(scene, mode=mode, shares=scene.shares if mode == "sub_accounts" else ())
        same(simulate(chosen, kept=kept), alone if mode == scene.mode else simulate(chosen))


def test_what_is_shared_depends_on_market_instruments_and_orders_alone() -> None:
    prepared = prepare(GridReversion(), MARKET, Account(leverage=20))
    scene, kept = run(GridReversion(), MARKET, Account(leverage=20), prepared=prepared).scenario, Kept()
    common = kept.of(scene)
    dearer = [replace(each, taker_fee_rate=0.01) for each in scene.instruments]
    slots = tuple(slot._replace(leverage=3.0, isolated=True) for slot in scene.slots)
    for like in (replace(scene, mode="cross", balance=1.0, path="close"), replace(scene, slots=slots)):
        assert kept.of(like) is common
    for other in (
        replace(scene, market=MARKET.slice(0, 599)),
        replace(scene, instruments=(*scene.instruments[:2], replace(scene.instruments[2], contract="inverse"))),
        replace(scene, instruments=tuple(dearer)),
        replace(scene, orders=scene.orders._replace(size=2.0 * scene.orders.size)),
        replace(scene, slots=tuple(slot._replace(instrument=2 - slot.instrument) for slot in scene.slots)),
    ):
        assert kept.of(other) is not common
        assert kept.of(scene) is common  # one that came between does not push it out


def test_other_orders_on_the_same_market_share_what_is_of_the_market() -> None:
    prepared = prepare(GridReversion(), MARKET, Account(leverage=20))
    scene, kept = run(GridReversion(), MARKET, Account(leverage=20), prepared=prepared).scenario, Kept()
    other = replace(scene, orders=scene.orders._replace(size=2.0 * scene.orders.size))
    first, further = kept.of(scene), kept.of(other)
    assert further.orders is not first.orders
    for name in OF_MARKET:
        assert getattr(further, name) is getattr(first, name)
    same(simulate(other, kept=kept), simulate(other))
    dearer = replace(other, instruments=tuple(replace(each, contract="inverse") for each in scene.instruments))
    assert kept.of(dearer).bars is not first.bars


def test_as_many_are_kept_as_its_workers_may_be_at() -> None:
    scene = run(GridReversion(), MARKET, Account(leverage=20)).scenario
    scenes = [replace(scene, orders=scene.orders._replace(size=k * scene.orders.size)) for k in range(1, 8)]
    for workers in (1, 3):
        kept, most = Kept(workers), 2 * workers
        made = [kept.of(each) for each in scenes]
        for each, common in list(zip(scenes, made, strict=True))[-most:]:
            assert kept.of(each) is common
        assert kept.of(scenes[0]) is not made[0]


def test_nobody_can_write_into_what_is_shared() -> None:
    bars = [flat(10.0)] * 4
    scene = scenario([], [{"bar": 0, "slot": 0, "size": 1.0, "limit": 9.0}], bars=[columns(bars)])
    common = Kept().of(Scenario.from_dict(validate(scene)))
    for array in (common.orders, common.working, common.bars.mark_low, common.bars.open_price):
        assert len(array) > 0
        with pytest.raises(ValueError, match="read-only"):
            np.asarray(array).view(np.uint8)[...] = 0
