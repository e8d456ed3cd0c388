"""The tests: what was chosen for a window trades the bars after it, with what the window before has left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from backtester.batch.objective import POSITIONS
from backtester.batch.shared import Shared
from backtester.comparing.summary import plain, summarise
from backtester.errors import BacktesterError
from backtester.metrics import RUIN, total_return
from backtester.text import counted
from backtester.walk_forward.candidates import Candidate
from backtester.walk_forward.choosing import Tried
from backtester.walk_forward.outcome import Step
from backtester.walk_forward.seam import inside
from backtester.walk_forward.settings import WalkPlan
from backtester.walk_forward.windows import Window

if TYPE_CHECKING:
    from backtester.market import Market
    from backtester.result import Result

__all__ = ["Trader"]

ONLY = "the only one"


class Trader:
    """Chooses and trades, window by window.

    Parameters
    ----------
    asked : WalkPlan
    shared : Shared
        Where the market is, and what the strategies want.
    market : Market
    windows : sequence of Window
    candidates : sequence of Candidate
    names : list of str
        The settings that are told of what is chosen.
    """

    def __init__(
        self,
        asked: WalkPlan,
        shared: Shared,
        market: Market,
        windows: Sequence[Window],
        candidates: Sequence[Candidate],
        names: list[str],
    ) -> None:
        self._asked, self._shared, self._market, self._windows = asked, shared, market, windows
        self._candidates, self._names = candidates, names

    def steps(self, mode: str, tried: Tried) -> list[Step]:
        """Return the windows of a margin mode, each begun with what was left at the end of the one before."""
        balance = start = self._candidates[0].runs[mode]["balance"]
        m = self._asked.modes.index(mode)
        steps = []
        for k, window in enumerate(self._windows):
            best, why = self._best(mode, tried, k)
            if best is None:
                step = self._flat(window, balance)._replace(error=why)
            else:
                chosen = self._candidates[best]
                left = balance > RUIN * start
                step = self._step(chosen, mode, window, balance) if left else self._flat(window, balance)
                step = step._replace(
                    chosen=chosen.words(self._names) if self._names else ONLY,
                    settings=chosen.settings(self._names),
                    in_sample=float(tried.value[best, k, m]),
                    in_sample_return=float(tried.total_return[best, k, m]),
                )
            steps.append(step)
            balance = float(step.equity[-1])
        return steps

    def _best(self, mode: str, tried: Tried, window: int) -> tuple[int | None, str]:
        """Return the place of the best candidate of a window, or why there is none, if it is that runs failed.

        One that failed cannot be chosen; where all modes get the same one, it has to have run in all of them.
        """
        asked = self._asked
        failed = tried.failed(window, (mode,) if asked.each else asked.modes)
        lost = {each.candidate for each in failed}
        values = [asked.objectives[mode].value(each, asked.modes) for each in tried.measured(window)]
        best = asked.objectives[mode].best([math.nan if c in lost else value for c, value in enumerate(values)])
        if best is not None or not failed:
            return best, ""
        n = len(values)
        who = f"all {n} combinations" if len(lost) == n > 1 else f"{len(lost)} of {counted(n, 'combination')}"
        others = "" if len(lost) == n else f", and the others have no {asked.objectives[mode].goal.partition(' ')[2]}"
        return None, f"nothing could be chosen: {who} failed{others}. The first: {failed[0].error}"

    def _flat(self, window: Window, balance: float) -> Step:
        """Return a window in which nothing is traded: nothing could be chosen, or nothing is left."""
        equity = np.full(window.test_last - window.test_first, balance)
        return Step("", dict.fromkeys(self._names), equity, equity, balance)

    def _step(self, candidate: Candidate, mode: str, window: Window, balance: float) -> Step:
        part = self._market.slice(*window.test)
        try:
            result = self._run(candidate, mode, window, part, balance)
        except BacktesterError as error:
            return self._flat(window, balance)._replace(error=f"the test failed: {error}")
        measure = self._asked.measure
        measures = summarise(result) if measure in POSITIONS else plain(result)
        equity, low = _on_bars(part, result.equity), _on_bars(part, result.equity_low, lowest=True)
        return Step(
            "",
            {},
            equity,
            low,
            balance,
            out_of_sample=measures[measure],
            total_return=total_return(result.curve),
            max_drawdown_in_bars=measures["max_drawdown_in_bars"],
            liquidations=int(measures["liquidations"]),
        )

    def _run(self, candidate: Candidate, mode: str, window: Window, part: Market, balance: float) -> Result:
        """Return the run of a candidate in a test, whose market is given too, from a flat start."""
        from backtester.engine import run

        account = replace(self._shared.account(candidate.runs[mode], candidate.task.wanted), balance=balance)
        wishes = self._shared.wishes(candidate.task)
        wanted = inside(wishes.of(account), wishes.market, *window.test)
        record = "full" if self._asked.measure in POSITIONS else "lows"
        result = run(wishes.team, part, account, record=record, prepared=wanted)
        if self._asked.plan.check:
            result.check_ledger()
        return result


def _on_bars(part: Market, values: np.ndarray, *, lowest: bool = False) -> np.ndarray:
    """Return a curve of the simulation's bars on those of the market: the last value of each, or the lowest."""
    if part.detail is None:
        return values
    time = part.detail.open_time
    firsts = np.searchsorted(time, part.open_time)
    if lowest:
        return np.minimum.reduceat(values, np.minimum(firsts, len(values) - 1))
    return values[np.maximum(np.searchsorted(time, part.close_time) - 1, 0)]
