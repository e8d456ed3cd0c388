"""What a notebook shows of a result."""

import re
from html import escape

import pytest

from backtester import Account, compare_venues
from backtester.bootstrap import bootstrap
from backtester.stress import stress
from reports.ranges import bootstrap_chart, stress_chart
from reports.tables import metrics_table
from strategies import load_class
from tests.fake_result import fake_comparison, fake_market, fake_result, story
from tests.strategy_market import random_market

LARGEST = 150_000  # characters: a notebook keeps every output
SHOCKS = ["gap:-0.2@50%", "outage:24@40%"]


@pytest.fixture(scope="module")
def results(grid):
    strategy = load_class("grid_reversion").from_text(("exposure=4",))
    market, account = random_market(200, 2), Account(leverage=10)
    return {
        "comparison": grid,
        "run": grid.cross,
        "venues": compare_venues(strategy, market, account, ["okx", "kraken"], check=False),
        "stress": stress(strategy, market, account, SHOCKS, check=False),
        "bootstrap": bootstrap(strategy, market, account, draws=20, threads=1),
    }


@pytest.mark.parametrize("which", ["comparison", "run", "venues", "stress", "bootstrap"])
def test_it_is_small_and_asks_for_nothing(results, which):
    said = results[which]._repr_html_()
    assert len(said) < LARGEST
    assert "<script" not in said
    assert re.findall(r'(?:src|href)="(?!data:image/svg\+xml;base64,)', said) == []
    assert said.count("<img") == 1
    assert said.count("<div") == said.count("</div") == 1
    if which != "run":
        assert escape(results[which].verdict, quote=False) in said.replace("&#39;", "'")


def test_its_numbers_are_the_results(results):
    said = results["comparison"]._repr_html_()
    lines = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', said, re.S)
    assert [(label, tuple(re.findall(r"<td>(.*?)</td>", cells))) for label, cells in lines] == [
        (f"{row.label} [{row.unit}]" if row.unit else row.label, row.cells)
        for row in metrics_table(results["comparison"]).rows
    ]
    final = f"{results['run'].equity[-1]:,.2f}"
    assert f"<td>{final}</td>" in results["run"]._repr_html_()
    ends = results["venues"]["kraken"].isolated.equity[-1]
    assert f"<td>{ends:,.2f}</td>" in results["venues"]._repr_html_()


def test_names_cannot_inject_markup():
    evil = '<img src=x onerror="alert(1)">'
    run = fake_result(fake_market(12, (evil,), source=evil), [1e4] * 12, strategy=evil)
    said = fake_comparison({"cross": run}, venue=evil)._repr_html_()
    assert evil not in said
    assert said.count("<img") == 1
    assert "onerror" in said  # as words


def test_what_is_synthetic_says_so():
    assert "Synthetic market" in story(24, 2, synthetic=True)._repr_html_()
    assert "Synthetic market" not in story(24, 2)._repr_html_()


def artist(figure, gid):
    (found,) = figure.findobj(lambda each: each.get_gid() == gid)
    return found


def test_ends_under_shocks_are_those_of_the_runs(results):
    figure = stress_chart(results["stress"])
    for mode in ("isolated", "cross"):
        ends = [each.results[mode].equity[-1] for each in results["stress"].values()]
        assert artist(figure, f"end-{mode}").get_xdata().tolist() == ends
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["no shock", "A", "B"]


def test_bands_of_draws_are_those_of_the_bootstrap(results):
    drawn = results["bootstrap"]
    figure = bootstrap_chart(drawn)
    for mode in drawn.modes:
        band = drawn.band("final_equity", mode)
        assert artist(figure, f"band-{mode}").get_xdata().tolist() == [band.low, band.high]
        assert artist(figure, f"median-{mode}").get_xdata().tolist() == [band.median]
        assert artist(figure, f"market-{mode}").get_xdata().tolist() == [drawn.observed.results[mode].equity[-1]]
