"""Are prices and levels each other's inverse, and do lines end where they should?"""

import math

import pytest

from backtester.kernels.levels import between, crossing, level_of, mark_at, price_of, slipped, to_lot, trade_at
from tests.unit.kernel_account import account, stand


@pytest.mark.parametrize(("price", "inverse", "level"), [(128.0, 0, 128.0), (128.0, 1, -1 / 128), (0.25, 1, -4.0)])
def test_levels(price, inverse, level):
    assert level_of(price, inverse) == level
    assert price_of(level, inverse) == price


def test_nothing_stays_nothing():
    assert math.isnan(level_of(math.nan, 1))
    assert math.isnan(price_of(math.nan, 0))


@pytest.mark.parametrize(
    ("level", "inverse", "rate", "slipped_to"),
    # 128 * (1 + 1/64) = 130; in reciprocals -1/128 / (1 + 1/4) = -1/160
    [
        (128.0, 0, 1 / 64, 130.0), (128.0, 0, -1 / 64, 126.0),
        (-1 / 128, 1, 1 / 4, -1 / 160), (-1 / 128, 1, -1 / 2, -1 / 64),
    ],
)
def test_slipped(level, inverse, rate, slipped_to):
    assert slipped(level, inverse, rate) == slipped_to


def test_the_ends_of_a_line_are_exact():
    start, end = 0.2, 0.9
    assert start + 1.0 * (end - start) != end  # the reason for the exception
    assert between(start, end, 0.0) == start
    assert between(start, end, 1.0) == end
    assert between(100.0, 80.0, 0.25) == 95.0


def test_mark_and_trade_lie_on_the_same_s():
    run = account([(0, 0.0, 128.0, 8.0)])
    stand(run, 0, 128.0, 64.0, 128.0)
    run.instruments[0].trade_to = 96.0
    assert mark_at(run.instruments[0], 0.5) == 96.0
    assert trade_at(run.instruments[0], 0.5) == 112.0


@pytest.mark.parametrize(("start", "end", "target", "s"), [(100.0, 80.0, 95.0, 0.25), (80.0, 100.0, 95.0, 0.75)])
def test_crossing(start, end, target, s):
    assert crossing(start, end, target) == s


@pytest.mark.parametrize(
    ("quantity", "lot", "rounded"),
    [
        (5.75, 0.5, 5.5), (-5.75, 0.5, -5.5), (0.375, 0.5, 0.0), (6.0, 0.0, 6.0),
        (0.1 + 0.2, 0.1, 3 * 0.1),  # 0.30000000000000004 / 0.1 is 3.0000000000000004
        (0.3, 0.1, 3 * 0.1),  # 0.3 / 0.1 is 2.9999999999999996: the 1e-9 makes it three lots
        (2.999, 1.0, 2.0),
    ],
)
def test_lots_round_towards_zero(quantity, lot, rounded):
    assert to_lot(quantity, lot) == rounded
