"""Every trade of two accounts is in one pair, every pair in one class, and the classes add up to the difference."""

import math

import numpy as np
import pytest

from backtester.engine import simulate
from backtester.explaining.attribution import CLASSES, attribute
from backtester.explaining.stretches import MONEY, stretches, trades_of
from backtester.scenario import Scenario, validate
from backtester.schema import ABSORBED, FUNDING_PAID, LIQUIDATION_FEE_PAID, TAKEN
from tests.laws.engines import columns, flat, scenario
from tests.twin.scenarios import random_scenario
from tests.twin.venue_scenarios import venue_scenario
from tests.unit.two_modes import in_both, in_mode

BATCH = 20
FALL = [flat(100), flat(100), (100, 100, 80, 96), flat(104), flat(104)]  # at 8x isolated does not live through it
BUY = {"bar": 0, "size": 8}
SELL = {"bar": 2, "size": 0, "target": True}


def attributed(scene):
    return attribute(*in_both(scene), ("isolated", "cross"))


def only(scene):
    """Return the one pair of a scenario, after its money was added up."""
    found = attributed(scene)
    assert len(found.pairs) == 1
    assert abs(found.rest) <= 1e-9 * scene["account"]["balance"]
    return found.pairs.iloc[0]


def ledger_sum(run, *kinds):
    return float(run.ledger["amount"][np.isin(run.ledger["kind"], kinds)].sum())


@pytest.mark.parametrize("draw", [random_scenario, venue_scenario])
@pytest.mark.parametrize("first", range(0, 160, BATCH))
def test_the_classes_add_up_to_the_difference(draw, first):
    for seed in range(first, first + BATCH):
        scene = draw(seed)
        money = 1e-9 * scene["account"]["balance"]
        runs = in_both(scene)
        found = attribute(*runs, ("isolated", "cross"))
        assert abs(found.rest) <= money, seed
        assert abs(found.sums["difference"].sum() - (runs[0].equity[-1] - runs[1].equity[-1])) <= money, seed
        for name, kinds in (
            ("funding", (FUNDING_PAID,)),
            ("liquidation_fees", (LIQUIDATION_FEE_PAID,)),
            ("insurance", (ABSORBED, TAKEN)),
        ):
            apart = ledger_sum(runs[0], *kinds) - ledger_sum(runs[1], *kinds)
            assert abs(found.sums[name].sum() - apart) <= money, (seed, name)
        assert abs(found.sums["fees"].sum() + runs[0].totals["fees"] - runs[1].totals["fees"]) <= money, seed
        assert found.sums["pairs"].sum() == len(found.pairs)
        assert not found.pairs["class"].isna().any()
        same = found.pairs[found.pairs["class"] == "same"]
        assert (same["price"].abs() <= money).all(), seed
        for mode, run in zip(("isolated", "cross"), runs, strict=True):
            assert found.pairs[f"stretches_{mode}"].sum() == len(stretches(run).slot)


def test_any_two_modes_add_up():
    """A scenario's own mode, mixed and sub-accounts among them, against isolated."""
    seen = set()
    for seed in range(300, 380):
        scene = random_scenario(seed)
        own = simulate(Scenario.from_dict(validate(scene)))
        found = attribute(own, in_mode(scene, "isolated"), ("own", "isolated"))
        assert abs(found.rest) <= 1e-9 * scene["account"]["balance"], seed
        seen.add(scene["account"]["mode"])
    assert seen == {"isolated", "cross", "mixed", "sub_accounts"}


@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_money_of_stretches_is_what_the_account_gained(mode):
    for seed in range(200, 240):
        run = in_mode(random_scenario(seed), mode)
        total = sum(float(part.sum()) for part in stretches(run).money.values())
        assert total == pytest.approx(run.equity[-1] - run.scenario.balance, abs=1e-9 * run.scenario.balance)
        trades = trades_of(run)
        assert trades.after[-1:].tolist() == run.quantity[-1, trades.event["slot"][-1:]].tolist()


def test_same_in_both():
    row = only(scenario([flat(100), flat(100), flat(104), flat(104)], [{**BUY, "size": 1}, {**SELL, "bar": 1}]))
    assert (row["class"], row["difference"], row["net_isolated"], row["net_cross"]) == ("same", 0.0, 4.0, 4.0)
    assert (row["order_isolated"], row["end_cross"]) == (0.0, "fill")


def test_liquidated_in_isolated_and_carried_by_cross():
    row = only(scenario(FALL, [BUY, SELL]))
    assert (row["class"], row["end_isolated"], row["end_cross"]) == ("first_liquidated", "liquidation", "fill")
    assert row["net_cross"] == 8 * 4.0
    assert row["net_isolated"] == pytest.approx(8 * (7 / 8 / (1 - 1 / 64) - 1) * 100)  # what is left at the line
    assert row["difference"] == row["net_isolated"] - row["net_cross"]
    assert row["opened"].hour == 1
    assert row["closed"].hour == 3


def test_closed_by_contagion_in_cross_and_spared_by_isolation():
    """The second slot loses all there is; the first does not move, and goes with it."""
    bars = [columns([flat(100)] * 5), columns([flat(100), flat(100), (100, 100, 60, 60), flat(60), flat(60)])]
    slots = [{"instrument": 0, "leverage": 8}, {"instrument": 1, "leverage": 8}]
    orders = [{**BUY, "size": 40}, {**BUY, "slot": 1, "size": 30}]
    found = attributed(scenario([], orders, slots, bars=bars))
    assert found.pairs["class"].tolist() == ["second_liquidated", "both_liquidated"]
    assert found.pairs["end_isolated"].tolist() == ["open", "liquidation"]
    assert found.pairs["closed"].isna().tolist() == [True, False]
    assert abs(found.rest) <= 1e-6


def test_cut_for_want_of_margin():
    """Isolated has given its money away; cross puts both on the whole."""
    slots = [{"instrument": 0, "leverage": 8}] * 2
    orders = [{**BUY, "size": 8, "margin": 990}, {**BUY, "slot": 1, "size": 8}]
    found = attributed(scenario([flat(100), flat(100), flat(101), flat(101)], orders, slots))
    assert found.pairs["class"].tolist() == ["same", "held_back"]
    assert found.pairs["net_isolated"].tolist() == [8.0, pytest.approx(0.8)]


def test_refused_for_want_of_margin():
    slots = [{"instrument": 0, "leverage": 8}] * 2
    orders = [{**BUY, "size": 8, "margin": 1000}, {**BUY, "slot": 1, "size": 8}, {**SELL, "bar": 2, "slot": 1}]
    row = attributed(scenario([flat(100), flat(100), flat(101), flat(101)], orders, slots)).pairs.iloc[1]
    assert (row["class"], row["end_isolated"], row["net_isolated"]) == ("held_back", "none", 0.0)
    assert math.isnan(row["order_isolated"])
    assert (row["order_cross"], row["stretches_cross"]) == (0.0, 1)


def test_refused_because_it_would_be_liquidated_at_once():
    """At 64x a block is no more than its requirement."""
    slots = [{"instrument": 0, "leverage": 64}]
    row = only(scenario([flat(100), flat(100), flat(101), flat(101)], [BUY, SELL], slots))
    assert (row["class"], row["end_isolated"], row["net_cross"]) == ("held_back", "none", 8.0)


def test_cancelled_by_the_liquidation_of_a_pool():
    """The first slot takes all that cross has, and the limit of the second one with it."""
    falls = columns([flat(100), flat(100), (100, 100, 60, 60), *[flat(60)] * 3])
    bars = [falls, columns([*[flat(100)] * 4, *[flat(90)] * 2])]
    slots = [{"instrument": 0, "leverage": 8}, {"instrument": 1, "leverage": 8}]
    orders = [{**BUY, "size": 40}, {"bar": 0, "slot": 1, "size": 2, "limit": 95}, {**SELL, "slot": 1, "bar": 4}]
    found = attributed(scenario([], orders, slots, bars=bars))
    assert found.pairs["class"].tolist() == ["both_liquidated", "held_back"]
    assert found.pairs["end_cross"].tolist() == ["liquidation", "none"]


def test_what_was_refused_in_both_holds_back_no_later_order():
    slots = [{"instrument": 0, "leverage": 8}] * 2
    later = {"bar": 2, "slot": 1, "size": 0.25, "size_type": "equity_fraction", "target": True}
    orders = [BUY, SELL, {**BUY, "slot": 1, "size": 8_000}, later, {**SELL, "bar": 3, "slot": 1}]
    found = attributed(scenario(FALL, orders, slots, venue={"on_insufficient": "reject"}))
    assert found.pairs["class"].tolist() == ["first_liquidated", "other"]


def test_a_reversal_of_which_half_is_refused_holds_back_what_it_would_have_opened():
    turn = {"bar": 1, "size": -8, "target": True, "margin": 2_000}
    pairs = attributed(scenario([flat(100), flat(100), flat(101), flat(102)], [BUY, turn, SELL])).pairs
    assert pairs["class"].tolist() == ["same", "held_back"]
    assert pairs["end_isolated"].tolist() == ["fill", "none"]


def test_other_size_and_open_at_the_end():
    """After isolated's loss, a part of the equity is less than cross's."""
    buys = {"bar": 2, "slot": 1, "size": 0.25, "size_type": "equity_fraction", "target": True}
    slots = [{"instrument": 0, "leverage": 8}] * 2
    sold = attributed(scenario(FALL, [BUY, SELL, buys, {**SELL, "bar": 3, "slot": 1}], slots))
    assert sold.pairs["class"].tolist() == ["first_liquidated", "other"]
    left = attributed(scenario(FALL, [BUY, SELL, buys], slots))
    assert left.pairs["class"].tolist() == ["first_liquidated", "open"]
    assert left.pairs["end_cross"].tolist() == ["fill", "open"]


def test_a_reversal_ends_a_pair():
    orders = [BUY, {"bar": 1, "size": -8, "target": True}, {**SELL, "bar": 2}]
    pairs = attributed(scenario([flat(100), flat(100), flat(101), flat(102)], orders)).pairs
    assert pairs["class"].tolist() == ["same", "same"]
    assert pairs["net_cross"].tolist() == [8.0, -8.0]
    assert pairs["order_cross"].tolist() == [0.0, 1.0]


def test_who_comes_back_while_the_other_still_holds_is_in_the_same_pair():
    scene = scenario([*FALL, flat(104)], [BUY, {"bar": 2, "size": 8, "target": True}, {**SELL, "bar": 4}])
    row = only(scene)
    assert (row["class"], row["stretches_isolated"], row["stretches_cross"]) == ("first_liquidated", 2, 1)
    other_way = attribute(*reversed(in_both(scene)), ("cross", "isolated")).pairs
    assert other_way["class"].tolist() == ["second_liquidated"]
    assert other_way["difference"].tolist() == [-row["difference"]]


def test_what_a_fund_absorbs_of_a_shared_pool_is_shared_by_notional():
    """A gap to 50: longs of 30 and 10 at 100 lose 2,000 of 1,000."""
    gap = [flat(100), flat(100), flat(50)]
    orders = [{**BUY, "size": 30}, {**BUY, "slot": 1, "size": 10}]
    slots = [{"instrument": 0, "leverage": 8}] * 2
    found = attributed(scenario(gap, orders, slots))
    isolated = [30 * 50 - 30 * 100 / 8, 10 * 50 - 10 * 100 / 8]  # each lacks what its own block does not hold
    shared = [0.75 * 1000, 0.25 * 1000]
    assert found.pairs["insurance"].tolist() == [a - b for a, b in zip(isolated, shared, strict=True)]
    assert found.rest == 0.0


def test_each_shared_pool_has_what_a_fund_absorbs_of_it():
    """Two sub-accounts of 500, and a gap to 50: longs of 30 and 20 at 100 lose 1,500 and 1,000."""
    slots = [{"instrument": 0, "leverage": 8, "group": k} for k in range(2)]
    scene = scenario([flat(100), flat(100), flat(50)], [{**BUY, "size": 30}, {**BUY, "slot": 1, "size": 20}], slots)
    account = {**scene["account"], "mode": "sub_accounts"}
    run = simulate(Scenario.from_dict(validate({**scene, "account": account, "sub_account_shares": [0.5, 0.5]})))
    assert stretches(run).money["insurance"].tolist() == [1_000.0, 500.0]


def test_partial_closes_are_one_stretch():
    orders = [BUY, {"bar": 1, "size": -4}, {"bar": 2, "size": -4}]
    row = only(scenario([flat(100), flat(100), flat(101), flat(103)], orders))
    assert (row["net_cross"], row["stretches_cross"]) == (4 * 1.0 + 4 * 3.0, 1)


def test_no_trade_is_no_pair():
    found = attributed(scenario([flat(100)], []))
    assert len(found.pairs) == 0
    assert found.sums.index.tolist() == list(CLASSES)
    assert (found.sums[["pairs", *MONEY, "difference"]] == 0.0).all(axis=None)
    assert (found.difference, found.rest) == (0.0, 0.0)
