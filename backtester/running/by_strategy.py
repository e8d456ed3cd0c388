"""What each strategy of an account earned, paid and used: the account's result, told apart.

What a slot realises, pays and holds belongs to its strategy. What the insurance fund absorbs or takes belongs to the
pool; of a pool that several strategies share it is nobody's, and stands in the row `ACCOUNT`. So for each row

    pnl = realised + unrealised - fees - funding - liquidation fees + absorbed - taken

and the rows sum to what the account's equity has changed by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtester.allocation import ACCOUNT
from backtester.metrics import mean_margin_in_use, peak_margin_in_use
from backtester.running import common_input
from backtester.schema import ABSORBED, CUT, LEDGER_KINDS, LIQUIDATION, MOVED, REJECTED, TAKEN, Floats

if TYPE_CHECKING:
    from backtester.result import Result

__all__ = ["SCENARIO", "by_strategy", "largest_fall"]

SCENARIO = "scenario"  # in place of a strategy, for the slots of a scenario from a file
_COLUMNS = {  # of the ledger, with the sign that they have in the sum
    "realised": ("realised", 1.0),
    "fees": ("fee", -1.0),
    "funding": ("funding", -1.0),
    "liquidation_fees": ("liquidation_fee", -1.0),
    "insurance_absorbed": ("insurance_absorbed", 1.0),
    "insurance_taken": ("insurance_taken", -1.0),
}


class Owners(NamedTuple):
    """Who slots and pools belong to, as rows of the frame; the last one is the account's own.

    Parameters
    ----------
    names : list of str
    of_slot : int64 array, (n_slots + 1,)
        The last one is for what has no slot, -1 in the logs.
    of_pool : int64 array, (n_pools,)
    """

    names: list[str]
    of_slot: NDArray[np.int64]
    of_pool: NDArray[np.int64]


def by_strategy(result: Result) -> pd.DataFrame:
    """Return one row per strategy, and `ACCOUNT` for what belongs to none.

    Parameters
    ----------
    result : Result
        A run recorded in any detail.

    Returns
    -------
    DataFrame
        ``pnl`` and its parts [settlement currency]; ``trades``, the closings, whole or partial; ``liquidations``,
        ``rejected`` and ``cut``; ``peak_margin`` and ``mean_margin``, the initial margin of its slots at closes before
        any offset between sides; ``largest_drawdown``, the largest fall of its cumulative pnl from a close to a later
        one, in money. Indexed by strategy.
    """
    owners = _owners(result)
    n = len(owners.names)
    sums, flows = _cash(result, owners)
    unrealised, margin = _held(result, owners)
    pnl = np.cumsum(flows, axis=0) + unrealised
    frame = pd.DataFrame({"pnl": pnl[-1]}, index=pd.Index(owners.names, name="strategy"))
    for column, (kind, sign) in _COLUMNS.items():
        frame[column] = sign * sums[:, LEDGER_KINDS.index(kind)] + 0.0
    frame.insert(2, "unrealised", unrealised[-1])
    for column, counts in _counts(result, owners).items():
        frame[column] = counts
    frame["peak_margin"] = [peak_margin_in_use(margin[:, k]) for k in range(n)]
    frame["mean_margin"] = [mean_margin_in_use(margin[:, k]) for k in range(n)]
    frame["largest_drawdown"] = [largest_fall(pnl[:, k]) for k in range(n)]
    return frame


def largest_fall(curve: Floats) -> float:
    """Return the largest fall of a curve that starts at 0 from a point to a later one, at least 0."""
    path = np.concatenate(([0.0], curve))
    return float(np.max(np.maximum.accumulate(path) - path))


def _owners(result: Result) -> Owners:
    strategies = [slot.strategy or SCENARIO for slot in result.scenario.slots]
    names = [*dict.fromkeys(strategies), ACCOUNT]
    of_slot = np.array([names.index(name) for name in (*strategies, ACCOUNT)], np.int64)
    nobody = len(names) - 1
    of_pool = np.full(len(result.pool_kind), nobody)
    for p in range(len(of_pool)):
        found = np.unique(of_slot[:-1][result.pool_of_slot == p])
        of_pool[p] = found[0] if len(found) == 1 else nobody
    return Owners(names, of_slot, of_pool)


def _cash(result: Result, owners: Owners) -> tuple[Floats, Floats]:
    """Return what each owner's ledger rows sum to, by kind of row, (n, n_kinds), and by bar, (n_bars, n)."""
    rows = result.ledger[~np.isin(result.ledger["kind"], MOVED)]
    of_pool = np.isin(rows["kind"], (ABSORBED, TAKEN))
    owner = np.where(of_pool, owners.of_pool[rows["pool"]], owners.of_slot[rows["slot"]])
    n = len(owners.names)
    sums, flows = np.zeros((n, len(LEDGER_KINDS))), np.zeros((len(result.equity), n))
    np.add.at(sums, (owner, rows["kind"]), rows["amount"])
    np.add.at(flows, (rows["bar"], owner), rows["amount"])
    return sums, flows


def _held(result: Result, owners: Owners) -> tuple[Floats, Floats]:
    """Return each owner's unrealised pnl and initial margin at the closes, (n_bars, n) both."""
    quantity, entry, leverage = result.quantity, result.entry_price, result.leverage
    inverse = common_input.inverse_of(result.scenario)
    marks = _last_known(common_input.levels(result.market.mark_close, inverse).T)
    buffer = result.scenario.rules.initial_margin_buffer
    unrealised, margin = (np.zeros((len(quantity), len(owners.names))) for _ in range(2))
    for j, slot in enumerate(result.scenario.slots):
        mark = marks[:, slot.instrument]
        level = -1.0 / entry[:, j] if inverse[slot.instrument] else entry[:, j]
        held = quantity[:, j] != 0.0
        k = owners.of_slot[j]
        unrealised[held, k] += (quantity[:, j] * (mark - level))[held]
        margin[held, k] += (np.abs(quantity[:, j] * mark) * (1.0 / leverage[:, j] + buffer))[held]
    return unrealised, margin


def _last_known(marks: Floats) -> Floats:
    """Return marks (n_bars, n_instruments) with the last one known where there is none."""
    bars = np.arange(len(marks))[:, None]
    known = np.maximum.accumulate(np.where(np.isnan(marks), 0, bars))
    return np.take_along_axis(marks, known, axis=0)


def _counts(result: Result, owners: Owners) -> dict[str, Any]:
    """Return how many trades, liquidations, rejected and cut orders each owner had."""
    place = dict(zip(result.slot_names, owners.of_slot.tolist(), strict=False))
    found: dict[str, Any] = {"trades": result.trades["slot"].map(place).to_numpy(np.int64)}
    for name, kind in (("liquidations", LIQUIDATION), ("rejected", REJECTED), ("cut", CUT)):
        found[name] = owners.of_slot[result.events["slot"][result.events["kind"] == kind]]
    return {name: np.bincount(owner, minlength=len(owners.names)) for name, owner in found.items()}
