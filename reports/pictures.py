"""The charts of a report as files: drawings inside the page, and beside it for whoever wants to take one away."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from matplotlib.figure import Figure

from reports.canvas import NARROW, WIDE, Size, pdf, png, svg
from reports.page import Picture
from reports.palette import dark_of_venues

__all__ = ["FOLDER", "draw_pictures", "inline", "picture_of"]

FOLDER = "charts"


def draw_pictures(
    comparison: Any, folder: Path, charts: Iterable[Any], tell: Callable[[str], None], *, paper: bool = False
) -> tuple[list[Picture], dict[str, Figure]]:
    """Write charts as SVG, PNG and (for `paper`) PDF, and return them for the page, and as wide figures by name.

    Parameters
    ----------
    comparison : Comparison or AccountComparison
    folder : Path
        Of the report; the files go into a folder in it.
    charts : iterable
        Of `reports.charts.Chart` or alike.
    tell : callable
        Called with what is being drawn.
    paper : bool
        PDF is some 40 % of the writing.
    """
    shades = dark_of_venues()  # close-ups have their hues too
    (folder / FOLDER).mkdir()
    pictures, figures = list[Picture](), dict[str, Figure]()
    for chart in charts:
        address = f"{FOLDER}/{chart.name}"
        tell(address)
        finding = chart.finding(comparison)
        wide, narrow = (chart.draw(comparison, size) for size in (WIDE, NARROW))
        drawings = [svg(figure, finding, shades) for figure in (wide, narrow)]
        files = {"svg": drawings[0].encode(), "png": png(wide)}
        if paper:
            files["pdf"] = pdf(wide, finding)
        for ending, content in files.items():
            (folder / f"{address}.{ending}").write_bytes(content)
        links = (quote(f"{address}.{ending}") for ending in files)
        pictures.append(Picture(chart.name, finding, *map(inline, drawings), *links))
        figures[chart.name] = wide
    return pictures, figures


def picture_of(name: str, finding: str, draw: Callable[[Size], Figure]) -> Picture:
    """Return a chart for a page that has no files beside it."""
    shades = dark_of_venues()
    return Picture(name, finding, *(inline(svg(draw(size), finding, shades)) for size in (WIDE, NARROW)))


def inline(drawing: str) -> str:
    """Return the address of a drawing that holds the drawing itself."""
    return f"data:image/svg+xml;base64,{b64encode(drawing.encode()).decode()}"
