"""Orders and margin instructions of a scenario: every key, and the rules between keys.

What an order of a type may say is in docs/model.md, "Working orders"; the keys are in docs/scenario-format.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backtester._fields import (
    Field,
    any_number,
    choice,
    flag,
    integer,
    not_negative,
    open_fraction,
    positive,
    rows,
)
from backtester.errors import ConfigurationError
from backtester.schema import ACTION_KINDS, ORDER_TYPES, SIZE_TYPES, TIMES_IN_FORCE

__all__ = ["TERMS", "check_actions", "check_orders"]

WATCHED = ("trade", "mark")
_INT32 = 2**31 - 1
_ORDER = {
    "size": Field(any_number),
    "size_type": Field(choice(SIZE_TYPES), "quantity"),
    "target": Field(flag, False),
    "margin": Field(not_negative, None),
    "limit": Field(positive, None),
    "stop": Field(positive, None),
    "take_profit": Field(positive, None),
    "trail": Field(positive, None),
    "trail_fraction": Field(open_fraction, None),
    "watch": Field(choice(WATCHED), "trade"),
    "type": Field(choice(ORDER_TYPES), None),
}
TERMS = {  # what only an order with a type may say
    "trigger": Field(positive, None),
    "offset": Field(positive, None),
    "offset_fraction": Field(open_fraction, None),
    "reduce_only": Field(flag, False),
    "post_only": Field(flag, False),
    "time_in_force": Field(choice(TIMES_IN_FORCE), TIMES_IN_FORCE[0]),
    "expires": Field(integer(0, _INT32, "the last bar in which the order may trade"), None),
    "oco": Field(integer(0, _INT32, "a number that orders share"), None),
}
_RESTING = ("reduce_only", "expires", "oco")
_MAY_SAY = {
    "market": ("reduce_only",),
    "limit": ("limit", "post_only", "time_in_force", *_RESTING),
    "take_profit": ("trigger", *_RESTING),
    "stop": ("trigger", "limit", *_RESTING),
    "trailing_stop": ("offset", "offset_fraction", *_RESTING),
}
_NEEDED = {"limit": "limit", "take_profit": "trigger", "stop": "trigger"}
_AMOUNTS = {
    "add": Field(not_negative, None),
    "remove": Field(not_negative, None),
    "set_leverage": Field(positive, None),
}


def check_orders(data: list[Any], place: Mapping[str, Field]) -> list[dict[str, Any]]:
    """Check the orders and fill in their defaults.

    Parameters
    ----------
    data : list
        As read from JSON.
    place : mapping of str to Field
        The keys `bar` and `slot`.

    Raises
    ------
    ConfigurationError
        Naming the order and its key.
    """
    orders = rows(data, {**place, **_ORDER, **TERMS}, "orders")
    for n, order in enumerate(orders):
        path = f"orders[{n}]"
        _check_trail(order, path, "trail")
        _check_size(order, path)
        if order["type"] is None:
            _check_plain(order, path)
        else:
            _check_type(order, path)
    _check_one_market_order(orders)
    return orders


def _check_trail(order: dict[str, Any], path: str, name: str) -> None:
    """Refuse a distance that is given both in price and as a fraction."""
    if order[name] is not None and order[f"{name}_fraction"] is not None:
        raise ConfigurationError(
            f"{path}.{name}_fraction",
            order[f"{name}_fraction"],
            f"is given together with {name}",
            cure="Give one of the two: a distance in price or a fraction of the best price",
        )


def _check_size(order: dict[str, Any], path: str) -> None:
    """Check what a size by position allows, and that a working order has a side."""
    if order["type"] is not None and order["size"] == 0:
        cure = "Give a size above 0 to buy or below 0 to sell"
        raise ConfigurationError(f"{path}.size", order["size"], "leaves the order without a side", cure=cure)
    if order["size_type"] != "position":
        return
    if not 0 < order["size"] <= 1:
        allowed = "a fraction above 0 and up to 1 of the position"
        raise ConfigurationError(f"{path}.size", order["size"], "is out of range", allowed=allowed)
    if order["target"]:
        cure = "Leave target out: a size of the type position is always what to close"
        raise ConfigurationError(f"{path}.target", True, "is given for a size of the type position", cure=cure)


def _check_plain(order: dict[str, Any], path: str) -> None:
    """Refuse what only an order with a type may say."""
    for name, field in TERMS.items():
        if order[name] != field.default:
            raise ConfigurationError(
                f"{path}.{name}",
                order[name],
                "is given without a type",
                cure="Add type: " + ", ".join(kind for kind, names in _MAY_SAY.items() if name in names),
            )
    if order["size_type"] == "position" and order["limit"] is not None:
        cure = 'Add "type": "limit", which may have one'
        raise ConfigurationError(f"{path}.size_type", "position", "is not for a limit order without a type", cure=cure)


def _check_type(order: dict[str, Any], path: str) -> None:
    """Check that an order says what its type needs and nothing that it does not know."""
    kind = order["type"]
    for name in ("limit", *TERMS):
        default = TERMS[name].default if name in TERMS else None
        if order[name] != default and name not in _MAY_SAY[kind]:
            cure = f"Leave it out; of these keys it may have {', '.join(_MAY_SAY[kind])}"
            raise ConfigurationError(f"{path}.{name}", order[name], f"is not for the type {kind}", cure=cure)
    needed = _NEEDED.get(kind)
    if needed and order[needed] is None:
        raise ConfigurationError(path, {"type": kind}, f"has no {needed}", cure=f"Add {needed}, a price")
    if kind == "trailing_stop" and order["offset"] is None and order["offset_fraction"] is None:
        cure = "Add offset, a distance in price, or offset_fraction, a fraction of the best price"
        raise ConfigurationError(path, {"type": kind}, "has no offset", cure=cure)
    _check_trail(order, path, "offset")
    _check_sense(order, path)


def _check_sense(order: dict[str, Any], path: str) -> None:
    """Refuse what contradicts itself."""
    if order["target"]:
        cure = "Leave target out, or the type: targets are for plain orders"
        raise ConfigurationError(f"{path}.target", True, "is given together with a type", cure=cure)
    if order["post_only"] and order["time_in_force"] != TIMES_IN_FORCE[0]:
        raise ConfigurationError(
            f"{path}.post_only",
            True,
            f"is given together with time_in_force {order['time_in_force']}",
            cure="Leave one of the two out: such an order would neither rest nor trade at once",
        )
    first = order["bar"] + 1
    if order["expires"] is not None and order["expires"] < first:
        allowed = f"{first} or later, the bar in which it can first act"
        raise ConfigurationError(f"{path}.expires", order["expires"], "is too early", allowed=allowed)


def _check_one_market_order(orders: list[dict[str, Any]]) -> None:
    """Refuse two orders for one slot at one bar, but for those that work beside each other."""
    seen: dict[tuple[int, int], int] = {}
    for n, order in enumerate(orders):
        if order["type"] not in (None, "market"):
            continue
        first = seen.setdefault((order["bar"], order["slot"]), n)
        if first != n:
            raise ConfigurationError(
                f"orders[{n}]",
                {"bar": order["bar"], "slot": order["slot"]},
                f"is for the same slot and bar as orders[{first}]",
                allowed="one order per slot and bar, but for those with a type other than market",
                cure="Join the two orders or use two slots",
            )


def check_actions(data: list[Any], place: Mapping[str, Field], orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Check the margin instructions; each row keeps only the kind that was given.

    Parameters
    ----------
    data : list
        As read from JSON.
    place : mapping of str to Field
        The keys `bar` and `slot`.
    orders : list of dict
        As checked: what may be cancelled.

    Raises
    ------
    ConfigurationError
        Naming the instruction and its key.
    """
    cancel = Field(integer(0, len(orders) - 1, "an index into orders"), None)
    fields = {**place, **_AMOUNTS, "cancel": cancel}
    actions = []
    for n, row in enumerate(rows(data, fields, "margin_actions")):
        actions.append(_action(row, f"margin_actions[{n}]"))
        if row["cancel"] is not None:
            _check_cancel(row, orders[row["cancel"]], f"margin_actions[{n}].cancel")
    return actions


def _action(row: dict[str, Any], path: str) -> dict[str, Any]:
    """Return a margin instruction with only the kind that was given."""
    kinds = [name for name in ACTION_KINDS if row[name] is not None]
    if len(kinds) != 1:
        raise ConfigurationError(
            path, kinds, "is not one instruction", allowed="exactly one of " + ", ".join(ACTION_KINDS)
        )
    return {name: row[name] for name in ("bar", "slot", *kinds)}


def _check_cancel(row: dict[str, Any], order: dict[str, Any], path: str) -> None:
    """Check that what is to be cancelled is a working order of the slot that was decided by then."""
    if order["type"] in (None, "market"):
        allowed = "an order with a type other than market"
        raise ConfigurationError(path, row["cancel"], "is not a working order", allowed=allowed)
    if order["slot"] != row["slot"]:
        cure = f"Give slot {order['slot']}"
        raise ConfigurationError(path, row["cancel"], "is an order of another slot", cure=cure)
    if order["bar"] > row["bar"]:
        allowed = f"from bar {order['bar']} on"
        raise ConfigurationError(path, row["cancel"], "is an order that is not decided yet", allowed=allowed)
