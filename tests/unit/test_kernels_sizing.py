"""Is an order as large as it says, and an opening as large as it may be?"""

import math

import numpy as np
import pytest

from backtester.kernels import sizing
from backtester.run_schema import ORDER
from backtester.schema import SIZE_TYPES
from tests.unit.kernel_account import account

SLOT = (0, 0.0, 128.0, 8.0)


def order(run, size, size_type):
    """Return an order record for slot 0."""
    row = np.zeros(1, ORDER).view(type(run.orders))
    row["amount"], row["size_type"] = size, SIZE_TYPES.index(size_type)
    return row[0]


@pytest.mark.parametrize(
    ("contract", "size_type", "size", "quantity"),
    # at an open of 128, equity 1024, leverage 8
    [
        ("linear", "quantity", -3.0, -3.0),
        ("linear", "notional", 512.0, 4.0),
        ("linear", "equity_fraction", -0.25, -2.0),
        ("linear", "margin", 32.0, 2.0),
        ("inverse", "quantity", -3.0, -3.0),
        ("inverse", "notional", 4.0, 512.0),
        ("inverse", "equity_fraction", -0.25, -32768.0),
        ("inverse", "margin", 2.0, 2048.0),
    ],
)
def test_size_types(contract, size_type, size, quantity):
    run = account([SLOT], instrument={"contract": contract})
    assert sizing.ordered_quantity(run, order(run, size, size_type), 1024.0) == quantity


def test_sizes_go_by_the_trade_open_and_not_by_the_mark():
    run = account([SLOT])
    run.instruments[0].open_price = 64.0
    assert sizing.ordered_quantity(run, order(run, 512.0, "notional"), 1024.0) == 8


def test_quantity_of_a_side():
    run = account([(0, 4.0, 128.0, 8.0), (0, 2.0, 100.0, 8.0), (0, -1.0, 128.0, 8.0), (1, 9.0, 64.0, 8.0)],
                  marks=[128.0, 64.0])
    assert sizing.side_quantity(run, 0, 1.0) == 6
    assert sizing.side_quantity(run, 0, -1.0) == 1
    assert sizing.side_quantity(run, 3, 1.0) == 9


TIERS = {"tiers": [[0, 1 / 64, 64], [1024, 1 / 32, 16], [4096, 1 / 8, 4]]}


@pytest.mark.parametrize(
    ("leverage", "capacity"),
    # a notional of 1024 is 8 at 128, 4096 is 32; 2 are held
    [(64.0, 6.0), (17.0, 6.0), (16.0, 30.0), (5.0, 30.0), (4.0, math.inf), (65.0, -2.0)],
)
def test_what_fits_into_the_tiers(leverage, capacity):
    run = account([(0, 2.0, 128.0, leverage)], instrument=TIERS)
    assert sizing.tier_capacity(run, 0, 1.0) == capacity
    assert sizing.tier_capacity(run, 0, -1.0) == capacity + 2


def test_what_fits_by_quantity():
    tiers = {"tier_key": "quantity", "tiers": [[0, 1 / 64, 64], [10, 1 / 8, 8]]}
    run = account([(0, 2.0, 128.0, 16.0)], instrument=tiers)
    assert sizing.tier_capacity(run, 0, 1.0) == 8


@pytest.mark.parametrize(
    ("fee", "margin", "most"),
    # 960 available, 128 / 8 = 16 each; a fee of 1/16 is 8 each; a margin of 480 leaves 480 for fees
    [(0.0, math.nan, 60.0), (1 / 16, math.nan, 40.0), (-1 / 16, math.nan, 60.0), (0.0, 480.0, 60.0),
     (1 / 16, 800.0, 20.0), (0.0, 961.0, 0.0)],
)
def test_what_main_can_fund(fee, margin, most):
    run = account([SLOT], mode="isolated", cash=960.0)
    assert sizing.affordable(run, 0, 100.0, 1.0, 128.0, fee, margin) == most


@pytest.mark.parametrize(
    ("fill", "fee", "most"),
    # 960 free: 16 each; at 136 a buyer loses 8 more, and pays 136 / 17 = 8 at a fee of 1/17
    [(128.0, 0.0, 60.0), (136.0, 0.0, 40.0), (128.0, 1 / 16, 40.0), (136.0, 1 / 17, 30.0)],
)
def test_what_a_standing_pool_can_carry(fill, fee, most):
    run = account([SLOT], cash=960.0)
    assert sizing.affordable(run, 0, 100.0, 1.0, fill, fee, math.nan) == most


def test_nothing_free_opens_nothing():
    run = account([(0, 8.0, 128.0, 8.0)], cash=128.0)
    assert sizing.affordable(run, 0, 1.0, 1.0, 128.0, 0.0, math.nan) == 0
    run = account([SLOT], mode="isolated", cash=0.0)
    assert sizing.affordable(run, 0, 1.0, 1.0, 128.0, 0.0, math.nan) == 0


@pytest.mark.parametrize(
    ("offset", "most"),
    # long 4 needs 64 of 128. Selling from another slot: 16 each without offset: 4. The larger side: 4 for nothing,
    # then 4 more. The net: 4 that free 64, and 128 for another 8.
    [("none", 4.0), ("larger_side", 8.0), ("net", 12.0)],
)
def test_a_hedge_costs_what_the_offset_says(offset, most):
    run = account([(0, 4.0, 128.0, 8.0), (0, 0.0, 128.0, 8.0)], cash=128.0, venue={"hedge_offset": offset})
    assert sizing.affordable(run, 1, 100.0, -1.0, 128.0, 0.0, math.nan) == most


def test_minimum():
    run = account([SLOT], instrument={"min_notional": 64})
    assert sizing.below_minimum(run.instruments[0], 0.4375)
    assert not sizing.below_minimum(run.instruments[0], 0.5)
    run = account([SLOT], instrument={"min_notional": 0.5, "contract": "inverse"})
    assert sizing.below_minimum(run.instruments[0], 63.0)
    assert not sizing.below_minimum(run.instruments[0], 64.0)
