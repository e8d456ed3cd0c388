"""Where two runs of the same intents part, and why: the first bar whose trades or money differ."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester import text
from backtester.explaining.stretches import SAME, TRADES, alike
from backtester.schema import (
    ABSORBED,
    AVAILABLE,
    CUT,
    EVENT_KINDS,
    LEDGER_KINDS,
    LIQUIDATION,
    MOVED,
    REASONS,
    REFUSED,
    REJECTED,
)

if TYPE_CHECKING:
    from backtester.result import Result

__all__ = ["Parting", "part", "traded"]

FEW = 3  # trades of a slot in a bar that are told one by one
_REASON = {
    "": "",
    "no_data": "no data",
    "minimum": "below the minimum size",
    "tier": "above the tier's leverage",
    "available": "not enough free margin",
    "would_liquidate": "it would have been liquidated at once",
    "no_position": "nothing to reduce",
}
_ENDS = {
    "fill": "by an order",
    "limit": "by a limit order",
    "stop": "by its stop",
    "take_profit": "by its take-profit",
    "trailing_stop": "by its trailing stop",
    "liquidation": "by liquidation",
}
_LEDGER = {
    "fee": "fees",
    "liquidation_fee": "liquidation fees",
    "insurance_absorbed": "insurance absorbed",
    "insurance_taken": "insurance taken",
}


class Parting(NamedTuple):
    """The bar at which two accounts part.

    Parameters
    ----------
    bar : int
        Bar of the simulation grid; -1 when they never part.
    time : int [ns UTC]
        Start of that bar; 0 when they never part.
    why : str
        What differed first, in words.
    """

    bar: int
    time: int
    why: str

    def __str__(self) -> str:
        return f"{text.moment(self.time)}: {self.why}" if self.bar >= 0 else self.why

    @property
    def said(self) -> str:
        """What differed first, as a sentence of its own."""
        return self.why[:1].upper() + self.why[1:]


def part(first: Result, second: Result, names: tuple[str, str]) -> Parting:
    """Return the first bar at which trades differ, or cash in more than transfers, and why.

    Trades are fills, limits, stops, take-profits and liquidations; sizes and prices are compared to 1e-9. Margin
    moved between the pools of one account is no difference. Sizes that follow the account's equity differ as soon
    as the equities do: that counts, and is said.

    Parameters
    ----------
    first, second : Result
        Two full runs on the same market.
    names : tuple of two str
        What to call them.
    """
    traded = _first_trade_apart(first.events, second.events)
    paid = _first_cash_apart(first, second)
    bars = [bar for bar in (traded, paid) if bar is not None]
    if not bars:
        return Parting(-1, 0, f"{names[0]} and {names[1]} never part: same trades, same cash.")
    bar = min(bars)
    why = None if traded != bar else _explain_trades(first, second, names, bar)
    return Parting(bar, int(first.market.open_time[bar]), why or _explain_cash(first, second, names, bar))


def traded(result: Result) -> bool:
    """Return whether a run traded at all."""
    return bool(np.isin(result.events["kind"], TRADES).any())


def _trades(events: NDArray[Any]) -> NDArray[Any]:
    rows = events[np.isin(events["kind"], TRADES)]
    return rows[np.lexsort((rows["slot"], rows["bar"]))]  # stable: a slot's trades keep their order


def _first_trade_apart(first: NDArray[Any], second: NDArray[Any]) -> int | None:
    a, b = _trades(first), _trades(second)
    n = min(len(a), len(b))
    apart = np.flatnonzero(~alike(a[:n], b[:n]))
    if apart.size:
        return int(min(a["bar"][apart[0]], b["bar"][apart[0]]))
    longer = a if len(a) > n else b
    return int(longer["bar"][n]) if len(longer) > n else None


def _first_cash_apart(first: Result, second: Result) -> int | None:
    apart = np.abs(np.cumsum(_cash_flow(first) - _cash_flow(second)))
    bars = np.flatnonzero(apart > SAME * first.scenario.balance)
    return int(bars[0]) if bars.size else None


def _cash_flow(result: Result) -> NDArray[np.float64]:
    """Return the change of the account's cash in each bar, transfers and deposits left out."""
    rows = result.ledger[~np.isin(result.ledger["kind"], MOVED)]
    flow = np.zeros(result.market.n_bars)
    np.add.at(flow, rows["bar"], rows["amount"])
    return flow


def _explain_trades(first: Result, second: Result, names: tuple[str, str], bar: int) -> str | None:
    runs = (first, second)
    trades = [_trades(run.events[run.events["bar"] == bar]) for run in runs]
    slots = [slot for slot in range(len(first.slot_names)) if not _slot_alike(trades, slot)]
    for one, other in ((0, 1), (1, 0)):
        killed = [slot for slot in slots if _killed(trades[one], slot)]
        if killed and not _killed(trades[other], killed[0]):
            return _liquidated(runs[one], runs[other], names[one], names[other], bar, killed)
    for slot in slots:
        if _killed(trades[0], slot):
            return _both_liquidated(runs, names, trades, slot)
    for slot in slots:
        held_back = _held_back(runs, names, trades, bar, slot)
        if held_back:
            return held_back
    return _other_trades(runs, names, trades, slots[0]) if slots else None


def _slot_name(run: Result, slot: int) -> str:
    return text.distinct(run.slot_names)[slot]


def _slot_alike(trades: list[NDArray[Any]], slot: int) -> bool:
    a, b = (rows[rows["slot"] == slot] for rows in trades)
    return len(a) == len(b) and bool(alike(a, b).all())


def _killed(rows: NDArray[Any], slot: int) -> bool:
    return bool(((rows["slot"] == slot) & (rows["kind"] == LIQUIDATION)).any())


def _liquidated(run: Result, other: Result, name: str, other_name: str, bar: int, slots: list[int]) -> str:
    rows = run.events[(run.events["bar"] == bar) & (run.events["kind"] == LIQUIDATION)]
    order = [slot for slot in dict.fromkeys(int(s) for s in rows["slot"]) if slot in slots]
    loss = -float(rows["amount"][np.isin(rows["slot"], slots)].sum())
    unit = text.currency(run.market.symbols)
    who = _slot_name(run, order[0]) + (f" and {text.counted(len(order) - 1, 'more slot')}" if len(order) > 1 else "")
    gain = f"loss {text.money(loss)} {unit}" if loss >= 0 else f"gain {text.money(-loss)} {unit}"
    return f"{name} was liquidated on {who} ({gain}) while {other_name} {_fate(other, bar, order)}."


def _fate(run: Result, bar: int, slots: list[int]) -> str:
    """Say what became, by the end of a bar, of positions that the other account lost."""
    kept = sum(_is_open(run, bar, slot) for slot in slots)
    if kept:
        if kept == len(slots):
            return {1: "kept the position", 2: "kept both positions"}.get(kept, f"kept all {kept} positions")
        return f"kept {kept} of the {len(slots)} positions"
    rows = run.events[(run.events["bar"] == bar) & np.isin(run.events["slot"], slots)]
    ends = [_ENDS[EVENT_KINDS[kind]] for kind in rows["kind"] if kind in TRADES]
    return f"closed it {ends[-1]}" if ends else "held no position there"


def _is_open(run: Result, bar: int, slot: int) -> bool:
    rows = run.events[(run.events["slot"] == slot) & (run.events["bar"] <= bar)]
    changes = rows["quantity"][np.isin(rows["kind"], TRADES)]
    return bool(abs(changes.sum()) > SAME * np.abs(changes).sum())


def _both_liquidated(runs: tuple[Result, Result], names: tuple[str, str], trades: list[NDArray[Any]], slot: int) -> str:
    parts = []
    for name, rows in zip(names, trades, strict=True):
        own = rows[(rows["slot"] == slot) & (rows["kind"] == LIQUIDATION)]
        parts.append(f"{name} at a mark of {own['price'][0]:.8g} (loss {text.money(-float(own['amount'].sum()))})")
    return f"both were liquidated on {_slot_name(runs[0], slot)}, but not alike: {text.joined(parts)}."


def _held_back(
    runs: tuple[Result, Result], names: tuple[str, str], trades: list[NDArray[Any]], bar: int, slot: int
) -> str | None:
    """Say which account cut or rejected an order of the slot in this bar, if just one did or they did differently."""
    said, order = [], -1
    for run in runs:
        rows = run.events[(run.events["bar"] == bar) & (run.events["slot"] == slot)]
        rows = rows[np.isin(rows["kind"], (CUT, REJECTED)) & (rows["reason"] != REFUSED)]
        said.append([(EVENT_KINDS[row["kind"]], REASONS[row["reason"]]) for row in rows])
        order = rows["order"][-1] if len(rows) else order
    if said[0] == said[1] and not any(reason == REASONS[AVAILABLE] for _, reason in said[0]):
        return None
    parts = []
    for name, held, rows in zip(names, said, trades, strict=True):
        size = _traded_by(rows[rows["slot"] == slot], order)
        if held:
            verb, reason = held[-1]
            because = f" ({_REASON.get(reason, reason)})" if reason else ""
            traded = f" to {size:+.6g}" if verb == "cut" else ""
            parts.append(f"{name} {verb} the order for {_slot_name(runs[0], slot)}{traded}{because}")
        else:
            parts.append(f"{name} traded {size:+.6g}")
    return " while ".join(parts) + "."


def _traded_by(rows: NDArray[Any], order: int) -> float:
    """Return what an order traded; all that was traded if it did not."""
    own = rows[rows["order"] == order]
    return float((own if len(own) else rows)["quantity"].sum())


def _other_trades(runs: tuple[Result, Result], names: tuple[str, str], trades: list[NDArray[Any]], slot: int) -> str:
    parts = []
    for name, rows in zip(names, trades, strict=True):
        own = rows[rows["slot"] == slot]
        kinds = [EVENT_KINDS[kind].replace("_", " ") for kind in own["kind"]]
        each = [f"{size:+.9g} ({kind})" for size, kind in zip(own["quantity"].tolist(), kinds, strict=True)]
        if len(each) > FEW:
            each = [f"{float(own['quantity'].sum()):+.9g} ({', '.join(dict.fromkeys(kinds))})"]
        parts.append(f"{name} traded {text.joined(each) or 'nothing'}")
    return f"on {_slot_name(runs[0], slot)} {' while '.join(parts)}."


def _explain_cash(first: Result, second: Result, names: tuple[str, str], bar: int) -> str:
    sums = []
    for run in (first, second):
        rows = run.ledger[run.ledger["bar"] == bar]
        sums.append(np.bincount(rows["kind"], weights=rows["amount"], minlength=len(LEDGER_KINDS)))
    gap = sums[0] - sums[1]
    gap[[*MOVED]] = 0.0
    kind = int(np.argmax(np.abs(gap)))
    word = _LEDGER.get(LEDGER_KINDS[kind], LEDGER_KINDS[kind])
    amounts = [abs(float(total[kind])) if kind == ABSORBED else float(total[kind]) for total in sums]
    if math.isclose(amounts[0], amounts[1]):
        return "the trades are the same, but the cash has drifted apart."
    unit = text.currency(first.market.symbols)
    said = [f"{name} {text.money(amount, signed=True)}" for name, amount in zip(names, amounts, strict=True)]
    return f"same trades, but other cash through {word}: {' against '.join(said)} {unit}."
