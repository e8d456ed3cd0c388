"""The next automatic top-up: by hand, and where the engine moves money.

Unless it says otherwise: 8 at 128 at 8x, maintenance 16 at the entry, initial margin 128.
"""

import random

import pytest

from backtester import calculators as calc
from backtester.calculators import Pool, Position, isolated
from backtester.errors import ConfigurationError
from backtester.venue import Instrument, VenueRules
from tests.laws.engines import events, flat, run, scenario

COIN = Instrument("COIN", tiers=((0, 1 / 64, 64),))
ENTRY = {"mm_basis": "entry"}


def pool(rule="initial_margin", *, mark=128, side=1, margin=None, **rules):
    return isolated(
        Position(COIN, 8 * side, 128, mark, leverage=8), VenueRules(auto_top_up=rule, **rules), margin=margin
    )


@pytest.mark.parametrize(("side", "price", "after"), [(1, 114, 98), (-1, 142, 158)])
def test_an_initial_margin_moves_at_the_line(side, price, after):
    found = calc.next_top_up(pool(side=side, **ENTRY), 1000)
    assert (found.price, found.amount) == (price, 128)
    assert calc.liquidation_price(found.pool) == after
    assert found.pool.positions[0].mark_price == price


def test_inverse():
    """1024 dollars at 128 are 8 coins: 1 behind them, 1/8 required: at the line where they are 8.875, then 9.875."""
    coin = Instrument("COIN", contract="inverse", tiers=((0, 1 / 64, 64),))
    rules = VenueRules(auto_top_up="initial_margin", **ENTRY)
    found = calc.next_top_up(isolated(Position(coin, 1024, 128, leverage=8), rules), 3)
    assert found.amount == 1
    assert found.price == pytest.approx(1024 / 8.875, rel=1e-14)
    assert calc.liquidation_price(found.pool) == pytest.approx(1024 / 9.875, rel=1e-14)


def test_one_after_the_other_up_to_what_is_free():
    first = calc.next_top_up(pool(**ENTRY), 192)
    second = calc.next_top_up(first.pool, 192 - first.amount, moved_before=first.amount)
    assert (second.price, second.amount) == (98, 64)
    assert calc.liquidation_price(second.pool) == 90
    assert calc.next_top_up(second.pool, 0, moved_before=192) is None


def test_the_cap_counts_what_was_moved_before():
    found = calc.next_top_up(pool(top_up_cap=192, **ENTRY), 1000, moved_before=128)
    assert found.amount == 64
    assert calc.next_top_up(pool(top_up_cap=192, **ENTRY), 1000, moved_before=192) is None


@pytest.mark.parametrize(("free", "amount"), [(500, 500), (1000, 882)])
def test_all_that_is_free_but_not_below_1x(free, amount):
    """142 + 8 * (112 - 128) = 14 = 896 / 64 at 112, where 8 are worth 896."""
    found = calc.next_top_up(pool("all_free", margin=142), free)
    assert (found.price, found.amount) == (112, amount)


def test_a_mark_beyond_the_line_takes_as_many_as_it_needs():
    """At 98 the pool is 112 below 0, 128 short of 16: two, since equal is not enough."""
    found = calc.next_top_up(pool(mark=98, **ENTRY), 1000)
    assert (found.price, found.amount) == (98, 256)
    assert calc.next_top_up(pool(mark=98, **ENTRY), 100) is None


def test_none_without_the_rule_or_without_a_line():
    assert calc.next_top_up(pool("none"), 1000) is None
    assert calc.next_top_up(pool(margin=1024), 1000) is None


def test_a_shared_pool_is_refused():
    with pytest.raises(ConfigurationError, match=r"pool.isolated: only isolated positions are topped up"):
        calc.next_top_up(Pool(100, (Position(COIN, 8, 128),)), 1000)


def test_what_is_free_is_a_number():
    with pytest.raises(ConfigurationError, match="free"):
        calc.next_top_up(pool(), float("nan"))


@pytest.mark.parametrize("seed", range(20))
def test_the_engine_moves_the_same_at_the_same_price(seed):
    rng = random.Random(seed)
    rules = {
        "mm_basis": rng.choice(["mark", "entry"]),
        "auto_top_up": rng.choice(["initial_margin", "all_free"]),
        "top_up_cap": rng.choice([0.0, 30.0]),
        "close_fee_buffer": rng.choice([0.0, 0.0005]),
    }
    side, leverage, balance = rng.choice([1, -1]), rng.choice([5.0, 10.0, 20.0]), rng.uniform(150.0, 600.0)
    quantity, tiers = side * rng.uniform(2.0, 10.0), [[0, 0.005, 100], [400, 0.01, 50]]
    away = 100 * (1 - side * 0.6)
    result = run(
        "kernel",
        scenario(
            [flat(100), (100, max(100, away), min(100, away), away)],
            [{"size": quantity}],
            [{"instrument": 0, "leverage": leverage}],
            instrument={"tiers": tiers},
            venue=rules,
            account={"balance": balance},
        ),
    )
    held = Position(Instrument("COIN", tiers=tiers), quantity, 100, leverage=leverage)
    at, free, moved = isolated(held, VenueRules(**rules)), balance - 100 * abs(quantity) / leverage, 0.0
    seen = events(result, "auto_top_up")
    assert seen
    for event in seen:
        found = calc.next_top_up(at, free, moved_before=moved)
        assert (found.price, found.amount) == pytest.approx((event["price"], event["amount"]), rel=1e-9)
        at, free, moved = found.pool, free - found.amount, moved + found.amount
    gone = events(result, "liquidation")
    if gone:
        assert calc.next_top_up(at, free, moved_before=moved) is None
        assert calc.liquidation_price(at) == pytest.approx(gone[0]["price"], rel=1e-9)
