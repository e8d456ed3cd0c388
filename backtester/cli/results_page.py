"""The page of a batch: what `backtester results --html` writes, and the copy of the plan that it tells."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtester._foreign import import_ours
from backtester.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_page", "keep_plan", "write_page"]

PLAN = "plan.toml"
UNKNOWN = "# the plan is not in the folder"


def check_page(file: Path | None) -> None:
    """Fail, before anything is read, for a file whose ending is not that of a page."""
    if file is not None and file.suffix != ".html":
        raise ConfigurationError("html", str(file), "is no page's name", cure="Let it end in .html")


def keep_plan(plan: Path, folder: Path) -> None:
    """Copy the file of a plan beside its rows, if there are any, for whoever reads them later."""
    from backtester.batch.store import parts_of

    if not parts_of(folder):
        return
    content = plan.read_bytes()
    with import_ours("data.writing").whole(folder / PLAN) as temporary:
        temporary.write_bytes(content)


def write_page(file: Path, folder: Path, frame: pd.DataFrame, **shown: Any) -> None:
    """Write the page of a batch.

    Parameters
    ----------
    file : Path
    folder : Path
        Of the batch.
    frame : DataFrame
        Its rows, or those that were chosen.
    **shown
        As `reports.batch.BatchPage` has it.
    """
    pages = import_ours("reports.batch")
    place = folder / PLAN
    plan = place.read_text(encoding="utf-8") if place.is_file() else ""
    again = ["backtester", "batch", str(place) if plan else "PLAN.toml", "--out", str(folder), "--resume"]
    command = shlex.join(again) + ("" if plan else f"  {UNKNOWN}")
    html = pages.batch_page(pages.BatchPage(frame, folder.resolve().name, **shown), plan, command)
    with import_ours("data.writing").whole(file) as temporary:
        temporary.write_text(html, encoding="utf-8")
