"""A plan's file with a table beside the plan that says what is done with its runs, such as ``[walk_forward]``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from backtester._fields import Field, record
from backtester.batch.plan import Plan, toml_of
from backtester.batch.settings import PARAMS
from backtester.errors import ConfigurationError

__all__ = ["Given", "check_one_market", "content_of", "parted", "with_file"]

Read = TypeVar("Read")

Given = Mapping[str, Any] | str | Path


def content_of(given: Given) -> dict[str, Any]:
    """Return the content of a plan's file, or of a mapping that stands for one."""
    return dict(given) if isinstance(given, Mapping) else toml_of(given)


def parted(given: Given, name: str, fields: Mapping[str, Field], command: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the plan of a file, not read yet, and its table of a name with every key of `fields` checked.

    Parameters
    ----------
    given : mapping, str or Path
        A file, or its content.
    name : str
        Of the table.
    fields : mapping of str to Field
        What the table may have.
    command : str
        What needs it, for the error.

    Raises
    ------
    ConfigurationError
        If there is no such table, or one of its keys cannot be used.
    """
    plan = content_of(given)
    if name not in plan:
        keys = ", ".join(key for key, field in fields.items() if field.default is not None)
        raise ConfigurationError(
            "the plan", list(plan), f"has no table [{name}]", cure=f"Add one for {command}, with some of {keys}"
        )
    return plan, record(plan.pop(name), fields, name)


def with_file(given: Given, read: Callable[[Given], Read]) -> Read:
    """Return what `read` makes of a plan; its errors name the file."""
    try:
        return read(given)
    except ConfigurationError as error:
        if isinstance(given, str | Path) and error.key not in ("plan", str(given)):
            raise error.renamed(f"{given}: {error.key}") from error
        raise


def check_one_market(plan: Plan, several: Collection[str], what: str) -> None:
    """Fail if more differs between the runs than the margin mode, parameters and some settings.

    Parameters
    ----------
    plan : Plan
    several : collection of str
        Settings that may have several values.
    what : str
        What goes over one market, such as ``a walk-forward``.
    """
    for name in plan.names():
        values = {value for axes in (plan.axes, *plan.include) for value in axes.get(name, ())}
        if len(values) > 1 and name not in ("mode", *several) and not name.startswith(f"{PARAMS}."):
            problem = f"has several values, and {what} goes over one market in one kind of account"
            cure = f"Give it one; what may be chosen are parameters and {' and '.join(several)}"
            raise ConfigurationError(name, sorted(map(str, values)), problem, cure=cure)
