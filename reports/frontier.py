"""The margin modes along a setting such as leverage: what each comes to, and where they cross over."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from backtester.batch.along import crossings, said
from backtester.batch.settings import PARAMS
from backtester.comparing.verdict import name_of
from backtester.text import percent
from reports.canvas import WIDE, Size, canvas, end_labels
from reports.palette import INK, MUTED, PAPER, look

__all__ = ["PANELS", "frontier_chart"]

LOGARITHMIC = 8.0  # times as large as the smallest is the largest value of a setting on a logarithmic axis
MOST_TICKS = 14
BETTER = "better"  # gid of the name of a mode beside the line from which on it is the better one
LINE = 10  # [point] between such names, one above the other
HEAD = 0.2  # [inch] room for the name of the first panel


class Panel(NamedTuple):
    """One row of the chart: a column of `backtester.batch.along.along`, its name, its form, whether less is better."""

    measure: str
    words: str
    form: str
    least: bool


PANELS = (
    Panel("median_final_equity", "final equity, median [currency]", "{:,.0f}", False),
    Panel("median_growth", "growth a year, median ln(end / start)", "{:.2f}", False),
    Panel("worst_drawdown_in_bars", "worst drawdown inside bars", "%", True),
    Panel("mean_liquidations", "liquidations a run", "{:,.1f}", True),
    Panel("ruined", "ruin: runs that lost everything", "%", True),
)


def frontier_chart(table: pd.DataFrame, name: str, size: Size = WIDE, *, synthetic: bool = False) -> Figure:
    """Draw the five measures of `PANELS` of each mode along a setting, a row for each.

    Where one of two modes stops to be the better one a line is drawn, with the mode that is better from there on.
    Artists carry gids: ``<measure>-<mode>``, ``crossing-<measure>``, ``better``.

    Parameters
    ----------
    table : DataFrame
        Of `backtester.batch.along.along`.
    name : str
        The setting.
    size : Size
    synthetic : bool
        Whether any of the runs was on a made-up market.
    """
    plain = name.removeprefix(f"{PARAMS}.")
    runs = sorted(set(table["runs"]))
    each = f"{runs[0]:,}" if len(runs) == 1 else f"{runs[0]:,} to {runs[-1]:,}"
    words = said(table, name)
    figure, panels = canvas(
        size,
        words[0].rstrip(".") if words else f"What each mode comes to, along {plain}",
        f"Along {plain}, of {each} runs at each value; dotted: where another mode becomes the better one",
        synthetic=synthetic,
        rows=len(PANELS),
        height=9.6,
    )
    figure.subplots_adjust(top=figure.subplotpars.top - HEAD / figure.get_figheight(), hspace=0.34)
    for axes, panel in zip(panels, PANELS, strict=True):
        _panel(axes, table, name, panel)
    _axis(panels[-1], np.unique(table[name].to_numpy(np.float64)), size)
    for axes in panels:
        _apart(axes)
    panels[-1].set_xlabel(plain, color=MUTED, fontsize=9)
    return figure


def _panel(axes: Axes, table: pd.DataFrame, name: str, panel: Panel) -> None:
    ends = []
    modes = [str(mode) for mode in table["mode"].unique()]
    for mode in modes:
        rows = table[table["mode"] == mode]
        values = rows[panel.measure].to_numpy(np.float64)
        values = np.where(np.isfinite(values), values, np.nan)  # the growth of a run that lost everything has no place
        style = look(mode)
        axes.plot(
            rows[name].to_numpy(np.float64), values, color=style.colour, linestyle=style.line, marker=style.marker,
            linewidth=1.5, markersize=4.5, markeredgecolor=PAPER, markeredgewidth=0.6, clip_on=False, zorder=3,
            gid=f"{panel.measure}-{mode}",
        )  # fmt: skip
        known = values[~np.isnan(values)]
        if known.size:
            ends.append((float(known[-1]), f"{name_of(mode)}\n{_number(panel, float(known[-1]))}", style.colour))
    axes.set_title(panel.words, loc="left", fontsize=9.5, fontweight="bold", color=INK, pad=3)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(panel, value)))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    _room(axes, from_zero=panel.least)
    if len(modes) == 2:
        _crossings(axes, table, name, panel, (modes[0], modes[1]))
    end_labels(axes, ends)


def _number(panel: Panel, value: float) -> str:
    said = percent(value) if panel.form == "%" else panel.form.format(value)
    return said.replace("-", "\u2212")


def _tick(panel: Panel, value: float) -> str:
    said = f"{100 * value:g} %" if panel.form == "%" else f"{value:,g}"
    return said.replace("-", "\u2212")


def _room(axes: Axes, *, from_zero: bool) -> None:
    low, high = axes.dataLim.intervaly
    if not np.isfinite(low + high):
        low = high = 0.0
    pad = 0.1 * (high - low) or 0.1 * abs(high) or 1.0
    axes.set_ylim(0.0 if from_zero else low - pad, high + pad)


def _crossings(axes: Axes, table: pd.DataFrame, name: str, panel: Panel, modes: tuple[str, str]) -> None:
    """Draw a line between the last value at which a mode is the better one and the first at which another is."""
    finite = table[np.isfinite(table[panel.measure])]
    if set(modes) - set(finite["mode"]):
        return
    stretches = [each for each in crossings(finite, name, panel.measure, modes, least=panel.least) if each[0]]
    for (before, _, last), (after, first, _) in pairwise(stretches):
        if before == after:
            continue
        at = float(np.sqrt(last * first)) if min(last, first) > 0 else (last + first) / 2
        axes.axvline(at, color=MUTED, linewidth=1.0, linestyle=(0, (1, 2)), zorder=1, gid=f"crossing-{panel.measure}")
        axes.annotate(
            name_of(after), (at, 0.0), xytext=(4, 3), xycoords=("data", "axes fraction"), textcoords="offset points",
            color=look(after).colour, fontsize=8, va="bottom", zorder=4, gid=BETTER,
            bbox={"facecolor": PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
        )  # fmt: skip


def _apart(axes: Axes) -> None:
    """Raise the names of modes beside their lines where one would cover another."""
    ends: list[float] = []  # of the rows of names
    for label in (each for each in axes.texts if each.get_gid() == BETTER):
        box = label.get_window_extent()
        row = next((k for k, end in enumerate(ends) if end <= box.x0), len(ends))
        ends[row : row + 1] = [box.x1]
        label.set_y(label.get_position()[1] + row * LINE)


def _axis(axes: Axes, values: Any, size: Size) -> None:
    """Give the lowest panel a tick at each value, or at some of many, and a logarithmic axis for a wide range."""
    if values[0] > 0 and values[-1] >= LOGARITHMIC * values[0]:
        axes.set_xscale("log")
    most = MOST_TICKS // 2 if size.narrow else MOST_TICKS
    axes.xaxis.set_major_locator(FixedLocator(list(values[:: -(-len(values) // most)])))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    pad = 1.03 if axes.get_xscale() == "log" else 0.0
    if pad:
        axes.set_xlim(values[0] / pad, values[-1] * pad)
