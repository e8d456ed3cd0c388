"""Groups of commands that answer at once."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

__all__ = ["Group"]


class Group(TyperGroup):
    """A group in which nobody asks for help until somebody does.

    typer loads pydantic to find out what a flag that is not given means; it need not for a plain False.
    """

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option ``--help``, with a default."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.default = False
        return option
