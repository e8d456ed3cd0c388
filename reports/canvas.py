"""The frame of every chart: title, sub-title, axes with dates and units, labels at the ends of lines."""

from __future__ import annotations

import io
import re
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter
from numpy.typing import NDArray

from backtester.symbols import parse
from reports.palette import GRID, INK, MUTED, PAPER, WARNING, dark

Floats = NDArray[np.float64]

__all__ = [
    "NARROW",
    "WIDE",
    "Size",
    "canvas",
    "date_axis",
    "dates",
    "end_labels",
    "money_axis",
    "panel_label",
    "pdf",
    "png",
    "quote_of",
    "svg",
    "unit_of",
]

DAY = 86_400e9  # [ns]
_STEPS = (
    ("s", (1, 5, 15, 30)),
    ("m", (1, 2, 5, 10, 15, 30)),
    ("h", (1, 2, 3, 6, 12)),
    ("D", (1, 2, 4, 7, 14)),
    ("M", (1, 2, 3, 6)),
    ("Y", (1, 2, 5, 10, 20, 50, 100)),
)
SYNTHETIC = "Synthetic market"
MOST_DECIMALS = 8  # of a price on an axis
DOTS = 120  # of a PNG, per inch
PACKED = 3  # of 9: twice as fast as the usual 6, for a tenth more bytes
_BEYOND = re.compile(r"(?<=\.\d\d)\d+")  # digits after the second decimal


class Size(NamedTuple):
    """A format of charts.

    Parameters
    ----------
    name : str
        Part of the file name.
    width, height : float [inch]
        Of the figure; some charts choose their own height.
    columns : int
        Pixel columns to which lines are thinned out.
    letters : int
        Characters of the title in one line.
    right : float [inch]
        Room for the labels at the ends of lines.
    """

    name: str
    width: float
    height: float
    columns: int
    letters: int
    right: float

    @property
    def narrow(self) -> bool:
        """Whether it is meant for a phone."""
        return self.width < 6.0


WIDE = Size("wide", 9.6, 4.4, 640, 84, 1.3)
NARROW = Size("narrow", 4.6, 4.0, 300, 40, 1.08)


def canvas(
    size: Size,
    title: str,
    subtitle: str,
    *,
    synthetic: bool,
    height: float | None = None,
    rows: int = 1,
    left: float = 0.72,
    above: float = 0.0,
    one_axis: bool = True,
) -> tuple[Figure, list[Axes]]:
    """Return a figure with its finding as title, what is shown as sub-title, and `rows` panels below.

    Parameters
    ----------
    size : Size
        Format.
    title, subtitle : str
        The finding, and what the axes show.
    synthetic : bool
        Said first in the sub-title, in the colour of warnings.
    height : float, optional [inch]
        Other height than the format's.
    rows : int
        Panels above each other.
    left : float [inch]
        Room for the labels of the y axis.
    above : float [inch]
        Room for the label of the first panel.
    one_axis : bool
        Whether all panels have the same x axis, drawn under the lowest.
    """
    tall = height or size.height
    heading = textwrap.wrap(title, size.letters) or [""]
    below = textwrap.wrap(subtitle, int(size.letters * 1.36))
    line, small = 0.235, 0.19  # [inch]
    head = 0.14 + line * len(heading) + small * (len(below) + synthetic) + 0.24 + above
    tall += head - 0.8
    with mpl.rc_context({"font.family": "sans-serif"}):
        figure = Figure(figsize=(size.width, tall), facecolor=PAPER)
    figure.set_label(title)  # for whoever writes it to a file
    figure.subplots_adjust(left=left / size.width, right=1 - size.right / size.width)
    figure.subplots_adjust(top=1 - head / tall, bottom=0.5 / tall, hspace=0.28)
    at = tall - 0.14
    margin = 0.14 / size.width
    for words in heading:
        figure.text(margin, at / tall, words, color=INK, fontsize=12.5, fontweight="bold", va="top", parse_math=False)
        at -= line
    if synthetic:
        said = f"{SYNTHETIC}: made-up prices"
        figure.text(margin, at / tall, said, color=WARNING, fontsize=9, fontweight="bold", va="top", gid="synthetic")
        at -= small
    for words in below:
        figure.text(margin, at / tall, words, color=MUTED, fontsize=9, va="top", parse_math=False)
        at -= small
    axes = figure.subplots(rows, 1, sharex=one_axis, squeeze=False)[:, 0]
    for each in axes:
        _plain(each)
    return figure, list(axes)


def _plain(axes: Axes) -> None:
    axes.set_facecolor("none")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, labelcolor=INK, labelsize=9, length=3, width=0.8)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0)


def dates(time: NDArray[np.int64]) -> Floats:
    """Return times in ns UTC as matplotlib's days since 1970."""
    return np.asarray(time, dtype=np.float64) / DAY


def date_axis(axes: Axes, first: int, last: int, *, size: Size) -> None:
    """Give the lowest panel its dates, UTC, from `first` to `last` [ns]."""
    left, right = dates(np.array([first, last]))
    axes.set_xlim(left, right if right > left else left + 1.0 / 24.0)
    ticks = date_ticks(first, last, 4 if size.narrow else 8)
    axes.xaxis.set_major_locator(FixedLocator(list(ticks)))
    names = FixedFormatter(date_labels(ticks))
    names.set_offset_string(f"from {_day(_moment(left))} {_moment(left).year}, UTC")
    axes.xaxis.set_major_formatter(names)
    axes.xaxis.set_label_coords(0.5, 0.0)  # without one: matplotlib would look for its place under the dates
    axes.xaxis.get_offset_text().set_color(MUTED)
    axes.xaxis.get_offset_text().set_fontsize(9)


def date_labels(ticks: Floats) -> list[str]:
    """Return what to write at days since 1970: each says which day, month or year it is, without its neighbours."""
    times = [_moment(tick) for tick in ticks]
    if any(time.second for time in times):
        return [f"{time:%H:%M:%S}" for time in times]
    if any(time.hour or time.minute for time in times):
        return [f"{time:%H:%M}" if time.hour or time.minute else _day(time) for time in times]
    if any(time.day > 1 for time in times):
        return [_day(time) for time in times]
    if any(time.month > 1 for time in times):
        return [f"{time:%b %Y}" if time.month == 1 else f"{time:%b}" for time in times]
    return [f"{time:%Y}" for time in times]


def _moment(day: float) -> datetime:
    return datetime.fromtimestamp(round(day * 86_400.0), tz=UTC)


def _day(time: datetime) -> str:
    return f"{time.day} {time:%b}"


def date_ticks(first: int, last: int, most: int) -> Floats:
    """Return at most `most` + 1 round times between `first` and `last` [ns UTC], as days since 1970."""
    for unit, counts in _STEPS:
        ends = np.array([first, last], dtype="datetime64[ns]")
        low, high = ends.astype(f"datetime64[{unit}]").astype(np.int64)
        for count in counts:
            if (high - low) // count <= most:
                ticks = np.arange(-(-low // count) * count, high + 1, count)
                time = ticks.astype(f"datetime64[{unit}]").astype("datetime64[ns]").astype(np.int64)
                return dates(time[(time >= first) & (time <= last)])
    return dates(np.array([first, last]))


def money_axis(axes: Axes) -> None:
    """Write the y axis as money with thousands separators, and with the decimals that its ticks have."""

    def said(value: float, _: object) -> str:
        return f"{value:,.{_decimals(axes.yaxis.get_majorticklocs())}f}".replace("-", "\u2212")

    axes.yaxis.set_major_formatter(FuncFormatter(said))


def _decimals(ticks: Floats) -> int:
    """Return with how many decimals each tick is written as it is, as far as can be seen."""
    seen = 1e-3 * float(np.min(np.diff(ticks))) if len(ticks) > 1 else 1e-9
    return next((n for n in range(MOST_DECIMALS) if np.all(np.abs(np.round(ticks, n) - ticks) <= seen)), MOST_DECIMALS)


def unit_of(axes: Axes, words: str) -> None:
    """Write the unit of the y axis above its ticks."""
    axes.set_ylabel(words, rotation=0, ha="right", va="bottom", color=MUTED, fontsize=9, parse_math=False)
    axes.yaxis.set_label_coords(-0.005, 1.03)


def quote_of(symbol: str) -> str:
    """Return the currency of an instrument's prices, or ``quote`` if its name does not tell."""
    return parse(symbol).quote or "quote"


def end_labels(axes: Axes, labels: Sequence[tuple[float, str, str]]) -> None:
    """Write (value, text, colour) right of the axes at the heights of the values, moved apart where they would meet."""
    low, high = axes.get_ylim()
    tall = axes.get_window_extent().height / axes.figure.dpi * 72.0  # [pt]
    order = sorted(range(len(labels)), key=lambda k: labels[k][0])
    lines = [labels[k][1].count("\n") + 1 for k in order]
    wanted = [(labels[k][0] - low) / (high - low) * tall for k in order]
    for k in range(1, len(order)):
        wanted[k] = max(wanted[k], wanted[k - 1] + 6.2 * (lines[k] + lines[k - 1]) + 2)
    over = max(0.0, wanted[-1] + 6.2 * lines[-1] - tall - 8) if order else 0.0
    for place, k in zip(wanted, order, strict=True):
        _, words, colour = labels[k]
        axes.annotate(
            words, (1, (place - over) / tall), xytext=(7, 0), xycoords="axes fraction", textcoords="offset points",
            color=colour, fontsize=9.5, fontweight="bold", va="center", linespacing=1.25, annotation_clip=False,
            parse_math=False,
        )  # fmt: skip


def panel_label(axes: Axes, words: str, size: Size = WIDE) -> None:
    """Write above a panel what it shows."""
    said = textwrap.fill(words, int(size.letters * 1.2))
    # a height of its own: matplotlib looks for a free one among all labels
    axes.set_title(said, loc="left", y=1.0, fontsize=9, color=MUTED, pad=3, parse_math=False)


def png(figure: Figure, dots: int = DOTS) -> bytes:
    """Return a figure as PNG on light paper, `dots` per inch."""
    buffer = io.BytesIO()
    with mpl.rc_context({"text.hinting": "no_hinting"}), _any_letters():  # for screens of few dots, a fifth of the time
        figure.savefig(
            buffer, format="png", dpi=dots, facecolor=PAPER, metadata={"Software": None},
            pil_kwargs={"compress_level": PACKED},
        )  # fmt: skip
    return buffer.getvalue()


def pdf(figure: Figure, words: str = "") -> bytes:
    """Return a figure as PDF on light paper with its finding as title; the same figure always gives the same bytes."""
    buffer = io.BytesIO()
    about = {"CreationDate": None, "Creator": None, "Title": words}
    with _any_letters():
        figure.savefig(buffer, format="pdf", facecolor=PAPER, metadata=about)
    return buffer.getvalue()


def svg(figure: Figure, words: str = "", shades: Mapping[str, str] | None = None) -> str:
    """Return a figure as a small SVG that follows the reader's light or dark theme.

    Text stays text, coordinates have two decimals, and the same figure always gives the same bytes. Programs that
    know no style sheets show it on light paper.

    Parameters
    ----------
    figure : Figure
        What to draw.
    words : str
        The finding, as the picture's title for screen readers.
    shades : mapping of str to str, optional
        Colour on dark paper of each colour on light paper; left out, those of `dark`.
    """
    buffer = io.StringIO()
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "chart", "path.simplify": False}
    with mpl.rc_context(settings), _any_letters():
        figure.savefig(buffer, format="svg", facecolor=PAPER, metadata={"Date": None, "Creator": None, "Title": words})
    return _themed(_short(buffer.getvalue()), shades or dark())


@contextmanager
def _any_letters() -> Iterator[None]:
    """Say nothing of letters that the font lacks: venues list symbols in Chinese, and a box stands for each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def _short(drawing: str) -> str:
    """Cut coordinates to two decimals of a point."""
    return re.sub(r'\bd="[^"]*"', lambda path: _BEYOND.sub("", path.group()), drawing)


def _themed(drawing: str, shades: Mapping[str, str]) -> str:
    rules = [
        f'[style*="{kind}: {light}"]{{{kind}:{shade}!important}}'
        for light, shade in shades.items()
        for kind in ("fill", "stroke")
    ]
    style = f"<style>@media (prefers-color-scheme:dark){{{''.join(rules)}}}</style>"
    head = drawing.index(">", drawing.index("<svg")) + 1
    return drawing[:head] + style + drawing[head:]
