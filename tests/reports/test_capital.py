"""Capital in use and idle, and what a bootstrap says: the charts' data are the runs', the tables' cells too."""

import json
from dataclasses import replace

import numpy as np
import pytest

from backtester import Account, compare
from backtester.bootstrap import Resampler, bootstrap
from backtester.bootstrap.outcome import MEASURED
from backtester.comparing.printing import interval_rows, intervals, metrics_rows
from reports.canvas import NARROW, WIDE
from reports.capital import capital_chart, capital_finding, capital_table, idle, in_use, share_in_use
from reports.charts import charts_of
from reports.sampling import drawdown_chart, drawdown_finding, ruin_chart, ruin_finding
from reports.tables import metrics_table
from reports.write import write_report
from strategies import load_class
from tests.fake_result import fake_comparison, fake_market, fake_result
from tests.strategy_market import random_market

PAIR = ("isolated", "cross")


@pytest.fixture(scope="module")
def sampled():
    strategy = load_class("grid_reversion").from_text(("exposure=8",))
    return bootstrap(strategy, random_market(300, 3), Account(leverage=20), draws=30, threads=1, check=False)


@pytest.fixture(scope="module")
def three():
    strategy = load_class("grid_reversion").from_text(("exposure=8",))
    account = Account(leverage=20, isolated=("AUSDT",))
    modes = ("isolated", "cross", "mixed")
    return bootstrap(strategy, random_market(300, 3), account, modes, draws=20, threads=1, check=False)


def drawn(figure):
    return {artist.get_gid(): artist for axes in figure.axes for artist in (*axes.lines, *axes.collections)}


def test_what_is_in_use_and_what_is_idle_are_the_equity(grid):
    for run in grid.results.values():
        used = in_use(run)
        assert used.max() == grid.metrics.at["peak_margin", run.scenario.mode]
        assert (idle(run) == np.maximum(run.equity - used, 0.0)).all()
        assert 0.0 < share_in_use(run) < 1.0


def test_margin_above_the_equity_is_all_of_it_and_without_equity_none():
    run = fake_result(fake_market(4), [100.0, 100.0, 0.0, 100.0], margin=[50.0, 400.0, 0.0, 0.0])
    assert share_in_use(run) == (0.5 + 1.0 + 0.0 + 0.0) / 4
    assert idle(run).tolist() == [50.0, 0.0, 0.0, 100.0]
    assert capital_finding(fake_comparison({"cross": run})).replace("\u00a0", " ") == (
        "In use on average, of the equity: cross 37.50 %"
    )


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_capital_chart_has_a_panel_for_each_mode_on_one_scale(grid, size):
    figure = capital_chart(grid, size)
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    for mode, run in grid.results.items():
        assert drawn(figure)[f"equity-{mode}"].get_ydata()[-1] == run.equity[-1]
        (shade,) = drawn(figure)[f"used-{mode}"].get_paths()
        assert shade.vertices[:, 1].max() == in_use(run).max()
    figure.draw_without_rendering()
    assert all(words.get_window_extent().x1 <= figure.bbox.x1 for axes in figure.axes for words in axes.texts)


def test_the_capital_table_says_what_the_metrics_say(grid):
    rows = {row.label: row.cells for row in capital_table(grid).rows}
    for place, mode in enumerate(PAIR):
        assert rows["in use, mean"][place] == f"{grid.metrics.at['mean_margin', mode]:,.2f}"
        assert rows["return on margin"][place] == f"{100 * grid.metrics.at['return_on_margin', mode]:,.2f} %"
        assert rows["idle, mean"][place] == f"{idle(grid.results[mode]).mean():,.2f}"
    assert rows["locked in blocks, mean"][1] == "-"
    assert rows["locked in blocks, mean"][0] == f"{grid.isolation['isolated'].idle_mean:,.2f}"
    alone = fake_comparison({"cross": fake_result(fake_market(1), [1e4])})
    assert "locked in blocks, mean" not in {row.label for row in capital_table(alone).rows}


def test_a_comparison_has_intervals_only_after_a_bootstrap(sampled):
    plain, told = sampled.observed, sampled.comparison
    assert intervals(plain) == {}
    assert len(metrics_rows(plain)[0]) == 4
    assert plain.to_dict()["sampling"] is None
    header, rows = metrics_rows(told)
    assert header[-1] == "inner 95 % of\n30 draws"
    gaps = sampled.difference("fees", PAIR)
    low, high = np.quantile(gaps, [0.025, 0.975])
    cell = next(row[-1] for row in rows if row[0].startswith("fees paid"))
    digits = 0 if max(abs(low), abs(high)) >= 100 else 2
    assert cell == f"{low:+,.{digits}f} to {high:+,.{digits}f}"
    depth = sampled.intervals["max_drawdown_in_bars"]
    cell = next(row[-1] for row in rows if row[0] == "max drawdown inside bars")
    assert cell == f"{100 * depth.low:+.1f} to {100 * depth.high:+.1f} pp"
    assert next(row[-1] for row in rows if row[0].startswith("Sharpe")) == ""
    assert metrics_table(told).rows[0].cells[-1] == rows[0][-1]
    assert sampled.verdict.split(".")[0] in str(told).replace("\n", " ")
    assert told.metrics.equals(plain.metrics)


def test_of_more_modes_each_has_its_intervals_against_the_first(three, tmp_path):
    header, rows = interval_rows(three.comparison)
    assert header[1:] == ["difference", "inner 95 % of\n20 draws"]
    heads = [place for place, row in enumerate(rows) if not row[1]]
    assert [rows[place][0] for place in heads] == ["isolated - cross", "isolated - mixed"]
    low, high = np.quantile(three.difference("max_drawdown_in_bars", ("isolated", "mixed")), [0.025, 0.975])
    own = three.observed.metrics.loc["max_drawdown_in_bars"]
    cells = next(row for row in rows[heads[1] :] if row[0] == "  max drawdown inside bars")
    assert cells[1] == f"{100 * (own['isolated'] - own['mixed']):+.2f} pp"
    assert cells[2] == f"{100 * low:+.1f} to {100 * high:+.1f} pp"
    assert "isolated - mixed" in str(three.comparison)
    page = write_report(three.comparison, tmp_path / "three").read_text()
    assert "The first mode less each other one" in page
    assert cells[2] in page
    assert "The first mode less each other one" in (tmp_path / "three" / "report.md").read_text()
    said = three.comparison.to_dict()["sampling"]["differences"][1]
    assert said["intervals"]["max_drawdown_in_bars"]["low"] == pytest.approx(low)


def test_two_modes_have_no_second_table_of_intervals(sampled):
    assert interval_rows(sampled.comparison)[1] == []
    assert interval_rows(sampled.observed)[1] == []


def test_the_measures_of_a_draw_are_those_of_its_run(sampled):
    own = sampled.comparison.metrics
    strategy = load_class("grid_reversion").from_text(("exposure=8",))
    again = compare(strategy, random_market(300, 3), Account(leverage=20), check=False)
    assert own.equals(again.metrics)
    for key, each in sampled.intervals.items():
        assert each.low <= each.median <= each.high, key
    returns = sampled.of("final_equity", "cross") / 10_000.0 - 1.0
    assert sampled.of("total_return", "cross") == pytest.approx(np.maximum(returns, -1.0))


def test_a_draw_made_again_has_the_same_measures(sampled):
    strategy = load_class("grid_reversion").from_text(("exposure=8",))
    drawn_market = Resampler(random_market(300, 3)).draw(sampled.block, sampled.seed, 4)
    again = compare(strategy, drawn_market, Account(leverage=20), check=False).metrics
    assert again.at["liquidation_loss", "isolated"] > 0.0
    for key in sampled.intervals:
        for mode in PAIR:
            assert sampled.of(key, mode)[4] == pytest.approx(again.at[key, mode], rel=1e-9, abs=1e-9), key


def test_losing_half_is_half_of_the_balance_or_more(sampled):
    values = sampled.values.copy()
    values[..., MEASURED.index("lowest_equity")] = 5_000.01
    values[:3, 1, :, MEASURED.index("lowest_equity")] = 5_000.0
    said = ruin_finding(replace(sampled, values=values).comparison)
    assert said == "Probability of losing half of the balance: isolated\u00a00.0\u00a0%, cross\u00a010.0\u00a0%"


def test_json_has_the_intervals(sampled):
    said = json.loads(json.dumps(sampled.comparison.to_dict(), allow_nan=False))["sampling"]
    assert (said["draws"], said["level"]) == (30, 0.95)
    low, high = np.quantile(sampled.difference("final_equity", PAIR), [0.025, 0.975])
    found = said["intervals"]["final_equity"]
    assert (found["low"], found["high"]) == (pytest.approx(low), pytest.approx(high))
    assert "observed" not in said


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_ruin_curve_counts_the_draws(sampled, size):
    lines = drawn(ruin_chart(sampled.comparison, size))
    for mode in PAIR:
        x, y = lines[f"ruin-{mode}"].get_data()
        lowest = sampled.of("lowest_equity", mode)
        for part in (10.0, 50.0, 90.0):
            drawn_there = y[np.searchsorted(x, part, side="right") - 1]
            assert drawn_there == pytest.approx(100 * np.mean(lowest <= part * 100.0))
        run = sampled.observed.results[mode]
        assert lines[f"observed-{mode}"].get_xdata()[0] == pytest.approx(max(run.equity_low.min() / 100.0, 0.0))
    half = np.mean(sampled.of("lowest_equity", "cross") <= 5_000.0)
    assert f"cross\u00a0{100 * half:.1f}\u00a0%" in ruin_finding(sampled.comparison)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_drawdowns_and_their_differences_have_their_intervals(sampled, size):
    key = "max_drawdown_in_bars"
    figure = drawdown_chart(sampled.comparison, size)
    lines = drawn(figure)
    for mode in PAIR:
        band = sampled.band(key, mode)
        ends = [100 * band.low, 100 * band.median, 100 * band.high]
        assert lines[f"interval-{mode}"].get_xdata() == pytest.approx(ends)
    gap = sampled.difference_band(key, PAIR)
    marks = lines["interval-cross-difference"].get_xdata()
    assert marks == pytest.approx([100 * gap.low, 100 * gap.median, 100 * gap.high])
    own = sampled.observed.metrics.at[key, "difference"]
    assert lines["observed-cross-difference"].get_xdata()[0] == pytest.approx(100 * own)
    bars = [patch for patch in figure.axes[1].patches if patch.get_gid() == "difference-cross"]
    assert sum(bar.get_height() for bar in bars) == 30
    assert f"{100 * abs(gap.median):.1f}" in drawdown_finding(sampled.comparison)
    figure.draw_without_rendering()
    assert all(words.get_window_extent().x1 <= figure.bbox.x1 for axes in figure.axes for words in axes.texts)


def test_the_page_shows_them_only_where_a_bootstrap_was_made(sampled, tmp_path):
    names = [chart.name for chart in charts_of(sampled.comparison)]
    assert names[-2:] == ["ruin", "drawdowns"]
    assert "ruin" not in [chart.name for chart in charts_of(sampled.observed)]
    page = write_report(sampled.comparison, tmp_path / "with").read_text()
    assert "How sure: markets drawn from this one" in page
    assert sampled.verdict.replace(" %", "\u00a0%").replace("'", "&#39;") in page
    assert "inner 95 % of 30 draws" in page
    plain = write_report(sampled.observed, tmp_path / "without").read_text()
    assert "How sure" not in plain
    with pytest.raises(ValueError, match="no bootstrap was made"):
        ruin_chart(sampled.observed)


def test_modes_that_never_trade_fell_alike():
    idle = load_class("grid_reversion").from_text(("exposure=0.000001",))
    found = bootstrap(idle, random_market(60, 2), Account(), draws=3, threads=1, check=False).comparison
    assert drawdown_finding(found) == "Isolated and cross fell alike on the inner 95\u00a0% of the draws"
    for size in (WIDE, NARROW):
        drawdown_chart(found, size).draw_without_rendering()
        ruin_chart(found, size).draw_without_rendering()
