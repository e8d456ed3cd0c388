"""The charts of a report as files: drawings inside the page, and beside it for whoever wants to take one away."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from matplotlib.figure import Figure

from reports.canvas import NARROW, WIDE, Size, pdf, png, svg
from reports.charts import Chart, charts_of
from reports.closeup import close_up_charts
from reports.page import Picture
from reports.palette import dark_of_venues

if TYPE_CHECKING:
    from backtester.compare import Comparison
    from reports.closeup import Shown
    from reports.helper import Helper

__all__ = ["FOLDER", "FORMS", "charts_of_report", "content", "draw_picture", "draw_pictures", "inline", "picture_of"]

FOLDER = "charts"
FORMS = ("svg", "png", "pdf")  # of a chart as a file


def charts_of_report(comparison: Comparison, near: list[Shown]) -> list[Chart]:
    """Return the charts of a report with close-ups, in the order of the page."""
    return [*charts_of(comparison), *close_up_charts(near)]


def draw_pictures(
    comparison: Any,
    folder: Path,
    charts: Sequence[Any],
    tell: Callable[[str], None],
    *,
    paper: bool = False,
    helper: Helper | None = None,
) -> tuple[list[Picture], dict[str, Figure]]:
    """Write charts as SVG, PNG and (for `paper`) PDF, and return them for the page, and as wide figures by name.

    Parameters
    ----------
    comparison : Comparison or AccountComparison
    folder : Path
        Of the report; the files go into a folder in it.
    charts : sequence
        Of `reports.charts.Chart` or alike.
    tell : callable
        Called with what is being drawn.
    paper : bool
        PDF is some 40 % of the writing.
    helper : Helper, optional
        A process that draws some of the charts already; the figures of those are not returned.
    """
    pictures, figures = dict[int, Picture](), dict[str, Figure]()

    def draw(places: Iterable[int]) -> None:
        for place in places:
            chart = charts[place]
            tell(f"{FOLDER}/{chart.name}")
            pictures[place], figures[chart.name] = draw_picture(comparison, folder, chart, paper=paper)

    if helper is not None:
        draw(helper.left(len(charts)))
        pictures.update(helper.drawn())
    draw(place for place in range(len(charts)) if place not in pictures)
    return [pictures[place] for place in range(len(charts))], figures


def draw_picture(comparison: Any, folder: Path, chart: Any, *, paper: bool = False) -> tuple[Picture, Figure]:
    """Write one chart; parameters and what is returned as of `draw_pictures`."""
    address, finding = f"{FOLDER}/{chart.name}", chart.finding(comparison)
    wide, narrow = (chart.draw(comparison, size) for size in (WIDE, NARROW))
    files = {form: content(wide, form, finding) for form in FORMS if paper or form != "pdf"}
    (folder / FOLDER).mkdir(exist_ok=True)
    for form, drawing in files.items():
        (folder / f"{address}.{form}").write_bytes(drawing)
    links = (quote(f"{address}.{form}") for form in files)
    return Picture(chart.name, finding, inline(files["svg"]), inline(content(narrow, "svg", finding)), *links), wide


def content(figure: Figure, form: str, finding: str) -> bytes:
    """Return a chart as a file of one of `FORMS`; the finding is its title, where a form has one."""
    if form == "png":
        return png(figure)
    if form == "pdf":
        return pdf(figure, finding)
    return svg(figure, finding, dark_of_venues()).encode()  # close-ups have the hues of venues too


def picture_of(name: str, finding: str, draw: Callable[[Size], Figure]) -> Picture:
    """Return a chart for a page that has no files beside it."""
    return Picture(name, finding, *(inline(content(draw(size), "svg", finding)) for size in (WIDE, NARROW)))


def inline(drawing: bytes) -> str:
    """Return the address of an SVG that holds the drawing itself."""
    return f"data:image/svg+xml;base64,{b64encode(drawing).decode()}"
