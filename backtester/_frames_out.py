"""Results as pandas frames: times outside are a DatetimeIndex, codes are words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtester.schema import (
    EVENT_KINDS,
    LEDGER_KINDS,
    LIMIT,
    LIQUIDATION,
    REASONS,
    SEGMENTS,
    TRAILING_STOP,
)

if TYPE_CHECKING:
    from backtester.result import Result

_TRADES = [*range(TRAILING_STOP + 1), LIMIT]  # kinds of events that trade: fill, liquidation, stops, take-profit, limit


def equity_frame(result: Result) -> pd.DataFrame:
    """Per-bar curves, indexed by the bars' open times."""
    return pd.DataFrame(
        {
            "equity": result.equity,
            "equity_low": result.equity_low,
            "worst_margin_ratio": result.worst_margin_ratio,
        },
        index=result.market.index,
    )


def positions_frame(result: Result) -> pd.DataFrame:
    """Signed quantity by bar (index) and slot (columns)."""
    return pd.DataFrame(result.quantity, index=result.market.index, columns=list(result.slot_names))


def event_frame(result: Result) -> pd.DataFrame:
    """Every event, indexed by the open time of its bar."""
    events = result.events
    frame = pd.DataFrame({name: events[name] for name in events.dtype.names})
    frame["kind"] = pd.Categorical.from_codes(events["kind"], list(EVENT_KINDS))
    frame["reason"] = pd.Categorical.from_codes(events["reason"], list(REASONS))
    frame["segment"] = pd.Categorical.from_codes(events["segment"], list(SEGMENTS))
    frame.insert(2, "symbol", _symbols(result, events["slot"]))
    return frame.set_index(_times(result, events["bar"]))


def ledger_frame(result: Result) -> pd.DataFrame:
    """Every movement of cash, indexed by the open time of its bar."""
    ledger = result.ledger
    frame = pd.DataFrame({name: ledger[name] for name in ledger.dtype.names})
    frame["kind"] = pd.Categorical.from_codes(ledger["kind"], list(LEDGER_KINDS))
    return frame.set_index(_times(result, ledger["bar"]))


def liquidations_frame(result: Result) -> pd.DataFrame:
    """One row per slot liquidated: what was closed, at which mark and fill, and what it cost its pool."""
    rows = result.events[result.events["kind"] == LIQUIDATION]
    return pd.DataFrame(
        {
            "time": _times(result, rows["bar"]),
            "bar": rows["bar"],
            "slot": np.array(result.slot_names, object)[rows["slot"]],
            "symbol": _symbols(result, rows["slot"]),
            "pool": rows["pool"],
            "quantity": rows["quantity"],
            "mark_price": rows["price"],
            "fill": rows["fill"],
            "loss": -rows["amount"],
        }
    )


def trades_frame(result: Result) -> pd.DataFrame:
    """One row per closing, whole or partial: side, entry (average), exit, pnl before fees, fee of the exit."""
    closings = []
    held: dict[int, tuple[float, float, int]] = {}  # slot: quantity, entry level, bar of the entry
    inverse = [instrument.contract == "inverse" for instrument in result.scenario.instruments]
    for event in result.events[np.isin(result.events["kind"], _TRADES)]:
        j, change = int(event["slot"]), float(event["quantity"])
        flipped = inverse[result.scenario.slots[j].instrument]
        fill = -1.0 / float(event["fill"]) if flipped else float(event["fill"])
        quantity, entry, since = held.get(j, (0.0, 0.0, 0))
        if quantity * change >= 0.0:
            entry = fill if quantity == 0.0 else (quantity * entry + change * fill) / (quantity + change)
            held[j] = (quantity + change, entry, int(event["bar"]) if quantity == 0.0 else since)
            continue
        pnl = -change * (fill - entry)
        closings.append(_closing(result, event, -change, -1.0 / entry if flipped else entry, since, pnl))
        left = quantity + change
        held[j] = (0.0 if abs(left) <= 1e-9 * abs(quantity) else left, entry, since)
    columns = ["slot", "symbol", "side", "quantity", "entry_time", "exit_time", "entry_price", "exit_price"]
    return pd.DataFrame(closings, columns=[*columns, "pnl", "fee", "exit_kind"])


def _closing(
    result: Result, event: Any, quantity: float, entry: float, since: int, pnl: float
) -> tuple[Any, ...]:
    j, index = int(event["slot"]), result.market.index
    return (
        result.slot_names[j],
        result.market.symbols[result.scenario.slots[j].instrument],
        "long" if quantity > 0.0 else "short",
        abs(quantity),
        index[since],
        index[int(event["bar"])],
        entry,
        float(event["fill"]),
        pnl,
        pnl - float(event["amount"]),
        EVENT_KINDS[event["kind"]],
    )


def _times(result: Result, bars: np.ndarray) -> pd.DatetimeIndex:
    return result.market.index[np.asarray(bars, np.int64)].rename("time")


def _symbols(result: Result, slots: np.ndarray) -> np.ndarray:
    """Symbols of slots; -1 (the account itself) has none."""
    names = [result.market.symbols[slot.instrument] for slot in result.scenario.slots]
    return np.array([*names, ""], object)[slots]
