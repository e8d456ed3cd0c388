"""Traps 4 to 6: maintenance margin from the wrong tier, by the wrong formula, or of the wrong positions."""

import pytest

from tests.laws.engines import columns, events, flat, on_both, run, scenario

TIERS = {"tiers": [[0, 1 / 64, 64], [512, 1 / 32, 32], [2048, 1 / 8, 8]]}


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_trap_4_the_tier_is_that_of_the_position(engine, mode):
    """8 at 128 is a notional of 1024: the second tier, less the amount 512 * (1/32 - 1/64) = 8.

    The stake, 1024 / 8 = 128, would be in the first tier: 16. The account holds 4 at 512 = 2048 on another instrument
    as well: 3072 would be in the third tier. Its own requirement is 2048 / 32 - 8 = 56, on the floor of the third.
    """
    scene = scenario(
        [], [{"size": 8}, {"slot": 1, "size": 4}], [{"instrument": i, "leverage": 8} for i in range(2)],
        bars=[columns([flat(128)]), columns([flat(512)])], instrument=TIERS, account={"mode": mode},
    )
    requirement = run(engine, scene)["pool_requirement"][0]
    assert requirement == ([1024 / 32 - 8 + 56] if mode == "cross" else [0, 1024 / 32 - 8, 56])


@on_both
def test_trap_4_maintenance_does_not_jump_at_a_floor(engine):
    """At 64, 8 are 512, on the floor: 512 / 64 = 8 = 512 / 32 - 8. An eighth above, one rate of 1/32 more: 1/32."""
    result = run(engine, scenario([flat(64), flat(64.125), flat(63.875)], [{"size": 8}], instrument=TIERS))
    assert [row[1] for row in result["pool_requirement"]] == [8, 8 + 1 / 32, 8 - 1 / 64]


@on_both
def test_trap_4_slots_of_one_side_are_one_position(engine):
    """Two longs of 4 at 128 in a pool need what one of 8 needs: 24, not twice 512 / 64 = 8; apart they need 8 each."""
    orders = [{"size": 4}, {"slot": 1, "size": 4}]
    slots = [{"instrument": 0, "leverage": 8}] * 2
    for mode, requirement in (("cross", [24]), ("isolated", [0, 8, 8])):
        scene = scenario([flat(128)], orders, slots, instrument=TIERS, account={"mode": mode})
        assert run(engine, scene)["pool_requirement"] == [requirement]


@on_both
def test_trap_4_a_growing_notional_changes_tier_on_the_way(engine):
    """-8 at 64 is 512; rising, it enters the second tier: 64 - 8 * (P - 64) = 8 * P / 32 - 8 at P = 584 / 8.25.

    With the first tier's rate it would live until 576 / 8.125 = 70.89; without the amount it would end at 576 / 8.25.
    """
    scene = scenario([flat(64), (64, 80, 64, 70)], [{"size": -8}], instrument=TIERS)
    result = run(engine, scene)
    (event,) = events(result, "liquidation")
    assert event["price"] == pytest.approx(584 / 8.25, rel=1e-14)
    assert result["liquidation_price"][0] == [pytest.approx(584 / 8.25, rel=1e-14)]


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize("leverage", [2, 8, 32])
def test_trap_5_maintenance_is_rate_times_notional_at_mark(engine, mode, leverage):
    """8 at 128, then 96: 1024 / 32 - 8 = 24, then 768 / 32 - 8 = 16; leverage has no part in it.

    Divided by leverage it would depend on it; as initial margin it would be 1024 / leverage; flat, 0.4 %, it would be
    4.096; frozen at entry it would stay 24.
    """
    account = {"mode": mode, "balance": 4096}
    scene = scenario(
        [flat(128), flat(96)], [{"size": 8, "margin": 512}], [{"instrument": 0, "leverage": leverage}],
        account=account, instrument=TIERS,
    )
    result = run(engine, scene)
    assert [row[-1] for row in result["pool_requirement"]] == [24, 16]
    assert [row[-1] for row in result["pool_initial_margin"]] == [1024 / leverage, 768 / leverage]
    # 512 + 8 * (P - 128) = 8 * P / 32 - 8 (8 P is a little above 512 there); 4096 cannot be lost
    price = 504 / 7.75 if mode == "isolated" else None
    assert result["liquidation_price"][1] == [price and pytest.approx(price, rel=1e-14)]


@on_both
def test_trap_5_frozen_at_entry_only_where_the_venue_says_so(engine):
    """`mm_basis = "entry"`: 24 stays 24."""
    scene = scenario([flat(128), flat(96)], [{"size": 8, "margin": 512}], instrument=TIERS,
                     venue={"mm_basis": "entry"})
    assert [row[1] for row in run(engine, scene)["pool_requirement"]] == [24, 24]


@on_both
def test_trap_5_each_instrument_has_its_own_rate(engine):
    """512 of two instruments at 1/64 and 1/16: 8 and 32."""
    scene = scenario(
        [], [{"size": 4}, {"slot": 1, "size": 4}], [{"instrument": i, "leverage": 4} for i in range(2)],
        bars=[columns([flat(128)])] * 2, instruments=[TIERS, {"tiers": [[0, 1 / 16, 16]]}],
    )
    assert run(engine, scene)["pool_requirement"] == [[0, 8, 32]]


def two_positions(engine, second, at=32, balance=128, **account):
    """8 at 100 long in main, and a second position on an instrument that goes from 32 to another price and stays."""
    scene = scenario(
        [], [{"size": 8}, {"slot": 1, "size": second}], [{"instrument": i, "leverage": 64} for i in range(2)],
        bars=[columns([flat(100), flat(100), (100, 100, 80, 90)]), columns([flat(32), flat(at), flat(at)])],
        account={"mode": "cross", "balance": balance, **account},
    )
    return run(engine, scene)


@on_both
def test_trap_6_other_positions_need_their_maintenance_too(engine):
    """16 at 32 need 512 / 64 = 8: 128 - 8 + 8 * (P - 100) = 8 * P / 64 at P = 680 / 7.875 (86.35).

    Without the other's maintenance it would be 672 / 7.875 (85.33).
    """
    result = two_positions(engine, 16)
    price = pytest.approx(680 / 7.875, rel=1e-14)
    assert result["liquidation_price"][1][0] == price
    assert [event["price"] for event in events(result, "liquidation")] == [price, 32]


@on_both
@pytest.mark.parametrize(("second", "at", "pnl"), [(16, 36, 64), (16, 30, -32), (-16, 36, -64), (-16, 30, 32)])
def test_trap_6_other_positions_count_with_their_profit_of_now(engine, second, at, pnl):
    """128 + pnl - 16 * mark / 64 + 8 * (P - 100) = 8 * P / 64; a short gains when its price falls.

    The profit is that of the moment, not of the opening (0), and has the sign of the side.
    """
    result = two_positions(engine, second, at)
    price = pytest.approx((800 - 128 - pnl + at / 4) / 7.875, rel=1e-14)
    assert result["liquidation_price"][1][0] == price
    closed = events(result, "liquidation")
    assert (closed[0]["price"] if closed else None) == (price if pnl < 64 else None)


@on_both
def test_trap_6_a_position_in_another_pool_does_not_count(engine):
    """In an isolated pool nothing of the other matters: 12.5 of margin at 64x is all there is, and 100 is too near."""
    scene = scenario(
        [], [{"size": 8, "margin": 128}, {"slot": 1, "size": 16}], [{"instrument": i, "leverage": 8} for i in range(2)],
        bars=[columns([flat(100), flat(100)]), columns([flat(32), flat(48)])], account={"mode": "isolated"},
    )
    prices = [row[0] for row in run(engine, scene)["liquidation_price"]]
    assert prices == [pytest.approx(672 / 7.875, rel=1e-14)] * 2
