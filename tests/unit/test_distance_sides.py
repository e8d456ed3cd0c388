"""What a side requires after a common move: that of no position is nothing."""

import numpy as np
import pytest

from backtester.explaining.distance import _Leg, _requirement
from backtester.running.common_input import tier_rows
from backtester.venue import Tier, VenueRules

TIERS = [Tier(0, 1 / 64, 64), Tier(2_000, 1 / 32, 32), Tier(5_000, 1 / 16, 16)]


@pytest.mark.parametrize("offset", ["none", "larger_side", "net"])
@pytest.mark.parametrize("by_quantity", [False, True])
def test_where_no_close_has_both_sides_they_may_be_taken_together(offset, by_quantity):
    random = np.random.default_rng(5)
    held = random.normal(0.0, 100.0, 500)
    held[::7] = 0.0
    mark = random.uniform(50.0, 150.0, 500)
    tiers = tier_rows(TIERS, "quantity" if by_quantity else "notional")
    leg = _Leg(mark, np.maximum(held, 0.0), np.maximum(-held, 0.0), False, False, by_quantity, 0.001, tiers)
    rules = VenueRules(hedge_offset=offset, close_fee_buffer=0.0005)
    apart = _requirement(leg._replace(hedged=True), 1.1 * mark, rules)
    assert _requirement(leg, 1.1 * mark, rules).tolist() == apart.tolist()
