"""What a walk-forward is told: the plan whose combinations it chooses among, and its table ``[walk_forward]``."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from backtester._fields import Field, Unfit, choice, flag, text
from backtester.batch.beside import Given, check_one_market, parted, with_file
from backtester.batch.objective import DIFFERENCE, OBJECTIVE_FIELDS, POSITIONS, Objective, objective_of
from backtester.batch.plan import Plan, plan_of
from backtester.errors import ConfigurationError, MarketDataError
from backtester.schema import MODES
from backtester.times import step

__all__ = ["EACH", "WalkPlan", "read_walk"]

EACH = "each"
TABLE = "walk_forward"


class WalkPlan(NamedTuple):
    """A walk-forward that can be run.

    Parameters
    ----------
    plan : Plan
        Its combinations of strategy, parameters and leverage are the candidates.
    train, test, gap : int [ns]
    anchored : bool
        Training begins with the market in every window, instead of moving along.
    objectives : tuple of (str, Objective)
        For each margin mode, by what its candidate is chosen.
    """

    plan: Plan
    train: int
    test: int
    gap: int
    anchored: bool
    objectives: dict[str, Objective]

    @property
    def modes(self) -> tuple[str, ...]:
        """The margin modes."""
        return tuple(self.objectives)

    @property
    def each(self) -> bool:
        """Whether each mode chooses for itself."""
        return all(objective.of == mode for mode, objective in self.objectives.items())

    @property
    def measure(self) -> str:
        """The measure that is chosen by."""
        return next(iter(self.objectives.values())).measure

    @property
    def choices(self) -> Plan:
        """The plan of the runs that are chosen from: with no more measures than the choice needs, and no curves."""
        metrics = "full" if self.measure in POSITIONS else "plain"
        return self.plan._replace(metrics=metrics, curves=False)


def _span(value: Any) -> int:
    try:
        return step(text(value))
    except MarketDataError:
        raise Unfit("is no length of time", "such as 90d, 12w or 720h") from None


_FIELDS = {
    "train": Field(_span),
    "test": Field(_span),
    "gap": Field(_span, 0),
    "anchored": Field(flag, False),
    "of": Field(choice((EACH, *MODES, DIFFERENCE)), EACH),
    **OBJECTIVE_FIELDS,
}


def read_walk(given: Given) -> WalkPlan:
    """Return the walk-forward in a TOML file, or in a mapping with the keys of one.

    Raises
    ------
    ConfigurationError
        Naming the key, what was found and what is allowed.
    StrategyError
        If the file of a strategy cannot be imported.
    """
    return with_file(given, _walk_of)


def _walk_of(given: Given) -> WalkPlan:
    content, table = parted(given, TABLE, _FIELDS, "walk-forward")
    plan = plan_of(content)
    modes = plan.axes["mode"]
    check_one_market(plan, ("strategy", "leverage"), "a walk-forward")
    _check_modes(plan, modes)
    own = {mode: table | {"of": mode if table["of"] == EACH else table["of"]} for mode in modes}
    objectives = {mode: objective_of(each, modes, TABLE) for mode, each in own.items()}
    return WalkPlan(plan, table["train"], table["test"], table["gap"], table["anchored"], objectives)


def _check_modes(plan: Plan, modes: tuple[str, ...]) -> None:
    """Fail if some combination is not run in every mode."""
    found = Counter(tuple((name, value) for name, value in run.items() if name != "mode") for run in plan.runs())
    if set(found.values()) != {len(modes)}:
        cure = "Include and exclude without naming the mode, and leave something"
        raise ConfigurationError("mode", list(modes), "has not every combination in every mode", cure=cure)
