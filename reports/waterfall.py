"""The waterfall of an attribution: from one final equity to the other, a step for each class of pairs."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from backtester import text
from backtester.compare import Comparison
from backtester.comparing.verdict import name_of
from backtester.explaining.stretches import SAME
from reports import findings
from reports.canvas import WIDE, Size, canvas
from reports.palette import GAIN, INK, LOSS, MUTED, look
from reports.why import class_labels

__all__ = ["waterfall_chart"]

NEAR = 0.25  # of the highest level: levels closer to each other than that are shown without the way from 0
LETTERS = {"wide": 24, "narrow": 17}  # of a row's label in one line
ROW, LINE = 0.14, 0.16  # [inch] of height of a row, and of each line of its label
DIGIT = 0.083  # [inch] of width of a letter of a number


def waterfall_chart(comparison: Comparison, size: Size = WIDE, other: str | None = None) -> Figure:
    """Draw what lies between the final equity of the second mode, or of another one, and that of the first, by class.

    Bars carry the gids ``step-<class>``, ``end-<mode>``. A class that makes no difference has no row. Where the steps
    are small beside the equities the axis does not begin at 0, which the sub-title says.
    """
    first, second = comparison.modes[0], other or comparison.modes[:2][-1]  # one mode alone has one bar
    found, least = comparison.attributions.get(second), SAME * comparison.first.scenario.balance
    sums = found.sums["difference"].to_dict() if found else {}
    labels = class_labels((first, second))
    steps = [(str(name), float(step)) for name, step in sums.items() if abs(step) > least]
    ends = [(mode, float(comparison.results[mode].equity[-1])) for mode in dict.fromkeys((second, first))]
    begin = ends[0][1] + np.cumsum([0.0, *(step for _, step in steps)])
    low, high = float(begin.min()), float(begin.max())
    cut = 0.0 < high - low < NEAR * high and low > 0.0
    rows = [f"{name_of(mode)} ended with" for mode, _ in ends]
    rows[1:1] = [labels[name] for name, _ in steps]
    rows = [textwrap.fill(row, LETTERS[size.name]) for row in rows]
    lines = max(2, 1 + max(row.count("\n") for row in rows))
    digits = max(len(text.money(each, signed=True, beside=high)) for _, each in (*ends, *steps))
    figure, (axes,) = canvas(
        size._replace(right=max(0.95, DIGIT * digits + 0.12)),
        findings.attribution(comparison, other),
        f"Final equity [{comparison.currency}] of {name_of(second)}, and what each kind of trade adds to reach that of "
        f"{name_of(first)}{'; the axis does not begin at 0' if cut else ''}",
        synthetic=comparison.first.market.synthetic,
        height=1.5 + (ROW + LINE * lines) * len(rows),
        left=1.55 if size.narrow else 2.2,
    )
    for row, (mode, end) in zip((0, len(rows) - 1), ends, strict=False):
        axes.barh(row, end, height=0.62, color=look(mode).colour, gid=f"end-{mode}")
        _say(axes, max(end, 0.0), row, text.money(end), look(mode).colour)
    for row, (name, step) in enumerate(steps, start=1):
        colour = GAIN if step > 0.0 else LOSS
        axes.barh(row, step, left=begin[row - 1], height=0.62, color=colour, gid=f"step-{name}")
        _say(axes, max(begin[row - 1], begin[row]), row, text.money(step, signed=True, beside=high), colour)
    for row, at in enumerate(begin[: len(rows) - 1]):
        axes.plot([at, at], [row - 0.31, row + 1.31], color=MUTED, linewidth=0.7)
    axes.axvline(0.0, color=MUTED, linewidth=0.8)
    axes.set_yticks(range(len(rows)), [row.replace("$", r"\$") for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(4 if size.narrow else 7))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}".replace("-", "\u2212")))
    axes.tick_params(axis="y", labelcolor=INK)
    if cut:
        axes.set_xlim(low - (high - low), high + 0.02 * (high - low))
    axes.set_xlabel(comparison.currency, loc="right", color=MUTED, fontsize=9, parse_math=False)
    return figure


def _say(axes: Axes, at: float, row: int, words: str, colour: str) -> None:
    axes.annotate(
        words.replace("-", "\u2212"), (at, row), xytext=(5, 0), textcoords="offset points", color=colour, fontsize=9,
        fontweight="bold", va="center", annotation_clip=False, parse_math=False,
    )  # fmt: skip
