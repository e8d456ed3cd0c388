"""Law 2: an isolated pool never loses more than was moved into it, a cross pool no more than it has."""

import pytest

from tests.laws.engines import events, flat, has_data, on_both, run, scenario
from tests.twin.scenarios import random_scenario

TRADES = ("fill", "limit", "stop", "take_profit", "trailing_stop", "liquidation")


def check_no_debt(scene, result):
    """No pool is below zero after a bar in which one of its open slots has data, or when it is flat."""
    balance = scene["account"]["balance"]
    for t, (cash, pnl) in enumerate(zip(result["cash"], result["pool_pnl"], strict=True)):
        for p in range(len(cash)):
            held = [j for j, pool in enumerate(result["pool_of_slot"]) if pool == p and result["quantity"][t][j] != 0.0]
            if not held:
                assert cash[p] >= -1e-12 * balance
                assert result["pool_kind"][p] == "standing" or cash[p] == 0.0
            elif any(has_data(scene, scene["slots"][j]["instrument"], t) for j in held):
                assert cash[p] + pnl[p] >= -1e-9 * balance


def opening_fees(result):
    """Return the fees of openings and increases, as signed amounts."""
    held, fees = {}, 0.0
    for event in events(result, *TRADES):
        j, change = event["slot"], event["quantity"]
        if held.get(j, 0.0) * change >= 0.0:
            fees += event["amount"]
        held[j] = held.get(j, 0.0) + change
        if abs(held[j]) <= 1e-9 * abs(change):
            held[j] = 0.0
    return fees


def check_what_main_pays(scene, result):
    """Main pays margin moved, opening fees and, under `main_first`, funding: nothing else of an isolated position."""
    paid = [row for row in result["ledger"] if row["pool"] == 0]
    assert {row["kind"] for row in paid} <= {"deposit", "transfer", "auto_top_up", "fee", "funding"}
    from_main = scene["venue"]["opening_fee_from"] == "main"
    fees = sum(row["amount"] for row in paid if row["kind"] == "fee")
    balance = scene["account"]["balance"]
    assert fees == pytest.approx(opening_fees(result) if from_main else 0.0, abs=1e-9 * balance)
    assert scene["venue"]["funding_source"] == "main_first" or not any(row["kind"] == "funding" for row in paid)


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross", "mixed"])
@pytest.mark.parametrize("seed", range(200, 240))
def test_no_pool_owes(engine, mode, seed):
    scene = random_scenario(seed)
    scene["account"]["mode"] = mode
    if mode == "mixed":
        for j, slot in enumerate(scene["slots"]):
            slot["mode"] = "isolated" if j % 2 else "cross"
    result = run(engine, scene)
    check_no_debt(scene, result)
    if mode == "isolated":
        check_what_main_pays(scene, result)


@on_both
@pytest.mark.parametrize("seed", range(240, 270))
def test_no_sub_account_owes(engine, seed):
    scene = random_scenario(seed)
    check_no_debt(scene, run(engine, scene))


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("gap", [16, 32, 64])
def test_a_gap_costs_what_backs_the_position(engine, mode, side, gap):
    """4 at 128, 64 posted: bankrupt 16 away. A gap of 32 or 64 costs no more; the rest of 256 is main's."""
    end = 128 - side * gap
    scene = scenario(
        [flat(128), flat(end), flat(128)], [{"size": 4 * side}], account={"mode": mode, "balance": 256},
        venue={"liquidation_fee": 1 / 64},
    )
    result = run(engine, scene)
    lost = 4 * gap
    if mode == "isolated":
        assert result["equity"][1:] == [192, 192]
        assert result["totals"]["insurance_absorbed"] == lost - 64
    elif gap == 64:
        assert result["equity"][1:] == [0, 0]
        assert result["totals"]["insurance_absorbed"] == 0
    else:
        assert result["equity"] == [256, 256 - lost, 256]
    check_no_debt(scene, result)


@on_both
@pytest.mark.parametrize("payer", ["main", "pool"])
def test_what_main_pays_by_hand(engine, payer):
    """8 at 128, half sold at 128: fees of 16 and 8, of which main may pay the first."""
    scene = scenario(
        [flat(128)] * 2, [{"size": 8}, {"bar": 0, "size": -4}], instrument={"taker_fee": 1 / 64},
        venue={"opening_fee_from": payer},
    )
    result = run(engine, scene)
    check_what_main_pays(scene, result)
    # pro rata: half of the pool's 128 (or 112) less the fee of 8 returns
    assert result["cash"][1] == ([1000 - 16 - 128 + 56, 64] if payer == "main" else [1000 - 128 + 48, 56])


@on_both
def test_cross_never_owes(engine):
    """8 at 128 with 256: bankrupt at 96; a gap to 64 costs 512, and 256 are absorbed."""
    scene = scenario([flat(128), flat(64), flat(128)], [{"size": 8}], account={"mode": "cross", "balance": 256})
    result = run(engine, scene)
    assert result["equity"] == [256, 0, 0]
    assert result["totals"]["insurance_absorbed"] == 256
    assert result["totals"]["bankrupt"]
