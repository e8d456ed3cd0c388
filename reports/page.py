"""The page that shows a comparison: one file of words, tables, charts and panels that needs no network."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from backtester import text
from backtester.attribution import Attribution
from backtester.compare import Comparison
from backtester.printing import BY_STRATEGY, all_notes, facts, several_strategies
from backtester.stretches import SAME
from backtester.verdict import name_of
from reports import why
from reports.capital import capital_table
from reports.closeup import Shown
from reports.closeup_said import close_up_stories, close_ups_said
from reports.palette import look
from reports.panels import panels_json
from reports.tables import band_table, metrics_table, plain_table, strategy_table

__all__ = ["Picture", "kept", "page", "template"]

PACKAGES = ("perp-margin-backtester", "numba", "numpy", "pandas", "plotly")

TEMPLATES = Path(__file__).parent / "templates"


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
    svg, png : str
        Addresses relative to the page.
    """

    name: str
    finding: str
    wide: str
    narrow: str
    svg: str
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
    from plotly.offline import get_plotlyjs  # a second to load

    market = comparison.first.market
    modes = [(name_of(mode), look(mode)) for mode in comparison.modes]
    return template("report.html").render(
        title=f"{comparison.first.strategy or 'Scenario'}: {' against '.join(name for name, _ in modes)}",
        synthetic=market.synthetic,
        verdict=kept(comparison.verdict),
        partings=[(text.moment(p.time) + " UTC" if p.bar >= 0 else "", p.why) for p in comparison.partings.values()],
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
        panels_said="; ".join(picture.finding for picture in pictures),
        series=panels_json(comparison),
        plotly=get_plotlyjs(),
        attributions=_attributions(comparison),
        contagion=why.contagion_stories(comparison),
        isolation=why.isolation_stories(comparison),
        capital=capital_table(comparison),
        sampling=_sampling(comparison),
        close_ups=close_up_stories(comparison, close_ups, pictures),
        close_ups_said=close_ups_said(comparison, close_ups),
        notes=all_notes(comparison),
        configuration=_pretty(configuration),
        files=files,
        repeat=_repeat(configuration, files),
        versions=_versions(),
        data=_pretty(comparison.data) if comparison.data else "",
    )


def _pretty(content: object) -> str:
    return json.dumps(content, indent=2, default=str, ensure_ascii=False)


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
    return {
        "verdict": kept(found.verdict),
        "draws": dict(printing.told(found))["draws"],
        "notes": printing.draw_notes(found),
        **{name: plain_table(*each) for name, each in rows.items()},
    }


def _repeat(configuration: Mapping[str, object], files: list[tuple[str, str]]) -> str:
    """Return the command that repeats the comparison: the one it was made by, or a run of each scenario beside it."""
    if command := configuration.get("command"):
        return str(command)
    scenarios = [name for name, _ in files if name.startswith("scenario-")]
    runs = [shlex.join(["backtester", "scenario", "run", name]) for name in scenarios]
    return " && ".join(runs) or "compare(strategy, market, account)  # with the configuration above"


def _versions() -> list[tuple[str, str]]:
    """Return the versions that the numbers may depend on."""
    found = [("python", sys.version.split()[0])]
    for name in PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:  # run from its folder, it is not installed
            continue
    return found
