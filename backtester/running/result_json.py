"""A result as the object of the scenario format."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from backtester.schema import EVENT_KINDS, LEDGER_KINDS, REASONS, SEGMENTS, Floats

if TYPE_CHECKING:
    from backtester.result import Result

_RECORDS = (
    ("cash", "cash"),
    ("pool_pnl", "pool_pnl"),
    ("pool_initial_margin", "pool_initial_margin"),
    ("pool_requirement", "pool_requirement"),
    ("quantity", "quantity"),
    ("entry", "entry_price"),
    ("liquidation_price", "liquidation_price"),
)
_SEGMENT_NAMES: tuple[str | int, ...] = tuple(int(name) if name.isdigit() else name for name in SEGMENTS)


def result_row(result: Result) -> dict[str, Any]:
    """Return the result object; what is not finite is null."""
    return {
        "equity": finite(result.equity),
        "equity_low": finite(result.equity_low),
        "worst_margin_ratio": finite(result.worst_margin_ratio),
        **{key: finite(getattr(result, name)) for key, name in _RECORDS},
        "events": [_event(row) for row in result.events.tolist()],
        "ledger": [_ledger_row(row) for row in result.ledger.tolist()],
        "totals": result.totals,
        "pool_of_slot": result.pool_of_slot.tolist(),
        "pool_kind": list(result.pool_kind),
        "mark_is_trade": result.market.mark_is_trade.tolist(),
    }


def finite(values: Floats) -> list[Any]:
    """Return an array as nested lists with None where it is nan or infinite."""
    if np.isfinite(values).all():
        return list(values.tolist())
    out = values.astype(object)
    out[~np.isfinite(values)] = None
    return list(out.tolist())


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _slot(j: int) -> int | None:
    return j if j >= 0 else None


def _event(row: tuple[Any, ...]) -> dict[str, Any]:
    bar, slot, pool, _, kind, reason, segment, s, price, fill, quantity, amount, bankruptcy = row
    event = {
        "bar": bar,
        "kind": EVENT_KINDS[kind],
        "slot": _slot(slot),
        "pool": pool,
        "segment": _SEGMENT_NAMES[segment],
        "s": s,
        "price": _number(price),
        "fill": _number(fill),
        "quantity": quantity,
        "amount": amount,
        "reason": REASONS[reason],
    }
    if math.isfinite(bankruptcy):
        event["bankruptcy_price"] = bankruptcy
    return event


def _ledger_row(row: tuple[Any, ...]) -> dict[str, Any]:
    bar, pool, slot, kind, amount = row
    return {"bar": bar, "pool": pool, "kind": LEDGER_KINDS[kind], "slot": _slot(slot), "amount": amount}
