"""Do working orders come back whole from a scenario file, and does every fault in one name its key and cure?"""

import copy
import json
from typing import Any

import numpy as np
import pytest

from backtester.errors import ConfigurationError
from backtester.scenario import Scenario, validate
from backtester.schema import CANCEL, LIMIT_TYPE, POSITION, STOP_TYPE, TRAILING_TYPE
from tests.unit.scenario_file import scenario


def with_orders(*orders: dict[str, Any], actions: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """Return the small scenario with these orders of slot 0, decided at bar 0 unless they say otherwise."""
    data = scenario()
    data["orders"] = [{"bar": 0, "slot": 0, "size": 1, **order} for order in orders]
    data["margin_actions"] = [{"bar": 1, "slot": 0, **action} for action in actions]
    return data


def working() -> dict[str, Any]:
    """Return a scenario with one order of each type, several in one slot and bar, and a plain one between them."""
    return with_orders(
        {"type": "limit", "limit": 9, "post_only": True, "oco": 0, "stop": 8, "watch": "mark"},
        {"type": "stop", "trigger": 11, "limit": 12, "reduce_only": True, "expires": 1, "oco": 0},
        {"limit": 9.5},
        {"type": "take_profit", "trigger": 0.1 + 0.2, "size": 0.5, "size_type": "position"},
        {"type": "trailing_stop", "offset_fraction": 0.25, "size": -2},
        {"type": "trailing_stop", "offset": 3, "size": -2},
        {"type": "limit", "limit": 9, "time_in_force": "fok", "size_type": "notional", "margin": 4},
        {"type": "market", "reduce_only": True, "bar": 1},
        {"bar": 2, "size": 1, "size_type": "position"},
        actions=({"cancel": 0}, {"cancel": 4, "bar": 0}),
    )


def test_the_terms_are_rows_in_the_order_of_the_orders() -> None:
    run = Scenario.from_dict(working())
    terms = run.terms
    assert terms.order.tolist() == [0, 1, 3, 4, 5, 6, 7]
    assert terms.type.tolist()[:2] == [LIMIT_TYPE, STOP_TYPE]
    assert terms.type.tolist()[3] == TRAILING_TYPE
    assert terms.trigger.tolist()[1] == 11
    assert np.isnan(terms.trigger[0])
    assert (terms.offset_fraction[3], terms.offset[4]) == (0.25, 3)
    assert terms.reduce_only.tolist() == [False, True, False, False, False, False, True]
    assert terms.post_only.tolist() == [True] + 6 * [False]
    assert terms.time_in_force.tolist() == [0, 0, 0, 0, 0, 2, 0]
    assert terms.expires.tolist() == [-1, 1, -1, -1, -1, -1, -1]
    assert terms.oco.tolist() == [0, 0, -1, -1, -1, -1, -1]
    assert run.orders.size_type.tolist()[3] == run.orders.size_type.tolist()[8] == POSITION
    assert run.actions.kind.tolist() == [CANCEL, CANCEL]
    assert run.actions.amount.tolist() == [0, 4]


def test_round_trip_is_exact() -> None:
    once = Scenario.from_dict(working()).to_dict()
    again = Scenario.from_dict(json.loads(json.dumps(once, allow_nan=False))).to_dict()
    assert again == once
    assert validate(validate(working())) == validate(working())
    assert once["margin_actions"] == [{"bar": 1, "slot": 0, "cancel": 0}, {"bar": 0, "slot": 0, "cancel": 4}]
    assert once["orders"][3]["trigger"] == 0.1 + 0.2


def test_only_what_an_order_says_is_written() -> None:
    rows = Scenario.from_dict(working()).to_dict()["orders"]
    plain = set(Scenario.from_dict(scenario()).to_dict()["orders"][0])
    assert plain == {
        "bar", "slot", "size", "size_type", "target", "margin", "limit", "stop", "take_profit", "trail",
        "trail_fraction", "watch",
    }  # fmt: skip
    added = [{key: row[key] for key in row if key not in plain} for row in rows]
    assert added == [
        {"type": "limit", "post_only": True, "oco": 0},
        {"type": "stop", "trigger": 11, "reduce_only": True, "expires": 1, "oco": 0},
        {},
        {"type": "take_profit", "trigger": 0.1 + 0.2},
        {"type": "trailing_stop", "offset_fraction": 0.25},
        {"type": "trailing_stop", "offset": 3},
        {"type": "limit", "time_in_force": "fok"},
        {"type": "market", "reduce_only": True},
        {},
    ]


def test_the_defaults_of_a_term_may_be_spelt_out() -> None:
    spelt = {"type": None, "trigger": None, "reduce_only": False, "time_in_force": "gtc", "expires": None, "oco": None}
    data = copy.deepcopy(scenario())
    data["orders"][0] |= spelt
    assert validate(data) == validate(scenario())


LIMIT = {"type": "limit", "limit": 9}
STOP = {"type": "stop", "trigger": 9}
REFUSED = [
    ({"type": "lmit"}, "orders[0].type: is not one of the allowed values; found 'lmit'; nearest: limit; allowed: mark"),
    ({"trigger": 9}, "orders[0].trigger: is given without a type; found 9.0. Add type: take_profit, stop."),
    ({"offset": 1}, "orders[0].offset: is given without a type; found 1.0. Add type: trailing_stop."),
    ({"post_only": True, "limit": 9}, "orders[0].post_only: is given without a type; found True. Add type: limit."),
    ({"reduce_only": True}, "orders[0].reduce_only: is given without a type; found True. Add type: market, limit, tak"),
    ({"oco": 0}, "orders[0].oco: is given without a type; found 0"),
    ({"expires": 2}, "orders[0].expires: is given without a type; found 2"),
    ({"time_in_force": "ioc"}, "orders[0].time_in_force: is given without a type; found 'ioc'"),
    ({"type": "limit"}, "orders[0]: has no limit; found {'type': 'limit'}. Add limit, a price."),
    ({"type": "stop"}, "orders[0]: has no trigger; found {'type': 'stop'}. Add trigger, a price."),
    ({"type": "take_profit"}, "orders[0]: has no trigger; found {'type': 'take_profit'}"),
    ({"type": "trailing_stop"}, "orders[0]: has no offset; found {'type': 'trailing_stop'}. Add offset, a distance in"),
    ({"type": "trailing_stop", "offset": 1, "offset_fraction": 0.1}, "orders[0].offset_fraction: is given together wi"),
    ({"type": "trailing_stop", "offset": 0}, "orders[0].offset: is out of range; found 0; allowed: a number above 0"),
    ({"type": "trailing_stop", "offset_fraction": 1}, "orders[0].offset_fraction: is out of range; found 1; allowed: "),
    ({"type": "trailing_stop", "offset_fraction": 0}, "orders[0].offset_fraction: is out of range; found 0; allowed: "),
    ({"type": "trailing_stop", "offset": 1, "trigger": 9}, "orders[0].trigger: is not for the type trailing_stop; fou"),
    (LIMIT | {"trigger": 9}, "orders[0].trigger: is not for the type limit; found 9.0. Leave it out; of these keys it"),
    ({"type": "take_profit", "trigger": 9, "limit": 9}, "orders[0].limit: is not for the type take_profit; found 9.0"),
    ({"type": "market", "limit": 9}, "orders[0].limit: is not for the type market; found 9.0. Leave it out; of these "),
    ({"type": "market", "trigger": 9}, "orders[0].trigger: is not for the type market; found 9.0"),
    ({"type": "market", "offset": 9}, "orders[0].offset: is not for the type market; found 9.0"),
    ({"type": "market", "expires": 3}, "orders[0].expires: is not for the type market; found 3"),
    ({"type": "market", "oco": 3}, "orders[0].oco: is not for the type market; found 3"),
    ({"type": "market", "time_in_force": "fok"}, "orders[0].time_in_force: is not for the type market; found 'fok'"),
    (STOP | {"post_only": True}, "orders[0].post_only: is not for the type stop; found True"),
    (STOP | {"time_in_force": "ioc"}, "orders[0].time_in_force: is not for the type stop; found 'ioc'"),
    (STOP | {"trigger": -1}, "orders[0].trigger: is out of range; found -1; allowed: a number above 0"),
    (LIMIT | {"time_in_force": "day"}, "orders[0].time_in_force: is not one of the allowed values; found 'day'; all"),
    (LIMIT | {"post_only": True, "time_in_force": "ioc"}, "orders[0].post_only: is given together with time_in_force "),
    (LIMIT | {"post_only": True, "time_in_force": "fok"}, "orders[0].post_only: is given together with time_in_force "),
    (LIMIT | {"post_only": 1}, "orders[0].post_only: is not true or false; found 1"),
    (LIMIT | {"expires": 0}, "orders[0].expires: is too early; found 0; allowed: 1 or later, the bar in which it can"),
    (LIMIT | {"expires": 1.5}, "orders[0].expires: is not a whole number; found 1.5"),
    (LIMIT | {"oco": -1}, "orders[0].oco: is out of range; found -1; allowed: 0 to 2147483647, a number that orders"),
    (LIMIT | {"target": True}, "orders[0].target: is given together with a type; found True. Leave target out, or the"),
    (LIMIT | {"size": 0}, "orders[0].size: leaves the order without a side; found 0.0. Give a size above 0 to buy or "),
    (LIMIT | {"size_type": "position", "size": 1.5}, "orders[0].size: is out of range; found 1.5; allowed: a fractio"),
    ({"size_type": "position", "size": 0}, "orders[0].size: is out of range; found 0.0; allowed: a fraction above 0 "),
    ({"size_type": "position", "size": -0.5}, "orders[0].size: is out of range; found -0.5; allowed: a fraction above"),
    ({"size_type": "position", "target": True}, "orders[0].target: is given for a size of the type position; found Tr"),
    ({"size_type": "position", "limit": 9}, "orders[0].size_type: is not for a limit order without a type; found 'pos"),
]


@pytest.mark.parametrize(("order", "message"), REFUSED, ids=[case[1].split(";")[0] for case in REFUSED])
def test_bad_orders(order: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Scenario.from_dict(with_orders(order))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("first", [{}, {"type": "market"}])
@pytest.mark.parametrize("second", [{}, {"type": "market"}, {"limit": 9}])
def test_at_most_one_market_or_plain_order_for_one_slot_and_bar(first: dict[str, Any], second: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"orders\[2\]: is for the same slot and bar as orders\[0\]; found"):
        Scenario.from_dict(with_orders(first, LIMIT, second))


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"cancel": 4}, "margin_actions[0].cancel: is out of range; found 4; allowed: 0 to 3, an index into orders"),
        ({"cancel": -1}, "margin_actions[0].cancel: is out of range; found -1"),
        ({"cancel": 0.0}, "margin_actions[0].cancel: is not a whole number; found 0.0"),
        ({"cancel": 0, "slot": 1}, "margin_actions[0].cancel: is an order of another slot; found 0. Give slot 0."),
        ({"cancel": 1}, "margin_actions[0].cancel: is not a working order; found 1; allowed: an order with a type ot"),
        ({"cancel": 2}, "margin_actions[0].cancel: is not a working order; found 2"),
        ({"cancel": 3}, "margin_actions[0].cancel: is an order that is not decided yet; found 3; allowed: from bar 2"),
        ({"cancel": 0, "add": 1}, "margin_actions[0]: is not one instruction; found ['add', 'cancel']; allowed"),
    ],
)
def test_bad_cancels(action: dict[str, Any], message: str) -> None:
    market = {"type": "market", "bar": 1}
    with pytest.raises(ConfigurationError) as caught:
        Scenario.from_dict(with_orders(LIMIT, {}, market, LIMIT | {"bar": 2}, actions=(action,)))
    assert str(caught.value).startswith(message)


def test_nothing_to_cancel() -> None:
    with pytest.raises(ConfigurationError, match=r"cancel: is out of range; found 0; allowed: an index into orders"):
        Scenario.from_dict(with_orders(actions=({"cancel": 0},)))
