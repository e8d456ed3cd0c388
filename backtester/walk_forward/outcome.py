"""What a walk-forward came to: its windows, the equity of all tests, and how much of the promise was kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester import metrics
from backtester.running.curve import summary_of
from backtester.text import currency, moment
from backtester.walk_forward.settings import WalkPlan
from backtester.walk_forward.windows import Window, years

if TYPE_CHECKING:
    import pandas as pd

    from backtester.account import Account
    from backtester.market import Market
    from backtester.walk_forward.candidates import Candidate
    from backtester.walk_forward.choosing import Tried

__all__ = ["Step", "WalkForward", "efficiency"]

Floats = NDArray[np.float64]
FLOOR = 0.1  # of the balance, as for a bootstrap


class Step(NamedTuple):
    """One window of a margin mode.

    Parameters
    ----------
    chosen : str
        What was chosen, in words.
    settings : dict
        The same by name; None where nothing could be chosen.
    equity, equity_low : float64 array, (test bars,) [settlement currency]
        At each close, and the lowest inside each bar.
    balance : float [settlement currency]
        At the start.
    in_sample, out_of_sample : float
        The measure; nan is undefined.
    in_sample_return, total_return : float [fraction]
        On the bars to choose on, and on those of the test.
    max_drawdown_in_bars : float [fraction]
        Of the test.
    liquidations : int
        In the test.
    error : str
        Why nothing was chosen or traded, if something failed.
    """

    chosen: str
    settings: dict[str, Any]
    equity: Floats
    equity_low: Floats
    balance: float
    in_sample: float = math.nan
    in_sample_return: float = math.nan
    out_of_sample: float = math.nan
    total_return: float = 0.0
    max_drawdown_in_bars: float = 0.0
    liquidations: int = 0
    error: str = ""


def efficiency(inside: Sequence[float], outside: Sequence[float], years_in: float, years_out: float) -> float:
    """Return the walk-forward efficiency: the return a year out of sample over that in sample.

        (sum of outside / years out of sample) / (sum of inside / years in sample)

    nan if the second is not above 0: of a loss there is nothing to keep. Annualised returns as in the walk-forward
    efficiency of Pardo, The Evaluation and Optimization of Trading Strategies, 2nd edition (Wiley, 2008).

    Parameters
    ----------
    inside, outside : sequence of float [fraction]
        Return of each window in sample and out of sample.
    years_in, years_out : float [years]
        Time of all windows together.
    """
    promised = float(np.sum(inside)) / years_in
    return float(np.sum(outside)) / years_out / promised if promised > 0.0 else math.nan


@dataclass(frozen=True, eq=False, repr=False)
class WalkForward:
    """The windows of a walk-forward under each margin mode. Printing it prints the report.

    Parameters
    ----------
    asked : WalkPlan
    market : Market
    windows : list of Window
    steps : mapping of mode to list of Step
        One for each window.
    account : Account
        At the start.
    candidates : sequence of Candidate
        The combinations that were chosen among.
    tried : Tried
        What they did on the bars of each choice.
    names : list of str
        The settings in which they differ.
    notes : tuple of str
        Assumptions to be shown with the result.
    floor : float
        A part of the balance: who falls to it inside a bar has not survived.
    """

    asked: WalkPlan
    market: Market
    windows: Sequence[Window]
    steps: Mapping[str, Sequence[Step]]
    account: Account
    candidates: Sequence[Candidate]
    tried: Tried
    names: list[str]
    notes: tuple[str, ...] = ()
    floor: float = FLOOR

    def __str__(self) -> str:
        from backtester.walk_forward.printing import printed

        return printed(self)

    def __repr__(self) -> str:
        return f"<WalkForward: {len(self.windows)} windows, {' | '.join(self.modes)}>"

    @property
    def modes(self) -> tuple[str, ...]:
        """Modes in the order of the plan."""
        return tuple(self.steps)

    @property
    def n_candidates(self) -> int:
        """How many combinations were chosen among."""
        return len(self.candidates)

    @property
    def currency(self) -> str:
        """Settlement currency, as far as the symbols tell."""
        return currency(self.market.symbols)

    @property
    def strategies(self) -> tuple[str, ...]:
        """Names of the strategies that were chosen among."""
        plan = self.asked.plan
        return tuple(dict.fromkeys(str(name) for axes in (plan.axes, *plan.include) for name in axes["strategy"]))

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row for each window and mode: times, what was chosen, the measure in and out of sample, the outcome."""
        import pandas as pd

        return pd.DataFrame(
            [self._row(k, mode, steps[k]) for k in range(len(self.windows)) for mode, steps in self.steps.items()]
        )

    def _row(self, k: int, mode: str, step: Step) -> dict[str, Any]:
        window = self.windows[k]
        spans = {"train": window.train, "test": window.test}
        ends = [(name, bars, end) for name, bars in spans.items() for end in ("start", "end")]
        times = {f"{name}_{end}": moment(self._edge(bars, end)) for name, bars, end in ends}
        return {
            "window": k + 1,
            **times,
            "mode": mode,
            **step.settings,
            "measure": self.asked.measure,
            "in_sample": step.in_sample,
            "out_of_sample": step.out_of_sample,
            "in_sample_return": step.in_sample_return,
            "total_return": step.total_return,
            "max_drawdown_in_bars": step.max_drawdown_in_bars,
            "liquidations": step.liquidations,
            "final_equity": float(step.equity[-1]),
            "error": step.error or None,
        }

    @cached_property
    def choices(self) -> pd.DataFrame:
        """One row for each window, combination and mode: what it came to in sample, or why it failed."""
        import pandas as pd

        errors = {(each.window, each.candidate, each.mode): each.error for each in self.tried.failures}
        places = product(range(len(self.windows)), range(self.n_candidates), enumerate(self.modes))
        return pd.DataFrame(
            [
                {
                    "window": k + 1,
                    **self.candidates[c].settings(self.names),
                    "mode": mode,
                    "in_sample": self.tried.value[c, k, m],
                    "in_sample_return": self.tried.total_return[c, k, m],
                    "error": errors.get((k, c, mode)),
                }
                for k, c, (m, mode) in places
            ]
        )

    def _edge(self, bars: tuple[int, int], end: str) -> int:
        return int(self.market.open_time[bars[0]] if end == "start" else self.market.close_time[bars[1] - 1])

    @property
    def tested(self) -> tuple[int, int]:
        """The bars of all tests: from the first of them up to, and without, the second."""
        return self.windows[0].test_first, self.windows[-1].test_last

    def curve(self, mode: str) -> tuple[Floats, Floats]:
        """Return the equity of all tests of a mode at closes, and the lowest inside the bars, ``(tested bars,)``."""
        steps = self.steps[mode]
        return np.concatenate([each.equity for each in steps]), np.concatenate([each.equity_low for each in steps])

    @cached_property
    def equity(self) -> pd.DataFrame:
        """Equity and lowest equity of all tests put together, by mode and time."""
        import pandas as pd

        index = self.market.index[slice(*self.tested)]
        frames = {
            mode: pd.DataFrame(dict(zip(("equity", "equity_low"), self.curve(mode), strict=True)), index=index)
            for mode in self.modes
        }
        return pd.concat(frames, names=["mode"])

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row for each mode: what all tests together came to, and the efficiency."""
        import pandas as pd

        return pd.DataFrame({mode: self._whole(mode) for mode in self.modes}).T.rename_axis("mode")

    def _whole(self, mode: str) -> dict[str, float]:
        steps, start = self.steps[mode], self.account.balance
        equity, low = self.curve(mode)
        curve = summary_of(equity, start, low)
        fallen = np.flatnonzero(np.minimum(equity, low) <= self.floor * start)
        known = [k for k, step in enumerate(steps) if not math.isnan(step.in_sample_return)]
        inside, outside = ([getattr(steps[k], name) for k in known] for name in ("in_sample_return", "total_return"))
        time_in, time_out = (
            sum(years(self.market, *getattr(self.windows[k], name)) for k in known) for name in ("train", "test")
        )
        return {
            "final_equity": float(equity[-1]),
            "total_return": metrics.total_return(curve),
            "max_drawdown": metrics.max_drawdown(curve),
            "max_drawdown_in_bars": metrics.max_drawdown_in_bars(curve),
            "liquidations": float(sum(step.liquidations for step in steps)),
            "windows_with_gain": float(sum(step.total_return > 0.0 for step in steps)),
            "in_sample_return_a_year": float(np.sum(inside)) / time_in if known else math.nan,
            "out_of_sample_return_a_year": float(np.sum(outside)) / time_out if known else math.nan,
            "efficiency": efficiency(inside, outside, time_in, time_out) if known else math.nan,
            "time_of_fall": float(self._closes[fallen[0]]) if fallen.size else math.nan,
        }

    @property
    def _closes(self) -> NDArray[np.int64]:
        return self.market.close_time[slice(*self.tested)]

    @cached_property
    def verdict(self) -> str:
        """Which mode survived, which ended higher, and what was left of the promise, in plain words."""
        from backtester.walk_forward.verdict import verdict

        return verdict(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the walk-forward as JSON values; undefined and infinite numbers are None."""
        return {
            "strategies": list(self.strategies),
            "modes": list(self.modes),
            "synthetic": self.market.synthetic,
            "source": self.market.source,
            "currency": self.currency,
            "candidates": self.n_candidates,
            "objectives": {mode: each._asdict() for mode, each in self.asked.objectives.items()},
            "verdict": self.verdict,
            "summary": {str(mode): _json(row) for mode, row in self.summary.to_dict("index").items()},
            "windows": [_json(row) for row in self.table.to_dict("records")],
            "notes": list(self.notes),
        }


def _json(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(k): None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
