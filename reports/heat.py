"""Maps of a measure over two settings: the margin modes beside each other on one scale, and their difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from backtester import text
from backtester.batch.heat import Heat
from backtester.batch.settings import PARAMS
from backtester.comparing.summary import MEASURE
from backtester.comparing.verdict import name_of
from reports.canvas import WIDE, Size, canvas
from reports.palette import GRID, INK, MUTED, PAPER, SEQUENTIAL, look

__all__ = ["heat_chart", "short"]

Floats = NDArray[np.float64]
ROW, MOST_TALL = 0.34, 9.0  # [inch] height of a row of cells, and of all
LETTER, TALL = 0.0085, 0.02  # [inch] of width and height of a letter, per point of its size
SIZES = (8.5, 7.5, 6.5)  # [pt] of the numbers in the cells, tried in turn
TICK = 0.6  # [inch] room for a number below a colour bar
LONGEST = 16  # letters of a value beside or below a map
SPACED = 0.85  # of a cell that its number may fill
ON_LIGHT, ON_DARK = "#101418", "#fdfdfe"  # of numbers: not of the palette, for cells are alike in both themes
BAR, FOOT, HEADS = 0.11, 0.86, 0.22  # [inch] height of a colour bar, room below the maps, and above them
_DIGITS = {"money": 0, "fraction": 0, "number": 2, "count": 0, "bars": 0}


def short(measure: str, value: float, *, signed: bool = False) -> str:
    """Return a value of a measure in few letters, fractions in percent; nothing if it is undefined."""
    if np.isnan(value):
        return ""
    if np.isinf(value):
        return "inf" if value > 0 else "\u2212inf"
    kind = MEASURE[measure].kind
    if kind in ("span", "time"):
        return text.span(value, signed=signed) if kind == "span" or signed else text.moment(value)[:10]
    shown = text.number(100.0 * value if kind == "fraction" else value, digits=_DIGITS[kind], signed=signed)
    return shown.replace("-", "\u2212")


def heat_chart(heat: Heat, size: Size = WIDE) -> Figure:
    """Draw a map for each mode, all on one scale, and for two modes a third one of their difference.

    The scale of the difference is centred on 0 and ends in the colours of the two modes. The value of each cell is
    written in it where there is room in all of them. Artists carry gids: ``map-<mode>``, ``map-difference``.
    """
    difference = heat.difference
    names = [*heat.modes, *([] if difference is None else ["difference"])]
    label = MEASURE[heat.measure].label
    unit = " [%]" if MEASURE[heat.measure].kind == "fraction" else ""
    fewest, most = heat.runs
    runs = text.counted(most, "run") if fewest == most else f"{fewest:,} to {most:,} runs"
    tall = min(MOST_TALL, ROW * len(heat.y_values)) + 1.64
    rows = [_word(value, LONGEST // 2 if size.narrow else LONGEST) for value in heat.y_values]
    figure, (base,) = canvas(
        size,
        heat.said.rstrip(".") or f"{label[0].upper()}{label[1:]}",
        f"Median {label}{unit} of {runs} in each cell; {_plain(heat.x)} across, {_plain(heat.y)} up",
        synthetic=heat.synthetic,
        height=tall,
        left=max(0.62, LETTER * 8.5 * max(map(len, rows)) + 0.42),
    )
    base.remove()
    tall = figure.get_figheight()
    top = figure.subplotpars.top - HEADS / tall
    figure.subplots_adjust(right=1 - 0.16 / size.width, top=top, bottom=FOOT / tall, wspace=0.08)
    panels: Sequence[Axes] = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        _map(axes, heat, name, size)
    _bar(figure, panels[: len(heat.modes)], *_scale(heat, heat.modes[0]), heat.measure, signed=False)
    if difference is not None:
        _bar(figure, panels[-1:], *_scale(heat, "difference"), heat.measure, signed=True)
    panels[0].set_yticks(range(len(rows)), rows)
    panels[0].set_ylabel(_plain(heat.y), color=MUTED, fontsize=9)
    return figure


def _scale(heat: Heat, name: str) -> tuple[Normalize, Colormap]:
    """Return the scale of the modes' values, or that of the difference."""
    if name != "difference":
        return Normalize(*_limits(np.array(list(heat.maps.values())))), mpl.colormaps[SEQUENTIAL]
    assert heat.difference is not None
    low, high = _limits(heat.difference)
    far = max(abs(low), abs(high)) or 1.0
    first, second = (look(mode).colour for mode in heat.modes)
    return Normalize(-far, far), LinearSegmentedColormap.from_list("difference", [second, PAPER, first])


def _limits(values: Floats) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)


def _cells(heat: Heat, name: str) -> Floats:
    if heat.difference is None or name in heat.maps:
        return heat.maps[name]
    return heat.difference


def _numbers(heat: Heat, name: str) -> list[list[str]]:
    signed = name not in heat.maps
    return [[short(heat.measure, float(value), signed=signed) for value in row] for row in _cells(heat, name)]


def _map(axes: Axes, heat: Heat, name: str, size: Size) -> None:
    cells, (norm, colours) = _cells(heat, name), _scale(heat, name)
    shown = np.ma.masked_invalid(np.clip(cells, norm.vmin, norm.vmax))
    axes.imshow(shown, cmap=colours, norm=norm, origin="lower", aspect="auto", gid=f"map-{name}")
    axes.set_facecolor(GRID)  # cells without runs
    axes.spines[:].set_visible(False)
    axes.tick_params(colors=MUTED, labelcolor=INK, labelsize=8.5, length=0)
    places = range(len(heat.x_values))
    words = [_word(value) for value in heat.x_values]
    crowded = sum(map(len, words)) * LETTER * 8.5 > 0.8 * _inches(axes)[0]
    axes.set_xticks(places, words, rotation=90 if crowded and max(map(len, words)) > 2 else 0)
    title = " \u2212 ".join(map(name_of, heat.modes)) if name == "difference" else name_of(name)
    colour = INK if name == "difference" else look(name).colour
    axes.set_title(title, loc="left", fontsize=8.5 if size.narrow else 10, fontweight="bold", color=colour, pad=4)
    numbers = _numbers(heat, name)
    alike = heat.modes if name in heat.maps else (name,)  # the modes have numbers of one size, or none
    points = _fits(axes, [row for each in alike for row in _numbers(heat, each)], len(cells))
    for (j, i), value in np.ndenumerate(cells):
        if points and numbers[j][i]:
            red, green, blue, _ = colours(norm(np.clip(value, norm.vmin, norm.vmax)))
            light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.55
            colour = ON_LIGHT if light else ON_DARK
            axes.text(i, j, numbers[j][i], ha="center", va="center", fontsize=points, color=colour)


def _inches(axes: Axes) -> tuple[float, float]:
    """Return width and height of a panel."""
    box, figure = axes.get_position(), axes.figure
    return box.width * figure.get_figwidth(), box.height * figure.get_figheight()  # type: ignore[union-attr]


def _fits(axes: Axes, numbers: Sequence[Sequence[str]], rows: int) -> float:
    """Return the largest size of letters in which every number fits into its cell; 0 if none does."""
    width, height = _inches(axes)
    longest = max((len(number) for row in numbers for number in row), default=0)
    for points in SIZES:
        wide = longest * LETTER * points <= SPACED * width / len(numbers[0])
        if wide and TALL * points <= SPACED * height / rows:
            return points
    return 0.0


def _bar(
    figure: Figure, panels: Sequence[Axes], norm: Normalize, colours: Colormap, measure: str, *, signed: bool
) -> None:
    """Draw the scale of some panels below them."""
    boxes = [axes.get_position() for axes in panels]
    left, right = boxes[0].x0, boxes[-1].x1
    place = figure.add_axes((left, 0.34 / figure.get_figheight(), right - left, BAR / figure.get_figheight()))
    bar: Any = figure.colorbar(ScalarMappable(norm, colours), cax=place, orientation="horizontal")
    bar.outline.set_visible(False)
    count = max(2, min(5 if len(panels) > 1 else 3, int((right - left) * figure.get_figwidth() / TICK)))
    ticks = np.linspace(norm.vmin or 0.0, norm.vmax or 0.0, count)
    bar.set_ticks(ticks, labels=[short(measure, float(tick), signed=signed) for tick in ticks])
    bar.ax.tick_params(labelsize=8, length=0, labelcolor=INK)
    first, *_, last = bar.ax.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")


def _plain(setting: str) -> str:
    return setting.removeprefix(f"{PARAMS}.")


def _word(value: Any, most: int = LONGEST) -> str:
    """Return a value of a setting; of a long one, such as a basket of symbols, both ends."""
    word = f"{value:g}" if isinstance(value, float) else str(value)
    return word if len(word) <= most else f"{word[: most // 2]}\u2026{word[-(most // 2 - 1) :]}"
