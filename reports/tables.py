"""The tables of a report as cells of text: percent, units and signs are added here and nowhere below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from backtester.compare import Comparison
from backtester.comparing.printing import band_rows, interval_head, intervals, strategy_blocks
from backtester.comparing.summary import formatted, shown, unit, value
from backtester.comparing.verdict import name_of

__all__ = ["Row", "Table", "band_table", "metrics_table", "strategy_table", "table_of"]

_GROUPS = (
    ("Outcome", "final_equity"),
    ("Risk", "max_drawdown"),
    ("Liquidation", "liquidations"),
    ("Margin", "peak_margin"),
    ("Costs and orders", "fees"),
)


class Row(NamedTuple):
    """A line of a table.

    Parameters
    ----------
    key : str
        The metric, or what else tells rows apart.
    label, unit, note : str
        For people; the note explains the label.
    cells : tuple of str
        One per column.
    group : str
        Heading above this row; empty if it goes on.
    """

    key: str
    label: str
    unit: str
    note: str
    cells: tuple[str, ...]
    group: str = ""


class Table(NamedTuple):
    """A header, without the column of labels, and rows."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]


def metrics_table(comparison: Comparison, beside: Iterable[Comparison] = ()) -> Table:
    """Return the metrics as cells: one column per mode, and the difference when there are two.

    Comparisons whose tables stand `beside` this one have the same rows: a rare one that any of them needs.
    """
    table, modes = comparison.metrics, comparison.modes
    names = [name_of(mode) for mode in modes]
    groups = {key: heading for heading, key in _GROUPS}
    two, sampled = "difference" in table, intervals(comparison)
    rows = []
    for measure in shown(table, *(each.metrics for each in beside)):
        cells = [formatted(measure.key, value(table, measure.key, mode)) for mode in modes]
        if two:
            cells.append(formatted(measure.key, value(table, measure.key, "difference"), difference=True))
        cells += [sampled.get(measure.key, "")] if sampled else []
        symbol = unit(measure.key, comparison.currency)
        rows.append(Row(measure.key, measure.label, symbol, measure.note, tuple(cells), groups.get(measure.key, "")))
    header = (*names, *([f"{names[0]} \u2212 {names[1]}"] if two else []))
    return Table((*header, *([interval_head(comparison).replace("\n", " ")] if sampled else [])), tuple(rows))


def band_table(comparison: Comparison) -> Table:
    """Return what each path inside the bars makes of each mode as cells, and of the difference when there are two."""
    header, rows = band_rows(comparison)
    cells = [Row("", label, "", "", tuple(cells)) for label, *cells in rows]
    return Table(tuple(header[1:]), (*cells, *_band_differences(comparison)))


def _band_differences(comparison: Comparison) -> list[Row]:
    if len(comparison.modes) != 2:
        return []
    band, name = comparison.band, " \u2212 ".join(map(name_of, comparison.modes))
    first, second = (band[band.index.get_level_values("mode") == mode] for mode in comparison.modes)
    paths = first.index.get_level_values("path").tolist()
    rows = []
    for path, numbers in zip(paths, (first.to_numpy() - second.to_numpy()).tolist(), strict=True):
        cells = [formatted(str(key), each, difference=True) for key, each in zip(band, numbers, strict=True)]
        rows.append(Row("", f"{name}, {path}", "", "", tuple(cells)))
    return rows


def strategy_table(comparison: Comparison) -> Table:
    """Return what each strategy earned and used as cells, under a heading for each mode."""
    header, blocks = strategy_blocks(comparison)
    rows = [
        Row("", name, "", "", tuple(cells), "" if k else mode)
        for mode, block in blocks.items()
        for k, (name, *cells) in enumerate(block)
    ]
    return Table(_heads(header), tuple(rows))


def table_of(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a printed table as cells; a row of which only the label says something is a heading.

    A label that stands farther in than others keeps that, in spaces that no reader's program drops.
    """
    out, group, lines = list[Row](), "", [list(row) for row in rows]
    least = min((_inside(label) for label, *cells in lines if any(cells)), default=0)
    for label, *cells in lines:
        if not any(cells):
            group = label
            continue
        words = "\u00a0" * 2 * (_inside(label) - least) + label.strip()
        out.append(Row("", words, "", "", tuple(cells), group))
        group = ""
    return Table(_heads(header), tuple(out))


def _inside(label: str) -> int:
    return len(label) - len(label.lstrip())


def _heads(header: Sequence[str]) -> tuple[str, ...]:
    """Return the heads of the columns after the first, each in one line."""
    return tuple(cell.replace("-\n", "").replace("\n", " ") for cell in header[1:])
