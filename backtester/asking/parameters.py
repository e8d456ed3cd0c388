"""Parameters of a strategy: typed class variables, checked and converted in one place."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import ClassVar, get_origin

from backtester.errors import ConfigurationError, StrategyError, shown

Value = int | float | bool | str

TYPES: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str}
_SAID = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_CURE = "a parameter reads `fast: int = 12`; mark anything else ClassVar or begin it with _"


def declare(cls: type, root: type) -> dict[str, type]:
    """Return the parameters that a strategy class declares, with their types, in class order.

    Parameters
    ----------
    cls : type
        The strategy class. Defaults are converted in place (``5_000`` of a float to ``5000.0``).
    root : type
        The base class of all strategies; its names are reserved.

    Raises
    ------
    StrategyError
        If a parameter has no default, a type other than int, float, bool or str, a default of
        another type, or a reserved name.
    """
    found: dict[str, type] = {}
    for base in reversed(cls.__mro__):
        if base in (object, root):
            continue
        for name, annotation in inspect.get_annotations(base).items():
            if not name.startswith("_") and not _is_class_variable(annotation):
                found.update(_parameter(cls, root, name, annotation))
    return found


def _parameter(cls: type, root: type, name: str, annotation: object) -> dict[str, type]:
    word = annotation.strip("'\" ") if isinstance(annotation, str) else _word(annotation)
    kind = TYPES.get(word)
    if not hasattr(cls, name):
        if kind is None:
            return {}  # the declaration of an attribute that the author sets
        raise StrategyError(cls.__name__, f"parameter {name} has no default", cure=_CURE)
    if kind is None:
        problem = f"parameter {name} must be int, float, bool or str"
        raise StrategyError(cls.__name__, problem, found=annotation, cure=_CURE)
    if hasattr(root, name):
        problem = f"parameter {name} takes a name that every strategy already has"
        raise StrategyError(cls.__name__, problem, cure="give it another name")
    setattr(cls, name, convert(f"{cls.__name__}.{name}", kind, getattr(cls, name)))
    return {name: kind}


def _word(annotation: object) -> str:
    return annotation.__name__ if annotation in TYPES.values() else ""  # type: ignore[attr-defined]


def _is_class_variable(annotation: object) -> bool:
    if isinstance(annotation, str):
        return annotation.strip("'\" ").removeprefix("typing.").startswith("ClassVar")
    return annotation is ClassVar or get_origin(annotation) is ClassVar


def check_names(cls: type, declared: Iterable[str], given: Iterable[str]) -> None:
    """Raise a ConfigurationError for the first name that is no parameter of the class."""
    names = list(declared)
    for name in given:
        if name in names:
            continue
        key = f"parameters of {cls.__name__}"
        if not name.startswith("_") and not callable(getattr(cls, name, print)):
            cure = f"give {name} a type to make it a parameter: `{name}: int = ...`"
            raise ConfigurationError(key, name, "not a parameter", allowed=names, cure=cure)
        raise ConfigurationError(key, name, "no such parameter", allowed=names)


def convert(key: str, kind: type, value: object) -> Value:
    """Return a value as the type of its parameter; whole numbers are accepted for float.

    Raises
    ------
    ConfigurationError
        If the value has another type.
    """
    is_bool = isinstance(value, bool) or type(value).__name__ == "bool"  # numpy's too
    if kind is bool and is_bool:
        return bool(value)
    if kind is str and isinstance(value, str):
        return value
    if kind is int and isinstance(value, Integral) and not is_bool:
        return int(value)
    if kind is float and isinstance(value, Real) and not is_bool:
        if value != value:
            raise ConfigurationError(key, value, "must be a number (float)", cure="Give a number, or inf for no limit")
        return float(value)
    problem = f"must be {_SAID[kind]} ({kind.__name__})"
    raise ConfigurationError(key, value, problem, cure=f"it is {type(value).__name__} now")


def from_text(key: str, kind: type, text: str) -> Value:
    """Return the value that a text such as ``"0.02"``, ``"true"`` or ``"5_000"`` stands for.

    Raises
    ------
    ConfigurationError
        If the text does not read as the parameter's type.
    """
    try:
        if kind is bool:
            return _WORDS[text.strip().lower()]
        return kind(text)
    except (KeyError, ValueError):
        problem = f"does not read as {_SAID[kind]} ({kind.__name__})"
        allowed = _WORDS if kind is bool else None
        raise ConfigurationError(key, text, problem, allowed=allowed) from None


def settings(given: Mapping[str, str] | Iterable[str]) -> dict[str, str]:
    """Return ``name=value`` texts as a dict; a later one of the same name wins.

    Raises
    ------
    ConfigurationError
        If a text has no ``=``.
    """
    if isinstance(given, Mapping):
        return dict(given)
    pairs: dict[str, str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise ConfigurationError("set", text, "is not of the form name=value", cure="Write --set fast=8")
        pairs[name.strip()] = value
    return pairs


def said(value: Value) -> str:
    """Return a parameter's value as it stands in the name of a strategy."""
    return f"{value:g}" if isinstance(value, float) else shown(value, 40)
