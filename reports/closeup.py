"""The close-up of a liquidation: prices and lines, the pool's equity and requirement, and what came of it later."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from backtester import text
from backtester.compare import Comparison
from backtester.comparing.verdict import name_of
from backtester.explaining.closeup import CloseUp, CloseUps
from backtester.explaining.contagion import WITHIN
from reports.canvas import WIDE, Size, canvas, date_axis, dates, end_labels, money_axis, panel_label, quote_of
from reports.charts import Chart
from reports.palette import INK, MUTED, PAPER, WARNING, look, look_of_venue
from reports.why import slot_labels

Floats = NDArray[np.float64]

__all__ = ["Shown", "close_up_chart", "close_up_charts", "close_up_finding", "largest", "worst_slot"]

BEFORE = 24  # [bars]
LINES = 5  # instruments with a line of their own in the lowest panel
NEAR = 0.5  # of the price's range in view: lines farther away do not stretch the axis


class Shown(NamedTuple):
    """A liquidation that has a close-up: its mode, and its number in `CloseUps`."""

    mode: str
    number: int

    @property
    def name(self) -> str:
        """Of the chart's files; people count from 1."""
        return f"close-up-{self.mode}-{self.number + 1}"


def largest(comparison: Comparison, most: int) -> list[Shown]:
    """Return the liquidations to be shown, at most so many of each mode, the largest loss of all first.

    Of a symbol's positions that were liquidated apart in one bar, as the rungs of a grid are, one stands for all while
    there is another symbol or bar to show.
    """
    found = [Shown(mode, number) for mode, ups in comparison.close_ups.items() for number in _various(ups, most)]
    return sorted(found, key=lambda each: -comparison.close_ups[each.mode].table["loss"].iloc[each.number])


def _various(ups: CloseUps, most: int) -> list[int]:
    """Return numbers in the order of their losses, those alike in bar and symbol behind the first of their kind."""
    table = ups.table.iloc[ups.largest(len(ups))]
    alike = table.duplicated(["bar", "symbol"])
    return [int(number) for number in (*table.index[~alike], *table.index[alike])[:most]]


def close_up_charts(shown: list[Shown]) -> list[Chart]:
    """Return a chart for each liquidation."""
    return [_chart(*each, name=each.name) for each in shown]


def _chart(mode: str, number: int, *, name: str) -> Chart:
    return Chart(
        name,
        lambda comparison, size: close_up_chart(comparison, mode, number, size),
        lambda comparison: close_up_finding(comparison, mode, number),
    )


def close_up_finding(comparison: Comparison, mode: str, number: int) -> str:
    """Say when a liquidation was, and what it closed for how much."""
    found = comparison.close_ups[mode].of(number)
    when = text.moment(int(comparison.first.market.open_time[found.bar]))
    slots = found.closings["slot"].nunique()
    what = slot_labels(comparison)[found.closings["name"].iloc[0]] if slots == 1 else f"{slots:,} positions"
    lost = f"{text.money(found.loss)} {comparison.currency} lost"
    return f"{name_of(mode).capitalize()}, {when}: {what} liquidated, {lost}"


def close_up_chart(comparison: Comparison, mode: str, number: int, size: Size = WIDE) -> Figure:
    """Draw one liquidation of a mode, from a day of bars before it to as many after as `contagion.WITHIN` says.

    Above: mark and trade price of the instrument that lost most, and its liquidation lines in every mode. In the
    middle: equity of the pool at closes, and at the moment where it is known, against what it had to hold. Below: what
    the closed parts would have gained or lost since, by instrument in the order of closing. Artists carry the gids
    ``mark``, ``trade``, ``range``, ``line-<mode>``, ``moment``, ``equity``, ``requirement`` and ``since-<symbol>``.

    Parameters
    ----------
    comparison : Comparison
    mode : str
    number : int
        Of ``comparison.close_ups[mode]``, from 0.
    size : Size
    """
    ups, unit = comparison.close_ups[mode], comparison.currency
    found, market = ups.of(number), comparison.first.market
    bars = np.arange(max(found.bar - BEFORE, 0), min(found.bar + WITHIN, market.n_bars - 1) + 1)
    slot = worst_slot(found)
    names = _short(comparison)
    figure, (above, middle, below) = canvas(
        size._replace(right=max(size.right, 1.25)),
        close_up_finding(comparison, mode, number),
        f"The line across: the moment, by the {comparison.first.scenario.path} path inside the bar",
        synthetic=market.synthetic,
        rows=3,
        height=1.3 + 1.75 * 3,
        above=0.3 if size.narrow else 0.12,
    )
    shown = _draw_prices(above, comparison, mode, found, slot, bars)
    quote = quote_of(market.symbols[comparison.first.scenario.slots[slot].instrument])
    panel_label(above, f"{names[slot]} [{quote}]: {shown}", size)
    _draw_pool(middle, ups, found, bars, look(mode).colour)
    whose = "The shared pool" if found.shared else "The position's own pool"
    panel_label(middle, f"{whose} [{unit}] at closes: equity against what it had to hold", size)
    _draw_since(below, ups, found, names, int(bars[-1]))
    panel_label(below, f"What was closed would have made since [{unit}], numbered in the order of closing", size)
    at = dates(np.array([found.time]))[0]
    for axes in (above, middle, below):
        axes.axvline(at, color=WARNING, linewidth=0.9, alpha=0.8, zorder=1)
    date_axis(below, int(market.open_time[bars[0]]), int(market.close_time[bars[-1]]), size=size)
    return figure


def worst_slot(found: CloseUp) -> int:
    """Return the slot with the largest loss of the instrument with the largest loss."""
    closings = found.closings
    lost = closings.groupby("symbol", sort=False)["loss"].sum()
    own = closings[closings["symbol"] == lost.index[int(lost.argmax())]]
    return int(own["slot"].iloc[int(own["loss"].argmax())])


def _short(comparison: Comparison) -> list[str]:
    """Return the symbol of each slot, as short as it can be."""
    symbols = [comparison.first.market.symbols[slot.instrument] for slot in comparison.first.scenario.slots]
    bases = [symbol.partition("/")[0] for symbol in symbols]
    return bases if len(set(bases)) == len(set(symbols)) else symbols


def _draw_prices(
    axes: Axes, comparison: Comparison, mode: str, found: CloseUp, slot: int, bars: NDArray[np.int64]
) -> str:
    """Draw an instrument's prices and lines, and return what is to be seen."""
    market, i = comparison.first.market, comparison.first.scenario.slots[slot].instrument
    time, mark = dates(market.close_time[bars]), market.mark_close[bars, i]
    low, high = market.mark_low[bars, i], market.mark_high[bars, i]
    edges = dates(np.append(market.open_time[bars], market.close_time[bars[-1]]))
    below, over = (np.append(each, each[-1]) for each in (low, high))
    axes.fill_between(edges, below, over, step="post", color=MUTED, alpha=0.22, linewidth=0, gid="range")
    axes.plot(time, mark, color=INK, linewidth=1.4, gid="mark")
    if not market.mark_is_trade[i]:
        axes.plot(time, market.close[bars, i], color=MUTED, linewidth=1.0, linestyle=(0, (3, 2)), gid="trade")
    labels = [(float(mark[-1]), "mark", INK)] if np.isfinite(mark[-1]) else []
    least, most = float(np.nanmin(low)), float(np.nanmax(high))
    room = NEAR * (most - least or abs(most) * 0.01)
    for each, run in comparison.results.items():
        style, line = look(each), run.liquidation_price[bars, slot]
        near = (line > least - room) & (line < most + room)
        if near.any():
            drawn = np.where(near, line, np.nan)
            axes.plot(
                time, drawn, color=style.colour, linewidth=1.3, linestyle=style.line, drawstyle="steps-post",
                marker=".", markersize=3, gid=f"line-{each}",
            )  # fmt: skip
            labels.append((float(drawn[near][-1]), f"{style.sign} {name_of(each)}", style.colour))
    lines = "liquidation lines" if len(labels) > 1 else "no liquidation line is near"
    at = found.closings[found.closings["slot"] == slot].iloc[0]
    axes.plot(
        dates(np.array([at["time"]])), [at["mark_price"]], linestyle="none", marker=look(mode).marker, markersize=8,
        color=look(mode).colour, markeredgecolor=PAPER, clip_on=False, zorder=5, gid="moment",
    )  # fmt: skip
    money_axis(axes)
    end_labels(axes, labels)
    return f"mark, shaded from low to high{'' if market.mark_is_trade[i] else '; dashed: trade'}; {lines}"


def _draw_pool(axes: Axes, ups: CloseUps, found: CloseUp, bars: NDArray[np.int64], colour: str) -> None:
    run, p = ups.result, found.pool
    time = dates(run.market.close_time[bars])
    equity, need = run.cash[bars, p] + run.pool_pnl[bars, p], np.array(run.pool_requirement[bars, p])
    if run.pool_kind[p] == "on_demand":  # without a position there is no such pool
        empty = run.pool_initial_margin[bars, p] <= 0.0
        equity, need = (np.where(empty, np.nan, each) for each in (equity, need))
    place = int(np.searchsorted(bars, found.bar))
    at = dates(np.array([found.time]))[0]
    time, equity = np.insert(time, place, at), np.insert(equity, place, found.equity)
    need = np.insert(need, place, np.nan if found.gap else found.equity)  # a pool that crosses its line is at it
    known = np.isfinite(equity) | (time != at)
    axes.plot(time[known], equity[known], color=colour, linewidth=1.5, marker=".", markersize=4, gid="equity")
    known = np.isfinite(need) | (time != at)
    style = (0, (3, 2))
    axes.plot(
        time[known], need[known], color=WARNING, linewidth=1.2, linestyle=style, marker=".", markersize=3,
        gid="requirement",
    )  # fmt: skip
    axes.axhline(0.0, color=MUTED, linewidth=0.6)
    money_axis(axes)
    before = [each for each in (equity[:place], need[:place]) if np.isfinite(each).any()]
    last = [float(each[np.isfinite(each)][-1]) for each in before]
    words = (("equity", colour), ("required", WARNING))
    end_labels(axes, [(at, name, shade) for at, (name, shade) in zip(last, words, strict=False)])


def _draw_since(axes: Axes, ups: CloseUps, found: CloseUp, names: list[str], until: int) -> None:
    market, worth = ups.result.market, ups.worth(found, until)
    time = dates(np.append(found.time, market.close_time[found.bar : until + 1]))
    closings = found.closings
    order = [*dict.fromkeys(closings["symbol"])]
    lost = closings.groupby("symbol")["loss"].sum()
    own = set(lost.sort_values(ascending=False, kind="stable").index[: LINES if len(order) > LINES + 1 else None])
    lines: dict[str, tuple[str, Floats]] = {}
    for place, symbol in enumerate(order, start=1):
        rows = np.flatnonzero(closings["symbol"] == symbol)
        words = f"{place} {names[int(closings['slot'].iloc[rows[0]])]}"
        key, label = (symbol, words) if symbol in own else ("others", f"others ({len(order) - len(own)})")
        before = lines[key][1] if key in lines else 0.0
        lines[key] = label, before + worth[rows].sum(axis=0)
    labels = []
    for place, (key, (label, value)) in enumerate(lines.items()):
        style = look_of_venue(place)
        curve = np.append(0.0, value)
        axes.plot(time, curve, color=style.colour, linewidth=1.4, linestyle=style.line, gid=f"since-{key}")
        known = curve[np.isfinite(curve)]
        labels.append((float(known[-1]), label, style.colour))
    axes.axhline(0.0, color=MUTED, linewidth=0.8)
    money_axis(axes)
    end_labels(axes, labels)
