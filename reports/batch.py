"""The page of a batch: verdict, each mode's numbers, frontiers, maps, the best and worst runs, and how to repeat it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from backtester.batch.along import along, said
from backtester.batch.heat import heat
from backtester.batch.printing import cell, failures, heading, label, ran
from backtester.batch.reading import by_group, extremes, is_synthetic, varying
from backtester.batch.verdict import OF_A_MODE, verdict
from backtester.comparing.verdict import name_of
from backtester.text import counted
from reports.document import Document, Section
from reports.ending import Ending, versions
from reports.frontier import frontier_chart
from reports.heat import heat_chart
from reports.page import Picture, document_page
from reports.pictures import picture_of
from reports.tables import Row, Table

__all__ = ["BatchPage", "batch_page"]

SAMPLES = ("seed", "draw", "draw_seed")  # settings that make another sample, not another account
LEVERAGE = "leverage"
MEASURES = ("final_equity", "max_drawdown_in_bars", "liquidations")  # that maps show
FRONTIERS = 3  # settings with a frontier of their own, if none is named
OF_MODES = {  # rows of the table of the modes: columns of `by_group`
    "runs": "runs",
    "failed": "failed",
    "median_final_equity": "final equity, median",
    "least_final_equity": "final equity, least",
    "most_final_equity": "final equity, most",
    "median_drawdown_in_bars": "drawdown inside bars, median",
    "worst_drawdown_in_bars": "drawdown inside bars, worst",
    "mean_liquidations": "liquidations a run",
    "liquidated": "runs with a liquidation",
    "ruined": "runs that lost everything",
}
KEYS = (
    "Each run has a key, a hash of its prices, funding and settings, of the strategy's file, the venue's rules, the "
    "engine's source and the versions of numpy, numba and pandas. The command does what is new or has changed since, "
    "and nothing else: where it says that all runs were finished before, these numbers are what it would find. All "
    "keys together have the sha256 "
)


@dataclass(frozen=True)
class BatchPage:
    """What a page of a batch shows.

    Parameters
    ----------
    frame : DataFrame
        Of `backtester.batch.read_runs`, or some of its rows.
    name : str
        Of the batch.
    along : str
        Setting of the frontier; empty: every numeric one that varies, at most three.
    heat : sequence of str
        The two settings of the maps; empty: the first two that vary.
    measures : sequence of str
        What maps show.
    sort : str
        By what runs are the best and the worst, the largest first.
    ascending : bool
        The smallest first.
    top : int
        How many of them, of each mode.
    columns : sequence of str
        Numbers beside their settings.
    conditions : sequence of str
        Which rows of the batch these are; empty: all.
    """

    frame: pd.DataFrame
    name: str
    along: str = ""
    heat: Sequence[str] = ()
    measures: Sequence[str] = MEASURES
    sort: str = MEASURES[0]
    ascending: bool = False
    top: int = 5
    columns: Sequence[str] = ("final_equity", "total_return", "max_drawdown_in_bars", "liquidations")
    conditions: Sequence[str] = ()

    @property
    def modes(self) -> list[str]:
        """Margin modes of finished runs."""
        return [str(mode) for mode in self.done["mode"].unique()]

    @property
    def done(self) -> pd.DataFrame:
        """Runs that did not fail."""
        return self.frame[self.frame["error"].isna()]

    @property
    def settings(self) -> list[str]:
        """Settings that vary between finished runs, leverage first and what makes samples last."""
        names = [name for name in varying(self.done) if name not in ("mode", *OF_A_MODE)]
        return sorted(names, key=lambda name: (name in SAMPLES, name != LEVERAGE))

    @property
    def frontiers(self) -> list[str]:
        """Settings along which the modes are drawn."""
        if self.along:
            return [self.along]
        numeric = [name for name in self.settings if name not in SAMPLES and self.done[name].dtype.kind in "if"]
        return numeric[:FRONTIERS]

    @property
    def axes(self) -> list[str]:
        """The two settings of the maps, or none."""
        found = [*self.heat] or self.settings[:2]
        return found if len(found) == 2 else []


def batch_page(of: BatchPage, plan: str = "", command: str = "") -> str:
    """Return the page of a batch as HTML: one file that asks for nothing, with everything from users escaped.

    Parameters
    ----------
    of : BatchPage
    plan : str
        The plan's file as text; empty if it is not known.
    command : str
        What does the batch again.

    Raises
    ------
    ConfigurationError
        If a setting or a measure that is named does not exist.
    """
    pictures = dict(_pictures(of)) if len(of.done) else {}
    shown = document(of, pictures)
    return document_page(shown, list(pictures.values()), of.modes, Ending(command, tuple(versions()), "", plan))


def document(of: BatchPage, pictures: Mapping[str, Picture]) -> Document:
    """Return a batch as a document; charts are those that were drawn."""
    first, *others = [name for name in pictures if name.startswith("frontier-")] or [""]
    maps = [name for name in pictures if name.startswith("heat-")]
    along_said = [line for name in of.frontiers for line in said(along(of.frame, name), name)] if len(of.done) else []
    sections = [
        Section("Each mode", (), (("", mode_table(of)),), (first,) if first else (), tuple(along_said))
        if len(of.done)
        else None,
        Section("Along other settings", pictures=tuple(others)),
        Section("Over two settings", pictures=tuple(maps)),
        Section("The best and the worst runs", (), tuple(_extremes(of))) if len(of.done) else None,
        Section("Failed runs", listed=tuple(_failed(of.frame))),
        Section("What was run", listed=tuple(f"{name}: {values}" for name, values in ran(of.frame))),
        Section("What these numbers hang on", (_keys(of.frame),)),
    ]
    told = [("batch", of.name), ("runs", _count(of.frame))]
    told += [("only", " and ".join(of.conditions))] if of.conditions else []
    told += [(name, values) for name, values in ran(of.frame) if name in ("strategy", "market", "symbols", "venue")]
    kept = tuple(each for each in sections if each is not None and any(each[1:]))
    title = f"{of.name}: {' against '.join(map(name_of, of.modes)) or 'no run'}"
    return Document(title, is_synthetic(of.frame), tuple(told), verdict(of.frame), kept)


def mode_table(of: BatchPage) -> Table:
    """Return what the runs of each mode come to, a column for each mode."""
    groups = by_group(of.frame, ["mode"]).set_index("mode").loc[of.modes]
    rows = [
        Row("", words, "", "", tuple(cell(name, groups.at[mode, name]) for mode in of.modes))
        for name, words in OF_MODES.items()
        if name != "failed" or groups[name].any()
    ]
    return Table(tuple(map(name_of, of.modes)), tuple(rows))


def _pictures(of: BatchPage) -> Iterator[tuple[str, Picture]]:
    made_up = is_synthetic(of.frame)
    for name in of.frontiers:
        table = along(of.frame, name)
        words = " ".join(said(table, name)) or f"What each mode comes to, along {name}"
        key = f"frontier-{name}"
        yield key, picture_of(key, words, partial(frontier_chart, table, name, synthetic=made_up))
    for measure in of.measures if of.axes else ():
        cells = heat(of.frame, of.axes, measure)
        words = cells.said or f"{label(measure)} over {of.axes[0]} and {of.axes[1]}"
        yield f"heat-{measure}", picture_of(f"heat-{measure}", words, partial(heat_chart, cells))


def _extremes(of: BatchPage) -> Iterator[tuple[str, Table]]:
    settings = [name for name in varying(of.frame) if name != "mode"]
    shown = [*settings, *dict.fromkeys([*of.columns, of.sort])]
    header = tuple(_plain(heading(name)) for name in shown)
    for mode, found in extremes(of.frame, of.sort, of.top, ascending=of.ascending).items():
        best, last = found
        for word, frame in (("best", best), ("worst", last[::-1])):
            rows = [
                Row("", f"{k}.", "", "", tuple(cell(name, row[name]) for name in shown))
                for k, (_, row) in enumerate(frame.iterrows(), start=1)
            ]
            if rows:
                yield f"{name_of(mode)}, {word} by {label(of.sort)}", Table(header, tuple(rows))


def _failed(frame: pd.DataFrame) -> Iterator[str]:
    for each in failures(frame):
        first = "it" if each.runs == 1 else "the first"
        yield f"{counted(each.runs, 'run')}: {each.error} ({first}: {each.first})"


def _keys(frame: pd.DataFrame) -> str:
    joined = "\n".join(sorted(frame["key"]))
    return f"{KEYS}{hashlib.sha256(joined.encode()).hexdigest()}."


def _count(frame: pd.DataFrame) -> str:
    lost = int(frame["error"].notna().sum())
    return counted(len(frame), "run") + (f", {lost:,} failed" if lost else "")


def _plain(words: str) -> str:
    return words.replace(".\n", ".").replace("\n", " ")
