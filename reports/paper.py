"""A report on paper: a PDF of A4's shape with text that stays text and charts that stay drawings.

No browser is needed: the pages are matplotlib figures. Charts keep their size in inches, and the page is a little wider
than they are; a printer brings it to the paper's size.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import TextToPath
from matplotlib.transforms import Bbox

from backtester.comparing.printing import SYNTHETIC
from reports.canvas import WIDE
from reports.document import Document, Section
from reports.ending import Ending
from reports.palette import GRID, INK, MUTED, PAPER, WARNING
from reports.tables import Table

__all__ = ["pdf_of_report"]

MARGIN = 0.55  # [inch]
WIDTH = WIDE.width + 2 * MARGIN
HEIGHT = WIDTH * 2**0.5
GAP = 0.22  # [inch] between columns of a table
BASE = 0.3  # of letters' size, below their line
SENTENCE = 0.46  # [inch] of height, of a heading's sentences together with a chart
LETTER = 0.56  # mean width of a letter, of the font's size


class _Placed(Artist):
    """A figure drawn on a page, its lower left corner at a place [inch]."""

    def __init__(self, drawing: Figure, left: float, low: float) -> None:
        super().__init__()
        wide, high = drawing.get_size_inches()
        drawing.set_dpi(72)  # of a PDF: its unit is a point
        drawing.bbox_inches.set(Bbox.from_bounds(left, low, wide, high))
        self.drawing = drawing

    def draw(self, renderer: Any) -> None:
        self.drawing.draw(renderer)


class _Word(NamedTuple):
    """What is written where: from `left`, on a line at `low` [inch]."""

    words: str
    left: float
    low: float
    size: float
    colour: str
    bold: bool


class _Text(Artist):
    """All that is written on a page: a thousand `Text`s of matplotlib's take a second to lay out."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[_Word] = []

    def draw(self, renderer: Any) -> None:
        for each in self.written:
            style = renderer.new_gc()
            style.set_foreground(each.colour)
            renderer.draw_text(style, 72 * each.left, 72 * each.low, each.words, _font(each.size, each.bold), 0.0)
            style.restore()


class Paper:
    """Pages that fill from top to bottom."""

    def __init__(self) -> None:
        self.pages: list[Figure] = []
        self.texts: list[_Text] = []
        self.low = 0.0  # [inch] what is free on the page begins below this height
        self._turn()

    def _turn(self) -> None:
        self.pages.append(Figure(figsize=(WIDTH, HEIGHT), facecolor=PAPER))
        self.texts.append(_Text())
        self.pages[-1].add_artist(self.texts[-1])
        self.low = HEIGHT - MARGIN

    def room(self, height: float) -> None:
        """Go on to a new page unless so much [inch] is left."""
        if self.low - height < MARGIN and self.low < HEIGHT - MARGIN:
            self._turn()

    def line(self, words: str, size: float, *, colour: str = INK, bold: bool = False, left: float = 0.0) -> None:
        """Write one line."""
        high = size * 1.42 / 72
        self.room(high)
        self.low -= high
        self.put(words, left, size, colour=colour, bold=bold)

    def put(
        self, words: str, left: float, size: float, *, colour: str = INK, bold: bool = False, right: bool = False
    ) -> None:
        """Write on the line at hand, from `left` [inch] beside the margin or, flush right, up to it."""
        at = MARGIN + left - (width_of(words, size, bold) if right else 0.0)
        self.texts[-1].written.append(_Word(words, at, self.low + BASE * size / 72, size, colour, bold))

    def words(self, said: str, size: float = 10.0, *, first: str = "", indent: float = 0.0, **look: Any) -> None:
        """Write a paragraph, broken at spaces; `first` stands before its first line, in an indent [inch]."""
        self.space(0.06)
        for k, line in enumerate(_lines(said, size, WIDTH - 2 * MARGIN - indent)):
            self.line(line, size, left=indent, **look)
            if first and not k:
                self.put(first, 0.0, size, **look)

    def space(self, height: float) -> None:
        """Leave room [inch]."""
        self.low -= height

    def rule(self, right: float) -> None:
        """Draw a thin line from the margin to `right` [inch] beside it."""
        at, ends = (self.low - 0.02) / HEIGHT, (MARGIN / WIDTH, (MARGIN + right) / WIDTH)
        self.pages[-1].add_artist(Line2D(ends, (at, at), color=GRID, linewidth=0.8))
        self.space(0.02)

    def picture(self, drawing: Figure) -> None:
        """Place a chart."""
        high = float(drawing.get_size_inches()[1])
        self.room(high)
        self.low -= high
        self.pages[-1].add_artist(_Placed(drawing, MARGIN, self.low))
        self.space(0.1)


def _lines(said: str, size: float, wide: float) -> list[str]:
    """Return words in lines no wider than so much [inch]: hashes have wider letters than sentences."""
    letters = int(wide * 72 / (LETTER * size))
    while True:
        lines = textwrap.wrap(said, letters, break_on_hyphens=False)
        widest = max((width_of(line, size) for line in lines), default=0.0)
        if widest <= wide or letters < 2:
            return lines
        letters = min(letters - 1, int(letters * wide / widest))


@lru_cache(maxsize=4096)
def width_of(words: str, size: float, bold: bool = False) -> float:
    """Return how wide a text is [inch]."""
    return float(TextToPath().get_text_width_height_descent(words, _font(size, bold), ismath=False)[0]) / 72


@lru_cache
def _font(size: float, bold: bool) -> FontProperties:
    return FontProperties(family="sans-serif", size=size, weight="bold" if bold else "normal")


def pdf_of_report(of: Document, end: Ending, charts: Mapping[str, Figure]) -> bytes:
    """Return a report as PDF; equal reports give equal bytes.

    Parameters
    ----------
    of : Document
    end : Ending
    charts : mapping of str to Figure
        By name; they are placed on the pages and not to be used any more.
    """
    paper = Paper()
    with mpl.rc_context({"font.family": "sans-serif"}):
        _opening(paper, of)
        for section in of.sections:
            _section(paper, section, charts)
        _heading(paper, "Repeat it")
        _verbatim(paper, end.command)
        paper.words("; ".join(f"{word} {number}" for word, number in end.versions), 9.0, colour=MUTED)
        for heading, content in (("Data", end.data), ("Configuration", end.configuration)):
            _heading(paper, heading)
            _verbatim(paper, content)
        return _printed(paper, of.title)


def _printed(paper: Paper, title: str) -> bytes:
    buffer, count = io.BytesIO(), len(paper.pages)
    for number, text in enumerate(paper.texts, start=1):
        said, size = f"{number} of {count}", 8.0
        left = WIDTH - MARGIN - width_of(said, size)
        text.written.append(_Word(said, left, MARGIN / 2, size, MUTED, False))
    with PdfPages(buffer, metadata={"Title": title, "CreationDate": None, "Creator": None}) as pages:
        for page in paper.pages:
            pages.savefig(page)
    return buffer.getvalue()


def _opening(paper: Paper, of: Document) -> None:
    for line in textwrap.wrap(of.title, 66):
        paper.line(line, 16.0, bold=True)
    if of.synthetic:
        paper.line(SYNTHETIC, 10.0, colour=WARNING, bold=True)
    paper.space(0.05)
    for word, line in of.facts:
        paper.words(line, 9.5, first=word, indent=0.75, colour=MUTED)
    paper.space(0.08)
    for said in of.verdict:
        paper.words(said, 11.5)


def _heading(paper: Paper, words: str, below: float = 0.8) -> None:
    """Write a heading, on the page of the first `below` [inch] of what it heads."""
    paper.space(0.22)
    paper.room(0.4 + below)
    paper.line(words, 13.0, bold=True)


def _section(paper: Paper, of: Section, charts: Mapping[str, Figure]) -> None:
    first = float(charts[of.pictures[0]].get_size_inches()[1]) + SENTENCE * len(of.said) if of.pictures else 0.0
    _heading(paper, of.heading, max(0.8, first))
    for said in of.said:
        paper.words(said)
    for name in of.pictures:
        paper.picture(charts[name])
    for caption, table in of.tables:
        paper.room(1.0)  # no caption at the foot of a page
        if caption:
            paper.words(caption, 9.0, colour=MUTED)
        _table(paper, table)
    for said in of.after:
        paper.words(said)
    for said in of.listed:
        paper.words(said, first="\u2022", indent=0.15)


def _table(paper: Paper, table: Table) -> None:
    """Draw a table, in letters as small as its width demands, its head on each page anew."""
    labels = [f"{row.label} [{row.unit}]" if row.unit else row.label for row in table.rows]
    size, rights = _columns(table, labels)
    page = None
    for row, label in zip(table.rows, labels, strict=True):
        if row.group:
            paper.space(0.05)
            paper.room(0.6)
        paper.room(size * 1.42 / 72)
        if page is not paper.pages[-1]:
            page = paper.pages[-1]
            _cells(paper, "", table.header, rights, size, colour=MUTED)
        if row.group:
            paper.line(row.group, size, bold=True)
        _cells(paper, label, row.cells, rights, size)
    paper.space(0.08)


def _cells(
    paper: Paper, label: str, cells: Iterable[str], rights: list[float], size: float, colour: str = INK
) -> None:
    paper.line(label, size, colour=colour)
    for words, right in zip(cells, rights, strict=True):
        paper.put(words, right, size, colour=colour, right=True)
    paper.rule(rights[-1])


def _columns(table: Table, labels: list[str]) -> tuple[float, list[float]]:
    """Return the size of letters [pt], and where the columns end [inch]."""
    columns = list(zip(table.header, *(row.cells for row in table.rows), strict=True))
    for size in (9.5, 8.5, 7.5, 6.5, 5.5):
        widths = [max(width_of(cell, size) for cell in column) + GAP for column in columns]
        right = max((width_of(label, size) for label in labels), default=0.0)
        rights = []
        for width in widths:
            right += width
            rights.append(right)
        if right <= WIDTH - 2 * MARGIN:
            break
    return size, rights


def _verbatim(paper: Paper, content: str) -> None:
    """Write text or JSON as it is, but for the ends of lines and what they are indented by."""
    paper.words(re.sub(r"\n *", " ", content), 7.5, colour=MUTED)  # at which two hashes fit into a line
