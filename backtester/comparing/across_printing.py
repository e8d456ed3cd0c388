"""A comparison across venues as plain text: one table of the chief numbers, then all numbers, venue by venue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from backtester import text
from backtester.comparing.across_verdict import AT
from backtester.comparing.printing import GAP, SYNTHETIC, all_notes, facts, interval, interval_head
from backtester.comparing.summary import MEASURE, formatted, shown, unit, value
from backtester.comparing.verdict import name_of

if TYPE_CHECKING:
    from backtester.comparing.across import AccountComparison

__all__ = [
    "HOW_SURE",
    "ONE_MARKET",
    "bars",
    "interval_rows",
    "metrics_blocks",
    "notes",
    "overview_rows",
    "partings",
    "printed",
    "title",
]

Rows = tuple[list[str], list[list[str]]]

ONE_MARKET = {
    "venue": "Prices, funding and orders are the same at every venue: what differs is the venues' rules, tiers, fees "
    "and lots.",
    "leverage": "Prices, funding, orders and rules are the same at every leverage: what differs is the margin behind a "
    "position. Positions that ask for a leverage of their own keep it.",
}
HOW_SURE = "Each account less the first, on the market itself and on markets drawn from it"
NOT_DRAWN = "compare --draws N says how sure these differences are."
_OVERVIEW = {
    "final_equity": "final equity",
    "max_drawdown_in_bars": "drawdown\ninside bars",
    "liquidations": "liqui-\ndations",
    "liquidation_loss": "lost in\nthem",
    "fees": "fees",
}


def printed(result: AccountComparison) -> str:
    """Return the report as text of at most 100 columns, unless one venue alone takes more."""
    head = text.wrapped(title(result)).split("\n")
    parts = ["\n".join([*head, "=" * max(len(line) for line in head)])]
    if result.first.market.synthetic:
        parts.append(SYNTHETIC)
    parts.append("\n".join(text.wrapped(said, first=f"{key:<9}", indent=" " * 9) for key, said in facts(result)))
    parts.append(text.wrapped(result.verdict))
    parts.append(text.table(*overview_rows(result)))
    parts.append("All numbers")
    parts += [text.table(*block) for block in metrics_blocks(result, text.WIDTH - GAP)]
    if result.intervals:
        parts += [HOW_SURE, text.table(*interval_rows(result))]
    for heading, said in (("Where the modes part", partings(result)), ("What the bars hide", bars(result))):
        parts += [_listed(heading, said)] if said else []
    return "\n\n".join([*parts, _listed("Notes", notes(result))])


def _listed(heading: str, said: Iterable[str]) -> str:
    return "\n".join([heading, *(text.wrapped(each, first="  * ", indent="    ") for each in said)])


def title(result: AccountComparison) -> str:
    """Return strategy, modes and venues in one line."""
    modes = " against ".join(name_of(mode) for mode in result.modes)
    return f"{result.first.strategy}: {modes} {AT[result.axis]} {text.joined(result.names)}"


def overview_rows(result: AccountComparison) -> Rows:
    """Return the header and the rows of the chief numbers: a row for each venue and mode."""
    units = {key: unit(key, result.currency) for key in _OVERVIEW}
    header = ["", *(f"{label}\n[{units[key]}]" if units[key] else label for key, label in _OVERVIEW.items())]
    rows = [
        [f"{venue}, {name_of(mode)}", *(formatted(key, value(each.metrics, key, mode)) for key in _OVERVIEW)]
        for venue, each in result.items()
        for mode in each.modes
    ]
    return header, rows


def metrics_blocks(result: AccountComparison, width: int) -> list[Rows]:
    """Return all metrics as tables of whole venues, as many in each as fit into `width` characters.

    Parameters
    ----------
    result : AccountComparison
    width : int
        Of a table's widest line; a single venue may take more.
    """
    measures = shown(*(each.metrics for each in result.values()))
    labels = [_label(measure.label, unit(measure.key, result.currency)) for measure in measures]
    left = max(map(len, labels))
    taken, blocks = width, list[list[list[str]]]()
    for venue, each in result.items():
        columns = [
            [f"{venue}\n{name_of(mode)}", *(formatted(m.key, value(each.metrics, m.key, mode)) for m in measures)]
            for mode in each.modes
        ]
        wide = sum(GAP + max(len(line) for cell in column for line in cell.split("\n")) for column in columns)
        if taken + wide > width:
            blocks.append([])
            taken = left
        blocks[-1] += columns
        taken += wide
    return [_table(labels, block) for block in blocks]


def _label(label: str, symbol: str) -> str:
    return f"{label} [{symbol}]" if symbol else label


def _table(labels: list[str], columns: list[list[str]]) -> Rows:
    header, *rows = zip(["", *labels], *columns, strict=True)
    return list(header), [list(row) for row in rows]


def interval_rows(result: AccountComparison) -> Rows:
    """Return the header and the rows of each account's difference to the first, with its interval; none without draws.

    A row for each account and measure.
    """
    first, rows = result.accounts[0], list[list[str]]()
    for (name, mode), bands in result.intervals.items():
        rows.append([f"{name}, {name_of(mode)}", "", ""])
        for key, band in bands.items():
            own = value(result[name].metrics, key, mode) - value(result[first[0]].metrics, key, first[1])
            label = _label(MEASURE[key].label, unit(key, result.currency))
            rows.append([f"  {label}", formatted(key, own, difference=True), interval(key, band.low, band.high)])
    less = f"less {first[0]},\n{name_of(first[1])}"
    return ["", less, interval_head(result[first[0]])], rows


def partings(result: AccountComparison) -> list[str]:
    """Return where the modes part at each venue."""
    found = [(venue, parting) for venue, each in result.items() for parting in each.partings.values()]
    return [f"{venue}{', ' if parting.bar >= 0 else ': '}{parting}" for venue, parting in found]


def bars(result: AccountComparison) -> list[str]:
    """Return what the path inside the bars could turn at each venue."""
    return _shared(result, {venue: filter(None, [each.band_verdict]) for venue, each in result.items()})


def notes(result: AccountComparison) -> list[str]:
    """Return what every venue's report notes, and then what some do, with their names."""
    said = _shared(result, {venue: all_notes(each) for venue, each in result.items()}, plain=True)
    return [ONE_MARKET[result.axis], *said, *([] if result.intervals else [NOT_DRAWN])]


def _shared(result: AccountComparison, said: dict[str, Iterable[str]], *, plain: bool = False) -> list[str]:
    """Return sentences with the names of the venues that say them.

    With `plain`, those of all venues go first and without names, and those that name their venue themselves as well.
    """
    by: dict[str, list[str]] = {}
    for venue, sentences in said.items():
        for sentence in dict.fromkeys(sentences):
            by.setdefault(sentence, []).append(venue)
    if plain:
        by = dict(sorted(by.items(), key=lambda each: len(each[1]) < len(result)))
    return [
        sentence
        if plain and (len(venues) == len(result) or venues[0] in sentence)
        else f"{text.joined(venues)}: {sentence}"
        for sentence, venues in by.items()
    ]
