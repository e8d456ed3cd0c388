"""The timeline of liquidations and top-ups: a row per slot, a mark for each, the loss as its area."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from backtester import text
from backtester.compare import Comparison
from backtester.comparing.verdict import name_of
from backtester.schema import ADD_MARGIN, AUTO_TOP_UP, EVENT_KINDS, LIQUIDATION
from reports import findings
from reports.canvas import WIDE, Size, canvas, date_axis, dates
from reports.downsample import columns_of
from reports.palette import MUTED, PAPER, look

if TYPE_CHECKING:
    from backtester.result import Result

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

__all__ = ["legend_of_marks", "liquidation_chart"]

MOST_DOTS = 1_200  # in the timeline, so that its file stays small
MOST_ROWS = {"wide": 24, "narrow": 14}  # in the timeline; what is beyond shares the last one
LARGEST = 110.0  # area of the largest loss's mark, beside the least [pt^2]: modes share a row without touching
ADDED = {  # kind of event: matplotlib's letter for its mark, the mark as a character, and what it is
    AUTO_TOP_UP: ("P", "\u271a", "automatic\u00a0top-ups"),
    ADD_MARGIN: ("+", "+", "margin\u00a0added\u00a0by\u00a0hand"),
}
MARKED = (LIQUIDATION, *ADDED)
LETTERS = {"wide": 20, "narrow": 13}  # of a row's label


def legend_of_marks(comparison: Comparison) -> str:
    """Return the part of a sub-title that says which mark is which mode's; empty without liquidations."""
    signs = [
        f"{look(mode).sign}\u00a0{name_of(mode)}"
        for mode, run in comparison.results.items()
        if run.totals["liquidations"]
    ]
    return "; liquidations:\u00a0" + ",\u00a0".join(signs) if signs else ""


def _legend_of_added(comparison: Comparison) -> str:
    """Return the part of a sub-title that says how margin that was added is marked; empty where none was."""
    kinds = {kind for run in comparison.results.values() for kind in run.events["kind"].tolist()}
    said = [f"{sign}\u00a0{words}" for kind, (_, sign, words) in ADDED.items() if kind in kinds]
    return f"; {', '.join(said)}" if said else ""


def liquidation_chart(comparison: Comparison, size: Size = WIDE) -> Figure:
    """Draw when each slot was liquidated in each mode, the area of a mark growing with the loss, and topped up.

    Marks carry the gid ``timeline-<mode>``, those of margin that was added ``auto_top_up-<mode>`` and
    ``add_margin-<mode>``. Liquidations of a slot too close to tell apart share one mark with their sum. Where slots are
    too many there is a row per symbol; symbols beyond the most that fit share the last row.
    """
    rows = _rows(comparison, size)
    market = comparison.first.market
    what = "Liquidations of each slot" if all(len(slots) == 1 for _, slots in rows) else "Liquidations by symbol"
    figure, (axes,) = canvas(
        size,
        findings.liquidations(comparison),
        f"{what}; the larger the mark, the larger the loss{legend_of_marks(comparison)}{_legend_of_added(comparison)}",
        synthetic=market.synthetic,
        height=1.5 + max(0.34, 0.16 * len(comparison.modes)) * max(len(rows), 3) if rows else 2.4,
        left=1.35 if size.narrow else 1.75,
    )
    date_axis(axes, int(market.open_time[0]), int(market.close_time[-1]), size=size)
    axes.grid(visible=False)
    axes.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [label for label, _ in rows])
    if not rows:
        axes.text(
            0.5, 0.5, "no liquidation", transform=axes.transAxes, color=MUTED, fontsize=11, ha="center", va="center"
        )
    for level in range(len(rows)):
        axes.axhline(level, color=MUTED, linewidth=0.5, alpha=0.35, zorder=0)
    slots_of = [slots for _, slots in rows]
    dots, place = _dots(comparison, slots_of, size, LIQUIDATION), _places(comparison)
    own = [loss[row < MOST_ROWS[size.name] - 1] for _, row, loss in dots.values()]  # not the row of all others
    largest = max((float(loss.max()) for loss in own if loss.size), default=1.0)
    for mode, (time, row, loss) in dots.items():
        axes.scatter(
            time, row + place[mode], s=_areas(loss, largest), color=look(mode).colour,
            marker=look(mode).marker, alpha=0.85, edgecolors=PAPER, linewidths=0.7, clip_on=False, zorder=3,
            gid=f"timeline-{mode}",
        )  # fmt: skip
    for kind, (marker, *_) in ADDED.items():
        for mode, (time, row, _) in _dots(comparison, slots_of, size, kind).items():
            axes.scatter(
                time, row + place[mode], s=30.0, color=look(mode).colour, marker=marker, clip_on=False, zorder=4,
                edgecolors=None if marker == "+" else PAPER, linewidths=0.9, gid=f"{EVENT_KINDS[kind]}-{mode}",
            )  # fmt: skip
    for level, slots in enumerate(slots_of):
        _write_losses(axes, comparison, level, slots)
    if any(run.totals["liquidations"] for run in comparison.results.values()):
        axes.annotate(
            f"lost [{comparison.currency}]", (1.0, 1.0), xytext=(9, 2), xycoords="axes fraction",
            textcoords="offset points", color=MUTED, fontsize=8, va="bottom", annotation_clip=False, parse_math=False,
        )  # fmt: skip
    return figure


def _places(comparison: Comparison) -> dict[str, float]:
    """Return how far above or below its row each mode with any mark is drawn: on the line of its sum at the right."""
    marked = [mode for mode, run in comparison.results.items() if np.isin(run.events["kind"], MARKED).any()]
    return {mode: 0.84 * ((k + 0.5) / len(marked) - 0.5) for k, mode in enumerate(marked)}


def _areas(loss: Floats, largest: float) -> Floats:
    """Return areas of marks [pt^2]: one that can be seen, and what is proportional to the loss."""
    return 14.0 + LARGEST * np.clip(loss / max(largest, 1e-300), 0.0, 1.0)


def _amounts(run: Result, kind: np.int64) -> tuple[Ints, Ints, Floats]:
    """Return bar, slot and money of each event of a kind: what was lost, or added."""
    events = run.events[run.events["kind"] == kind]
    sign = -1.0 if kind == LIQUIDATION else 1.0
    return events["bar"].astype(np.int64), events["slot"].astype(np.int64), sign * events["amount"]


def _rows(comparison: Comparison, size: Size) -> list[tuple[str, list[int]]]:
    """Return label and slots of each row, the greatest loss first; a row per symbol if slots are too many."""
    run, most = comparison.first, MOST_ROWS[size.name]
    hit = np.zeros(len(run.slot_names), dtype=bool)
    loss_of = np.zeros(hit.size)
    for each in comparison.results.values():
        _, slot, loss = _amounts(each, LIQUIDATION)
        np.add.at(loss_of, slot, loss)
        hit[each.events["slot"][np.isin(each.events["kind"], MARKED)]] = True
    names = _labels(run.slot_names, LETTERS[size.name])
    rows = [(names[j], [int(j)]) for j in np.flatnonzero(hit)]
    if len(rows) > most:
        symbols = _labels(run.market.symbols, LETTERS[size.name])
        members: dict[int, list[int]] = {}
        for _, (j,) in rows:
            members.setdefault(run.scenario.slots[j].instrument, []).append(j)
        rows = [(symbols[instrument], slots) for instrument, slots in members.items()]
    rows.sort(key=lambda row: -loss_of[row[1]].sum())
    if len(rows) <= most:
        return rows
    rest = rows[most - 1 :]
    return [*rows[: most - 1], (f"{len(rest)} others", [j for _, slots in rest for j in slots])]


def _labels(names: tuple[str, ...], most: int) -> list[str]:
    """Return names for an axis: without first words and currencies that all share, cut in the middle, no formulas."""
    told = text.distinct(names)
    if len({name.partition("/")[2] for name in told}) == 1:  # all in one currency, as in BTC/USDT:USDT
        told = [name.partition("/")[0] for name in told]
    cut = [
        name if len(name) <= most else f"{name[: most // 2]}\u2026{name[-(most // 2 - 1) :]}" for name in told
    ]
    return [name.replace("$", r"\$") for name in cut]


def _dots(
    comparison: Comparison, rows: list[list[int]], size: Size, kind: np.int64
) -> dict[str, tuple[Floats, Floats, Floats]]:
    """Return time, row and money of each mark by mode, neighbours joined until they are few enough."""
    row_of = {slot: row for row, slots in enumerate(rows) for slot in slots}
    columns = size.columns // 4
    while True:
        out = {mode: _joined(run, row_of, columns, kind) for mode, run in comparison.results.items()}
        out = {mode: dots for mode, dots in out.items() if dots[0].size}
        if columns <= 8 or sum(time.size for time, *_ in out.values()) <= MOST_DOTS:
            return out
        columns //= 2


def _joined(run: Result, row_of: dict[int, int], columns: int, kind: np.int64) -> tuple[Floats, Floats, Floats]:
    bar, slot, money = _amounts(run, kind)
    time = dates(run.market.close_time)
    row = np.array([row_of[int(j)] for j in slot], dtype=np.int64)
    cell = row * (columns + 1) + columns_of(time, columns)[bar]
    _, first, group = np.unique(cell, return_index=True, return_inverse=True)
    total = np.zeros(first.size)
    np.add.at(total, group, money)
    return time[bar[first]], row[first].astype(np.float64), total


def _write_losses(axes: Axes, comparison: Comparison, row: int, slots: list[int]) -> None:
    for mode, place in _places(comparison).items():
        _, slot, loss = _amounts(comparison.results[mode], LIQUIDATION)
        own = loss[np.isin(slot, slots)]
        if not own.size:
            continue
        words = f"{look(mode).sign} {text.money(float(own.sum()))}"
        axes.annotate(
            words, (1.0, row + place), xytext=(9, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
            color=look(mode).colour, fontsize=8, va="center", annotation_clip=False,
        )  # fmt: skip
