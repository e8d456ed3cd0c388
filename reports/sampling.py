"""What a bootstrap says of a comparison, as charts: how probable which fall is, and how far the modes differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from backtester.bootstrap.statistics import Band
from backtester.compare import Comparison
from backtester.comparing.summary import value
from backtester.comparing.verdict import SAME_DEPTH, name_of
from reports.canvas import WIDE, Size, canvas, end_labels, panel_label, unit_of
from reports.palette import INK, MUTED, PAPER, look

if TYPE_CHECKING:
    from backtester.bootstrap import Bootstrap

Floats = NDArray[np.float64]

__all__ = ["drawdown_chart", "drawdown_finding", "ruin_chart", "ruin_finding"]

MOST_BINS = 40
FOOT = 0.25  # of the highest bin: room below the bins for intervals


def _sampling(comparison: Comparison) -> Bootstrap:
    found = comparison.sampling
    if found is None:
        raise ValueError("no bootstrap was made: run bootstrap(...).comparison, or compare --draws N")
    return found


def ruin_finding(comparison: Comparison) -> str:
    """Say how probable it is for each mode to lose half of the balance."""
    found = _sampling(comparison)
    parts = [f"{name_of(mode)}\u00a0{_percent(_below(found, mode, 0.5))}" for mode in found.modes]
    return f"Probability of losing half of the balance: {', '.join(parts)}"


def _below(found: Bootstrap, mode: str, part: float) -> float:
    """Return on how many of the draws the lowest equity of a mode was at or below a part of the balance."""
    return float(np.mean(found.of("lowest_equity", mode) <= part * found.observed.first.scenario.balance))


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%"


def ruin_chart(comparison: Comparison, size: Size = WIDE) -> Figure:
    """Draw, for each part of the balance, on how many of the draws a mode fell to it or below, inside bars too.

    Lines carry the gid ``ruin-<mode>``; the run on the market itself is marked, gid ``observed-<mode>``.
    """
    found = _sampling(comparison)
    balance = found.observed.first.scenario.balance
    figure, (axes,) = canvas(
        _signed_names(size),
        ruin_finding(comparison),
        f"Part of {found.n_draws:,} draws [%] on which the equity fell to so much of the balance [%] or below; marked: "
        "where it fell to on the market itself",
        synthetic=found.observed.first.market.synthetic,
    )
    labels = []
    for mode in found.modes:
        style, lowest = look(mode), np.sort(found.of("lowest_equity", mode)) / balance * 100.0
        x = np.concatenate(([0.0], np.maximum(lowest, 0.0), [100.0]))
        y = np.concatenate(([0.0], np.arange(1, len(lowest) + 1) / len(lowest) * 100.0, [100.0]))
        axes.plot(
            x, y, drawstyle="steps-post", color=style.colour, linestyle=style.line, linewidth=1.6, gid=f"ruin-{mode}"
        )
        run = found.observed.results[mode]
        own = max(100.0 * float(min(run.equity_low.min(), run.equity.min())) / balance, 0.0)
        axes.plot(
            [own], [np.mean(lowest <= own) * 100.0], linestyle="none", marker=style.marker, markersize=8,
            color=style.colour, markeredgecolor=PAPER, clip_on=False, zorder=4, gid=f"observed-{mode}",
        )  # fmt: skip
        labels.append((100.0 * _below(found, mode, 0.5), f"{style.sign} {name_of(mode)}", style.colour))
    axes.axvline(50.0, color=MUTED, linewidth=0.8, linestyle=(0, (1, 3)))
    axes.set_xlim(0.0, 100.0)
    axes.set_ylim(0.0, 100.0)
    axes.set_xlabel("lowest equity [% of the balance]", fontsize=9, color=MUTED)
    unit_of(axes, "%")
    end_labels(axes, labels)
    return figure


def drawdown_finding(comparison: Comparison) -> str:
    """Say how far the drawdowns of the first two modes differ, with the interval."""
    found, key = _sampling(comparison), "max_drawdown_in_bars"
    if not found.pairs:
        middle = found.band(key, found.modes[0])
        return f"Drawdown inside bars: {_percent(middle.median)} in the median, {_span(middle.low, middle.high, '%')}"
    first, second = found.pairs[0]
    band = found.difference_band(key, found.pairs[0])
    if max(abs(band.low), abs(band.high)) <= SAME_DEPTH:
        inner = f"the inner {100 * found.level:g}\u00a0% of the draws"
        return f"{name_of(first).capitalize()} and {name_of(second)} fell alike on {inner}"
    deeper = "deeper" if band.median > 0.0 else "less deep"
    depth = f"{100 * abs(band.median):.1f}\u00a0pp"
    return (
        f"{name_of(first).capitalize()} fell {depth} {deeper} than {name_of(second)} in the median of the draws, "
        f"inner {100 * found.level:g}\u00a0%: {_span(band.low, band.high, 'pp')}"
    )


def _span(low: float, high: float, unit: str) -> str:
    sign = "+" if unit == "pp" else ""
    return f"{100 * low:{sign}.1f} to {100 * high:{sign}.1f}\u00a0{unit}".replace("-", "\u2212")


def drawdown_chart(comparison: Comparison, size: Size = WIDE) -> Figure:
    """Draw how the drawdowns inside bars of the draws are spread, and their differences draw by draw.

    Artists carry the gids ``depth-<mode>``, ``observed-<mode>`` and ``interval-<mode>``; ``difference-<mode>`` has the
    name of the mode that is subtracted from the first, and what is marked there ends in ``-difference``.
    """
    found, key = _sampling(comparison), "max_drawdown_in_bars"
    figure, panels = canvas(
        _signed_names(size),
        drawdown_finding(comparison),
        f"Draws in each bin, of {found.n_draws:,}; marked: the market itself; bar below: the inner "
        f"{100 * found.level:g} %, with the median",
        synthetic=found.observed.first.market.synthetic,
        rows=1 + len(found.pairs),
        height=1.5 + 1.6 * (1 + len(found.pairs)),
        above=0.3 if size.narrow else 0.12,
        one_axis=False,
    )
    figure.subplots_adjust(hspace=0.75)
    depths = {mode: found.of(key, mode) * 100.0 for mode in found.modes}
    edges = _bins(np.concatenate(list(depths.values())))
    for mode in found.modes:
        style = look(mode)
        panels[0].hist(
            depths[mode], list(edges), histtype="step", color=style.colour, linestyle=style.line, linewidth=1.5,
            gid=f"depth-{mode}",
        )  # fmt: skip
    for place, mode in enumerate(found.modes):
        own = 100.0 * value(found.observed.metrics, key, mode)
        _mark(panels[0], own, mode, found.band(key, mode), place, name=mode)
    _room(panels[0])
    panels[0].set_xlabel("%", loc="right", fontsize=9, color=MUTED)
    panel_label(panels[0], "Draws by their maximal drawdown inside bars [%]", size)
    end_labels(panels[0], [(0.0, f"{look(m).sign} {name_of(m)}", look(m).colour) for m in found.modes])
    for axes, pair in zip(panels[1:], found.pairs, strict=True):
        gaps = found.difference(key, pair) * 100.0
        axes.hist(gaps, list(_bins(gaps)), color=MUTED, alpha=0.5, gid=f"difference-{pair[1]}")
        axes.axvline(0.0, color=INK, linewidth=0.9)
        own = 100.0 * found.observed_difference(key, pair)
        _mark(axes, own, pair[0], found.difference_band(key, pair), 0, name=f"{pair[1]}-difference")
        _room(axes)
        axes.set_xlabel("pp", loc="right", fontsize=9, color=MUTED)
        one, other = map(name_of, pair)
        said = f"Draws by {one} \u2212 {other} in each [percentage points]; left of 0 {one} fell less"
        panel_label(axes, said, size)
    return figure


def _signed_names(size: Size) -> Size:
    """Return a format with room for names with their marks at the ends of lines."""
    return size._replace(right=max(size.right, 1.25))


def _mark(axes: Axes, own: float, mode: str, of: Band, place: int, *, name: str) -> None:
    """Mark the market itself above the bins, and the interval with its median at their foot."""
    style, high = look(mode), axes.get_xaxis_transform()
    axes.plot(
        [own], [0.97], linestyle="none", marker=style.marker, markersize=8, color=style.colour, clip_on=False,
        markeredgecolor=PAPER, transform=high, zorder=5, gid=f"observed-{name}",
    )  # fmt: skip
    foot = 0.05 + 0.07 * place
    line = [100.0 * of.low, 100.0 * of.median, 100.0 * of.high]
    axes.plot(
        line, [foot] * 3, color=style.colour, linewidth=2.2, marker="|", markersize=8, transform=high, zorder=4,
        gid=f"interval-{name}",
    )  # fmt: skip


def _bins(values: Floats) -> Floats:
    low, high = float(values.min()), float(values.max())
    room = 0.5 if high - low < 1e-9 else 0.0
    return np.linspace(low - room, high + room, min(MOST_BINS, 2 + int(2.0 * np.sqrt(len(values)))) + 1)


def _room(axes: Axes) -> None:
    """Leave room above the bins for the market itself, and below them for intervals."""
    top = max(axes.dataLim.y1, 1.0)
    axes.set_ylim(-FOOT * top, 1.15 * top)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 0.0 else "")
    axes.axhline(0.0, color=MUTED, linewidth=0.8)
