"""Parameters, names, slots and Targets of the strategy base class."""

from typing import ClassVar

import numpy as np
import pytest

from backtester.errors import ConfigurationError, StrategyError
from backtester.strategy import SlotSpec, Strategy, Targets
from tests.strategy_market import random_market


class Cross(Strategy):
    fast: int = 12
    slow: "int" = 48
    notional: float = 5_000
    both: bool = True
    kind: str = "ema"
    table: ClassVar[dict] = {"a": 1}
    _hidden: int = 3
    untyped = 4

    def targets(self, market):
        return Targets(notional=self.notional)


class Child(Cross):
    fast: int = 20
    extra: float = 0.5


def test_parameters_in_the_order_they_are_declared():
    assert Cross().parameters() == {"fast": 12, "slow": 48, "notional": 5000.0, "both": True, "kind": "ema"}
    assert isinstance(Cross().notional, float)
    assert list(Child().parameters()) == ["fast", "slow", "notional", "both", "kind", "extra"]
    assert Child().fast == 20


def test_name_tells_the_parameters():
    assert Cross(fast=8).name == "Cross(fast=8, slow=48, notional=5000, both=True, kind='ema')"
    assert repr(Cross()) == Cross().name


def test_overrides_belong_to_the_instance():
    assert Cross(fast=8).fast == 8
    assert Cross().fast == Cross.fast == 12


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"notional": 7}, 7.0),
        ({"fast": np.int64(5)}, 5),
        ({"notional": np.float32(0.5)}, 0.5),
        ({"both": np.True_}, True),
    ],
)
def test_numbers_that_are_accepted(given, value):
    name = next(iter(given))
    got = getattr(Cross(**given), name)
    assert got == value
    assert type(got) is type(getattr(Cross(), name))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fast": 8.0}, r"Cross\.fast: must be a whole number \(int\); found 8\.0"),
        ({"fast": True}, r"Cross\.fast: must be a whole number"),
        ({"notional": float("nan")}, r"Cross\.notional: must be a number \(float\); found nan\. Give a number, or inf"),
        ({"notional": "5"}, r"Cross\.notional: must be a number \(float\); found '5'.*It is str now"),
        ({"both": 1}, r"Cross\.both: must be true or false"),
        ({"kind": 3}, r"Cross\.kind: must be a text"),
    ],
)
def test_a_value_of_another_type_is_refused(given, said):
    with pytest.raises(ConfigurationError, match=said):
        Cross(**given)


def test_an_unknown_parameter_names_the_nearest():
    with pytest.raises(ConfigurationError, match=r"no such parameter; found 'fats'; nearest: fast"):
        Cross(fats=8)
    with pytest.raises(ConfigurationError, match=r"allowed: fast, slow, notional, both, kind"):
        Cross(wholly_else=8)


def test_an_untyped_class_variable_is_no_parameter_and_says_how_to_make_it_one():
    with pytest.raises(ConfigurationError, match=r"not a parameter.*`untyped: int = \.\.\.`"):
        Cross(untyped=8)
    with pytest.raises(ConfigurationError, match="no such parameter"):
        Cross(_hidden=8)
    with pytest.raises(ConfigurationError, match="no such parameter"):
        Cross(targets=8)


def test_texts_of_a_command_line():
    made = Cross.from_text(["fast=8", "notional=2_500.5", "both=no", "kind=a=b", "fast=9"])
    assert made.parameters() == {"fast": 9, "slow": 48, "notional": 2500.5, "both": False, "kind": "a=b"}
    assert Cross.from_text({"fast": " 7 "}).fast == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fast", r"set: is not of the form name=value; found 'fast'.*--set fast=8"),
        ("fast=8.5", r"Cross\.fast: does not read as a whole number \(int\); found '8\.5'"),
        ("notional=lots", r"Cross\.notional: does not read as a number"),
        ("both=maybe", r"Cross\.both: does not read as true or false.*allowed: true, yes"),
        ("slwo=3", r"nearest: slow"),
    ],
)
def test_texts_that_do_not_read(text, said):
    with pytest.raises(ConfigurationError, match=said):
        Cross.from_text([text])


@pytest.mark.parametrize(
    ("annotations", "values", "said"),
    [
        ({"fast": int}, {}, "parameter fast has no default"),
        ({"fast": list}, {"fast": []}, r"parameter fast must be int, float, bool or str.*ClassVar"),
        ({"fast": int}, {"fast": 1.5}, r"Bad\.fast: must be a whole number"),
        ({"name": str}, {"name": "x"}, "takes a name that every strategy already has"),
    ],
)
def test_a_class_with_a_bad_parameter_cannot_be_made(annotations, values, said):
    with pytest.raises((StrategyError, ConfigurationError), match=said):
        type("Bad", (Strategy,), {"__annotations__": annotations, **values})


def test_attributes_without_a_value_are_no_parameters():
    made = type("Fine", (Strategy,), {"__annotations__": {"cache": dict}})
    assert made().parameters() == {}


def test_a_strategy_without_targets_says_what_to_write():
    empty = type("Empty", (Strategy,), {})()
    with pytest.raises(StrategyError, match=r"Empty\(\): it has no method `targets`.*def targets"):
        empty.targets(random_market(5))


def test_one_slot_per_symbol():
    assert [spec.label for spec in Cross().slots(random_market(5))] == ["AUSDT", "BUSDT", "CUSDT"]
    assert SlotSpec("AUSDT", "long").label == "AUSDT long"


def test_slot_mode_is_checked():
    with pytest.raises(ConfigurationError, match=r"slot AUSDT: margin_mode: unknown mode.*nearest: isolated"):
        SlotSpec("AUSDT", margin_mode="isolate")


def test_targets_take_exactly_one_size():
    assert Targets(margin=5.0).size_type == "margin"
    with pytest.raises(ConfigurationError, match=r"exactly one of quantity, notional, equity_fraction, margin"):
        Targets(stop=0.1)
    with pytest.raises(ConfigurationError, match=r"exactly one of .*found 'quantity, notional'"):
        Targets(quantity=1.0, notional=2.0)


@pytest.mark.parametrize("name", ["stop", "take_profit"])
def test_an_exit_is_a_fraction_or_a_price(name):
    with pytest.raises(ConfigurationError, match=f"give {name} \\(a fraction\\) or {name}_price, not both"):
        Targets(quantity=1.0, **{name: 0.1, f"{name}_price": 90.0})


def test_watch_is_trade_or_mark():
    with pytest.raises(ConfigurationError, match=r"Targets\.watch: unknown; found 'last'; allowed: trade, mark"):
        Targets(quantity=1.0, watch="last")


def test_targets_are_frozen():
    with pytest.raises(AttributeError):
        Targets(quantity=1.0).quantity = 2.0


def test_an_init_of_the_authors_own_that_fails_is_explained():
    class Own(Strategy):
        def __init__(self, window):
            self.window = window

    said = r"Own: its method `__init__` raised TypeError: .*window'. Leave `__init__` out"
    with pytest.raises(StrategyError, match=said):
        Own.from_text([])
