"""What a batch comes to in words: which margin mode did better under how many settings, and which of them broke."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtester.batch.along import ALIKE
from backtester.batch.reading import varying
from backtester.comparing.verdict import name_of
from backtester.text import counted, joined, money, percent

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OF_A_MODE", "beside", "verdict"]

OF_A_MODE = ("isolated", "shares")  # settings of which some modes know nothing


def beside(frame: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return a measure of each mode under the settings that all modes have a finished run of.

    Parameters
    ----------
    frame : DataFrame
        Of `backtester.batch.read_runs`.
    measure : str
        A column; where a mode has several runs of a setting, as of `isolated` in ``mixed``, their median counts.

    Returns
    -------
    DataFrame
        A row for each combination of settings, a column for each mode.
    """
    done = frame[frame["error"].isna()].assign(_=0)
    names = [name for name in varying(done) if name not in ("mode", "_", *OF_A_MODE)]
    wide = done.groupby(["_", *names, "mode"], dropna=False, sort=False)[measure].median().unstack("mode")
    return wide[list(done["mode"].unique())].dropna()


def verdict(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the outcome of a batch in sentences.

    Each mode is held against the others under the same settings: whose final equity is higher, whose drawdown inside
    bars is smaller, how often; then in how many runs a mode was liquidated and in how many it lost everything.
    """
    done = frame[frame["error"].isna()]
    lost = len(frame) - len(done)
    failed = f"{lost:,} of {counted(len(frame), 'run')} failed and count in nothing." if lost else ""
    if done.empty:
        return (failed or "There is no run.",)
    said = [_better(done, "final_equity", "final equity", least=False)]
    said.append(_better(done, "max_drawdown_in_bars", "drawdown inside bars", least=True))
    said += [_liquidated(done), _ruined(done)]
    return tuple(filter(None, [" ".join(filter(None, said)), failed]))


def _better(done: pd.DataFrame, measure: str, words: str, *, least: bool) -> str:
    """Say which mode is better by a measure in how many settings, and for two modes by how much in the median."""
    table = beside(done, measure)
    modes = [str(mode) for mode in table]
    if len(modes) < 2 or table.empty:
        return ""
    ranked = table.apply(lambda row: row.sort_values(ascending=least).to_numpy(), axis=1, result_type="expand")
    alike = (ranked[0] - ranked[1]).abs() <= ALIKE * ranked[[0, 1]].abs().max(axis=1)
    best = (table.idxmin(axis=1) if least else table.idxmax(axis=1))[~alike]
    parts = [f"{name_of(mode)} in {int((best == mode).sum()):,}" for mode in modes]
    parts += [f"alike in {int(alike.sum()):,}"] if alike.any() else []
    two = len(modes) == 2
    degree = ("Smaller" if two else "Smallest") if least else ("Higher" if two else "Highest")
    said = f"{degree} {words}: {joined(parts)} of {counted(len(table), 'setting')}"
    if least:
        worst = done.groupby("mode")[measure].max()
        return f"{said}, at worst {joined([f'{percent(float(worst[mode]))} in {name_of(mode)}' for mode in modes])}."
    apart = float((table[modes[0]] - table[modes[1]]).median())
    if two and abs(apart) > ALIKE * float(table.abs().to_numpy().max()):
        where = "above" if apart > 0.0 else "below"
        said += f"; in the median {name_of(modes[0])} ended {money(abs(apart))} {where} {name_of(modes[1])}"
    return f"{said}."


def _liquidated(done: pd.DataFrame) -> str:
    groups = done.groupby("mode", sort=False)["liquidations"]
    parts = [f"{name_of(str(mode))} in {int((each > 0).sum()):,} of {len(each):,} runs" for mode, each in groups]
    return f"Liquidated: {joined(parts)}."


def _ruined(done: pd.DataFrame) -> str:
    lost = done.groupby("mode", sort=False)["time_of_ruin"].count()
    if not lost.any():
        return "No run lost everything."
    return f"Lost everything: {joined([f'{name_of(str(mode))} in {count:,}' for mode, count in lost.items()])}."
