"""Orders, exits, funding and margin instructions against arithmetic written out by hand (section 4)."""

import pytest

from backtester.reference import run
from tests.reference.reference_helpers import HOUR, columns, events, flat, scenario


def kinds(result):
    return [(event["kind"], event["reason"]) for event in result["events"]]


# -- reduce ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "cash"), [("pro_rata", [156 + 50 + 40, 50]), ("keep", [156, 140])])
def test_partial_close(rule, cash):
    # 8 at 100 with 100 in the pool and 156 in main; 4 sold at 110
    orders = [{"size": 8}, {"bar": 0, "size": -4}]
    account = {"balance": 256}
    result = run(scenario([flat(100), flat(110)], orders, venue={"partial_close": rule}, account=account))
    assert result["cash"][1] == cash
    assert result["events"][-1]["amount"] == 40


def test_partial_close_with_a_loss_and_slippage_and_fee():
    # sold 4 at 96 * (1 - 1/64) = 94.5, fee 4 * 94.5 / 64 = 5.90625: net = 50 - 22 - 5.90625 = 22.09375
    orders = [{"size": 8}, {"bar": 0, "size": -4}]
    instrument = {"taker_fee": 1 / 64}
    scene = scenario([flat(100), flat(96)], orders, venue={"slippage": 1 / 64}, instrument=instrument)
    # opened at 101.5625: allocation 101.5625, fee 8 * 101.5625 / 64 = 12.6953125 from main
    result = run(scene)
    net = 0.5 * 101.5625 + 4 * (94.5 - 101.5625) - 5.90625
    assert result["cash"][1] == [1000 - 101.5625 - 12.6953125 + net, 0.5 * 101.5625]


def test_reversal_is_two_events():
    orders = [{"size": 8}, {"bar": 0, "size": -12, "stop": 120}]
    result = run(scenario([flat(100), flat(110)], orders))
    assert [event["quantity"] for event in events(result, "fill")] == [8, -8, -4]
    assert result["cash"][1] == [1000 + 80 - 4 * 110 / 8, 4 * 110 / 8]
    assert result["entry"][1] == [110]


def test_entries_average_by_quantity_and_by_reciprocal():
    orders = [{"size": 4}, {"bar": 0, "size": 4}]
    assert run(scenario([flat(100), flat(120)], orders))["entry"][1] == [110]
    scene = scenario([flat(100), flat(150)], orders, instrument={"contract": "inverse"})
    assert run(scene)["entry"][1] == [pytest.approx(8 / (4 / 100 + 4 / 150), rel=1e-15)]


# -- exits and limits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "segment", "s"), [("favourable", 1, 5 / 9), ("adverse", 2, 5 / 7)])
def test_trailing_stop(path, segment, s):
    # best 110, level 105: on the way from 110 to 101, or from 110 to 103
    low = 101 if path == "favourable" else 99
    result = run(scenario([(100, 110, low, 103)], [{"size": 1, "trail": 5}], account={"path": path}))
    (event,) = events(result, "trailing_stop")
    assert (event["segment"], event["s"], event["fill"]) == (segment, s, 105)
    assert result["cash"][0] == [1005, 0]


def test_trailing_stop_gaps():
    result = run(scenario([(100, 110, 100, 110), flat(90)], [{"size": 1, "trail_fraction": 1 / 16}]))
    (event,) = events(result, "trailing_stop")
    assert (event["bar"], event["segment"], event["s"], event["fill"]) == (1, 0, 0.0, 90)


def test_stop_pays_taker_fee_and_slippage():
    # stop 95 fills at 95 * 63/64 = 93.515625, fee 1/64 of it
    result = run(scenario(
        [flat(100), (100, 100, 90, 90)], [{"size": 1, "stop": 95}], instrument={"taker_fee": 1 / 64},
        venue={"slippage": 1 / 64},
    ))
    (event,) = events(result, "stop")
    assert (event["price"], event["fill"]) == (95, 93.515625)
    assert event["amount"] == 93.515625 - 101.5625 - 93.515625 / 64


def test_stop_that_watches_the_mark_fills_at_the_trade_price():
    # mark falls from 100 to 92 while the trade falls from 101 to 91: at mark 96 half the way, trade 96
    bars = columns([flat(101), (101, 101, 91, 91)])
    marks = columns([flat(100), (100, 100, 92, 92)])
    bars.update({"mark_" + name: column for name, column in marks.items()})
    order = {"size": 1, "stop": 96, "watch": "mark"}
    (event,) = events(run(scenario([], [order], bars=[bars])), "stop")
    assert (event["s"], event["price"], event["fill"]) == (0.5, 96, 96)


def test_take_profit_and_stop_order_on_the_path():
    order = {"size": 1, "stop": 95, "take_profit": 105}
    candles = [(100, 110, 90, 100)]
    assert events(run(scenario(candles, [order])), "stop", "take_profit")[0]["kind"] == "stop"
    result = run(scenario(candles, [order], account={"path": "favourable"}))
    assert [event["fill"] for event in events(result, "stop", "take_profit")] == [105]


def test_limit_fills_at_its_price_or_at_the_open():
    order = {"size": 4, "limit": 95}
    result = run(scenario([flat(100), (100, 101, 90, 91), flat(91)], [order], instrument={"maker_fee": 1 / 64}))
    (event,) = events(result, "limit")
    assert (event["bar"], event["segment"], event["fill"], event["amount"]) == (1, 1, 95, -4 * 95 / 64)
    (event,) = events(run(scenario([flat(100), flat(92)], [order])), "limit")
    assert (event["bar"], event["s"], event["fill"]) == (1, 0.0, 92)


def test_limit_with_a_stop_at_the_same_price_is_stopped_at_once():
    order = {"size": 4, "limit": 95, "stop": 95}
    result = run(scenario([(100, 100, 88, 90)], [order]))
    limit, stop = events(result, "limit", "stop")
    assert (limit["kind"], limit["fill"], stop["kind"], stop["fill"]) == ("limit", 95, "stop", 95)
    assert stop["s"] == limit["s"]


def test_a_later_order_replaces_a_limit_even_if_rejected():
    orders = [{"size": 4, "limit": 50}, {"bar": 0, "size": 1}]
    result = run(scenario([flat(100), flat(100)], orders, instrument={"min_notional": 200}))
    assert kinds(result) == [("cancelled", "replaced"), ("rejected", "minimum")]
    orders[1]["size"] = 0
    result = run(scenario([flat(100), flat(100)], orders))
    assert kinds(result) == [("cancelled", "replaced")]


def test_limit_reversal():
    orders = [{"size": 2}, {"bar": 0, "size": -5, "limit": 110, "stop": 120}]
    result = run(scenario([flat(100), (100, 112, 100, 111)], orders, account={"path": "candle"}))
    assert [event["quantity"] for event in events(result, "limit")] == [-2, -3]
    assert result["cash"][1] == [1000 + 20 - 3 * 110 / 8, 3 * 110 / 8]


# -- cuts and rejections ----------------------------------------------------------------------------------------------


def test_cut_to_available():
    # 1000 / (100 / 8) = 80
    result = run(scenario([flat(100)], [{"size": 100}]))
    (event,) = events(result, "cut")
    assert (event["reason"], event["quantity"], event["amount"]) == ("available", 80, 100)
    assert result["cash"][0] == [0, 1000]


def test_cut_to_available_then_lot():
    result = run(scenario([flat(100)], [{"size": 100}], instrument={"lot": 32}))
    assert events(result, "cut")[0]["quantity"] == 80
    assert result["quantity"][0] == [64]


def test_cut_in_a_standing_pool_counts_what_the_fill_loses():
    # 1000 / (100 / 8 + fee 1/64 * 101.5625 + loss 1.5625)
    venue, account = {"slippage": 1 / 64}, {"mode": "cross"}
    scene = scenario([flat(100)], [{"size": 100}], venue=venue, account=account, instrument={"taker_fee": 1 / 64})
    result = run(scene)
    size = 1000 / (12.5 + 101.5625 / 64 + 1.5625)
    assert result["quantity"][0] == [pytest.approx(size, rel=1e-15)]
    assert result["equity"][0] == pytest.approx(size * 12.5, rel=1e-14)


def test_cut_with_net_offset_goes_through_the_other_side():
    # long 4 at 100 needs 50 of 64; selling frees 12.5 each up to 4, then needs 12.5 each of the whole 64: 4 + 64 / 12.5
    slots = [{"instrument": 0, "leverage": 8}] * 2
    orders = [{"size": 4}, {"size": -100, "slot": 1}]
    scene = scenario(
        [flat(100)], orders, slots, venue={"hedge_offset": "net"}, account={"mode": "cross", "balance": 64}
    )
    result = run(scene)
    assert result["quantity"][0] == [4, -(4 + 64 / 12.5)]
    assert result["pool_initial_margin"][0] == [pytest.approx(64, rel=1e-15)]


def test_on_insufficient_reject():
    result = run(scenario([flat(100)], [{"size": 100}], venue={"on_insufficient": "reject"}))
    assert kinds(result) == [("rejected", "available")]
    assert result["events"][0]["quantity"] == 100


def test_cut_to_the_tier():
    instrument = {"tiers": [[0, 1 / 64, 64], [400, 1 / 32, 4]]}
    result = run(scenario([flat(100)], [{"size": 6}], instrument=instrument))
    assert kinds(result) == [("cut", "tier"), ("fill", "")]
    assert result["quantity"][0] == [4]
    result = run(scenario([flat(100)], [{"size": 6}], instrument={"tiers": [[0, 1 / 64, 4]]}))
    assert kinds(result) == [("rejected", "tier")]


def test_cut_that_the_lot_brings_to_nothing_keeps_its_reason():
    instrument = {"tiers": [[0, 1 / 64, 64], [400, 1 / 32, 4]], "lot": 5}
    result = run(scenario([flat(100)], [{"size": 10}], instrument=instrument))
    assert kinds(result) == [("cut", "tier"), ("rejected", "tier")]


def test_minimum_before_and_after_a_cut():
    result = run(scenario([flat(100)], [{"size": 1}], instrument={"min_notional": 101}))
    assert kinds(result) == [("rejected", "minimum")]
    assert kinds(run(scenario([flat(100)], [{"size": 1}], instrument={"lot": 2}))) == [("rejected", "minimum")]
    result = run(scenario([flat(100)], [{"size": 90}], instrument={"min_notional": 8500}))
    assert kinds(result) == [("cut", "available"), ("rejected", "minimum")]


def test_no_data_and_would_liquidate():
    assert kinds(run(scenario([None, flat(100)], [{"size": 1}]))) == [("rejected", "no_data")]
    # leverage 64 and rate 1/64: equity = requirement
    assert kinds(run(scenario([flat(100)], [{"size": 1}], [{"instrument": 0, "leverage": 64}]))) == [
        ("rejected", "would_liquidate")
    ]


def test_margin_asked_for_is_never_cut():
    assert kinds(run(scenario([flat(100)], [{"size": 1, "margin": 1001}]))) == [("rejected", "available")]
    # margin 984 leaves 16 for the fee of 100 / 64 each: 10.24
    result = run(scenario([flat(100)], [{"size": 16, "margin": 984}], instrument={"taker_fee": 1 / 64}))
    assert kinds(result) == [("cut", "available"), ("fill", "")]
    assert result["quantity"][0] == [pytest.approx(10.24, rel=1e-15)]
    assert result["cash"][0] == [pytest.approx(0, abs=1e-12), 984]


def test_opening_fee_from_the_pool():
    # allocation 50, fee 4 * 100 / 64 = 6.25 out of it
    result = run(scenario(
        [flat(100)], [{"size": 4}], venue={"opening_fee_from": "pool"}, instrument={"taker_fee": 1 / 64}
    ))
    assert result["cash"][0] == [950, 43.75]


def test_targets_are_met_and_attach_exits():
    orders = [{"size": 4, "target": True}, {"bar": 0, "size": 4, "target": True, "stop": 95}]
    result = run(scenario([flat(100), (100, 100, 90, 90)], orders))
    assert [event["kind"] for event in result["events"]] == ["fill", "stop"]


def test_target_after_an_odd_position_rounds_only_the_opening():
    orders = [{"size": 3}, {"bar": 0, "size": -5, "target": True}]
    result = run(scenario([flat(100), flat(100)], orders, instrument={"lot": 2}))
    assert [event["quantity"] for event in events(result, "fill")] == [2, -2, -4]


@pytest.mark.parametrize(
    ("size_type", "size", "quantity"),
    [("quantity", 2, 2), ("notional", 300, 3), ("equity_fraction", 0.5, 5), ("margin", 50, 4)],
)
def test_size_types(size_type, size, quantity):
    result = run(scenario([flat(100)], [{"size": size, "size_type": size_type}]))
    assert result["quantity"][0] == [quantity]


# -- funding -----------------------------------------------------------------------------------------------------------


def funded(source, rate, mark=100.0):
    funding = [{"time": HOUR, "instrument": 0, "rate": rate, "mark": mark}]
    scene = scenario(
        [flat(100), flat(100)], [{"size": 8}], venue={"funding_source": source}, account={"balance": 110},
        funding=funding,
    )
    return run(scene)


def test_funding_from_the_pool():
    result = funded("pool", 1 / 32)
    assert result["cash"][1] == [10, 75]
    (event,) = events(result, "funding")
    assert (event["quantity"], event["amount"], event["fill"]) == (8, -25, None)
    assert result["totals"]["funding"] == 25


def test_funding_main_first():
    # 25 to pay: main has 10 available, the pool pays 15; receipts go to main
    assert funded("main_first", 1 / 32)["cash"][1] == [0, 85]
    assert funded("main_first", -1 / 32)["cash"][1] == [35, 100]


def test_funding_without_mark_uses_the_open_and_breaches():
    result = funded("pool", 7 / 64, None)  # 87.5 of 100: 12.5 left = 800 / 64
    assert [(event["kind"], event["segment"]) for event in result["events"][1:]] == [
        ("funding", "open"), ("liquidation", "open")
    ]
    assert result["cash"][1] == [22.5, 0]


def test_funding_times_are_half_open():
    funding = [{"time": time, "instrument": 0, "rate": 1 / 1024, "mark": None} for time in (0, 1, HOUR, HOUR + 1)]
    scene = scenario([flat(100), flat(100), flat(100)], [{"size": 8}], funding=funding)
    assert [event["bar"] for event in events(run(scene), "funding")] == [1, 1, 2]


# -- margin instructions -----------------------------------------------------------------------------------------------


def instructed(*actions, candles=None, **parts):
    rows = [{"bar": 0, "slot": 0, **action} for action in actions]
    return run(scenario(candles or [flat(100), flat(100)], [{"size": 8}], margin_actions=rows, **parts))


def test_add_and_remove_margin():
    assert instructed({"add": 50})["cash"][1] == [850, 150]
    result = instructed({"add": 2000})
    assert kinds(result)[1:] == [("cut", "available"), ("add_margin", "")]
    assert result["events"][1]["amount"] == 2000
    assert result["cash"][1] == [0, 1000]
    result = instructed({"add": 50}, {"remove": 80})
    assert kinds(result)[2:] == [("cut", "available"), ("remove_margin", "")]
    assert result["cash"][1] == [900, 100]
    assert kinds(instructed({"remove": 10}))[1:] == [("rejected", "available")]


def test_remove_margin_profit_only():
    # at 110: equity 180, initial margin 110 at mark, 100 at entry; cash 100
    candles = [flat(100), flat(110)]
    assert instructed({"remove": 80}, candles=candles)["cash"][1] == [970, 30]
    # at 96 after adding 50: equity 118, less 96 at mark or less 100 at entry
    candles = [flat(100), flat(96)]
    rule = {"venue": {"remove_rule": "profit_only"}}
    assert instructed({"add": 50}, {"remove": 80}, candles=candles)["cash"][1] == [850 + 22, 150 - 22]
    assert instructed({"add": 50}, {"remove": 80}, candles=candles, **rule)["cash"][1] == [850 + 18, 150 - 18]


def test_leverage():
    # 800 / 4 = 200 against 100: 100 move in
    result = instructed({"set_leverage": 4})
    assert result["cash"][1] == [800, 200]
    assert result["events"][-1]["amount"] == 100
    assert instructed({"set_leverage": 16})["cash"][1] == [900, 100]
    assert kinds(instructed({"set_leverage": 65}))[1:] == [("rejected", "tier")]
    assert kinds(instructed({"set_leverage": 4}, venue={"leverage_rule": "rejected"}))[1:] == [("rejected", "refused")]
    assert kinds(instructed({"set_leverage": 0.5}))[1:] == [("rejected", "available")]


def test_instructions_to_a_standing_pool_are_refused():
    result = instructed({"add": 5}, {"remove": 5}, {"set_leverage": 4}, account={"mode": "cross"})
    assert kinds(result)[1:] == [("rejected", "refused"), ("rejected", "refused"), ("set_leverage", "")]
    assert result["pool_initial_margin"][1] == [200]


# -- pools -------------------------------------------------------------------------------------------------------------


def test_pools_of_modes():
    slots = [
        {"instrument": 0, "leverage": 2, "group": 1}, {"instrument": 0, "leverage": 2},
        {"instrument": 0, "leverage": 2, "mode": "isolated"}, {"instrument": 0, "leverage": 2, "group": 0},
    ]
    account = {"mode": "sub_accounts", "balance": 1000}
    result = run(scenario([flat(100)], [], slots, account=account, sub_account_shares=[0.5, 0.25]))
    assert result["pool_of_slot"] == [2, 0, 3, 1]
    assert result["pool_kind"] == ["standing", "standing", "standing", "on_demand"]
    assert result["cash"] == [[250, 500, 250, 0]]
    assert [(row["pool"], row["amount"]) for row in result["ledger"]] == [(0, 250), (1, 500), (2, 250)]
