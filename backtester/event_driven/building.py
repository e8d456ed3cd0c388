"""From what an author writes in `on_bar` to the row of an order, or an error that says where and how to mend it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypedDict

from backtester.event_driven.asked import LIMIT, MARKET, NONE, STOP, Row
from backtester.event_driven.place import Place
from backtester.schema import EQUITY_FRACTION, TARGET_SIZES, TIMES_IN_FORCE

__all__ = ["Ground", "OpeningTerms", "TargetTerms", "opening", "target"]

WATCH = ("trade", "mark")


class TargetTerms(TypedDict, total=False):
    """What an order that opens may say beside a quantity."""

    notional: float
    equity_fraction: float
    margin: float
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


class Ground(NamedTuple):
    """What an order is built on: where its author stands, the slot, this bar's close, and how bars count."""

    place: Place
    slot: int
    close: float
    share: float  # of the account that equity fractions count
    last_bar: Callable[[int], int]

    def expires(self, bars: object) -> int:
        """Return the last bar of an order that may work for so many decision bars."""
        if bars is None:
            return -1
        if isinstance(bars, bool) or not isinstance(bars, int) or bars < 1:
            self.place.fail("expires must be a number of bars", bars, "1 is the next bar alone; leave it out for none")
        return self.last_bar(bars)


def opening(ground: Ground, side: float, quantity: float | None, terms: Mapping[str, Any]) -> Row:
    """Return the row of an order that buys (side 1) or sells (side -1)."""
    place = ground.place
    place.names(terms, OpeningTerms)
    size, size_type = _size(ground, quantity, terms)
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
    return Row(
        slot=ground.slot,
        size=side * size,
        size_type=size_type,
        limit=limit,
        trigger=trigger,
        type=kind,
        **_exits(ground, side, terms),
        reduce_only=bool(terms.get("reduce_only")),
        post_only=bool(terms.get("post_only")),
        time_in_force=force,
        expires=ground.expires(terms.get("expires")),
    )


def target(ground: Ground, quantity: float | None, terms: Mapping[str, Any]) -> Row:
    """Return the row of an order for what is missing to a position."""
    ground.place.names(terms, TargetTerms)
    size, size_type = _size(ground, quantity, terms, signed=True)
    exits = _exits(ground, math.copysign(1.0, size), terms)
    return Row(slot=ground.slot, size=size, size_type=size_type, target=True, **exits)


def _size(ground: Ground, quantity: object, terms: Mapping[str, Any], *, signed: bool = False) -> tuple[float, int]:
    given = {name: quantity if name == "quantity" else terms.get(name) for name in TARGET_SIZES}
    size, size_type = ground.place.size(given, signed=signed)
    return size * ground.share if size_type == EQUITY_FRACTION else size, size_type


def _exits(ground: Ground, side: float, terms: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of exits: fractions of the close as prices."""
    trailing = _fraction(ground, "trailing", terms)
    return {
        "margin": ground.place.optional("collateral", terms.get("collateral")),
        "stop": _exit(ground, "stop", -side, terms),
        "take_profit": _exit(ground, "take_profit", side, terms),
        "trail": NONE if math.isnan(trailing) else trailing * ground.close,
        "watch_mark": bool(ground.place.choice("watch", terms.get("watch", "trade"), WATCH)),
    }


def _exit(ground: Ground, name: str, away: float, terms: Mapping[str, Any]) -> float:
    price, fraction = terms.get(f"{name}_price"), _fraction(ground, name, terms)
    if price is None:
        return NONE if math.isnan(fraction) else ground.close * (1.0 + away * fraction)
    if not math.isnan(fraction):
        cure = f"give {name} (a fraction of the close) or {name}_price"
        ground.place.fail(f"{name} is given twice", [terms[name], price], cure)
    return ground.place.number(f"{name}_price", price)


def _fraction(ground: Ground, name: str, terms: Mapping[str, Any]) -> float:
    value = terms.get(name)
    if value is None:
        return NONE
    if math.isnan(ground.close):
        ground.place.fail(f"{name} is a fraction of a close that is not known", value, f"give {name}_price, or wait")
    return ground.place.number(name, value, most=1.0 - 1e-12)
