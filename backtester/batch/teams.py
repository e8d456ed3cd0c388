"""Several strategies in one account: how a plan names them, their parameters, and what each is allotted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from backtester._fields import Check, Unfit, choice, number, text
from backtester._foreign import import_ours
from backtester.allocation import Allocation
from backtester.asking.parameters import check_names
from backtester.errors import ConfigurationError
from backtester.scenario_parts.schema import SLOT_MODES
from backtester.strategy import Strategy

__all__ = [
    "ALLOCATE",
    "ALLOTTED",
    "PARAMS",
    "Member",
    "asked_of",
    "is_asked",
    "members",
    "named_in",
    "parameter_of",
    "strategy_of",
    "team_of",
]

PARAMS, ALLOCATE = "params", "allocate"  # tables: each key in them is a setting of its own, such as `params.fast`
ALLOTTED: dict[str, Check] = {
    "share": number("a fraction above 0, at most 1", lambda value: 0 < value <= 1),
    "leverage": number("a leverage above 0", lambda value: value > 0),
    "margin_mode": choice(SLOT_MODES),
}
_NAMED = re.compile(r"([\w-]+)=(.+)")
_EXAMPLE = "'trend', or 'core=trend,carry=funding_carry' for several in one account"


class Member(NamedTuple):
    """A strategy of a plan: what it is called beside others, empty if it is alone, and where it is found."""

    name: str
    place: str


def strategy_of(value: Any) -> str:
    """Check for a strategy, or several with a name for each; returned as they are written."""
    parts = [part.strip() for part in text(value).split(",")]
    names = [match[1] for part in parts if (match := _NAMED.fullmatch(part))]
    if not all(parts) or (len(parts) > 1 and len(set(names)) < len(parts)):
        raise Unfit("is no strategy, or several without a name for each", _EXAMPLE)
    return ",".join(parts)


def is_asked(name: str) -> bool:
    """Return whether a setting is of the strategies: a parameter, or what one is allotted."""
    return name.startswith((f"{PARAMS}.", f"{ALLOCATE}."))


def asked_of(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run that are of the strategies."""
    return {name: value for name, value in run.items() if is_asked(name)}


def members(strategy: str) -> list[Member]:
    """Return the strategies that a text names."""
    matches = [(part, _NAMED.fullmatch(part)) for part in strategy.split(",")]
    return [Member(match[1], match[2]) if match else Member("", part) for part, match in matches]


def named_in(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the settings of a table by name, those of one of several strategies as ``core.fast``."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield name, value


def _member(strategy: str, setting: str) -> tuple[Member, str]:
    """Return which strategy a setting such as ``params.core.fast`` or ``params.fast`` is of, and which of its own.

    Raises
    ------
    ConfigurationError
        If it is of none of the strategies.
    """
    team = members(strategy)
    head, *middle, own = setting.split(".")
    if len(team) == 1 and not middle:
        return team[0], own
    found = next((each for each in team if middle == [each.name]), None)
    if found is None:
        allowed = [f"{head}.{each.name}.{own}" if len(team) > 1 else f"{head}.{own}" for each in team]
        raise ConfigurationError(setting, setting, "is of no strategy of the plan", allowed=allowed)
    return found, own


def parameter_of(strategy: str, setting: str) -> type | None:
    """Return of which kind a parameter is, None for what is allotted.

    Raises
    ------
    ConfigurationError
        If there is no such strategy or parameter.
    """
    member, own = _member(strategy, setting)
    if setting.startswith(f"{ALLOCATE}."):
        return None
    cls = import_ours("strategies").load_class(member.place)
    check_names(cls, cls._declared, [own])
    kind: type = cls._declared[own]
    return kind


def team_of(
    strategy: str, asked: Mapping[str, Any], class_of: Callable[[str], type[Strategy]]
) -> list[Allocation]:
    """Return the strategies of a run.

    Parameters
    ----------
    strategy : str
    asked : mapping
        The settings of the run under ``params`` and ``allocate``, by whole name.
    class_of : callable
        From the place of a strategy to its class.
    """
    given: dict[Member, dict[str, dict[str, Any]]] = {each: {PARAMS: {}, ALLOCATE: {}} for each in members(strategy)}
    for setting, value in asked.items():
        member, own = _member(strategy, setting)
        given[member][setting.partition(".")[0]][own] = value
    return [
        Allocation(class_of(each.place)(**found[PARAMS]), name=each.name, **found[ALLOCATE])
        for each, found in given.items()
    ]
