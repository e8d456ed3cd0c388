"""Law 7: an entry, a stop and a take-profit: `adverse` never ends the position in a later bar than `favourable`."""

import math
import random

import pytest

from tests.laws.engines import events, flat, has_data, on_both, run, scenario
from tests.twin.scenarios import random_scenario

SEEDS = range(1000, 1060)
ENDS = ("stop", "take_profit", "liquidation")


def with_exits(seed):
    """Return a random market with one order that has a stop and a take-profit; liquidation closes in full."""
    rng = random.Random(seed)
    scene = random_scenario(seed)
    scene["venue"].update(reduction="full")
    instrument = scene["instruments"][0]
    instrument.update(lot=0.0, min_notional=0.0)
    leverage = instrument["tiers"][-1][2] / 2
    scene["slots"] = [{"instrument": 0, "leverage": leverage}]
    bar = next(t for t in range(len(scene["open_time"])) if has_data(scene, 0, t) or t == len(scene["open_time"]) - 1)
    price, side = scene["bars"][0]["open"][bar] or 100.0, rng.choice([-1, 1])
    stop, target = (1 + move * side * rng.uniform(0.005, 0.15) for move in (-1, 1))
    scene["orders"] = [{
        "bar": bar - 1, "slot": 0, "size": side * leverage / 3, "size_type": "equity_fraction",
        "stop": price * stop, "take_profit": price * target, "watch": rng.choice(["trade", "mark"]),
    }]
    scene["account"]["mode"] = rng.choice(["isolated", "cross"])
    scene.update(margin_actions=[], sub_account_shares=[])
    return scene


def last_bar(engine, scene, path):
    """Return the bar in which the position ends (inf: never), and the event."""
    scene["account"]["path"] = path
    ends = events(run(engine, scene), *ENDS)
    return (ends[0]["bar"], ends[0]) if ends else (math.inf, None)


@on_both
@pytest.mark.parametrize("seed", SEEDS)
def test_adverse_does_not_end_later(engine, seed):
    scene = with_exits(seed)
    assert last_bar(engine, scene, "adverse")[0] <= last_bar(engine, scene, "favourable")[0]


def test_many_of_them_end():
    kinds = [(last_bar("reference", with_exits(seed), "adverse")[1] or {}).get("kind") for seed in SEEDS]
    assert all(kinds.count(kind) >= 5 for kind in ENDS)


@on_both
@pytest.mark.parametrize("side", [1, -1])
def test_a_bar_that_reaches_both(engine, side):
    """Stop 8 against, target 8 for: the bar goes 16 both ways, so one path meets the stop, the other the target."""
    order = {"size": side, "stop": 128 - 8 * side, "take_profit": 128 + 8 * side}
    scene = scenario([flat(128), (128, 144, 112, 128)], [order])
    for path, kind, fill in (("adverse", "stop", 128 - 8 * side), ("favourable", "take_profit", 128 + 8 * side)):
        bar, event = last_bar(engine, scene, path)
        assert (bar, event["kind"], event["fill"]) == (1, kind, fill)


@on_both
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("path", ["adverse", "favourable", "candle"])
def test_every_path_reaches_both_ends_of_a_bar(engine, side, path):
    """A target alone, or a stop alone, inside the range of the bar ends the position in it, whatever the path."""
    candles = [flat(128), (128, 144, 112, 128), flat(128)]
    slots = [{"instrument": 0, "leverage": 4}]
    for level in ("stop", "take_profit"):
        away = 8 * side if level == "take_profit" else -8 * side
        bar, event = last_bar(engine, scenario(candles, [{"size": side, level: 128 + away}], slots), path)
        assert (bar, event["kind"], event["fill"]) == (1, level, 128 + away)
