"""Files that are whole or not there: written under another name, flushed to the disk, renamed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

TEMPORARY = ".tmp"
ROWS_IN_GROUP = 65_536  # readers skip the groups they do not need


def write_rows(path: Path, frame: pd.DataFrame, about: Mapping[str, str] | None = None) -> str:
    """Write a frame as Parquet (zstd) and return the sha256 of the file; equal rows give equal bytes.

    Parameters
    ----------
    path : Path
    frame : DataFrame
    about : mapping of str to str, optional
        Kept with the rows; see `read_about`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(dict(about or {}))
    temporary = _temporary(path)
    pq.write_table(table, temporary, compression="zstd", row_group_size=ROWS_IN_GROUP)
    with temporary.open("rb+") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    _put(temporary, path)
    return digest


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    temporary = _temporary(path)
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _put(temporary, path)


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


def _temporary(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")


def _put(temporary: Path, path: Path) -> None:
    """Give a finished file its name, on the disk too."""
    temporary.replace(path)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
