"""Why two runs of the same intents end apart: every stretch of a slot in exactly one class, and sums that add up.

A **pair** is what happens to one slot from the trade with which the first of two accounts opens it, both having been
flat, to the trade after which both are flat again. It joins the stretches (see `stretches`) of both that
overlap in time: mostly one of each, opened by the same order. Where one account was liquidated, and came back while the
other still held, all of that is one pair. Every stretch is in exactly one pair, so that over all pairs

    sum(difference) = final equity of the first - final equity of the second

A pair has the first of these classes that fits:

* ``same``: the same trades in both, to 1e-9 (what is still open then is open in both);
* ``first_liquidated``, ``second_liquidated``: a liquidation in one account, none in the other;
* ``both_liquidated``: liquidations in both, at other moments, prices or sizes;
* ``held_back``: an order was cut or refused for want of margin, or cancelled by a liquidation of its pool;
* ``open``: other trades, and one account or both hold something at the end: not all of the difference is settled;
* ``other``: other trades, from sizes that follow an equity, or exits that the two did not share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.explaining.stretches import MONEY, Stretches, Trades, alike, decided, moments_of, stretches, trades_of
from backtester.schema import (
    AVAILABLE,
    BY_LIQUIDATION,
    CANCELLED,
    CUT,
    EVENT_KINDS,
    REJECTED,
    TIER,
    WOULD_LIQUIDATE,
)

if TYPE_CHECKING:
    import pandas as pd

    from backtester.result import Result

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

__all__ = ["CLASSES", "Attribution", "attribute"]

CLASSES = ("same", "first_liquidated", "second_liquidated", "both_liquidated", "held_back", "open", "other")
HELD_BACK = {CUT: (AVAILABLE, TIER, WOULD_LIQUIDATE), CANCELLED: (BY_LIQUIDATION,)}
HELD_BACK[REJECTED] = HELD_BACK[CUT]


class Attribution(NamedTuple):
    """The difference between two final equities, taken apart.

    Parameters
    ----------
    modes : tuple of two str
        The accounts; a difference is the first less the second.
    pairs : DataFrame
        A row per pair: ``slot``, ``symbol``, ``class``, ``opened`` and ``closed`` (open times of the bars; NaT: still
        open), the parts of `MONEY` as differences and ``difference``, their sum; and for each mode ``order_<mode>``
        (decision bar of the order that opened it; nan: never), ``stretches_<mode>``, ``end_<mode>`` (kind of the last
        trade, ``open``, or ``none``) and ``net_<mode>`` [settlement currency].
    sums : DataFrame
        By class: ``pairs``, the parts of `MONEY` and ``difference``.
    difference : float [settlement currency]
        Final equity of the first less that of the second.
    rest : float [settlement currency]
        What no pair explains: 0 but for rounding.
    """

    modes: tuple[str, str]
    pairs: pd.DataFrame
    sums: pd.DataFrame
    difference: float
    rest: float

    def to_dict(self) -> dict[str, Any]:
        """Return the sums by class as JSON values; pairs are left out."""
        sums = {str(name): row for name, row in self.sums.to_dict("index").items() if row["pairs"]}
        return {"modes": list(self.modes), "difference": self.difference, "rest": self.rest, "classes": sums}


class _Side(NamedTuple):
    """One of the two accounts."""

    result: Result
    trades: Trades
    stretches: Stretches
    pair: Ints  # of each stretch


def attribute(first: Result, second: Result, modes: tuple[str, str]) -> Attribution:
    """Return why two runs of the same intents end apart; see the head of this page for pairs and classes.

    Parameters
    ----------
    first, second : Result
        Two full runs with the same slots and orders on the same market.
    modes : tuple of two str
        What to call them.
    """
    import pandas as pd

    sides, n = _paired(first, second)
    pairs = _frame(sides, n, modes)
    sums = pairs.groupby("class", observed=False)[[*MONEY, "difference"]].sum().reindex(list(CLASSES), fill_value=0.0)
    sums.insert(0, "pairs", pairs["class"].value_counts().reindex(list(CLASSES), fill_value=0))
    sums.index = pd.Index(CLASSES, name="class")
    difference = float(first.equity[-1] - second.equity[-1])
    return Attribution(modes, pairs, sums, difference, difference - float(sums["difference"].sum()))


def _paired(first: Result, second: Result) -> tuple[list[_Side], int]:
    """Return both sides, their stretches numbered by pair, and how many pairs there are."""
    trades = [trades_of(run) for run in (first, second)]
    parts = [stretches(run, its) for run, its in zip((first, second), trades, strict=True)]
    moments = np.concatenate([part.begin for part in parts] + [part.end for part in parts])
    place = np.unique(moments, return_inverse=True)[1]
    begin, end = np.split(place, 2)
    order = np.argsort(begin, kind="stable")
    reach = np.maximum.accumulate(end[order]) if len(order) else end
    fresh = np.ones(len(order), bool)
    fresh[1:] = begin[order][1:] > reach[:-1]  # another slot lies beyond all moments of the one before
    number = np.empty(len(order), np.int64)
    number[order] = np.cumsum(fresh) - 1
    cut = len(parts[0].slot)
    sides = [
        _Side(run, its, part, pair)
        for run, its, part, pair in zip((first, second), trades, parts, (number[:cut], number[cut:]), strict=True)
    ]
    return sides, int(fresh.sum())


def _frame(sides: list[_Side], n: int, modes: tuple[str, str]) -> pd.DataFrame:
    import pandas as pd

    run = sides[0].result
    slot, begin, end = np.zeros(n, np.int64), np.full(n, run.market.n_bars), np.zeros(n, np.int64)
    for side in sides:
        slot[side.pair] = side.stretches.slot
        np.minimum.at(begin, side.pair, side.stretches.begin["bar"])
        np.maximum.at(end, side.pair, side.stretches.end["bar"])
    closed = pd.Series(run.market.index[np.minimum(end, run.market.n_bars - 1)]).where(end < run.market.n_bars)
    symbols = [run.market.symbols[each.instrument] for each in run.scenario.slots]
    columns: dict[str, Any] = {
        "slot": np.array(run.slot_names, object)[slot],
        "symbol": np.array(symbols, object)[slot],
        "class": pd.Categorical.from_codes(_classes(sides, n), pd.Index(CLASSES)),
        "opened": run.market.index[begin],
        "closed": closed.to_numpy(),
    }
    money = [_sums(side, n) for side in sides]
    for name in MONEY:
        columns[name] = money[0][name] - money[1][name]
    columns["difference"] = sum(columns[name] for name in MONEY)
    for side, mode, own in zip(sides, modes, money, strict=True):
        columns |= _of_one(side, mode, own, n)
    return pd.DataFrame(columns).sort_values(["opened", "slot"], kind="stable", ignore_index=True)


def _sums(side: _Side, n: int) -> dict[str, NDArray[np.float64]]:
    money = side.stretches.money
    return {name: np.bincount(side.pair, money[name], minlength=n).astype(float) for name in MONEY}


def _of_one(side: _Side, mode: str, money: dict[str, NDArray[np.float64]], n: int) -> dict[str, Any]:
    """Return the columns that a frame of pairs has for one account."""
    own, part = np.arange(len(side.pair)), side.stretches
    first, last = np.full(n, -1), np.full(n, -1)
    first[side.pair[::-1]], last[side.pair] = own[::-1], own  # of several the later assignment stays
    order, kinds = np.full(n, np.nan), np.full(n, "none", object)
    traded = first >= 0
    order[traded] = part.order[first[traded]]
    words = np.array(EVENT_KINDS, object)[part.last_kind]
    kinds[traded] = np.where(part.open, "open", words)[last[traded]]
    return {
        f"order_{mode}": order,
        f"stretches_{mode}": np.bincount(side.pair, minlength=n),
        f"end_{mode}": kinds,
        f"net_{mode}": sum(money.values(), np.zeros(n)),
    }


def _classes(sides: list[_Side], n: int) -> Ints:
    killed = [np.bincount(side.pair, side.stretches.liquidated, minlength=n) > 0 for side in sides]
    is_open = sum(np.bincount(side.pair, side.stretches.open, minlength=n) for side in sides)
    held_back = np.zeros(n, bool)
    for side in sides:
        held_back[_held_back(side, sides)] = True
    fits = {
        "same": _alike(sides, n),
        "first_liquidated": killed[0] & ~killed[1],
        "second_liquidated": killed[1] & ~killed[0],
        "both_liquidated": killed[0] & killed[1],
        "held_back": held_back,
        "open": np.asarray(is_open) > 0,
        "other": np.ones(n, bool),
    }
    return np.argmax([fits[name] for name in CLASSES], axis=0).astype(np.int64)


def _alike(sides: list[_Side], n: int) -> Flags:
    """Return whether the two accounts made the same trades in each pair: bar, kind, quantity and fill."""
    pair = [side.pair[side.trades.stretch] for side in sides]
    count = [np.bincount(each, minlength=n) for each in pair]
    out = count[0] == count[1]
    a, b = (side.trades.event[out[each]] for side, each in zip(sides, pair, strict=True))
    out[pair[0][out[pair[0]]][~alike(a, b)]] = False
    return out


def _held_back(side: _Side, sides: list[_Side]) -> Ints:
    """Return the pairs in which an order was cut, refused or cancelled for want of margin.

    What was refused belongs to the pair that its order opened in either account, or had its way in.
    """
    event = side.result.events
    chosen = [(event["kind"] == kind) & np.isin(event["reason"], reasons) for kind, reasons in HELD_BACK.items()]
    event = event[np.any(chosen, axis=0) & (event["order"] >= 0)]  # margin instructions are no orders
    slot, order, moment = event["slot"].astype(np.int64), decided(side.result, event), moments_of(event, 1)
    out = [np.zeros(0, np.int64)]
    for each in sides:
        part = each.stretches
        if not len(part.slot):
            continue
        place = np.searchsorted(part.end, moment)  # the first that ends no earlier; ends ascend
        at = np.minimum(place, len(part.slot) - 1)
        fits = (place < len(part.slot)) & (part.slot[at] == slot) & (part.order[at] <= order)
        out.append(each.pair[at[fits]])
    return np.concatenate(out)
