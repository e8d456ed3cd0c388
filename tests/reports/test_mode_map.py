"""More than two accounts: one map of all of them, and why each ends apart from the first."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from backtester import Account, compare, compare_venues
from reports.canvas import NARROW, WIDE
from reports.charts import charts_of
from reports.mode_map import map_chart, map_finding, places
from reports.palette import look
from reports.write import write_report
from strategies import load_class
from tests.fake_result import fake_comparison, fake_market, fake_result
from tests.strategy_market import random_market

MODES = ("cross", "isolated", "mixed")


@pytest.fixture(scope="module")
def three():
    strategy = load_class("grid_reversion").from_text(("exposure=8",))
    market = random_market(400, 3)
    account = Account(leverage=20, isolated=(market.symbols[0],))
    return compare(strategy, market, account, MODES, check=False)


@pytest.fixture(scope="module")
def venues():
    strategy = load_class("grid_reversion").from_text(("exposure=8",))
    return compare_venues(strategy, random_market(200, 2), Account(leverage=10), ["okx", "kraken"], check=False)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_every_mode_has_its_place(three, size):
    figure = map_chart(three, size)
    lines = {line.get_gid(): line for line in figure.axes[0].lines}
    for mode in MODES:
        mark = lines[f"place-{mode}"]
        assert mark.get_xdata()[0] == pytest.approx(100 * three.metrics.at["max_drawdown_in_bars", mode])
        assert mark.get_ydata()[0] == three.results[mode].equity[-1]
        assert (mark.get_color(), mark.get_marker()) == (look(mode).colour, look(mode).marker)
    assert {words.get_text() for words in figure.axes[0].texts} == set(MODES)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_every_venue_and_mode_has_a_name_that_no_other_covers(venues, size):
    figure = map_chart(venues, size)
    figure.draw_without_rendering()
    names = figure.axes[0].texts
    assert {words.get_text() for words in names} == {f"{v}, {m}" for v in venues for m in venues.modes}
    boxes = [Text.get_window_extent(words) for words in names]  # without its line to the mark
    for k, box in enumerate(boxes):
        assert box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[:k])


def test_what_the_path_inside_the_bars_moves_is_drawn(three):
    for place in places(three):
        ends = [run.equity[-1] for run in three.bands[place.key].values()]
        assert place.ends == (min(ends), max(ends))
        assert place.depths[0] <= place.depth <= place.depths[1]


def test_its_title_names_the_best_and_the_safest():
    market = fake_market(3)
    runs = {
        "isolated": fake_result(market, [9e3, 9e3, 9.5e3], mode="isolated"),
        "cross": fake_result(market, [5e3, 1e4, 12e3], mode="cross"),
        "mixed": fake_result(market, [8e3, 9e3, 9e3], mode="mixed"),
    }
    said = map_finding(fake_comparison(runs)).replace("\u00a0", " ")
    assert said == "Cross ended highest, with 12,000.00 USDT, after 50.00 % at worst; isolated fell least, 10.00 %"
    best = map_finding(fake_comparison({"isolated": runs["cross"], "cross": runs["cross"]}))
    assert best == "All ended alike, with 12,000.00 USDT"
    both = map_finding(fake_comparison({"isolated": runs["isolated"], "mixed": runs["mixed"]})).replace("\u00a0", " ")
    assert both == "Isolated ended highest, with 9,500.00 USDT, and no other fell less: 10.00 % at worst"


def test_those_that_end_as_high_as_the_best_are_counted():
    market = fake_market(2)
    ends = {"isolated": 9e3, "cross": 12e3, "mixed": 12e3}
    found = fake_comparison({mode: fake_result(market, [end, end], mode=mode) for mode, end in ends.items()})
    assert map_finding(found).startswith("Cross (and 1 alike) ended highest, with 12,000.00 USDT")


def test_only_more_than_two_modes_need_a_map(three, grid):
    assert "mode-map" in [chart.name for chart in charts_of(three)]
    assert "mode-map" not in [chart.name for chart in charts_of(grid)]


def test_the_first_mode_is_held_against_each_other(three):
    assert list(three.attributions) == ["isolated", "mixed"]
    for other, found in three.attributions.items():
        apart = three.cross.equity[-1] - three.results[other].equity[-1]
        assert found.modes == ("cross", other)
        assert found.pairs["difference"].sum() == pytest.approx(apart, abs=1e-5)
    assert three.attribution is three.attributions["isolated"]
    assert fake_comparison({"cross": three.cross}).attributions == {}


def test_the_page_has_every_attribution_with_its_chart_and_file(three, tmp_path):
    page = write_report(three, tmp_path / "run", close_ups=0)
    html = page.read_text()
    assert "Why they differ: cross \u2212 isolated" in html
    assert "Why they differ: cross \u2212 mixed" in html
    for name, other in (("attribution", "isolated"), ("attribution-mixed", "mixed")):
        assert (page.parent / "charts" / f"{name}.svg").is_file()
        frame = pd.read_parquet(page.parent / f"{name}.parquet")
        assert np.isclose(frame["difference"].sum(), three.attributions[other].difference, atol=1e-5)
        assert f"are in {name}.parquet" in html
    assert (page.parent / "charts" / "mode-map.svg").is_file()
