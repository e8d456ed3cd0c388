"""Law 6: what is known up to bar t does not depend on bars after t, on the run before, or on the number of cores."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.laws.engines import PER_BAR, flat, on_both, run, scenario
from tests.twin.scenarios import random_scenario


def prefix(scene, n):
    """Return the first `n` bars of a scenario."""
    short = copy.deepcopy(scene)
    short["open_time"] = short["open_time"][:n]
    short["bars"] = [{name: column[:n] for name, column in bars.items()} for bars in short["bars"]]
    for name in ("orders", "margin_actions"):
        short[name] = [row for row in short[name] if row["bar"] < n]
    return short


def other_future(scene, n):
    """Return the scenario with all prices from bar `n` on halved, and no orders from its close on."""
    other = copy.deepcopy(scene)
    for bars in other["bars"]:
        for column in bars.values():
            column[n:] = [None if price is None else price / 2 for price in column[n:]]
    for name in ("orders", "margin_actions"):
        other[name] = [row for row in other[name] if row["bar"] < n]
    return other


def check_prefix(result, other, n):
    """Hold the first `n` bars of two results against each other, to the bit."""
    for name in PER_BAR:
        assert result[name][:n] == other[name][:n], (name, n)
    for name in ("events", "ledger"):
        assert [row for row in result[name] if row["bar"] < n] == [row for row in other[name] if row["bar"] < n]


@on_both
@pytest.mark.parametrize("seed", range(800, 840))
def test_a_prefix_gives_a_prefix(engine, seed):
    scene = random_scenario(seed)
    result = run(engine, scene)
    n_bars = len(scene["open_time"])
    for n in {1, n_bars // 3 + 1, n_bars // 2 + 1, n_bars - 1}:
        check_prefix(result, run(engine, prefix(scene, n)), n)


@on_both
@pytest.mark.parametrize("seed", range(840, 870))
def test_another_future_changes_nothing_before_it(engine, seed):
    scene = random_scenario(seed)
    result = run(engine, scene)
    for n in {1, len(scene["open_time"]) // 2}:
        check_prefix(result, run(engine, other_future(scene, n)), n)


@on_both
def test_long_quiet_stretches(engine):
    """600 bars of nothing but a falling price under a trailing position, cut at every 37th bar."""
    candles = [(200 - t / 8, 201 - t / 8, 199 - t / 8, 199.875 - t / 8) for t in range(600)]
    scene = scenario(candles, [{"size": -1, "trail": 64}, {"size": -1, "bar": 300}], account={"mode": "cross"})
    result = run(engine, scene)
    assert result["quantity"][-1] == [-2]
    for n in range(5, 600, 37):
        check_prefix(result, run(engine, prefix(scene, n)), n)


@on_both
def test_the_last_bar_decides_nothing_earlier(engine):
    """Liquidated in bar 2 of a future that falls, alive in one that does not: bars 0 and 1 are the same."""
    falls = scenario([flat(128), flat(120), flat(64)], [{"size": 8}], account={"mode": "isolated"})
    stays = scenario([flat(128), flat(120), flat(120)], [{"size": 8}], account={"mode": "isolated"})
    fallen, stayed = run(engine, falls), run(engine, stays)
    assert (fallen["totals"]["liquidations"], stayed["totals"]["liquidations"]) == (1, 0)
    check_prefix(fallen, stayed, 2)


@on_both
@pytest.mark.parametrize("bar", [3, 8, 9])
def test_a_late_liquidation_changes_nothing_before_it(engine, bar):
    """A wick in one bar of twelve that are quiet: nothing is different before it, and all is after it."""
    calm = [(128, 129, 127, 128)] * 12
    wick = [*calm[:bar], (128, 129, 64, 128), *calm[bar + 1 :]]
    results = [run(engine, scenario(candles, [{"size": 8}])) for candles in (calm, wick)]
    assert [event["bar"] for event in results[1]["events"]] == [0, bar]
    check_prefix(*results, bar)
    assert {row[0] for row in results[1]["quantity"][bar:]} == {0}


@on_both
@pytest.mark.parametrize("seed", range(870, 890))
def test_the_same_run_twice_is_the_same(engine, seed):
    scene = random_scenario(seed)
    before = copy.deepcopy(scene)
    assert run(engine, scene) == run(engine, scene)
    assert scene == before


@on_both
def test_many_threads_give_what_one_gives(engine):
    scenes = [random_scenario(seed) for seed in range(890, 914)]
    alone = [run(engine, scene) for scene in scenes]
    with ThreadPoolExecutor(6) as threads:
        together = list(threads.map(lambda scene: run(engine, scene), [*scenes, *reversed(scenes)]))
    assert together == [*alone, *reversed(alone)]
