"""Where a mode ends in many runs: under each shock, and over the draws of a bootstrap."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from backtester import text
from backtester.bootstrap import Bootstrap
from backtester.bootstrap.verdict import percents
from backtester.comparing.summary import value
from backtester.comparing.verdict import name_of
from backtester.stress import StressComparison
from backtester.stress import printing as of_stress
from reports.canvas import WIDE, Size, canvas
from reports.palette import INK, MUTED, PAPER, look

__all__ = ["bootstrap_chart", "bootstrap_finding", "stress_chart", "stress_finding"]

MEASURE = "final_equity"
ROW = 0.42  # [inch] of height for a row
APART = 0.28  # of a row: between the marks of two modes


def stress_finding(result: StressComparison) -> str:
    """Say between what the modes end, over all shocks."""
    ends = {
        (label, mode): value(each.metrics, MEASURE, mode)
        for label, each in zip(of_stress.labels(result), result.values(), strict=True)
        for mode in each.modes
    }
    low, high = min(ends, key=lambda run: ends[run]), max(ends, key=lambda run: ends[run])
    parts = [f"{text.money(ends[run])} {result.calm.currency} ({name_of(run[1])}, {run[0]})" for run in (low, high)]
    return f"Ends between {parts[0]} and {parts[1]}"


def stress_chart(result: StressComparison, size: Size = WIDE) -> Figure:
    """Draw the final equity of each mode without and with each shock, a row for each.

    Marks carry the gid ``end-<mode>``.
    """
    labels = of_stress.labels(result)
    said = "; ".join(f"{letter[6:]}: {words}" for letter, words in of_stress.legend(result))
    figure, axes = _rows(
        size,
        stress_finding(result),
        f"Final equity [{result.calm.currency}]: {_signs(result.modes)}. {said}",
        labels,
        synthetic=result.calm.first.market.synthetic,
        unit=result.calm.currency,
    )
    axes.axvline(result.calm.first.scenario.balance, color=MUTED, linewidth=0.8, linestyle=(0, (1, 3)), gid="start")
    for place, mode in enumerate(result.modes):
        ends = [value(each.metrics, MEASURE, mode) for each in result.values()]
        aside = APART * (place - 0.5 * (len(result.modes) - 1))  # equal ends do not hide each other
        axes.plot(ends, [row + aside for row in range(len(ends))], **_mark(mode), gid=f"end-{mode}")
    return figure


def bootstrap_finding(result: Bootstrap) -> str:
    """Say how often the first mode ends higher than the second, or between what one alone ends."""
    if result.pairs:
        first, second = map(name_of, result.pairs[0])
        share = percents(result.ahead(result.pairs[0]).share)
        return f"{first.capitalize()} ends higher than {second} in {share} of {text.counted(result.n_draws, 'draw')}"
    (mode,) = result.modes
    band = result.band(MEASURE, mode)
    ends = f"{text.money(band.low)} and {text.money(band.high)} {result.observed.currency}"
    return f"{name_of(mode).capitalize()} ends between {ends} in {percents(result.level)} of the draws"


def bootstrap_chart(result: Bootstrap, size: Size = WIDE) -> Figure:
    """Draw the band of each mode's final equity over the draws, its median, and where the market itself ended.

    Lines carry the gid ``band-<mode>``, the marks ``median-<mode>`` and ``market-<mode>``.
    """
    unit = result.observed.currency
    figure, axes = _rows(
        size,
        bootstrap_finding(result),
        f"Final equity [{unit}]: {percents(result.level)} of the draws between the ends of a line, half below the "
        "mark; hollow: the market itself",
        [name_of(mode) for mode in result.modes],
        synthetic=result.observed.first.market.synthetic,
        unit=unit,
    )
    axes.axvline(result.observed.first.scenario.balance, color=MUTED, linewidth=0.8, linestyle=(0, (1, 3)), gid="start")
    for row, mode in enumerate(result.modes):
        style, band = look(mode), result.band(MEASURE, mode)
        axes.plot([band.low, band.high], [row, row], color=style.colour, linewidth=3.0, gid=f"band-{mode}")
        axes.plot([band.median], [row], **_mark(mode), gid=f"median-{mode}")
        own = value(result.observed.metrics, MEASURE, mode)
        hollow = {**_mark(mode), "markerfacecolor": "none", "markeredgecolor": INK, "markeredgewidth": 1.4}
        axes.plot([own], [row], **{**hollow, "markersize": 11}, gid=f"market-{mode}")
    return figure


def _rows(
    size: Size, title: str, subtitle: str, labels: list[str], *, synthetic: bool, unit: str
) -> tuple[Figure, Axes]:
    """Return a figure with a row for each label, and money along its x axis."""
    figure, (axes,) = canvas(
        size._replace(right=0.4), title, subtitle, synthetic=synthetic, height=1.5 + ROW * len(labels), left=1.1
    )
    axes.set_yticks(range(len(labels)), [label.replace("$", r"\$") for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.margins(x=0.05)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.xaxis.set_major_locator(MaxNLocator(4 if size.narrow else 8))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}".replace("-", "\u2212")))
    axes.set_xlabel(unit, loc="right", color=MUTED, fontsize=9, parse_math=False)
    return figure, axes


def _signs(modes: tuple[str, ...]) -> str:
    return ", ".join(f"{look(mode).sign}\u00a0{name_of(mode)}" for mode in modes)


def _mark(mode: str) -> dict[str, Any]:
    style = look(mode)
    return {
        "linestyle": "none", "marker": style.marker, "color": style.colour, "markersize": 8, "markeredgecolor": PAPER,
        "markeredgewidth": 0.8, "clip_on": False,
    }  # fmt: skip
