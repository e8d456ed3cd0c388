"""Tiers that change in the course of a run, on both engines."""

import numpy as np
import pytest

from backtester.engine import simulate
from backtester.errors import ConfigurationError
from backtester.explaining.distance import closest_together
from backtester.scenario import Scenario, validate
from tests.laws.engines import HOUR, columns, events, flat, on_both, run, scenario

SLOT = {"instrument": 0, "leverage": 10}
LONG = {"bar": -1, "slot": 0, "size": 10}  # 10 at 100: a notional of 1000, and 100 of margin at 10x
LENIENT, STRICT = [[0, 0.0078125, 100]], [[0, 0.5, 4]]


def changing(changes: list, *, bars: list | None = None, orders: list | None = None, **account) -> dict:
    """Return an isolated account on four flat bars, whose tiers change after so many hours."""
    scene = scenario([flat(100)] * 4, [LONG] if orders is None else orders, [SLOT], bars=bars)
    scene["account"] |= {"mode": "isolated"} | account
    start = scene["open_time"][0]
    tables = [{"time": start + round(hours * HOUR), "tiers": tiers} for hours, tiers in changes]
    scene["instruments"][0] |= {"tiers": LENIENT, "tier_changes": tables}
    return scene


@on_both
@pytest.mark.parametrize(("hours", "bar"), [(2, 2), (1.5, 2), (2.001, 3)])
def test_a_change_liquidates_at_the_open_of_the_first_bar_that_starts_no_earlier(engine, hours, bar):
    """Half of the notional is 500, and 100 are posted."""
    (closed,) = events(run(engine, changing([(hours, STRICT)])), "liquidation")
    assert (closed["bar"], closed["segment"], closed["price"]) == (bar, "open", 100)


@on_both
def test_a_change_after_the_last_bar_changes_nothing(engine):
    plain, changed = run(engine, changing([])), run(engine, changing([(4, STRICT)]))
    assert plain == changed


@on_both
def test_what_changed_before_the_first_bar_holds_from_the_start(engine):
    result = run(engine, changing([(-7, LENIENT), (-3, STRICT)]))
    assert [(event["kind"], event["reason"]) for event in result["events"]] == [("rejected", "tier")]


@on_both
def test_an_order_meets_the_tiers_of_its_own_bar(engine):
    orders = [LONG | {"bar": 0, "size": 1}, LONG | {"bar": 1, "size": 1}]
    four_times = [[0, 0.0078125, 4]]
    result = run(engine, changing([(2, four_times)], orders=orders))
    found = [(event["bar"], event["kind"], event["reason"]) for event in result["events"]]
    assert found == [(1, "fill", ""), (2, "rejected", "tier")]


@on_both
def test_requirement_and_liquidation_price_follow_the_table_in_force(engine):
    """With 900 behind 10 at 100 the line is at (1000 - 900) / (10 - 10 * rate): 10.08, and 20 for a rate of 1/2."""
    scene = changing([(2, STRICT)], mode="cross", balance=900)
    result = run(engine, scene)
    assert [row[0] for row in result["pool_requirement"]] == [7.8125, 7.8125, 500, 500]
    lines = [row[0] for row in result["liquidation_price"]]
    assert lines == pytest.approx([100 / 9.921875] * 2 + [20.0] * 2)


@on_both
def test_a_position_without_data_waits_for_its_next_bar(engine):
    prices = columns([flat(100)] * 4)
    gone = {name: [*column[:2], None, column[3]] for name, column in prices.items()}
    (closed,) = events(run(engine, changing([(2, STRICT)], bars=[gone])), "liquidation")
    assert closed["bar"] == 3


@on_both
def test_each_instrument_has_its_own_changes(engine):
    orders, slots = [LONG, LONG | {"slot": 1}], [SLOT, SLOT | {"instrument": 1}]
    scene = scenario([], orders, slots, bars=[columns([flat(100)] * 4)] * 2)
    scene["account"]["mode"] = "isolated"
    time = scene["open_time"][2]
    scene["instruments"][1] |= {"tier_changes": [{"time": time, "tiers": STRICT}]}
    (closed,) = events(run(engine, scene), "liquidation")
    assert (closed["bar"], closed["slot"]) == (2, 1)


def test_the_distance_goes_by_the_table_in_force():
    """The closest close is one under the stricter table: 80 % above its line at 20, not 90 % above the first one."""
    scene = changing([(2, STRICT)], mode="cross", balance=900)
    result = simulate(Scenario.from_dict(validate(scene)))
    assert closest_together(result) == pytest.approx(0.8)


def test_a_scenario_keeps_its_changes():
    scene = validate(changing([(1, STRICT), (2.5, LENIENT)]))
    again = Scenario.from_dict(scene).to_dict()
    assert validate(again)["instruments"] == scene["instruments"]
    assert np.array_equal(simulate(Scenario.from_dict(again)).equity, simulate(Scenario.from_dict(scene)).equity)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([{"time": 5}], "instruments[0].tier_changes: has a row 0 that is not an object with time and tiers"),
        ([{"time": 1.5, "tiers": STRICT}], "has a row 0 that"),
        ([{"time": 5, "tiers": [[1, 0.5, 4]]}], "has a row 0 that does not start at floor 0"),
        ([{"time": 5, "tiers": STRICT}] * 2, "has a time in row 1 that is not after the one before"),
    ],
)
def test_a_bad_change_is_refused(changes, told):
    scene = changing([])
    scene["instruments"][0]["tier_changes"] = changes
    with pytest.raises(ConfigurationError) as error:
        validate(scene)
    assert told in str(error.value)
