"""Are equity, requirement and initial margin what the arithmetic beside them says?"""

import math

import pytest

from backtester.kernels import margin
from backtester.schema import LARGER_SIDE, NET, NO_OFFSET
from tests.unit.kernel_account import account

TIERS = {"tiers": [[0, 1 / 64, 64], [512, 1 / 32, 32], [2048, 1 / 8, 8]]}
# amounts: 512 * (1/32 - 1/64) = 8, then 8 + 2048 * (1/8 - 1/32) = 200


@pytest.mark.parametrize(
    ("key", "tier"),
    [(0.0, 0), (511.0, 0), (512.0, 0), (512 * (1 + 1e-13), 0), (513.0, 1), (2048.0, 1), (2049.0, 2), (1e12, 2)],
)
def test_a_tier_holds_its_upper_end(key, tier):
    run = account([(0, 0.0, 128.0, 8.0)], instrument=TIERS)
    assert margin.tier_at(run.tiers, run.instruments[0], key) == tier


def test_tiers_of_the_second_instrument():
    run = account([(1, 0.0, 128.0, 8.0)], marks=[128.0, 64.0], instrument=TIERS)
    assert margin.tier_at(run.tiers, run.instruments[1], 600.0) == 4
    assert run.tiers.maintenance_amount.tolist() == [0, 8, 200] * 2


@pytest.mark.parametrize(
    ("notional", "requirement"), [(256.0, 4.0), (512.0, 8.0), (1024.0, 24.0), (2048.0, 56.0), (4096.0, 312.0)]
)
def test_requirement_of_a_side(notional, requirement):
    run = account([(0, 0.0, 128.0, 8.0)], instrument=TIERS)
    assert margin.side_requirement(run, 0, notional / 128, notional) == requirement
    with_buffer = account([(0, 0.0, 128.0, 8.0)], instrument=TIERS, venue={"close_fee_buffer": 1 / 64})
    assert margin.side_requirement(with_buffer, 0, notional / 128, notional) == requirement + notional / 64


@pytest.mark.parametrize(("quantity", "rate"), [(4.0, 1 / 64), (4.5, 1 / 32), (8.0, 1 / 32), (9.0, 1 / 8)])
def test_quantity_tiers_have_no_amounts(quantity, rate):
    instrument = {"tier_key": "quantity", "tiers": [[0, 1 / 64, 64], [4, 1 / 32, 32], [8, 1 / 8, 8]]}
    run = account([(0, 0.0, 128.0, 8.0)], instrument=instrument)
    assert margin.side_requirement(run, 0, quantity, 128 * quantity) == 128 * quantity * rate


@pytest.mark.parametrize(("offset", "joined"), [(NO_OFFSET, 8.0), (LARGER_SIDE, 5.0), (NET, 2.0)])
def test_two_sides_as_one(offset, joined):
    assert margin.joined(offset, 5.0, 3.0) == margin.joined(offset, 3.0, 5.0) == joined


@pytest.mark.parametrize(
    ("offset", "requirement"),
    # 8 long is 1024: 24; 6 short is 768: 16; the difference of 2 is 256: 4
    [("none", 40.0), ("larger_side", 24.0), ("net", 4.0)],
)
def test_requirement_of_an_instrument(offset, requirement):
    run = account([(0, 0.0, 128.0, 8.0)], instrument=TIERS, venue={"hedge_offset": offset})
    assert margin.instrument_requirement(run, 0, 8.0, 6.0, 1024.0, 768.0) == requirement
    assert margin.instrument_requirement(run, 0, 8.0, 0.0, 1024.0, 0.0) == 24
    assert margin.instrument_requirement(run, 0, 0.0, 0.0, 0.0, 0.0) == 0


def test_appraise_a_pool_of_two_instruments():
    """8 at 120 and -4 at 136, now 128; 16 at 60, now 64: 64 + 32 + 64.

    Sides: 1024, 512, 1024; initial margin 1024/8 + 512/4 + 1024/16.
    """
    run = account(
        [(0, 8.0, 120.0, 8.0), (0, -4.0, 136.0, 4.0), (1, 16.0, 60.0, 16.0)], marks=[128.0, 64.0], instrument=TIERS
    )
    assert margin.appraise(run, 0, 0.0) == (1000 + 160, 24 + 8 + 24, 128 + 128 + 64)


def test_appraise_on_the_way():
    """Halfway between 128 and 64, 8 at 120 are worth 8 * (96 - 120) and are 768: 16."""
    run = account([(0, 8.0, 120.0, 8.0)], instrument=TIERS)
    run.instruments[0].mark_to = 64.0
    assert margin.appraise(run, 0, 0.5) == (1000 - 192, 16, 96)


def test_appraise_inverse():
    """1024 at 128 are 8 coins; now at 64 they are 16: pnl 1024 * (1/128 - 1/64) = -8, requirement 16 / 64."""
    run = account([(0, 1024.0, 128.0, 8.0)], marks=[64.0], instrument={"contract": "inverse"})
    assert margin.appraise(run, 0, 0.0) == (1000 - 8, 16 / 64, 2)


def test_appraise_at_entry_prices():
    """8 at 128 are 1024 at entry whatever the mark; initial margin goes by the mark of 64."""
    run = account([(0, 8.0, 128.0, 8.0)], marks=[64.0], instrument=TIERS, venue={"mm_basis": "entry"})
    assert margin.appraise(run, 0, 0.0) == (1000 - 512, 24, 64)


def test_slots_of_one_side_share_a_tier():
    """4 and 4 are 1024: 24, of which each has half by notional; alone each would need 8."""
    run = account([(0, 4.0, 128.0, 8.0), (0, 4.0, 100.0, 8.0), (0, -1.0, 128.0, 8.0)], instrument=TIERS)
    assert margin.side_of_slot(run, 0, 0.0) == (8, 1024)
    assert margin.slot_requirement(run, 0, 0.0) == margin.slot_requirement(run, 1, 0.0) == 12
    assert margin.slot_requirement(run, 2, 0.0) == 2


def test_shares_at_entry_prices():
    """4 at 128 and 4 at 64: 512 + 256 = 768 at entry, 16 of requirement, two thirds and one."""
    run = account(
        [(0, 4.0, 128.0, 8.0), (0, 4.0, 64.0, 8.0)], instrument=TIERS, venue={"mm_basis": "entry"}, marks=[96.0]
    )
    assert margin.slot_requirement(run, 0, 0.0) == pytest.approx(32 / 3, rel=1e-15)
    assert margin.slot_requirement(run, 1, 0.0) == pytest.approx(16 / 3, rel=1e-15)


def test_pools_are_apart():
    run = account([(0, 8.0, 120.0, 8.0), (0, -4.0, 136.0, 4.0)], mode="isolated", cash=100.0, instrument=TIERS)
    assert margin.appraise(run, 0, 0.0) == (100, 0, 0)
    assert margin.appraise(run, 1, 0.0) == (164, 24, 128)
    assert margin.appraise(run, 2, 0.0) == (132, 8, 128)
    assert margin.total_equity(run, 0.0) == 396


@pytest.mark.parametrize(("equity", "requirement", "ratio"), [(64.0, 16.0, 0.25), (16.0, 16.0, 1.0), (8.0, 16.0, 2.0)])
def test_margin_ratio(equity, requirement, ratio):
    assert margin.margin_ratio(equity, requirement) == ratio


@pytest.mark.parametrize("equity", [0.0, -1.0])
def test_margin_ratio_without_equity(equity):
    assert margin.margin_ratio(equity, 16.0) == math.inf


def test_available_is_cash_or_what_is_free():
    """8 at 128 with leverage 8: 128 of initial margin. A gain of 512 cannot be moved, a loss of 512 is missing."""
    assert margin.available(account([(0, 8.0, 128.0, 8.0)]), 0.0) == 1000 - 128
    assert margin.available(account([(0, 8.0, 64.0, 8.0)]), 0.0) == 1000
    assert margin.available(account([(0, 8.0, 192.0, 8.0)]), 0.0) == 1000 - 512 - 128
    assert margin.available(account([(0, 8.0, 64.0, 8.0)], mode="isolated", cash=77.0), 0.0) == 77


def test_initial_margin_by_side():
    """Longs 4 and 2 at leverage 8 and 4: 64 + 64; short 2 at leverage 2: 128."""
    run = account([(0, 4.0, 128.0, 8.0), (0, 2.0, 128.0, 4.0), (0, -2.0, 128.0, 2.0)])
    assert margin.initial_by_side(run, 0, 1.0, 0.0) == (128, 128)
    run.slots[2].quantity = -4.0
    assert margin.initial_by_side(run, 0, 1.0, 0.0) == (128, 256)
    assert margin.initial_by_side(run, 0, -1.0, 0.0) == (256, 128)
