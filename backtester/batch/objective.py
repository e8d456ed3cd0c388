"""By what the best of several runs is told: a measure of a margin mode, or of the difference of two."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from backtester._fields import Field, choice
from backtester.comparing.summary import MEASURE
from backtester.errors import ConfigurationError
from backtester.metrics import difference

__all__ = ["AIMS", "DIFFERENCE", "OBJECTIVE_FIELDS", "POSITIONS", "Objective", "aim_of", "objective_of"]

AIMS = ("most", "least")
DIFFERENCE = "difference"
POSITIONS = frozenset(  # measures that need what was recorded of each bar's positions and margins
    (
        "worst_margin_ratio", "closest_to_liquidation", "closest_together", "peak_margin", "mean_margin",
        "return_on_margin",
    )
)  # fmt: skip
_MOST = frozenset(
    (
        "final_equity", "total_return", "sharpe", "sortino", "calmar", "closest_to_liquidation", "closest_together",
        "return_on_margin", "time_of_ruin",
    )
)  # fmt: skip
OBJECTIVE_FIELDS = {"measure": Field(choice(tuple(MEASURE)), "sharpe"), "aim": Field(choice(("", *AIMS)), "")}


class Objective(NamedTuple):
    """What is to be largest or smallest.

    Parameters
    ----------
    measure : str
        A key of `backtester.comparing.summary.MEASURES`.
    of : str
        A margin mode, or ``difference``: the first mode less the second.
    aim : str
        ``most`` or ``least``.
    """

    measure: str
    of: str
    aim: str

    def value(self, measured: Mapping[str, float], modes: Sequence[str]) -> float:
        """Return the number that counts, from those of each mode; nan is none."""
        if self.of == DIFFERENCE:
            return difference(measured[modes[0]], measured[modes[1]])
        return measured[self.of]

    def best(self, values: Sequence[float]) -> int | None:
        """Return the place of the best number, the first of equal ones; None if all are nan."""
        sign = 1.0 if self.aim == "most" else -1.0
        known = [(sign * value, -place) for place, value in enumerate(values) if not math.isnan(value)]
        return -max(known)[1] if known else None

    @property
    def goal(self) -> str:
        """What is wanted, in words: ``most Sharpe a year``."""
        return f"{self.aim} {MEASURE[self.measure].label}"

    @property
    def whose(self) -> str:
        """Of what, in words."""
        return "the difference of the modes" if self.of == DIFFERENCE else self.of.replace("_", "-")


def aim_of(measure: str) -> str:
    """Return whether most or least of a measure is better: of drawdowns, losses and costs the least is."""
    return "most" if measure in _MOST else "least"


def objective_of(given: Mapping[str, Any], modes: Sequence[str], key: str) -> Objective:
    """Return an objective from its checked settings.

    Parameters
    ----------
    given : mapping
        With ``measure``, ``of`` and ``aim``.
    modes : sequence of str
        Those that are run.
    key : str
        Where the settings stand, for errors.

    Raises
    ------
    ConfigurationError
        If it is of a mode that is not run, or of the difference of other than two.
    """
    if given["of"] == DIFFERENCE and len(modes) != 2:
        cure = "Give the plan two modes, the first less the second"
        raise ConfigurationError(f"{key}.of", DIFFERENCE, f"is of two modes, and {len(modes)} are run", cure=cure)
    if given["of"] not in (DIFFERENCE, *modes):
        problem = "is no mode of the plan"
        raise ConfigurationError(f"{key}.of", given["of"], problem, allowed=[*modes, DIFFERENCE])
    return Objective(given["measure"], given["of"], given["aim"] or aim_of(given["measure"]))
