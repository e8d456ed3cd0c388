"""Reading one Parquet file: only the columns and the rows that are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtester.errors import MarketDataError
from backtester.market_parts.frames import EARLIEST, LATEST

if TYPE_CHECKING:
    import pandas as pd

MILLISECOND = 1_000_000  # [ns]


def read(path: Path, columns: Sequence[str], first: int | None, last: int | None) -> pd.DataFrame:
    """Return the rows of a file with ``first <= timestamp < last`` [ns UTC].

    If the file lacks one of the columns, all that it has are returned: whoever needs it can say what there is. Row
    groups outside of the range are not read. Times that are missing or not in milliseconds are not cut: whoever reads
    them refuses them.

    Raises
    ------
    MarketDataError
        If the file is not readable as Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            there = file.schema_arrow.names
            names = list(columns) if set(columns) <= set(there) else there
            groups = _groups(file, first, last)
            table = file.read_row_groups(groups, columns=names) if groups else file.schema_arrow.empty_table()
    except (pa.ArrowException, OSError) as error:
        raise MarketDataError(
            f"{path} cannot be read as Parquet: {error}", cure="Download it again, or remove it"
        ) from error
    return _cut(table, first, last).to_pandas()


def _groups(file: Any, first: int | None, last: int | None) -> list[int]:
    """Return the row groups that may hold rows of the range."""
    every = list(range(file.metadata.num_row_groups))
    if "timestamp" not in file.schema_arrow.names:
        return every
    column = file.schema_arrow.names.index("timestamp")
    return [k for k in every if _overlaps(file.metadata.row_group(k).column(column).statistics, first, last)]


def _overlaps(statistics: Any, first: int | None, last: int | None) -> bool:
    """Return whether a row group may overlap the range; without statistics it may."""
    if statistics is None or not statistics.has_min_max or not isinstance(statistics.min, int):
        return True
    if statistics.min < EARLIEST or statistics.max >= LATEST:
        return True
    low, high = statistics.min * MILLISECOND, statistics.max * MILLISECOND
    return (first is None or high >= first) and (last is None or low < last)


def _cut(table: Any, first: int | None, last: int | None) -> Any:
    """Return the rows of the range, in their order; what is no time in milliseconds is refused later."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if "timestamp" not in table.column_names or not pa.types.is_integer(table["timestamp"].type):
        return table
    time = table["timestamp"]
    ends = pc.min_max(time).as_py()
    if table.num_rows == 0 or time.null_count or ends["min"] < EARLIEST or ends["max"] >= LATEST:
        return table
    if first is not None:
        table = table.filter(pc.greater_equal(time, -(-first // MILLISECOND)))
        time = table["timestamp"]
    if last is not None:
        table = table.filter(pc.less(time, -(-last // MILLISECOND)))
    return table


def span(path: Path) -> tuple[int, int] | None:
    """Return the first and last time of a file [ns UTC]; None if it has no rows."""
    from backtester.market_parts.frames import times_of

    frame = read(path, ("timestamp",), None, None)
    if len(frame) == 0:
        return None
    time = times_of(frame, path.parent.name, "trade")
    return int(time.min()), int(time.max())
