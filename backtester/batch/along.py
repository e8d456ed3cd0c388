"""How the margin modes compare along one setting, such as leverage, and where they cross over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backtester.batch.reading import by_group, check_columns
from backtester.errors import ConfigurationError
from backtester.text import joined

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["along", "crossings", "said"]

YEAR = 365.25  # [days]
ALIKE = 1e-9  # of the larger: the equities of two modes that did the same


def along(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the outcome of each margin mode at each value of a setting, as `by_group`, with the growth rate.

    ``growth = ln(final_equity / balance) * 365.25 / days``, the median over the runs; ``-inf`` in ruin [1/year].

    Parameters
    ----------
    frame : DataFrame
        Of `backtester.batch.read_runs`.
    name : str
        Setting with numbers; runs without one are left out.

    Raises
    ------
    ConfigurationError
        If there is no such column, it holds no numbers, or all runs failed.
    """
    check_columns(frame, [name], "along")
    if frame[name].dtype.kind not in "if":
        numbers = [str(each) for each in frame.columns if frame[each].dtype.kind in "if"]
        raise ConfigurationError("along", name, "holds no numbers", allowed=numbers)
    done = frame[frame["error"].isna() & frame[name].notna()]
    if done.empty:
        raise ConfigurationError("along", name, "has no run that did not fail", cure="Their column error says why")
    with np.errstate(divide="ignore"):
        growth = np.log((1.0 + done["total_return"]).clip(lower=0.0)) * YEAR / done["days"]
    table = by_group(done, [name, "mode"])
    median = growth.groupby([done[name], done["mode"]]).median()
    table["median_growth"] = [float(median.loc[tuple(pair)]) for pair in table[[name, "mode"]].itertuples(index=False)]
    return table


def crossings(
    table: pd.DataFrame, name: str, measure: str, modes: tuple[str, str], *, least: bool = False
) -> list[tuple[str, float, float]]:
    """Return which mode is better by a measure from which value to which, in order.

    Parameters
    ----------
    table : DataFrame
        Of `along`.
    name : str
        The setting.
    measure : str
        Column to compare.
    modes : tuple of str
        The two modes; a value at which they have not as many runs is left out.
    least : bool
        The smaller number is the better one.

    Returns
    -------
    list of (mode, first value, last value)
        The mode is empty where both are alike.
    """
    wide = table.pivot_table(index=name, columns="mode", values=["runs", measure])
    fair = wide["runs"][modes[0]] == wide["runs"][modes[1]]
    pairs = wide[measure].loc[fair, list(modes)]
    out: list[tuple[str, float, float]] = []
    for value, first, second in pairs.itertuples():
        alike = abs(first - second) <= ALIKE * max(abs(first), abs(second))
        better = "" if alike else modes[0] if (first > second) is not least else modes[1]
        if out and out[-1][0] == better:
            out[-1] = (better, out[-1][1], value)
        else:
            out.append((better, value, value))
    return out


def said(table: pd.DataFrame, name: str) -> list[str]:
    """Return in words where which of two modes is better, by final equity and by drawdown; none for other numbers."""
    modes = [str(mode) for mode in table["mode"].unique()]
    if len(modes) != 2:
        return []
    pair = (modes[0], modes[1])
    out = []
    for words, measure, least in (
        ("Higher median final equity", "median_final_equity", False),
        ("Smaller worst drawdown", "worst_drawdown_in_bars", True),
    ):
        stretches = crossings(table, name, measure, pair, least=least)
        if not stretches:
            return [f"At no {name} have both modes as many runs: nothing to compare."]
        parts = [f"{mode or 'neither'} {_range(first, last)}" for mode, first, last in stretches]
        out.append(f"{words}, along {name}: {joined(parts)}.")
    return out


def _range(first: float, last: float) -> str:
    return f"at {first:,.10g}" if first == last else f"from {first:,.10g} to {last:,.10g}"
