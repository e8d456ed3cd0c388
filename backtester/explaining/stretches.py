"""What a run did with each slot, cut at the moments in which the slot was flat.

A **stretch** is what happens to one slot of one run from the trade that opens a position to the trade after which
nothing is left of it, or to the last bar. A reversal ends one stretch and begins the next. Every movement of cash but
deposits and transfers, and what is unrealised at the end, belongs to exactly one stretch: the money of all stretches
adds up to what the account has gained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.schema import (
    ABSORBED,
    FILL,
    FUNDING,
    LIMIT,
    LIQUIDATION,
    NOBODY,
    STOP,
    TAKE_PROFIT,
    TAKEN,
    TRAILING_STOP,
)

if TYPE_CHECKING:
    from backtester.result import Result

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

__all__ = [
    "MONEY",
    "SAME",
    "TRADES",
    "Stretches",
    "Trades",
    "alike",
    "decided",
    "levels_of",
    "moments_of",
    "stretches",
    "trades_of",
]

TRADES = (FILL, LIQUIDATION, STOP, TAKE_PROFIT, TRAILING_STOP, LIMIT)
MONEY = ("price", "fees", "funding", "liquidation_fees", "insurance")  # what a stretch earned (> 0) or cost (< 0)
SAME = 1e-9  # relative for trades, of the balance for cash: the margin model's tolerance
FLAT = 1e-9  # of a position: a smaller rest is none
SLOT_FIRST = np.dtype([("slot", "i8"), ("bar", "i8"), ("segment", "i8"), ("s", "f8"), ("step", "i8")])


class Trades(NamedTuple):
    """The events of a run that trade, by slot and then in order of time, and where the slot stood at each.

    Parameters
    ----------
    row : int64 array, (n,)
        Place in ``result.events``.
    event : record array, (n,)
        Those rows.
    before, after : float64 array, (n,)
        Signed quantity of the slot.
    entry : float64 array, (n,) [level]
        Average entry level of the position that the trade leaves, or that it closed.
    stretch : int64 array, (n,)
        Number of the stretch it belongs to.
    step : int64 array, (n,)
        Place among the slot's trades of one moment: even for those that close, odd for those that open.
    """

    row: Ints
    event: NDArray[Any]
    before: Floats
    after: Floats
    entry: Floats
    stretch: Ints
    step: Ints

    def held_at(self, slot: Ints, row: Ints, n_events: int) -> Ints:
        """Return the slot's last trade before each row of the events, -1 where there is none."""
        key = self.event["slot"].astype(np.int64) * n_events + self.row
        at = np.searchsorted(key, slot * n_events + row) - 1
        known = (at >= 0) & (self.event["slot"][np.maximum(at, 0)] == slot) if len(key) else np.zeros(len(at), bool)
        return np.where(known, at, -1)


class Stretches(NamedTuple):
    """The stretches of a run, by slot and then in order of time.

    Parameters
    ----------
    slot : int64 array, (n,)
    order : int64 array, (n,)
        Bar at whose close the order was decided that opened it: with the slot, its identity under every margin mode.
    begin, end : record array, (n,)
        Moments of its first trade and of the one that left the slot flat; the end of an open one is after all bars.
    open : bool array, (n,)
        Whether something of it is left at the end.
    liquidated : bool array, (n,)
        Whether a liquidation closed a part of it or all.
    last_kind : int64 array, (n,)
        Kind of its last trade.
    money : dict of str to float64 array, (n,) [settlement currency]
        The parts of `MONEY`; what was paid is negative. ``price`` is realised pnl and what is unrealised at the end,
        ``insurance`` what a fund absorbed less what it took.
    """

    slot: Ints
    order: Ints
    begin: NDArray[Any]
    end: NDArray[Any]
    open: NDArray[np.bool_]
    liquidated: NDArray[np.bool_]
    last_kind: Ints
    money: dict[str, Floats]


def stretches(result: Result, trades: Trades | None = None) -> Stretches:
    """Return the stretches of a run; see the head of this page for what they are.

    Parameters
    ----------
    result : Result
        A run with its events and ledger.
    trades : Trades, optional
        Those of this run, where they are at hand.
    """
    trades = trades or trades_of(result)
    event, n = trades.event, int(trades.stretch[-1]) + 1 if len(trades.row) else 0
    first = np.searchsorted(trades.stretch, np.arange(n))
    last = np.searchsorted(trades.stretch, np.arange(n), side="right") - 1
    slot = event["slot"][first].astype(np.int64)
    moment = moments_of(event, trades.step)
    end, is_open = moment[last].copy(), trades.after[last] != 0.0
    end["bar"][is_open] = result.market.n_bars
    killed = np.bincount(trades.stretch[event["kind"] == LIQUIDATION], minlength=n) > 0
    money = _money(result, trades, n)
    money["price"][is_open] += _unrealised(result, trades, last[is_open])
    order = decided(result, event[first])
    return Stretches(slot, order, moment[first], end, is_open, killed, event["kind"][last].astype(np.int64), money)


def trades_of(result: Result) -> Trades:
    """Return the trades of a run with what the slot held before and after each.

    Entries average by quantity in levels, as in docs/model.md, "Levels".
    """
    rows = np.flatnonzero(np.isin(result.events["kind"], TRADES))
    rows = rows[np.argsort(result.events["slot"][rows], kind="stable")]
    event = result.events[rows]
    level = levels_of(result, event["slot"], event["fill"])
    columns = zip(event["slot"].tolist(), event["quantity"].tolist(), level.tolist(), strict=True)
    moments = zip(event["bar"].tolist(), event["segment"].tolist(), event["s"].tolist(), strict=True)
    states, number, held, entry, at, step, now = [], -1, 0.0, np.nan, -1, 0, None
    for (slot, change, fill), moment in zip(columns, moments, strict=True):
        if slot != at:
            at, held, now = slot, 0.0, None
        closes = held * change < 0.0
        step = (0 if closes else 1) if moment != now else step + (closes != (step % 2 == 0))
        now, number = moment, number + (held == 0.0)
        before, left = held, held + change
        if not closes:
            entry = fill if held == 0.0 else (held * entry + change * fill) / left
        held = 0.0 if closes and abs(left) <= FLAT * abs(before) else left
        states.append((before, held, entry, number, step))
    table = np.array(states, float).reshape(-1, 5)
    return Trades(rows, event, *table[:, :3].T, *table[:, 3:].astype(np.int64).T)


def alike(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    """Return whether trades of two runs are the same: bar, slot and kind, and quantity and fill to 1e-9."""
    same = (a["bar"] == b["bar"]) & (a["slot"] == b["slot"]) & (a["kind"] == b["kind"])
    for field in ("quantity", "fill"):
        same &= np.isclose(a[field], b[field], rtol=SAME, atol=0.0, equal_nan=True)
    return same


def moments_of(event: NDArray[Any], step: Ints | int) -> NDArray[Any]:
    """Return slot, bar, segment, place in it and step of events, as records that sort in this order."""
    out = np.zeros(len(event), SLOT_FIRST)
    for name in ("slot", "bar", "segment", "s"):
        out[name] = event[name]
    out["step"] = step
    return out


def decided(result: Result, event: NDArray[Any]) -> Ints:
    """Return the bars at whose closes the orders of events were decided; -2 for an event without an order."""
    return np.append(result.scenario.orders.bar, -2)[event["order"]]


def levels_of(result: Result, slot: Ints, price: Floats) -> Floats:
    """Return prices of slots as levels: the price, of inverse contracts minus its reciprocal."""
    scenario = result.scenario
    inverse = np.array([scenario.instruments[each.instrument].contract == "inverse" for each in scenario.slots], bool)
    with np.errstate(divide="ignore"):
        return np.where(inverse[slot], -1.0 / price, price) if len(inverse) else np.asarray(price, float)


def _money(result: Result, trades: Trades, n: int) -> dict[str, Floats]:
    """Return what the events and the ledger say of each stretch, without what is unrealised."""
    event, killed = trades.event, trades.event["kind"] == LIQUIDATION
    closes = trades.before * event["quantity"] < 0.0
    level = levels_of(result, event["slot"], event["fill"])
    realised = np.where(closes, -event["quantity"] * (level - trades.entry), 0.0)
    cost = event["amount"] - realised
    money = {name: np.zeros(n) for name in MONEY}
    np.add.at(money["price"], trades.stretch, realised)
    np.add.at(money["fees"], trades.stretch[~killed], cost[~killed])
    np.add.at(money["liquidation_fees"], trades.stretch[killed], cost[killed])
    paid = np.flatnonzero(result.events["kind"] == FUNDING)
    slot = result.events["slot"][paid].astype(np.int64)
    at = trades.held_at(slot, paid, len(result.events))
    np.add.at(money["funding"], trades.stretch[at[at >= 0]], result.events["amount"][paid][at >= 0])
    for stretch, amount in _insured(result, trades):
        np.add.at(money["insurance"], stretch, amount)
    return money


def _insured(result: Result, trades: Trades) -> list[tuple[Any, Any]]:
    """Return stretches and what insurance gave (> 0) or took of each.

    A row of a slot belongs to what the slot closed last in that bar. One of a whole pool is shared by all that the
    liquidation closed, by notional at the mark.
    """
    out: list[tuple[Any, Any]] = []
    closings = np.flatnonzero(trades.before * trades.event["quantity"] < 0.0)
    closings = closings[np.argsort(trades.event["bar"][closings], kind="stable")]
    event, rows = trades.event, result.ledger[np.isin(result.ledger["kind"], (ABSORBED, TAKEN))]
    bar = event["bar"][closings]
    for row, low, high in zip(rows, bar.searchsorted(rows["bar"]), bar.searchsorted(rows["bar"], "right"), strict=True):
        own = closings[low:high]
        if row["slot"] != NOBODY:
            closed = own[event["slot"][own] == row["slot"]][-1:]
            weight = np.ones(len(closed))
        else:
            closed = own[(event["kind"][own] == LIQUIDATION) & (event["pool"][own] == row["pool"])]
            level = levels_of(result, event["slot"][closed], event["price"][closed])
            weight = np.abs(event["quantity"][closed] * level)
        if len(closed):
            out.append((trades.stretch[closed], row["amount"] * weight / weight.sum()))
    return out


def _unrealised(result: Result, trades: Trades, last: Ints) -> Floats:
    """Return ``q * (v - e)`` at the last known mark close, of positions left after these trades."""
    slot = trades.event["slot"][last].astype(np.int64)
    mark = np.array([_last_mark(result, int(j)) for j in slot])
    return trades.after[last] * (levels_of(result, slot, mark) - trades.entry[last])


def _last_mark(result: Result, slot: int) -> float:
    close = result.market.mark_close[:, result.scenario.slots[slot].instrument]
    return float(close[np.flatnonzero(~np.isnan(close))[-1]])
