"""Culprits are those that could not have stood alone; the blame of a liquidation is shared among them."""

import math
from types import SimpleNamespace

import pytest

from backtester.engine import simulate
from backtester.explaining.contagion import EARLIER, contagion
from backtester.reference.holding import requirement_line
from backtester.reference.tiers import build_tiers
from backtester.scenario import Scenario, validate
from backtester.schema import LIQUIDATION
from tests.laws.engines import columns, flat, scenario
from tests.twin.scenarios import random_scenario
from tests.twin.venue_scenarios import venue_scenario
from tests.unit.two_modes import in_both, in_mode

CALM = columns([flat(100)] * 5)
FALLS = columns([flat(100), flat(100), (100, 100, 60, 60), flat(60), flat(90)])
SLOTS = [{"instrument": 0, "leverage": 8}, {"instrument": 1, "leverage": 8}]
BOTH = [{"bar": 0, "slot": 0, "size": 40}, {"bar": 0, "slot": 1, "size": 30}]


def shared(bars=(CALM, FALLS), orders=BOTH, slots=SLOTS, **more):
    return contagion(*reversed(in_both(scenario([], orders, slots, bars=list(bars), **more))))


def test_the_one_that_fell_took_the_calm_one_down():
    found = shared()
    victim, culprit = found.closings.to_dict("records")
    assert found.liquidations == 1
    assert (victim["role"], victim["blame"], victim["elsewhere"]) == ("victim", 0.0, "held")
    assert (victim["pnl"], victim["margin"], victim["requirement"]) == (0.0, 500.0, 62.5)
    assert victim["room"] == 437.5
    assert (culprit["role"], culprit["blame"], culprit["elsewhere"]) == ("culprit", 1.0, "liquidated")
    mark = (30 * 100 - 1000 + 62.5) / (30 * (1 - 1 / 64))  # 1000 + 30*(m - 100) = 62.5 + 30*m/64
    assert culprit["mark_price"] == pytest.approx(mark)
    assert culprit["room"] == pytest.approx(30 * 100 / 8 + 30 * (mark - 100) - 30 * mark / 64)
    assert culprit["later"] == pytest.approx(30 * (90 - mark))
    assert victim["later"] == 0.0
    assert found.matrix.to_dict("index") == {"COIN1": {"COIN0": 1.0}}


def test_two_culprits_share_the_blame_by_how_far_beyond_they_were():
    slots = [*SLOTS, {"instrument": 1, "leverage": 8}]
    orders = [{**BOTH[0], "size": 40}, {**BOTH[1], "size": 20}, {"bar": 0, "slot": 2, "size": 10}]
    found = shared(orders=orders, slots=slots)
    closings = found.closings
    assert closings["blame"].tolist() == [0.0, pytest.approx(2 / 3), pytest.approx(1 / 3)]
    assert found.matrix.to_dict("index") == {"COIN1": {"COIN0": pytest.approx(1.0)}}


def test_a_loss_that_was_taken_before_is_to_blame_where_nobody_is_beyond_its_margin():
    bars = [columns([flat(100)] * 4 + [(100, 100, 95, 95), flat(95)]), columns([flat(100), flat(100), *[flat(72)] * 4])]
    orders = [{**BOTH[0], "size": 44}, {**BOTH[1], "size": 30}, {"bar": 2, "slot": 1, "size": 0, "target": True}]
    found = shared(bars, orders)
    (row,) = found.closings.to_dict("records")
    assert (row["role"], row["blame"], row["elsewhere"]) == ("victim", 0.0, "held")
    assert found.matrix.to_dict("index") == {EARLIER: {"COIN0": 1.0}}


def test_the_tiers_of_the_time_count_and_the_leverage_of_the_time():
    changed = [{"symbol": "COIN0", "tier_changes": [{"time": 2 * 3_600_000_000_000, "tiers": [[0, 1 / 32, 64]]}]}, {}]
    lowered = [{"bar": 0, "slot": 0, "set_leverage": 16}]
    victim = shared(instruments=changed, margin_actions=lowered).closings.iloc[0]
    assert victim["requirement"] == 40 * 100 / 32
    assert victim["margin"] == 40 * 100 / 16


def test_maintenance_at_the_entry_is_that_of_the_tier_of_the_entry():
    """30 coins are worth 3,000 at the entry and no more than 2,560 where they are closed."""
    tiers = [[0, 1 / 64, 64], [2_560, 1 / 8, 8]]
    fell = shared(venue={"mm_basis": "entry"}, instruments=[{}, {"symbol": "COIN1", "tiers": tiers}]).closings.iloc[1]
    assert 30 * fell["mark_price"] < 2_560
    assert fell["requirement"] == 3_000 / 8 - 2_560 * (1 / 8 - 1 / 64)


@pytest.mark.parametrize("draw", [random_scenario, venue_scenario])
def test_requirement_alone_is_what_the_plain_engine_asks_for(draw):
    bases = set()
    for seed in range(120):
        run = in_mode(draw(seed), "cross")
        for row in contagion(run).closings.to_dict("records"):
            needed = plain_requirement(run, row)
            assert row["requirement"] == pytest.approx(needed, abs=1e-9 * run.scenario.balance), seed
            bases.add(run.scenario.rules.mm_basis)
    assert bases == {"mark", "entry"}


def plain_requirement(run, row):
    """Return what a closed position would have needed alone, by the formula of the reference."""
    instrument = run.scenario.instruments[run.market.symbols.index(row["symbol"])]
    time = run.market.open_time[row["bar"]]
    tiers = [instrument.tiers, *(table.tiers for table in instrument.tier_changes if table.since <= time)][-1]
    rows = [[tier.floor, tier.maintenance_rate, tier.max_leverage] for tier in tiers]
    table = build_tiers(rows, instrument.tier_key, instrument.unit_margin_rate)
    mark = -1.0 / row["mark_price"] if instrument.contract == "inverse" else row["mark_price"]
    size, entry = abs(row["quantity"]), abs(mark - row["pnl"] / row["quantity"])
    worth = size * (entry if run.scenario.rules.mm_basis == "entry" else abs(mark))
    key = size if instrument.tier_key == "quantity" else worth
    line = requirement_line(run.scenario.rules, SimpleNamespace(tiers=table), size, size * entry, key)
    return line.at(abs(mark))


def test_the_margin_an_isolated_position_opens_with_has_the_buffer_in_it():
    run = scenario([], BOTH, SLOTS, bars=[CALM, FALLS], venue={"initial_margin_buffer": 1 / 64})
    isolated, cross = in_both(run)
    posted = isolated.ledger["amount"][(isolated.ledger["slot"] == 0) & (isolated.ledger["pool"] > 0)]
    assert contagion(cross, isolated).closings.iloc[0]["margin"] == posted.sum() == 40 * 100 * (1 / 8 + 1 / 64)


def test_a_loss_of_another_position_is_not_one_of_this():
    """Isolated lost the slot before, and got no margin for the order that cross filled."""
    bars = [columns([flat(100), flat(100), (100, 100, 70, 100), flat(100), (100, 100, 70, 70), flat(70)])]
    lost, later = {"bar": 0, "slot": 0, "size": 70}, {"bar": 2, "slot": 0, "size": 40}
    cross = in_mode(scenario([], [later], SLOTS[:1], bars=bars), "cross")
    isolated = in_mode(scenario([], [lost, {**later, "margin": 500}], SLOTS[:1], bars=bars), "isolated")
    assert isolated.liquidations["bar"].tolist() == [2]
    assert contagion(cross, isolated).closings["elsewhere"].tolist() == ["flat"]


def test_nothing_left_is_a_culprit():
    """A gap to 80, at which 200 - 8 * 20 is just what a sixteenth of 8 * 80 is."""
    one = [{"bar": 0, "slot": 0, "size": 8}]
    scene = scenario([flat(100), flat(100), flat(80)], one, [{"instrument": 0, "leverage": 4}])
    scene["account"]["balance"], scene["instruments"][0]["tiers"] = 200, [[0, 1 / 16, 16]]
    (row,) = contagion(in_mode(scene, "cross")).closings.to_dict("records")
    assert (row["room"], row["role"], row["blame"]) == (0.0, "culprit", 0.0)


def test_later_is_24_bars_after():
    rises = columns([flat(100), flat(100), (100, 100, 60, 60), *(flat(60 + n) for n in range(1, 30))])
    calm = columns([flat(100)] * 32)
    row = shared([calm, rises]).closings.iloc[1]
    assert row["later"] == pytest.approx(30 * (60 + 24 - row["mark_price"]))


def test_the_leverage_of_a_position_that_did_not_live_for_a_bar():
    """Opened at 100 and gone at 60, in one bar, after another one with more leverage."""
    bars = [columns([*[flat(100)] * 4, (100, 100, 60, 60)])]
    orders = [{"bar": 0, "slot": 0, "size": 1}, {"bar": 1, "slot": 0, "size": -1}, {"bar": 3, "slot": 0, "size": 40}]
    lowered = [{"bar": 3, "slot": 0, "set_leverage": 5}]
    (row,) = shared(bars, orders, SLOTS[:1], margin_actions=lowered).closings.to_dict("records")
    assert row["margin"] == 40 * 100 / 5


def test_two_pools_that_a_gap_takes_at_once_are_two_liquidations():
    scene = scenario([flat(100), flat(100), flat(50)], [BOTH[0], {**BOTH[0], "slot": 1}])
    scene["slots"] = [{"instrument": 0, "leverage": 16, "group": k} for k in range(2)]
    account = {**scene["account"], "mode": "sub_accounts"}
    run = simulate(Scenario.from_dict(validate({**scene, "account": account, "sub_account_shares": [0.5, 0.5]})))
    assert contagion(run).closings["liquidation"].tolist() == [0, 1]


def test_a_liquidation_is_one_of_a_pool_at_a_moment():
    """In a bar a pool may be liquidated in part twice."""
    several = 0
    for seed in range(150):
        run = simulate(Scenario.from_dict(validate(random_scenario(seed))))
        closed = run.events[run.events["kind"] == LIQUIDATION]
        closed = closed[[run.pool_kind[pool] == "standing" for pool in closed["pool"]]]
        moments = {(row["bar"], row["pool"], row["segment"], row["s"]) for row in closed}
        assert contagion(run).liquidations == len(moments), seed
        several += len(moments) - len(set(closed["bar"]))
    assert several > 0


def test_nothing_follows_the_last_bar():
    closings = shared([columns([flat(100)] * 3), columns([flat(100), flat(100), (100, 100, 60, 60)])]).closings
    assert all(math.isnan(later) for later in closings["later"])


def test_isolated_positions_share_nothing():
    found = contagion(in_mode(scenario([], BOTH, SLOTS, bars=[CALM, FALLS]), "isolated"))
    assert (len(found.closings), found.matrix.size, found.liquidations) == (0, 0, 0)


def test_blame_and_matrix_add_up_on_random_scenarios():
    liquidations = 0
    for seed in range(60):
        run = in_mode(random_scenario(seed), "cross")
        found = contagion(run)
        liquidations += found.liquidations
        assert found.closings["slot"].groupby(found.closings["liquidation"]).nunique().sum() == len(found.closings)
        for _, group in found.closings.groupby("liquidation"):
            assert group["blame"].sum() == pytest.approx(1.0 if (group["room"] < 0.0).any() else 0.0)
        assert found.closings["loss"].sum() == pytest.approx(run.liquidations["loss"].sum())
        victims = (found.closings["role"] == "victim").sum()
        assert found.matrix.to_numpy().sum() == pytest.approx(victims)
    assert liquidations > 20
