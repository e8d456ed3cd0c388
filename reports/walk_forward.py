"""The chart of a walk-forward: the equity of all tests, its drawdown, and the seams between the windows."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from backtester import text
from backtester.comparing.verdict import name_of
from backtester.metrics import underwater
from backtester.walk_forward import WalkForward
from reports.canvas import WIDE, Size, canvas, date_axis, dates, end_labels, money_axis, unit_of
from reports.downsample import extremes
from reports.palette import GRID, MUTED, look

__all__ = ["finding", "walk_forward_chart"]


def finding(result: WalkForward) -> str:
    """Say where the modes ended out of sample."""
    final = result.summary["final_equity"]
    parts = [f"{text.money(float(final[mode]))} ({name_of(mode)})" for mode in result.modes]
    return f"Out of sample: {' and '.join(parts)} of {text.money(result.account.balance)} {result.currency}"


def walk_forward_chart(result: WalkForward, size: Size = WIDE) -> Figure:
    """Draw equity and drawdown of all tests, with a line at the start of each.

    Artists carry gids: ``equity-<mode>``, ``underwater-<mode>``, ``seam``.
    """
    market, start = result.market, result.account.balance
    figure, (above, below) = canvas(
        size,
        finding(result),
        f"Equity [{result.currency}] and, below, drawdown inside bars [%] of {len(result.windows)} windows; "
        "a thin line where parameters were chosen anew",
        synthetic=market.synthetic,
        rows=2,
        height=6.0,
    )
    first, last = result.tested
    closes = dates(market.close_time[first:last])
    time = np.concatenate((dates(market.open_time[first : first + 1]), closes))
    ends = []
    for mode in result.modes:
        equity, low = result.curve(mode)
        _line(above, time, np.concatenate(([start], equity)), mode, "equity", size)
        depth = 100.0 * underwater(equity, start, low)
        _line(below, closes, depth, mode, "underwater", size)
        ends.append((mode, float(equity[-1]), float(depth.min())))
    for axes in (above, below):
        for window in result.windows:
            at = dates(market.open_time[window.test_first : window.test_first + 1])[0]
            axes.axvline(at, color=GRID, linewidth=0.8, zorder=0.5, gid="seam")
    above.axhline(start, color=MUTED, linewidth=0.8, linestyle=(0, (1, 3)), gid="start")
    money_axis(above)
    unit_of(above, result.currency)
    unit_of(below, "%")
    below.set_ylim(min(-1e-6, 1.08 * min(depth for *_, depth in ends)), 0.0)
    below.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\u2212"))
    date_axis(below, int(market.open_time[first]), int(market.close_time[last - 1]), size=size)
    end_labels(above, [(end, f"{name_of(mode)}\n{text.money(end)}", look(mode).colour) for mode, end, _ in ends])
    worst = [(depth, f"{name_of(mode)}\nat worst\n\u2212{-depth:.1f} %", look(mode).colour) for mode, _, depth in ends]
    end_labels(below, worst)
    return figure


def _line(axes: Axes, time: np.ndarray, values: np.ndarray, mode: str, name: str, size: Size) -> None:
    kept, style = extremes(time, values, size.columns), look(mode)
    axes.plot(time[kept], values[kept], color=style.colour, linestyle=style.line, linewidth=1.4, gid=f"{name}-{mode}")
