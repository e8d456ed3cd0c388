"""How far everything must move together: arithmetic written out, and the engine as the judge."""

import math

import pytest

from backtester.comparing.summary import formatted, summarise
from backtester.engine import simulate
from backtester.explaining.distance import closest_together
from backtester.scenario import Scenario
from tests.reference.reference_helpers import HOUR, columns, flat, scenario

RATE = 1 / 64
TIERS = [[0, 1 / 64, 64], [2_000, 1 / 32, 32], [5_000, 1 / 16, 16]]


def account(sizes, prices=(100.0, 100.0), *, after=None, mode="cross", balance=1_000.0, slots=None, **parts):
    """A position per slot from bar 1 on at flat prices; then, if asked for, a gap to the prices `after`."""
    n_after = 2 if after else 0
    bars = [columns([flat(p)] * 3 + [flat(a)] * n_after) for p, a in zip(prices, after or prices, strict=True)]
    scene = scenario(
        [],
        [{"slot": j, "size": size} for j, size in enumerate(sizes)],
        slots or [{"instrument": j, "leverage": 16} for j in range(len(sizes))],
        bars=bars,
        account={"balance": balance, "mode": mode},
        **parts,
    )
    return simulate(Scenario.from_dict(scene))


def instruments(n=2, **rules):
    return [{"symbol": f"COIN{i}", "tiers": [[0, RATE, 64]], **rules} for i in range(n)]


def test_two_longs_that_fall_together():
    run = account([40.0, 40.0], instruments=instruments())
    # 1000 - 8000 d = (8000 - 8000 d) / 64
    assert closest_together(run) == pytest.approx(875 / 7_875, rel=1e-9)
    # alone: 1000 - 4000 d = (8000 - 4000 d) / 64
    assert summarise(run)["closest_to_liquidation"] == pytest.approx(875 / 3_937.5, rel=1e-9)


def test_a_long_falls_while_a_short_rises():
    run = account([40.0, -40.0], instruments=instruments())
    # 1000 - 8000 d = (4000 - 4000 d + 4000 + 4000 d) / 64
    assert closest_together(run) == pytest.approx(875 / 8_000, rel=1e-9)


def test_the_requirement_at_the_entry_stays():
    run = account([40.0, 40.0], instruments=instruments(), venue={"mm_basis": "entry"})
    assert closest_together(run) == pytest.approx(875 / 8_000, rel=1e-9)


def test_tiers_are_those_after_the_move():
    run = account([40.0, -40.0], instruments=instruments(tiers=TIERS))
    # the long ends below 5000 of notional, the short above 4000 and below 5000: 1/32, amount 2000/64
    assert closest_together(run) == pytest.approx((1_000 - 2 * (125 - 31.25)) / 8_000, rel=1e-9)


def test_the_nearest_pool_counts():
    run = account([40.0, 10.0], mode="isolated", instruments=instruments())
    # each has a sixteenth as margin: N/16 - N d = N (1 - d) / 64
    assert closest_together(run) == pytest.approx((1 / 16 - 1 / 64) / (1 - 1 / 64), rel=1e-9)
    assert summarise(run)["closest_together"] == pytest.approx(summarise(run)["closest_to_liquidation"], rel=1e-9)


@pytest.mark.parametrize("contract", ["linear", "inverse"])
@pytest.mark.parametrize("size", [30.0, -30.0])
def test_one_position_alone_is_at_its_liquidation_price(contract, size):
    rules = instruments(1, contract=contract, tiers=TIERS)
    size, balance = (size, 1_000.0) if contract == "linear" else (size * 100, 10.0)
    run = account([size], (100.0,), balance=balance, instruments=rules)
    assert closest_together(run) == pytest.approx(summarise(run)["closest_to_liquidation"], rel=1e-9)


@pytest.mark.parametrize("size", [500.0, 900.0, 1_000.0, 1_100.0])
def test_a_coin_margined_long_of_about_one_time_its_equity_has_a_line(size):
    """All its equity is gone before the price is 0, at which such a contract is worth endlessly much."""
    run = account([size], (100.0,), balance=10.0, instruments=instruments(1, contract="inverse"))
    # 10 + N - N / (1 - d) = N / (1 - d) / 64, N = size / 100
    worth = size / 100
    assert closest_together(run) == pytest.approx(1 - worth * (1 + RATE) / (10 + worth), rel=1e-9)


def test_without_a_maintenance_rate_the_line_is_where_the_equity_ends():
    run = account([900.0], (100.0,), balance=10.0, instruments=instruments(1, contract="inverse", tiers=[[0, 0, 64]]))
    # 10 + 9 - 9 / (1 - d) = 0
    assert closest_together(run) == pytest.approx(10 / 19, rel=1e-9)


def test_tiers_are_those_of_the_time():
    """Twice the rate from bar 2 on: the second close is the nearer one, and the first goes by the first table."""
    dated = instruments(1, tier_changes=[{"time": 2 * HOUR, "tiers": [[0, 2 * RATE, 32]]}])
    # 1000 - N d = N (1 - d) r, N = 4000
    assert closest_together(account([40.0], (100.0,), instruments=dated)) == pytest.approx(
        (1_000 - 4_000 * 2 * RATE) / (4_000 * (1 - 2 * RATE)), rel=1e-9
    )


def test_nothing_can_take_an_account_without_leverage():
    assert math.isnan(closest_together(account([4.0, 4.0], instruments=instruments())))
    assert math.isnan(closest_together(account([0.0, 0.0], instruments=instruments())))


def test_nothing_is_nearer_than_what_happened():
    run = account([40.0, 40.0], after=(80.0, 80.0), instruments=instruments())
    assert run.totals["liquidations"] == 2
    assert summarise(run)["closest_together"] == 0.0
    told = {key: formatted(key, summarise(run)[key]) for key in ("closest_together", "closest_to_liquidation")}
    assert told == {"closest_together": "met", "closest_to_liquidation": "met"}
    assert formatted("closest_together", 0.0, difference=True) == "0.00 pp"
    assert formatted("max_drawdown", 0.0) == "0.00 %"


def test_a_short_can_be_farther_than_its_price():
    run = account([-4.0], (100.0,), instruments=instruments(1))
    # 1000 - 400 d = 400 (1 + d) / 64
    assert closest_together(run) == pytest.approx((1_000 - 6.25) / 406.25, rel=1e-9)


OF_CONTRACT = ("contract", "tier_key", "tiers", "unit_margin_rate")
GROWS = {"tier_key": "quantity", "tiers": [[0, RATE, 32]], "unit_margin_rate": 1 / 640}  # 1/16 at 40
NET = {"venue": {"hedge_offset": "net"}}
CASES = {
    "longs": ([40.0, 40.0], {}),
    "pair": ([40.0, -40.0], {}),
    "fee buffer": ([40.0, -30.0], {"venue": {"close_fee_buffer": 1 / 256}}),
    "entry basis": ([40.0, -30.0], {"venue": {"mm_basis": "entry"}}),
    "inverse": ([4_000.0, -2_000.0], {"balance": 10.0, "contract": "inverse"}),
    "tiers by quantity": ([40.0, -30.0], {"tier_key": "quantity", "tiers": [[0, 1 / 64, 64], [35, 1 / 32, 32]]}),
    "inverse, net": ([600.0, -200.0, 100.0], {"balance": 10.0, "contract": "inverse", "hedged": True, **NET}),
    "a rate that grows": ([40.0, -30.0], GROWS),
    "hedge, both sides": ([40.0, -10.0, 30.0], {"hedged": True}),
    "hedge, larger side": ([40.0, -10.0, 30.0], {"hedged": True, "venue": {"hedge_offset": "larger_side"}}),
    "hedge, net": ([40.0, -10.0, 30.0], {"hedged": True, **NET}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_market_that_moves_by_it_liquidates_and_by_less_does_not(case):
    sizes, parts = case[0], dict(case[1])
    rules = {"tiers": TIERS} | {key: parts.pop(key) for key in OF_CONTRACT if key in parts}
    if parts.pop("hedged", False):  # long and short of the first instrument
        parts["slots"] = [{"instrument": i, "leverage": 16} for i in (0, 0, 1)]
        side = (1.0, 1.0)
    else:
        side = tuple(math.copysign(1.0, size) for size in sizes)
    parts["instruments"] = instruments(**rules)
    distance = closest_together(account(sizes, **parts))
    for share, killed in ((1.0 + 1e-6, True), (1.0 - 1e-6, False)):
        after = tuple(100.0 * (1.0 - z * share * distance) for z in side)
        assert (account(sizes, after=after, **parts).totals["liquidations"] > 0) is killed
