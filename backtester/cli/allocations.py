"""The strategies that a command names, what each is allotted, and which of them are isolated in mixed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from backtester._foreign import import_ours
from backtester.cli.options import pairs
from backtester.errors import ConfigurationError

if TYPE_CHECKING:
    from backtester.allocation import Allocation
    from backtester.strategy import Strategy

__all__ = ["check_used", "chosen_strategies", "described"]

_NAMED = re.compile(r"([\w-]+)=(.+)")
_FIELDS = ("share", "leverage", "margin_mode")
_EXAMPLE = "trend:share=0.3,leverage=10"
_USING = ("mixed", "sub_accounts")  # modes in which a slot may have a margin mode of its own


class Given(NamedTuple):
    """A strategy as a command names it: what it is to be called, empty for its class, and where it is found."""

    name: str
    place: str
    cls: type[Strategy]

    @property
    def title(self) -> str:
        """What other options call it by."""
        return self.name or self.cls.__name__


def chosen_strategies(strategies: Sequence[str], settings: Sequence[str], allotted: Sequence[str]) -> list[Allocation]:
    """Return the strategies of a command with their parameters and what each is allotted.

    Parameters
    ----------
    strategies : sequence of str
        ``trend``, ``path/file.py:Class``, and ``NAME=`` before either.
    settings : sequence of str
        ``window=48``, or ``trend.window=48`` where there are several.
    allotted : sequence of str
        ``trend:share=0.3,leverage=10,margin_mode=isolated``.

    Raises
    ------
    ConfigurationError
        Naming the option, what was found and what is allowed.
    """
    from backtester.allocation import Allocation

    given = [_given(text) for text in strategies]
    parameters: list[list[str]] = [[] for _ in given]
    for text in settings:
        k, setting = _setting(text, given)
        parameters[k].append(setting)
    fields: list[dict[str, Any]] = [{} for _ in given]
    for text in allotted:
        k, values = _allotment(text, given)
        fields[k] |= values
    out = []
    for each, texts, values in zip(given, parameters, fields, strict=True):
        try:
            out.append(Allocation(each.cls.from_text(texts), name=each.name, **values))
        except ConfigurationError as error:
            if not error.key.startswith("allocation."):
                raise
            raise error.renamed(f"--allocate {each.title}:{error.key.removeprefix('allocation.')}") from error
    return out


def _given(text: str) -> Given:
    named = _NAMED.fullmatch(text)
    name, place = named.groups() if named else ("", text)
    return Given(name, place, import_ours("strategies").load_class(place))


def _setting(text: str, given: Sequence[Given]) -> tuple[int, str]:
    """Return whose parameter a setting is, and the setting without its strategy."""
    name, sign, value = text.partition("=")
    strategy, dot, parameter = name.rpartition(".")
    if sign and dot:
        return _place("--set", strategy, given), f"{parameter}={value}"
    if len(given) > 1:
        allowed = [f"{each.title}.{text}" for each in given]
        raise ConfigurationError("--set", text, "does not say whose parameter it is", allowed=allowed)
    return 0, text


def _allotment(text: str, given: Sequence[Given]) -> tuple[int, dict[str, Any]]:
    """Return which strategy is allotted something, and what."""
    name, sign, rest = text.partition(":")
    if not sign:
        cure = f"Write --allocate {_EXAMPLE}"
        raise ConfigurationError("--allocate", text, "is not of the form strategy:name=value", cure=cure)
    values = pairs(rest.split(","), f"--allocate {name}", f"--allocate {_EXAMPLE}")
    for field in values:
        if field not in _FIELDS:
            raise ConfigurationError(f"--allocate {name}", field, "is nothing that is allotted", allowed=_FIELDS)
    return _place("--allocate", name, given), values


def _place(option: str, wanted: str, given: Sequence[Given]) -> int:
    """Return which of the strategies a name means."""
    from backtester.allocation import spelt

    found = [k for k, each in enumerate(given) if spelt(each.title) == spelt(wanted)]
    if len(found) == 1:
        return found[0]
    problem = "names several strategies" if found else "names no strategy of this run"
    cure = f"Name them apart: a={given[found[0]].place} b={given[found[1]].place}" if found else None
    raise ConfigurationError(option, wanted, problem, allowed=[each.title for each in given], cure=cure)


def check_used(isolated: Sequence[str], chosen: Sequence[Allocation], modes: Sequence[str]) -> None:
    """Fail if something is to be isolated, or cross, in modes that decide it themselves."""
    if any(mode in modes for mode in _USING):
        return
    cure = "Add mixed: --modes isolated,cross,mixed"
    problem = f"has no effect in {' and '.join(modes)}, where all positions have one margin mode"
    if isolated:
        raise ConfigurationError("--isolated", ", ".join(isolated), problem, cure=cure)
    found = next((each.margin_mode for each in chosen if each.margin_mode), None)
    if found:
        raise ConfigurationError("--allocate", f"margin_mode={found}", problem, cure=cure)


def described(place: str, allocation: Allocation) -> dict[str, Any]:
    """Return one strategy of a run as JSON values: where it was found, its parameters, and what it is allotted."""
    strategy = allocation.strategy
    named = _NAMED.fullmatch(place)
    allotted = {name: value for name in ("name", *_FIELDS) if (value := getattr(allocation, name)) not in (None, "")}
    return {
        "name": named[2] if named else place,
        "class": type(strategy).__name__,
        "parameters": _finite(strategy.parameters()),
        **({"allocation": allotted} if allotted else {}),
    }


def _finite(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters as JSON values: an infinite one as the text that ``--set`` takes."""
    return {name: str(value) if value in (float("inf"), float("-inf")) else value for name, value in parameters.items()}
