"""Strategies that fail, each with a message that says what, where and how to mend it."""

import sys

import numpy as np
import pandas as pd
import pytest

from backtester.account import Account
from backtester.asking.intents import plan
from backtester.errors import ConfigurationError
from backtester.indicators import sma
from backtester.strategy import SlotSpec, Targets
from tests.contract.bad_strategies import PRICES, SLOTS, N, refuse, strategy
from tests.strategy_market import fixed, random_market

# What an author's method raises or returns


def test_an_exception_is_chained_with_file_and_line():
    def broken(market):
        return Targets(notional=np.zeros(market.n_bars)[market.n_bars])

    error = refuse(
        strategy(broken), r"Bad\(\): its method `targets` raised IndexError in .*test_bad_strategies\.py, line \d+: "
    )
    assert isinstance(error.__cause__, IndexError)
    line = broken.__code__.co_firstlineno + 1
    assert f"line {line}:" in str(error)


def test_leaving_the_program_is_said_too():
    refuse(strategy(lambda market: sys.exit(3)), r"`targets` raised SystemExit in .*test_bad_strat.*, line \d+: 3")
    slots = strategy(lambda market: None, slots=lambda market: sys.exit("enough"))
    refuse(slots, r"`slots` raised SystemExit in .*: enough")


def test_an_exception_deep_in_a_library_names_the_authors_line():
    def deep(market):
        return Targets(notional=pd.DataFrame({"a": [1.0]}).loc[:, "b"])

    error = refuse(strategy(deep), r"raised KeyError in .*test_bad_strategies\.py, line ")
    assert f"line {deep.__code__.co_firstlineno + 1}:" in str(error)


def test_an_error_of_ours_in_the_authors_code_is_placed_too():
    error = refuse(
        strategy(lambda market: Targets(notional=sma(market.close, 0))),
        r"raised ConfigurationError in .*: window: must",
    )
    assert isinstance(error.__cause__, ConfigurationError)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, r"returned nothing \(is a `return` missing\?\) instead of Targets\. End with"),
        (np.ones(N), "returned ndarray instead of Targets"),
    ],
)
def test_something_else_than_targets(returned, said):
    refuse(strategy(lambda market: returned), said)


@pytest.mark.parametrize("shape", [(N - 1,), (3,), (N, 3), (SLOTS, N), (1, N, SLOTS)])
def test_the_wrong_shape_says_both_shapes(shape):
    found = str(shape).replace("(", r"\(").replace(")", r"\)")
    refuse(
        fixed(notional=np.ones(shape)),
        f"Targets.notional has the wrong shape; found {found}.*Return "
        f"\\({N}, {SLOTS}\\) \\(n_bars, n_slots\\).*AUSDT, BUSDT",
    )


def test_the_wrong_shape_of_an_option_names_it():
    refuse(fixed(notional=1.0, stop=np.ones(7)), r"Targets\.stop has the wrong shape; found \(7,\)")


def test_as_many_bars_as_slots_is_not_guessed():
    refuse(fixed(notional=np.ones(2)), r"as many bars as slots.*values\[:, None\]", random_market(2, 2))


def test_rows_of_several_lengths():
    refuse(fixed(notional=[[1.0, 2.0], [1.0]]), "rows of several lengths")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.full(N, 1 + 2j), r"does not hold real numbers but complex128 values; found .*1\+2j"),
        (np.full(N, None), r"object values.*nan, not None"),
        (["a"] * N, "does not hold real numbers"),
        ("5000", "does not hold real numbers"),
        (pd.Series(["a"] * N), "does not hold real numbers"),
        (pd.DataFrame({"AUSDT": [None] * N}), "does not hold real numbers"),
    ],
)
def test_values_that_are_no_numbers(values, said):
    refuse(fixed(notional=values), r"Targets\.notional .*" + said if not said.startswith("does") else said)


def test_a_frame_with_other_rows_or_times():
    one = pd.DataFrame({"AUSDT": np.ones(N)}, PRICES.index)
    refuse(
        fixed(notional=one.iloc[20:]), r"wrong number of rows; found '220 rows for 240 bars'.*reindex\(market\.index\)"
    )
    refuse(fixed(notional=one["AUSDT"].iloc[20:]), r"wrong number of rows|names a slot that does not exist")
    later = one.set_axis(one.index + pd.Timedelta("1h"))
    refuse(fixed(notional=later), r"other times than the market; bar 0 \(2025-01-01 00:00:00 UTC\)")


def test_a_frame_with_unknown_or_double_columns():
    refuse(
        fixed(notional=pd.DataFrame({"AUSD": np.ones(N)})),
        r"names a slot that does not exist; found 'AUSD'.*Did you mean AUSDT\?",
    )
    twice = pd.DataFrame(np.ones((N, 2)), columns=["AUSDT", "AUSDT"])
    refuse(fixed(notional=twice), r"names a slot twice; found 'AUSDT'")


# Sizes and what goes with them


def test_a_nan_size():
    refuse(fixed(notional=float("nan")), r"Targets\.notional is nan\. Give a number")


def test_a_size_beyond_all_measure_is_not_run_into_nan():
    refuse(fixed(quantity=-1e308), r"the size is too large to reckon with; slot AUSDT; bar 0 .* found -1e\+308\. Give")


@pytest.mark.parametrize("size", [np.inf, -np.inf])
def test_an_infinite_size_names_bar_time_and_slot(size):
    values = np.ones((N, SLOTS))
    values[30, 1] = size
    error = refuse(
        fixed(notional=values),
        r"the size is infinite; slot BUSDT; bar 30 \(2025-01-02 06:00:00 UTC\); found -?inf\. A nan is no instruction",
    )
    assert (error.bar, error.slot) == (30, "BUSDT")


@pytest.mark.parametrize("field", ["stop", "take_profit", "trailing", "stop_price", "take_profit_price", "leverage"])
def test_nan_beside_an_order_names_the_first(field):
    size = np.zeros((N, SLOTS))
    size[5:, 0], size[3:, 1] = 1.0, 1.0
    values = np.full((N, SLOTS), 0.5)
    values[:6] = np.nan  # an indicator that is not ready yet
    refuse(
        fixed(notional=size, **{field: values}),
        rf"{field} is nan where an order arises; slot BUSDT; bar 3 \(.*Wait until",
    )


def test_nan_beside_no_order_is_fine():
    size, stop = np.zeros(N), np.full(N, np.nan)
    size[5:9], stop[5] = 1.0, 0.5
    assert len(plan(fixed(notional=size, stop=stop), PRICES, Account()).orders.bar) == 4


# The market is read-only


def writes(market):
    market.close[0] = 1.0
    return Targets(notional=1.0)


def sets(market):
    market.close = np.ones((N, SLOTS))
    return Targets(notional=1.0)


def adds(market):
    close = market.close
    close += 1.0
    return Targets(notional=1.0)


def unlocks(market):
    market.close.flags.writeable = True
    return Targets(notional=1.0)


@pytest.mark.parametrize("function", [writes, sets, adds, unlocks])
def test_a_strategy_cannot_change_the_market(function):
    before = PRICES.close.tobytes()
    refuse(
        strategy(function),
        r"its method `targets` writes into the market, in .*line \d+.*close = market\.close\.copy\(\)",
    )
    assert PRICES.close.tobytes() == before


# Slots


@pytest.mark.parametrize(
    ("slots", "said"),
    [
        ([], "its method `slots` returned no slots"),
        (None, r"its method `slots` must return a list.*SlotSpec\(symbol\) for symbol"),
        (["AUSDT"], r"must return SlotSpec objects; found 'AUSDT'"),
        ([SlotSpec("AUSDT", leverage="10")], r"the leverage of a slot must be a number above 0.*found '10'"),
        ([SlotSpec(3)], r"the market has no instrument 3; slot 3\. The market has AUSDT"),
        ([SlotSpec("AUST")], r"the market has no instrument AUST; slot AUST\. Did you mean AUSDT"),
        ([SlotSpec("AUSDT"), SlotSpec("AUSDT")], r"two slots have the same symbol and leg; slot AUSDT.*leg='long'"),
        ([SlotSpec("AUSDT", leverage=0.0)], r"the leverage of a slot must be a number above 0; slot AUSDT; found 0\.0"),
    ],
)
def test_bad_slots(slots, said):
    refuse(strategy(lambda market: Targets(quantity=1.0), slots=lambda market: slots), said)
