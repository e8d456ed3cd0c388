"""Where the page names a number or a word, on both engines: edges that random scenarios seldom meet."""

import pytest

from backtester.errors import ConfigurationError
from tests.laws.engines import columns, events, flat, on_both, run, scenario

SLOT = {"instrument": 0, "leverage": 10}


@on_both
def test_larger_side_of_a_closed_form_is_the_larger_quantity(engine):
    """Margined at entry, the smaller side may require more: short 10 at 100 (10), long 9.5 at 110 (10.45).

    Equity 1000 + 10 * (100 - p) + 9.5 * (p - 110) = 10 at p = 1890, not 10.45 at p = 1889.1.
    """
    orders = [{"bar": -1, "slot": 0, "size": -10}, {"bar": 0, "slot": 1, "size": 9.5}]
    venue = {"mm_basis": "entry", "hedge_offset": "larger_side"}
    parts = {"venue": venue, "instrument": {"tiers": [[0, 0.01, 100]]}, "account": {"mode": "cross"}}
    result = run(engine, scenario([flat(100), flat(110)], orders, [SLOT, SLOT], **parts))
    assert result["pool_requirement"][1][0] == pytest.approx(10.45)
    assert result["liquidation_price"][1] == pytest.approx([1890.0, 1890.0])


@on_both
def test_bankruptcy_is_at_the_end_of_its_bar(engine):
    """The gap of bar 1 takes everything at its open; the bar is quiet after that."""
    orders = [{"bar": -1, "slot": 0, "size": 100}]
    funding = [{"time": 3_600_000_000_000, "instrument": 0, "rate": 0.0001}]
    scene = scenario([flat(100), flat(50), flat(50)], orders, [SLOT], account={"mode": "cross"})
    scene["funding"] = [row | {"time": scene["open_time"][1]} for row in funding]
    (bankrupt,) = events(run(engine, scene), "bankrupt")
    assert (bankrupt["bar"], bankrupt["segment"], bankrupt["s"]) == (1, "close", 1.0)


@on_both
@pytest.mark.parametrize("size", [123.492, 17.3, 0.07])
def test_an_opening_at_its_requirement_is_refused(engine, size):
    """At 50x on a tier of 2 % the margin is the requirement, whatever the last digit says."""
    slots = [{"instrument": 0, "leverage": 50}]
    orders = [{"bar": -1, "slot": 0, "size": size}]
    parts = {"instrument": {"tiers": [[0, 0.02, 100]]}, "account": {"mode": "isolated", "balance": 1e9}}
    result = run(engine, scenario([flat(20)], orders, slots, **parts))
    assert [(event["kind"], event["reason"]) for event in result["events"]] == [("rejected", "would_liquidate")]


@on_both
@pytest.mark.parametrize("price", [77.0, 49.0, 3.7])
def test_a_notional_of_the_minimum_is_not_below_it(engine, price):
    orders = [{"bar": -1, "slot": 0, "size": 10.0, "size_type": "notional"}]
    result = run(engine, scenario([flat(price)], orders, [SLOT], instrument={"min_notional": 10.0}))
    assert [event["kind"] for event in result["events"]] == ["fill"]


@on_both
def test_what_rounding_leaves_is_no_money(engine):
    """Ten blocks of a tenth leave main a last digit; a buy that costs nothing opens nothing."""
    slots = [SLOT | {"mode": "isolated"}] * 10 + [SLOT]
    orders = [{"bar": -1, "slot": j, "size": 0.1, "size_type": "margin", "margin": 0.1} for j in range(10)]
    orders += [{"bar": -1, "slot": 10, "size": 5}]
    marks = {f"mark_{name}": column for name, column in columns([flat(100)]).items()}
    bars = [columns([flat(80)]) | marks]
    result = run(engine, scenario([], orders, slots, bars=bars, account={"mode": "mixed", "balance": 1.0}))
    assert 0 < result["cash"][0][0] < 1e-12  # 1 - 10 * 0.1
    last = result["events"][-1]
    assert (last["kind"], last["reason"], last["slot"]) == ("rejected", "available", 10)


@on_both
def test_what_rounding_leaves_has_no_fraction(engine):
    """Ten blocks of a tenth are all gone after the gap; the last digit in main is no equity to take a fraction of."""
    slots = [SLOT | {"mode": "isolated"}] * 10 + [SLOT]
    orders = [{"bar": -1, "slot": j, "size": 0.1, "size_type": "margin", "margin": 0.1} for j in range(10)]
    orders.append({"bar": 0, "slot": 10, "size": 0.5, "size_type": "equity_fraction"})
    parts = {"account": {"mode": "mixed", "balance": 1.0}, "instrument": {"taker_fee": 0.0}}
    result = run(engine, scenario([flat(100), flat(80), flat(80)], orders, slots, **parts))
    assert 0 < result["equity"][1] < 1e-12  # 1 - 10 * 0.1
    (refused,) = events(result, "rejected")
    assert (refused["reason"], refused["quantity"]) == ("available", 0.0)


@on_both
def test_linear_and_inverse_contracts_are_two_accounts(engine):
    scene = scenario([], [], [SLOT, {"instrument": 1, "leverage": 10}], bars=[columns([flat(100)])] * 2)
    scene["instruments"][1]["contract"] = "inverse"
    with pytest.raises(ConfigurationError, match="linear and inverse contracts in one account"):
        run(engine, scene)


@on_both
def test_an_account_without_slots_keeps_its_balance(engine):
    scene = scenario([flat(100)] * 3, [], [SLOT])
    scene["slots"] = []
    result = run(engine, scene)
    assert (result["equity"], result["events"]) == ([1000.0] * 3, [])


@on_both
def test_a_gap_into_another_tier_liquidates_before_the_orders_of_that_open(engine):
    """A short that nobody trades jumps a tier at an open at which another instrument has an order.

    Short 10 at 100 with 700 behind it: at 150 equity is 200, and a notional of 1500 needs
    0.5 * 1500 - 0.49 * 1100 = 211. On the tier it came from it would need 15.
    """
    slots = [{"instrument": 0, "leverage": 10}, {"instrument": 1, "leverage": 10}]
    orders = [{"bar": -1, "slot": 0, "size": -10}, {"bar": -1, "slot": 1, "size": 1}, {"bar": 3, "slot": 1, "size": 1}]
    bars = [columns([flat(100)] * 4 + [flat(150)] * 2), columns([flat(64)] * 6)]
    parts = {"instrument": {"tiers": [[0, 0.01, 10], [1100, 0.5, 10]]}, "account": {"mode": "cross", "balance": 700.0}}
    result = run(engine, scenario([], orders, slots, bars=bars, **parts))
    (first, *_) = events(result, "liquidation")
    assert (first["bar"], first["segment"], first["slot"]) == (4, "open", 0)
