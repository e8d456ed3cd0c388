"""Strategies that fail, each with a message that says what, where and how to mend it."""

import sys
import textwrap
import traceback

import numpy as np
import pandas as pd
import pytest

import strategies
from backtester.account import Account
from backtester.errors import ConfigurationError, StrategyError
from backtester.indicators import sma
from backtester.intents import check_causal, plan
from backtester.strategy import SlotSpec, Strategy, Targets
from tests.strategy_market import fixed, market, random_market

N, SLOTS = 240, 2
PRICES = random_market(N, SLOTS)


def strategy(function, name="Bad", slots=None):
    """A strategy whose method is `function(market)`."""
    members = {"targets": lambda self, market: function(market)}
    if slots is not None:
        members["slots"] = lambda self, market: slots(market)
    return type(name, (Strategy,), members)()


def refuse(bad, said, prices=PRICES, check=False):
    with pytest.raises(StrategyError, match=said) as caught:
        plan(bad, prices, Account(), check=check)
    return caught.value


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


# Looking ahead


def close_of(market):
    return pd.DataFrame(market.close)


PEEKS = {
    "the next close": lambda m: np.sign(close_of(m).shift(-1) - close_of(m)).to_numpy(),
    "the next close, wrapped": lambda m: np.sign(np.roll(m.close, -1, axis=0) - m.close),
    "the close in ten bars": lambda m: np.where(close_of(m).shift(-10).fillna(0.0) > m.close, 1.0, 0.0),
    "a centred window": lambda m: np.sign(m.close - close_of(m).rolling(11, center=True).mean()).to_numpy(),
    "the mean of all bars": lambda m: np.sign(m.close - m.close.mean(axis=0)),
    "a scale over all bars": lambda m: np.sign(m.close - sma(m.close, 9)) / m.close.std(axis=0),
    "the rank among all bars": lambda m: close_of(m).rank(pct=True).to_numpy() - 0.5,
    "a backfill": lambda m: np.where((np.arange(m.n_bars) % 7 == 0)[:, None], m.close, np.nan),
    "the last bar": lambda m: np.where(m.close < m.close[-1], 1.0, 0.0),
    "how many bars there are": lambda m: np.linspace(1.0, 2.0, m.n_bars),
}
PEEKS["a backfill"] = lambda m, sparse=PEEKS["a backfill"]: pd.DataFrame(sparse(m)).bfill().to_numpy()


@pytest.mark.parametrize("peek", list(PEEKS))
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_a_look_ahead_is_caught(peek, seed):
    bad = strategy(lambda market: Targets(notional=100.0 * PEEKS[peek](market)))
    said = (
        r"Bad\(\): it looks into the future: notional changes when later bars are taken away; "
        r"\S+ with all 240 bars, \S+ with the first \d+; slot .USDT; bar \d+ \(2025-01-.*UTC\)\. "
        r"Use only bars up to the one decided on: shift\(1\) and not shift\(-1\)"
    )
    refuse(bad, said, random_market(N, SLOTS, seed), check=True)


def test_the_first_bar_and_both_values_are_right():
    def peek(market):
        ahead = np.append(market.close[1:, 0], np.nan)
        return Targets(quantity=np.where(np.arange(market.n_bars) >= 100, ahead, 0.0))

    with pytest.raises(StrategyError) as caught:
        check_causal(strategy(peek), random_market(N, 1), cuts=[90, 121])
    assert caught.value.bar == 120
    assert caught.value.slot == "AUSDT"
    value = float(random_market(N, 1).close[121, 0])
    assert f"quantity changes when later bars are taken away; {value} with all 240 bars, nan with the first 121" in str(
        caught.value
    )


@pytest.mark.parametrize("field", ["stop", "leverage", "add_margin", "take_profit_price"])
def test_a_look_ahead_in_an_option_is_caught(field):
    def peek(market):
        ahead = np.roll(market.close, -1, axis=0) / market.close.max()
        return Targets(quantity=np.sign(market.close - sma(market.close, 5)), **{field: ahead})

    refuse(strategy(peek), f"it looks into the future: {field} changes", check=True)


def test_a_look_ahead_in_funding_is_caught():
    """Options that are there only with the whole market in sight."""

    def peek(market):
        return Targets(quantity=1.0, stop=0.5 if market.n_bars == N else None)

    refuse(
        strategy(peek),
        "it looks into the future: stop changes .* 0.5 with all 240 bars, None with the first",
        check=True,
    )


def test_slots_that_look_ahead_are_caught():
    def best(market):
        return [SlotSpec(market.symbols[int(np.argmax(market.close[-1]))])]

    prices = random_market(N, 5)
    bad = strategy(lambda market: Targets(quantity=1.0), slots=best)
    with pytest.raises(
        StrategyError, match=r"its method `slots` looks into the future.*Choose slots by the symbols alone"
    ):
        check_causal(bad, prices, cuts=range(1, N))


def test_a_random_strategy_is_not_called_a_look_ahead():
    rng = np.random.default_rng(1)
    refuse(
        strategy(lambda market: Targets(quantity=rng.normal(size=market.n_bars))),
        r"it is not deterministic: quantity differs between two calls.*Seed its random numbers",
        check=True,
    )


def test_a_strategy_that_fails_on_fewer_bars_says_so():
    def long_history(market):
        return Targets(quantity=np.full(market.n_bars, market.close[200, 0] * 0.0 + 1.0))

    refuse(strategy(long_history), r"raised IndexError \(on the first 120 of 240 bars\) in .*line", check=True)


def test_an_honest_strategy_passes():
    honest = strategy(lambda market: Targets(quantity=np.sign(market.close - sma(market.close, 20)), stop=0.02))
    check_causal(honest, PRICES)
    check_causal(honest, PRICES, cuts=range(1, N))
    check_causal(honest, PRICES, honest.targets(PRICES), cuts=[10])


def test_the_default_cuts():
    lengths = []

    def switch(market):
        lengths.append(market.n_bars)
        return Targets(quantity=np.arange(market.n_bars) // 50)

    check_causal(strategy(switch), PRICES)
    assert lengths == [240, 51, 101, 120, 151, 201, 239]  # the middle, all but the last, ends at changes


def test_the_earliest_difference_of_all_fields_is_named():
    def margin_first(seen):
        late = np.arange(seen.n_bars) >= 50
        peak = seen.close.max()
        return Targets(quantity=np.where(late, seen.close[:, 0] / peak, 1.0), add_margin=peak)

    rising = market(np.linspace(64.0, 128.0, 120))
    with pytest.raises(StrategyError, match=r"add_margin changes when later bars are taken away.*bar 0 "):
        check_causal(strategy(margin_first), rising, cuts=[60])


def test_a_piece_with_as_many_bars_as_slots_is_left_out():
    check_causal(strategy(lambda market: Targets(quantity=np.ones(market.n_bars))), random_market(4, 2))


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


# Files

GOOD = """
from backtester.strategy import Strategy, Targets
from helper import SIZE

class Mine(Strategy):
    size: float = SIZE

    def targets(self, market):
        return Targets(quantity=self.size)

class Other:
    pass

limit = 3
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "helper.py").write_text("SIZE = 2.0\n")
    (tmp_path / "mine.py").write_text(GOOD)
    (tmp_path / "folder.py").mkdir()
    return tmp_path


def test_a_file_is_loaded_with_its_neighbours(folder):
    before = list(sys.path)
    made = strategies.load(f"{folder}/mine.py:Mine", size=3)
    assert made.name == "Mine(size=3)"
    for only in ("mine.py", "mine.py:"):
        assert strategies.load(f"{folder}/{only}").size == 2.0  # the only strategy of the file
    assert sys.path == before
    assert plan(made, PRICES, Account()).orders.size.tolist() == [3.0, 3.0]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("folder.py", r"there is no file .*folder\.py; .*has helper\.py, mine\.py\."),
        ("mien.py:Mine", r"there is no file .*mien\.py; .*Did you mean .*mine\.py\?"),
        ("wholly_else.py:Mine", r"there is no file .*has helper\.py, mine\.py"),
        ("nowhere/mine.py:Mine", r"there is no file .*There is no folder .*nowhere either"),
        ("mine.py:Mien", r"mine\.py has no class Mien; .*nearest: .*mine\.py:Mine; allowed: "),
        ("mine.py:Other", r"Other is no Strategy.*allowed: .*mine\.py:Mine"),
        ("mine.py:limit", r"limit is no class.*allowed: .*mine\.py:Mine"),
        ("helper.py", r"helper\.py has no class that is a Strategy.*class Name\(Strategy\)"),
    ],
)
def test_a_file_or_class_that_is_not_there(folder, spec, said):
    with pytest.raises(ConfigurationError, match=said):
        strategies.load(f"{folder}/{spec}")


def test_a_file_with_several_strategies_lists_them(folder):
    (folder / "two.py").write_text(GOOD + "\nclass Second(Mine):\n    pass\n")
    with pytest.raises(ConfigurationError, match=r"the file has several strategies.*two\.py:Mine, .*two\.py:Second"):
        strategies.load(f"{folder}/two.py")


@pytest.mark.parametrize(
    ("code", "cause", "line"),
    [
        ("x = 1\nimport no_such_module\n", ModuleNotFoundError, 2),
        ("x = 1\n\ny = x / 0\n", ZeroDivisionError, 3),
        ("x = 1\ndef broken(:\n", SyntaxError, 2),
        ("import sys\nsys.exit(3)\n", SystemExit, 2),
        ("x = 1\0\n", SyntaxError, "unknown"),
    ],
)
def test_an_error_while_a_file_is_imported_is_chained(folder, code, cause, line):
    path = folder / "broken.py"
    path.write_text(code)
    before = set(sys.modules)
    with pytest.raises(
        StrategyError, match=rf"the file cannot be imported.*{cause.__name__}.*broken\.py, line {line}"
    ) as caught:
        strategies.load(f"{path}:Mine")
    assert isinstance(caught.value.__cause__, cause)
    assert set(sys.modules) == before


def test_a_bad_parameter_in_a_file_says_so(folder):
    (folder / "bad.py").write_text(
        textwrap.dedent(
            """
            from backtester.strategy import Strategy
            class Bad(Strategy):
                fast: int
            """
        )
    )
    with pytest.raises(StrategyError, match="parameter fast has no default"):
        strategies.load(f"{folder}/bad.py:Bad")


def test_an_exception_in_a_loaded_file_names_that_file(folder):
    (folder / "raises.py").write_text(GOOD.replace("Targets(quantity=self.size)", "1 / 0"))
    with pytest.raises(StrategyError, match=r"raised ZeroDivisionError in .*raises\.py, line 9: division by zero"):
        plan(strategies.load(f"{folder}/raises.py:Mine"), PRICES, Account())


def test_the_traceback_shows_the_authors_line(folder):
    (folder / "raises.py").write_text(GOOD.replace("Targets(quantity=self.size)", "1 / 0"))
    with pytest.raises(StrategyError) as caught:
        plan(strategies.load(f"{folder}/raises.py:Mine"), PRICES, Account())
    text = "".join(traceback.format_exception(caught.value))
    assert "return 1 / 0" in text
    assert "The above exception was the direct cause" in text
