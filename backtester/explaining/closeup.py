"""Liquidations, each to be looked at closely: when, in which order, against what, and what the other account did.

Here a liquidation is all that closes positions of one pool in one bar: a pool that is closed position by position goes
through its line several times in a row. The **moment** of each closing is where the path is then, each of its segments
taking as long as the others.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.explaining.contagion import by_liquidation, later
from backtester.explaining.stretches import MONEY, SAME, Stretches, Trades, levels_of, stretches, trades_of
from backtester.schema import AT_CLOSE, AT_OPEN, EVENT_KINDS, LIQUIDATION, LIQUIDATION_FEE_PAID, REALISED

if TYPE_CHECKING:
    import pandas as pd

    from backtester.result import Result

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

__all__ = ["CloseUp", "CloseUps", "Fate"]


class Fate(NamedTuple):
    """What the other account did with a slot, seen from the moment of a liquidation.

    Parameters
    ----------
    what : str
        ``held`` at that moment, ``liquidated`` or ``closed`` by then, or ``never`` held before.
    quantity : float
        Held at that moment.
    pnl : float [settlement currency]
        Unrealised then, at the mark of the liquidation; 0 if it was not held.
    end : str
        Kind of the last trade of that stretch: ``liquidation``, ``fill``, ...; ``open`` at the end of the run.
    bars : int
        From the liquidation to that trade; negative: it came before.
    net : float [settlement currency]
        What the whole stretch earned, from its opening to its end.
    """

    what: str
    quantity: float = 0.0
    pnl: float = 0.0
    end: str = ""
    bars: int = 0
    net: float = 0.0


class CloseUp(NamedTuple):
    """One liquidation.

    Parameters
    ----------
    number : int
        Of the run's liquidations, in order of time.
    bar : int
    time : int [ns UTC]
        Of the first closing, on the path.
    gap : bool
        Whether the market opened beyond the line.
    pool : int
    shared : bool
        Whether the pool stands behind several positions.
    loss : float [settlement currency]
        What closing took out of the pool.
    equity : float [settlement currency]
        Of the pool just before, at the marks of the first closing; nan where positions outlast it, whose marks at that
        moment no event tells.
    closings : DataFrame
        A row per closing, in their order: ``time`` [ns UTC], ``slot``, ``name``, ``symbol``, ``held`` before,
        ``closed`` (of it), ``entry_price``, ``mark_price``, ``loss`` and ``later``, what the closed part would have
        gained or lost more in the bars that `backtester.explaining.contagion.WITHIN` says.
    fates : list of Fate
        What the other account did with the slot of each row; empty without another account.
    """

    number: int
    bar: int
    time: int
    gap: bool
    pool: int
    shared: bool
    loss: float
    equity: float
    closings: pd.DataFrame
    fates: list[Fate]


class CloseUps:
    """The liquidations of a run; ``of(number)`` looks at one of them.

    Parameters
    ----------
    result : Result
        A full run.
    other : Result, optional
        A run of the same intents, to look into for the same positions.
    """

    def __init__(self, result: Result, other: Result | None = None) -> None:
        self.result, self.other = result, other
        self._trades = trades_of(result)
        killed = np.flatnonzero(self._trades.event["kind"] == LIQUIDATION)
        self._at, _, self._loss, self._closed = by_liquidation(self._trades, killed)
        event = self._trades.event[self._at]
        pools = max(len(result.pool_kind), 1)
        places = np.unique(event["bar"].astype(np.int64) * pools + event["pool"], return_inverse=True)
        self._number = places[1].astype(np.int64)
        self._shared = np.array([kind == "standing" for kind in result.pool_kind])

    def __len__(self) -> int:
        return int(self._number[-1]) + 1 if len(self._number) else 0

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each: ``time``, ``bar``, ``symbol`` closed first, ``pool``, ``shared``, ``closings``, ``loss``."""
        import pandas as pd

        event = self._trades.event[self._at[np.searchsorted(self._number, np.arange(len(self)))]]
        columns = {
            "time": self.result.market.index[event["bar"]],
            "bar": event["bar"],
            "symbol": np.array(self.result.market.symbols, object)[_instruments(self.result)[event["slot"]]],
            "pool": event["pool"],
            "shared": self._shared[event["pool"]],
            "closings": np.bincount(self._number, minlength=len(self)),
            "loss": np.bincount(self._number, self._loss, minlength=len(self)).astype(float),
        }
        return pd.DataFrame(columns, pd.RangeIndex(len(self), name="number"))

    def largest(self, count: int) -> list[int]:
        """Return the numbers of the liquidations with the largest losses, the largest first."""
        order = np.argsort(-self.table["loss"].to_numpy(), kind="stable")
        return [int(number) for number in order[:count]]

    def of(self, number: int) -> CloseUp:
        """Return one liquidation.

        Raises
        ------
        IndexError
            If there is none of that number.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"no liquidation {number}: this run has {len(self)}, numbered from 0")
        own = np.flatnonzero(self._number == number)
        own = own[np.argsort(self._trades.row[self._at[own]])]
        at = self._at[own]
        event = self._trades.event[at]
        closings = self._closings(own)
        fates = [] if self._other is None else [self._other.fate(each) for each in event]
        bar, pool, gap = int(event["bar"][0]), int(event["pool"][0]), bool(event["segment"][0] == AT_OPEN)
        time, loss, shared = int(closings["time"].iloc[0]), float(self._loss[own].sum()), self._shared[pool]
        return CloseUp(number, bar, time, gap, pool, bool(shared), loss, self._equity(at), closings, fates)

    def worth(self, of: CloseUp, until: int) -> Floats:
        """Return ``q * (v_t - v)``: what each closed part would have gained or lost more by the close of each bar.

        Parameters
        ----------
        of : CloseUp
        until : int
            The bar to end at, not beyond the last.

        Returns
        -------
        float64 array, (n_closings, until - of.bar + 1) [settlement currency]
            nan where an instrument has no data.
        """
        slot = of.closings["slot"].to_numpy()
        mark = self.result.market.mark_close[of.bar : until + 1, _instruments(self.result)[slot]].T
        level = levels_of(self.result, np.repeat(slot, mark.shape[1]), mark.ravel()).reshape(mark.shape)
        then = levels_of(self.result, slot, of.closings["mark_price"].to_numpy())
        return of.closings["closed"].to_numpy()[:, np.newaxis] * (level - then[:, np.newaxis])

    @cached_property
    def _other(self) -> _Other | None:
        return None if self.other is None else _Other(self.other)

    def _closings(self, own: Ints) -> pd.DataFrame:
        import pandas as pd

        run, at = self.result, self._at[own]
        event = self._trades.event[at]
        slot, bar, closed = event["slot"].astype(np.int64), event["bar"].astype(np.int64), -self._closed[own]
        return pd.DataFrame(
            {
                "time": [_moment(run, each) for each in event],
                "slot": slot,
                "name": np.array(run.slot_names, object)[slot],
                "symbol": np.array(run.market.symbols, object)[_instruments(run)[slot]],
                "held": self._trades.before[at],
                "closed": closed,
                "entry_price": _prices(run, slot, self._trades.entry[at]),
                "mark_price": event["price"],
                "loss": self._loss[own],
                "later": later(run, slot, bar, closed, event["price"]),
            }
        )

    def _equity(self, at: Ints) -> float:
        """Return the equity before the first closings, ``cash + sum of q * (v - e)``; nan if others outlast them."""
        trades, first = self._trades, self._trades.event[at[0]]
        at = at[(trades.event["segment"][at] == first["segment"]) & (trades.event["s"][at] == first["s"])]
        event = trades.event[at]
        members = np.flatnonzero(self.result.pool_of_slot == event["pool"][0])
        before = trades.held_at(members, np.full(len(members), trades.row[at[0]]), len(self.result.events))
        held = members[(before >= 0) & (trades.after[before] != 0.0)]
        if not set(held.tolist()) <= set(event["slot"].tolist()):
            return np.nan
        level = levels_of(self.result, event["slot"].astype(np.int64), event["price"])
        return self._cash(at) + float((trades.before[at] * (level - trades.entry[at])).sum())

    def _cash(self, at: Ints) -> float:
        """Return the cash of a pool just before closings: its ledger up to the first row that one of them wrote."""
        event, trades, book = self._trades.event[at], self._trades, self.result.ledger
        own = book[book["pool"] == event["pool"][0]]
        least = SAME * self.result.scenario.balance
        level = levels_of(self.result, event["slot"].astype(np.int64), event["fill"])
        realised = -event["quantity"] * (level - trades.entry[at])
        for each, gained in zip(event, realised, strict=True):
            wrote = (own["bar"] == each["bar"]) & (own["slot"] == each["slot"])
            wrote &= np.isin(own["kind"], (REALISED, LIQUIDATION_FEE_PAID))
            wrote &= np.abs(own["amount"] - (gained or each["amount"])) <= max(SAME * abs(gained), least)
            if wrote.any():
                return float(own["amount"][: int(np.argmax(wrote))].sum())
        return np.nan


class _Other:
    """The other account, asked what it did with a slot at a moment."""

    def __init__(self, result: Result) -> None:
        self._result, self._trades = result, trades_of(result)
        self._parts: Stretches = stretches(result, self._trades)

    def fate(self, moment: Any) -> Fate:
        """Return what became of the slot of an event, seen from that event's moment."""
        trades: Trades = self._trades
        low, high = np.searchsorted(trades.event["slot"], [moment["slot"], moment["slot"] + 1])
        own = trades.event[low:high]
        place = [(row["bar"], row["segment"], row["s"]) for row in own[own["bar"] == moment["bar"]]]
        now = (moment["bar"], moment["segment"], moment["s"])
        last = low + int(np.searchsorted(own["bar"], moment["bar"])) + sum(each <= now for each in place) - 1
        if last < low:
            return Fate("never")
        part = int(trades.stretch[last])
        end = int(np.searchsorted(trades.stretch, part, side="right")) - 1
        net = float(sum(self._parts.money[name][part] for name in MONEY))
        kind = "open" if self._parts.open[part] else EVENT_KINDS[trades.event["kind"][end]]
        bars = 0 if kind == "open" else int(trades.event["bar"][end] - moment["bar"])
        if trades.after[last] == 0.0:
            return Fate("liquidated" if kind == EVENT_KINDS[LIQUIDATION] else "closed", end=kind, bars=bars, net=net)
        slot = np.array([moment["slot"]], np.int64)
        level = levels_of(self._result, slot, np.array([moment["price"]]))[0]
        quantity = float(trades.after[last])
        return Fate("held", quantity, quantity * float(level - trades.entry[last]), kind, bars, net)


def _moment(result: Result, event: Any) -> int:
    """Return the time of an event [ns UTC]: each segment of the path takes as long as the others."""
    since, until = (int(time[event["bar"]]) for time in (result.market.open_time, result.market.close_time))
    share = (event["segment"] - AT_OPEN - 1 + event["s"]) / (AT_CLOSE - AT_OPEN - 1)
    return since + round((until - since) * float(np.clip(share, 0.0, 1.0)))


def _instruments(result: Result) -> Ints:
    return np.array([slot.instrument for slot in result.scenario.slots], np.int64)


def _prices(result: Result, slot: Ints, level: Floats) -> Floats:
    """Return the prices of levels: of inverse contracts minus the reciprocal."""
    return levels_of(result, slot, level)  # the one is the other's inverse
