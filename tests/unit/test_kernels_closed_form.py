"""Are liquidation and bankruptcy prices those of the table in the model, row by row?"""

import math

import pytest

from backtester.kernels.closed_form import inside, slot_price
from backtester.schema import BANKRUPTCY, MAINTENANCE
from tests.unit.kernel_account import account

RATE = {"tiers": [[0, 1 / 64, 64]]}


def prices(run, meant=MAINTENANCE):
    return [slot_price(run, j, 0.0, meant) for j in range(len(run.slots))]


@pytest.mark.parametrize(
    ("contract", "basis", "quantity", "price"),
    # cash 64 (0.5 coin), F = 1/64, r + F = 1/32, entry 128; 8 or 1024 contracts: 1024 of notional or 8 coins
    [
        ("linear", "mark", 8.0, (64 - 1024) / (8 / 32 - 8)),
        ("linear", "mark", -8.0, (64 + 1024) / (8 / 32 + 8)),
        ("linear", "entry", 8.0, 128 - (64 - 32) / 8),
        ("linear", "entry", -8.0, 128 + (64 - 32) / 8),
        ("inverse", "mark", 1024.0, (1024 / 32 + 1024) / (0.5 + 8)),
        ("inverse", "mark", -1024.0, (1024 / 32 - 1024) / (0.5 - 8)),
        ("inverse", "entry", 1024.0, 1024 / (8 + 0.5 - 0.25)),
        ("inverse", "entry", -1024.0, -1024 / (-8 + 0.5 - 0.25)),
    ],
)
def test_one_slot(contract, basis, quantity, price):
    run = account(
        [(0, quantity, 128.0, 16.0)], cash=64.0 if contract == "linear" else 0.5,
        instrument={"contract": contract, **RATE}, venue={"mm_basis": basis, "close_fee_buffer": 1 / 64},
    )
    assert prices(run) == [pytest.approx(price, rel=1e-15)]


@pytest.mark.parametrize(
    ("contract", "quantity", "cash", "price"),
    # 8 * (P - 128) = -64; 1024 * (1/128 - 1/P) = -0.5: 1024 / P = 8.5
    [("linear", 8.0, 64.0, 120.0), ("linear", -8.0, 64.0, 136.0), ("inverse", 1024.0, 0.5, 1024 / 8.5),
     ("inverse", -1024.0, 0.5, 1024 / 7.5)],
)
def test_bankruptcy(contract, quantity, cash, price):
    run = account([(0, quantity, 128.0, 16.0)], cash=cash, instrument={"contract": contract, **RATE})
    assert prices(run, BANKRUPTCY) == [pytest.approx(price, rel=1e-15)]


def test_exactly_on_a_dyadic_price():
    """8 at 128, rate 1/64, cash 8 * 32 - 8 * 96 / 64... : 256 - 244 with P = 96: W = 8 * 32 + 8 * 96 / 64 = 268."""
    assert prices(account([(0, 8.0, 128.0, 16.0)], cash=268.0, instrument=RATE)) == [96.0]


@pytest.mark.parametrize(
    ("cash", "price"),
    # -8 at 128: on 1/64 up to a notional of 1280 (P = 160), on 1/8 above, less 1280 * 7/64 = 140
    [
        (8 * 16 + 8 * 144 / 64, 144.0),  # in the first tier
        (8 * 32 + 1280 / 64, 160.0),  # on its end
        (8 * 64 + 8 * 192 / 8 - 140, 192.0),  # in the second
    ],
)
def test_the_tier_of_the_answer(cash, price):
    tiers = {"tiers": [[0, 1 / 64, 64], [1280, 1 / 8, 64]]}
    assert prices(account([(0, -8.0, 128.0, 16.0)], cash=cash, instrument=tiers)) == [price]


def test_a_tier_by_quantity_is_fixed_by_the_position():
    """9 are in the second tier, 1/8: W = 9 * 32 + 9 * 96 / 8 at P = 96."""
    tiers = {"tier_key": "quantity", "tiers": [[0, 1 / 64, 64], [8, 1 / 8, 64]]}
    run = account([(0, 9.0, 128.0, 16.0)], cash=9 * 32 + 9 * 96 / 8, instrument=tiers)
    assert prices(run) == [96.0]


@pytest.mark.parametrize(
    ("positions", "cash"),
    [
        ([(0, 0.0, 128.0, 16.0)], 64.0),  # flat
        ([(0, 8.0, 128.0, 1.0)], 1025.0),  # worth nothing, it would still be solvent
        ([(0, 8.0, 128.0, 16.0), (0, -8.0, 100.0, 16.0)], 500.0),  # an even hedge
    ],
)
def test_no_price(positions, cash):
    run = account(positions, cash=cash, instrument=RATE)
    assert all(math.isnan(price) for price in prices(run))


def test_an_even_hedge_has_no_bankruptcy_price_either():
    run = account([(0, 8.0, 128.0, 16.0), (0, -8.0, 100.0, 16.0)], cash=10.0, instrument=RATE)
    assert all(math.isnan(price) for price in prices(run, BANKRUPTCY))


@pytest.mark.parametrize(
    ("offset", "slope"),
    # 8 long at 128, 6 short at 128, cash 64: 64 + 2 * (P - 128) = slope * P / 64
    [("none", 14), ("larger_side", 8), ("net", 2)],
)
def test_hedges(offset, slope):
    run = account(
        [(0, 8.0, 128.0, 16.0), (0, -6.0, 128.0, 16.0)], cash=64.0, instrument=RATE, venue={"hedge_offset": offset}
    )
    assert prices(run) == [pytest.approx(192 / (2 - slope / 64), rel=1e-15)] * 2


def test_other_instruments_stand_at_their_marks():
    """16 at 60, now 64: pnl 64, requirement 1024 / 64 = 16: cash 220 counts as 268; bankruptcy counts 284 in all."""
    run = account([(0, 8.0, 128.0, 16.0), (1, 16.0, 60.0, 16.0)], cash=220.0, marks=[128.0, 64.0], instrument=RATE)
    assert prices(run)[0] == 96.0
    assert prices(run, BANKRUPTCY)[0] == 128 - 284 / 8


def test_where_the_instrument_itself_stands_does_not_matter():
    answers = [prices(account([(0, 8.0, 128.0, 16.0)], cash=268.0, marks=[mark], instrument=RATE))[0]
               for mark in (100.0, 128.0, 200.0)]
    assert answers == [96.0] * 3


def test_tiers_have_two_ends():
    """A key on a floor is in both tiers: the requirement is the same there, and the smaller is tried first."""
    run = account([(0, 0.0, 128.0, 16.0)], instrument={"tiers": [[0, 1 / 64, 64], [512, 1 / 32, 32], [1024, 1 / 8, 8]]})
    found = {key: [k for k in range(3) if inside(run, 0, k, key)] for key in (1.0, 512.0, 513.0, 1024.0, 1025.0)}
    assert found == {1.0: [0], 512.0: [0, 1], 513.0: [1], 1024.0: [1, 2], 1025.0: [2]}
    assert [k for k in range(3) if inside(run, 0, k, 0.0)] == [0, 1, 2]
