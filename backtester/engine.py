"""One run: a strategy on a market with an account, or a scenario as it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from backtester.account import Account, rules_of, venue_of
from backtester.allocation import Strategies, described
from backtester.asking.copies import own_copies
from backtester.asking.intents import Intents, Plan, decision_bars, in_account, plan
from backtester.errors import ConfigurationError
from backtester.event_driven.follow import Planned, follow
from backtester.event_driven.followers import Follower, followers_of
from backtester.event_driven.kernel_session import KernelSession
from backtester.market import Market
from backtester.orders import MarginActions, Orders
from backtester.result import Result
from backtester.running import engine_input
from backtester.running.kept import Kept
from backtester.running.recorded import run_recorded
from backtester.running.tallied import run_tallied
from backtester.scenario import Scenario
from backtester.scenario_parts.schema import check_currency
from backtester.schema import CURVES, LOG_FULL, RECORDS, Logs

__all__ = ["Prepared", "prepare", "run", "simulate"]



class Prepared(NamedTuple):
    """What strategies want, ready to run under any margin mode.

    Parameters
    ----------
    strategy : str
        Names with parameters.
    plan : Plan
    followers : tuple of Follower
        Those that are called at every bar.
    kept : Kept, optional
        Inputs of the runs on it, which other runs have in common with them.
    """

    strategy: str
    plan: Plan
    followers: tuple[Follower, ...] = ()
    kept: Kept | None = None


def prepare(
    strategy: Strategies,
    market: Market,
    account: Account,
    *,
    check: bool = True,
    intents: Intents | None = None,
    kept: Kept | None = None,
) -> Prepared:
    """Ask the strategies for their targets, once for all modes and paths.

    Parameters
    ----------
    strategy : Strategy, Allocation or sequence of them
    market : Market
    account : Account
    check : bool
        Fail if one looks into the future.
    intents : Intents, optional
        What they wanted when they were asked about this market.
    kept : Kept, optional
        Inputs of runs in other accounts.

    Raises
    ------
    StrategyError
        If a strategy raises, returns something unusable or (with `check`) looks into the future.
    """
    own = own_copies(strategy) if intents is None else intents.chosen
    wanted = plan(own, market, account, check=check) if intents is None else in_account(intents, market, account)
    return Prepared(described(strategy), wanted, followers_of(own, market, check=check), kept or Kept())


def run(
    strategy: Strategies,
    market: Market,
    account: Account,
    *,
    mode: str | None = None,
    path: str | None = None,
    record: str = "full",
    prepared: Prepared | None = None,
) -> Result:
    """Run strategies in one account.

    Parameters
    ----------
    strategy : Strategy, Allocation or sequence of them
    market : Market
        Decisions are taken on its bars; the simulation runs on ``market.detail`` where there is one.
    account : Account
    mode, path : str, optional
        In place of the account's.
    record : str
        What is kept, the less the faster: ``measures`` nothing but what `backtester.comparing.plain` takes, ``none``
        the logs, ``equity`` also the equity at each close, ``lows`` also the lowest inside the bar, ``full`` also the
        margin ratios. What is not kept of the bars is nan; `Result.curve` is there always. Of strategies with an
        ``on_bar``, ``measures`` and ``none`` keep what ``lows`` does.
    prepared : Prepared, optional
        From `prepare` with the same strategy, market and account.

    Returns
    -------
    Result
    """
    chosen = replace(account, mode=mode or account.mode, path=path or account.path) if mode or path else account
    ready = prepared or prepare(strategy, market, chosen)
    grid = market.detail or market
    venue = venue_of(account)
    first, last = int(grid.open_time[0]), int(grid.open_time[-1])
    scenario = Scenario(
        market=grid,
        instruments=tuple(venue.instrument_over(symbol, first, last) for symbol in grid.symbols),
        rules=rules_of(account),
        balance=chosen.balance,
        mode=chosen.mode,
        path=chosen.path,
        slots=ready.plan.slots,
        shares=ready.plan.shares if chosen.mode == "sub_accounts" else (),
        orders=ready.plan.orders,
        actions=ready.plan.actions,
    )
    if not ready.followers:
        return simulate(scenario, record=record, strategy=ready.strategy, kept=ready.kept)
    check_record(record)
    check_scenario(scenario)
    kept = record if record in CURVES else "lows"
    session = KernelSession(replace(scenario, orders=Orders.none(), actions=MarginActions.none()), kept, market.close)
    grid_bars = decision_bars(market).tolist()
    follow(session, market, ready.followers, Planned(scenario.orders, scenario.actions), grid_bars, grid.n_bars)
    return session.result(ready.strategy)


def check_record(record: str) -> None:
    """Fail for an unknown amount of records."""
    if record not in RECORDS:
        raise ConfigurationError("record", record, "unknown amount of records", allowed=RECORDS)


def check_scenario(scenario: Scenario) -> None:
    """Fail if the contracts settle in different currencies."""
    check_currency(scenario.instruments[slot.instrument].contract for slot in scenario.slots)


def simulate(
    scenario: Scenario, *, record: str = "full", strategy: str = "", kept: Kept | None = None
) -> Result:
    """Run a scenario through the kernels.

    Parameters
    ----------
    scenario : Scenario
    record : str
        As in `run`.
    strategy : str
        Name shown with the result.
    kept : Kept, optional
        Inputs of the runs before, some of which this one may have in common with them.

    Returns
    -------
    Result

    Raises
    ------
    ConfigurationError
        If the contracts settle in different currencies.
    """
    check_record(record)
    check_scenario(scenario)
    lent = kept or Kept()
    common = lent.of(scenario)
    start, agenda = lent.start(scenario, common), engine_input.agenda_of(scenario, common)
    lengths = (0, 0, 0) if record == "measures" else _log_lengths(scenario)
    inputs = scenario, start, common, agenda
    while True:
        ended = run_recorded(*inputs, lengths, record) if record in CURVES else run_tallied(*inputs, lengths)
        if ended.outcome != LOG_FULL or record == "measures":
            break
        lengths = ended.needed  # longer logs and the same run again: rows are never dropped
    logs = None if record == "measures" else Logs(*(log[:n] for log, n in zip(ended.logs, ended.needed, strict=True)))
    sums, curves, bankrupt, curve = ended.sums, ended.curves, ended.bankrupt, ended.curve
    return Result(scenario, logs, sums, curves, bankrupt=bankrupt, strategy=strategy, curve=curve, common=common)


def _log_lengths(scenario: Scenario) -> tuple[int, int, int]:
    """Rows that a run usually needs at most; memory is only touched when it is written."""
    slots = np.bincount([slot.instrument for slot in scenario.slots], minlength=len(scenario.instruments))
    funding = int(slots[scenario.market.funding.instrument].sum())
    acts = len(scenario.orders.bar) + len(scenario.actions.bar) + 64
    return 4 * acts + funding, 14 * acts + 2 * funding, 3 * acts
