"""From a scenario to the record arrays of the kernels: codes for words, levels for prices."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backtester.kernels._views import Table
from backtester.run_schema import ACTION, INSTRUMENT, LEG, POOL, SLOT, STATE
from backtester.running.common_input import NEVER, Common, TierTable, acting, common_of, empty, table_of
from backtester.scenario import Scenario
from backtester.schema import (
    CANCEL,
    DEPOSITED,
    EVENT,
    LEDGER_ROW,
    LONGEST_WINDOW,
    NO_STRETCHES,
    NOBODY,
    POSITION_ROW,
    RULE_AMOUNTS,
    RULE_CHOICES,
    RULE_COUNTS,
    RULE_RATES,
    Agenda,
    Curves,
    Pad,
    Run,
)
from backtester.venue import Instrument, VenueRules

APART = 40  # floats: rows a power of 2 apart share the few places that a processor's first cache has for them
SECOND = 1_000_000_000  # [ns]
_QUOTES = ("mark_from", "mark_to", "trade_from", "trade_to", "open_price", "price_from", "price_to", "last")


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


def deposit(run: Run, scenario: Scenario) -> None:
    """Give the standing pools their cash: the shares, and main what they leave."""
    shares = [share * scenario.balance for share in scenario.shares]
    amounts = [scenario.balance - sum(shares), *shares]
    run.pools["cash"][: len(amounts)] = amounts
    rows = [(0, pool, NOBODY, DEPOSITED, amount) for pool, amount in enumerate(amounts) if amount != 0.0]
    run.ledger[: len(rows)] = np.array(rows, LEDGER_ROW)
    run.state["n_ledger"] = len(rows)


def run_of(
    scenario: Scenario, n_events: int, n_ledger: int, n_positions: int, *, common: Common | None = None
) -> Run:
    """State and inputs of a run at its start, with empty logs of these lengths.

    Parameters
    ----------
    scenario : Scenario
    n_events, n_ledger, n_positions : int
        Rows of the logs.
    common : Common, optional
        Of the scenario, if it is there already.
    """
    given = common or common_of(scenario)
    pool, kinds = pools_of(scenario)
    members = _members(scenario, pool)
    leg_of_member, legs = _legs(scenario, pool, members)
    instruments = _instruments(scenario, given.first_tiers)
    instruments["next_order"] = given.first_order
    return Run(
        slots=_slots(scenario, pool, members, leg_of_member),
        pools=_pools(pool[members], legs["pool"], kinds),
        instruments=instruments,
        tiers=given.tiers,
        legs=legs,
        state=_state(scenario),
        orders=given.orders,
        working=given.working.copy(),
        events=empty(EVENT, n_events),
        ledger=empty(LEDGER_ROW, n_ledger),
        positions=empty(POSITION_ROW, n_positions),
    )


def curves_of(scenario: Scenario, n_pools: int, record: str) -> Curves:
    """Curves of a run, as far as they are asked for; see `engine.run`."""
    n_bars = len(scenario.market.open_time)
    ratios = (np.empty(n_bars), np.zeros((n_pools, n_bars))) if record == "full" else (np.empty(0), np.empty((0, 0)))
    return Curves(np.empty(n_bars), np.empty(0 if record == "equity" else n_bars), *ratios, NO_STRETCHES)


def agenda_of(scenario: Scenario, common: Common | None = None) -> Agenda:
    """Margin instructions, funding and changes of tiers by the bar in which they act."""
    given = common or common_of(scenario)
    return Agenda(_actions(scenario, given), given.funding, given.tier_changes)


def pad_of(n_pools: int) -> Pad:
    """Scratch for the kernels: rows of one block, `APART` to keep those of one bar out of each other's way.

    Parameters
    ----------
    n_pools : int
        Standing ones.
    """
    first_of_pools = Pad._fields.index("slack")
    of_pools = len(Pad._fields) - first_of_pools
    block = np.empty((first_of_pools + of_pools * n_pools, LONGEST_WINDOW + APART))
    return Pad(*block[:first_of_pools], *block[first_of_pools:].reshape(of_pools, n_pools, -1))


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


def _actions(scenario: Scenario, common: Common) -> Table:
    actions = scenario.actions
    table = table_of(ACTION, len(actions.bar), **actions._asdict())
    cancels = table["kind"] == CANCEL
    if cancels.any():  # of an order of the scenario; the kernels ask for its row among the working ones
        row = np.full(len(scenario.orders.bar), -1)  # -1: it never acts
        row[common.orders.id] = common.orders.working
        table["amount"][cancels] = row[table.amount[cancels].astype(np.int64)]
    return acting(table, scenario)
