"""What each strategy earned and used: by hand, and in sum the account's on random scenarios."""

import dataclasses

import numpy as np
import pytest

from backtester import (
    Account,
    Allocation,
    Market,
    SlotSpec,
    Strategy,
    Targets,
    compare,
    compare_venues,
    load_venue,
    run,
    simulate,
)
from backtester.running.by_strategy import SCENARIO, largest_fall
from backtester.scenario import Scenario
from tests.strategy_market import frame
from tests.twin.scenarios import random_scenario

PARTS = {
    "realised": 1,
    "unrealised": 1,
    "fees": -1,
    "funding": -1,
    "liquidation_fees": -1,
    "insurance_absorbed": 1,
    "insurance_taken": -1,
}
COUNTS = ("liquidations", "rejected", "cut")
FREE = {"slippage": 0.0}


class Buys(Strategy):
    """Holds a quantity of the first symbol from the first bar on, and half of it from bar 3 on."""

    quantity: float = 1.0

    def slots(self, market):
        return [SlotSpec(market.symbols[0])]

    def targets(self, market):
        wanted = np.full(market.n_bars, self.quantity)
        wanted[3:] /= 2
        return Targets(quantity=wanted)


def a_market(*closes):
    return Market.from_frames({"AUSDT": frame(closes)})


def free_of_fees():
    """Return the generic venue without fees."""
    venue = load_venue("generic")
    return dataclasses.replace(venue, default=dataclasses.replace(venue.default, taker_fee_rate=0.0))


def gap(candles):
    """Return candles of which bar 3 opens where it closes."""
    candles.iloc[3, :] = candles["close"].iloc[3]
    return candles


def fees_of(result):
    """Return what the slots' ledger rows of fees sum to, by slot."""
    rows = result.ledger_frame
    return -rows[rows["kind"] == "fee"].groupby("slot")["amount"].sum()


def test_two_strategies_by_hand():
    market = a_market(64, 64, 80, 96, 64, 64)
    team = [Allocation(Buys(quantity=2.0), leverage=4, name="long"), Allocation(Buys(quantity=-1.0), name="short")]
    result = run(team, market, Account(balance=1_024, leverage=2, mode="cross", rules=FREE))
    told = result.by_strategy
    assert list(told.index) == ["long", "short", "account"]
    # opened at 64, the open of bar 1; half of it closed at 96, the open of bar 4; 64 at the end
    assert told["realised"].tolist() == [32.0, -16.0, 0.0]
    assert told["unrealised"].tolist() == [0.0, 0.0, 0.0]
    assert told["fees"].tolist() == pytest.approx([*fees_of(result), 0.0])
    assert told["pnl"].tolist() == pytest.approx((told["realised"] - told["fees"]).tolist(), abs=1e-12)
    assert told["trades"].tolist() == [1, 1, 0]
    # at the close of bar 3, before the halves are closed: 2 * 96 at 4x, 1 * 96 at 2x
    assert told["peak_margin"].tolist() == [48.0, 48.0, 0.0]
    # 2 * 64, 2 * 80, 2 * 96 and then 1 * 64 twice, over all six bars
    assert told["mean_margin"].tolist() == pytest.approx([608 / 4 / 6, 304 / 2 / 6, 0.0])


def test_the_drawdown_is_that_of_the_pnl_at_closes():
    market = a_market(64, 64, 80, 48, 72)
    account = Account(balance=1_024, mode="cross", venue=free_of_fees())
    told = run([Buys(quantity=2.0), Buys(quantity=-2.0)], market, account).by_strategy
    # 2 from 64, and 1 since 48, the open of bar 4: 0, 32, -32, -8 at the closes; and the opposite
    assert told["largest_drawdown"].tolist() == [64.0, 32.0, 0.0]
    assert [largest_fall(np.array(curve)) for curve in ([-3.0, 1.0, -1.0], [1.0, 2.0])] == [3.0, 0.0]


@pytest.mark.parametrize(("mode", "owner"), [("cross", "account"), ("isolated", "Buys#1"), ("sub_accounts", "Buys#1")])
def test_what_insurance_pays_for_a_shared_pool_is_nobodys(mode, owner):
    market = Market.from_frames({"AUSDT": gap(frame([64, 64, 64, 4, 4]))})
    team = [Allocation(Buys(quantity=30.0), share=0.5), Allocation(Buys(quantity=0.5), share=0.25)]
    result = run(team, market, Account(balance=1_024, leverage=4, mode=mode))
    told = result.by_strategy
    absorbed = told["insurance_absorbed"]
    assert absorbed[owner] > 0
    assert absorbed.sum() == pytest.approx(result.totals["insurance_absorbed"])
    if mode == "cross":
        assert told.loc["account", "pnl"] == absorbed["account"]
        assert absorbed[["Buys#1", "Buys#2"]].tolist() == [0.0, 0.0]
    assert told["liquidations"].tolist() == [1, int(mode != "sub_accounts"), 0]
    assert told["pnl"].sum() == pytest.approx(result.equity[-1] - 1_024, abs=1e-9)


def test_a_scenario_from_a_file_is_one_strategy():
    scenario = Scenario.from_dict(random_scenario(3))
    assert list(simulate(scenario).by_strategy.index) == [SCENARIO, "account"]


def test_a_comparison_has_it_by_mode():
    result = compare([Buys(), Buys(quantity=-1.0)], a_market(64, 64, 80, 48, 72), Account(balance=1_024))
    told = result.by_strategy
    assert told.index.names == ["mode", "strategy"]
    assert told.loc["cross"].equals(result.cross.by_strategy)


def test_venues_have_it_by_venue_and_mode():
    market = a_market(64, 64, 80, 48, 72)
    result = compare_venues([Buys(), Buys(quantity=-1.0)], market, Account(), ["generic", "bybit"])
    told = result.by_strategy
    assert told.index.names == ["venue", "mode", "strategy"]
    assert told.loc["bybit"].equals(result["bybit"].by_strategy)


@pytest.mark.parametrize("seed", range(60))
def test_the_strategies_sum_to_the_account(seed):
    scenario = Scenario.from_dict(random_scenario(seed))
    owner = np.random.default_rng(seed).integers(0, 3, len(scenario.slots))
    slots = tuple(
        slot._replace(strategy=f"s{k}", name=f"s{k} {j}")
        for j, (slot, k) in enumerate(zip(scenario.slots, owner, strict=True))
    )
    result = simulate(dataclasses.replace(scenario, slots=slots))
    told = result.by_strategy
    scale = scenario.balance + np.abs(result.ledger["amount"]).sum()
    exact = pytest.approx
    assert told["pnl"].sum() == exact(result.equity[-1] - scenario.balance, abs=1e-11 * scale)
    parts = sum(sign * told[name] for name, sign in PARTS.items())
    assert parts.tolist() == exact(told["pnl"].tolist(), abs=1e-11 * scale)
    for name in PARTS.keys() - {"unrealised"}:
        assert told[name].sum() == exact(result.totals[name], abs=1e-11 * scale)
    assert told["unrealised"].sum() == exact(result.pool_pnl[-1].sum(), abs=1e-11 * scale)
    assert [told[name].sum() for name in COUNTS] == [result.totals[name] for name in COUNTS]
    assert told["trades"].sum() == len(result.trades)
    offset = scenario.rules.hedge_offset
    whole = result.pool_initial_margin.sum(axis=1)
    one = simulate(dataclasses.replace(scenario, slots=tuple(slot._replace(strategy="one") for slot in slots)))
    alone = one.by_strategy.loc["one"]
    assert alone["mean_margin"] >= (1 - 1e-9) * whole.mean()
    if offset == "none":
        assert alone["mean_margin"] == exact(whole.mean(), rel=1e-9)
        assert alone["peak_margin"] == exact(whole.max(), rel=1e-9)
    assert told["mean_margin"].sum() == exact(alone["mean_margin"], rel=1e-9)
