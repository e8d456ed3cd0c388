"""Law 8: a pool with one instrument open is liquidated where, and only where, the closed form says."""

import pytest

from tests.laws.engines import events, flat, has_data, marks, on_both, run, scenario
from tests.twin.scenarios import random_scenario

QUIET = ("liquidation", "cancelled", "bankrupt")
NEAR = 1e-9  # relative: a mark this close to the line decides nothing


def expected(scene, result):
    """Yield ``(t, pool, price, mark open, worst mark)`` for pools that one instrument and one side is open in.

    The price is the one reported at the close of ``t - 1``; bars in which anything else happens to the pool or its cash
    are left out.
    """
    for t in range(1, len(scene["open_time"])):
        for p in range(len(result["pool_kind"])):
            before = result["quantity"][t - 1]
            held = [j for j, pool in enumerate(result["pool_of_slot"]) if pool == p and before[j] != 0.0]
            instruments = {scene["slots"][j]["instrument"] for j in held}
            sides = {before[j] > 0.0 for j in held}
            here = [event["kind"] for event in result["events"] if event["bar"] == t and event["pool"] == p]
            moved = any(row["bar"] == t and row["pool"] == p and row["slot"] not in (None, *held)
                        for row in result["ledger"])
            if len(instruments) != 1 or len(sides) != 1 or not set(here) <= set(QUIET) or moved:
                continue
            (i,) = instruments
            if not has_data(scene, i, t):
                continue
            names = ("open", "close") if scene["account"]["path"] == "close" else ("open", "low", "high", "close")
            visited = [marks(scene, i, name)[t] for name in names]
            worst = min(visited) if sides == {True} else max(visited)
            yield t, p, result["liquidation_price"][t - 1][held[0]], visited[0], worst, sides == {True}


def check_closed_form(scene, result):
    """Return how many liquidations were where they should be; none may be elsewhere or missing."""
    found = 0
    for t, p, price, start, worst, is_long in expected(scene, result):
        closed = [event for event in events(result, "liquidation") if event["bar"] == t and event["pool"] == p]
        if price is None:
            assert not closed
            continue
        side = 1 if is_long else -1
        if abs(worst - price) <= NEAR * price or abs(start - price) <= NEAR * price:
            continue
        assert bool(closed) == ((price - worst) * side > 0), (t, p)
        if closed and (price - start) * side > 0:
            assert (closed[0]["segment"], closed[0]["price"]) == ("open", start)
            found += 1
        elif closed:
            assert closed[0]["segment"] != "open"
            assert closed[0]["price"] == pytest.approx(price, rel=1e-9)
            found += 1
    return found


def bold(seed):
    """Return a random scenario whose pools mostly hold one instrument, with nothing that changes cash on its own."""
    scene = random_scenario(seed)
    scene.update(funding=[], margin_actions=[])
    scene["venue"]["auto_top_up"] = "none"
    for instrument in scene["instruments"]:
        instrument["tier_changes"] = []
    for order in scene["orders"]:
        order.update(stop=None, take_profit=None, trail=None, trail_fraction=None)
    return scene


@on_both
@pytest.mark.parametrize("seed", range(1100, 1160))
def test_the_walk_liquidates_where_the_form_says(engine, seed):
    scene = bold(seed)
    check_closed_form(scene, run(engine, scene))


def test_there_are_liquidations_to_compare():
    scenes = [bold(seed) for seed in range(1100, 1160)]
    assert sum(check_closed_form(scene, run("reference", scene)) for scene in scenes) >= 30


TIERS = {"tiers": [[0, 1 / 64, 64], [640, 1 / 32, 32], [960, 1 / 8, 16]]}


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize("basis", ["mark", "entry"])
@pytest.mark.parametrize("contract", ["linear", "inverse"])
@pytest.mark.parametrize("side", [1, -1])
def test_by_hand(engine, mode, basis, contract, side):
    """8 at 100 (inverse: 800), 80 behind it, F = 1/64; the tiers of a side are crossed on the way.

    Linear, entry: 800 is in the second tier, requirement 800/32 - 640/64 + 800/64 = 27.5: (80 - 27.5) / 8 away.
    Linear, mark, long: 720 < 8 P < 800 would be the second tier: 80 + 8 P - 800 = 8 P * 3/64 - 10, P = 710 / 7.625.
    Linear, mark, short: 80 - 8 P + 800 = 8 P * 3/64 - 10 while 8 P <= 960: P = 890 / 8.375.
    Inverse: the same sums in coin, one hundredth, with tiers in coin: P is 100 * 8 / (what 8 P was / 100).
    """
    linear = contract == "linear"
    coin = 1 if linear else 100
    tiers = [[floor / coin, rate, most] for floor, rate, most in TIERS["tiers"]]
    if linear:
        ends = {("mark", 1): 710 / 7.625, ("mark", -1): 890 / 8.375, ("entry", 1): 100 - 52.5 / 8,
                ("entry", -1): 100 + 52.5 / 8}
    else:
        # 0.8 + 800 * (1/100 - u) = 800 u * 3/64 - 0.1 (second tier, 6.4 < 800 u <= 9.6): u = 8.9 / 837.5 for a long,
        # 0.8 - 800 * (1/100 - u) = 800 u * 3/64 - 0.1: u = 7.1 / 762.5 for a short; entry: 0.525 / 800 away
        ends = {("mark", 1): 837.5 / 8.9, ("mark", -1): 762.5 / 7.1, ("entry", 1): 800 / 8.525,
                ("entry", -1): 800 / 7.475}
    price = ends[basis, side]
    size, money = (8, 80) if linear else (800, 0.8)
    scene = scenario(
        [flat(100), (100, 120, 80, 100)], [{"size": side * size, "margin": money}],
        [{"instrument": 0, "leverage": 16}], instrument={"contract": contract, "tiers": tiers},
        venue={"mm_basis": basis, "close_fee_buffer": 1 / 64}, account={"mode": mode, "balance": money},
    )
    result = run(engine, scene)
    (event,) = events(result, "liquidation")
    assert result["liquidation_price"][0][0] == pytest.approx(price, rel=1e-13)
    assert event["price"] == pytest.approx(price, rel=1e-13)
    assert (event["bar"], event["segment"]) == (1, 0)


@on_both
def test_a_hedged_pool_has_two_prices(engine):
    """Long 8, short 6 at 100 with 64: falling, it meets its requirement at one price, rising at another.

    Rate 1/64 up to a notional of 960, 1/2 above (c = 960 * 31/64 = 465). While both sides are in the first tier,
    64 + 2 P - 200 = 14 P / 64: P = 136 / 1.78125. Beyond 8 P = 960 the long side's requirement rises by 4 for each 1
    of price and equity by 2: 64 + 2 P - 200 = 4 P - 465 + 6 P / 64, P = 329 / 2.09375.
    """
    instrument = {"tiers": [[0, 1 / 64, 64], [960, 1 / 2, 64]]}
    slots = [{"instrument": 0, "leverage": 64}] * 2
    orders = [{"size": 8}, {"size": -6, "slot": 1}]
    falling, rising = 136 / 1.78125, 329 / 2.09375
    account = {"mode": "cross", "balance": 64}
    for candle, price in (((100, 100, 64, 100), falling), ((100, 159, 100, 100), rising)):
        scene = scenario([flat(100), candle], orders, slots, instrument=instrument, account=account)
        result = run(engine, scene)
        assert result["liquidation_price"][0] == [pytest.approx(falling, rel=1e-14)] * 2
        closed = events(result, "liquidation")
        assert [event["price"] for event in closed] == [pytest.approx(price, rel=1e-13)] * 2
