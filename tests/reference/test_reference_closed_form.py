"""Liquidation and bankruptcy prices: every row of the table by hand, then by search (sections 3 and 8)."""

import random

import pytest

from backtester.reference import run
from backtester.reference.account import Account
from backtester.reference.closed_form import bankruptcy_price, liquidation_price
from backtester.reference.start import build_account
from tests.reference.reference_helpers import columns, events, flat, scenario

BUFFER = 1 / 128


def price_of_one_slot(contract, basis, size, balance=1000.0, leverage=16):
    instrument = {"contract": contract, "tiers": [[0, 1 / 128, 64]]}
    venue = {"mm_basis": basis, "close_fee_buffer": BUFFER}
    slots = [{"instrument": 0, "leverage": leverage}]
    account = {"balance": balance}
    scene = scenario([flat(128)], [{"size": size}], slots, instrument=instrument, venue=venue, account=account)
    return run(scene)["liquidation_price"][0][0]


# 8 at 128 with leverage 16: W = 64 (linear); 1024 at 128: W = 0.5 coin (inverse); r + F = 1/64


@pytest.mark.parametrize(
    ("contract", "basis", "size", "price"),
    [
        ("linear", "mark", 8, (64 - 8 * 128) / (8 / 64 - 8)),
        ("linear", "mark", -8, (64 + 8 * 128) / (8 / 64 + 8)),
        ("linear", "entry", 8, 128 - (64 - 16) / 8),
        ("linear", "entry", -8, 128 + (64 - 16) / 8),
        ("inverse", "mark", 1024, (1024 / 64 + 1024) / (0.5 + 8)),
        ("inverse", "mark", -1024, (1024 / 64 - 1024) / (0.5 - 8)),
        ("inverse", "entry", 1024, 1024 / (8 + 0.5 - 0.125)),
        ("inverse", "entry", -1024, -1024 / (-8 + 0.5 - 0.125)),
    ],
)
def test_rows_of_the_table(contract, basis, size, price):
    assert price_of_one_slot(contract, basis, size) == pytest.approx(price, rel=1e-14)


def test_no_price_when_nothing_is_borrowed():
    # 900 posted for 4 at 128 = 512
    scene = scenario([flat(128)], [{"size": 4, "margin": 900}])
    assert run(scene)["liquidation_price"] == [[None]]


def test_tiers_are_tried_from_the_smallest_notional_up():
    # short 8 at 100, W = 175: first tier (1/64, up to 960): (175 + 800) / (8 + 1/8) = 120 -> 960, on its end
    instrument = {"tiers": [[0, 1 / 64, 64], [960, 1 / 8, 64]]}
    scene = scenario([flat(100)], [{"size": -8, "margin": 175}], instrument=instrument)
    assert run(scene)["liquidation_price"][0][0] == 120
    # W = 277: first tier (277 + 800) / 8.125 = 132.55 -> 1060; second: c = 960 * 7/64 = 105: (277 + 105 + 800) / 9
    scene = scenario([flat(100)], [{"size": -8, "margin": 277}], instrument=instrument)
    assert run(scene)["liquidation_price"][0][0] == pytest.approx(1182 / 9, rel=1e-15)


def test_others_count_with_pnl_less_requirement():
    # W = 200; other: short 4 at 50, now 54: pnl -16, requirement 216 / 64 = 3.375
    # long 8 at 100: (200 - 19.375 - 800) / (8 / 64 - 8)
    scene = scenario(
        [], [{"size": 8}, {"size": -4, "slot": 1}],
        [{"instrument": 0, "leverage": 16}, {"instrument": 1, "leverage": 16}],
        bars=[columns([flat(100), flat(104)]), columns([flat(50), flat(54)])],
        account={"mode": "cross", "balance": 200},
    )
    assert run(scene)["liquidation_price"][1][0] == pytest.approx(619.375 / 7.875, rel=1e-15)


def test_two_slots_of_a_pool_share_a_price():
    slots = [{"instrument": 0, "leverage": 16}] * 2
    orders = [{"size": 8}, {"size": -2, "slot": 1, "bar": 0}]
    scene = scenario([flat(100), flat(96)], orders, slots, account={"mode": "cross", "balance": 128})
    prices = run(scene)["liquidation_price"][1]
    # Q = 6, A = 800 - 192 = 608, R = 10 / 64
    assert prices == [pytest.approx((128 - 608) / (10 / 64 - 6), rel=1e-15)] * 2


def test_an_even_hedge_has_none():
    slots = [{"instrument": 0, "leverage": 16}] * 2
    scene = scenario([flat(100)], [{"size": 8}, {"size": -8, "slot": 1}], slots, account={"mode": "cross"})
    assert run(scene)["liquidation_price"] == [[None, None]]


def random_account(rng: random.Random) -> tuple[Account, list[float]]:
    """Return a cross account with random positions on two instruments."""
    contract = rng.choice(["linear", "inverse"])
    keyed_by = rng.choice(["notional", "quantity"])
    unit = 400.0 if keyed_by == "notional" or contract == "linear" else 40_000.0
    unit = unit / 100 if (keyed_by == "quantity") == (contract == "linear") else unit
    tiers = [[0, 0.01, 50], [unit, 0.02, 50], [2 * unit, 0.05, 50], [4 * unit, 0.1, 50]]
    venue = {
        "mm_basis": rng.choice(["mark", "entry"]), "close_fee_buffer": rng.choice([0.0, 0.002]),
        "hedge_offset": rng.choice(["none", "net", "larger_side"]),
    }
    slots = [{"instrument": rng.randrange(2), "leverage": 10} for _ in range(rng.randint(1, 4))]
    scene = scenario(
        [], [], slots, bars=[columns([flat(100)]), columns([flat(50)])], venue=venue, account={"mode": "cross"},
        instrument={"contract": contract, "tiers": tiers, "tier_key": keyed_by},
    )
    account = build_account(scene)
    marks = [rng.uniform(80, 120), rng.uniform(40, 60)]
    for slot in account.slots:
        slot.entry_price = marks[slot.instrument.index] * rng.uniform(0.9, 1.1)
        notional = rng.uniform(10, 2000)
        slot.quantity = rng.choice([-1, 1]) * slot.instrument.contract.quantity_worth(notional, slot.entry_price)
    account.main.cash = rng.uniform(50, 800)
    return account, marks


def test_equity_is_the_requirement_at_the_price():
    rng = random.Random(7)
    found = 0
    for _ in range(3000):
        account, marks = random_account(rng)
        pool = account.main
        if pool.venue.mm_basis == "entry" and pool.venue.hedge_offset == "larger_side":
            continue  # larger in quantity, in the closed form: tests/twin/test_edges.py
        for slot in account.slots:
            price = liquidation_price(slot, marks)
            if price is None:
                continue
            found += 1
            there = list(marks)
            there[slot.instrument.index] = price
            scale = pool.cash + sum(other.notional(there[other.instrument.index]) for other in account.slots)
            assert abs(pool.equity(there) - pool.requirement(there)) < 1e-10 * scale
    assert found > 2500


def test_bankruptcy_is_where_equity_is_nothing():
    rng = random.Random(8)
    for _ in range(500):
        account, marks = random_account(rng)
        for slot in account.slots:
            price = bankruptcy_price(slot, marks)
            if price is not None:
                there = list(marks)
                there[slot.instrument.index] = price
                scale = sum(other.notional(there[other.instrument.index]) for other in account.slots)
                assert abs(account.main.equity(there)) < 1e-10 * (account.main.cash + scale)


def test_search_finds_no_price_where_the_form_gives_none_and_no_smaller_notional():
    rng = random.Random(9)
    for _ in range(300):
        account, marks = random_account(rng)
        for slot in account.slots:
            contract = slot.instrument.contract
            holding = next(held for held in account.main.holdings() if held.instrument is slot.instrument)
            net = abs(sum(other.quantity for other in holding.slots))
            price = liquidation_price(slot, marks)
            units = [contract.unit(slot.entry_price) * 1.02**k for k in range(-400, 401)]
            signs = []
            for unit in units:
                there = list(marks)
                there[slot.instrument.index] = contract.price(unit)
                signs.append(account.main.equity(there) > account.main.requirement(there))
            changes = [k for k in range(len(units) - 1) if signs[k] != signs[k + 1]]
            if price is None:
                assert not changes or net == 0
            elif changes and units[0] < contract.unit(price) < units[-1]:
                assert contract.unit(price) <= units[changes[0] + 1] * (1 + 1e-9)


@pytest.mark.parametrize("size", [8, -8])
def test_the_walk_liquidates_at_the_closed_form(size):
    instrument = {"tiers": [[0, 0.01, 50], [700, 0.02, 40], [850, 0.04, 30]]}
    candles = [flat(100), (100, 131, 71, 100)]
    result = run(scenario(candles, [{"size": size}], instrument=instrument))
    (event,) = events(result, "liquidation")
    assert event["price"] == pytest.approx(result["liquidation_price"][0][0], rel=1e-13)
