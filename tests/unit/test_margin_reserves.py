"""Does what a venue sets aside beside the initial margin count wherever that does, on both engines?

8 at 128 at 8x with a buffer of 1/64: the initial margin is 1024/8 + 1024/64 = 144.
"""

import pytest

from tests.laws.engines import events, flat, near, on_both, run, scenario

RULES = {"initial_margin_buffer": 1 / 64}
LONG = {"size": 8}


@on_both
def test_the_allocation_of_an_isolated_position(engine):
    result = run(engine, scenario([flat(128)], [LONG], venue=RULES))
    assert result["cash"] == [[1000 - 144, 144]]
    assert result["pool_initial_margin"] == [[0, 144]]


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_the_largest_position(engine, mode):
    result = run(engine, scenario([flat(128)], [{"size": 80}], venue=RULES, account={"balance": 72, "mode": mode}))
    assert result["quantity"] == [[4]]
    assert [event["reason"] for event in events(result, "cut")] == ["available"]


@on_both
def test_the_larger_of_two_sides(engine):
    slots = [{"instrument": 0, "leverage": 8}] * 2
    parts = {"venue": {**RULES, "hedge_offset": "larger_side"}, "account": {"balance": 144, "mode": "cross"}}
    result = run(engine, scenario([flat(128)], [LONG, {"size": -6, "slot": 1}], slots, **parts))
    assert (result["quantity"], result["pool_initial_margin"]) == ([[8, 0]], [[144]])  # nothing is free for the other
    parts["account"]["balance"] = 145
    result = run(engine, scenario([flat(128)], [LONG, {"size": -6, "slot": 1}], slots, **parts))
    assert (result["quantity"], result["pool_initial_margin"]) == ([[8, -6]], [[144]])


@on_both
def test_a_lower_leverage_takes_the_buffer_too(engine):
    """1024/4 + 16 = 272."""
    actions = [{"bar": 0, "slot": 0, "set_leverage": 4}]
    result = run(engine, scenario([flat(128)] * 2, [LONG], venue=RULES, margin_actions=actions))
    assert result["cash"][1] == [1000 - 272, 272]


@on_both
@pytest.mark.parametrize(
    ("rules", "price", "left"),
    [
        (RULES, 128, 144),
        ({"remove_floor": 1 / 4}, 128, 256),
        ({"remove_floor": 1 / 4}, 160, 320 - 256),  # of 8 at 160; 256 of its equity are unrealised
        ({**RULES, "remove_rule": "profit_only"}, 120, 208),  # equity 512 - 64 stays at 144
    ],
)
def test_what_may_be_withdrawn(engine, rules, price, left):
    candles, actions = [flat(128), flat(price)], [{"bar": 0, "slot": 0, "remove": 1000}]
    scene = scenario(candles, [{**LONG, "margin": 512}], venue=rules, margin_actions=actions)
    assert run(engine, scene)["cash"][1][1] == left


@on_both
def test_back_to_the_initial_margin(engine):
    """At 113 the equity is 240 - 120 = 120; closing x leaves 120 = (8 - x)*113*(1/8 + 1/64)."""
    rules = {**RULES, "reduction": "to_initial"}
    parts = {"instrument": {"tiers": [[0, 1 / 8 + 1 / 128, 64]]}, "venue": rules}
    result = run(engine, scenario([flat(128), flat(113)], [{**LONG, "margin": 240}], **parts))
    (liquidation,) = events(result, "liquidation")
    assert near(liquidation["quantity"], 120 / (113 * 9 / 64) - 8, 1e-9)


@on_both
def test_a_top_up_is_one_initial_margin(engine):
    """8 at 128 with 144: at 112, equity 16, requirement 14; the line is at 111.75."""
    rules = {**RULES, "auto_top_up": "initial_margin", "mm_basis": "entry"}
    result = run(engine, scenario([flat(128), (128, 128, 112, 112)], [LONG], venue=rules))
    (top_up,) = events(result, "auto_top_up")
    assert (top_up["price"], top_up["amount"]) == (112, 144)
