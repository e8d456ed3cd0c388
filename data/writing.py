"""Files that are whole or not there: written under another name, flushed to the disk, renamed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

TEMPORARY = ".tmp"
ROWS_IN_GROUP = 65_536  # readers skip the groups they do not need


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; what was written gets its name at the end, if there was no error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        yield temporary
        if os.name == "posix":  # elsewhere a file must be open for writing, and a folder cannot be opened
            _sync(temporary)
        temporary.replace(path)
        if os.name == "posix":
            _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_rows(path: Path, frame: pd.DataFrame, about: Mapping[str, str] | None = None) -> str:
    """Write a frame as Parquet (zstd) and return the sha256 of the file; equal rows give equal bytes.

    Parameters
    ----------
    path : Path
    frame : DataFrame
    about : mapping of str to str, optional
        Kept with the rows; see `read_about`.
    """
    with whole(path) as temporary:
        return put_rows(temporary, frame, about)


def put_rows(path: Path, frame: pd.DataFrame, about: Mapping[str, str] | None = None) -> str:
    """Do what `write_rows` does to a file that `whole` makes whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(dict(about or {}))
    pq.write_table(table, path, compression="zstd", use_dictionary=False, row_group_size=ROWS_IN_GROUP)
    return sha256_of(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_about(path: Path) -> dict[str, str]:
    """Return what was kept with the rows of a file."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        return {key.decode(): value.decode() for key, value in (file.metadata.metadata or {}).items()}


def sweep(folder: Path) -> None:
    """Remove what writers left that were killed; only for whoever holds the lock of the folder."""
    for path in folder.glob(f".*{TEMPORARY}"):
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Have a file, or what a folder names, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
