"""Is every chart in docs/gallery.md, with units on its axes and each mode in its colour?"""

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex

import reports
from backtester.schema import MODES
from reports.canvas import NARROW, WIDE
from reports.palette import look
from tests.reports import gallery

LARGEST = 150_000  # bytes of a picture
EVERY = [pytest.param(each, size, id=f"{each.name}-{size.name}") for each in gallery.GALLERY for size in (WIDE, NARROW)]


def name_of(chart):
    return getattr(chart, "func", chart).__name__


def test_every_chart_of_the_package_is_there_once():
    modules = [import_module(f"reports.{file.stem}") for file in Path(reports.__file__).parent.glob("[a-z]*.py")]
    drawn = {
        name
        for module in modules
        for name, thing in vars(module).items()
        if name.endswith("_chart") and not name.startswith("_") and thing.__module__ == module.__name__
    }
    assert len(drawn) >= 9
    assert sorted(name_of(each.chart) for each in gallery.GALLERY) == sorted(drawn)


def test_every_picture_is_there_and_small_and_no_other():
    named = set(re.findall(r"!\[[^]]+\]\((images/[^)]+)\)", (gallery.DOCS / "gallery.md").read_text()))
    files = {file.relative_to(gallery.DOCS).as_posix() for file in (gallery.DOCS / gallery.PICTURES).iterdir()}
    assert {f"{gallery.PICTURES}/{each.name}.png" for each in gallery.GALLERY} == files
    assert named == {*files, "images/report.png"}
    assert all((gallery.DOCS / each).stat().st_size < LARGEST for each in files)


def test_the_page_is_what_the_script_writes():
    assert (gallery.DOCS / "gallery.md").read_text() == gallery.page(), "python -m tests.reports.gallery"


def is_number(label):
    return re.fullmatch(r"[-+\u2212]?[\d,]*\.?\d+", label) is not None


def labels(axis):
    return [label.get_text() for label in axis.get_ticklabels() if label.get_text()]


@pytest.mark.parametrize(("shown", "size"), EVERY)
def test_every_axis_says_its_unit(shown, size):
    figure = shown.draw(size)
    figure.draw_without_rendering()
    if any(axes.images for axes in figure.axes):  # of a map the sub-title says all: its cells are the settings' values
        said = " ".join(words.get_text() for words in figure.texts)
        assert re.search(r"^.*Median .* in each cell; \w+ across, \w+ up$", said)
        return
    for axes in figure.axes:
        if any(map(is_number, labels(axes.yaxis))):  # a panel's title may say it
            assert axes.get_ylabel() or axes.get_title(loc="left"), "y"
        if axes is figure.axes[-1] or axes.get_shared_x_axes().get_siblings(axes) == [axes]:
            said = axes.get_xlabel() or axes.xaxis.get_offset_text().get_text()
            assert re.search(r"USDT$|%|pp$|UTC$|^leverage$", said), "x"
            assert labels(axes.xaxis)


@pytest.mark.parametrize(("shown", "size"), EVERY)
def test_what_belongs_to_a_mode_has_its_colour(shown, size):
    for artist in shown.draw(size).findobj(lambda each: isinstance(each.get_gid(), str)):
        what, _, mode = artist.get_gid().partition("-")  # of a venue's, there is more after a second hyphen
        if mode not in MODES or what in ("difference", "map"):  # which is of two modes, or all of one scale
            continue
        colours = np.atleast_1d(artist.get_color() if hasattr(artist, "get_color") else artist.get_facecolor())
        first = colours[0] if colours.ndim > 1 else artist.get_color() if hasattr(artist, "get_color") else colours
        assert to_hex(first) == look(mode).colour, artist.get_gid()


@pytest.mark.parametrize(("shown", "size"), EVERY)
def test_nothing_that_is_written_leaves_the_picture(shown, size):
    figure = shown.draw(size)
    figure.draw_without_rendering()
    box, (wide, high) = figure.get_tightbbox(), figure.get_size_inches()
    assert box.x0 >= -0.01
    assert box.y0 >= -0.01
    assert box.x1 <= wide + 0.01
    assert box.y1 <= high + 0.01
