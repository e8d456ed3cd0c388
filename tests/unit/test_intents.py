"""Targets to orders and margin instructions, by hand and against a naive second form."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtester.account import Account
from backtester.asking.intents import decision_bars, plan
from backtester.errors import ConfigurationError, StrategyError
from backtester.market import Market
from backtester.schema import TARGET_SIZES
from backtester.strategy import SlotSpec, Strategy, Targets
from tests.strategy_market import fixed, frame, market, random_market

NAN, INF = math.nan, math.inf
FLAT = [100.0] * 6


def orders(strategies, of, account=None):
    found = plan(strategies, of, account or Account()).orders
    return [(int(b), int(s), float(x)) for b, s, x in zip(found.bar, found.slot, found.size, strict=True)]


def actions(strategy, of, account=None):
    return [
        (int(b), int(s), int(k), float(a))
        for b, s, k, a in zip(*plan(strategy, of, account or Account()).actions, strict=True)
    ]


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ([0, 1, 1, -1, 0, 0], [(1, 0, 1.0), (3, 0, -1.0), (4, 0, 0.0)]),
        ([NAN, 2, NAN, 2, NAN, 3], [(1, 0, 2.0), (5, 0, 3.0)]),  # nan is no instruction
        ([5, 5, 5, 5, 5, 5], [(0, 0, 5.0)]),
        ([0, 0, 0, NAN, 0, 0], []),  # flat from the start is no order
        ([NAN] * 6, []),
        ([1, NAN, NAN, 0, NAN, 1], [(0, 0, 1.0), (3, 0, 0.0), (5, 0, 1.0)]),
        ([True, True, False, False, True, True], [(0, 0, 1.0), (2, 0, 0.0), (4, 0, 1.0)]),
    ],
)
def test_orders_arise_where_a_target_changes(target, wanted):
    assert orders(fixed(quantity=target), market(FLAT)) == wanted


def naive_orders(values, closes):
    found = []
    for slot in range(values.shape[1]):
        last, listed = 0.0, False
        for bar in range(len(values)):
            listed = listed or not math.isnan(closes[bar, slot])
            value = values[bar, slot]
            if listed and not math.isnan(value) and value != last:
                found.append((bar, slot, float(value)))
                last = value
    return sorted(found)


@given(st.integers(0, 10**6), st.integers(1, 12), st.booleans(), st.booleans())
def test_orders_agree_with_the_naive_form(seed, n_bars, column_major, gaps):
    rng = np.random.default_rng(seed)
    n_slots = 3 if n_bars != 3 else 2
    of = random_market(20, n_slots, seed, gaps=[(0, 0, int(rng.integers(5))), (1, 2, 5)] if gaps else ()).slice(
        0, n_bars
    )
    values = rng.choice([NAN, 0.0, 1.0, -2.0], (n_bars, n_slots))
    values = np.asarray(values, order="F" if column_major else "C")
    assert orders(fixed(notional=values), of) == naive_orders(values, of.close)


@pytest.mark.parametrize("name", TARGET_SIZES)
def test_every_size_is_a_target_of_its_type(name):
    found = plan(fixed(**{name: 3.0}), market(FLAT), Account()).orders
    assert TARGET_SIZES[found.size_type[0]] == name
    assert found.target.all()
    assert all(
        np.isnan(getattr(found, column)).all()
        for column in ("margin", "limit", "stop", "take_profit", "trail", "trail_fraction")
    )
    assert not found.watch_mark.any()


def test_shapes_that_broadcast():
    of = market(FLAT, FLAT)
    one = [(0, 0, 1.0), (0, 1, 1.0)]
    assert orders(fixed(quantity=1), of) == one
    assert orders(fixed(quantity=np.ones(6)), of) == one
    assert orders(fixed(quantity=[1.0, 2.0]), of) == [(0, 0, 1.0), (0, 1, 2.0)]
    assert orders(fixed(quantity=np.ones((6, 1))), of) == one
    assert orders(fixed(quantity=np.ones((6, 2), np.float32)), of) == one
    assert orders(fixed(quantity=pd.Series(np.ones(6), of.index)), of) == one
    assert orders(fixed(quantity=pd.Series({"BUSDT": 2, "AUSDT": 1})), of) == [(0, 0, 1.0), (0, 1, 2.0)]


def test_frames_are_aligned_by_slot_or_symbol():
    of = market(FLAT, FLAT)
    by_symbol = pd.DataFrame({"BUSDT": [2.0] * 6, "AUSDT": [1.0] * 6}, of.index)
    assert orders(fixed(quantity=by_symbol), of) == [(0, 0, 1.0), (0, 1, 2.0)]
    assert orders(fixed(quantity=by_symbol[["BUSDT"]]), of) == [(0, 1, 2.0)]
    legs = [SlotSpec("AUSDT", "long"), SlotSpec("AUSDT", "short")]
    by_leg = pd.DataFrame({("AUSDT", "short"): [-1.0] * 6, ("AUSDT", "long"): [1.0] * 6})
    assert orders(fixed(legs, quantity=by_leg), of) == [(0, 0, 1.0), (0, 1, -1.0)]
    assert orders(fixed(legs, quantity=by_symbol[["AUSDT"]]), of) == [(0, 0, 1.0), (0, 1, 1.0)]


def test_pandas_own_numbers_count_as_floats():
    of = market(FLAT)
    target = pd.Series([1, None, 2, 2, None, 0], of.index, dtype="Int64")
    assert orders(fixed(quantity=target), of) == [(0, 0, 1.0), (2, 0, 2.0), (5, 0, 0.0)]
    frame_ = pd.DataFrame({"AUSDT": target})
    assert orders(fixed(quantity=frame_), of) == [(0, 0, 1.0), (2, 0, 2.0), (5, 0, 0.0)]


def test_exits_are_fractions_of_the_decision_close():
    of = market([100.0, 80.0, 64.0, 64.0])
    found = plan(fixed(quantity=[1, -1, 0, 2], stop=0.25, take_profit=0.5, trailing=0.125), of, Account()).orders
    np.testing.assert_array_equal(found.stop, [75.0, 100.0, NAN, 48.0])
    np.testing.assert_array_equal(found.take_profit, [150.0, 40.0, NAN, 96.0])
    np.testing.assert_array_equal(found.trail, [12.5, 10.0, NAN, 8.0])
    assert np.isnan(found.trail_fraction).all()


def test_exits_as_prices_and_on_marks():
    of = market([100.0, 80.0, 64.0, 64.0])
    targets = {"quantity": [1, -1, 0, 2], "stop_price": [90, 88, -5, INF], "take_profit_price": 200.0}
    found = plan(fixed(**targets, watch="mark"), of, Account()).orders
    np.testing.assert_array_equal(found.stop, [90.0, 88.0, NAN, NAN])  # inf: this order has none
    np.testing.assert_array_equal(found.take_profit, [200.0, 200.0, NAN, 200.0])
    assert found.watch_mark.all()


def test_inf_says_that_an_order_has_no_exit():
    found = plan(fixed(quantity=[1, -1, 0, 2], stop=[INF, 0.5, NAN, INF]), market([64.0] * 4), Account()).orders
    np.testing.assert_array_equal(found.stop, [NAN, 96.0, NAN, NAN])


def test_a_slot_without_any_value_has_no_exit():
    of = market([64.0] * 4, [64.0] * 4)
    stop = pd.DataFrame({"BUSDT": [0.5] * 4})
    found = plan(fixed(quantity=1.0, stop=stop), of, Account()).orders
    np.testing.assert_array_equal(found.stop, [NAN, 32.0])


def test_before_the_first_price_there_is_no_instruction():
    of = market([64.0] * 6, [64.0] * 6, gaps=[(1, 0, 2)])
    found = plan(fixed(quantity=1.0, stop=0.5, leverage=5.0, add_margin=7.0), of, Account())
    assert [tuple(map(int, row)) for row in zip(found.orders.bar, found.orders.slot, strict=True)] == [(0, 0), (3, 1)]
    np.testing.assert_array_equal(found.orders.stop, [32.0, 32.0])
    second = found.actions.slot == 1
    assert found.actions.bar[second].tolist() == [3, 3, 4, 5]


def test_an_instrument_without_any_price_is_never_ordered():
    of = market([64.0] * 6, [64.0] * 6, gaps=[(1, 0, 3)]).slice(0, 3)
    assert orders(fixed(quantity=1.0), of) == [(0, 0, 1.0)]


def test_a_fraction_at_a_missing_bar_takes_the_last_known_close():
    of = market([64.0, 32.0, 99.0, 99.0, 16.0], FLAT[:5], gaps=[(0, 2, 3)])
    found = plan(fixed([SlotSpec("AUSDT")], quantity=[0, 0, 0, 1, 0], stop=0.5), of, Account()).orders
    assert found.bar.tolist() == [3, 4]
    assert found.stop[0] == 16.0


def test_leverage_acts_where_it_changes_and_before_margin():
    of = market(FLAT, FLAT)
    leverage = np.column_stack([[10, 10, 5, NAN, 5, 10], [NAN] * 6])
    margin = np.column_stack([[0, 0, 50, 0, NAN, 0], [0, 0, 25, 0, 0, 0]])
    strategy = fixed(quantity=1.0, leverage=leverage, add_margin=margin)
    wanted = [(2, 0, 2, 5.0), (2, 0, 0, 50.0), (2, 1, 0, 25.0), (5, 0, 2, 10.0)]
    assert actions(strategy, of, Account(leverage=10)) == wanted
    assert actions(strategy, of, Account(leverage=3))[0] == (0, 0, 2, 10.0)


def test_leverage_of_a_slot_comes_from_the_slot_or_the_account():
    slots = plan(
        fixed([SlotSpec("AUSDT"), SlotSpec("AUSDT", "b", leverage=4)], quantity=1.0), market(FLAT), Account(leverage=9)
    ).slots
    assert [slot.leverage for slot in slots] == [9.0, 4.0]


class Long(Strategy):
    size: float = 1.0

    def targets(self, market):
        return Targets(quantity=self.size)


class Two(Long):
    def slots(self, market):
        return [
            SlotSpec(market.symbols[1], "a", margin_mode="isolated", sub_account="first"),
            SlotSpec(market.symbols[0]),
        ]


def test_several_strategies_have_their_own_slots():
    of = market(FLAT, FLAT)
    found = plan([Long(size=1), Two(), Long(size=3)], of, Account())
    names = ["Long#1 AUSDT", "Long#1 BUSDT", "Two BUSDT a", "Two AUSDT", "Long#2 AUSDT", "Long#2 BUSDT"]
    assert [slot.name for slot in found.slots] == names
    assert [slot.instrument for slot in found.slots] == [0, 1, 1, 0, 0, 1]
    assert found.orders.size.tolist() == [1.0, 1.0, 1.0, 1.0, 3.0, 3.0]
    assert found.orders.slot.tolist() == list(range(6))


def test_orders_and_actions_come_by_bar_then_slot():
    of = market(FLAT, FLAT)
    first, second = (
        fixed(quantity=[0, 0, 1, 1, 1, 2], add_margin=[0, 0, 1, 0, 0, 0]),
        fixed(quantity=[0, 3, 3, 3, 3, 4], leverage=2),
    )
    got = orders([first, second], of)
    assert got == sorted(got)
    assert len(got) == 8
    assert actions([first, second], of) == [(0, 2, 2, 2.0), (0, 3, 2, 2.0), (2, 0, 0, 1.0), (2, 1, 0, 1.0)]


@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_the_accounts_mode_decides(mode):
    slots = plan(Two(), market(FLAT, FLAT), Account(mode=mode)).slots
    assert [slot.isolated for slot in slots] == [mode == "isolated"] * 2
    assert [slot.group for slot in slots] == [-1, -1]


@pytest.mark.parametrize(
    ("names", "wanted"),
    [((), [True, False]), (("Two AUSDT",), [True, True]), (("BUSDT",), [True, False]), (("Two",), [True, True])],
)
def test_mixed_takes_the_slot_or_the_accounts_list(names, wanted):
    slots = plan(Two(), market(FLAT, FLAT), Account(mode="mixed", isolated=names)).slots
    assert [slot.isolated for slot in slots] == wanted


def test_mixed_names_an_unknown_slot():
    with pytest.raises(ConfigurationError, match=r"account\.isolated: names no slot.*nearest: AUSDT"):
        plan(Long(), market(FLAT), Account(mode="mixed", isolated=("AUST",)))


def test_sub_accounts_by_hand_by_symbol_and_by_strategy():
    of = market(FLAT, FLAT)
    slots = plan(Two(), of, Account(mode="sub_accounts", shares={"first": 0.5, "AUSDT": 0.2})).slots
    assert [(slot.group, slot.isolated) for slot in slots] == [(0, True), (1, False)]
    slots = plan([Long(), Two()], of, Account(mode="sub_accounts", shares={"Long": 0.5, "first": 0.5})).slots
    assert [slot.group for slot in slots] == [0, 0, 1, -1]


def test_sub_accounts_that_do_not_fit():
    of = market(FLAT, FLAT)
    with pytest.raises(
        ConfigurationError, match=r"slot Two BUSDT a: sub_account: the account has no such share; found 'first'"
    ):
        plan(Two(), of, Account(mode="sub_accounts", shares={"Two": 0.5}))
    with pytest.raises(
        ConfigurationError, match=r"account\.shares: no slot belongs to this sub-account.*found 'Lung'.*nearest: Long"
    ):
        plan(Long(), of, Account(mode="sub_accounts", shares={"Lung": 0.5}))


def with_detail(hours, minutes_from=0, minutes=None):
    """Hourly decisions on a grid of quarters of an hour."""
    coarse = frame(np.full(hours, 64.0))
    quarters = frame(np.full(hours * 4, 64.0), freq="15min").iloc[minutes_from:minutes]
    return Market.from_frames({"AUSDT": coarse}, detail=Market.from_frames({"AUSDT": quarters}))


def test_decision_bars_are_those_of_the_simulation():
    assert decision_bars(market(FLAT)).tolist() == [0, 1, 2, 3, 4, 5]
    assert decision_bars(with_detail(3)).tolist() == [3, 7, 11]  # acts at the first quarter of the next hour
    found = plan(fixed(quantity=[1.0, 1.0, -1.0], add_margin=[0.0, 5.0, 0.0]), with_detail(3), Account())
    assert found.orders.bar.tolist() == [3, 11]
    assert found.actions.bar.tolist() == [7]


def test_decisions_before_the_detail_begins_act_at_its_first_bar_and_the_last_one_counts():
    of = with_detail(4, minutes_from=9)
    assert decision_bars(of).tolist() == [-1, -1, 2, 6]
    assert orders(fixed(quantity=[1.0, 2.0, 3.0, 3.0]), of) == [(-1, 0, 2.0), (2, 0, 3.0)]


def test_a_detail_that_ends_early_keeps_the_bars_it_has():
    assert decision_bars(with_detail(4, minutes=10)).tolist() == [3, 7, 9, 9]


def test_numbers_that_leave_their_range_name_bar_time_and_slot():
    of = market(FLAT, FLAT)
    values = np.ones((6, 2))
    values[3, 1] = 0.0
    with pytest.raises(
        StrategyError, match=r"take_profit must be above 0; slot BUSDT; bar 3 \(2025-01-01 03:00:00 UTC\); found 0\.0"
    ):
        plan(fixed(quantity=np.arange(1, 7.0), take_profit=values), of, Account())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"stop": 2.0}, r"stop must be a fraction below 1.*found 2\.0.*2 % is 0\.02"),
        ({"stop": -0.1}, "stop must be above 0"),
        ({"trailing": 1.0}, "trailing must be a fraction below 1"),
        ({"quantity": -1.0, "take_profit": 1.0}, "take_profit must be a fraction below 1"),
        ({"stop_price": -1.0}, "stop_price must be above 0"),
        ({"take_profit_price": -INF}, "take_profit_price must be above 0"),
        ({"leverage": 0.0}, "leverage must be above 0"),
        ({"leverage": INF}, "leverage must be above 0"),
        ({"add_margin": -5.0}, "add_margin must not be below 0"),
        ({"add_margin": INF}, "add_margin must not be below 0"),
    ],
)
def test_values_out_of_range(fields, said):
    with pytest.raises(StrategyError, match=said):
        plan(fixed(**{"quantity": 1.0, **fields}), market(FLAT), Account())


def test_a_take_profit_of_a_long_may_be_far():
    found = plan(fixed(quantity=1.0, take_profit=3.0), market([64.0] * 3), Account()).orders
    assert found.take_profit.tolist() == [256.0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "strategies: there is none"),
        (Long, "strategies: is a class, not a strategy"),
        ([Long], r"a class, not a strategy.*Make one of it: Long\(\)"),
        (["Long"], r"not a Strategy.*Derive the class from backtester\.Strategy"),
    ],
)
def test_only_strategies_are_planned(given, said):
    with pytest.raises(ConfigurationError, match=said):
        plan(given, market(FLAT), Account())


def test_a_market_and_an_account_are_what_they_are_called():
    with pytest.raises(ConfigurationError, match=r"market: is not a Market; found 'synthetic'\. Make one with"):
        plan(Long(), "synthetic", Account())
    with pytest.raises(ConfigurationError, match=r"account: is not an Account; found 10000\. Make one with"):
        plan(Long(), market(FLAT), 10_000)
