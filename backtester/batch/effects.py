"""Settings that act only beside others: where one has no effect, a run is as if nothing had been said of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from backtester.batch.settings import SETTINGS
from backtester.batch.teams import ALLOCATE
from backtester.errors import ConfigurationError

__all__ = ["NEEDS", "SLOT_WISE", "acts", "check_effects", "matches", "runs_of"]

SLOT_WISE = ("mixed", "sub_accounts")  # modes in which a slot may have a margin mode of its own
Axes = Mapping[str, tuple[Any, ...]]
Run = dict[str, Any]


class Need(NamedTuple):
    """What a setting needs beside it: the other setting, which of its values, and both in words."""

    other: str
    fits: Callable[[Any], bool]
    where: str
    cure: str


_DRAWS = Need("draw", lambda value: value is not None, "draws", "Name draws, such as draw = '0..99'")
NEEDS = {
    "draw_seed": _DRAWS,
    "block": _DRAWS,
    "isolated": Need("mode", lambda value: value in SLOT_WISE, "modes mixed and sub_accounts", "Add mode mixed"),
    "shares": Need("mode", lambda value: value == "sub_accounts", "mode sub_accounts", "Add that mode"),
}


def acts(name: str, run: Run) -> bool:
    """Return whether a setting of `NEEDS` has an effect in a run."""
    return NEEDS[name].fits(run[NEEDS[name].other])


def runs_of(axes: Axes) -> Iterator[Run]:
    """Yield the product of axes, the last changing fastest.

    A setting without effect in a run has its default there, and the runs that are then the same come once.
    """
    names, conditional = list(axes), [name for name in NEEDS if len(axes[name]) > 1 or axes[name] != _usual(name)]
    for values in product(*axes.values()):
        run = dict(zip(names, values, strict=True))
        idle = [name for name in conditional if not acts(name, run)]
        if all(run[name] == axes[name][0] for name in idle):
            yield run | {name: _usual(name)[0] for name in idle}


def matches(run: Run, axes: Mapping[str, Collection[Any]]) -> bool:
    """Return whether a product of axes has a run."""
    return all(run[name] in values or (name in NEEDS and not acts(name, run)) for name, values in axes.items())


def check_effects(axes: Axes, prefix: str) -> None:
    """Fail for a setting that has no effect in any run.

    Raises
    ------
    ConfigurationError
        Naming the setting that it needs beside it.
    """
    for name, need in NEEDS.items():
        if axes[name] != _usual(name) and not any(map(need.fits, axes[need.other])):
            found = axes[name][0] if len(axes[name]) == 1 else list(axes[name])
            raise ConfigurationError(f"{prefix}{name}", found, f"acts on {need.where} only", cure=need.cure)
    for name, values in axes.items():
        if name.startswith(ALLOCATE) and name.endswith(".margin_mode") and not set(SLOT_WISE) & set(axes["mode"]):
            problem = f"has no effect in {' and '.join(axes['mode'])}, where all positions have one margin mode"
            raise ConfigurationError(f"{prefix}{name}", values[0], problem, cure="Add mode mixed, or leave it out")


def _usual(name: str) -> tuple[Any, ...]:
    return SETTINGS[name].default
