"""Working orders for tests: short ways to write them down, and to tell what came of them.

An account of 1000 in one cross pool at 8x, fees and slippage 0, unless a test says otherwise.
"""

from __future__ import annotations

from tests.laws.engines import run, scenario

FEES = {"taker_fee": 1 / 32, "maker_fee": 1 / 64}
SLIPS = {"slippage": 1 / 64}
WIDE = (100, 112, 88, 100)  # by the candle rule: down to 88, up to 112, back to 100
TWO = [{"instrument": 0, "leverage": 8}] * 2


def played(engine, candles, *orders, **parts):
    """Return the result of orders of slot 0 that act in bar 0 unless they say otherwise."""
    account = {"path": "candle", "mode": "cross", **parts.pop("account", {})}
    return run(engine, scenario(candles, list(orders), account=account, **parts))


def told(result):
    """Return of each event its bar, kind, quantity, and fill or reason."""
    names = ("bar", "kind", "quantity")
    return [(*(event[name] for name in names), event["fill"] or event["reason"]) for event in result["events"]]


def story(engine, candles, *orders, **parts):
    return told(played(engine, candles, *orders, **parts))


def limit(price, size=1.0, **more):
    return {"type": "limit", "limit": price, "size": size, **more}


def stop(price, size=-1.0, **more):
    return {"type": "stop", "trigger": price, "size": size, **more}


def profit(price, size=-1.0, **more):
    return {"type": "take_profit", "trigger": price, "size": size, **more}


def trailing(size=-1.0, **more):
    return {"type": "trailing_stop", "size": size, **more}


REDUCE = {"reduce_only": True}
HALF = {"size_type": "position", "size": 0.5}
WHOLE = {"size_type": "position", "size": 1.0}
