"""From a scenario to the record arrays of the kernels: codes for words, levels for prices."""

import numpy as np

from backtester.kernels._views import Table
from backtester.run_schema import ACTION
from backtester.running.common_input import Common, acting, common_of, empty, table_of
from backtester.running.start import Start, start_of
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
    Agenda,
    Curves,
    Logs,
    Pad,
    Run,
)

NO_ACTIONS, NO_LOGS = empty(ACTION, 0), Logs(empty(EVENT, 0), empty(LEDGER_ROW, 0), empty(POSITION_ROW, 0))
APART = 40  # floats: rows a power of 2 apart share the few places that a processor's first cache has for them


def deposit(run: Run, scenario: Scenario) -> None:
    """Give the standing pools their cash: the shares, and main what they leave."""
    shares = [share * scenario.balance for share in scenario.shares]
    amounts = [scenario.balance - sum(shares), *shares]
    run.pools["cash"][: len(amounts)] = amounts
    rows = [(0, pool, NOBODY, DEPOSITED, amount) for pool, amount in enumerate(amounts) if amount != 0.0]
    run.ledger[: len(rows)] = np.array(rows, LEDGER_ROW)
    run.state["n_ledger"] = len(rows)
    run.sums["paid"][DEPOSITED] = sum(amounts)


def run_of(
    scenario: Scenario,
    n_events: int,
    n_ledger: int,
    n_positions: int,
    *,
    common: Common | None = None,
    start: Start | None = None,
) -> Run:
    """State and inputs of a run at its start, with empty logs of these lengths.

    Parameters
    ----------
    scenario : Scenario
    n_events, n_ledger, n_positions : int
        Rows of the logs.
    common : Common, optional
        Of the scenario, if it is there already.
    start : Start, optional
        Likewise.
    """
    given = common or common_of(scenario)
    begun = start or start_of(scenario, given.first_tiers)
    tables = {name: table.copy() for name, table in begun._asdict().items()}
    tables["instruments"]["next_order"] = given.first_order
    return Run(
        **tables,
        tiers=given.tiers,
        orders=given.orders,
        working=given.working.copy(),
        **logs_of(n_events, n_ledger, n_positions)._asdict(),
    )


def logs_of(n_events: int, n_ledger: int, n_positions: int) -> Logs:
    """Empty logs with these numbers of rows."""
    if n_events == n_ledger == n_positions == 0:
        return NO_LOGS
    return Logs(empty(EVENT, n_events), empty(LEDGER_ROW, n_ledger), empty(POSITION_ROW, n_positions))


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


def _actions(scenario: Scenario, common: Common) -> Table:
    actions = scenario.actions
    if len(actions.bar) == 0:
        return NO_ACTIONS
    table = table_of(ACTION, len(actions.bar), **actions._asdict())
    cancels = table["kind"] == CANCEL
    if cancels.any():  # of an order of the scenario; the kernels ask for its row among the working ones
        row = np.full(len(scenario.orders.bar), -1)  # -1: it never acts
        row[common.orders.id] = common.orders.working
        table["amount"][cancels] = row[table.amount[cancels].astype(np.int64)]
    return acting(table, scenario)
