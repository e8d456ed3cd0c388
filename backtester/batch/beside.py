"""A plan's file with a table beside the plan that says what is done with its runs, such as ``[walk_forward]``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backtester._fields import Field, record
from backtester.batch.plan import toml_of
from backtester.errors import ConfigurationError

__all__ = ["Given", "content_of", "parted"]

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
