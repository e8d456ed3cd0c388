"""The option `--picture` of commands that draw: a file that is whole or not there, whose ending says its form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from backtester._foreign import import_ours
from backtester.errors import ConfigurationError

__all__ = ["check_picture", "picture_option", "write_picture"]

FORMS = (".png", ".svg", ".pdf")  # of `reports.pictures.FORMS`, which is long to load


def picture_option(what: str) -> Any:
    """Return the option that names the file of a picture; `what` says in the help what is drawn."""
    said = f"{what} Its ending says the form: {', '.join(FORMS[:-1])} or {FORMS[-1]}."
    return typer.Option("--picture", metavar="FILE", help=said, show_default=False)


def check_picture(file: Path | None) -> None:
    """Fail, before anything runs, for a file whose ending is not that of a picture."""
    if file is not None and file.suffix not in FORMS:
        problem, cure = "is no picture's name", "Let it end in one of them"
        raise ConfigurationError("picture", str(file), problem, allowed=FORMS, cure=cure)


def write_picture(file: Path, figure: Any) -> None:
    """Write a figure to a file with an ending that was checked."""
    drawing = import_ours("reports.pictures").content(figure, file.suffix[1:], figure.get_label())
    with import_ours("data.writing").whole(file) as temporary:
        temporary.write_bytes(drawing)
