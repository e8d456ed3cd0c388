"""What happens exactly on a line: at liquidation, at bankruptcy, through both, and in a market of one bar."""

import pytest

from backtester.kernels.path import low_comes_first, pool_at, pool_trigger
from backtester.kernels.triggers import falling_to, rank, slot_trigger
from backtester.schema import (
    ADVERSE,
    CANDLE,
    FAVOURABLE,
    LIMIT,
    LIQUIDATION,
    NOBODY,
    STOP,
    TAKE_PROFIT,
    TRAILING_STOP,
)
from tests.laws.engines import events, flat, on_both, run, scenario
from tests.unit.kernel_account import account, stand

NEVER = 2.0
SLOTS = [{"instrument": 0, "leverage": 64}]
# 8 at 128 with 268 behind it: 268 - 256 = 12 = 8 * 96 / 64, so P = 96; bankrupt at 128 - 268 / 8 = 94.5
LONG = {"size": 8, "margin": 268}


@pytest.mark.parametrize(
    ("end", "s"),
    [(96.0, 1.0), (96.0 + 2**-46, NEVER), (64.0, 0.5), (160.0, NEVER), (128.0, NEVER)],
)
def test_the_crossing_of_a_pool(end, s):
    """From 128 to 96 it is met at the end, from 128 to 64 halfway, and one unit in the last place above 96 never."""
    account_ = account([(0, 8.0, 128.0, 8.0)], cash=268.0)
    stand(account_, 0, 128.0, end, 128.0)
    assert pool_trigger(account_, 0, 0.0) == s


def test_a_pool_that_is_on_its_line_triggers_at_once():
    account_ = account([(0, 8.0, 128.0, 8.0)], cash=16.0)
    stand(account_, 0, 128.0, 256.0, 128.0)
    assert pool_trigger(account_, 0, 0.0) == 0.0


def test_a_crossing_beyond_a_bend():
    """-8 from 128 up: 1/64 to a notional of 1280 at 160, 1/8 above, less 140: at 192, 512 + 192 - 140 = 564."""
    account_ = account([(0, -8.0, 128.0, 8.0)], cash=564.0, instrument={"tiers": [[0, 1 / 64, 64], [1280, 1 / 8, 64]]})
    stand(account_, 0, 128.0, 256.0, 128.0)
    assert pool_trigger(account_, 0, 0.0) == 0.5


@pytest.mark.parametrize(
    ("first", "last", "target", "side", "s"),
    [
        (128.0, 64.0, 96.0, 1.0, 0.5), (128.0, 96.0, 96.0, 1.0, 1.0), (128.0, 97.0, 96.0, 1.0, NEVER),
        (96.0, 128.0, 96.0, 1.0, 0.0), (64.0, 128.0, 96.0, -1.0, 0.5), (128.0, 64.0, 96.0, -1.0, 0.0),
        (128.0, 128.0, 96.0, 1.0, NEVER), (96.0, 96.0, 96.0, -1.0, 0.0),
    ],
)
def test_where_a_line_meets_a_price(first, last, target, side, s):
    assert falling_to(first, last, 0.0, target, side) == s


def test_which_comes_first_at_one_price():
    assert [rank(kind) for kind in (LIQUIDATION, STOP, TRAILING_STOP, TAKE_PROFIT, LIMIT)] == [0, 1, 1, 2, 3]
    account_ = account([(0, 8.0, 128.0, 8.0)])
    stand(account_, 0, 128.0, 64.0, 128.0)
    slot = account_.slots[0]
    slot.has_exit, slot.stop, slot.take_profit = 1, 96.0, 96.0
    assert slot_trigger(account_, 0, 0.25) == (0.25, TAKE_PROFIT, NOBODY)  # it is above 96 already
    slot.take_profit = 256.0
    assert slot_trigger(account_, 0, 0.0) == (0.5, STOP, NOBODY)


@pytest.mark.parametrize(
    ("net", "path", "rising", "low_first"),
    [
        (1.0, ADVERSE, False, True), (-1.0, ADVERSE, True, False), (0.0, ADVERSE, True, True),
        (0.0, ADVERSE, False, False), (1.0, FAVOURABLE, True, False), (-1.0, FAVOURABLE, False, True),
        (0.0, FAVOURABLE, True, False), (1.0, CANDLE, False, False), (-1.0, CANDLE, True, True),
    ],
)
def test_which_extreme_comes_first(net, path, rising, low_first):
    account_ = account([(0, 0.0, 128.0, 8.0)])
    account_.instruments[0].net, account_.instruments[0].gross = net, max(abs(net), 4.0)
    assert bool(low_comes_first(account_.instruments[0], path, rising)) == low_first


def test_pools_are_tested_main_last():
    """Two sub-accounts and two isolated slots: 3 and 4, then 1 and 2, then main."""
    slots = [{"instrument": 0, "leverage": 8, "group": 0}, {"instrument": 0, "leverage": 8, "group": 1},
             {"instrument": 0, "leverage": 8, "mode": "isolated"}, {"instrument": 0, "leverage": 8, "mode": "isolated"}]
    from backtester.running import engine_input
    from backtester.scenario import Scenario, validate

    scene = scenario([flat(128)], [], slots, account={"mode": "sub_accounts"}, sub_account_shares=[0.5, 0.25])
    account_ = engine_input.run_of(Scenario.from_dict(validate(scene)), 1, 1, 1)
    assert [pool_at(account_, n) for n in range(5)] == [3, 4, 1, 2, 0]


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize(
    ("low", "kind", "s"), [(96, "liquidation", 1.0), (96 + 2**-46, None, None), (94.5, "liquidation", 32 / 33.5)]
)
def test_a_low_on_the_line(engine, mode, low, kind, s):
    """At 96 exactly, one unit in the last place above it, and at the bankruptcy price: on the way to it is the line."""
    scene = scenario([(128, 128, low, 112)], [LONG], SLOTS, account={"mode": mode, "balance": 268})
    found = events(run(engine, scene), "liquidation")
    assert [event["kind"] for event in found] == ([kind] if kind else [])
    if kind:
        assert (found[0]["segment"], found[0]["s"], found[0]["price"]) == (0, pytest.approx(s, rel=1e-15), 96)


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize(
    ("gap", "left", "absorbed"),
    [(96 + 2**-46, None, 0), (96, 12, 0), (95, 4, 0), (94.5, 0, 0), (94.375, 0, 1), (64, 0, 244), (2**-10, 0, None)],
)
def test_a_gap_to_and_through_the_lines(engine, mode, gap, left, absorbed):
    """To 96 exactly: 12 left. To 94.5, bankrupt to the bit: nothing left or owed. Through both: a debt is absorbed."""
    scene = scenario([flat(128), flat(gap)], [LONG], SLOTS, account={"mode": mode, "balance": 268})
    result = run(engine, scene)
    found = events(result, "liquidation")
    if left is None:
        assert not found
        return
    assert [(event["segment"], event["fill"]) for event in found] == [("open", gap)]
    assert result["equity"][1] == left
    assert result["totals"]["insurance_absorbed"] == (8 * (128 - gap) - 268 if absorbed is None else absorbed)
    assert result["totals"]["bankrupt"] == (left == 0)


@on_both
def test_pools_that_are_alike_go_by_their_order(engine):
    """One entry and one leverage: one line, at which sums of other sizes differ in the last digit."""
    slots = [{"instrument": 0, "leverage": 32}] * 4
    for first in range(1, 9):
        sizes = [0.7 * first, 48.0, 17.5092358532 / first, 3.1 + first / 7]
        orders = [{"slot": slot, "size": -size} for slot, size in enumerate(sizes)]
        scene = scenario([flat(65.625), (65.625, 70.1, 65.3, 69.9)], orders, slots, account={"balance": 2**17})
        closed = events(run(engine, scene), "liquidation")
        assert [event["slot"] for event in closed] == [0, 1, 2, 3]
        assert len({event["s"] for event in closed}) == 1


@on_both
@pytest.mark.parametrize("at", [96, 128, 64])
def test_a_stop_on_the_line(engine, at):
    """A stop exactly at the liquidation price loses to it; one above it wins; one below never comes."""
    scene = scenario([(128, 128, 64, 64)], [{**LONG, "stop": at}], SLOTS, account={"balance": 268})
    kinds = [event["kind"] for event in run(engine, scene)["events"]]
    assert kinds[1] == ("stop" if at == 128 else "liquidation")


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_a_market_of_one_bar(engine, mode):
    """Opened at its open, liquidated inside it, recorded at its close."""
    scene = scenario([(128, 160, 64, 128)], [LONG], SLOTS, account={"mode": mode, "balance": 268})
    result = run(engine, scene)
    assert [event["kind"] for event in result["events"]] == ["fill", "liquidation"]
    assert result["equity"] == [12]
    assert result["equity_low"] == [12]
    assert result["quantity"] == [[0]]
    assert result["liquidation_price"] == [[None]]


@on_both
def test_a_market_of_one_bar_without_orders(engine):
    result = run(engine, scenario([(128, 160, 64, 128)], []))
    assert (result["equity"], result["events"]) == ([1000], [])
    assert [(row["kind"], row["amount"]) for row in result["ledger"]] == [("deposit", 1000)]


@on_both
def test_a_market_of_one_bar_without_data(engine):
    result = run(engine, scenario([None], [LONG], account={"balance": 268}))
    assert [(event["kind"], event["reason"]) for event in result["events"]] == [("rejected", "no_data")]
    assert result["equity"] == [268]


@on_both
def test_an_order_at_the_last_close_never_acts(engine):
    result = run(engine, scenario([flat(128)], [{"bar": 0, "size": 8}]))
    assert result["events"] == []
