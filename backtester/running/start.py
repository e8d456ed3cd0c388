"""The tables of an account before its first bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.kernels._views import Table
from backtester.run_schema import INSTRUMENT, LEG, POOL, SLOT, STATE
from backtester.running.common_input import NEVER, TierTable, table_of
from backtester.scenario import Scenario
from backtester.schema import LONGEST_WINDOW, N_SUMS, RULE_AMOUNTS, RULE_CHOICES, RULE_COUNTS, RULE_RATES, SUM
from backtester.venue import Instrument, VenueRules

__all__ = ["Start", "pools_of", "start_of"]

SECOND = 1_000_000_000  # [ns]
_QUOTES = ("mark_from", "mark_to", "trade_from", "trade_to", "open_price", "price_from", "price_to", "last")


class Start(NamedTuple):
    """What changes while an account runs, as it is at the start: slots flat, pools empty, no order to come.

    Runs copy it; nobody writes into it.
    """

    slots: Table
    pools: Table
    instruments: Table
    legs: Table
    state: Table
    sums: Table


def start_of(scenario: Scenario, first_tiers: Sequence[TierTable]) -> Start:
    """Return the tables of a scenario's account.

    Parameters
    ----------
    scenario : Scenario
        Whatever its orders are.
    first_tiers : sequence of TierTable
        Of each instrument.
    """
    pool, kinds = pools_of(scenario)
    members = _members(scenario, pool)
    leg_of_member, legs = _legs(scenario, pool, members)
    return Start(
        slots=_slots(scenario, pool, members, leg_of_member),
        pools=_pools(pool[members], legs["pool"], kinds),
        instruments=_instruments(scenario, first_tiers),
        legs=legs,
        state=_state(scenario),
        sums=table_of(SUM, N_SUMS),
    )


def pools_of(scenario: Scenario) -> tuple[NDArray[np.int64], list[str]]:
    """Partition the slots into pools: the pool of each slot, and each pool's kind.

    Main is pool 0, standing sub-accounts follow, then one on-demand pool per isolated slot, in slot order.
    """
    kinds = ["standing"] * (1 + len(scenario.shares))
    pool = np.zeros(len(scenario.slots), np.int64)
    for j, slot in enumerate(scenario.slots):
        grouped = scenario.mode == "sub_accounts" and slot.group >= 0
        if grouped:
            pool[j] = 1 + slot.group
        elif scenario.mode == "isolated" or (scenario.mode in ("mixed", "sub_accounts") and slot.isolated):
            pool[j] = len(kinds)
            kinds.append("on_demand")
    return pool, kinds


def _slots(
    scenario: Scenario, pool: NDArray[np.int64], members: NDArray[np.int64], leg_of_member: NDArray[np.int64]
) -> Table:
    levels = ("entry", "stop", "take_profit", "trail", "trail_fraction", "best", "bankruptcy_price")
    return table_of(
        SLOT,
        len(scenario.slots),
        instrument=[slot.instrument for slot in scenario.slots],
        leverage=[slot.leverage for slot in scenario.slots],
        pool=pool,
        working=-1,
        waiting_order=-1,
        position_row=-1,
        tier_limit=-1.0,
        member=members,
        leg=leg_of_member[np.argsort(members)],
        **dict.fromkeys(levels, np.nan),
    )


def _members(scenario: Scenario, pool: NDArray[np.int64]) -> NDArray[np.int64]:
    """Slots by pool, then instrument, then index."""
    instrument = np.array([slot.instrument for slot in scenario.slots], np.int64)
    return np.lexsort((np.arange(len(pool)), instrument, pool))


def _legs(
    scenario: Scenario, pool: NDArray[np.int64], members: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Table]:
    """Each member's leg, and the legs: members of one pool on one instrument."""
    instrument = np.array([slot.instrument for slot in scenario.slots], np.int64)[members]
    new = np.ones(len(members), np.bool_)
    new[1:] = (pool[members[1:]] != pool[members[:-1]]) | (instrument[1:] != instrument[:-1])
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(members))
    columns = {"pool": pool[members[first]], "instrument": instrument[first], "first": first, "last": last}
    table = table_of(LEG, len(first), **columns, stale=1, safe_cash=np.nan)
    return np.cumsum(new) - 1, table


def _pools(pool_of_member: NDArray[np.int64], pool_of_leg: NDArray[np.int64], kinds: Sequence[str]) -> Table:
    first, last = _edges(pool_of_member, len(kinds))
    first_leg, last_leg = _edges(pool_of_leg, len(kinds))
    on_demand = [kind == "on_demand" for kind in kinds]
    members = {"first": first, "last": last, "first_leg": first_leg, "last_leg": last_leg}
    return table_of(POOL, len(kinds), on_demand=on_demand, **members)


def _edges(numbers: NDArray[np.int64], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each of the numbers ``0 ... n - 1`` begins and ends in a sorted array."""
    edges = np.searchsorted(numbers, np.arange(n + 1))
    return edges[:-1], edges[1:]


def _instruments(scenario: Scenario, first_tiers: Sequence[TierTable]) -> Table:
    instruments = scenario.instruments
    return table_of(
        INSTRUMENT,
        len(instruments),
        inverse=[instrument.contract == "inverse" for instrument in instruments],
        by_quantity=[instrument.tier_key == "quantity" for instrument in instruments],
        first_tier=[table.first for table in first_tiers],
        last_tier=[table.last for table in first_tiers],
        taker_fee_rate=[instrument.taker_fee_rate for instrument in instruments],
        maker_fee_rate=[instrument.maker_fee_rate for instrument in instruments],
        lot=[instrument.lot for instrument in instruments],
        min_notional=[instrument.min_notional for instrument in instruments],
        unit_margin_rate=[instrument.unit_margin_rate for instrument in instruments],
        liquidation_fee=[_liquidation_fee(instrument, scenario.rules) for instrument in instruments],
        last_bar=-1,
        **dict.fromkeys(_QUOTES, np.nan),
    )


def _liquidation_fee(instrument: Instrument, rules: VenueRules) -> float:
    return rules.liquidation_fee if instrument.liquidation_fee is None else instrument.liquidation_fee


def _state(scenario: Scenario) -> Table:
    rules = scenario.rules
    codes = {name: words.index(getattr(rules, name)) for name, words in RULE_CHOICES.items()}
    numbers = {name: getattr(rules, name) for name in (*RULE_COUNTS, *RULE_RATES, *RULE_AMOUNTS)}
    clock = {"cool_from": -1.0, "n_segments": 1 if scenario.path == "close" else 3, "cooldown": _cooldown(scenario)}
    start = {"balance": scenario.balance, "reach": LONGEST_WINDOW, "order": -1, "next_expiry": NEVER}
    return table_of(STATE, 1, **codes, **numbers, **clock, **start)


def _cooldown(scenario: Scenario) -> float:
    """Return ``liquidation_cooldown`` in bars; a lone bar has no known length."""
    seconds, bar = scenario.rules.liquidation_cooldown, scenario.market.timeframe / SECOND
    return 0.0 if seconds == 0 else seconds / bar if bar > 0 else np.inf
