"""How far an account was from liquidation when everything moves against it at once. docs/model.md, "Distance"."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.running.common_input import tier_tables
from backtester.schema import SMALLEST

if TYPE_CHECKING:
    from backtester.result import Result
    from backtester.scenario import Scenario
    from backtester.schema import Floats
    from backtester.venue import VenueRules

__all__ = ["closest_together"]

EXACT = 1e-12  # relative width at which the search ends
FARTHEST = 1e3  # of the mark: a distance beyond is none
TIER_TOLERANCE = 1e-12  # as in the kernels


class _Leg(NamedTuple):
    """What a pool holds of one instrument: marks, quantities of both sides, all (n_bars,), and the tiers."""

    mark: Floats
    long: Floats
    short: Floats
    hedged: bool  # whether it is both long and short at some close
    inverse: bool
    by_quantity: bool
    unit_margin_rate: float
    tiers: NDArray[np.void]

    def at(self, bars: NDArray[np.int64]) -> _Leg:
        return self._replace(mark=self.mark[bars], long=self.long[bars], short=self.short[bars])

    def level(self, price: Floats) -> Floats:
        return -1.0 / price if self.inverse else price


class _Pool(NamedTuple):
    """A pool at the closes at which it holds something, (n_bars,) each."""

    equity: Floats
    requirement: Floats
    legs: list[_Leg]
    rules: VenueRules

    def at(self, bars: NDArray[np.int64]) -> _Pool:
        legs = [leg.at(bars) for leg in self.legs]
        return self._replace(equity=self.equity[bars], requirement=self.requirement[bars], legs=legs)


def closest_together(result: Result) -> float:
    """Return the smallest common move that would have liquidated a pool at a close; nan if none could [fraction].

    All instruments of the pool move from their marks by the same fraction ``d``, each against the pool's net position
    in it: the smallest ``d >= 0`` with ``equity(d) <= requirement(d)``. For a pool of one position that is the
    distance to its liquidation price.

    Parameters
    ----------
    result : Result
        A run recorded in full.
    """
    nearest = math.inf
    for p in range(len(result.pool_kind)):
        pool = _pool(result, p)
        if pool is not None:
            nearest = min(nearest, _smallest(pool, nearest))
    return nearest if math.isfinite(nearest) else math.nan


def _pool(result: Result, p: int) -> _Pool | None:
    slots = np.flatnonzero(result.pool_of_slot == p)
    held = result.quantity[:, slots]
    bars = np.flatnonzero((held != 0.0).any(axis=1))
    if not bars.size:
        return None
    scenario, held = result.scenario, held[bars]
    instrument = np.array([scenario.slots[j].instrument for j in slots])
    legs = [
        leg for i in np.unique(instrument) for leg in _legs(scenario, int(i), held[:, instrument == i], bars)
    ]
    equity = result.cash[bars, p] + result.pool_pnl[bars, p]
    return _Pool(equity, result.pool_requirement[bars, p], legs, scenario.rules)


def _legs(scenario: Scenario, i: int, held: Floats, bars: NDArray[np.int64]) -> list[_Leg]:
    """Return what is held of an instrument under each of its tier tables, nothing while another one holds."""
    mark, rules = scenario.market.mark_close[:, i], scenario.instruments[i]
    marks = _last_known(mark)[bars]
    tables = [table for table in tier_tables(scenario) if table.instrument == i]
    ends = [table.bar for table in tables[1:]] + [mark.size]
    legs = []
    for table, end in zip(tables, ends, strict=True):
        inside = np.where((bars >= table.bar) & (bars < end), held.T, 0.0).T
        long, short = np.maximum(inside, 0.0).sum(axis=1), np.maximum(-inside, 0.0).sum(axis=1)
        legs.append(
            _Leg(
                marks,
                long,
                short,
                bool(((long > 0.0) & (short > 0.0)).any()),
                rules.contract == "inverse",
                rules.tier_key == "quantity",
                rules.unit_margin_rate,
                table.tiers,
            )
        )
    return legs


def _last_known(mark: Floats) -> Floats:
    """Return the last close with data at each bar; before the first, where there is no position, 1."""
    missing = np.isnan(mark)
    if not missing.any():
        return mark
    known = np.maximum.accumulate(np.where(missing, 0, np.arange(mark.size)))
    return np.nan_to_num(mark[known], nan=1.0)


def _smallest(pool: _Pool, most: float) -> float:
    """Return the smallest move of any close up to `most`, infinite if there is none."""
    if (pool.equity <= pool.requirement).any():
        return 0.0
    low, above = 0.0, pool.equity - pool.requirement
    high = min(_guess(pool), most)
    below = _excess(pool, high)
    while not (below <= 0.0).any():
        if high >= min(most, FARTHEST):
            return math.inf
        low, above, high = high, below, min(2.0 * high, most)
        below = _excess(pool, high)
    step = 0
    while high - low > EXACT * high:
        short = np.flatnonzero(below <= 0.0)  # the others are farther
        pool, above, below = pool.at(short), above[short], below[short]
        middle = 0.5 * (low + high) if step % 3 == 2 else _crossing(low, above, high, below)
        found = _excess(pool, middle)
        if (found <= 0.0).any():
            high, below = middle, found
        else:
            low, above = middle, found
        step += 1
    return high


def _crossing(low: float, above: Floats, high: float, below: Floats) -> float:
    """Return where the first of the straight lines between two moves is 0, a little inside of them."""
    least = float(np.min(above / (above - below)))
    return min(max(low + least * (high - low), low * (1.0 + 0.5 * EXACT)), high * (1.0 - 0.5 * EXACT))


def _guess(pool: _Pool) -> float:
    """Return the move that takes all equity of some close, were pnl linear in prices: mostly a little too far."""
    exposure = sum(np.abs((leg.long - leg.short) * leg.level(leg.mark)) for leg in pool.legs)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = pool.equity / exposure
    return min(max(float(np.nanmin(ratio)), EXACT), FARTHEST)


def _excess(pool: _Pool, move: float) -> Floats:
    """Return by how much the pool's equity would exceed its requirement at each close, after a common move."""
    equity, requirement = pool.equity.copy(), np.zeros_like(pool.equity)
    for leg in pool.legs:
        net = leg.long - leg.short
        level = leg.level(np.maximum(leg.mark * (1.0 - move * np.sign(net)), SMALLEST))  # at 0 inverse ones end
        equity += net * (level - leg.level(leg.mark))
        requirement += _requirement(leg, np.abs(level), pool.rules)
    return equity - (pool.requirement if pool.rules.mm_basis == "entry" else requirement)


def _requirement(leg: _Leg, level: Floats, rules: VenueRules) -> Floats:
    if rules.hedge_offset == "net":
        return _side(leg, np.abs(leg.long - leg.short), level, rules.close_fee_buffer)
    if not leg.hedged:  # the other side requires nothing
        return _side(leg, leg.long + leg.short, level, rules.close_fee_buffer)
    sides = [_side(leg, quantity, level, rules.close_fee_buffer) for quantity in (leg.long, leg.short)]
    return np.maximum(*sides) if rules.hedge_offset == "larger_side" else sides[0] + sides[1]


def _side(leg: _Leg, quantity: Floats, level: Floats, buffer: float) -> Floats:
    """Return ``rate*max(1, max_leverage*m)*N - amount + F*N`` by the tier with ``floor_k < key <= floor_{k+1}``.

    m is the margin rate that grows with the side.
    """
    if not quantity.any():
        return np.zeros_like(quantity)
    notional = quantity * level
    key = (quantity if leg.by_quantity else notional) * (1.0 - TIER_TOLERANCE)
    tier = np.maximum(np.searchsorted(leg.tiers["floor"], key, side="left") - 1, 0)
    rate = leg.tiers["maintenance_rate"][tier]
    if leg.unit_margin_rate > 0.0:
        grown = leg.tiers["max_leverage"][tier] * np.minimum(1.0, leg.unit_margin_rate * quantity)
        rate = rate * np.maximum(1.0, grown)
    return (rate + buffer) * notional - leg.tiers["maintenance_amount"][tier]
