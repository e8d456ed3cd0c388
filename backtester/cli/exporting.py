"""Rows of a table as JSON on the screen, and as a file whose ending says what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtester._foreign import import_ours
from backtester.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_json", "check_ending", "export", "records"]

WRITERS = (".csv", ".json", ".parquet")


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def as_json(table: pd.DataFrame) -> str:
    """Return the rows of a table as JSON; undefined and infinite numbers are null."""
    rows = [{name: value if _is_finite(value) else None for name, value in row.items()} for row in records(table)]
    return json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False)


def _is_finite(value: Any) -> bool:
    return not isinstance(value, float) or abs(value) < float("inf")


def check_ending(file: Path | None) -> None:
    """Fail, before anything runs, for a file whose ending says nothing."""
    if file is not None and file.suffix not in WRITERS:
        raise ConfigurationError("export", str(file), "has no known ending", allowed=WRITERS)


def export(table: pd.DataFrame, file: Path) -> None:
    """Write the rows of a table to a file that is whole or not there, and say so."""
    check_ending(file)
    with import_ours("data.writing").whole(file) as temporary:
        if file.suffix == ".csv":
            table.to_csv(temporary, index=False)
        elif file.suffix == ".json":
            temporary.write_text(as_json(table) + "\n", encoding="utf-8")
        else:
            table.to_parquet(temporary, index=False)
    print(f"{len(table):,} rows: {file}")
