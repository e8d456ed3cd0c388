"""A walk-forward: parameters are chosen on the past of each window and tested on what came next."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from backtester.assumptions import assumptions
from backtester.batch.beside import Given
from backtester.batch.objective import POSITIONS
from backtester.batch.runner import workers_of
from backtester.batch.shared import Shared
from backtester.compare import Progress
from backtester.metrics import RUIN, total_return
from backtester.walk_forward.candidates import Candidate, Lane, candidates_of, measures_of
from backtester.walk_forward.outcome import Step, WalkForward
from backtester.walk_forward.settings import WalkPlan, read_walk
from backtester.walk_forward.windows import Window, windows_of

if TYPE_CHECKING:
    from backtester.market import Market

__all__ = ["walk_forward"]

ONLY = "the only one"


class _Seen(NamedTuple):
    """What a candidate did on the bars to choose on, by mode: the measure, and the return."""

    value: dict[str, float]
    total_return: dict[str, float]


def walk_forward(
    given: WalkPlan | Given, *, workers: int | None = None, progress: Progress | None = None
) -> WalkForward:
    """Choose parameters on each window of a market, run them on the bars after it, and put these runs together.

    Nothing of a window's choice or run depends on bars after it. Every run begins flat. In-sample each candidate starts
    with the balance of the plan; out-of-sample each mode goes on with what it had at the end of the window before.

    Parameters
    ----------
    given : WalkPlan, mapping, str or Path
        A plan with a table ``[walk_forward]``: see docs/walk-forward.md.
    workers : int, optional
        Threads; as many as there are processors if it is left out. The outcome does not depend on it.
    progress : callable, optional
        Called as ``progress(done, total, what)``.

    Returns
    -------
    WalkForward

    Raises
    ------
    ConfigurationError
        If the plan cannot be used, or no window fits into the market.
    StrategyError
        If a candidate fails: leave it out with ``[[exclude]]``.
    """
    asked = given if isinstance(given, WalkPlan) else read_walk(given)
    n = workers_of(workers)
    shared = Shared(asked.plan, n)
    candidates = candidates_of(asked.plan)
    market = shared.market(candidates[0].task.wanted, candidates[0].task.variant)
    windows = windows_of(market, asked.train, asked.test, asked.gap, anchored=asked.anchored)
    lane = Lane(asked.plan, shared, positions=asked.measure in POSITIONS)
    walk = _Walk(asked, candidates, market, windows, lane)
    tell = progress or (lambda done, total, what: None)
    seen: list[list[_Seen]] = []
    groups = [list(group) for _, group in groupby(candidates, lambda each: each.task)]
    with closing(walk.in_sample(groups, n)) as coming:
        for group, rows in zip(groups, coming, strict=True):
            tell(len(seen), len(candidates) + 1, group[0].words(walk.names) or group[0].task.strategy)
            seen += rows
    tell(len(candidates), len(candidates) + 1, "out of sample")
    steps = {mode: walk.out_of_sample(mode, seen) for mode in asked.modes}
    tell(len(candidates) + 1, len(candidates) + 1, "done")
    account = lane.account(candidates[0], asked.modes[0])
    return WalkForward(asked, market, windows, steps, account, len(candidates), assumptions(account, market))


class _Walk:
    def __init__(
        self, asked: WalkPlan, candidates: list[Candidate], market: Market, windows: list[Window], lane: Lane
    ) -> None:
        self._asked, self._candidates, self._market = asked, candidates, market
        self._windows, self._lane = windows, lane
        self._trains = [market.slice(*window.train) for window in windows]
        self.names = [name for name in asked.plan.names() if name != "mode" and self._differs(name)]

    def _differs(self, name: str) -> bool:
        first, *others = (next(iter(each.runs.values())).get(name) for each in self._candidates)
        return any(other != first for other in others)

    def in_sample(self, groups: list[list[Candidate]], workers: int) -> Generator[list[list[_Seen]]]:
        """Yield what the candidates of each group did on the bars to choose on, window by window."""
        with ThreadPoolExecutor(workers) as pool:
            try:
                yield from pool.map(lambda group: [self._seen(each) for each in group], groups)
            except BaseException:
                pool.shutdown(cancel_futures=True)  # those in hand end, the others do not begin
                raise

    def _seen(self, candidate: Candidate) -> list[_Seen]:
        out = []
        accounts = {mode: self._lane.account(candidate, mode) for mode in self._asked.modes}
        for window, part in zip(self._windows, self._trains, strict=True):
            found = {
                mode: measures_of(self._lane.run(candidate, account, window.train, part), self._asked.measure)
                for mode, account in accounts.items()
            }
            out.append(
                _Seen(
                    {mode: each[self._asked.measure] for mode, each in found.items()},
                    {mode: each["total_return"] for mode, each in found.items()},
                )
            )
        return out

    def out_of_sample(self, mode: str, seen: list[list[_Seen]]) -> list[Step]:
        """Return the windows of a margin mode, each begun with what was left at the end of the one before."""
        balance = start = self._lane.account(self._candidates[0], mode).balance
        steps = []
        for k, window in enumerate(self._windows):
            values = [rows[k].value for rows in seen]
            best = self._asked.objectives[mode].best([self._value(mode, each) for each in values])
            step = self._flat(window, balance)
            if best is not None and balance > RUIN * start:
                step = self._step(self._candidates[best], mode, window, balance)
            if best is not None:
                chosen = self._candidates[best]
                step = step._replace(
                    chosen=chosen.words(self.names) or ONLY,
                    settings=chosen.settings(self.names),
                    in_sample=values[best][mode],
                    in_sample_return=seen[best][k].total_return[mode],
                )
            steps.append(step)
            balance = float(step.equity[-1])
        return steps

    def _value(self, mode: str, values: dict[str, float]) -> float:
        return self._asked.objectives[mode].value(values, self._asked.modes)

    def _flat(self, window: Window, balance: float) -> Step:
        """Return a window in which nothing is traded: nothing could be chosen, or nothing is left."""
        equity = np.full(window.test_last - window.test_first, balance)
        return Step("", dict.fromkeys(self.names), equity, equity, balance)

    def _step(self, candidate: Candidate, mode: str, window: Window, balance: float) -> Step:
        account = replace(self._lane.account(candidate, mode), balance=balance)
        part = self._market.slice(*window.test)
        result = self._lane.run(candidate, account, window.test, part)
        measures = measures_of(result, self._asked.measure)
        equity, low = _on_bars(part, result.equity), _on_bars(part, result.equity_low, lowest=True)
        return Step(
            "",
            {},
            equity,
            low,
            balance,
            out_of_sample=measures[self._asked.measure],
            total_return=total_return(result.curve),
            max_drawdown_in_bars=measures["max_drawdown_in_bars"],
            liquidations=int(measures["liquidations"]),
        )


def _on_bars(part: Market, values: np.ndarray, *, lowest: bool = False) -> np.ndarray:
    """Return a curve of the simulation's bars on those of the market: the last value of each, or the lowest."""
    if part.detail is None:
        return values
    time = part.detail.open_time
    firsts = np.searchsorted(time, part.open_time)
    if lowest:
        return np.minimum.reduceat(values, np.minimum(firsts, len(values) - 1))
    return values[np.maximum(np.searchsorted(time, part.close_time) - 1, 0)]
