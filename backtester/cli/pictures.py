"""Charts as files that are whole or not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backtester._foreign import import_ours
from backtester.errors import ConfigurationError

__all__ = ["FORMS", "check_picture", "write_picture"]

FORMS = (".png", ".svg")


def check_picture(key: str, file: Path | None, forms: Sequence[str] = FORMS[:1]) -> None:
    """Fail, before anything runs, for a file whose ending is not that of a picture."""
    if file is not None and file.suffix not in forms:
        raise ConfigurationError(key, str(file), "is no picture's name", allowed=forms, cure="Let it end in .png")


def write_picture(file: Path, figure: Any, title: str = "") -> None:
    """Write a figure to a file with an ending that was checked; the title is what an SVG says of itself."""
    canvas, files = import_ours("reports.canvas"), import_ours("data.writing")
    with files.whole(file) as temporary:
        if file.suffix == ".png":
            temporary.write_bytes(canvas.png(figure))
        else:
            shades = import_ours("reports.palette").dark_of_venues()
            temporary.write_text(canvas.svg(figure, title, shades), encoding="utf-8")
