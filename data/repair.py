"""Filling what is missing, with what can be fetched again and nothing else; the rest is marked in the manifest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from backtester.errors import BacktesterError, ConfigurationError
from backtester.text import counted
from data.gaps import Gap
from data.manifest import now
from data.series import TIME, Series, rows_of
from data.store import Store

if TYPE_CHECKING:
    import pandas as pd

Fetch = Callable[[Series, int, int], "pd.DataFrame"]


class Repaired(NamedTuple):
    """What became of one series.

    Parameters
    ----------
    series : Series
    rows : int
        How many came.
    left : tuple of Gap
        What is missing still.
    failure : BacktesterError or None
        Why nothing more was asked for.
    """

    series: Series
    rows: int
    left: tuple[Gap, ...]
    failure: BacktesterError | None


def repair(
    store: Store,
    chosen: Sequence[Series],
    fetch: Fetch | None,
    source: str,
    *,
    again: bool = False,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> list[Repaired]:
    """Merge the pages that wait, write manifests that are missing, and ask for what lies in gaps.

    A gap of which something is left gets a note of who was asked and when, and is not asked for again. A failure that
    may pass, such as a network that is down, leaves no note.

    Parameters
    ----------
    store : Store
    chosen : sequence of Series
    fetch : callable or None
        ``fetch(series, first, last)`` returns the rows with ``first <= timestamp < last`` [ms UTC] that there are; None
        to ask for nothing. A ConfigurationError of it says that nobody can be asked.
    source : str
        Who is asked, for the manifest.
    again : bool
        Ask for gaps with a note too.
    progress : callable, optional
        Called with the series in hand, its number and how many there are.
    """
    out = []
    for k, series in enumerate(chosen):
        progress(str(series), k, len(chosen))
        try:
            out.append(_repair(store, series, fetch, source, again=again))
        except BacktesterError as error:
            out.append(Repaired(series, 0, (), error))
    return out


def _repair(store: Store, series: Series, fetch: Fetch | None, source: str, *, again: bool) -> Repaired:
    entry = store.merge(series)
    asked = [gap for gap in entry.gaps if again or not gap.note]
    if fetch is None or not asked:
        return Repaired(series, 0, entry.gaps, None)
    came, notes, failure = 0, {}, None
    for gap in asked:
        try:
            rows = rows_of(series, fetch(series, gap.after + 1, gap.before))
        except ConfigurationError as error:
            notes[gap] = f"cannot be fetched again: {error.key} {error.value}: {error.problem}"
            continue
        except BacktesterError as error:
            failure = error
            break
        inside = rows[(rows[TIME] > gap.after) & (rows[TIME] < gap.before)]
        came += len(inside)
        store.add_page(series, inside, source)
        had = "nothing" if len(inside) == 0 else f"only {counted(len(inside), 'row')}"
        notes[gap] = f"{source} was asked {now()[:10]} and had {had}"
    left = store.merge(series).gaps
    told = {gap.after: note for gap in left for whole, note in notes.items() if _within(gap, whole)}
    return Repaired(series, came, store.note_gaps(series, told).gaps if told else left, failure)


def _within(gap: Gap, whole: Gap) -> bool:
    return whole.after <= gap.after and gap.before <= whole.before
