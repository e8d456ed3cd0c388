"""Who took whom down: the culprits and the victims of each liquidation of a pool that several positions share.

Each position that a liquidation closed is asked whether it could have stood alone, with the margin that an isolated
position would have been opened with, at the mark of that moment:

    room = |q * e| * (1 / leverage + G) + q * (v - e) - requirement

with levels v and e, the venue's initial-margin buffer G, and the requirement of the position alone.

It is a **culprit** if nothing is left (``room <= 0``: alone, it would have been liquidated too) and a **victim** if it
had room. The blame is shared among the culprits by how far beyond they were, ``-room``. Where no culprit is found, the
pool was short of cash from losses taken before: then those are to blame, under the name `EARLIER`. Positions of the
pool that a partial liquidation left alone are neither.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.calculators import maintenance_tier
from backtester.explaining.stretches import Trades, levels_of, trades_of
from backtester.schema import LIQUIDATION
from backtester.venue import Instrument

if TYPE_CHECKING:
    import pandas as pd

    from backtester.result import Result

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

__all__ = ["EARLIER", "WITHIN", "Contagion", "by_liquidation", "contagion", "later"]

EARLIER = "losses taken before"
WITHIN = 24  # [bars] after which a closed position is looked at again
_ELSEWHERE = ("held", "liquidated", "flat")


class Contagion(NamedTuple):
    """The liquidations of a mode's shared pools, position by position.

    Parameters
    ----------
    closings : DataFrame
        A row per position and liquidation: ``time``, ``bar``, ``liquidation`` (its number), ``slot``, ``symbol``,
        ``quantity`` (held before), ``mark_price``, ``pnl``, ``margin``, ``requirement`` and ``room`` (of the position
        alone), ``role`` (culprit or victim), ``blame`` (share; 0 of victims), ``loss`` (what closing took out of the
        pool), ``later`` (what the closed quantity would have gained or lost more in the `WITHIN` bars after), and
        ``elsewhere``: what the other account had done with the slot by the close of that bar: ``held``, ``liquidated``
        since the position was opened here, or ``flat``.
    matrix : DataFrame
        Symbols of culprits, by symbols of victims: how many victims' closings they are to blame for.
    liquidations : int
        Liquidations of shared pools.
    """

    closings: pd.DataFrame
    matrix: pd.DataFrame
    liquidations: int

    def to_dict(self) -> dict[str, Any]:
        """Return counts and the matrix as JSON values; single closings are left out."""
        roles = self.closings["role"].value_counts()
        matrix = {str(culprit): {k: n for k, n in row.items() if n} for culprit, row in self.matrix.T.to_dict().items()}
        counts = {f"{role}s": int(roles.get(role, 0)) for role in ("culprit", "victim")}
        return {"liquidations": self.liquidations, **counts, "matrix": matrix}


def contagion(result: Result, other: Result | None = None) -> Contagion:
    """Return culprits and victims of each liquidation of a standing pool; see the head of this page.

    Parameters
    ----------
    result : Result
        A full run.
    other : Result, optional
        A run of the same intents to look into for what became of the same positions.
    """
    import pandas as pd

    trades = trades_of(result)
    shared = np.array([kind == "standing" for kind in result.pool_kind])
    at = np.flatnonzero((trades.event["kind"] == LIQUIDATION) & shared[trades.event["pool"]])
    at, number, loss, quantity = by_liquidation(trades, at)
    event = trades.event[at]
    slot, bar = event["slot"].astype(np.int64), event["bar"].astype(np.int64)
    pnl, margin, requirement = _alone(result, trades, at)
    room = pnl + margin - requirement
    blame = _blame(room, number)
    symbol = np.array([result.market.symbols[each.instrument] for each in result.scenario.slots], object)[slot]
    frame = pd.DataFrame(
        {
            "time": result.market.index[bar],
            "bar": bar,
            "liquidation": number,
            "slot": np.array(result.slot_names, object)[slot],
            "symbol": symbol,
            "quantity": trades.before[at],
            "mark_price": event["price"],
            "pnl": pnl,
            "margin": margin,
            "requirement": requirement,
            "room": room,
            "role": np.where(room <= 0.0, "culprit", "victim"),
            "blame": blame,
            "loss": loss,
            "later": later(result, slot, bar, -quantity, event["price"]),
            "elsewhere": np.full(len(at), "") if other is None else _elsewhere(other, slot, bar, _since(trades, at)),
        }
    )
    return Contagion(frame, _matrix(frame), int(number[-1]) + 1 if len(number) else 0)


def by_liquidation(trades: Trades, at: Ints) -> tuple[Ints, Ints, Floats, Floats]:
    """Return the first closing of each slot in each liquidation, the liquidation's number, and the closings' sums."""
    event = trades.event[at]
    order = np.lexsort((trades.row[at], event["slot"], event["s"], event["segment"], event["pool"], event["bar"]))
    at, event = at[order], event[order]
    fresh = np.zeros((2, len(at)), bool)  # of a liquidation, of a slot in it
    fresh[:, :1] = True
    for name in ("bar", "pool", "segment", "s"):
        fresh[:, 1:] |= event[name][1:] != event[name][:-1]
    fresh[1, 1:] |= event["slot"][1:] != event["slot"][:-1]
    first = np.flatnonzero(fresh[1])
    if not len(first):
        return at, at, np.zeros(0), np.zeros(0)
    number = (np.cumsum(fresh[0]) - 1)[first]
    return at[first], number, -np.add.reduceat(event["amount"], first), np.add.reduceat(event["quantity"], first)


def _alone(result: Result, trades: Trades, at: Ints) -> tuple[Floats, Floats, Floats]:
    """Return pnl, initial margin at the entry and requirement of positions that stand alone at these closings."""
    event, quantity, entry = trades.event[at], trades.before[at], trades.entry[at]
    slot = event["slot"].astype(np.int64)
    level = levels_of(result, slot, event["price"])
    rules = result.scenario.rules
    basis = entry if rules.mm_basis == "entry" else level
    worth, prices = np.abs(quantity * basis), levels_of(result, slot, basis)  # a level of a level is the price
    need = np.zeros(len(at))
    for k, (j, bar, size, price) in enumerate(zip(slot, event["bar"], quantity, prices, strict=True)):
        instrument = _in_force(result.scenario.instruments[result.scenario.slots[j].instrument], _time(result, bar))
        tier = maintenance_tier(instrument, float(size), float(price))
        need[k] = (tier.rate + rules.close_fee_buffer) * worth[k] - tier.amount
    margin = np.abs(quantity * entry) * (1.0 / _leverage(result, slot, event["bar"]) + rules.initial_margin_buffer)
    return quantity * (level - entry), margin, need


def _time(result: Result, bar: int) -> int:
    return int(result.market.open_time[bar])


@lru_cache(maxsize=256)
def _in_force(instrument: Instrument, time: int) -> Instrument:
    """Return an instrument with the tiers that are in force at a time."""
    from dataclasses import replace

    tables = [table.tiers for table in instrument.tier_changes if table.since is not None and table.since <= time]
    return replace(instrument, tiers=tables[-1], tier_changes=()) if tables else instrument


def _leverage(result: Result, slot: Ints, bar: Ints) -> Floats:
    """Return the leverage that slots have in bars, as their last change says."""
    changes, n = result.position_changes, result.market.n_bars
    order = np.lexsort((changes["bar"], changes["slot"]))
    at = np.searchsorted(changes["slot"][order].astype(np.int64) * n + changes["bar"][order], slot * n + bar, "right")
    return changes["leverage"][order][at - 1] if len(order) else np.ones(len(slot))


def _blame(room: Floats, number: Ints) -> Floats:
    beyond = np.maximum(-room, 0.0)
    total = np.bincount(number, beyond)[number] if len(number) else beyond
    return np.divide(beyond, total, out=np.zeros(len(room)), where=total > 0.0)


def later(result: Result, slot: Ints, bar: Ints, quantity: Floats, price: Floats) -> Floats:
    """Return ``q * (v_later - v)`` of closed quantities; nan where no bar follows or it has no data."""
    column = np.array([each.instrument for each in result.scenario.slots], np.int64)[slot]
    then = np.minimum(bar + WITHIN, result.market.n_bars - 1)
    mark = np.where(then > bar, result.market.mark_close[then, column], np.nan)
    return quantity * (levels_of(result, slot, mark) - levels_of(result, slot, price))


def _since(trades: Trades, at: Ints) -> Ints:
    """Return the bars in which the positions of these trades were opened."""
    return trades.event["bar"][np.searchsorted(trades.stretch, trades.stretch[at])].astype(np.int64)


def _elsewhere(other: Result, slot: Ints, bar: Ints, since: Ints) -> NDArray[Any]:
    """Return whether another account held slots at the close of bars, had lost them since a bar, or was flat."""
    trades, n = trades_of(other), other.market.n_bars
    key = trades.event["slot"].astype(np.int64) * n + trades.event["bar"]
    at = np.searchsorted(key, slot * n + bar, "right") - 1
    out = np.full(len(slot), _ELSEWHERE[2], object)
    known = np.flatnonzero(at >= 0)
    known = known[trades.event["slot"][at[known]] == slot[known]]
    last = at[known]
    held = trades.after[last] != 0.0
    lost = (trades.event["kind"][last] == LIQUIDATION) & (trades.event["bar"][last] >= since[known])
    out[known[lost]], out[known[held]] = _ELSEWHERE[1], _ELSEWHERE[0]
    return out


def _matrix(closings: pd.DataFrame) -> pd.DataFrame:
    """Return, for each symbol to blame, how many closings of each victim's symbol it is to blame for."""
    import pandas as pd

    guilty: dict[int, dict[str, float]] = {}
    for number, symbol, blame in closings[["liquidation", "symbol", "blame"]].itertuples(index=False):
        if blame > 0.0:
            of_this = guilty.setdefault(number, {})
            of_this[symbol] = of_this.get(symbol, 0.0) + blame
    shares: dict[tuple[str, str], float] = {}
    victims_of = closings.loc[closings["role"] == "victim", ["liquidation", "symbol"]]
    for number, victim in victims_of.itertuples(index=False):
        for culprit, share in guilty.get(number, {EARLIER: 1.0}).items():
            shares[culprit, victim] = shares.get((culprit, victim), 0.0) + share
    culprits, victims = ([*dict.fromkeys(pair[k] for pair in shares)] for k in (0, 1))
    cells = [[shares.get((culprit, victim), 0.0) for victim in victims] for culprit in culprits]
    frame = pd.DataFrame(cells, pd.Index(culprits, name="culprit"), pd.Index(victims, name="victim"), dtype=float)
    return frame.loc[frame.sum(axis=1).sort_values(ascending=False, kind="stable").index]
