"""Several strategies in one account: what they are allotted reaches slots, sizes and pools, or is refused in words."""

import numpy as np
import pytest

from backtester import (
    Account,
    Allocation,
    ConfigurationError,
    SlotSpec,
    Strategy,
    Targets,
    compare,
    reference,
    run,
    simulate,
)
from backtester.allocation import described, titles
from backtester.asking.intents import check_causal, plan
from backtester.scenario import Scenario, validate
from tests.strategy_market import fixed, market, random_market
from tests.twin.agreement import differences

FLAT = [64.0] * 6


class Half(Strategy):
    size: float = 0.5

    def targets(self, market):
        return Targets(equity_fraction=self.size)


class Swings(Half):
    """Long and short by turns."""

    def targets(self, market):
        return Targets(equity_fraction=np.where(np.arange(market.n_bars) % 7 < 3, 4.0, -4.0))


class Own(Half):
    """One slot with a leverage and a margin mode of its own, and one without."""

    def slots(self, market):
        return [SlotSpec("AUSDT", "own", leverage=3.0, margin_mode="cross"), SlotSpec("AUSDT", "other")]


def test_a_share_scales_equity_fractions_exactly():
    got = plan([Allocation(Half(), share=0.3), Half()], market(FLAT), Account()).orders
    assert got.size.tolist() == [0.3 * 0.5, 0.5]


@pytest.mark.parametrize("size", ["quantity", "notional", "margin"])
def test_other_sizes_stay_what_they_are(size):
    got = plan(Allocation(fixed(**{size: 3.0}), share=0.25), market(FLAT), Account()).orders
    assert got.size.tolist() == [3.0]


def test_leverage_is_what_is_allotted_then_the_slots_then_the_accounts():
    team = [Allocation(Own(), leverage=7), Own(), Half()]
    slots = plan(team, market(FLAT), Account(leverage=2)).slots
    assert [slot.leverage for slot in slots] == [7.0, 7.0, 3.0, 2.0, 2.0]


@pytest.mark.parametrize("mode", ["isolated", "cross", "mixed", "sub_accounts"])
def test_the_margin_mode_counts_in_mixed_and_outside_of_sub_accounts(mode):
    team = [Own(), Allocation(Own(), margin_mode="isolated"), Allocation(Half(), share=0.5, margin_mode="isolated")]
    result = run(team, market(FLAT), Account(mode=mode))
    kinds = [result.pool_kind[p] for p in result.pool_of_slot]
    own = {"isolated": "on_demand", "cross": "standing"}.get(mode)
    mixed = ["standing"] * 2 + ["on_demand"] * 2 + ["on_demand" if mode == "mixed" else "standing"]
    assert kinds == ([own] * 5 if own else mixed)


def test_a_share_is_a_sub_account_of_its_own():
    team = [Allocation(Half(), share=0.25, name="core"), Half(size=0.1), Allocation(Half(), share=0.5)]
    result = run(team, market(FLAT), Account(balance=1_024, mode="sub_accounts"))
    assert result.pool_of_slot.tolist() == [1, 0, 2]
    assert result.scenario.shares == (0.25, 0.5)
    assert result.slot_names == ("core AUSDT", "Half#1 AUSDT", "Half#2 AUSDT")
    deposits = result.ledger["amount"][:3]
    assert deposits.tolist() == [256.0, 256.0, 512.0]


def test_shares_of_the_account_and_of_strategies_stand_side_by_side():
    account = Account(mode="sub_accounts", shares={"Half": 0.5})
    result = run([Half(), Allocation(Own(), share=0.25)], market(FLAT), account)
    assert result.scenario.shares == (0.5, 0.25)
    assert result.pool_of_slot.tolist() == [1, 2, 2]


@pytest.mark.parametrize("mode", ["cross", "isolated", "mixed"])
def test_elsewhere_a_share_moves_no_money(mode):
    assert run(Allocation(Half(), share=0.25), market(FLAT), Account(mode=mode)).scenario.shares == ()


def test_every_mode_gets_the_same_orders():
    team = [Allocation(Half(), share=0.25), Allocation(Own(), share=0.5, leverage=5)]
    result = compare(team, random_market(40, 1), Account(leverage=10), ["isolated", "cross", "mixed", "sub_accounts"])
    sizes = [each.scenario.orders.size.tolist() for each in result.results.values()]
    assert sizes == [sizes[0]] * 4
    assert result.first.strategy == "Half(size=0.5) [share 0.25] + Own(size=0.5) [share 0.5, 5x]"


@pytest.mark.parametrize("mode", ["isolated", "cross", "mixed", "sub_accounts"])
def test_both_engines_agree_on_allocations(mode):
    team = [
        Allocation(Swings(), share=0.25, leverage=20, name="a"),
        Allocation(Half(size=3.0), share=0.5, margin_mode="isolated", name="b"),
    ]
    scene = run(team, random_market(60, 2, volatility=0.05), Account(leverage=10, mode=mode)).to_scenario()
    checked = validate(scene)
    kernel = simulate(Scenario.from_dict(checked)).to_dict()
    assert differences(checked, kernel, reference.run(checked)) == []
    assert kernel["totals"]["liquidations"] > 0


def test_names_are_given_or_the_class_numbered():
    team = [Allocation(Half()), Allocation(Half(), name="core"), Allocation(Half()), Allocation(Own())]
    assert titles(team) == ["Half#1", "core", "Half#2", "Own"]


def test_what_is_allotted_is_said():
    every = Allocation(Half(), share=0.3, leverage=10, margin_mode="isolated", name="core")
    assert described([every, Own()]) == "Half(size=0.5) [core, share 0.3, 10x, isolated] + Own(size=0.5)"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"share": 1.5}, "allocation.share: is more than the account; found 1.5; allowed: a fraction above 0"),
        ({"share": 30}, "allocation.share: is more than the account; found 30"),
        ({"share": 0}, "allocation.share: must be above 0; found 0"),
        ({"share": "0.3"}, "allocation.share: is not a number; found '0.3'"),
        ({"share": float("nan")}, "allocation.share: must be above 0; found nan"),
        ({"leverage": -1}, "allocation.leverage: must be above 0; found -1"),
        ({"margin_mode": "isolatd"}, "allocation.margin_mode: is an unknown margin_mode; found 'isolatd'; nearest"),
        ({"name": "my core"}, "allocation.name: is not a name; found 'my core'; allowed: letters, digits, _ and -"),
        ({"name": 3}, "allocation.name: is not a name; found 3"),
    ],
)
def test_bad_allotments(fields, message):
    with pytest.raises(ConfigurationError) as caught:
        Allocation(Half(), **fields)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("team", "message"),
    [
        ([Allocation(Half(), 0.7), Allocation(Own(), 0.5)], r"allocation\.share: sum to more than 1; found"),
        ([Allocation(Half(), name="a"), Allocation(Own(), name="a")], r"allocation\.name: is the name of two.*'a'"),
        ([Half(), Allocation(Own(), name="Half")], r"allocation\.name: is the name of two strategies.*Give each"),
        ([Allocation(Half(), name="account")], r"allocation\.name: is what belongs to no strategy"),
        ([], r"strategies: there is none; found None\. Give at least one"),
        ([Half], r"strategies: is a class, not a strategy.*Make one of it: Half\(\)"),
        (Half, r"strategies: is a class"),
        (3, r"strategies: is not a Strategy; found 3"),
        ([Allocation(Half(), name="a"), "trend"], r"strategies: is not a Strategy; found 'trend'"),
    ],
)
def test_teams_that_do_not_fit(team, message):
    with pytest.raises(ConfigurationError, match=message):
        plan(team, market(FLAT), Account())


def test_a_class_or_an_allocation_is_no_strategy_of_an_allocation():
    with pytest.raises(ConfigurationError, match=r"allocation\.strategy: is a class, not a strategy"):
        Allocation(Half)
    with pytest.raises(ConfigurationError, match=r"allocation\.strategy: is not a Strategy"):
        Allocation(Allocation(Half()))


def test_a_share_that_the_account_has_too_is_refused():
    account = Account(shares={"core": 0.5})
    with pytest.raises(ConfigurationError, match=r"allocation\.share: the account has a share of this name.*once"):
        plan(Allocation(Half(), 0.3, name="core"), market(FLAT), account)
    with pytest.raises(ConfigurationError, match=r"allocation\.share: sum to more than 1"):
        plan(Allocation(Half(), 0.6), market(FLAT), account)


def test_a_share_whose_slots_are_all_elsewhere_would_lie_idle():
    class Elsewhere(Half):
        def slots(self, market):
            return [SlotSpec("AUSDT", sub_account="pot")]

    account = Account(mode="sub_accounts", shares={"pot": 0.5})
    with pytest.raises(ConfigurationError, match=r"no slot belongs to this sub-account.*found 'Elsewhere'"):
        plan(Allocation(Elsewhere(), 0.3), market(FLAT), account)


def test_unknown_isolated_names_are_refused_in_sub_accounts_too():
    with pytest.raises(ConfigurationError, match=r"account\.isolated: names no slot"):
        plan(Half(), market(FLAT), Account(mode="sub_accounts", isolated=("BUSDT",)))


def test_the_strategy_itself_is_left_as_it_was():
    strategy = Half()
    plan(Allocation(strategy, 0.5), market(FLAT), Account())
    assert strategy.targets(market(FLAT)).equity_fraction == 0.5
    check_causal(strategy, market(FLAT))
