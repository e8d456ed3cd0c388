"""A run whose curves are kept."""

from __future__ import annotations

from typing import NamedTuple

from backtester.kernels._views import Table
from backtester.kernels.simulate import advance
from backtester.running.common_input import Common
from backtester.running.curve import CurveSummary
from backtester.running.engine_input import curves_of, deposit, pad_of, run_of
from backtester.running.start import Start
from backtester.scenario import Scenario
from backtester.schema import PATHS, Agenda, Curves, Logs

__all__ = ["Ended", "run_recorded"]


class Ended(NamedTuple):
    """How a run came out.

    Parameters
    ----------
    outcome : int
        As `advance`.
    logs : Logs
    needed : tuple of int
        Rows that each of them holds, or would hold if it were long enough.
    sums : SUM rows
    bankrupt : bool
    curves : Curves
    curve : CurveSummary or None
        What they come to, where that is known already.
    """

    outcome: int
    logs: Logs
    needed: tuple[int, int, int]
    sums: Table
    bankrupt: bool
    curves: Curves
    curve: CurveSummary | None = None


def run_recorded(
    scenario: Scenario, start: Start, common: Common, agenda: Agenda, lengths: tuple[int, int, int], record: str
) -> Ended:
    """Run an account to its end.

    Parameters
    ----------
    scenario : Scenario
    start, common, agenda
        Of the scenario.
    lengths : tuple of int
        Rows of the logs.
    record : str
        As in `engine.run`, but for ``none``.
    """
    run = run_of(scenario, *lengths, common=common, start=start)
    deposit(run, scenario)
    curves, pad = curves_of(scenario, len(run.pools), record), pad_of(1 + len(scenario.shares))
    outcome = advance(run, agenda, common.bars, curves, pad, PATHS.index(scenario.path), scenario.market.n_bars)
    state = run.state[0]
    needed = int(state.n_events), int(state.n_ledger), int(state.n_positions)
    return Ended(outcome, Logs(*run[-len(needed) :]), needed, run.sums, bool(state.bankrupt), curves)
