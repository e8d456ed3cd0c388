"""Calculators held against their definitions and against the engine, on random pools."""

import math
from dataclasses import replace

import hypothesis.strategies as some
import pytest
from hypothesis import assume, given, settings

from backtester import calculators as calc
from backtester.calculators import Pool, Position, isolated
from backtester.venue import Instrument, VenueRules
from tests.laws.engines import events, flat, run, scenario

STEADY = settings(deadline=None, derandomize=True)  # a busy machine is no fault
HAIR = 1e-9  # relative: what is this close to a limit is on it


@some.composite
def instruments(draw, symbol, contract):
    keyed_by = draw(some.sampled_from(["notional", "quantity"]))
    rates = sorted(draw(some.lists(some.floats(0.001, 0.2), min_size=1, max_size=4)))
    step = draw(some.floats(1, 400)) / (1 if keyed_by == "notional" or contract == "linear" else 1e-2)
    floors = [0.0] + [step * 2**k for k in range(len(rates) - 1)]
    tiers = tuple((floor, rate, 100.0) for floor, rate in zip(floors, rates, strict=True))
    growing = keyed_by == "quantity" and draw(some.booleans())
    unit = draw(some.floats(0.0005, 0.1)) * (1 if contract == "linear" else 1e-2) if growing else 0.0
    if growing:
        tiers = tuple((floor, rate, 0.9 / rates[-1]) for floor, rate, _ in tiers)
    return Instrument(symbol, contract=contract, tiers=tiers, tier_key=keyed_by, unit_margin_rate=unit)


@some.composite
def rules(draw):
    return VenueRules(
        mm_basis=draw(some.sampled_from(["mark", "mark", "entry"])),
        close_fee_buffer=draw(some.sampled_from([0.0, 0.002])),
        hedge_offset=draw(some.sampled_from(["none", "net", "larger_side"])),
        initial_margin_buffer=draw(some.sampled_from([0.0, 0.0054])),
    )


@some.composite
def pools(draw, symbols=("A", "B")):
    contract = draw(some.sampled_from(["linear", "inverse"]))
    known = {symbol: (draw(instruments(symbol, contract)), draw(some.floats(50, 200))) for symbol in symbols}
    positions = []
    for _ in range(draw(some.integers(1, 4))):
        instrument, mark = known[draw(some.sampled_from(symbols))]
        entry = mark * draw(some.floats(0.9, 1.1))
        size = draw(some.floats(10, 2000)) * (1 / entry if contract == "linear" else entry / 100)
        positions.append(Position(instrument, draw(some.sampled_from([-1, 1])) * size, entry, mark))
    unit = 1.0 if contract == "linear" else 0.01
    return Pool(unit * draw(some.floats(10, 900)), tuple(positions), draw(rules()))


def excess(pool):
    """Return equity less requirement, as a fraction of what it was summed from."""
    size = abs(pool.cash) + calc.notional(pool) + sum(position.entry_notional for position in pool.positions)
    return (calc.equity(pool) - calc.maintenance_margin(pool)) / size


def at(pool, price, position=0):
    return calc.marked(pool, {pool.positions[position].symbol: price})


@settings(STEADY)
@given(pools())
def test_at_the_liquidation_price_equity_is_the_requirement(pool):
    assume((pool.rules.mm_basis, pool.rules.hedge_offset) != ("entry", "larger_side"))  # docs/model.md, "Closed forms"
    price = calc.liquidation_price(pool)
    if not math.isnan(price):
        assert abs(excess(at(pool, price))) < 1e-12


@settings(STEADY)
@given(pools())
def test_at_the_bankruptcy_price_equity_is_nothing(pool):
    price = calc.bankruptcy_price(pool)
    if not math.isnan(price):
        gone = at(pool, price)
        assert abs(calc.equity(gone)) < 1e-12 * (pool.cash + calc.notional(gone) + calc.notional(pool))


@settings(STEADY)
@given(pools())
def test_the_safe_range_is_safe_and_ends_where_it_says(pool):
    low, high = calc.safe_range(pool)
    mark = pool.positions[0].mark_price
    if math.isnan(low):
        assert all(excess(at(pool, mark * 1.6**k)) < HAIR for k in range(-12, 12))
        return
    assume(low < high * (1 - 1e-6))
    for k in range(-12, 12):
        price = mark * 1.6**k
        if low * (1 + 1e-6) < price < high * (1 - 1e-6):
            assert excess(at(pool, price)) > -1e-15
        elif price < low * (1 - 1e-6) or price > high * (1 + 1e-6):
            assert excess(at(pool, price)) < 1e-15
    for end in (low, high):
        if 0 < end < math.inf:
            assert abs(excess(at(pool, end))) < 1e-12


@settings(STEADY)
@given(pools())
def test_the_liquidation_price_of_one_side_is_an_end_of_its_safe_range(pool):
    one = replace(pool, positions=pool.positions[:1])
    price, ends = calc.liquidation_price(one), calc.safe_range(one)
    if math.isnan(price):
        assert all(end in (0, math.inf) or not 1e-8 < end / one.positions[0].entry_price < 1e8 for end in ends)
    else:
        assert any(end == pytest.approx(price, rel=1e-12) for end in ends)


@settings(STEADY)
@given(pools(), some.floats(-0.6, 0.6))
def test_the_margin_to_add_is_the_least(pool, move):
    after = calc.moved(pool, move)
    added = calc.margin_to_add(pool, after.marks)
    worst = min(excess(pool), excess(after))
    if added == 0:
        assert worst > -1e-15
        return
    assert worst <= 0
    richer = replace(pool, cash=pool.cash + added)
    assert min(excess(richer), excess(calc.moved(richer, move))) == pytest.approx(0, abs=1e-15)


def survives(pool, move, *, by):
    """Return whether equity less requirement is above `by`, now and after the move."""
    return min(excess(pool), excess(calc.moved(pool, move))) > by


def resized(pool, size):
    """Return the pool with another size of its first position; isolated cash grows with it."""
    old = pool.positions[0]
    cash = pool.cash * size / abs(old.quantity) if pool.isolated else pool.cash
    first = replace(old, quantity=math.copysign(size, old.quantity))
    return replace(pool, cash=cash, positions=(first, *pool.positions[1:]))


@settings(STEADY, max_examples=200)
@given(pools(), some.floats(-0.4, 0.4), some.booleans())
def test_the_largest_size_is_the_largest(pool, move, alone):
    if alone:
        pool = replace(pool, positions=pool.positions[:1], isolated=True)
    size = calc.largest_size(pool, calc.moved(pool, move).marks)
    scale = abs(pool.positions[0].quantity)
    if size == math.inf:
        assert survives(resized(pool, 1e9 * scale), move, by=-1e-12)
        return
    if size > 1e-6 * scale:
        assert survives(resized(pool, size * (1 - HAIR)), move, by=-1e-12)
    for factor in (1 + 1e-7, 1.5, 4, 100):
        assert not survives(resized(pool, max(size, 1e-9 * scale) * factor), move, by=1e-12)


@settings(STEADY)
@given(pools(), some.floats(-0.4, 0.4))
def test_the_largest_leverage_is_the_largest(pool, move):
    pool = replace(pool, positions=pool.positions[:1], isolated=True)
    most = calc.largest_leverage(pool, calc.moved(pool, move).marks)

    def posted(leverage):
        return isolated(replace(pool.positions[0], leverage=leverage), pool.rules)

    assert survives(posted(most * (1 - HAIR)), move, by=-1e-12)
    if most < calc.allowed_leverage(pool.positions[0].instrument, pool.positions[0].quantity, 1):
        assert not survives(posted(most * (1 + HAIR)), move, by=1e-12)


# --- the engine liquidates there, and not before ---


def engine_liquidates(engine, pool, price):
    """Return the price at which the engine liquidates a pool that was just opened when its mark goes to `price`."""
    (position,) = pool.positions
    mark, instrument = position.mark_price, position.instrument
    candle = (mark, max(mark, price), min(mark, price), price)
    scene = scenario(
        [flat(mark), flat(mark), candle],
        [{"size": position.quantity, "margin": pool.cash}],
        [{"instrument": 0, "leverage": position.leverage}],
        instrument={
            "contract": instrument.contract,
            "tiers": list(map(list, instrument.tiers)),
            "tier_key": instrument.tier_key,
            "unit_margin_rate": instrument.unit_margin_rate,
        },
        venue={"mm_basis": pool.rules.mm_basis, "close_fee_buffer": pool.rules.close_fee_buffer},
        account={"balance": pool.cash * 2},
    )
    return [event["price"] for event in events(run(engine, scene), "liquidation")]


@pytest.mark.parametrize("engine", ["kernel", "reference"])
@settings(STEADY, max_examples=60)
@given(pool=pools(symbols=("A",)))
def test_the_engine_liquidates_there_and_not_before(engine, pool):
    first = pool.positions[0]
    most = calc.allowed_leverage(first.instrument, first.quantity, first.mark_price) * 0.99
    opened = replace(first, entry_price=first.mark_price, leverage=most)
    pool = replace(pool, positions=(opened,), isolated=True, cash=max(pool.cash, opened.entry_notional / most))
    assume(excess(pool) > 1e-6)
    price, mark = calc.liquidation_price(pool), opened.mark_price
    assume(mark / 20 < price < mark * 20)
    assert engine_liquidates(engine, pool, price + (mark - price) * 1e-9) == []
    assert engine_liquidates(engine, pool, price - (mark - price) * 1e-3) == [pytest.approx(price, rel=1e-12)]


TIERS = Instrument("A", tiers=((0, 0.01, 100), (500, 0.02, 100), (2000, 0.1, 100)))
FALL = {"A": 90}


def with_margin(pool, factor):
    return replace(pool, cash=pool.cash + calc.margin_to_add(pool, FALL) / factor)


def with_size(pool, factor):
    return resized(pool, calc.largest_size(pool, FALL) * factor)


def with_leverage(pool, factor):
    return isolated(replace(pool.positions[0], leverage=calc.largest_leverage(pool, FALL) * factor), pool.rules)


@pytest.mark.parametrize("engine", ["kernel", "reference"])
@pytest.mark.parametrize(("limit", "leverage"), [(with_margin, 20), (with_size, 8), (with_leverage, 20)])
def test_the_engine_draws_the_same_limits(engine, limit, leverage):
    pool = isolated(Position(TIERS, 8, 100, leverage=leverage))
    assert engine_liquidates(engine, limit(pool, 1 - HAIR), 90) == []
    assert engine_liquidates(engine, limit(pool, 1 + HAIR), 90) == [pytest.approx(90, rel=1e-7)]
