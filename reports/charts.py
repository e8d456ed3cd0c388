"""The charts of a comparison: numbers in, matplotlib figures out, no files and no global state."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from backtester import text
from backtester.compare import Comparison
from backtester.comparing.verdict import name_of
from backtester.metrics import underwater
from backtester.schema import LIQUIDATION
from reports import findings
from reports.canvas import WIDE, Size, canvas, date_axis, dates, end_labels, money_axis, unit_of
from reports.capital import capital_chart, capital_finding
from reports.downsample import columns_of, envelope, extremes, lowest, means
from reports.mode_map import map_chart, map_finding
from reports.palette import MUTED, PAPER, WARNING, look
from reports.sampling import drawdown_chart, drawdown_finding, ruin_chart, ruin_finding
from reports.timeline import legend_of_marks, liquidation_chart
from reports.waterfall import waterfall_chart
from reports.why import attribution_name

if TYPE_CHECKING:
    from backtester.result import Result

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

__all__ = [
    "CHARTS",
    "Chart",
    "charts_of",
    "equity_chart",
    "liquidation_chart",
    "margin_ratio_chart",
    "path_of",
    "underwater_chart",
]

MARK_WIDTH = 8  # pixel columns that share one liquidation mark in the equity chart
FEW_MARKS = 40  # liquidation marks in a wide equity chart that can be told apart
NARROW_BAND = 0.001  # of the balance: narrower ones would only blur the lines
RATIO_TOP = 1.12  # of the margin ratio's axis; a gap can go beyond, up to infinity


class Chart(NamedTuple):
    """A chart that a report shows.

    Parameters
    ----------
    name : str
        Of its files.
    draw : callable
        ``draw(comparison, size)`` returns the Figure.
    finding : callable
        ``finding(comparison)`` returns its title.
    """

    name: str
    draw: Callable[[Comparison, Size], Figure]
    finding: Callable[[Comparison], str]


def charts_of(comparison: Comparison) -> list[Chart]:
    """Return the charts that a comparison has something to show in, in the order of the page."""
    traded = [other for other, found in comparison.attributions.items() if len(found.pairs)]
    whys = [_attribution(attribution_name(comparison, other), other) for other in traded]
    charts = [*CHARTS[:2], *([MAP] if len(comparison.modes) > 2 else []), *whys, *CHARTS[2:]]
    return [*charts, *(SAMPLED if comparison.sampling is not None else ())]


def _attribution(name: str, other: str) -> Chart:
    """Return the chart of why the first mode and another one end apart."""
    return Chart(
        name,
        lambda comparison, size: waterfall_chart(comparison, size, other),
        lambda comparison: findings.attribution(comparison, other),
    )


def equity_chart(comparison: Comparison, size: Size = WIDE) -> Figure:
    """Draw equity of each mode at closes and inside bars, its band over the paths, and its liquidations.

    Artists carry gids: ``equity-<mode>``, ``low-<mode>``, ``band-<mode>``, ``liquidations-<mode>``. Bars with
    liquidations that are too close to tell apart share one mark, at the lowest equity among them; very many stand at
    the foot.
    """
    market = comparison.first.market
    banded = any(_width(comparison, mode) > NARROW_BAND for mode in comparison.modes)
    figure, (axes,) = canvas(
        size,
        findings.equity(comparison),
        f"Equity [{comparison.currency}] at closes; thin: the fall inside the bar"
        + ("; shaded: what the path inside the bars could make of the closes" if banded else "")
        + legend_of_marks(comparison),
        synthetic=market.synthetic,
    )
    labels = []
    for mode, run in comparison.results.items():
        _draw_band(axes, comparison, mode, size)
        time, equity = path_of(run)
        _draw_curve(axes, time, equity, np.append(equity[0], run.equity_low), mode=mode, name="equity", size=size)
        labels.append((float(equity[-1]), f"{name_of(mode)}\n{text.money(float(equity[-1]))}", look(mode).colour))
    axes.axhline(comparison.first.scenario.balance, color=MUTED, linewidth=0.8, linestyle=(0, (1, 3)), gid="start")
    for place, (mode, run) in enumerate(comparison.results.items()):
        _draw_marks(axes, mode, run, size, place)
    _room(axes)
    money_axis(axes)
    unit_of(axes, comparison.currency)
    date_axis(axes, int(market.open_time[0]), int(market.close_time[-1]), size=size)
    end_labels(axes, labels)
    return figure


def _draw_curve(
    axes: Axes, time: Floats, close: Floats, low: Floats, *, mode: str, name: str, size: Size, zorder: float = 2.0
) -> None:
    """Draw a line of closes, gid ``<name>-<mode>``, and a thin stroke from each down to its low, gid ``low-<mode>``.

    Of the bars in a pixel column the one with the lowest low gets its stroke.
    """
    style = look(mode)
    kept = extremes(time, close, size.columns)
    axes.plot(
        time[kept], close[kept], color=style.colour, linewidth=1.5, linestyle=style.line, gid=f"{name}-{mode}",
        solid_joinstyle="round", zorder=zorder,
    )  # fmt: skip
    bars = lowest(time, low, size.columns)
    bars = bars[low[bars] < close[bars]]
    if bars.size:
        strokes = np.column_stack((close[bars], low[bars], np.full(bars.size, np.nan))).ravel()
        axes.plot(
            np.repeat(time[bars], 3), strokes, color=style.colour, linewidth=0.9, alpha=0.7, gid=f"low-{mode}",
            zorder=zorder - 0.5,
        )  # fmt: skip


def path_of(run: Result) -> tuple[Floats, Floats]:
    """Return the starting balance and equity at each close, with their times in days."""
    time = np.concatenate((run.market.open_time[:1], run.market.close_time))
    return dates(time), np.concatenate(([run.scenario.balance], run.equity))


def _width(comparison: Comparison, mode: str) -> float:
    """Return the widest spread of a mode's equity over the paths, as a fraction of the balance."""
    equities = np.array([run.equity for run in comparison.bands.get(mode, {}).values()])
    return float(np.ptp(equities, axis=0).max()) / comparison.first.scenario.balance if len(equities) else 0.0


def _draw_band(axes: Axes, comparison: Comparison, mode: str, size: Size) -> None:
    if _width(comparison, mode) <= NARROW_BAND:
        return
    runs = list(comparison.bands[mode].values())
    equities = np.array([path_of(run)[1] for run in runs])
    time = path_of(runs[0])[0]
    x, low, high = envelope(time, equities.min(axis=0), equities.max(axis=0), size.columns // 2)
    style = look(mode)
    axes.fill_between(
        x, low, high, facecolor=(style.colour, 0.1), edgecolor=(style.colour, 0.8), linewidth=0.6,
        linestyle=style.line, gid=f"band-{mode}",
    )  # fmt: skip


def _draw_marks(axes: Axes, mode: str, run: Result, size: Size, place: int) -> None:
    """Mark the liquidations on the line of the equity; very many in a strip at the foot."""
    time, equity = path_of(run)
    at = _marked(run, size)
    if at.size > FEW_MARKS * size.columns / WIDE.columns:
        _draw_strip(axes, mode, run, size, place)
    elif at.size:
        edge: dict[str, Any] = {"markersize": 6.5, "markeredgecolor": PAPER, "markeredgewidth": 0.8}
        axes.plot(time[at], equity[at], **_sign(mode), **edge, zorder=4, gid=f"liquidations-{mode}")


def _draw_strip(axes: Axes, mode: str, run: Result, size: Size, place: int) -> None:
    """Mark the liquidations at the foot, so that the lines stay readable."""
    at = _marked(run, size)
    if at.size:
        height, strip = np.full(at.size, 0.015 + 0.03 * place), axes.get_xaxis_transform()
        axes.plot(
            path_of(run)[0][at], height, **_sign(mode), markersize=3.5, transform=strip, gid=f"liquidations-{mode}"
        )


def _marked(run: Result, size: Size) -> Ints:
    """Return the closes after liquidations, of those in one column of marks the one with the lowest equity."""
    bars = np.unique(run.events["bar"][run.events["kind"] == LIQUIDATION])
    time, equity = path_of(run)
    column = columns_of(time, max(1, size.columns // MARK_WIDTH))[bars + 1]
    lowest_first = np.lexsort((equity[bars + 1], column))
    first = np.diff(column[lowest_first], prepend=-1) > 0
    return np.asarray(bars[lowest_first[first]] + 1, dtype=np.int64)


def _sign(mode: str) -> dict[str, Any]:
    return {"linestyle": "none", "marker": look(mode).marker, "color": look(mode).colour, "clip_on": False}


def _room(axes: Axes) -> None:
    low, high = axes.dataLim.intervaly
    pad = 0.06 * (high - low) or max(abs(high), 1.0) * 0.01
    axes.set_ylim(low - pad, high + pad)


def underwater_chart(comparison: Comparison, size: Size = WIDE) -> Figure:
    """Draw how far each mode is below its highest close, at closes and inside bars.

    Artists carry gids: ``underwater-<mode>``, ``low-<mode>``, ``deepest-<mode>``, ``liquidations-<mode>``.
    """
    market = comparison.first.market
    figure, (axes,) = canvas(
        size,
        findings.drawdown(comparison),
        "Equity below the highest close before [%] at closes; thin: drawdown inside the bar; large mark: the deepest"
        + legend_of_marks(comparison),
        synthetic=market.synthetic,
    )
    time = dates(market.close_time)
    deepest = []
    for place, (mode, run) in enumerate(comparison.results.items()):
        _draw_strip(axes, mode, run, size, place)
        on_closes = underwater(run.equity, run.scenario.balance) * 100.0
        inside = underwater(run.equity, run.scenario.balance, run.equity_low) * 100.0
        front = 3.0 + float(inside.mean()) / 1e3  # the shallower one in front
        _draw_curve(axes, time, on_closes, inside, mode=mode, name="underwater", size=size, zorder=front)
        deepest.append((mode, int(np.argmin(inside)), float(inside.min())))
    floor = min(depth for *_, depth in deepest)
    axes.set_ylim(floor * 1.08 if floor < -1e-6 else -1.0, 0.0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\u2212"))
    unit_of(axes, "%")
    date_axis(axes, int(market.open_time[0]), int(market.close_time[-1]), size=size)
    for mode, bar, worst in deepest:
        if worst < 0.0:
            axes.plot(
                time[bar], worst, marker=look(mode).marker, color=look(mode).colour, markersize=7,
                markeredgecolor=PAPER, markeredgewidth=0.8, clip_on=False, zorder=4, gid=f"deepest-{mode}",
            )  # fmt: skip
    said = {mode: f"\u2212{-worst:.1f} %" if worst < 0.0 else "0.0 %" for mode, _, worst in deepest}
    end_labels(axes, [(d, f"{name_of(m)}\nat worst\n{said[m]}", look(m).colour) for m, _, d in deepest])
    return figure


def margin_ratio_chart(comparison: Comparison, size: Size = WIDE) -> Figure:
    """Draw the worst margin ratio of any pool in each bar, one panel per mode; gid ``ratio-<mode>``.

    The axis ends a little above 1, the liquidation line; what a gap takes beyond is drawn at its top.
    """
    market = comparison.first.market
    modes = comparison.modes
    figure, panels = canvas(
        size,
        findings.margin(comparison),
        "Worst margin ratio of any pool in each bar: requirement over equity, liquidated at 1; a low one is no distance"
        + ("; line: mean of neighbouring bars, thin: their worst" if market.n_bars > 2 * size.columns else ""),
        synthetic=market.synthetic,
        rows=len(modes),
        height=1.2 + 1.55 * len(modes),
    )
    time = dates(market.close_time)
    for axes, (mode, run) in zip(panels, comparison.results.items(), strict=True):
        ratio = np.minimum(run.worst_margin_ratio, RATIO_TOP)
        colour = look(mode).colour
        x, _, high = envelope(time, ratio, ratio, size.columns)
        axes.fill_between(x, high, 0.0, color=colour, alpha=0.18, linewidth=0, gid=f"worst-{mode}")
        line = high
        if x.size < time.size:
            line = means(time, ratio, size.columns)
            axes.plot(x, high, color=colour, linewidth=0.7, alpha=0.6)
        axes.plot(x, line, color=colour, linewidth=1.1, gid=f"ratio-{mode}")
        axes.axhline(1.0, color=WARNING, linewidth=1.0, gid="liquidation-line")
        axes.set_ylim(0.0, RATIO_TOP)
        axes.set_yticks([0.0, 0.5, 1.0])
        unit_of(axes, "ratio")
        touched = int((run.worst_margin_ratio >= 1.0).sum())
        words = text.counted(touched, "bar") + "\nat the line" if touched else "never at\nthe line"
        end_labels(axes, [(0.5, f"{name_of(mode)}\n{words}", colour)])
    date_axis(panels[-1], int(market.open_time[0]), int(market.close_time[-1]), size=size)
    return figure


MAP = Chart("mode-map", map_chart, map_finding)
CHARTS = (
    Chart("equity", equity_chart, findings.equity),
    Chart("underwater", underwater_chart, findings.drawdown),
    Chart("liquidations", liquidation_chart, findings.liquidations),
    Chart("margin-ratio", margin_ratio_chart, findings.margin),
    Chart("capital", capital_chart, capital_finding),
)
SAMPLED = (  # of what a bootstrap says
    Chart("ruin", ruin_chart, ruin_finding),
    Chart("drawdowns", drawdown_chart, drawdown_finding),
)
