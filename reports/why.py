"""Why the modes differ, as tables and sentences: attribution, contagion, and what isolation cost."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import pandas as pd

from backtester import text
from backtester.compare import Comparison
from backtester.comparing.verdict import name_of
from backtester.explaining.attribution import CLASSES, Attribution
from backtester.explaining.contagion import WITHIN as LATER
from backtester.explaining.contagion import Contagion
from backtester.explaining.isolation import IsolationPrice
from backtester.explaining.stretches import MONEY
from reports.tables import Row, Table

__all__ = [
    "Story",
    "attribution_name",
    "class_labels",
    "contagion_stories",
    "isolation_stories",
    "pair_table",
    "slot_labels",
    "sum_table",
]

MOST_ROWS = 100  # of a table on the page; the files beside it hold all
MOST_SYMBOLS = 12  # of a contagion matrix
MATRIX = "Who took whom down: a row for each culprit, a column for each victim [shares of closings]"
_MONEY = {name: name for name in MONEY} | {"liquidation_fees": "liquidation fees"}
_LABELS = {
    "same": "same in both",
    "first_liquidated": "liquidated in {0}, carried by {1}",
    "second_liquidated": "liquidated in {1}, spared by {0}",
    "both_liquidated": "liquidated in both, for different losses",
    "held_back": "cut or refused for want of margin",
    "open": "other trades, still open at the end",
    "other": "other size or exit",
}


class Story(NamedTuple):
    """What a section of the page says of one mode.

    Parameters
    ----------
    mode : str
        Its name for people.
    said : list of str
        Sentences.
    tables : list of (str, Table)
        Captions and tables.
    """

    mode: str
    said: list[str]
    tables: list[tuple[str, Table]]


def class_labels(modes: tuple[str, str]) -> dict[str, str]:
    """Return the classes of an attribution in words."""
    return {name: _LABELS[name].format(*map(name_of, modes)) for name in CLASSES}


def attribution_name(comparison: Comparison, other: str) -> str:
    """Return what chart and file of the attribution against a mode are called; the second one is the usual one."""
    return "attribution" if other == comparison.modes[1] else f"attribution-{other}"


def sum_table(found: Attribution) -> Table:
    """Return the classes that occur with their sums, and the total."""
    parts = [name for name in MONEY if found.sums[name].abs().max() > 0.0]
    labels, rows = class_labels(found.modes), []
    most = float(found.sums[["difference", *parts]].abs().to_numpy().max())
    for name, sums in found.sums[found.sums["pairs"] > 0].iterrows():
        cells = [f"{int(sums['pairs']):,}", *(_signed(sums[part], most) for part in ("difference", *parts))]
        rows.append(Row(str(name), labels[str(name)], "", "", tuple(cells)))
    total = found.sums.sum()
    cells = [f"{int(total['pairs']):,}", *(_signed(total[part], most) for part in ("difference", *parts))]
    rows.append(Row("total", "difference in final equity", "", "", tuple(cells)))
    return Table(("pairs", "difference", *(_MONEY[part] for part in parts)), tuple(rows))


def pair_table(found: Attribution, comparison: Comparison) -> Table:
    """Return the pairs that differ most, what became of each in either account, and their differences."""
    first, second = found.modes
    labels, names = class_labels(found.modes), slot_labels(comparison)
    apart = found.pairs[found.pairs["class"] != "same"]
    largest = apart.reindex(apart["difference"].abs().sort_values(ascending=False, kind="stable").index)[:MOST_ROWS]
    rows = []
    for _, pair in largest.iterrows():
        cells = [_when(pair["opened"]), _when(pair["closed"]), labels[pair["class"]]]
        for mode in (first, second):
            cells += [_word(pair[f"end_{mode}"]), _signed(pair[f"net_{mode}"])]
        rows.append(Row("", names[pair["slot"]], "", "", (*cells, _signed(pair["difference"]))))
    one, other = name_of(first), name_of(second)
    header = ("opened", "flat in both", "what happened", f"end, {one}", one, f"end, {other}", other, "difference")
    return Table(header, tuple(rows))


def contagion_stories(comparison: Comparison) -> list[Story]:
    """Return, for each mode whose shared pools were liquidated, who took whom down."""
    return [
        Story(name_of(mode), _contagion_said(found), _contagion_tables(found, comparison))
        for mode, found in comparison.contagion.items()
        if found.liquidations
    ]


def _contagion_said(found: Contagion) -> list[str]:
    closings = found.closings
    victims = closings[closings["role"] == "victim"]
    shared = text.counted(found.liquidations, "liquidation of a shared pool", "liquidations of shared pools")
    said = [f"{shared} closed {text.counted(len(closings), 'position')}."]
    if not len(victims):
        return [*said, "None of them was a victim: alone, each would have been liquidated too."]
    spared, gained = int((victims["elsewhere"] == "held").sum()), int((victims["later"] > 0.0).sum())
    elsewhere = f"; the other account still held {spared:,} of them" if victims["elsewhere"].any() else ""
    said.append(
        f"{text.counted(len(victims), 'victim')} would have stood alone{elsewhere}. "
        f"In the {LATER} bars after, {gained:,} would have gained."
    )
    return said


def _contagion_tables(found: Contagion, comparison: Comparison) -> list[tuple[str, Table]]:
    tables = []
    matrix = found.matrix.iloc[:MOST_SYMBOLS, :MOST_SYMBOLS]
    if matrix.size:
        rows = [
            Row("", str(culprit), "", "", tuple(f"{share:.2f}" if share else "" for share in shares))
            for culprit, shares in zip(matrix.index, matrix.to_numpy(), strict=True)
        ]
        tables.append((MATRIX, Table(tuple(map(str, matrix)), tuple(rows))))
    unit = comparison.currency
    later = f"{LATER} bars later [{unit}]"
    header = ("time", "role", "blame", f"loss [{unit}]", f"room alone [{unit}]", later, "other account")
    ordered = found.closings.sort_values("loss", ascending=False, kind="stable")[:MOST_ROWS]
    rows, names = [], slot_labels(comparison)
    for _, each in ordered.iterrows():
        share = text.percent(each["blame"]) if each["blame"] else ""
        money = (text.money(each["loss"]), _signed(each["room"]), _signed(each["later"]))
        cells = (_when(each["time"]), each["role"], share, *money, each["elsewhere"])
        rows.append(Row("", names[each["slot"]], "", "", cells))
    return [*tables, ("Positions closed, the largest loss first", Table(header, tuple(rows)))]


def isolation_stories(comparison: Comparison) -> list[Story]:
    """Return, for each mode with isolated positions, what isolation cost."""
    unit = comparison.currency
    return [
        Story(name_of(mode), _isolation_said(found, unit), _block_tables(found, comparison))
        for mode, found in comparison.isolation.items()
        if found.blocks_peak or len(found.blocks)
    ]


def _isolation_said(found: IsolationPrice, unit: str) -> list[str]:
    said, blocks = [], found.blocks
    if len(blocks):
        said.append(
            f"{text.counted(len(blocks), 'block')} ended by liquidation, {found.came_back:,} of them early: the mark "
            f"was back at the entry within {found.within} bars{_came_to(found.came_back_net, unit)}."
        )
        eaten = float(blocks["funding_share"].max())
        if eaten > 0.0:
            paid = float(-blocks["funding"].clip(upper=0.0).sum())
            said.append(
                f"Funding took {text.money(paid)} {unit} of them, at most {text.percent(eaten)} of what was posted "
                "to one."
            )
    if not math.isnan(found.idle_mean):
        said.append(
            f"Idle in blocks, beyond what their positions required: {text.money(found.idle_mean)} {unit} on average, "
            f"{text.money(found.idle_peak)} at most. Blocks to watch at once: {found.blocks_mean:.1f} on average, "
            f"{found.blocks_peak:,} at most."
        )
    if found.top_ups:
        said.append(
            f"{text.counted(found.top_ups, 'automatic top-up')} moved {text.money(found.topped_up)} {unit}; "
            f"{text.money(found.topped_up_lost)} of that went to blocks that were liquidated all the same."
        )
    return said


def _came_to(net: float, unit: str) -> str:
    if not net:
        return ""
    return f"; these {'lost' if net < 0.0 else 'made'} {text.money(abs(net))} {unit}"


def _block_tables(found: IsolationPrice, comparison: Comparison) -> list[tuple[str, Table]]:
    blocks = found.blocks[found.blocks["back_after"].notna()].sort_values("net", kind="stable")[:MOST_ROWS]
    if not len(blocks):
        return []
    unit, names, rows = comparison.currency, slot_labels(comparison), []
    header = ("time", "side", "entry", "liquidated at", "back after [bars]", f"posted [{unit}]", f"net [{unit}]")
    for _, each in blocks.iterrows():
        prices = (f"{each['entry_price']:.8g}", f"{each['mark_price']:.8g}", f"{each['back_after']:.0f}")
        money = (text.money(each["posted"]), _signed(each["net"]))
        rows.append(Row("", names[each["slot"]], "", "", (_when(each["time"]), each["side"], *prices, *money)))
    return [("Early closings, the most expensive first", Table(header, tuple(rows)))]


def slot_labels(comparison: Comparison) -> dict[str, str]:
    """Return slots without the first words that all of them share."""
    names = comparison.first.slot_names
    return dict(zip(names, text.distinct(names), strict=True))


def _signed(number: Any, beside: float = 0.0) -> str:
    return text.money(float(number), signed=True, beside=beside)


def _when(time: pd.Timestamp) -> str:
    return text.UNDEFINED if pd.isna(time) else text.moment(int(time.value))


def _word(kind: str) -> str:
    return kind.replace("_", " ")
