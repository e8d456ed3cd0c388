"""What isolation costs: blocks that were closed too early, money that lay idle in them, and blocks to watch.

A **block** is the margin behind one isolated position, from its opening until it is flat.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.explaining.stretches import SAME, Stretches, Trades, stretches, trades_of
from backtester.schema import AUTO_TOP_UP, LIQUIDATION, TOPPED_UP, TRANSFERRED

if TYPE_CHECKING:
    import pandas as pd

    from backtester.result import Result

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

__all__ = ["WITHIN", "IsolationPrice", "isolation_price"]

WITHIN = 24  # [bars] in which a price must come back for a closing to count as early


class IsolationPrice(NamedTuple):
    """The price of isolation in one run.

    Parameters
    ----------
    blocks : DataFrame
        A row per block that a liquidation ended: ``time``, ``slot``, ``symbol``, ``side``, ``entry_price``,
        ``mark_price``, ``posted`` (all margin ever moved in, top-ups too), ``topped_up``, ``funding`` (what was paid is
        negative), ``funding_share`` (paid, of what was posted), ``net`` (what the position earned in all) and
        ``back_after`` (bars until the mark was at the entry again; nan: not in the bars looked at).
    within : int [bars]
        How long a price had to come back.
    came_back : int
        Blocks whose price came back in that time.
    came_back_net : float [settlement currency]
        What those blocks earned; a loss is negative.
    top_ups : int
        Automatic top-ups.
    topped_up, topped_up_lost : float [settlement currency]
        What they moved, and how much of it to blocks that were liquidated all the same.
    idle_mean, idle_peak : float [settlement currency]
        Equity of blocks beyond their requirements at closes, which no other position could use: mean over the bars with
        a block (nan without one), and the most.
    blocks_mean, blocks_peak : float
        Blocks open at once, at closes: mean over the bars with one (nan without one), and the most.
    """

    blocks: pd.DataFrame
    within: int
    came_back: int
    came_back_net: float
    top_ups: int
    topped_up: float
    topped_up_lost: float
    idle_mean: float
    idle_peak: float
    blocks_mean: float
    blocks_peak: int

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON values, None where there is none; of the blocks only how many there are."""
        numbers = {name: number for name, number in self._asdict().items() if name != "blocks"}
        return {"blocks": len(self.blocks), **{key: None if math.isnan(n) else n for key, n in numbers.items()}}


def isolation_price(result: Result, within: int = WITHIN) -> IsolationPrice:
    """Return what isolation cost a run.

    Parameters
    ----------
    result : Result
        A full run with isolated positions.
    within : int [bars]
        How long after a liquidation the price may come back to the entry.
    """
    trades = trades_of(result)
    part = stretches(result, trades)
    frame = _blocks(result, trades, part, within)
    back = frame["back_after"].notna()
    count, idle = _at_closes(result)
    busy = count > 0
    added = result.events["amount"][result.events["kind"] == AUTO_TOP_UP]
    return IsolationPrice(
        blocks=frame,
        within=within,
        came_back=int(back.sum()),
        came_back_net=float(frame.loc[back, "net"].sum()),
        top_ups=len(added),
        topped_up=float(added.sum()),
        topped_up_lost=float(frame["topped_up"].sum()),
        idle_mean=float(idle[busy].mean()) if busy.any() else np.nan,
        idle_peak=float(idle.max(initial=0.0)),
        blocks_mean=float(count[busy].mean()) if busy.any() else np.nan,
        blocks_peak=int(count.max(initial=0)),
    )


def _blocks(result: Result, trades: Trades, part: Stretches, within: int) -> pd.DataFrame:
    import pandas as pd

    on_demand = np.array([result.pool_kind[pool] == "on_demand" for pool in result.pool_of_slot], bool)
    ended = ~part.open & (part.last_kind == LIQUIDATION) & on_demand[part.slot]
    own = np.flatnonzero(ended)
    last = np.searchsorted(trades.stretch, own, side="right") - 1
    slot, bar = part.slot[own], trades.event["bar"][last].astype(np.int64)
    instrument = np.array([each.instrument for each in result.scenario.slots], np.int64)[slot]
    inverse = np.array([result.scenario.instruments[i].contract == "inverse" for i in instrument], bool)
    entry = np.divide(-1.0, trades.entry[last], out=trades.entry[last].copy(), where=inverse)
    side = np.sign(trades.before[last])
    posted, topped = _posted(result, part, (TRANSFERRED, TOPPED_UP)), _posted(result, part, (TOPPED_UP,))
    funding, own_posted = part.money["funding"][own], posted[own]
    share = np.divide(np.maximum(-funding, 0.0), own_posted, out=np.zeros(len(own)), where=own_posted > 0.0)
    net = np.sum([part.money[name][own] for name in part.money], axis=0)
    rows = zip(bar.tolist(), instrument.tolist(), side.tolist(), entry.tolist(), strict=True)
    return pd.DataFrame(
        {
            "time": result.market.index[bar],
            "slot": np.array(result.slot_names, object)[slot],
            "symbol": np.array(result.market.symbols, object)[instrument],
            "side": np.where(side > 0.0, "long", "short"),
            "entry_price": entry,
            "mark_price": trades.event["price"][last],
            "posted": own_posted,
            "topped_up": topped[own],
            "funding": funding,
            "funding_share": share,
            "net": net,
            "back_after": np.array([_back_after(result, *row, within) for row in rows], float),
        }
    )


def _back_after(result: Result, bar: int, instrument: int, side: float, entry: float, within: int) -> float:
    """Return after how many bars the mark met the entry again; nan if not within those looked at."""
    market, after = result.market, slice(bar + 1, bar + 1 + within)
    met = market.mark_high[after, instrument] >= entry if side > 0 else market.mark_low[after, instrument] <= entry
    found = np.flatnonzero(met)
    return float(found[0] + 1) if len(found) else np.nan


def _posted(result: Result, part: Stretches, kinds: tuple[np.int64, ...]) -> Floats:
    """Return what was moved into the block of each stretch, by the ledger's rows of these kinds."""
    out = np.zeros(len(part.slot))
    for slot in np.unique(part.slot):
        own = np.flatnonzero(part.slot == slot)
        rows = result.ledger[result.ledger["pool"] == result.pool_of_slot[slot]]
        moved = np.isin(rows["kind"], kinds) & (rows["amount"] > 0.0) & (rows["slot"] == slot)
        block = _blocks_of_rows(rows, part.end["bar"][own], SAME * result.scenario.balance)
        np.add.at(out, own[block[moved]], rows["amount"][moved])
    return out


def _blocks_of_rows(rows: NDArray[Any], ends: Ints, nothing: float) -> Ints:
    """Return which of a slot's blocks the ledger's rows of its pool belong to, by the bars in which the blocks end.

    In its last bar a block is handed back: of several that end in one bar, each ends where the pool is empty again.
    """
    empty = np.append(np.flatnonzero(np.abs(np.cumsum(rows["amount"])) <= nothing), len(rows))
    before = np.arange(len(ends)) - np.searchsorted(ends, ends)  # blocks that ended in the same bar
    last = np.searchsorted(rows["bar"][empty[:-1]], ends) + before
    return np.searchsorted(empty[np.minimum(last, len(empty) - 1)], np.arange(len(rows)))


def _at_closes(result: Result) -> tuple[Ints, Floats]:
    """Return, for each bar, how many blocks are open and their equity beyond their requirements."""
    pools = np.flatnonzero([kind == "on_demand" for kind in result.pool_kind])
    free = result.cash[:, pools] + result.pool_pnl[:, pools] - result.pool_requirement[:, pools]
    return (result.pool_initial_margin[:, pools] > 0.0).sum(axis=1), np.maximum(free, 0.0).sum(axis=1)
