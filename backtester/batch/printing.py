"""Rows of a batch as people read them: headings, cells, what was run, and what failed."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from backtester import text
from backtester.batch.reading import varying
from backtester.batch.settings import Period
from backtester.batch.store import settings_of
from backtester.comparing import summary

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OF_GROUPS", "Failure", "cell", "failures", "heading", "is_given", "label", "ran", "values_said"]

HEADING = 12  # columns of a line of a heading
FEW = 6  # values of a setting that are all shown
TIMES = ("start", "end")
OF_GROUPS = {  # what is shown of groups of runs: its heading and what kind of number it is
    "runs": ("runs", "count"),
    "failed": ("failed", "count"),
    "median_final_equity": ("equity,\nmedian", "money"),
    "least_final_equity": ("least", "money"),
    "most_final_equity": ("most", "money"),
    "median_drawdown_in_bars": ("drawdown,\nmedian", "fraction"),
    "worst_drawdown_in_bars": ("drawdown,\nworst", "fraction"),
    "mean_liquidations": ("liquidated\na run", "number"),
    "liquidated": ("runs\nliquidated", "fraction"),
    "ruined": ("runs\nruined", "fraction"),
    "median_growth": ("growth\na year", "number"),
}
_FORMS = {"money": text.money, "fraction": text.percent, "number": text.number}


class Failure(NamedTuple):
    """An error, how many runs it ended, and the settings of the first of them, in words."""

    error: str
    runs: int
    first: str


def is_given(value: Any) -> bool:
    """Return whether a value is neither missing nor empty."""
    return value == value and value not in ("", None)


def label(name: str) -> str:
    """Return what people call a column."""
    return summary.MEASURE[name].label if name in summary.MEASURE else name


def heading(name: str) -> str:
    """Return a label in short lines."""
    if name in OF_GROUPS:
        return OF_GROUPS[name][0]
    return "\n".join(textwrap.wrap(label(name), HEADING)) if label(name) != name else name.replace(".", ".\n")


def cell(name: str, value: Any, *, signed: bool = False) -> str:
    """Return a value as people read it; the difference of two measures has its sign."""
    if not is_given(value):
        return text.UNDEFINED
    if name in summary.MEASURE:
        return summary.formatted(name, float(value), difference=signed)
    _, kind = OF_GROUPS.get(name, ("", ""))
    if kind in _FORMS:
        return _FORMS[kind](value)
    if name in TIMES:
        return str(value).removesuffix(" 00:00")
    return f"{value:,.10g}" if isinstance(value, float) else str(value)


def failures(frame: pd.DataFrame) -> list[Failure]:
    """Return each error of failed runs once, in the order of their settings."""
    out = []
    for error, rows in frame[frame["error"].notna()].groupby("error", sort=False):
        first = rows.iloc[0]
        given = [name for name in settings_of(rows) if is_given(first[name])]
        out.append(Failure(str(error), len(rows), ", ".join(f"{name}={cell(name, first[name])}" for name in given)))
    return out


def ran(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the settings of runs that are given anywhere, with their values; those that differ come first."""
    differ = varying(frame)
    names = [*differ, *(name for name in settings_of(frame) if name not in differ)]
    values = {name: [value for value in frame[name].unique().tolist() if is_given(value)] for name in names}
    return [(name, values_said(each)) for name, each in values.items() if each]


def values_said(values: Iterable[Any]) -> str:
    """Return the values of a setting in a line: of many, the first three and the last."""
    words = [_value(value) for value in values]
    comma = " | " if any("," in word for word in words) else ", "  # a basket has commas of its own
    if len(words) <= FEW:
        return comma.join(words)
    return f"{comma.join(words[:3])} ... {words[-1]} ({len(words)} values)"


def _value(value: Any) -> str:
    if isinstance(value, Period):
        return f"{value.start or 'the first bar'} to {value.end or 'the last bar'}"
    if value in (None, ""):
        return "none"
    return f"{value:.10g}" if isinstance(value, float) else str(value)

