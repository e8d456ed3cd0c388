"""Close-ups: the chart's lines are the run's, its words are its numbers, and a page shows the largest losses only."""

import numpy as np
import pytest

from backtester.errors import ConfigurationError
from backtester.explaining.contagion import WITHIN
from reports.canvas import NARROW, WIDE, dates
from reports.closeup import BEFORE, close_up_chart, close_up_charts, close_up_finding, largest
from reports.closeup_said import close_up_stories, close_ups_said
from reports.page import Picture
from reports.palette import look
from reports.write import write_report
from tests.fake_result import fake_comparison, fake_market, fake_result, story
from tests.laws.engines import columns, flat, scenario
from tests.unit.test_contagion import BOTH, CALM, FALLS, SLOTS
from tests.unit.two_modes import in_both


@pytest.fixture(scope="module")
def small():
    runs = in_both(scenario([], BOTH, SLOTS, bars=[CALM, FALLS]))
    return fake_comparison(dict(zip(("isolated", "cross"), runs, strict=True)))


def told(comparison, mode="cross"):
    shown = [each for each in largest(comparison, 1) if each.mode == mode]
    pictures = [Picture(each.name, "", "", "", "", "") for each in shown]
    return close_up_stories(comparison, shown, pictures)[0]


def drawn(figure):
    return {line.get_gid(): line for axes in figure.axes for line in axes.lines}


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_its_lines_are_those_of_the_run(grid, mode, size):
    (shown,) = (each for each in largest(grid, 1) if each.mode == mode)
    found, run = grid.close_ups[mode].of(shown.number), grid.results[mode]
    figure = close_up_chart(grid, mode, shown.number, size)
    lines = drawn(figure)
    lost = found.closings.groupby("symbol")["loss"].sum()
    own = found.closings[found.closings["symbol"] == lost.idxmax()]
    slot = int(own["slot"].iloc[own["loss"].argmax()])
    i = run.scenario.slots[slot].instrument
    bars = np.arange(max(found.bar - BEFORE, 0), min(found.bar + WITHIN, run.market.n_bars - 1) + 1)
    assert (lines["mark"].get_ydata() == run.market.mark_close[bars, i]).all()
    assert (lines["mark"].get_xdata() == dates(run.market.close_time[bars])).all()
    moment = found.closings[found.closings["slot"] == slot].iloc[0]
    assert lines["moment"].get_ydata() == [moment["mark_price"]]
    assert lines["moment"].get_color() == look(mode).colour
    at = dates(np.array([found.time]))[0]
    closes = lines["equity"].get_xdata() != at
    equity = run.cash[bars, found.pool] + run.pool_pnl[bars, found.pool]
    open_then = (run.pool_initial_margin[bars, found.pool] > 0) | found.shared
    assert lines["equity"].get_ydata()[closes] == pytest.approx(np.where(open_then, equity, np.nan), nan_ok=True)
    assert lines["equity"].get_ydata()[~closes] == [found.equity] == lines["requirement"].get_ydata()[~closes]
    since = [line for name, line in lines.items() if str(name).startswith("since-")]
    whole = sum(line.get_ydata() for line in since)
    assert whole[1:] == pytest.approx(grid.close_ups[mode].worth(found, int(bars[-1])).sum(axis=0))
    assert [axes.lines[-1].get_xdata()[0] for axes in figure.axes[1:]] == [at, at]
    figure.draw_without_rendering()
    assert all(words.get_window_extent().x1 <= figure.bbox.x1 for axes in figure.axes for words in axes.texts)
    assert all(axes.title.get_window_extent().x1 <= figure.bbox.x1 for axes in figure.axes)


def test_liquidation_lines_of_both_modes_are_drawn_where_they_are_near():
    falls = columns([*[flat(100)] * 3, (100, 100, 78, 78), flat(78)])
    calm = columns([*[flat(100)] * 5])
    isolated, cross = in_both(scenario([], BOTH, SLOTS, bars=[calm, falls]))
    both = fake_comparison({"isolated": isolated, "cross": cross})
    lines = drawn(close_up_chart(both, "isolated", 0))
    assert np.nanmax(lines["line-isolated"].get_ydata()) == isolated.liquidation_price[1, 1]
    assert lines["line-isolated"].get_color() == look("isolated").colour
    assert np.nanmax(lines["line-cross"].get_ydata()) == cross.liquidation_price[1, 1]


def test_a_gap_is_not_at_what_had_to_be_held():
    gap = columns([flat(100), flat(100), flat(60), flat(60), flat(90)])
    runs = in_both(scenario([], BOTH, SLOTS, bars=[CALM, gap]))
    found = fake_comparison(dict(zip(("isolated", "cross"), runs, strict=True)))
    lines = drawn(close_up_chart(found, "cross", 0))
    assert -200.0 in lines["equity"].get_ydata()
    assert -200.0 not in lines["requirement"].get_ydata()
    assert "behind a gap, at the open of 1970-01-01 02:00 UTC with -200.00 quote left" in told(found).said[0]


def test_its_words_are_its_numbers(small):
    close_up = small.close_ups["cross"].of(0)
    story = told(small)
    assert story.heading == f"Cross, 1970-01-01 02:00: 2 positions liquidated, {close_up.loss:,.2f} quote lost"
    lost = small.close_ups["isolated"].of(0).loss
    kept = 30 * (90 - close_up.closings["mark_price"].iloc[1])
    low = 30 * (60 - close_up.closings["mark_price"].iloc[1])
    assert story.said == [
        (
            "The shared pool in cross met its line inside the bar of 1970-01-01 02:00 UTC with "
            f"{close_up.equity:.2f} quote left in it. 2 closings at once took {close_up.loss:,.2f} quote: "
            "COIN0 first, COIN1 last."
        ),
        (
            "Isolated still held 1 of them (0.00 quote unrealised) and had lost 1 of them by liquidation in the same "
            "bar. What became of that: 1 open at the end, 0.00 quote in all."
        ),
        (
            f"Had it been kept, what was closed would have made {kept:+,.2f} quote in the 2 bars after, between "
            f"{low:+,.2f} and {kept:+,.2f} at the closes on the way."
        ),
    ]
    assert story.table.header[-1] == "in isolated"
    assert story.table.rows[0].cells[-1] == "held; open at the end, 0.00"
    assert story.table.rows[1].cells[-1] == "liquidated in the same bar"
    assert story.table.rows[1].cells[1:3] == ("long", "100 %")
    alone = told(small, "isolated")
    assert alone.said[0].startswith("The block of COIN1 in isolated met its line inside the bar")
    assert alone.said[0].endswith(f"Closing it took {lost:,.2f} quote.")
    held = f"Cross still held it ({-lost:,.2f} quote unrealised)."
    assert alone.said[1].startswith(f"{held} What became of that: liquidated")


def test_a_run_that_ends_there_and_one_that_has_no_other():
    ends = columns([flat(100), flat(100), (100, 100, 60, 60)])
    calm = columns([flat(100)] * 3)
    _, cross = in_both(scenario([], BOTH, SLOTS, bars=[calm, ends]))
    story = told(fake_comparison({"cross": cross}))
    assert story.said[1:] == ["The run ends in that bar."]
    assert len(story.table.rows[0].cells) == len(story.table.header) == 7


def test_the_largest_losses_of_all_come_first(grid):
    shown = largest(grid, 2)
    loss = [grid.close_ups[each.mode].of(each.number).loss for each in shown]
    assert loss == sorted(loss, reverse=True)
    assert {each.mode for each in shown} == {"isolated", "cross"}
    for mode, ups in grid.close_ups.items():
        assert [each.number for each in shown if each.mode == mode] == ups.largest(2)
    total = sum(map(len, grid.close_ups.values()))
    assert f"{len(shown)} of {total:,}" in close_ups_said(grid, shown)
    charts = close_up_charts(shown)
    assert len({chart.name for chart in charts}) == len(charts) == len(shown)
    assert [chart.finding(grid) for chart in charts] == [close_up_finding(grid, *each) for each in shown]


def test_of_one_symbol_and_bar_one_close_up_stands_for_all_while_there_are_others(grid):
    table = grid.close_ups["isolated"].table
    kinds = len(table.drop_duplicates(["bar", "symbol"]))
    assert 3 < kinds < len(table)  # rungs of the grid that were liquidated together
    shown = [each.number for each in largest(grid, kinds) if each.mode == "isolated"]
    assert not table.loc[shown].duplicated(["bar", "symbol"]).any()
    assert shown[0] == int(table["loss"].argmax())
    every = [each.number for each in largest(grid, len(table)) if each.mode == "isolated"]
    assert sorted(every) == list(range(len(table)))


def test_five_thousand_liquidations_have_few_close_ups(tmp_path):
    many = story(8_000, 5_000)
    page = write_report(many, tmp_path / "run", close_ups=2)
    assert sorted(each.name.rpartition("-")[0] for each in page.parent.glob("charts/close-up-*.png")) == [
        "close-up-cross", "close-up-isolated", "close-up-isolated",
    ]  # fmt: skip
    assert len(close_up_charts(largest(many, 10_000))) == sum(map(len, many.close_ups.values())) > 3_000
    assert page.stat().st_size < 10e6


def test_none_are_shown_where_none_are_asked_for_or_nothing_was_liquidated(tmp_path):
    none = write_report(story(24, 2), tmp_path / "none", close_ups=0)
    assert not list(none.parent.glob("charts/close-up*"))
    with pytest.raises(ConfigurationError, match="close_ups: is below 0; found -1"):
        write_report(story(24, 2), tmp_path / "fewer", close_ups=-1)
    market = fake_market(3)
    quiet = fake_comparison({"cross": fake_result(market, [1e4] * 3)})
    assert "close up" not in write_report(quiet, tmp_path / "quiet").read_text()
