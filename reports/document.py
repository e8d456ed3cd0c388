"""A report as headings, sentences, tables and charts: what Markdown, paper and notebooks are made of."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch
from typing import Any, NamedTuple

from backtester import text
from backtester.bootstrap import Bootstrap
from backtester.bootstrap import printing as of_bootstrap
from backtester.compare import Comparison
from backtester.comparing import across_printing
from backtester.comparing.across import AccountComparison
from backtester.comparing.printing import BY_STRATEGY, all_notes, facts, interval_rows, several_strategies
from backtester.comparing.verdict import name_of
from backtester.explaining.attribution import Attribution
from backtester.explaining.stretches import SAME
from backtester.result import Result
from backtester.stress import StressComparison
from backtester.stress import printing as of_stress
from reports import why
from reports.capital import capital_table
from reports.reasons import parted, reasons
from reports.tables import Row, Table, band_table, metrics_table, strategy_table, table_of

__all__ = ["Document", "Section", "document"]

MOST_ROWS = 12  # of a table on paper; the page shows more, and the files beside it hold all
CLASSES = (
    "Each stretch in which a slot was held, in either account, is in one class, and the classes add up to the "
    "difference in final equity"
)
HIDDEN = "A bar hides its path. The same runs under each path inside the bars:"


class Section(NamedTuple):
    """A part of a report.

    Parameters
    ----------
    heading : str
    said : tuple of str
        Sentences before the tables.
    tables : tuple of (str, Table)
        Captions, which may be empty, and tables.
    pictures : tuple of str
        Names of the charts that belong here.
    after : tuple of str
        Sentences after the tables.
    listed : tuple of str
        Sentences as a list.
    """

    heading: str
    said: tuple[str, ...] = ()
    tables: tuple[tuple[str, Table], ...] = ()
    pictures: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()


class Document(NamedTuple):
    """A report.

    Parameters
    ----------
    title : str
    synthetic : bool
        Whether the market is made up.
    facts : tuple of (str, str)
        What was run on what: pairs of a word and a line.
    verdict : tuple of str
        The outcome, and where the modes part.
    sections : tuple of Section
        The chief numbers first.
    """

    title: str
    synthetic: bool
    facts: tuple[tuple[str, str], ...]
    verdict: tuple[str, ...]
    sections: tuple[Section, ...]


@singledispatch
def document(of: Any, charts: Iterable[str] = ()) -> Document:
    """Return a result as a document.

    Parameters
    ----------
    of : Comparison, AccountComparison, StressComparison, Bootstrap or Result
    charts : iterable of str
        Names of the charts that there are; those that no section knows come last.
    """
    raise TypeError(f"there is no report of a {type(of).__name__}")


@document.register
def _(of: Comparison, charts: Iterable[str] = ()) -> Document:
    modes = " against ".join(map(name_of, of.modes))
    left = dict.fromkeys(charts)

    def taken(*names: str) -> tuple[str, ...]:
        return tuple(name for name in names if name in left and left.pop(name, "") is None)

    sections = [Section("The numbers", (), (("", metrics_table(of)),), taken("equity", "underwater", "mode-map"))]
    if several_strategies(of):
        sections.append(Section(BY_STRATEGY, (), (("", strategy_table(of)),)))
    for other, found in of.attributions.items():
        if len(found.pairs):
            sections.append(_difference(of, found, taken(why.attribution_name(of, other))))
    for heading, stories in (
        ("Contagion", why.contagion_stories(of)),
        ("The price of isolation", why.isolation_stories(of)),
    ):
        for story in stories:
            name = f"{heading}: {story.mode}" if len(stories) > 1 else heading
            sections.append(Section(name, tuple(story.said), tuple(_few(*each) for each in story.tables)))
    ups = [name for name in left if name.startswith("close-up-")]
    sections += [
        Section("Liquidations close up", pictures=taken(*ups)),
        Section("When, and how near", pictures=taken("liquidations", "margin-ratio")),
        Section("Capital", (), (("", capital_table(of)),), taken("capital")),
        *([_sampled(of.sampling, taken("ruin", "drawdowns"))] if of.sampling is not None else []),
        Section("More charts", pictures=taken(*left)),
    ]
    if len(of.band) > len(of.modes):
        verdict = (of.band_verdict,) if of.band_verdict else ()
        sections.append(Section("What the bars hide", (HIDDEN,), (("", band_table(of)),), after=verdict))
    title = f"{of.first.strategy or 'Scenario'}: {modes}"
    apart = [f"They part at {when}: {why}" if when else why for when, why in parted(of)]
    return _made(title, of, facts(of), (of.verdict, *apart, *reasons(of)), sections, all_notes(of))


@document.register
def _(of: AccountComparison, charts: Iterable[str] = ()) -> Document:
    sure = (("", table_of(*across_printing.interval_rows(of))),) if of.intervals else ()
    sections = [
        Section("In one table", (), (("", table_of(*across_printing.overview_rows(of))),), tuple(charts)),
        *(Section(f"The numbers of {venue}", (), (("", metrics_table(each)),)) for venue, each in of.items()),
        Section(across_printing.HOW_SURE, (), sure),
        Section("Where the modes part", listed=tuple(across_printing.partings(of))),
        Section("What the bars hide", listed=tuple(across_printing.bars(of))),
    ]
    return _made(across_printing.title(of), of, facts(of), (of.verdict,), sections, across_printing.notes(of))


@document.register
def _(of: StressComparison, charts: Iterable[str] = ()) -> Document:
    sections = [
        Section("The numbers", (), (("", table_of(*of_stress.rows(of))),), tuple(charts)),
        Section("What the bars hide", listed=tuple(of_stress.bars(of))),
    ]
    told = [*facts(of.calm), *of_stress.legend(of)]
    return _made(of_stress.title(of), of.calm, told, (of.verdict,), sections, of_stress.notes(of))


@document.register
def _(of: Bootstrap, charts: Iterable[str] = ()) -> Document:
    tables = tuple(("", table_of(*rows(of))) for rows in (of_bootstrap.band_rows, of_bootstrap.share_rows))
    sections = [
        Section("The numbers", (), tables, tuple(charts)),
        Section(of_bootstrap.INSIDE, (), (("", table_of(*of_bootstrap.inside_rows(of))),)),
    ]
    told, notes = of_bootstrap.told(of), of_bootstrap.notes(of)
    return _made(of_bootstrap.title(of), of.observed, told, (of.verdict,), sections, notes)


@document.register
def _(of: Result, charts: Iterable[str] = ()) -> Document:
    return document(Comparison({of.scenario.mode: of}), charts)


def _made(
    title: str,
    of: Comparison | AccountComparison,
    told: Iterable[tuple[str, str]],
    verdict: tuple[str, ...],
    sections: list[Section],
    notes: Iterable[str],
) -> Document:
    """Return a document without sections that say nothing, the notes as the last one."""
    sections.append(Section("Assumptions and substitutions", listed=tuple(notes)))
    kept = tuple(each for each in sections if any(each[1:]))
    return Document(title, of.first.market.synthetic, tuple(told), verdict, kept)


def _difference(of: Comparison, found: Attribution, pictures: tuple[str, ...]) -> Section:
    """Return why the first mode and another one end apart."""
    unexplained = abs(found.rest) > SAME * of.first.scenario.balance
    rest = f", but for {text.money(found.rest)} that no trade explains" if unexplained else ""
    minus = " \u2212 ".join(map(name_of, found.modes))
    sums = (f"Sums by class [{of.currency}], {minus}; what was paid is negative", why.sum_table(found))
    pairs = why.pair_table(found, of)
    tables = (sums, _few(f"The pairs that differ most [{of.currency}]", pairs)) if pairs.rows else (sums,)
    heading = f"Why they differ: {minus}" if len(of.attributions) > 1 else "Why they differ"
    return Section(heading, (f"{CLASSES}{rest}.",), tables, pictures)


def _sampled(found: Bootstrap, pictures: tuple[str, ...]) -> Section:
    """Return what the draws of a bootstrap say."""
    said = (found.verdict, f"Draws: {dict(of_bootstrap.told(found))['draws']}.", *of_bootstrap.draw_notes(found))
    apart = table_of(*interval_rows(found.comparison))
    tables = (
        *([("The first mode less each other one", apart)] if apart.rows else []),
        ("How often, with the interval of the probability", table_of(*of_bootstrap.share_rows(found))),
        (of_bootstrap.INSIDE, table_of(*of_bootstrap.inside_rows(found))),
    )
    return Section("How sure: markets drawn from this one", said, tables, pictures)


def _few(caption: str, table: Table) -> tuple[str, Table]:
    """Return a table with the first of many rows, which the caption says."""
    rows: tuple[Row, ...] = table.rows[:MOST_ROWS]
    if len(rows) == len(table.rows):
        return caption, table
    return f"{caption}: the first {MOST_ROWS}", table._replace(rows=rows)
