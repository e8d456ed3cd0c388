"""The page that shows a comparison: words, tables and the charts that lie beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from backtester import text
from backtester.compare import Comparison
from backtester.printing import BY_STRATEGY, all_notes, facts, several_strategies
from backtester.verdict import name_of
from reports.palette import look
from reports.tables import band_table, metrics_table, strategy_table

__all__ = ["Picture", "kept", "page", "template"]

TEMPLATES = Path(__file__).parent / "templates"


class Picture(NamedTuple):
    """A chart beside the page.

    Parameters
    ----------
    name : str
        Of the chart.
    finding : str
        Its title, read out to those who cannot see it.
    wide, narrow, png : str
        Addresses relative to the page.
    """

    name: str
    finding: str
    wide: str
    narrow: str
    png: str


@lru_cache(maxsize=2)
def template(name: str) -> Template:
    """Return a template, which escapes what it is given."""
    rooms = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return rooms.get_template(name)


def kept(words: str) -> str:
    """Return words whose numbers keep their percent sign on the same line."""
    return words.replace(" %", "\u00a0%")


def page(
    comparison: Comparison,
    pictures: list[Picture],
    *,
    configuration: Mapping[str, object],
    files: list[tuple[str, str]],
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
    """
    market = comparison.first.market
    modes = [(name_of(mode), look(mode)) for mode in comparison.modes]
    return template("index.html").render(
        title=f"{comparison.first.strategy or 'Scenario'}: {' against '.join(name for name, _ in modes)}",
        synthetic=market.synthetic,
        verdict=kept(comparison.verdict),
        partings=[(text.moment(p.time) + " UTC" if p.bar >= 0 else "", p.why) for p in comparison.partings.values()],
        facts=facts(comparison),
        modes=modes,
        metrics=metrics_table(comparison),
        strategies=strategy_table(comparison) if several_strategies(comparison) else None,
        by_strategy=BY_STRATEGY,
        band=band_table(comparison) if len(comparison.band) > len(modes) else None,
        band_verdict=kept(comparison.band_verdict),
        pictures=pictures,
        notes=all_notes(comparison),
        configuration=json.dumps(configuration, indent=2, default=str, ensure_ascii=False),
        files=files,
    )
