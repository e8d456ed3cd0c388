"""What an optimiser is told: a plan with one market and one kind of account, and its table ``[optimise]``."""

from __future__ import annotations

from typing import NamedTuple

from backtester._fields import Field, choice, integer, mapping
from backtester.batch.beside import Given, check_one_market, parted, with_file
from backtester.batch.objective import DIFFERENCE, OBJECTIVE_FIELDS, Objective, objective_of
from backtester.batch.plan import Plan, plan_of
from backtester.errors import ConfigurationError
from backtester.optimise.space import Choice, Range, read_space, with_ends
from backtester.schema import MODES

__all__ = ["SAMPLERS", "OptimisePlan", "read_optimise"]

SAMPLERS = ("tpe", "random")
MOST_TRIALS, LARGEST_SEED = 1_000_000, 2**32 - 1
TABLE = "optimise"
_FIELDS = {
    "of": Field(choice((*MODES, DIFFERENCE))),
    **OBJECTIVE_FIELDS,
    "trials": Field(integer(1, MOST_TRIALS, "a number of trials"), 100),
    "seed": Field(integer(0, LARGEST_SEED, "a seed"), 0),
    "sampler": Field(choice(SAMPLERS), SAMPLERS[0]),
    "space": Field(mapping, {}),
}


class OptimisePlan(NamedTuple):
    """A search that can be run.

    Parameters
    ----------
    plan : Plan
        With both ends of each range as values.
    space : dict of str to Range or Choice
        What is chosen, by the name of the setting.
    objective : Objective
    trials : int
    seed : int
    sampler : str
        ``tpe`` or ``random``.
    """

    plan: Plan
    space: dict[str, Range | Choice]
    objective: Objective
    trials: int
    seed: int
    sampler: str

    @property
    def modes(self) -> tuple[str, ...]:
        """The margin modes that every trial runs in."""
        modes: tuple[str, ...] = self.plan.axes["mode"]
        return modes


def read_optimise(given: Given, *, trials: int | None = None, seed: int | None = None) -> OptimisePlan:
    """Return the search in a TOML file, or in a mapping with the keys of one.

    Parameters
    ----------
    given : mapping, str or Path
    trials, seed : int, optional
        In place of those in the file.

    Raises
    ------
    ConfigurationError
        Naming the key, what was found and what is allowed.
    StrategyError
        If the file of the strategy cannot be imported.
    """
    asked = with_file(given, _optimise_of)
    for name, value in (("trials", trials), ("seed", seed)):
        if value is not None:
            from backtester._fields import record

            asked = asked._replace(**record({name: value}, {name: _FIELDS[name]}))
    return asked


def _optimise_of(given: Given) -> OptimisePlan:
    content, table = parted(given, TABLE, _FIELDS, "optimise")
    plan = plan_of(with_ends(content, table["space"]))
    check_one_market(plan, ("leverage",), "a search")
    for name, products in (("include", plan.include), ("exclude", plan.exclude)):
        if products:
            raise ConfigurationError(name, name, "is for batches", cure="Leave it out of a plan that is searched")
    space = read_space(plan, table["space"])
    objective = objective_of(table, plan.axes["mode"], TABLE)
    return OptimisePlan(plan, space, objective, table["trials"], table["seed"], table["sampler"])
