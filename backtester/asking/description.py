"""What a strategy's own file says about it: its parameters with their units, and the margin question it asks."""

from __future__ import annotations

import ast
import inspect
import io
import re
import textwrap
import tokenize
from dataclasses import asdict, dataclass
from typing import Any

from backtester.strategy import Strategy

__all__ = ["Description", "Parameter", "describe"]

_QUESTION = re.compile(r"The margin question:\s*([^?]*\?)")
_UNIT = re.compile(r"\s*\[([^\]]+)\]\s*")


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Parameters
    ----------
    name : str
    type : str
        ``int``, ``float``, ``bool`` or ``str``.
    default : int, float, bool or str
    unit : str
        From brackets in the comment beside it; empty where there is none.
    meaning : str
        The rest of that comment.
    """

    name: str
    type: str
    default: Any
    unit: str
    meaning: str


@dataclass(frozen=True)
class Description:
    """What can be said about a strategy without running it.

    Parameters
    ----------
    name : str
        Of its class.
    summary : str
        First line of the class's docstring.
    question : str
        What follows ``The margin question:`` in the docstring of its file or class, up to the question mark.
    parameters : tuple of Parameter
        In the order they are declared.
    """

    name: str
    summary: str
    question: str
    parameters: tuple[Parameter, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self) | {"parameters": [asdict(parameter) for parameter in self.parameters]}


def describe(cls: type[Strategy]) -> Description:
    """Return what a strategy's file says about it.

    Parameters
    ----------
    cls : type
        A strategy class; where its source cannot be read, units and meanings are empty.
    """
    comments = _comments(cls)
    parameters = []
    for name, kind in cls._declared.items():
        comment = comments.get(name, "")
        unit = _UNIT.search(comment)
        meaning = _UNIT.sub(" ", comment).strip().replace(" ,", ",")
        parameters.append(Parameter(name, kind.__name__, getattr(cls, name), unit[1] if unit else "", meaning))
    return Description(cls.__name__, _summary(cls), _question(cls), tuple(parameters))


def _summary(cls: type[Strategy]) -> str:
    own = inspect.cleandoc(cls.__doc__) if cls.__doc__ else ""
    return own.split("\n")[0]


def _question(cls: type[Strategy]) -> str:
    module = inspect.getmodule(cls)
    for text in (cls.__doc__, module.__doc__ if module else None):
        asked = _QUESTION.search(text or "")
        if asked is not None:
            return " ".join(asked[1].split())
    return ""


def _comments(cls: type[Strategy]) -> dict[str, str]:
    """Return the comments beside the parameters of a class and of the strategies it derives from."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base in (object, Strategy):
            continue
        try:
            source = textwrap.dedent(inspect.getsource(base))
        except (OSError, TypeError):
            continue
        lines = _comment_lines(source)
        (body,) = ast.parse(source).body
        for item in getattr(body, "body", []):
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                found[item.target.id] = lines.get(item.end_lineno or item.lineno, "")
    return found


def _comment_lines(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
