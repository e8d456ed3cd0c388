"""Small scenarios for tests of the reference engine, with the defaults of the scenario format."""

from __future__ import annotations

import copy

HOUR = 3_600_000_000_000
VENUE = {
    "mm_basis": "mark", "close_fee_buffer": 0.0, "liquidation_fee": 0.0, "liquidation_slippage": 0.0, "slippage": 0.0,
    "reduction": "full", "liquidation_order": "all", "leftover": "trader", "funding_source": "pool",
    "partial_close": "pro_rata", "opening_fee_from": "main", "remove_rule": "standard", "leverage_rule": "topup",
    "on_insufficient": "reduce", "hedge_offset": "none",
    "auto_top_up": "none", "top_up_cap": 0.0, "initial_margin_buffer": 0.0, "remove_floor": 0.0, "backstop_rate": 0.0,
    "first_fraction": 0.0, "first_fraction_above": 0.0, "liquidation_cooldown": 0.0, "tier_steps": 1,
}
INSTRUMENT = {
    "symbol": "COIN", "contract": "linear", "tiers": [[0, 1 / 64, 64]], "tier_key": "notional", "taker_fee": 0.0,
    "maker_fee": 0.0, "lot": 0.0, "min_notional": 0.0, "tier_changes": [], "unit_margin_rate": 0.0,
    "liquidation_fee": None,
}
ORDER = {
    "size_type": "quantity", "target": False, "margin": None, "limit": None, "stop": None, "take_profit": None,
    "trail": None, "trail_fraction": None, "watch": "trade",
}


def fill_defaults(scenario: dict) -> dict:
    """Return a copy with every key that the scenario format gives a default."""
    full = copy.deepcopy(scenario)
    full["venue"] = {**VENUE, **full.get("venue", {})}
    full["account"] = {"balance": 1000.0, "mode": "isolated", "path": "adverse", **full.get("account", {})}
    full["instruments"] = [{**INSTRUMENT, **row} for row in full["instruments"]]
    full["orders"] = [{**ORDER, **row} for row in full.get("orders", [])]
    for name in ("funding", "margin_actions", "sub_account_shares"):
        full.setdefault(name, [])
    return full


def columns(candles: list) -> dict:
    """Return bar columns of ``(open, high, low, close)`` rows; None is a missing bar."""
    rows = [candle or (None,) * 4 for candle in candles]
    return {name: [row[k] for row in rows] for k, name in enumerate(("open", "high", "low", "close"))}


def scenario(candles: list, orders: list, slots: list | None = None, **parts) -> dict:
    """Return a complete scenario on one instrument; ``parts`` replace or add to any part of it."""
    bars = parts.pop("bars", None) or [columns(candles)]
    n_bars = len(bars[0]["open"])
    instrument = parts.pop("instrument", {})
    base = {
        "open_time": [t * HOUR for t in range(n_bars)],
        "instruments": parts.pop("instruments", None) or [instrument] * len(bars),
        "bars": bars,
        "slots": slots or [{"instrument": 0, "leverage": 8}],
        "orders": [{"bar": -1, "slot": 0, **order} for order in orders],
        **parts,
    }
    return fill_defaults(base)


def events(result: dict, *kinds: str) -> list[dict]:
    """Return the events of some kinds."""
    return [event for event in result["events"] if event["kind"] in kinds]


def flat(price: float) -> tuple:
    """Return a bar that does not move."""
    return (price, price, price, price)
