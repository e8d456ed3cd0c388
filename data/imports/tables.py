"""Files of other programs as frames, as they are: CSV, Parquet, feather and JSON."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtester.errors import MarketDataError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".csv.gz", ".parquet", ".feather", ".json", ".json.gz")
_DELIMITERS = ",;\t|"
_HEAD = 5  # lines in which a table begins


def suffix_of(path: Path) -> str:
    """Return which of `SUFFIXES` a file has, or nothing."""
    return next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), "")


def read_table(path: Path) -> pd.DataFrame:
    """Return what is in a file; columns without a name are called ``1``, ``2`` and so on.

    Raises
    ------
    MarketDataError
        If the file is none of the formats, or not what its name says.
    """
    import pyarrow as pa

    suffix = suffix_of(path)
    if not suffix:
        cure = f"Files ending in {', '.join(SUFFIXES)} can be read"
        raise MarketDataError(f"{path} is of no format that can be read", cure=cure)
    try:
        frame = _READERS[suffix.removesuffix(".gz")](path)
    except (OSError, ValueError, EOFError, csv.Error, pa.ArrowException) as error:  # pandas' errors are ValueErrors
        raise MarketDataError(
            f"{path} cannot be read as {suffix.split('.')[1]}: {error}", cure="Mend the file, or leave it out"
        ) from error
    if len(frame) == 0:
        raise MarketDataError(f"{path} has no rows", cure="Mend the file, or leave it out")
    return frame


def _csv(path: Path) -> pd.DataFrame:
    """Read a CSV with or without a header; lines before it that are no table are passed over."""
    import pandas as pd

    with _open(path) as file:
        lines = [file.readline().rstrip("\r\n") for _ in range(_HEAD)]
    delimiter = max(_DELIMITERS, key=lambda sign: max(line.count(sign) for line in lines))
    above = next((k for k, line in enumerate(lines) if delimiter in line), None)
    if above is None:
        raise ValueError("there is no table with columns parted by comma, semicolon, tab or |")
    first = next(csv.reader([lines[above]], delimiter=delimiter))
    named = not any(_is_number(cell) for cell in first)
    frame = pd.read_csv(
        path,
        sep=delimiter,
        skiprows=above,
        header=0 if named else None,
        names=None if named else [str(k + 1) for k in range(len(first))],
        encoding="utf-8-sig",
        index_col=False,
        skipinitialspace=True,
        low_memory=False,
    )
    return frame.rename(columns=str.strip)


def _parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(path)


def _feather(path: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_feather(path)


def _json(path: Path) -> pd.DataFrame:
    """Read rows that are lists, as freqtrade and ccxt write them, or objects."""
    import pandas as pd

    with _open(path) as file:
        data = json.load(file)
    if not isinstance(data, list) or not all(isinstance(row, type(data[0])) for row in data):
        raise ValueError("it is no list of rows of one kind")
    if data and isinstance(data[0], list):
        return pd.DataFrame(data, columns=[str(k + 1) for k in range(len(data[0]))])
    if data and not isinstance(data[0], dict):
        raise ValueError(f"its rows are neither lists nor objects: {data[0]!r}")
    return pd.DataFrame(data)


def _open(path: Path) -> Any:
    """Open a text file, compressed or not."""
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig", newline="")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


_READERS = {".csv": _csv, ".parquet": _parquet, ".feather": _feather, ".json": _json}
