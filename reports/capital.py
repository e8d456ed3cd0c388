"""What a mode does with its money: margin in use and idle over time, and what was earned on it."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from backtester import text
from backtester.compare import Comparison
from backtester.comparing.summary import value
from backtester.comparing.verdict import name_of
from backtester.result import Result
from reports.canvas import WIDE, Size, canvas, date_axis, dates, end_labels, money_axis, unit_of
from reports.downsample import envelope, extremes
from reports.palette import look
from reports.tables import Row, Table

Floats = NDArray[np.float64]

__all__ = ["capital_chart", "capital_finding", "capital_table"]


def in_use(run: Result) -> Floats:
    """Return the initial margin of all positions at each close, (n_bars,) [settlement currency]."""
    used: Floats = run.pool_initial_margin.sum(axis=1)
    return used


def share_in_use(run: Result) -> float:
    """Return the mean over all bars of margin in use over equity, at most 1 in each; bars without equity count 0."""
    used, equity = in_use(run), np.asarray(run.equity)
    share = np.divide(used, equity, out=np.zeros(len(used)), where=equity > 0.0)
    return float(np.minimum(share, 1.0).mean())


def idle(run: Result) -> Floats:
    """Return the equity at each close that is no position's initial margin, at least 0, (n_bars,)."""
    free: Floats = np.maximum(run.equity - in_use(run), 0.0)
    return free


def capital_finding(comparison: Comparison) -> str:
    """Say what part of its equity each mode had in use."""
    parts = [f"{name_of(mode)}\u00a0{text.percent(share_in_use(run))}" for mode, run in comparison.results.items()]
    return f"In use on average, of the equity: {', '.join(parts)}".replace(" %", "\u00a0%")


def capital_chart(comparison: Comparison, size: Size = WIDE) -> Figure:
    """Draw equity and margin in use at closes, a panel for each mode and all on one scale.

    Between the two lies what is idle. Artists carry the gids ``equity-<mode>`` and ``used-<mode>``.
    """
    market, modes = comparison.first.market, comparison.modes
    figure, panels = canvas(
        size,
        capital_finding(comparison),
        f"Equity at closes [{comparison.currency}]; shaded: initial margin of what was open. What lies between is idle",
        synthetic=market.synthetic,
        rows=len(modes),
        height=1.2 + 1.6 * len(modes),
    )
    time = dates(market.close_time)
    for axes, (mode, run) in zip(panels, comparison.results.items(), strict=True):
        colour, kept = look(mode).colour, extremes(time, run.equity, size.columns)
        axes.plot(time[kept], run.equity[kept], color=colour, linewidth=1.2, gid=f"equity-{mode}")
        used = in_use(run)
        x, _, high = envelope(time, used, used, size.columns)
        axes.fill_between(x, high, 0.0, color=colour, alpha=0.4, linewidth=0, gid=f"used-{mode}")
    highest = max(max(float(run.equity.max()), float(in_use(run).max())) for run in comparison.results.values())
    for axes, (mode, run) in zip(panels, comparison.results.items(), strict=True):
        axes.set_ylim(0.0, 1.05 * max(highest, 1e-9))
        money_axis(axes)
        unit_of(axes, comparison.currency)
        words = f"{name_of(mode)}\nidle {100.0 * (1.0 - share_in_use(run)):.0f} %"
        end_labels(axes, [(0.5 * highest, words, look(mode).colour)])
    date_axis(panels[-1], int(market.open_time[0]), int(market.close_time[-1]), size=size)
    return figure


def capital_table(comparison: Comparison) -> Table:
    """Return what each mode had in use and idle, and what it earned on it, as cells."""
    unit, table = comparison.currency, comparison.metrics
    runs = comparison.results

    def row(label: str, symbol: str, note: str, cells: list[str]) -> Row:
        return Row("", label, symbol, note, tuple(cells))

    free = {mode: idle(run) for mode, run in runs.items()}
    blocks = comparison.isolation
    rows = [
        row("in use, mean", unit, "initial margin", [text.money(value(table, "mean_margin", m)) for m in runs]),
        row("in use, peak", unit, "", [text.money(value(table, "peak_margin", m)) for m in runs]),
        row("in use, of the equity", "", "mean over all bars", [text.percent(share_in_use(r)) for r in runs.values()]),
        row("bars with margin in use", "", "", [text.percent(float((in_use(r) > 0.0).mean())) for r in runs.values()]),
        row("idle, mean", unit, "equity less margin in use", [text.money(float(free[m].mean())) for m in runs]),
        row("idle, least", unit, "", [text.money(float(free[m].min())) for m in runs]),
    ]
    if blocks:
        kept = [text.money(blocks[m].idle_mean) if m in blocks else text.UNDEFINED for m in runs]
        rows.append(row("locked in blocks, mean", unit, "beyond what their positions required", kept))
    rows += [
        row(label, "", note, [text.percent(value(table, key, m)) for m in runs])
        for key, label, note in (
            ("return_on_margin", "return on margin", "profit over mean margin in use"),
            ("total_return", "return on the balance", ""),
        )
    ]
    return Table(tuple(name_of(mode) for mode in runs), tuple(rows))
