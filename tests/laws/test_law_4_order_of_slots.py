"""Law 4: empty slots, the numbers of instruments and, mostly, the order of slots do not matter."""

import copy
import random

import pytest

from tests.laws.engines import HOUR, PER_BAR, columns, flat, near, on_both, run, scenario, what_happened
from tests.twin.scenarios import random_scenario

PER_SLOT = ("quantity", "entry", "liquidation_price")
PER_ACCOUNT = ("equity", "equity_low", "worst_margin_ratio")
REORDERED = range(600, 660)


def insert_slot(scene, at):
    """Return the scenario with one more slot, that nothing is ordered for, at this index."""
    more = copy.deepcopy(scene)
    more["slots"].insert(at, dict(scene["slots"][min(at, len(scene["slots"]) - 1)]))
    for row in [*more["orders"], *more["margin_actions"]]:
        row["slot"] += row["slot"] >= at
    return more


def without_slot(result, at):
    """Return a result without an empty slot and its pool, if it has one of its own."""
    pool = result["pool_of_slot"][at]
    own = result["pool_of_slot"].count(pool) == 1 and result["pool_kind"][pool] == "on_demand"
    out = dict(result)
    for name in PER_BAR:
        rows = result[name]
        if name in PER_SLOT:
            assert {row[at] for row in rows} <= {0.0, None}
            rows = [row[:at] + row[at + 1 :] for row in rows]
        elif name not in PER_ACCOUNT and own:
            assert {row[pool] for row in rows} == {0.0}
            rows = [row[:pool] + row[pool + 1 :] for row in rows]
        out[name] = rows
    for name in ("events", "ledger"):
        out[name] = [dict(row) for row in result[name]]
        for row in out[name]:
            row["slot"] = row["slot"] if row["slot"] is None else row["slot"] - (row["slot"] > at)
            row["pool"] -= own and row["pool"] > pool
    return out


@on_both
@pytest.mark.parametrize("seed", range(500, 540))
def test_an_empty_slot_changes_nothing(engine, seed):
    """To the bit; but the kernel adds up an account of one slot in another order than one of two."""
    scene = random_scenario(seed)
    result = run(engine, scene)
    money = 1e-12 * scene["account"]["balance"]
    for at in {0, len(scene["slots"]) // 2, len(scene["slots"])}:
        more = without_slot(run(engine, insert_slot(scene, at)), at)
        if engine == "kernel" and len(scene["slots"]) == 1:
            assert what_happened(more) == what_happened(result)
            for name in PER_BAR:
                assert near(more[name], result[name], money), (name, at)
            continue
        for name in (*PER_BAR, "events", "ledger", "totals"):
            assert more[name] == result[name], (name, at)


def renumbered(scene, numbers):
    """Return the scenario with instrument `i` as number ``numbers[i]``."""
    out = copy.deepcopy(scene)
    for i, n in enumerate(numbers):
        out["instruments"][n], out["bars"][n] = scene["instruments"][i], scene["bars"][i]
    for row in [*out["slots"], *out["funding"]]:
        row["instrument"] = numbers[row["instrument"]]
    return out


def sorted_events(result, number=lambda j: j):
    """Return the discrete part of the events, in an order that does not depend on who is first in a bar."""
    rows = [(event["bar"], event["kind"], event["reason"], str(event["segment"]),
             -1 if event["slot"] is None else number(event["slot"])) for event in result["events"]]
    return sorted(rows)


@on_both
@pytest.mark.parametrize("seed", range(540, 600))
def test_renumbered_instruments_change_nothing(engine, seed):
    scene = random_scenario(seed)
    scene["venue"]["funding_source"] = "pool"
    numbers = list(range(len(scene["instruments"])))
    random.Random(seed).shuffle(numbers)
    one, other = run(engine, scene), run(engine, renumbered(scene, numbers))
    assert sorted_events(one) == sorted_events(other)
    money = 1e-9 * scene["account"]["balance"]
    for name in PER_BAR:
        assert near(one[name], other[name], money), name


def reorderable(seed):
    """Return a random scenario with small orders and the rules under which the order of slots may not matter."""
    scene = random_scenario(seed)
    scene["venue"].update(funding_source="pool", liquidation_order="all", reduction="full", liquidation_fee=0.0)
    scene["venue"].update(initial_margin_buffer=0.0)
    scene["margin_actions"] = []
    for instrument in scene["instruments"]:
        instrument["unit_margin_rate"] /= 16  # so that leverages are rarely too high for what is held
    for order in scene["orders"]:
        order["size"] /= 16
        order["margin"] = None if order["margin"] is None else order["margin"] / 16
    return scene


def is_reorderable(result):
    """Return whether nothing was cut or rejected for money, tier or liquidation."""
    return not any(event["reason"] in ("available", "tier", "would_liquidate") for event in result["events"])


def reordered(scene, numbers):
    """Return the scenario with slot `j` as number ``numbers[j]``."""
    out = copy.deepcopy(scene)
    for j, n in enumerate(numbers):
        out["slots"][n] = scene["slots"][j]
    for row in out["orders"]:
        row["slot"] = numbers[row["slot"]]
    return out


@on_both
@pytest.mark.parametrize("seed", REORDERED)
def test_reordered_slots_change_nothing(engine, seed):
    scene = reorderable(seed)
    one = run(engine, scene)
    if not is_reorderable(one):
        return
    numbers = list(range(len(scene["slots"])))
    random.Random(seed).shuffle(numbers)
    other = run(engine, reordered(scene, numbers))
    assert sorted_events(one, lambda j: numbers[j]) == sorted_events(other)
    money = 1e-9 * scene["account"]["balance"]
    for name in (*PER_ACCOUNT, *PER_SLOT):
        rows = other[name]
        if name in PER_SLOT:
            rows = [[row[n] for n in numbers] for row in rows]
        assert near(one[name], rows, money), name


def test_most_of_them_can_be_reordered():
    results = [run("reference", reorderable(seed)) for seed in REORDERED]
    kept = [result for result in results if is_reorderable(result)]
    assert len(kept) >= len(REORDERED) // 2
    assert sum(result["totals"]["liquidations"] for result in kept) >= 5


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize("at", [0, 1])
def test_an_empty_slot_by_hand(engine, mode, at):
    """A long that is stopped in one bar and another that is liquidated in the next, with and without a neighbour."""
    candles = [flat(128), (128, 128, 112, 120), flat(120), (120, 120, 64, 64)]
    scene = scenario(candles, [{"size": 1, "stop": 116}, {"bar": 1, "size": 8}], account={"mode": mode, "balance": 140})
    alone, more = run(engine, scene), run(engine, insert_slot(scene, at))
    assert [event["kind"] for event in alone["events"]] == ["fill", "stop", "fill", "liquidation"]
    assert without_slot(more, at)["equity"] == alone["equity"]
    assert without_slot(more, at)["events"] == alone["events"]


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_reordered_by_hand(engine, mode):
    """A long of 4 and a short of 2 on one instrument swap places: 32 - 64 at 112; then the short is stopped at 136."""
    orders = [{"slot": 0, "size": 4}, {"slot": 1, "size": -2, "stop": 136}]
    slots = [{"instrument": 0, "leverage": 4}, {"instrument": 0, "leverage": 2}]
    scene = scenario([flat(128), flat(112), (112, 140, 112, 112)], orders, slots,
                     account={"mode": mode, "balance": 1024})
    one, other = run(engine, scene), run(engine, reordered(scene, [1, 0]))
    assert one["equity"] == other["equity"] == [1024, 1024 - 64 + 32, 1024 - 64 - 16]
    assert [row[::-1] for row in other["quantity"]] == one["quantity"] == [[4, -2], [4, -2], [4, 0]]


@on_both
def test_renumbered_by_hand(engine):
    """Two instruments swap numbers: 4 of one lose 16 each, 2 of the other gain 8 each; funding stays with its own."""
    scene = scenario(
        [], [{"size": 4}, {"slot": 1, "size": 2}], [{"instrument": 0, "leverage": 4}, {"instrument": 1, "leverage": 4}],
        bars=[columns([flat(128), flat(112)]), columns([flat(64), flat(72)])],
        funding=[{"time": HOUR, "instrument": 1, "rate": 1 / 64, "mark": 64}],
    )
    one, other = run(engine, scene), run(engine, renumbered(scene, [1, 0]))
    assert one["equity"] == other["equity"] == [1000, 1000 - 64 + 16 - 2]
