"""Results as pandas frames: times outside are a DatetimeIndex, codes are words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtester.schema import (
    ADD_MARGIN,
    AUTO_TOP_UP,
    EVENT,
    EVENT_KINDS,
    LEDGER_KINDS,
    LEDGER_ROW,
    LIMIT,
    LIQUIDATION,
    REASONS,
    SEGMENTS,
    TRAILING_STOP,
)

if TYPE_CHECKING:
    from backtester.result import Result

_MOVES = (int(AUTO_TOP_UP), int(ADD_MARGIN))
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
    frame = pd.DataFrame({name: events[name] for name in EVENT.names or ()})
    for name, words in (("kind", EVENT_KINDS), ("reason", REASONS), ("segment", SEGMENTS)):
        frame[name] = _words(events[name], words)
    frame.insert(2, "symbol", _symbols(result, events["slot"]))
    return frame.set_index(_times(result, events["bar"]))


def ledger_frame(result: Result) -> pd.DataFrame:
    """Every movement of cash, indexed by the open time of its bar."""
    ledger = result.ledger
    frame = pd.DataFrame({name: ledger[name] for name in LEDGER_ROW.names or ()})
    frame["kind"] = _words(ledger["kind"], LEDGER_KINDS)
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
    """One row per closing, whole or partial: side, entry (average), exit, pnl before fees, fee of the exit.

    `topped_up` and `margin_added` are what was moved to the position since it was opened, automatically and by hand.
    """
    closings = []
    held: dict[int, tuple[float, float, int]] = {}  # slot: quantity, entry level, bar of the entry
    moved: dict[tuple[int, int], float] = {}  # slot and kind of event: money since the opening
    inverse = [result.scenario.instruments[slot.instrument].contract == "inverse" for slot in result.scenario.slots]
    events = result.events[np.isin(result.events["kind"], [*_TRADES, *_MOVES])]
    columns = (events[name].tolist() for name in ("bar", "slot", "kind", "fill", "quantity", "amount"))
    for bar, j, kind, price, change, amount in zip(*columns, strict=True):
        if kind in _MOVES:
            moved[j, kind] = moved.get((j, kind), 0.0) + amount
            continue
        fill = -1.0 / price if inverse[j] else price
        quantity, entry, since = held.get(j, (0.0, 0.0, 0))
        if quantity * change >= 0.0:
            entry = fill if quantity == 0.0 else (quantity * entry + change * fill) / (quantity + change)
            held[j] = (quantity + change, entry, bar if quantity == 0.0 else since)
            if quantity == 0.0:
                moved |= {(j, each): 0.0 for each in _MOVES}
            continue
        pnl = -change * (fill - entry)
        entry_price = -1.0 / entry if inverse[j] else entry
        added = [moved[j, each] for each in _MOVES]
        closings.append((j, -change, since, bar, entry_price, price, pnl, pnl - amount, kind, *added))
        left = quantity + change
        held[j] = (0.0 if abs(left) <= 1e-9 * abs(quantity) else left, entry, since)
    return _trades(result, closings)


def _trades(result: Result, closings: list[tuple[Any, ...]]) -> pd.DataFrame:
    table = np.array(closings, float).reshape(-1, 11)
    slot, since, bar = (table[:, column].astype(np.int64) for column in (0, 2, 3))
    return pd.DataFrame(
        {
            "slot": np.array(result.slot_names, object)[slot],
            "symbol": _symbols(result, slot),
            "side": np.where(table[:, 1] > 0.0, "long", "short"),
            "quantity": np.abs(table[:, 1]),
            "entry_time": result.market.index[since],
            "exit_time": result.market.index[bar],
            "entry_price": table[:, 4],
            "exit_price": table[:, 5],
            "pnl": table[:, 6],
            "fee": table[:, 7],
            "exit_kind": _words(table[:, 8], EVENT_KINDS),
            "topped_up": table[:, 9],
            "margin_added": table[:, 10],
        }
    )


def _words(codes: Any, words: tuple[str, ...]) -> Any:
    return pd.Categorical.from_codes(np.asarray(codes, np.int64), pd.Index(words))


def _times(result: Result, bars: np.ndarray) -> pd.DatetimeIndex:
    return result.market.index[np.asarray(bars, np.int64)].rename("time")


def _symbols(result: Result, slots: np.ndarray) -> np.ndarray:
    """Symbols of slots; -1 (the account itself) has none."""
    names = [result.market.symbols[slot.instrument] for slot in result.scenario.slots]
    return np.array([*names, ""], object)[slots]
