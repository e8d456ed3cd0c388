"""The page and the chart of several venues; each venue's own page lies in a folder of its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import quote

from matplotlib.figure import Figure

from backtester import text
from backtester.comparing import across_printing
from backtester.comparing.across import AccountComparison
from backtester.comparing.across_verdict import AT
from backtester.comparing.printing import facts
from backtester.comparing.verdict import name_of
from reports.canvas import WIDE, Size, canvas, date_axis, end_labels, money_axis, unit_of
from reports.charts import path_of
from reports.downsample import extremes
from reports.ending import ending
from reports.mode_map import map_chart, map_finding
from reports.page import Picture, kept, template
from reports.palette import INK, MUTED, look, look_of_venue
from reports.tables import Row, Table, metrics_table, table_of
from reports.write import PAGE

__all__ = ["CHARTS", "VenueChart", "folders", "venue_equity_chart", "venue_page"]

_CLASSES = {
    "first_liquidated": "liquidated here only",
    "second_liquidated": "liquidated there only",
    "both_liquidated": "liquidated in both, for different losses",
    "held_back": "cut or refused",
    "open": "other, still open",
    "other": "other size or exit",
}
LETTER = 0.085  # [inch] of width for a letter of a label
LABEL = 0.44  # [inch] of height for the two lines of a venue's label


class VenueChart(NamedTuple):
    """A chart of several venues: name of its files, ``draw(result, size)`` and ``finding(result)``, its title."""

    name: str
    draw: Any
    finding: Any


def folders(venues: Iterable[str]) -> dict[str, str]:
    """Return the name of each venue's folder: its own, without what a folder's name cannot hold, and each once."""
    out: dict[str, str] = {}
    for venue in venues:
        name = re.sub(r"[^\w-]+", "_", venue)
        while name in ("charts", *out.values()):
            name += "_"
        out[venue] = name
    return out


def finding(result: AccountComparison) -> str:
    """Say between what the equities ended, of the venues at which anything was traded."""
    ends = {(venue, mode): run.equity[-1] for venue in result.traded for mode, run in result[venue].results.items()}
    if not ends:
        return f"No trade at any {result.axis}"
    parts = [
        f"{text.money(float(ends[venue, mode]))} {result.currency} ({name_of(mode)} {AT[result.axis]} {venue})"
        for venue, mode in (min(ends, key=lambda place: ends[place]), max(ends, key=lambda place: ends[place]))
    ]
    return f"Ended between {parts[0]} and {parts[1]}"


def venue_equity_chart(result: AccountComparison, size: Size = WIDE) -> Figure:
    """Draw the equity of each venue at closes, a panel for each mode and all on one scale.

    Lines carry the gid ``equity-<mode>-<venue>``.
    """
    market, modes = result.first.market, result.modes
    places = range(len(result))
    letters = max(len(line) for place in places for mode in modes for line in _words(result, place, mode))
    size = size._replace(right=max(size.right, LETTER * letters + 0.2))
    tall = max(2.0, LABEL * len(result) + 0.3)
    figure, panels = canvas(
        size,
        finding(result),
        f"Equity [{result.currency}] at closes, a panel for each margin mode, all on one scale",
        synthetic=market.synthetic,
        rows=len(modes),
        height=1.3 + tall * len(modes),
    )
    for axes, mode in zip(panels, modes, strict=True):
        for place in places:
            venue = result.names[place]
            time, equity = path_of(result[venue].results[mode])
            style, at = look_of_venue(place), extremes(time, equity, size.columns)
            line: dict[str, Any] = {"color": style.colour, "linestyle": style.line, "linewidth": 1.5}
            axes.plot(time[at], equity[at], **line, gid=f"equity-{mode}-{venue}")
        axes.axhline(result.first.scenario.balance, color=MUTED, linewidth=0.8, linestyle=(0, (1, 3)), gid="start")
        name = name_of(mode).capitalize()
        axes.text(0.01, 0.97, name, transform=axes.transAxes, fontsize=10, fontweight="bold", color=INK, va="top")
    limits = [limit for axes in panels for limit in axes.dataLim.intervaly]
    pad = 0.06 * (max(limits) - min(limits)) or 0.01 * abs(limits[0])
    for axes, mode in zip(panels, modes, strict=True):
        axes.set_ylim(min(limits) - pad, max(limits) + 3.5 * pad)  # above the lines stands the mode
        money_axis(axes)
        unit_of(axes, result.currency)
        date_axis(axes, int(market.open_time[0]), int(market.close_time[-1]), size=size)
        labels = [(_end(result, k, mode), "\n".join(_words(result, k, mode)), look_of_venue(k).colour) for k in places]
        end_labels(axes, labels)
    return figure


def _end(result: AccountComparison, place: int, mode: str) -> float:
    return float(result[result.names[place]].results[mode].equity[-1])


def _words(result: AccountComparison, place: int, mode: str) -> tuple[str, str]:
    return result.names[place], text.money(_end(result, place, mode))


def why_table(result: AccountComparison) -> Table:
    """Return why each account ends apart from the first one: a row for each, the classes of an attribution across.

    The classes that are 0 in every account have no column; where nothing was traded there are no rows.
    """
    first, *others = result.accounts
    found = {account: result.attribution(account, first) for account in others}
    sums = {account: each.sums["difference"] for account, each in found.items() if len(each.pairs)}
    used = [name for name in _CLASSES if any(each[name] for each in sums.values())]
    rows = []
    for (venue, mode), each in sums.items():
        apart = found[venue, mode].difference
        cells = [text.money(apart, signed=True), *(text.money(float(each[name]), signed=True) for name in used)]
        rows.append(Row("", f"{venue}, {name_of(mode)}", "", "", tuple(cells)))
    return Table(("difference", *(_CLASSES[name] for name in used)), tuple(rows))


CHARTS = (VenueChart("equity", venue_equity_chart, finding), VenueChart("mode-map", map_chart, map_finding))


def venue_page(
    result: AccountComparison,
    pictures: list[Picture],
    inside: Mapping[str, str],
    *,
    configuration: Mapping[str, object],
    forms: Mapping[str, str],
) -> str:
    """Return the page of several venues as HTML; everything that comes from a user is escaped.

    Parameters
    ----------
    result : AccountComparison
        What to show.
    pictures : list of Picture
        Charts, in order.
    inside : mapping of str to str
        Folder of each venue.
    configuration : mapping
        The resolved configuration, JSON values.
    forms : mapping of str to str
        Files that hold the same report, and what each is.
    """
    header, rows = across_printing.overview_rows(result)
    pages = {venue: f"{quote(folder)}/{PAGE}" for venue, folder in inside.items()}
    files = [
        *forms.items(),
        ("configuration.json", "what was run"),
        *((page, f"page, charts and data of {venue}") for venue, page in pages.items()),
    ]
    return template("venues.html").render(
        title=across_printing.title(result),
        synthetic=result.first.market.synthetic,
        verdict=kept(result.verdict),
        partings=[],
        facts=facts(result),
        modes=[(name_of(mode), look(mode)) for mode in result.modes],
        overview_header=[cell.replace("liqui-\n", "liqui\u00ad").replace("\n", " ") for cell in header[1:]],
        overview=[
            (venue, pages[venue], name_of(mode), row[1:])
            for (venue, mode), row in zip(product(result.names, result.modes), rows, strict=True)
        ],
        venues=result.names,
        metrics=[metrics_table(each, result.values()) for each in result.values()],
        why=why_table(result),
        sure=table_of(*across_printing.interval_rows(result)) if result.intervals else None,
        how_sure=across_printing.HOW_SURE,
        first=f"{result.names[0]}, {name_of(result.modes[0])}",
        unit=result.currency,
        parted=across_printing.partings(result),
        bars=across_printing.bars(result),
        pictures=pictures,
        notes=across_printing.notes(result),
        files=files,
        end=ending(result, configuration),
    )
