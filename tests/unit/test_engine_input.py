"""What the kernels are given: mark ranges of blocks, and the next order of each instrument."""

import numpy as np
import pytest

from backtester.running import common_input, engine_input
from backtester.scenario import Scenario, validate
from backtester.schema import BLOCK
from tests.laws.engines import columns, flat, scenario


def scenario_of(n_bars, orders=(), n_instruments=1, missing=(), contract="linear"):
    """Return a scenario of instruments with two slots each, whose prices are any number from 1 to 2."""
    random = np.random.default_rng(7)
    rows = [[flat(x) for x in random.uniform(1, 2, n_bars)] for _ in range(n_instruments)]
    bars = [columns([None if t in missing else row for t, row in enumerate(each)]) for each in rows]
    slots = [{"instrument": i, "leverage": 2} for i in range(n_instruments) for _ in range(2)]
    scene = scenario([], list(orders), slots, bars=bars, instrument={"contract": contract})
    return Scenario.from_dict(validate(scene))


@pytest.mark.parametrize("contract", ["linear", "inverse"])
@pytest.mark.parametrize("missing", [(), (3, 2 * BLOCK)])
def test_the_ranges_of_blocks_are_those_of_their_levels_to_the_last_digit(contract, missing):
    """The market keeps them as prices, once for all runs."""
    n_bars = 3 * BLOCK + 5
    got = common_input.bars_of(scenario_of(n_bars, missing=missing, contract=contract))
    firsts = range(0, n_bars, BLOCK)
    low = [got.mark_low[0, t : t + BLOCK].min() for t in firsts]
    high = [got.mark_high[0, t : t + BLOCK].max() for t in firsts]
    np.testing.assert_array_equal(got.block_low, [low])
    np.testing.assert_array_equal(got.block_high, [high])
    assert np.isnan(got.block_low).sum() == len(missing)


def test_a_piece_of_a_market_has_ranges_of_its_own():
    market = scenario_of(3 * BLOCK).market
    whole, _ = market.mark_ranges
    piece, _ = market.slice(1, 2 * BLOCK).mark_ranges
    assert len(whole) == 3
    assert len(piece) == 2
    assert piece[0, 0] == market.mark_low[1 : BLOCK + 1].min()


def test_each_order_knows_the_next_bar_with_an_order_on_its_instrument():
    """In no order, two slots per instrument, some orders at one bar; the last instrument has none."""
    random = np.random.default_rng(3)
    acting = random.permutation([(bar, slot) for bar in range(-1, 24) for slot in range(4)])[:40]
    orders = [{"bar": int(bar), "slot": int(slot), "size": 1.0} for bar, slot in acting]
    account = engine_input.run_of(scenario_of(24, orders, 3), 1, 1, 1)
    found = list(zip(account.orders.bar.tolist(), account.orders.slot.tolist(), strict=True))
    assert found == sorted((bar + 1, slot) for bar, slot in acting.tolist() if bar + 1 < 24)
    of = [[bar for bar, slot in found if slot // 2 == i] for i in range(3)]
    after = [min([b for b in of[slot // 2] if b > bar], default=common_input.NEVER) for bar, slot in found]
    assert account.orders["next"].tolist() == after
    assert account.instruments.next_order.tolist() == [of[0][0], of[1][0], common_input.NEVER]
