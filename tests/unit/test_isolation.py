"""What isolation costs, on accounts small enough to reckon by hand."""

import math

import numpy as np
import pytest

from backtester.engine import simulate
from backtester.explaining.isolation import isolation_price
from backtester.scenario import Scenario, validate
from tests.laws.engines import flat, scenario
from tests.twin.scenarios import random_scenario
from tests.unit.two_modes import in_mode

BUY = {"bar": 0, "size": 8}
DIP = [flat(100), flat(100), (100, 100, 80, 96), flat(98), flat(101), flat(90)]
SLOTS = [{"instrument": 0, "leverage": 8}] * 2
LINE = 100 * (1 - 1 / 8) / (1 - 1 / 64)


def priced(candles, orders=(BUY,), within=24, **more):
    return isolation_price(in_mode(scenario(candles, list(orders), **more), "isolated"), within)


def test_of_two_blocks_in_one_bar_each_has_what_was_posted_to_it():
    """The stop at 95 ends the first, the limit at 92 begins the second, which does not live through 80."""
    orders = [{**BUY, "stop": 95}, {**BUY, "type": "limit", "limit": 92}]
    found = priced([flat(100), (100, 100, 80, 96), flat(96)], orders)
    assert found.blocks["entry_price"].tolist() == [92.0]
    assert found.blocks["posted"].tolist() == [8 * 92 / 8]


def test_a_price_that_came_back():
    found = priced(DIP)
    (block,) = found.blocks.to_dict("records")
    assert (block["side"], block["entry_price"], block["posted"], block["back_after"]) == ("long", 100.0, 100.0, 2.0)
    assert block["mark_price"] == pytest.approx(LINE)
    assert block["net"] == pytest.approx(8 * (LINE - 100))
    assert (found.came_back, found.came_back_net) == (1, block["net"])


@pytest.mark.parametrize(("size", "touch", "near"), [(8, 100, 99.875), (-8, 100, 100.125)])
def test_a_price_is_back_when_it_meets_the_entry(size, touch, near):
    gone = (100, 100, 80, 96) if size > 0 else (100, 120, 100, 104)
    for last, back in ((touch, 1), (near, 0)):
        assert priced([flat(100), flat(100), gone, flat(last)], [{"bar": 0, "size": size}]).came_back == back


def test_a_shared_pool_has_no_blocks():
    scene = scenario([flat(100), flat(100), flat(50)], [BUY, {**BUY, "slot": 1, "size": 30}], SLOTS)
    scene["slots"] = [{**slot, "mode": mode} for slot, mode in zip(SLOTS, ("isolated", "cross"), strict=True)]
    run = simulate(Scenario.from_dict(validate({**scene, "account": {**scene["account"], "mode": "mixed"}})))
    assert len(run.liquidations) == 2
    assert isolation_price(run).blocks["slot"].tolist() == [run.slot_names[0]]


@pytest.mark.parametrize(("within", "came_back"), [(1, 0), (2, 1)])
def test_it_has_so_many_bars_to_come_back(within, came_back):
    assert priced(DIP, within=within).came_back == came_back


def test_a_short_comes_back_by_falling():
    up = [flat(100), flat(100), (100, 120, 100, 110), flat(104), flat(100)]
    (block,) = priced(up, [{"bar": 0, "size": -8}]).blocks.to_dict("records")
    assert (block["side"], block["back_after"]) == ("short", 2.0)


def test_a_block_that_lives_is_none_of_those():
    found = priced([flat(100), flat(100), flat(104)])
    assert (len(found.blocks), found.came_back, found.blocks_peak) == (0, 0, 1)
    assert found.idle_peak == 100 + 8 * 4 - 8 * 104 / 64
    assert found.idle_mean == pytest.approx(((100 - 8 * 100 / 64) + found.idle_peak) / 2)
    assert found.blocks_mean == 1.0


def test_funding_that_ate_a_block():
    at = 2 * 3_600_000_000_000
    paid = [{"time": at, "instrument": 0, "rate": 0.0625, "mark": 100.0}]
    (block,) = priced([flat(100), flat(100), flat(100), (100, 100, 90, 90)], funding=paid).blocks.to_dict("records")
    assert (block["funding"], block["funding_share"]) == (-50.0, 0.5)
    given = [{**paid[0], "rate": -0.0625}]
    (block,) = priced([flat(100)] * 3 + [(100, 100, 70, 70)], funding=given).blocks.to_dict("records")
    assert (block["funding"], block["funding_share"]) == (50.0, 0.0)


def test_top_ups_and_those_that_were_lost():
    rules = {"auto_top_up": "initial_margin", "top_up_cap": 150.0}
    found = priced([flat(100), flat(100), (100, 100, 60, 60)], venue=rules)
    assert (found.top_ups, found.topped_up, found.topped_up_lost) == (2, 150.0, 150.0)
    assert found.blocks["posted"].tolist() == [250.0]
    saved = priced([flat(100), flat(100), (100, 100, 84, 90)], venue=rules)
    assert saved.topped_up > 0.0
    assert saved.topped_up_lost == 0.0


def test_no_trade_has_no_mean():
    found = priced([flat(100)] * 3, [])
    assert math.isnan(found.idle_mean)
    assert math.isnan(found.blocks_mean)
    assert (found.idle_peak, found.blocks_peak) == (0.0, 0)


def test_inverse_entries_are_prices():
    candles = [flat(100), flat(100), (100, 100, 80, 96), flat(101)]
    (block,) = priced(candles, [{**BUY, "size": 800}], instrument={"contract": "inverse"}).blocks.to_dict("records")
    assert (block["entry_price"], block["back_after"]) == (100.0, 1.0)


def test_blocks_of_random_scenarios_lost_no_more_than_was_posted():
    """But for a fund that takes what is left, or a fee and funding that main paid."""
    seen = 0
    for seed in range(80):
        run = in_mode(random_scenario(seed), "isolated")
        if run.scenario.rules.funding_source == "main_first":
            continue
        blocks = isolation_price(run).blocks
        seen += len(blocks)
        added = run.totals["fees"] + 1e-9 * run.scenario.balance
        assert (blocks["net"] >= -blocks["posted"] - added).all(), seed
        assert (blocks["posted"] > 0.0).all()
        assert np.isfinite(blocks["entry_price"]).all()
    assert seen > 30
