"""Do the kernels and the plain engine agree, compiled, in plain Python, and with their bounds checked?

``BACKTESTER_TWIN_SEEDS`` says how many scenarios are compared (300), and a third as many under rules of venues; more
than that also lets hypothesis look further.
"""

from __future__ import annotations

import copy
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import zip_longest
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from backtester.schema import REASONS
from tests.laws.engines import flat, run, scenario, what_happened
from tests.twin.agreement import differences
from tests.twin.scenarios import Maker, random_scenario
from tests.twin.venue_scenarios import venue_scenario
from tests.twin.working import working_scenario, working_venue_scenario

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = 300
SEEDS = int(os.environ.get("BACKTESTER_TWIN_SEEDS", DEFAULT))
BATCH = 20
INTERPRETED = range(3000, 3040)  # as slow as Python is
CHECKED = range(4000, 4040)
NUDGED = (
    "size", "margin", "limit", "stop", "take_profit", "trail", "trail_fraction", "trigger", "offset", "offset_fraction",
)  # fmt: skip


def disagreements(seeds: Iterable[int], scenario_of: Callable[[int], dict] = random_scenario) -> dict[int, list[str]]:
    """Return what differs between the engines, by seed."""
    found = {}
    for seed in seeds:
        scene = scenario_of(seed)
        if wrong := differences(scene, run("kernel", scene), run("reference", scene)):
            found[seed] = wrong[:3]
    return found


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_the_engines_agree(first):
    assert disagreements(range(first, min(first + BATCH, SEEDS))) == {}


@pytest.mark.parametrize("first", range(0, SEEDS // 3, BATCH))
def test_the_engines_agree_under_the_rules_of_every_venue(first):
    """But for what hangs on a digit: with a lot of 0.0001, one in a thousand."""
    found = disagreements(range(first, min(first + BATCH, SEEDS // 3)), venue_scenario)
    assert {seed: said for seed, said in found.items() if not hangs_on_a_digit(venue_scenario(seed))} == {}


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_the_engines_agree_on_working_orders(first):
    found = disagreements(range(first, min(first + BATCH, SEEDS)), working_scenario)
    inexact = {seed: said for seed, said in found.items() if not is_exact(seed)}
    assert {seed: said for seed, said in found.items() if seed not in inexact} == {}
    assert {seed: said for seed, said in inexact.items() if not hangs_on_a_digit(working_scenario(seed))} == {}


@pytest.mark.parametrize("first", range(0, SEEDS // 3, BATCH))
def test_the_engines_agree_on_working_orders_under_the_rules_of_every_venue(first):
    found = disagreements(range(first, min(first + BATCH, SEEDS // 3)), working_venue_scenario)
    assert {seed: said for seed, said in found.items() if not hangs_on_a_digit(working_venue_scenario(seed))} == {}


def test_random_working_orders_reach_every_type_and_every_end():
    """What is compared above is all there is: each kind of trade and each reason to be cancelled or rejected."""
    events = [event for seed in range(40) for event in run("reference", working_scenario(seed))["events"]]
    ended = {event["reason"] for event in events if event["kind"] in ("cancelled", "rejected")}
    assert {event["kind"] for event in events} >= {"limit", "stop", "take_profit", "trailing_stop"}
    assert ended >= set(REASONS[1:]) - {"backstop"}


def test_working_orders_leave_the_rest_of_a_scenario_as_it_was():
    for seed in range(20):
        plain, scene = random_scenario(seed), working_scenario(seed)
        assert [scene[key] for key in ("bars", "venue", "account", "slots", "funding")] == [
            plain[key] for key in ("bars", "venue", "account", "slots", "funding")
        ]


@settings(
    max_examples=60 if SEEDS <= DEFAULT else SEEDS // 4,
    derandomize=SEEDS <= DEFAULT,  # a suite that is run for a change says the same about the same code
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.integers(10_000, 2**48))
def test_the_engines_agree_further_out(seed):
    found = disagreements([seed])
    if found and not is_exact(seed):
        assume(not hangs_on_a_digit(random_scenario(seed)))
    assert found == {}


def is_exact(seed: int) -> bool:
    """Return whether all numbers of a scenario are dyadic: both engines must see the same ties in it."""
    maker = Maker(seed)
    return maker.dyadic and not maker.inverse


def hangs_on_a_digit(scene: dict) -> bool:
    """Return whether the plain engine itself decides otherwise there when what is asked for changes by some 1e-11.

    There: at the event in which the engines part. A price is so near a trigger, or a size so near a lot, that only the
    last digits of sums decide.
    """
    plain = run("reference", scene)
    parting = first_difference(plain, run("kernel", scene))
    nudges = (run("reference", nudged(scene, seed)) for seed in range(12))
    return any(first_difference(plain, other) == parting for other in nudges)


def first_difference(one: dict, other: dict) -> int | None:
    """Return the first event that differs in what happened or in its quantity, None if there is none."""
    pairs = zip_longest(quantified(one), quantified(other))
    return next((n for n, (a, b) in enumerate(pairs) if a is None or b is None or not same_event(a, b)), None)


def quantified(result: dict) -> list[tuple]:
    """Return what happened in each event, and its quantity."""
    return list(zip(what_happened(result), [event["quantity"] for event in result["events"]], strict=True))


def same_event(a: tuple, b: tuple) -> bool:
    """Return whether two events of `quantified` are the same, their quantities to 1e-9."""
    return a[0] == b[0] and abs(a[1] - b[1]) <= 1e-9 * max(abs(a[1]), abs(b[1]))


def nudged(scene: dict, seed: int) -> dict:
    """Return the scenario with balance, tiers, sizes and prices of orders changed by some 1e-11 of themselves."""
    rng = random.Random(seed)
    scene = copy.deepcopy(scene)
    scene["account"]["balance"] *= 1 + rng.uniform(-1e-11, 1e-11)
    for instrument in scene["instruments"]:
        for tier in instrument["tiers"]:
            tier[0] *= 1 + rng.uniform(-1e-11, 1e-11)
    for order in scene["orders"]:
        for name in NUDGED:
            if order.get(name) is not None and (name, order["size_type"]) != ("size", "position"):
                order[name] *= 1 + rng.uniform(-1e-11, 1e-11)
    return scene


def test_what_hangs_on_a_digit():
    """8 at 128 with 268 behind it end at 96: a stop there is decided by equality, one at 100 by much more."""
    candles, slots = [flat(128), (128, 128, 64, 64)], [{"instrument": 0, "leverage": 64}]
    for stop, seen in ((96, {"liquidation", "stop"}), (100, {"stop"})):
        account = {"balance": 268, "mode": "cross"}
        scene = scenario(candles, [{"size": 8, "stop": stop}], slots, account=account)
        results = [run("reference", nudged(scene, seed)) for seed in range(12)]
        assert {result["events"][1]["kind"] for result in results} == seen
        differs = {first_difference(results[0], result) for result in results}
        assert differs == ({None, 1} if len(seen) == 2 else {None})


PROGRAM = """
import json, sys
import numpy as np
from backtester.kernels import margin
from tests.twin.test_twin import disagreements

def strict(table, index, get=np.recarray.__getitem__):
    if isinstance(index, (int, np.integer)) and index < 0:
        raise IndexError("a row before the first")
    return get(table, index)

np.recarray.__getitem__ = strict  # numpy itself checks the other end
np.seterr(all="ignore")  # as compiled: a division by zero is infinite and says nothing
found = disagreements(range(int(sys.argv[1]), int(sys.argv[2])))
print(json.dumps({"found": found, "compiled": hasattr(margin.tier_at, "py_func")}))
"""


def in_another_process(seeds: range, **environment: str) -> dict:
    """Return the disagreements found by a process with these settings of numba, and whether it compiles."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(seeds.start), str(seeds.stop)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment, capture_output=True, text=True, timeout=550,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_kernels_agree_in_plain_python():
    """What is compiled is what stands there; and no row of a table is asked for that is not in it."""
    said = in_another_process(INTERPRETED, NUMBA_DISABLE_JIT="1")
    assert said == {"found": {}, "compiled": False}


def test_the_kernels_stay_inside_their_arrays(tmp_path):
    """An index beyond an array raises here; elsewhere it would read whatever is there."""
    said = in_another_process(CHECKED, NUMBA_BOUNDSCHECK="1", NUMBA_CACHE_DIR=str(tmp_path))
    assert said == {"found": {}, "compiled": True}


@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize("seed", range(5000, 5020))
def test_one_market_in_both_modes(mode, seed):
    """The same random market, forced into the two modes that people compare."""
    scene = random_scenario(seed)
    scene["account"]["mode"] = mode
    scene["sub_account_shares"] = []
    assert differences(scene, run("kernel", scene), run("reference", scene)) == []


def test_a_difference_is_seen():
    """Two results that are not of one scenario do differ, in events, money and ledger."""
    scene = scenario([flat(128), flat(120)], [{"size": 8}])
    other = scenario([flat(128), flat(119)], [{"size": 8}], instrument={"taker_fee": 1 / 64})
    found = differences(scene, run("kernel", scene), run("reference", other))
    assert any(text.startswith("event 0") for text in found)
    assert any(text.startswith("equity[") for text in found)
    assert any(text.startswith("ledger") for text in found)
