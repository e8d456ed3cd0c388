"""The page that shows a comparison: one file of words, tables, charts and panels that needs no network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from backtester import text
from backtester.compare import Comparison
from backtester.comparing.printing import BY_STRATEGY, all_notes, facts, interval_rows, several_strategies
from backtester.comparing.verdict import name_of
from backtester.explaining.attribution import Attribution
from backtester.explaining.stretches import SAME
from reports import why
from reports.capital import capital_table
from reports.closeup import Shown
from reports.closeup_said import close_up_stories, close_ups_said
from reports.document import Document
from reports.ending import Ending, ending
from reports.palette import look
from reports.panels import panels_json
from reports.program import packed_plotly
from reports.reasons import parted, reasons
from reports.tables import band_table, metrics_table, strategy_table, table_of

__all__ = ["Picture", "document_page", "kept", "page", "template"]

HEADING = re.compile(r'<h2 id="([\w-]+)">(.*?)</h2>')
TEMPLATES = Path(__file__).parent / "templates"
OVER_TIME = ("equity", "underwater", "liquidations", "margin-ratio")  # charts whose findings the panels show as well


class Picture(NamedTuple):
    """A chart on the page, and its files beside it.

    Parameters
    ----------
    name : str
        Of the chart.
    finding : str
        Its title, read out to those who cannot see it.
    wide, narrow : str
        The drawing itself, as addresses that hold it.
    svg, png, pdf : str
        Addresses relative to the page; empty where there is no such file.
    """

    name: str
    finding: str
    wide: str
    narrow: str
    svg: str = ""
    png: str = ""
    pdf: str = ""


@lru_cache
def template(name: str) -> Template:
    """Return a template, which escapes what it is given."""
    rooms = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rooms.globals["headings_of"] = headings_of
    return rooms.get_template(name)


def headings_of(content: str) -> list[tuple[str, Markup]]:
    """Return where links can lead in what is rendered: places and their headings, without what follows a colon."""
    found = HEADING.findall(content)
    return [(place, Markup(words.partition(":")[0])) for place, words in found]  # they are escaped already


def kept(words: str) -> str:
    """Return words whose numbers keep their percent sign on the same line."""
    return words.replace(" %", "\u00a0%")


def page(
    comparison: Comparison,
    pictures: list[Picture],
    *,
    configuration: Mapping[str, object],
    files: list[tuple[str, str]],
    close_ups: Sequence[Shown] = (),
) -> str:
    """Return the page as HTML.

    Everything that comes from a user is escaped: symbols, names, parameters, notes, the configuration.

    Parameters
    ----------
    comparison : Comparison
        What to show.
    pictures : list of Picture
        Charts, in order.
    configuration : mapping
        The resolved configuration, JSON values.
    files : list of (str, str)
        Name and content of the files beside the page.
    close_ups : sequence of Shown
        Liquidations with a close-up, whose charts are among the pictures.
    """
    market = comparison.first.market
    modes = [(name_of(mode), look(mode)) for mode in comparison.modes]
    return template("report.html").render(
        title=f"{comparison.first.strategy or 'Scenario'}: {' against '.join(name for name, _ in modes)}",
        synthetic=market.synthetic,
        verdict=kept(comparison.verdict),
        partings=[*parted(comparison), *(("", kept(each)) for each in reasons(comparison))],
        facts=facts(comparison),
        modes=modes,
        heads=[f"mode-{k + 1}" for k in range(len(modes))],
        metrics=metrics_table(comparison),
        strategies=strategy_table(comparison) if several_strategies(comparison) else None,
        by_strategy=BY_STRATEGY,
        band=band_table(comparison) if len(comparison.band) > len(modes) else None,
        band_verdict=kept(comparison.band_verdict),
        pictures=pictures,
        symbols=market.symbols,
        unit=comparison.currency,
        panels_said="; ".join(picture.finding for picture in pictures if picture.name in OVER_TIME),
        series=panels_json(comparison),
        plotly=packed_plotly(),
        attributions=_attributions(comparison),
        contagion=why.contagion_stories(comparison),
        isolation=why.isolation_stories(comparison),
        capital=capital_table(comparison),
        sampling=_sampling(comparison),
        close_ups=close_up_stories(comparison, close_ups, pictures),
        close_ups_said=close_ups_said(comparison, close_ups),
        notes=all_notes(comparison),
        files=files,
        end=ending(comparison, configuration, (name for name, _ in files)),
    )


def document_page(of: Document, pictures: Sequence[Picture], modes: Sequence[str], end: Ending) -> str:
    """Return a document as a page of its own; everything that comes from a user is escaped.

    Parameters
    ----------
    of : Document
    pictures : sequence of Picture
        The charts that its sections name.
    modes : sequence of str
        Whose columns have their colour.
    end : Ending
    """
    names = [name_of(mode) for mode in modes]
    outcome, *more = map(kept, of.verdict)
    return template("document.html").render(
        title=of.title,
        synthetic=of.synthetic,
        verdict=outcome,
        partings=[("", said) for said in more],
        facts=of.facts,
        modes=[(name_of(mode), look(mode)) for mode in modes],
        heads=[f"mode-{k + 1}" for k in range(len(modes))],
        names=tuple(names),
        sections=of.sections,
        pictures={each.name: each for each in pictures},
        notes=(),
        files=(),
        end=end,
    )


def _attributions(comparison: Comparison) -> list[dict[str, Any]]:
    """Return the tables of each attribution with what is said about them, where anything was traded."""
    found = comparison.attributions.items()
    return [_attribution(comparison, other, each) for other, each in found if len(each.pairs)]


def _attribution(comparison: Comparison, other: str, found: Attribution) -> dict[str, Any]:
    name = why.attribution_name(comparison, other)
    unexplained = abs(found.rest) > SAME * comparison.first.scenario.balance
    pairs = why.pair_table(found, comparison)
    shown = f"The {len(pairs.rows)} that differ most; all {len(found.pairs):,} are in {name}.parquet"
    return {
        "name": name,
        "sums": why.sum_table(found),
        "minus": f"{name_of(found.modes[0])} \u2212 {name_of(found.modes[1])}",
        "rest": f", but for {text.money(found.rest)} that no trade explains" if unexplained else "",
        "pairs": pairs,
        "pairs_said": f"{shown} [{comparison.currency}]",
    }


def _sampling(comparison: Comparison) -> dict[str, Any] | None:
    """Return what a bootstrap says, as words and tables; None without one."""
    from backtester.bootstrap import printing

    found = comparison.sampling
    if found is None:
        return None
    rows = {"shares": printing.share_rows(found), "inside": printing.inside_rows(found)}
    rows["apart"] = interval_rows(comparison)
    return {
        "verdict": kept(found.verdict),
        "draws": dict(printing.told(found))["draws"],
        "notes": printing.draw_notes(found),
        **{name: table_of(*each) for name, each in rows.items()},
    }
