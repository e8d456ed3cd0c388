"""From what an author writes in `on_bar` to the row of an order, or an error that says where and how to mend it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypedDict

from backtester.event_driven.asked import LIMIT, MARKET, NONE, STOP, Row
from backtester.event_driven.place import BELOW_ONE, Place
from backtester.schema import TARGET_SIZES, TIMES_IN_FORCE

__all__ = ["WATCH", "OpeningTerms", "TargetTerms", "opening", "target"]

WATCH = ("trade", "mark")


class SizeTerms(TypedDict, total=False):
    """A size that is no quantity."""

    notional: float
    equity_fraction: float
    margin: float


class TargetTerms(SizeTerms, total=False):
    """What an order that opens may say beside a quantity."""

    stop: float
    take_profit: float
    trailing: float
    stop_price: float
    take_profit_price: float
    collateral: float
    watch: str


class OpeningTerms(TargetTerms, total=False):
    """What `buy` and `sell` take beside that."""

    limit: float
    trigger: float
    reduce_only: bool
    post_only: bool
    time_in_force: str
    expires: int


_TARGET = dict.fromkeys([*TARGET_SIZES, *TargetTerms.__annotations__]).keys()  # in their order, as messages say them
_OPENING = dict.fromkeys([*_TARGET, *OpeningTerms.__annotations__]).keys()
_EXITS = TargetTerms.__annotations__.keys() - SizeTerms.__annotations__.keys()
_WORKING = _OPENING - _TARGET


def opening(place: Place, close: float, side: float, quantity: float | None, terms: Mapping[str, Any]) -> Row:
    """Return the row of an order that buys (side 1) or sells (side -1); `close` is this bar's."""
    size, size_type = place.size(quantity, terms, _OPENING)
    row, price = Row.market(place.number_of_slot, side * size, size_type), close
    if not _WORKING.isdisjoint(terms):
        row, price = _working(place, row, terms, close)
    return row if _EXITS.isdisjoint(terms) else _with_exits(place, row, side, terms, price)


def target(place: Place, close: float, quantity: float | None, terms: Mapping[str, Any]) -> Row:
    """Return the row of an order for what is missing to a position."""
    size, size_type = place.size(quantity, terms, _TARGET, signed=True)
    row = Row.market(place.number_of_slot, size, size_type, target=True)
    return row if _EXITS.isdisjoint(terms) else _with_exits(place, row, math.copysign(1.0, size), terms, close)


def _working(place: Place, row: Row, terms: Mapping[str, Any], close: float) -> tuple[Row, float]:
    """Return the row with its type and terms, and the order's own price."""
    limit, trigger = (place.optional(name, terms.get(name)) for name in ("limit", "trigger"))
    kind = MARKET if math.isnan(limit) and math.isnan(trigger) else LIMIT if math.isnan(trigger) else STOP
    force = place.choice("time_in_force", terms.get("time_in_force", "gtc"), TIMES_IN_FORCE)
    if kind != LIMIT and (force or terms.get("post_only")):
        named = "post_only" if terms.get("post_only") else "time_in_force"
        place.fail(f"{named} is for limit orders", terms[named], "give a limit and no trigger, or leave it out")
    if force and terms.get("post_only"):
        place.fail("post_only rests and never trades at once", terms["time_in_force"], 'leave time_in_force at "gtc"')
    if kind == MARKET and terms.get("expires") is not None:
        place.fail("a market order trades in the next bar", terms["expires"], "leave expires out, or give a limit")
    working = row._replace(
        limit=limit,
        trigger=trigger,
        type=kind,
        reduce_only=bool(terms.get("reduce_only")),
        post_only=bool(terms.get("post_only")),
        time_in_force=force,
        expires=place.expires(terms.get("expires")),
    )
    return working, close if kind == MARKET else trigger if math.isnan(limit) else limit


def _with_exits(place: Place, row: Row, side: float, terms: Mapping[str, Any], price: float) -> Row:
    """Return the row with its exits: fractions of the order's own price as prices."""
    trailing = _fraction(place, "trailing", terms, price)
    return row._replace(
        margin=place.optional("collateral", terms.get("collateral")),
        stop=_exit(place, "stop", -side, terms, price),
        take_profit=_exit(place, "take_profit", side, terms, price),
        trail=NONE if math.isnan(trailing) else trailing * price,
        watch_mark=bool(place.choice("watch", terms.get("watch", "trade"), WATCH)),
    )


def _exit(place: Place, name: str, away: float, terms: Mapping[str, Any], price: float) -> float:
    given, fraction = terms.get(f"{name}_price"), _fraction(place, name, terms, price)
    if given is None:
        return NONE if math.isnan(fraction) else price * (1.0 + away * fraction)
    if not math.isnan(fraction):
        cure = f"give {name} (a fraction of the price) or {name}_price"
        place.fail(f"{name} is given twice", [terms[name], given], cure)
    return place.number(f"{name}_price", given)


def _fraction(place: Place, name: str, terms: Mapping[str, Any], price: float) -> float:
    value = terms.get(name)
    if value is None:
        return NONE
    if math.isnan(price):
        place.fail(f"{name} is a fraction of a close that is not known", value, f"give {name}_price, or wait")
    return place.number(name, value, most=BELOW_ONE)
