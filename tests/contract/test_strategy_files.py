"""Strategies in files of their own: how they are found and loaded, and what is said when they are not."""

import sys
import textwrap
import traceback

import pytest

import strategies
from backtester.account import Account
from backtester.asking.intents import plan
from backtester.errors import ConfigurationError, StrategyError
from tests.contract.bad_strategies import PRICES

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
    assert not set(sys.modules) - before


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


def test_neighbours_of_one_name_in_two_folders_are_not_taken_for_each_other(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "neighbour_of_both.py").write_text(f"WHO = {name!r}\n")
        (tmp_path / name / "mine.py").write_text(
            "from backtester import Strategy\nimport neighbour_of_both\n\n"
            "class Mine(Strategy):\n    who: str = neighbour_of_both.WHO\n"
        )
    for name in ("first", "second", "first"):
        assert strategies.load_class(f"{tmp_path / name}/mine.py").who == name


def test_a_neighbour_that_was_edited_is_imported_again(tmp_path):
    (tmp_path / "edited_one.py").write_text("SIZE = 1\n")
    (tmp_path / "between_them.py").write_text("from edited_one import SIZE\n")
    (tmp_path / "mine.py").write_text(
        "from backtester import Strategy\nimport between_them\n\n"
        "class Mine(Strategy):\n    size: int = between_them.SIZE\n"
    )
    spec = f"{tmp_path}/mine.py"
    first = strategies.load_class(spec)
    kept = sys.modules["between_them"]
    assert strategies.load_class(spec).size == 1
    assert sys.modules["between_them"] is kept
    (tmp_path / "edited_one.py").write_text("SIZE = 22\n")
    assert strategies.load_class(spec).size == 22
    assert first.size == 1
