"""Which zips of an archive were read, so that a second call reads only what is new or was corrected."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from data.locks import locked
from data.writing import write_text

NONE = "none"


class Taken:
    """The zips whose rows are all in a file, with their sha256, and those that the archive lacks.

    Parameters
    ----------
    data : path
        The file of the data, ``1h-trade.parquet``; the zips stand in ``1h-trade.zips.json``.
    """

    def __init__(self, data: Path) -> None:
        self.path = data.with_suffix(".zips.json")
        self.data = data
        try:
            self.known: dict[str, str] = dict(json.loads(self.path.read_text("utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            self.known = {}  # at worst they are read once more

    def lacks(self, name: str) -> bool:
        """Return whether the archive had no such zip."""
        return self.known.get(name) == NONE and self.data.is_file()

    def is_known(self, name: str, checksum: str) -> bool:
        """Return whether a zip with this checksum was read, and the file it went to still stands."""
        told = checksum.split()[:1]
        return bool(told) and self.known.get(name) == told[0].lower() and self.data.is_file()

    def add(self, new: dict[str, str]) -> None:
        """Remember zips by their names: their sha256, or that there is none."""
        if new.items() <= self.known.items():
            return
        self.known |= new
        with locked(self.path.parent):
            write_text(self.path, json.dumps(dict(sorted(self.known.items())), indent=0) + "\n")

    def add_none(self, names: Iterable[str]) -> None:
        """Remember that the archive lacks these."""
        self.add(dict.fromkeys(names, NONE))
