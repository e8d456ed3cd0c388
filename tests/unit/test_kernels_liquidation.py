"""Does a liquidation close in the venue's order, as much as its reduction says, at its price and fee?"""

import pytest

from backtester.kernels import liquidation
from backtester.kernels.path import check_margins
from backtester.schema import NO_REASON
from tests.unit.kernel_account import account

TIERS = {"tiers": [[0, 1 / 64, 64], [512, 1 / 32, 32]]}


def queue(run, s=0.0):
    n = liquidation.closing_order(run, 0, s)
    return [int(run.slots[k].queued) for k in range(n)]


@pytest.mark.parametrize(
    ("rule", "order"),
    # requirements at 128 and 64: 2 * 128 / 64 = 4, 16 * 64 / 32 - 8 = 24, 1 * 128 / 64 = 2; pnl -32, 16, -64
    [("all", [0, 1, 3]), ("largest_requirement", [1, 0, 3]), ("largest_loss", [3, 0, 1])],
)
def test_the_order_of_closing(rule, order):
    run = account(
        [(0, 2.0, 144.0, 8.0), (1, 16.0, 63.0, 8.0), (1, 0.0, 1.0, 8.0), (0, -1.0, 64.0, 8.0)],
        marks=[128.0, 64.0], instrument=TIERS, venue={"liquidation_order": rule},
    )
    assert queue(run) == order


@pytest.mark.parametrize("rule", ["all", "largest_requirement", "largest_loss"])
def test_equals_go_by_slot(rule):
    run = account([(0, 2.0, 144.0, 8.0)] * 4, instrument=TIERS, venue={"liquidation_order": rule})
    assert queue(run) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("contract", "quantity", "fill"),
    # 128 * 63/64 = 126 and 128 * 65/64 = 130
    [("linear", 8.0, 126.0), ("linear", -8.0, 130.0), ("inverse", 8.0, -1 / 126), ("inverse", -8.0, -1 / 130)],
)
def test_slippage_is_against_the_position(contract, quantity, fill):
    run = account(
        [(0, quantity, 128.0, 8.0)], instrument={"contract": contract}, venue={"liquidation_slippage": 1 / 64}
    )
    assert liquidation.liquidation_fill(run, 0) == pytest.approx(fill, rel=1e-15)


@pytest.mark.parametrize(
    ("quantity", "floor", "above"),
    # on 512 is 4 at 128; 6 of 8 are above a floor of 256
    [(8.0, 512.0, 4.0), (4.0, 0.0, 4.0), (8.0, 256.0, 6.0)],
)
def test_steps_go_to_the_floor(quantity, floor, above):
    run = account([(0, quantity, 128.0, 8.0)], instrument=TIERS)
    assert liquidation.above_floor(run, 0, floor, 0.0) == above


@pytest.mark.parametrize(("quantity", "floor"), [(8.0, 512.0), (4.0, 0.0), (4.0 * (1 + 1e-10), 0.0), (4.125, 512.0)])
def test_the_floor_below(quantity, floor):
    """A side on a floor, or 1e-9 above it, steps to the next one."""
    run = account([(0, quantity, 128.0, 8.0)], instrument=TIERS)
    assert liquidation.floor_below(run, 0, 0.0) == floor


def test_a_step_is_shared_by_the_side():
    """5 and 3 are 1024, 4 above the floor: the first gives 4, after which nothing of the second is above it."""
    run = account([(0, 5.0, 128.0, 8.0), (0, 3.0, 128.0, 8.0)], instrument=TIERS)
    assert liquidation.above_floor(run, 0, 512.0, 0.0) == 4
    run.slots[0].quantity = 1.0
    assert liquidation.above_floor(run, 1, 512.0, 0.0) == 0


def test_down_to_initial_margin():
    """8 at 128 with leverage 16: initial 64, equity 32, requirement 16. Each sold frees 8: 4."""
    run = account([(0, 8.0, 128.0, 16.0)], cash=32.0)
    assert liquidation.down_to_initial(run, 0, False) == 4


def test_down_to_initial_margin_with_its_costs():
    """Fee 1/64 and slippage 1/64 cost 2 + 2 of the 8 that each frees: 32 / 4 = 8 is the whole slot; with 48, 4 go."""
    venue = {"liquidation_fee": 1 / 64, "liquidation_slippage": 1 / 64}
    assert liquidation.down_to_initial(account([(0, 8.0, 128.0, 16.0)], cash=32.0, venue=venue), 0, False) == 8
    assert liquidation.down_to_initial(account([(0, 8.0, 128.0, 16.0)], cash=48.0, venue=venue), 0, False) == 4


def test_down_to_initial_margin_where_nothing_helps():
    """Without equity the whole slot goes, and so it does where closing costs what it frees."""
    assert liquidation.down_to_initial(account([(0, 8.0, 128.0, 16.0)], cash=-1.0), 0, False) == 8
    dear = account([(0, 8.0, 128.0, 16.0)], cash=32.0, venue={"liquidation_fee": 1 / 16})
    assert liquidation.down_to_initial(dear, 0, False) == 8


@pytest.mark.parametrize(
    ("cash", "fee", "left"),
    # 8 at 128, closed at 112: 128 lost. The fee of 1/64 would be 14.
    [(144.0, 14.0, 2.0), (142.0, 14.0, 0.0), (130.0, 2.0, 0.0), (128.0, 0.0, 0.0), (100.0, 0.0, -28.0)],
)
def test_the_fee_takes_what_is_left_at_the_most(cash, fee, left):
    run = account([(0, 8.0, 128.0, 8.0)], cash=cash, marks=[112.0], venue={"liquidation_fee": 1 / 64})
    liquidation.close_out(run, 0, 8.0, NO_REASON)
    assert run.slots[0].quantity == 0
    assert run.pools[0].cash == left
    assert run.events[0].amount == -128 - fee
    assert run.events[0].quantity == -8


def closed(run):
    """Return what a margin check closes, and the cash of all pools after it."""
    check_margins(run)
    return run.events.quantity[: run.state[0].n_events].tolist(), run.pools.cash.tolist()


@pytest.mark.parametrize(("cash", "liquidated"), [(16.0, True), (16.0 + 2**-48, False), (16.0 - 2**-48, True)])
def test_equality_liquidates_to_the_bit(cash, liquidated):
    """8 at 128: the requirement is 1024 / 64 = 16. One unit in the last place above it is above it."""
    run = account([(0, 8.0, 128.0, 8.0)], cash=cash)
    assert closed(run) == (([-8], [cash]) if liquidated else ([], [cash]))


@pytest.mark.parametrize(("cash", "left"), [(128.0, 0.0), (128.0 - 2**-45, 0.0), (129.0, 1.0)])
def test_at_bankruptcy_and_around_it(cash, left):
    """8 from 128 to 112 lose 128: with exactly that nothing is left and nothing absorbed."""
    run = account([(0, 8.0, 128.0, 8.0)], cash=cash, marks=[112.0])
    assert closed(run) == ([-8], [left])
    absorbed = run.ledger[run.state[0].n_ledger - 1].amount if cash < 128 else 0.0
    assert absorbed == max(0.0, 128.0 - cash)


def test_isolated_pools_return_what_is_left():
    """Two longs of 8 with 16 and 17: one is on the line and goes, with its 16 to main, the other stays."""
    run = account([(0, 8.0, 128.0, 8.0), (0, 8.0, 128.0, 8.0)], mode="isolated", cash=16.0)
    run.pools[2].cash = 17.0
    assert closed(run) == ([-8], [32, 0, 17])


@pytest.mark.parametrize(("leftover", "cash"), [("trader", 16.0), ("fund", 0.0)])
def test_whose_the_rest_is(leftover, cash):
    assert closed(account([(0, 8.0, 128.0, 8.0)], cash=16.0, venue={"leftover": leftover})) == ([-8], [cash])


def test_a_pool_without_data_waits():
    run = account([(0, 8.0, 128.0, 8.0)], cash=1.0)
    run.instruments[0].live = 0
    assert closed(run) == ([], [1])


def test_largest_loss_stops_when_healthy():
    """Losses of 64 and 16; with 110 of cash: 110 - 80 = 30 of equity against 16 + 16; without the larger 46... - 64.

    After the first has gone, 110 - 64 - 16 = 30 is above the 16 that the other needs: it stays.
    """
    run = account([(0, 8.0, 130.0, 8.0), (0, 8.0, 136.0, 8.0)], cash=110.0, venue={"liquidation_order": "largest_loss"})
    assert closed(run) == ([-8], [46])
    assert run.slots.quantity.tolist() == [8, 0]
