"""Do the maps of a batch show its medians, on one scale for both modes and a centred one for the difference?"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from backtester.batch.heat import heat
from backtester.errors import ConfigurationError
from reports.canvas import NARROW, WIDE, png
from reports.heat import heat_chart, short
from reports.palette import GRID, PAPER, dark_of_venues, look

MODES = ("isolated", "cross")


def rows(
    fast: tuple[int, ...] = (8, 16), slow: tuple[int, ...] = (32, 64, 128), modes: tuple[str, ...] = MODES
) -> pd.DataFrame:
    """Return two runs for each pair and mode: 100*fast + slow, and 10 less; cross has half as much."""
    return pd.DataFrame(
        [
            {
                "params.fast": i, "params.slow": j, "mode": mode, "seed": seed, "error": None, "liquidations": 1.0,
                "final_equity": (100.0 * i + j - 10.0 * seed) * (0.5 if mode == "cross" else 1.0),
                "max_drawdown_in_bars": i / 32 if mode == "cross" else j / 256,
            }
            for i in fast for j in slow for mode in modes for seed in (0, 1)
        ]
    )  # fmt: skip


def image(figure: Figure, name: str):
    (found,) = (each for axes in figure.axes for each in axes.images if each.get_gid() == f"map-{name}")
    return found


def test_a_map_holds_the_medians_of_each_mode() -> None:
    found = heat(rows(), ["params.fast", "params.slow"], "final_equity")
    assert (found.x_values, found.y_values, found.runs) == ((8, 16), (32, 64, 128), (2, 2))
    expected = np.array([[100.0 * i + j - 5.0 for i in (8, 16)] for j in (32, 64, 128)])
    np.testing.assert_array_equal(found.maps["isolated"], expected)
    np.testing.assert_array_equal(found.difference, expected / 2)
    assert found.said == "Higher final equity: isolated in 6 and cross in 0 of 6 cells."
    assert len(found.table) == 12
    assert set(found.table.columns) == {"params.fast", "params.slow", "mode", "final_equity"}


def test_cells_without_runs_are_empty_and_not_compared() -> None:
    frame = rows()
    place = (frame["params.fast"] == 8) & (frame["params.slow"] == 32) & (frame["mode"] == "cross")
    frame.loc[place, "error"] = "no luck"
    found = heat(frame, ["params.fast", "params.slow"], "final_equity")
    assert np.isnan(found.maps["cross"][0, 0]) and np.isnan(found.difference[0, 0])
    assert found.higher == (5, 0, 5)
    figure = heat_chart(found)
    assert image(figure, "cross").get_array().mask[0, 0]
    assert to_hex(image(figure, "cross").axes.get_facecolor()) == GRID


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_artists_hold_the_data_on_the_scales_they_should(size) -> None:
    found = heat(rows(), ["params.fast", "params.slow"], "max_drawdown_in_bars")
    figure = heat_chart(found, size)
    first, second, difference = (image(figure, name) for name in ("isolated", "cross", "difference"))
    for drawn, mode in ((first, "isolated"), (second, "cross")):
        np.testing.assert_array_equal(drawn.get_array(), found.maps[mode])
        assert drawn.get_clim() == (0.125, 0.5)
        assert drawn.get_cmap().name == "cividis"
    np.testing.assert_array_equal(difference.get_array(), found.difference)
    assert difference.get_clim() == (-0.375, 0.375)
    colours = difference.get_cmap()
    assert [to_hex(colours(end)) for end in (0.0, 1.0)] == [look("cross").colour, look("isolated").colour]
    assert colours(0.5)[:3] == pytest.approx((1.0, 1.0, 1.0), abs=0.01)
    assert PAPER == "#ffffff"
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["8", "16"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["32", "64", "128"]
    png(figure)


def test_values_stand_in_the_cells_where_they_fit() -> None:
    figure = heat_chart(heat(rows(), ["params.fast", "params.slow"], "max_drawdown_in_bars"))
    written = [[text.get_text() for text in axes.texts] for axes in figure.axes[:3]]
    assert written[0] == ["12", "12", "25", "25", "50", "50"]
    assert written[1] == ["25", "50"] * 3
    assert written[2] == ["\u221212", "\u221238", "0", "\u221225", "+25", "0"]
    colours = {text.get_color() for axes in figure.axes[:3] for text in axes.texts}
    assert not colours & set(dark_of_venues())  # cells are alike in both themes, so their numbers must be too
    many = heat(rows(tuple(range(1, 61)), tuple(range(60))), ["params.fast", "params.slow"], "final_equity")
    assert not any(axes.texts for axes in heat_chart(many).axes[:3])


def test_one_mode_has_one_map_and_nothing_is_compared() -> None:
    found = heat(rows(modes=("cross",)), ["params.fast", "params.slow"], "final_equity")
    assert (found.difference, found.said) == (None, "")
    figure = heat_chart(found)
    assert [each.get_gid() for axes in figure.axes for each in axes.images] == ["map-cross"]
    assert figure.texts[0].get_text() == "Final equity"


def test_equal_and_undefined_cells_have_a_scale_too() -> None:
    frame = rows().assign(final_equity=5.0)
    figure = heat_chart(heat(frame, ["params.fast", "params.slow"], "final_equity"))
    assert image(figure, "difference").get_clim() == (-1.0, 1.0)
    frame["final_equity"] = np.nan
    found = heat(frame, ["params.fast", "params.slow"], "final_equity")
    assert found.higher == (0, 0, 0)
    png(heat_chart(found))


def test_values_in_few_letters() -> None:
    assert short("final_equity", 12_345.6) == "12,346"
    assert short("final_equity", -0.4, signed=True) == "0"
    assert short("sharpe", -1.234) == "\u22121.23"
    assert short("max_drawdown", 0.256, signed=True) == "+26"
    assert (short("sharpe", float("nan")), short("sortino", float("-inf"))) == ("", "\u2212inf")
    assert short("drawdown_time", 90 * 60e9) == "1 h 30 min"
    assert short("time_of_ruin", 1_704_067_200e9) == "2024-01-01"


@pytest.mark.parametrize(
    ("axes", "measure", "words"),
    [
        (["params.fast"], "final_equity", "heat: names not two settings"),
        (["params.fast", "params.fast"], "final_equity", "heat: names not two settings"),
        (["params.fast", "params.slo"], "final_equity", "is no column of these runs.*nearest: params.slow"),
        (["params.fast", "liquidations"], "final_equity", "heat: is no setting of these runs"),
        (["params.fast", "mode"], "final_equity", "heat: is no setting of these runs"),
        (["params.fast", "params.slow"], "final_equty", "measure: is no measure.*nearest: final_equity"),
    ],
)
def test_what_is_no_map_is_said(axes: list[str], measure: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        heat(rows(), axes, measure)


def test_runs_that_all_failed_have_no_map() -> None:
    with pytest.raises(ConfigurationError, match=r"has no run that was done.*See --failed"):
        heat(rows().assign(error="no luck"), ["params.fast", "params.slow"], "final_equity")


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_long_values_are_shortened_and_have_room(size) -> None:
    frame = rows(slow=(32, 64))
    frame["symbols"] = frame["params.slow"].map({32: "BTCUSDT,ETHUSDT,SOLUSDT,XRPUSDT", 64: "BTCUSDT"})
    figure = heat_chart(heat(frame, ["params.fast", "symbols"], "final_equity"), size)
    figure.draw_without_rendering()
    labels = figure.axes[0].get_yticklabels()
    short_form = "BTCU\u2026SDT" if size.narrow else "BTCUSDT,\u2026XRPUSDT"
    assert [label.get_text() for label in labels] == ["BTCUSDT", short_form]
    (title,) = (each for each in figure.findobj(Text) if each.get_text() == "isolated \u2212 cross")
    assert title.get_window_extent().x1 <= figure.bbox.x1
    for bar in figure.axes[-2:]:
        ends = [label.get_window_extent() for label in bar.get_xticklabels() if label.get_text()]
        assert all(one.x1 <= other.x0 for one, other in pairwise(ends))
    name = figure.axes[0].yaxis.label.get_window_extent()
    assert name.x0 >= 0.0
    assert all(label.get_window_extent().x0 >= name.x1 - 1.0 for label in labels)
