"""Does the chart of a walk-forward show its curves and its seams?"""

from __future__ import annotations

import numpy as np
import pytest

from backtester.batch import shared
from backtester.metrics import underwater
from backtester.walk_forward import walk_forward
from reports.canvas import NARROW, WIDE, dates
from reports.palette import look
from reports.walk_forward import finding, walk_forward_chart
from tests.strategy_market import random_market

PLAN = {"strategy": "trend", "market": "synthetic", "walk_forward": {"train": "100h", "test": "50h"}}


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_curves_and_seams_are_those_of_the_result(monkeypatch: pytest.MonkeyPatch, size) -> None:
    on = random_market(310, 2, seed=6)
    monkeypatch.setattr(shared, "market_of", lambda wanted: on)
    result = walk_forward(PLAN, workers=1)
    figure = walk_forward_chart(result, size)
    above, below = figure.axes
    seams = [line.get_xdata()[0] for line in above.lines if line.get_gid() == "seam"]
    assert seams == dates(on.open_time[[100, 150, 200, 250]]).tolist()
    for mode in result.modes:
        equity, low = result.curve(mode)
        (line,) = (line for line in above.lines if line.get_gid() == f"equity-{mode}")
        assert (line.get_ydata()[0], line.get_ydata()[-1]) == (10_000.0, equity[-1])
        assert line.get_color() == look(mode).colour
        (line,) = (line for line in below.lines if line.get_gid() == f"underwater-{mode}")
        assert line.get_ydata().min() == 100 * underwater(equity, 10_000.0, low).min()
        assert np.ptp(line.get_xdata()) == pytest.approx(199 / 24)
    assert figure.texts[0].get_text().startswith("Out of sample: ")
    assert f"{result.curve('cross')[0][-1]:,.2f} (cross) of 10,000.00 USDT" in finding(result)
    figure.draw_without_rendering()
    edge = figure.bbox.x1
    assert all(words.get_window_extent().x1 <= edge for axes in figure.axes for words in axes.texts)
