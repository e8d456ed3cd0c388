"""Rows that come one by one, kept in a folder as Parquet parts that are whole or not there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from backtester._foreign import import_ours
from backtester.errors import ConfigurationError

PATIENCE, SHARE = 0.5, 0.01  # a part is written after so many seconds, or that share of the time so far


class Pace:
    """When the next part is due: soon at first, seldom in a long job."""

    def __init__(self) -> None:
        self._began = self._written = time.monotonic()

    def due(self) -> bool:
        """Return whether it is time to write."""
        now = time.monotonic()
        return now - self._written > max(PATIENCE, SHARE * (now - self._began))

    def written(self) -> None:
        """Begin to wait anew."""
        self._written = time.monotonic()


def parts_in(folder: Path) -> list[Path]:
    """Return the parts in a folder, the first written first."""
    return sorted(folder.glob("part-*.parquet"))


def next_part(folder: Path) -> Path:
    """Return what the next part in a folder is called."""
    last = max((int(part.stem.rpartition("-")[2]) for part in parts_in(folder)), default=0)
    return folder / f"part-{last + 1:06}.parquet"


def write_part(part: Path, table: Any) -> None:
    """Write a table of pyarrow; it has its name when it is whole."""
    import pyarrow.parquet as pq

    with import_ours("data.writing").whole(part) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def check_out(folder: Path, parts: list[Path], what: str, *, resume: bool) -> None:
    """Refuse a folder that has parts, unless the work is to go on there.

    Raises
    ------
    ConfigurationError
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError("out", str(folder), "is a file", cure="Name a folder")
    if not resume and parts:
        cure = "Go on there with --resume (from Python resume=True), or name another folder"
        raise ConfigurationError("out", str(folder), f"has {what}", cure=cure)


def check_resume(out: object, *, resume: bool) -> None:
    """Refuse to go on where no folder is named.

    Raises
    ------
    ConfigurationError
    """
    if resume and out is None:
        cure = "Name the folder of the call that was stopped: --out DIR (from Python out=...)"
        raise ConfigurationError("resume", resume, "there is no folder to go on in", cure=cure)
