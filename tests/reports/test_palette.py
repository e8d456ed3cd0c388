"""Can people who see fewer colours, or a copy without any, tell what is whose?"""

from itertools import combinations

import pytest

from backtester.schema import MODES
from reports.palette import GAIN, INK, LOSS, MUTED, PAPER, WARNING, dark, look
from tests.reports.seeing import SIGHTS, contrast, difference, grey_difference

DISTINCT = 14.0  # in L*a*b*, six times what is just noticeable
GREY = 6.0  # in L*
LEGIBLE = 4.5  # WCAG 2.1, 1.4.3: text in normal letters, as labels at the ends of lines are

DARK = dark()
PAIRS = list(combinations((*MODES, "other"), 2))


def shades(colour):
    """Return a colour on light and on dark paper."""
    return colour, DARK[colour]


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_modes_differ_to_everybody(first, second, sight):
    for one, other in zip(shades(look(first).colour), shades(look(second).colour), strict=True):
        assert difference(one, other, sight) >= DISTINCT


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_modes_differ_without_colours(first, second):
    for one, other in zip(shades(look(first).colour), shades(look(second).colour), strict=True):
        assert grey_difference(one, other) >= GREY


@pytest.mark.parametrize("sight", SIGHTS)
def test_gain_and_loss_differ_to_everybody(sight):
    for one, other in zip(shades(GAIN), shades(LOSS), strict=True):
        assert difference(one, other, sight) >= DISTINCT
        assert grey_difference(one, other) >= GREY


@pytest.mark.parametrize("colour", [*(look(mode).colour for mode in MODES), GAIN, LOSS, INK, MUTED, WARNING])
def test_what_is_written_in_a_colour_can_be_read(colour):
    for one, paper in zip(shades(colour), shades(PAPER), strict=True):
        assert contrast(one, paper) >= LEGIBLE


def test_no_mode_hangs_on_colour_alone():
    looks = [look(mode) for mode in (*MODES, "other")]
    for part in ("colour", "dark", "marker", "sign", "line"):
        assert len({getattr(each, part) for each in looks}) == len(looks), part


def test_the_measures_measure():
    assert difference("#ffffff", "#000000") == pytest.approx(100.0, abs=1e-2)
    assert grey_difference("#777777", "#777777") == 0.0
    assert contrast("#ffffff", "#000000") == pytest.approx(21.0)
    red, green = "#d7191c", "#1a9641"  # the pair that is not to be used
    assert difference(red, green) > 100.0
    assert difference("#c4500a", "#6b5b00", "protanopia") < DISTINCT < difference("#c4500a", "#6b5b00")
    for matrix in SIGHTS.values():
        assert matrix.sum(axis=1) == pytest.approx([1.0] * 3, abs=1e-5)  # grey stays grey
