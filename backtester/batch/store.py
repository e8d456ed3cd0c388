"""A folder of rows: Parquet parts that are whole or not there, readable by anything that reads Parquet."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtester._foreign import import_ours
from backtester._parts import Pace, check_out, next_part, parts_in, write_part
from backtester.batch.plan import Plan
from backtester.batch.settings import PARAMS, SETTINGS
from backtester.batch.work import Row
from backtester.comparing.summary import MEASURES
from backtester.errors import ConfigurationError
from backtester.schema import MODES

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CURVES",
    "EARLIER",
    "RUNS",
    "Rows",
    "check_folder",
    "columns_of",
    "count_rows",
    "in_order",
    "parts_of",
    "read_runs",
    "rows_by_key",
    "rows_in",
    "settings_of",
]

RUNS, EARLIER, CURVES = "runs", "earlier", "curves"
MOST = 20_000  # rows in memory


class Rows:
    """The rows of a plan in a folder.

    Parameters
    ----------
    folder : Path
    plan : Plan
        Which columns there are.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder = folder
        self._columns = columns_of(plan)
        self._curves = folder / CURVES if plan.curves else None
        self._waiting: list[Row] = []
        self._pace = Pace()

    def keep_only(self, keys: Collection[str]) -> tuple[set[str], int]:
        """Set aside rows of other keys, drop those that are to be done again, and return the keys that are left.

        A run is done again if it failed, or has no curve and is to have one.

        Returns
        -------
        set of str
            What is finished.
        int
            How many rows were set aside.
        """
        finished: set[str] = set()
        aside = 0
        for part in parts_of(self._folder):
            table = _read([part])
            rows = list(zip(table["key"].to_pylist(), table["error"].to_pylist(), strict=True))
            stale = [key not in keys for key, _ in rows]
            good = [key in keys and error is None and self._has_curve(key) for key, error in rows]
            if any(stale):
                write_part(next_part(self._folder / EARLIER), table.filter(stale))
                aside += sum(stale)
            if not any(good):
                part.unlink()
            elif not all(good):
                write_part(part, table.filter(good))
            finished.update(table.filter(good)["key"].to_pylist())
        return finished, aside

    def _has_curve(self, key: str) -> bool:
        return self._curves is None or (self._curves / f"{key}.parquet").is_file()

    def add(self, row: Row) -> None:
        """Take a row, and write a part when it is time."""
        self._waiting.append(row)
        if len(self._waiting) >= MOST or self._pace.due():
            self.flush()

    def flush(self) -> None:
        """Write what waits, once: whoever is interrupted while it is written may come back here."""
        rows, self._waiting = self._waiting, []
        if rows:
            part = next_part(self._folder / RUNS)
            try:
                write_part(part, self._table(rows))
            except BaseException:
                if not part.exists():
                    self._waiting = rows
                raise
        self._pace.written()

    def _table(self, rows: list[Row]) -> Any:
        import pyarrow as pa

        schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in self._columns.items()])
        return pa.Table.from_pylist(self._fitting(rows), schema=schema)

    def _fitting(self, rows: list[Row]) -> list[Row]:
        """Return rows with texts where the columns are texts."""
        names = [name for name, kind in self._columns.items() if kind == "string"]
        return [row | {name: _text(row[name]) for name in names if row.get(name) is not None} for row in rows]


@contextmanager
def rows_in(folder: Path, plan: Plan, *, resume: bool) -> Iterator[Rows]:
    """Hold a folder for the rows of a plan, and write what waits whatever happens.

    Raises
    ------
    ConfigurationError
        As `check_folder`.
    """
    check_folder(folder, resume=resume)
    with import_ours("data.locks").locked(folder, patience=0.0):
        for name in (RUNS, EARLIER, CURVES):
            import_ours("data.writing").sweep(folder / name)  # what killed writers left
        rows = Rows(folder, plan)
        try:
            yield rows
        finally:
            rows.flush()


def check_folder(folder: Path, *, resume: bool) -> None:
    """Refuse a folder that has rows, unless the work is to go on there."""
    check_out(folder, parts_of(folder), "runs of a batch", resume=resume)


def _text(value: Any) -> str:
    """Return a value as a plan has it, without what no file can hold: halves of characters, from names of files."""
    said = str(value).lower() if isinstance(value, bool) else str(value)
    return said.encode("utf-8", "backslashreplace").decode()


def columns_of(plan: Plan) -> dict[str, str]:
    """Return the columns of a plan's rows with their types, in order."""
    kinds: dict[str, str] = {"key": "string"}
    for name in ["strategy", *(name for name in plan.names() if name != "strategy")]:
        if name == "period":
            kinds |= {"start": "string", "end": "string"}
        else:
            kinds[name] = _kind(name, plan)
    kinds |= {"bars": "int64", "days": "double", "synthetic": "bool"}
    return kinds | {measure.key: "double" for measure in MEASURES} | {"error": "string"}


def _kind(name: str, plan: Plan) -> str:
    if name in SETTINGS:
        return SETTINGS[name].kind
    values = [value for axes in (plan.axes, *plan.include) for value in axes.get(name, ())]
    if all(isinstance(value, bool) for value in values):
        return "bool"
    if any(isinstance(value, bool | str) for value in values):
        return "string"
    return "int64" if name.startswith(PARAMS) and all(isinstance(value, int) for value in values) else "double"


def parts_of(folder: Path) -> list[Path]:
    """Return the parts of a folder's rows."""
    return parts_in(folder / RUNS)


def count_rows(folder: Path) -> int:
    """Return how many rows there are, without reading them."""
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(part).num_rows for part in parts_of(folder))


def read_runs(folder: str | Path) -> pd.DataFrame:
    """Return the rows of a batch, one per run, in the order of their settings.

    Parameters
    ----------
    folder : str or Path
        What ``--out`` named.

    Raises
    ------
    ConfigurationError
        If it holds no runs, or a file that is no Parquet.
    """
    place = Path(folder)
    parts = parts_of(place)
    if not parts:
        problem = "holds no runs of a batch" if place.is_dir() else "is no folder"
        raise ConfigurationError("folder", str(folder), problem, cure="Name the folder that backtester batch wrote to")
    frame: pd.DataFrame = _read(parts).to_pandas()
    return in_order(frame, settings_of(frame))


def rows_by_key(folder: Path) -> dict[str, Row]:
    """Return the rows of a folder, as they were before they were written: what is missing is None."""
    if not parts_of(folder):
        return {}
    rows = read_runs(folder).to_dict("records")
    return {str(row["key"]): {str(k): None if v != v else v for k, v in row.items()} for row in rows}


def in_order(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return rows sorted by some settings; the margin modes as they are listed everywhere, isolated first."""
    return frame.sort_values(names, key=_rank, ignore_index=True)


def _rank(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.map(MODES.index) if column.name == "mode" else column


def settings_of(frame: pd.DataFrame) -> list[str]:
    """Return the columns that say which run a row is."""
    measured = {"key", "bars", "days", "synthetic", "error", *(measure.key for measure in MEASURES)}
    return [str(name) for name in frame.columns if name not in measured]


def _read(parts: list[Path]) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for part in parts:
        try:
            tables.append(pq.ParquetFile(part).read())
        except pa.ArrowInvalid as error:
            cure = "Remove it: --resume does its runs again"
            raise ConfigurationError("folder", str(part), f"cannot be read as Parquet: {error}", cure=cure) from error
    return pa.concat_tables(tables, promote_options="permissive")
