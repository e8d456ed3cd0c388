"""The manifest of a symbol's folder: where each file came from, what it spans, what it lacks, and its hash."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from backtester._fields import Field, integer, items, mapping, record, rows, text
from backtester.errors import ConfigurationError, MarketDataError
from data.gaps import Gap, gaps_of
from data.series import TIME, Series
from data.writing import write_text

if TYPE_CHECKING:
    import pandas as pd

NAME = "manifest.json"
VERSION = 1
_CURE = "Mend it, or remove it and run `backtester data check`"


class Entry(NamedTuple):
    """What is known of one file.

    Parameters
    ----------
    source : str
        Where its rows came from; several, in the order they came, are parted by ``; ``. Empty for a file that no
        command of this program wrote.
    first, last : int [ms UTC]
        Times of the first and the last row.
    rows : int
    gaps : tuple of Gap
    sha256 : str
        Of the file.
    fetched : str
        When the newest of its rows came, ISO 8601 UTC.
    replaces : str
        The sha256 of the file before: there is that one still, and pages, if the writer was killed at its last step.
    """

    source: str
    first: int
    last: int
    rows: int
    gaps: tuple[Gap, ...]
    sha256: str
    fetched: str
    replaces: str = ""

    def fits(self, digest: str) -> bool:
        """Return whether a file with this sha256 is the one meant, or the one before it."""
        return digest in (self.sha256, self.replaces)

    @property
    def missing(self) -> int:
        """How many rows are missing between the first and the last."""
        return sum(gap.missing for gap in self.gaps)


def read_manifest(folder: Path) -> dict[str, Entry]:
    """Return the entries of a symbol's folder by the names of the files; none where there is no manifest.

    Raises
    ------
    MarketDataError
        If the manifest cannot be read.
    """
    path = folder / NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise MarketDataError(f"the manifest {path} cannot be read: {error}", cure=_CURE) from error
    try:
        files = record(data, _FILE, str(path))["files"]
        return {name: _entry(entry, f"{path}: {name}") for name, entry in files.items()}
    except ConfigurationError as error:
        raise MarketDataError(f"the manifest cannot be used: {error}", cure=_CURE) from error


def write_manifest(folder: Path, entries: Mapping[str, Entry]) -> None:
    """Write the manifest of a symbol's folder; for whoever holds its lock."""
    files = {name: _plain(entry) for name, entry in sorted(entries.items())}
    write_text(folder / NAME, json.dumps({"version": VERSION, "files": files}, indent=1) + "\n")


def entry_of(
    series: Series, rows: pd.DataFrame, digest: str, known: Entry | None, about: Sequence[Mapping[str, str]]
) -> Entry:
    """Return the entry of some rows; what was known of its source and gaps, and of the pages, goes on."""
    told = known.source.split("; ") if known and known.source else []
    sources = dict.fromkeys(told + [page["source"] for page in about])
    time = rows[TIME].to_numpy()
    notes = {(gap.after, gap.before): gap.note for gap in known.gaps} if known else {}
    gaps = tuple(gap._replace(note=notes.get((gap.after, gap.before), "")) for gap in gaps_of(series, time))
    return Entry(
        source="; ".join(sources),
        first=int(time[0]),
        last=int(time[-1]),
        rows=len(time),
        gaps=gaps,
        sha256=digest,
        fetched=max([known.fetched if known else "", *(page["fetched"] for page in about)]),
    )


def time_text(time: int) -> str:
    """Return a time [ms UTC] as ISO 8601."""
    seconds, milliseconds = divmod(time, 1000)
    said = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{said}.{milliseconds:03d}Z" if milliseconds else f"{said}Z"


def now() -> str:
    """Return the present time as ISO 8601 UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(entry: Entry) -> dict[str, Any]:
    gaps = [{**gap._asdict(), "after": time_text(gap.after), "before": time_text(gap.before)} for gap in entry.gaps]
    return {**entry._asdict(), "first": time_text(entry.first), "last": time_text(entry.last), "gaps": gaps}


def _entry(data: Any, where: str) -> Entry:
    fields = record(data, _ENTRY, where)
    fields["gaps"] = tuple(Gap(**gap) for gap in rows(fields["gaps"], _GAP, f"{where}.gaps"))
    return Entry(**fields)


def _time(value: Any) -> int:
    """Check for a time of the manifest and return it in ms UTC."""
    moment = datetime.fromisoformat(text(value))
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def _said(value: Any) -> str:
    return value if value == "" else text(value)


_count = integer(0, 10**12, "how many rows")
_FILE = {"version": Field(integer(VERSION, VERSION, "the version of the format")), "files": Field(mapping)}
_ENTRY = {
    "source": Field(_said),
    "first": Field(_time),
    "last": Field(_time),
    "rows": Field(_count),
    "gaps": Field(items),
    "sha256": Field(text),
    "fetched": Field(_said),
    "replaces": Field(_said, ""),
}
_GAP = {"after": Field(_time), "before": Field(_time), "missing": Field(_count), "note": Field(_said, "")}
