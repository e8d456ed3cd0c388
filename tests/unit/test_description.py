"""What a strategy's file says about its parameters and its question."""

import strategies
from backtester.asking.description import Parameter, describe
from backtester.strategy import Strategy, Targets


class Base(Strategy):
    """The margin question: is this
    read over lines? And no further?
    """

    fast: int = 12  # length of the fast average [bars]
    name_: str = "#1"  # a text with a sign in it


class Derived(Base):
    """Has more of them."""

    _hidden: int = 3  # no parameter
    plain: bool = True
    split: float = (
        2.5
    )  # at its end [x equity]

    def targets(self, market):
        local: int = 3  # no parameter either
        return Targets(notional=local)


def test_parameters_units_and_meanings():
    assert describe(Derived).parameters == (
        Parameter("fast", "int", 12, "bars", "length of the fast average"),
        Parameter("name_", "str", "#1", "", "a text with a sign in it"),
        Parameter("plain", "bool", True, "", ""),
        Parameter("split", "float", 2.5, "x equity", "at its end"),
    )


def test_the_question_ends_at_its_mark():
    assert describe(Base).question == "is this read over lines?"
    assert describe(Derived).question == ""
    assert describe(Derived).summary == "Has more of them."
    assert describe(strategies.Breakout).question == "does the position survive the way to its own stop?"


def test_a_class_without_a_source_has_no_comments():
    made = type("Made", (Strategy,), {"fast": 3, "__annotations__": {"fast": int}, "__module__": "nowhere"})
    assert describe(made).parameters == (Parameter("fast", "int", 3, "", ""),)
    assert (describe(made).summary, describe(made).question) == ("", "")


def test_it_becomes_json():
    said = describe(Base).to_dict()
    assert said["name"] == "Base"
    assert said["parameters"][0] == {
        "name": "fast",
        "type": "int",
        "default": 12,
        "unit": "bars",
        "meaning": "length of the fast average",
    }
