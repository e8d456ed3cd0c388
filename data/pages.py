"""Pages: the small files in which rows wait to be merged, named by their order and their first and last time."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"(\d+)_(\d+)_(\d+)\.parquet")  # how many-th, first and last time [ms UTC]


def pages_in(folder: Path) -> list[Path]:
    """Return the pages in a folder in the order they came; none where there is no folder."""
    return sorted(path for path in folder.glob("*.parquet") if _NAME.fullmatch(path.name))


def next_page(folder: Path, first: int, last: int) -> Path:
    """Return the path of the next page, with rows from `first` to `last` [ms UTC]; for whoever holds the lock."""
    number = max((int(page.name.split("_")[0]) for page in pages_in(folder)), default=0) + 1
    return folder / f"{number:08d}_{first}_{last}.parquet"


def ends_of(page: Path) -> tuple[int, int]:
    """Return first and last time of a page [ms UTC], by its name."""
    _, first, last = page.stem.split("_")
    return int(first), int(last)
