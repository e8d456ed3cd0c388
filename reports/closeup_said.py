"""What a close-up says in words, and its table: the order of closing, and what the other account did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester import text
from backtester.compare import Comparison
from backtester.comparing.verdict import name_of
from backtester.explaining.closeup import CloseUp, Fate
from backtester.explaining.contagion import WITHIN
from reports.closeup import Shown, close_up_finding, worst_slot
from reports.tables import Row, Table
from reports.why import slot_labels

if TYPE_CHECKING:
    from reports.page import Picture

__all__ = ["CloseUpStory", "close_up_stories", "close_ups_said"]

MOST_ROWS = 30  # of a table; the parquet beside the page has every closing
_ENDS = {
    "fill": "closed by an order",
    "limit": "closed by a limit order",
    "liquidation": "liquidated",
    "open": "open at the end",
    "stop": "stopped",
    "take_profit": "closed by a take-profit",
    "trailing_stop": "closed by a trailing stop",
}


class CloseUpStory(NamedTuple):
    """What the page shows of one liquidation: a heading, sentences, the chart, and a table with its caption.

    Its place in the panels is the ``time`` [ms UTC] and the ``instrument`` that lost most.
    """

    heading: str
    time: int
    instrument: int
    said: list[str]
    picture: Picture
    caption: str
    table: Table


def close_up_stories(comparison: Comparison, shown: Sequence[Shown], pictures: Sequence[Picture]) -> list[CloseUpStory]:
    """Return the close-ups of a page, in the order of `shown`; each needs its picture."""
    by_name = {picture.name: picture for picture in pictures}
    return [_story(comparison, each, by_name[each.name]) for each in shown]


def close_ups_said(comparison: Comparison, shown: Sequence[Shown]) -> str:
    """Say how many of the liquidations are shown, and how to see others; empty where there is none."""
    total = sum(map(len, comparison.close_ups.values()))
    if not total:
        return ""
    one = "of positions in one symbol and bar, the largest"
    few = f"The largest losses of each mode, {len(shown)} of {total:,} ({one}). " if len(shown) < total else ""
    return (
        f"{few}A liquidation is all that closed positions of one pool in one bar. Every one has a close-up on request: "
        "compare --close-ups N, or close_up_chart(comparison, mode, number) of reports.closeup."
    )


def _story(comparison: Comparison, shown: Shown, picture: Picture) -> CloseUpStory:
    ups = comparison.close_ups[shown.mode]
    found = ups.of(shown.number)
    other = next((mode for mode in comparison.modes if mode != shown.mode), "")
    worth = ups.worth(found, min(found.bar + WITHIN, comparison.first.market.n_bars - 1))
    said = [
        _closing(comparison, shown.mode, found),
        *([_meanwhile(found, other, comparison.currency)] if other else []),
        _later(np.nansum(worth, axis=0), comparison.currency),
    ]
    rows = min(len(found.closings), MOST_ROWS)
    of = f"the first {rows} of {len(found.closings):,}" if rows < len(found.closings) else "in their order"
    return CloseUpStory(
        close_up_finding(comparison, *shown),
        found.time // 1_000_000,
        comparison.first.scenario.slots[worst_slot(found)].instrument,
        said,
        picture,
        f"Closings, {of}",
        _table(comparison, found, other),
    )


def _closing(comparison: Comparison, mode: str, found: CloseUp) -> str:
    """Say what was liquidated, when, and what the pool had then."""
    names, closings, unit = slot_labels(comparison), found.closings, comparison.currency
    moments = closings["time"].nunique()
    pool = "The shared pool" if found.shared else f"The block of {names[closings['name'].iloc[0]]}"
    where = "behind a gap, at the open" if found.gap else "inside the bar"
    at = f"{text.moment(int(comparison.first.market.open_time[found.bar]))} UTC"
    had = f" with {text.money(found.equity)} {unit} left in it" if np.isfinite(found.equity) else ""
    said = f"{pool} in {name_of(mode)} met its line {where} of {at}{had}."
    if len(closings) == 1:
        return f"{said} Closing it took {text.money(found.loss)} {unit}."
    first, last = (names[closings["name"].iloc[k]] for k in (0, -1))
    steps = "at once" if moments == 1 else f"in {moments} steps"
    took = f"{text.counted(len(closings), 'closing')} {steps} took {text.money(found.loss)} {unit}"
    return f"{said} {took}: {first} first, {last} last."


def _meanwhile(found: CloseUp, other: str, unit: str) -> str:
    """Say what the other account did with the same positions."""
    fates = [fate for fate, fresh in zip(found.fates, ~found.closings["slot"].duplicated(), strict=True) if fresh]
    count = Counter(fate.what for fate in fates)
    name, parts = name_of(other).capitalize(), list[str]()
    whose = "it" if len(fates) == 1 else "of them"
    if count["held"]:
        pnl = sum(fate.pnl for fate in fates if fate.what == "held")
        parts.append(f"still held {_some(count['held'], whose)} ({text.money(pnl, signed=True)} {unit} unrealised)")
    if count["liquidated"]:
        parts.append(f"had lost {_some(count['liquidated'], whose)} by liquidation{_when(fates)}")
    if count["closed"]:
        parts.append(f"had closed {_some(count['closed'], whose)}")
    if count["never"]:
        parts.append(f"had never opened {_some(count['never'], whose)}")
    said = f"{name} {text.joined(parts)}."
    if not count["held"]:
        return said
    ends = Counter(_ENDS.get(fate.end, fate.end) for fate in fates if fate.what == "held")
    net = sum(fate.net for fate in fates if fate.what == "held")
    came = next(iter(ends)) if len(fates) == 1 else ", ".join(f"{n} {end}" for end, n in ends.most_common())
    return f"{said} What became of that: {came}, {text.money(net, signed=True)} {unit} in all."


def _some(count: int, whose: str) -> str:
    return whose if whose == "it" else f"{count} {whose}"


def _when(fates: list[Fate]) -> str:
    before = sorted(-fate.bars for fate in fates if fate.what == "liquidated")
    if before[-1] == 0:
        return " in the same bar"
    most = text.counted(before[-1], "bar")
    return f" {most} before" if before[0] == before[-1] else f", up to {most} before"


def _later(worth: NDArray[np.float64], unit: str) -> str:
    """Say what the closed parts would have made since, at the close of each bar; the first is the bar itself."""
    if len(worth) < 2:
        return "The run ends in that bar."
    end, low, high = float(worth[-1]), float(worth.min()), float(worth.max())
    way = f"between {text.money(low, signed=True)} and {text.money(high, signed=True)} at the closes on the way"
    made = f"{text.money(end, signed=True)} {unit} in the {text.counted(len(worth) - 1, 'bar')} after"
    return f"Had it been kept, what was closed would have made {made}, {way}."


def _table(comparison: Comparison, found: CloseUp, other: str) -> Table:
    unit, names, rows = comparison.currency, slot_labels(comparison), list[Row]()
    header = ["at", "side", "part closed", "entry", "mark then", f"loss [{unit}]", f"{WITHIN} bars later [{unit}]"]
    for place, each in enumerate(found.closings.to_dict("records")[:MOST_ROWS]):
        part = each["closed"] / each["held"] if each["held"] else 1.0
        cells = [
            text.moment(each["time"])[11:],
            "long" if each["closed"] > 0.0 else "short",
            f"{part:.0%}".replace("%", " %"),
            f"{each['entry_price']:.8g}",
            f"{each['mark_price']:.8g}",
            text.money(each["loss"]),
            text.money(each["later"], signed=True),
            *([_fate(found.fates[place])] if other else []),
        ]
        rows.append(Row("", f"{place + 1}. {names[each['name']]}", "", "", tuple(cells)))
    return Table((*header, *([f"in {name_of(other)}"] if other else [])), tuple(rows))


def _fate(fate: Fate) -> str:
    if fate.what == "never":
        return "never opened"
    end = _ENDS.get(fate.end, fate.end)
    if fate.what != "held":
        return f"{end} {'in the same bar' if not fate.bars else text.counted(-fate.bars, 'bar') + ' before'}"
    after = f" {text.counted(fate.bars, 'bar')} later" if fate.bars else " in the same bar"
    return f"held; {end}{after if fate.end != 'open' else ''}, {text.money(fate.net, signed=True)}"
