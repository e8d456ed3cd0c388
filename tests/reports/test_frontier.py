"""Does the frontier show what each mode comes to along a setting, and where the modes cross over?"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from backtester.batch.along import along
from reports.canvas import NARROW, WIDE
from reports.frontier import PANELS, frontier_chart
from reports.palette import look
from tests.batch.test_results import made_up

EQUITY = {"isolated": [100.0, 90, 80, 80], "cross": [100.0, 120, 130, 10]}


def line(figure: Figure, gid: str):
    return [each for axes in figure.axes for each in axes.lines if each.get_gid() == gid]


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_every_measure_has_a_line_of_each_mode(size) -> None:
    table = along(made_up(EQUITY), "leverage")
    figure = frontier_chart(table, "leverage", size)
    assert len(figure.axes) == len(PANELS) == 5
    for panel in PANELS:
        for mode in ("isolated", "cross"):
            (drawn,) = line(figure, f"{panel.measure}-{mode}")
            own = table[table["mode"] == mode]
            assert drawn.get_xdata().tolist() == own["leverage"].tolist()
            assert drawn.get_ydata().tolist() == own[panel.measure].tolist()
            assert drawn.get_color() == look(mode).colour
    figure.draw_without_rendering()
    edge = figure.bbox.x1
    assert all(words.get_window_extent().x1 <= edge for axes in figure.axes for words in axes.texts)


def test_crossings_stand_between_the_values_and_name_the_better_mode() -> None:
    """Alike at 1, cross ahead at 2 and 3, isolated at 4."""
    figure = frontier_chart(along(made_up(EQUITY), "leverage"), "leverage")
    (crossing,) = line(figure, "crossing-median_final_equity")
    assert crossing.get_xdata()[0] == pytest.approx(math.sqrt(3 * 4))
    assert "isolated" in [words.get_text() for words in crossing.axes.texts]
    assert not line(figure, "crossing-worst_drawdown_in_bars")  # alike everywhere
    assert figure.texts[0].get_text().startswith("Higher median final equity, along leverage: neither at 1, cross from")


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_names_at_crossings_close_together_do_not_cover_each_other(size) -> None:
    turns = np.arange(12) % 2
    table = along(made_up({"isolated": list(100.0 + turns), "cross": list(101.0 - turns)}), "leverage")
    figure = frontier_chart(table, "leverage", size)
    boxes = [words.get_window_extent() for words in figure.axes[0].texts if words.get_gid() == "better"]
    assert len(boxes) == 11
    assert not [(a, b) for k, a in enumerate(boxes) for b in boxes[:k] if a.overlaps(b)]


def test_a_growth_without_bottom_has_no_point() -> None:
    figure = frontier_chart(along(made_up({"isolated": [200.0, 100.0], "cross": [50.0, 0.0]}), "leverage"), "leverage")
    (drawn,) = line(figure, "median_growth-cross")
    assert np.isnan(drawn.get_ydata()[1])
    assert drawn.get_ydata()[0] == pytest.approx(-2 * math.log(2))


def test_a_wide_range_is_logarithmic_and_one_mode_has_no_crossings() -> None:
    frame = made_up({"cross": [1.0, 2.0, 3.0]})
    wide = along(frame.assign(leverage=[1.0, 10.0, 100.0]), "leverage")
    figure = frontier_chart(wide, "leverage")
    assert figure.axes[-1].get_xscale() == "log"
    assert frontier_chart(along(frame, "leverage"), "leverage").axes[-1].get_xscale() == "linear"
    assert not [each for axes in figure.axes for each in axes.lines if str(each.get_gid()).startswith("crossing")]
    shifted = pd.concat([wide, wide.assign(mode="isolated")])
    assert frontier_chart(shifted, "leverage").axes[0].get_ylim()[1] > 3.0
