"""What a search came to: its trials, the best of them, and what that is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from backtester import text
from backtester.asking.parameters import said
from backtester.batch.objective import DIFFERENCE
from backtester.batch.settings import PARAMS
from backtester.batch.work import Row
from backtester.comparing.printing import SYNTHETIC
from backtester.comparing.summary import MEASURE, formatted
from backtester.comparing.verdict import name_of
from backtester.metrics import difference
from backtester.optimise.settings import OptimisePlan

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Optimised", "Trial"]

CHIEF = ("final_equity", "max_drawdown_in_bars", "liquidations")
CAUTION = (
    "The best of many trials is best on the bars it was sought on: a walk-forward says what such a choice is worth "
    "afterwards."
)


class Trial(NamedTuple):
    """What was tried, and what came of it.

    Parameters
    ----------
    number : int
        From 1 on.
    settings : dict
        What was chosen.
    rows : dict of mode to Row
        As of a batch.
    value : float
        The objective; nan where a run failed or the measure is undefined.
    """

    number: int
    settings: dict[str, Any]
    rows: dict[str, Row]
    value: float

    @property
    def words(self) -> str:
        """The settings in words: ``step=0.02, leverage=5``."""
        return ", ".join(f"{name.removeprefix(f'{PARAMS}.')}={said(value)}" for name, value in self.settings.items())


@dataclass(frozen=True, eq=False, repr=False)
class Optimised:
    """The trials of a search. Printing it prints the report.

    Parameters
    ----------
    asked : OptimisePlan
    folder : Path
        Where the rows are.
    trials : sequence of Trial
        In order.
    done : int
        Runs of this call; the others were there.
    others : int
        Rows in the folder that belong to no trial: of another plan, other data or another version.
    """

    asked: OptimisePlan
    folder: Path
    trials: Sequence[Trial]
    done: int
    others: int = 0

    def __repr__(self) -> str:
        return f"<Optimised: {text.counted(len(self.trials), 'trial')} in {self.folder}>"

    def __str__(self) -> str:
        return self.printed()

    @property
    def synthetic(self) -> bool:
        """Whether the market is made up."""
        return any(row.get("synthetic") for trial in self.trials for row in trial.rows.values())

    @property
    def ranked(self) -> list[Trial]:
        """The trials with a value, the best first, each combination once."""
        sign = -1.0 if self.asked.objective.aim == "most" else 1.0
        known = [trial for trial in self.trials if not math.isnan(trial.value)]
        once = {trial.words: trial for trial in reversed(known)}
        return sorted(once.values(), key=lambda trial: (sign * trial.value, trial.number))

    @property
    def best(self) -> Trial | None:
        """The best trial; None if none has a value."""
        return next(iter(self.ranked), None)

    @property
    def table(self) -> pd.DataFrame:
        """One row for each trial: its settings, the measure of each mode, and the objective."""
        import pandas as pd

        measure = self.asked.objective.measure
        return pd.DataFrame(
            [
                {"trial": trial.number, **trial.settings}
                | {f"{measure}.{mode}": trial.rows[mode].get(measure) for mode in self.asked.modes}
                | {"objective": trial.value}
                for trial in self.trials
            ]
        )

    @property
    def verdict(self) -> str:
        """The best in plain words."""
        goal = f"{self.asked.objective.goal} of {self.asked.objective.whose}"
        failed = sum(any(row["error"] for row in trial.rows.values()) for trial in self.trials)
        lost = f" {text.counted(failed, 'trial')} failed." if failed else ""
        if self.best is None:
            return f"None of {text.counted(len(self.trials), 'trial')} has a value of {goal}.{lost}"
        signed = self.asked.objective.of == DIFFERENCE
        value = formatted(self.asked.objective.measure, self.best.value, difference=signed)
        among = f"{goal} among {text.counted(len(self.trials), 'trial')}"
        return f"{self.best.words} has the {among}: {value} (trial {self.best.number}).{lost} {CAUTION}"

    def printed(self, top: int = 5) -> str:
        """Return the report as text: the best in words, and the first few trials."""
        parts = [*([SYNTHETIC] if self.synthetic else []), text.wrapped(self.verdict)]
        if self.best is not None:
            parts += [text.table(*self.chief_rows()), text.table(*self.rows(top))]
        return "\n\n".join([*parts, *([self.elsewhere] if self.others else [])])

    @property
    def elsewhere(self) -> str:
        """What else is in the folder, in words; empty if nothing is."""
        rows = text.counted(self.others, "row")
        return f"{rows} of other plans, data or versions are in {self.folder} too." if self.others else ""

    def chief_rows(self) -> tuple[list[str], list[list[str]]]:
        """Return header and rows of the chief numbers of the best trial, a column for each mode."""
        assert self.best is not None  # asked for where there is one
        keys = dict.fromkeys((self.asked.objective.measure, *CHIEF))
        return [f"trial {self.best.number}", *map(name_of, self.asked.modes)], [
            [MEASURE[key].label, *(_formatted(key, self.best.rows[mode].get(key)) for mode in self.asked.modes)]
            for key in keys
        ]

    def rows(self, top: int) -> tuple[list[str], list[list[str]]]:
        """Return header and rows of the best trials."""
        measure, modes = self.asked.objective.measure, self.asked.modes
        label = MEASURE[measure].label
        names = [name.removeprefix(f"{PARAMS}.") for name in self.asked.space]
        header = ["trial", *names, *(f"{label},\n{name_of(mode)}" for mode in modes)]
        out = []
        for trial in self.ranked[:top]:
            values = [_number(trial.rows[mode].get(measure)) for mode in modes]
            cells = [formatted(measure, value) for value in values]
            if len(modes) == 2:
                cells.append(formatted(measure, difference(*values), difference=True))
            out.append([str(trial.number), *map(said, trial.settings.values()), *cells])
        return [*header, "difference"] if len(modes) == 2 else header, out

    def to_dict(self) -> dict[str, Any]:
        """Return the search as JSON values; undefined and infinite numbers are None."""
        best = self.best
        return {
            "folder": str(self.folder),
            "objective": self.asked.objective._asdict(),
            "seed": self.asked.seed,
            "sampler": self.asked.sampler,
            "synthetic": self.synthetic,
            "verdict": self.verdict,
            "best": None if best is None else {"trial": best.number, "value": best.value, "settings": best.settings},
            "trials": [
                {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in row.items()}
                for row in self.table.to_dict("records")
            ],
        }


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _formatted(measure: str, value: Any) -> str:
    return formatted(measure, _number(value))
