"""What rows say: some of them, groups of them, the best and the worst; frames in, frames out."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd

from backtester.batch.store import in_order, settings_of
from backtester.errors import ConfigurationError
from backtester.wanted import SYNTHETIC

__all__ = ["by_group", "check_columns", "extremes", "filtered", "is_synthetic", "varying"]

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_CONDITION = re.compile(r"\s*([\w.]+)\s*(<=|>=|!=|=|<|>)\s*(.*?)\s*")


def filtered(frame: pd.DataFrame, conditions: Iterable[str]) -> pd.DataFrame:
    """Return the rows that meet every condition, such as ``leverage>=10`` or ``mode=cross``.

    Raises
    ------
    ConfigurationError
        If a condition is none, its column does not exist, or its value is of another kind.
    """
    for condition in conditions:
        match = _CONDITION.fullmatch(condition)
        if match is None:
            cure = "Write a column, one of = != < <= > >=, and a value: leverage>=10"
            raise ConfigurationError("where", condition, "is no condition", cure=cure)
        name, sign, value = match.groups()
        check_columns(frame, [name], "where")
        frame = frame[_OPERATORS[sign](frame[name], _like(frame[name], value, condition))]
    return frame


def _like(column: pd.Series[Any], value: str, condition: str) -> object:
    """Return a text as what a column holds."""
    known = column.dropna().infer_objects()  # some runs may have none
    if len(known) and pd.api.types.is_bool_dtype(known):
        if value in ("true", "false"):
            return value == "true"
        raise ConfigurationError("where", condition, "compares with no truth value", allowed="true, false")
    if not pd.api.types.is_numeric_dtype(column):
        return value
    try:
        return float(value)
    except ValueError:
        cure = f"{column.name} holds numbers: write one"
        raise ConfigurationError("where", condition, "compares a number with a text", cure=cure) from None


def check_columns(frame: pd.DataFrame, names: Iterable[str], key: str) -> None:
    """Raise a ConfigurationError for the first name that is no column."""
    for name in names:
        if name not in frame.columns:
            raise ConfigurationError(key, name, "is no column of these runs", allowed=list(frame.columns))


def is_synthetic(frame: pd.DataFrame) -> bool:
    """Return whether any of the runs was on a made-up market."""
    known = {"market": SYNTHETIC, "synthetic": True}  # failed runs know only the first
    return any(name in frame and bool((frame[name] == value).any()) for name, value in known.items())


def varying(frame: pd.DataFrame) -> list[str]:
    """Return the settings that differ between rows, the margin mode always among them."""
    return [name for name in settings_of(frame) if name == "mode" or frame[name].nunique(dropna=False) > 1]


def extremes(frame: pd.DataFrame, by: str, n: int, *, ascending: bool) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Return for each margin mode the first and the last rows by a column; no row is among both.

    Parameters
    ----------
    frame : DataFrame
        Of `backtester.batch.read_runs`.
    by : str
        Column; rows without a value are left out.
    n : int
        Most rows of each.
    ascending : bool
        The smallest value is the first.
    """
    found = {}
    for mode, rows in frame.dropna(subset=[by]).groupby("mode", sort=False):
        ranked = rows.sort_values(by, ascending=ascending, kind="stable")
        most = min(n, -(-len(ranked) // 2))
        last = min(n, len(ranked) - most)
        found[str(mode)] = (ranked.head(most), ranked.tail(last) if last else ranked.iloc[:0])
    return found


def by_group(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return one row for each combination of settings: how its runs came out.

    Columns: ``runs``; ``failed``; median, least and most of the final equity; medians of return and of the drawdown
    inside bars; the worst drawdown; the mean number of liquidations; the shares of runs with a liquidation and in ruin.
    """
    check_columns(frame, names, "group")
    if frame.empty:
        return pd.DataFrame(columns=[*names, "runs"])
    groups = frame.groupby(list(names), dropna=False)
    rows = [dict(zip(names, values, strict=True)) | _outcome(group) for values, group in groups]
    return in_order(pd.DataFrame(rows), list(names))


def _outcome(rows: pd.DataFrame) -> dict[str, float]:
    done = rows[rows["error"].isna()]
    return {
        "runs": len(rows),
        "failed": len(rows) - len(done),
        "median_final_equity": done["final_equity"].median(),
        "least_final_equity": done["final_equity"].min(),
        "most_final_equity": done["final_equity"].max(),
        "median_return": done["total_return"].median(),
        "median_drawdown_in_bars": done["max_drawdown_in_bars"].median(),
        "worst_drawdown_in_bars": done["max_drawdown_in_bars"].max(),
        "mean_liquidations": done["liquidations"].mean(),
        "liquidated": (done["liquidations"] > 0).mean(),
        "ruined": done["time_of_ruin"].notna().mean(),
    }
