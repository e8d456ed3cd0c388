"""All checks on the files of a store, symbol by symbol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np

from backtester.errors import MarketDataError
from backtester.text import counted
from backtester.times import step
from data import files, writing
from data.checks.candles import check_beside_mark, check_candles
from data.checks.findings import ERROR, INFO, WARNING, Finding, Limits, Rows, check_limits, moment
from data.checks.funding import check_funding, check_tiers
from data.gaps import Gap, gaps_of
from data.manifest import Entry
from data.series import CANDLES, TIME, Series, rows_of, sorted_rows
from data.store import Store


def check(
    store: Store,
    chosen: Sequence[Series],
    limits: Limits | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> list[Finding]:
    """Return what is odd about some series of a store, in their order.

    What is checked are the files as they stand, which is what a backtest reads; pages that wait to be merged are told.

    Parameters
    ----------
    store : Store
    chosen : sequence of Series
        Sorted, as `Store.series` returns them. Mark candles and funding are looked at beside the trade candles of their
        symbol, whether or not those are chosen.
    limits : Limits, optional
    progress : callable, optional
        Called with the series in hand, its number and how many there are.

    Raises
    ------
    ConfigurationError
        For a limit that is none.
    """
    within = check_limits(limits or Limits())
    found = []
    done = 0
    everything = store.series()
    for (venue, symbol), group in groupby(chosen, lambda series: (series.venue, series.symbol)):
        beside = _Symbol(store, [each for each in everything if (each.venue, each.symbol) == (venue, symbol)])
        for series in group:
            progress(str(series), done, len(chosen))
            found += beside.findings(series, within)
            done += 1
    return found


class _Symbol:
    """The files of one symbol, each read once."""

    def __init__(self, store: Store, series: Sequence[Series]) -> None:
        self.store = store
        self.series = series
        self._rows: dict[Series, Rows | None] = {}

    def findings(self, series: Series, limits: Limits) -> list[Finding]:
        """Return what is odd about one of the files."""
        path = self.store.path(series)
        waiting = self.store.unmerged(series)
        found = []
        if waiting:
            said = f"{counted(waiting, 'page waits', 'pages wait')} to be merged, which backtester data repair does"
            found.append(Finding(series, INFO, "pages", said, waiting))
        if not path.is_file():
            return found
        try:
            entry = self.store.entry(series)
            raw = rows_of(series, files.read(path, series.columns, None, None))
        except MarketDataError as error:
            return [*found, Finding(series, ERROR, "file", str(error))]
        if len(raw) == 0:
            return [*found, Finding(series, ERROR, "file", f"{path} has no rows")]
        found += _against_manifest(series, entry, writing.sha256_of(path))
        found += _order(series, raw)
        rows = self._rows[series] = sorted_rows(series, [raw])
        notes = {gap.after: gap.note for gap in entry.gaps} if entry else {}
        gaps = tuple(gap._replace(note=notes.get(gap.after, "")) for gap in gaps_of(series, rows[TIME].to_numpy()))
        return found + _gaps(series, gaps) + self._by_kind(series, rows, gaps, limits)

    def _by_kind(self, series: Series, rows: Rows, gaps: tuple[Gap, ...], limits: Limits) -> list[Finding]:
        if series.kind == "tiers":
            return check_tiers(series, rows)
        if series.kind == "funding":
            return check_funding(series, rows, gaps, self._rows_of(self._first("trade")))
        other = series._replace(kind="mark" if series.kind == "trade" else "trade")
        found = check_candles(series, rows, self._rows_of(other), limits)
        if series.kind == "trade":
            found += self._beside(series, rows, limits)
        return found

    def _beside(self, series: Series, rows: Rows, limits: Limits) -> list[Finding]:
        """Look at trade candles beside mark and funding."""
        mark = series._replace(kind="mark")
        if mark not in self.series and self._first("mark") is not None:
            said = f"no mark candles of {series.timeframe}, only of other timeframes"
            found = [Finding(series, INFO, "mark", said, len(rows))]
        else:
            found = check_beside_mark(series, rows, self._rows_of(mark), limits)
        if series == self._first("trade") and self._first("funding") is None:
            found.append(Finding(series, WARNING, "funding", "no funding: positions pay and receive none", len(rows)))
        return found

    def _first(self, kind: str) -> Series | None:
        """Return the series of a kind; of candles, that of the longest timeframe."""
        those = [series for series in self.series if series.kind == kind]
        return max(those, key=lambda series: step(series.timeframe) if kind in CANDLES else 0, default=None)

    def _rows_of(self, series: Series | None) -> Rows | None:
        """Return the sorted rows of a file, None where there is none that can be read."""
        if series is None or not self.store.path(series).is_file():
            return None
        if series not in self._rows:
            try:
                raw = rows_of(series, files.read(self.store.path(series), series.columns, None, None))
                self._rows[series] = sorted_rows(series, [raw]) if len(raw) else None
            except MarketDataError:
                self._rows[series] = None  # told where that file is checked
        return self._rows[series]


def _against_manifest(series: Series, entry: Entry | None, digest: str) -> list[Finding]:
    if entry is None:
        return [Finding(series, INFO, "manifest", "not in the manifest: where it came from is not known")]
    if not entry.fits(digest):
        said = f"the file is not the one of the manifest: sha256 {digest[:12]}..., not {entry.sha256[:12]}..."
        return [Finding(series, ERROR, "sha256", said)]
    return []


def _order(series: Series, raw: Rows) -> list[Finding]:
    key = list(series.key)
    twice = raw.duplicated(key, keep="first").to_numpy()
    found = []
    if twice.any():
        differ = int(twice.sum() - raw.duplicated(keep="first").sum())
        first = int(raw[TIME].to_numpy()[np.argmax(twice)])
        rows = counted(int(twice.sum()), "row is", "rows are")
        said = f"{rows} there twice, {differ:,} with other numbers, the first at {moment(first)}"
        found.append(Finding(series, ERROR, "duplicates", said, int(twice.sum()), first))
    back = np.diff(raw[TIME].to_numpy()) < 0
    if back.any():
        first = int(raw[TIME].to_numpy()[1 + np.argmax(back)])
        said = f"the rows are not in the order of time: {moment(first)} comes after a later one"
        found.append(Finding(series, ERROR, "order", said, int(back.sum()), first))
    return found


def _gaps(series: Series, gaps: tuple[Gap, ...]) -> list[Finding]:
    """Tell gaps that nothing is known about as a warning, those with a note as known."""
    found = []
    what = ("settlement", "settlements") if series.kind == "funding" else ("bar", "bars")
    for severity in (WARNING, INFO):
        those = [gap for gap in gaps if bool(gap.note) == (severity == INFO)]
        if not those:
            continue
        lost = sum(gap.missing for gap in those)
        most = max(those, key=lambda gap: gap.missing)
        where = f"between {moment(most.after)} and {moment(most.before)}"
        if len(those) > 1:
            where = f"in {len(those):,} places, the most ({most.missing:,}) {where}"
        note = f"; {most.note}" if most.note else ""
        said = f"{counted(lost, f'{what[0]} is', f'{what[1]} are')} missing {where}{note}"
        found.append(Finding(series, severity, "gaps", said, lost, most.after))
    return found
