"""Why the modes differ, as the page says it: the classes, the waterfall, contagion, and the price of isolation."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_hex

from backtester import text
from backtester.explaining.attribution import attribute
from reports import findings
from reports.canvas import NARROW, WIDE
from reports.charts import charts_of
from reports.page import page
from reports.reasons import parted, reasons
from reports.waterfall import GAIN, LOSS, waterfall_chart
from reports.why import MOST_ROWS, class_labels, contagion_stories, isolation_stories, pair_table, sum_table
from tests.fake_result import fake_comparison, fake_market, fake_result
from tests.laws.engines import columns, flat, scenario
from tests.unit.test_contagion import BOTH, CALM, SLOTS
from tests.unit.two_modes import in_both, in_mode


@pytest.fixture(scope="module")
def contagious():
    falls = columns([flat(100), flat(100), (100, 100, 60, 60), flat(60), flat(90)])
    runs = in_both(scenario([], BOTH, SLOTS, bars=[CALM, falls]))
    return fake_comparison(dict(zip(("isolated", "cross"), runs, strict=True)))


def number(cell):
    return float(cell.replace(",", ""))


def test_the_tables_rows_add_up_to_its_last(grid):
    table = sum_table(grid.attribution)
    assert table.rows[-1].key == "total"
    for column in range(len(table.header)):
        cells = [number(row.cells[column]) for row in table.rows]
        assert sum(cells[:-1]) == pytest.approx(cells[-1], abs=0.01 * len(cells))
    apart = grid.isolated.equity[-1] - grid.cross.equity[-1]
    assert number(table.rows[-1].cells[1]) == pytest.approx(apart, abs=0.005)


def test_what_stands_in_one_table_of_sums_has_the_same_decimals():
    market = fake_market(4)
    ends = {"isolated": [1e4, 1e4, 1e4 - 50.25, 1e4 - 50.25], "cross": [1e4] * 4}
    events = {
        "isolated": [(0, 0, "fill", 1.0, 100.0, -0.25), (2, 0, "liquidation", -1.0, 50.0, -50.0)],
        "cross": [(0, 0, "fill", 1.0, 100.0, 0.0), (3, 0, "fill", -1.0, 100.0, 0.0)],
    }
    runs = {mode: fake_result(market, end, events=events[mode], mode=mode) for mode, end in ends.items()}
    cells = [cell for row in sum_table(fake_comparison(runs).attribution).rows for cell in row.cells[1:]]
    assert {len(cell.partition(".")[2]) for cell in cells} == {2}


def test_the_difference_comes_before_its_parts(grid):
    table = sum_table(grid.attribution)
    assert table.header[:2] == ("pairs", "difference")
    for row in table.rows:
        assert sum(map(number, row.cells[2:])) == pytest.approx(number(row.cells[1]), abs=0.005 * len(row.cells))


def test_the_reasons_below_the_verdict_are_the_largest(grid):
    classes, early, most = reasons(grid)
    sums = grid.attribution.sums["difference"]
    first, second = sums.abs().sort_values(ascending=False).index[:2]
    labels = class_labels(grid.attribution.modes)
    start = "What made the difference, isolated \u2212 cross [USDT]: "
    assert classes.startswith(f"{start}{labels[first]} {sums[first]:+,.2f}; {labels[second]} {sums[second]:+,.2f}")
    price = grid.isolation["isolated"]
    assert early.startswith(f"In isolated, {price.came_back} of {len(price.blocks)} liquidations came early")
    sums = {mode: run.liquidations.groupby("bar")["loss"].sum() for mode, run in grid.results.items()}
    assert f" {max(each.max() for each in sums.values()):,.2f} USDT lost" in most


def test_liquidations_of_one_bar_cost_together(grid):
    alone = fake_comparison({"isolated": grid.isolated})
    lost = grid.isolated.liquidations.groupby("bar")["loss"].agg(["size", "sum"])
    count, most = lost.loc[lost["sum"].idxmax()]
    assert count > 1
    (said,) = (each for each in reasons(alone) if "cost most" in each)
    assert said.startswith("The liquidations that cost most: isolated on ")
    assert f", {count:.0f} of them, the largest " in said
    assert said.endswith(f", {most:,.2f} USDT lost in all.")


def test_where_modes_part_alike_one_sentence_is_enough(grid):
    alone = grid.partings["cross"]
    three = {"isolated": grid.isolated, "cross": grid.cross, "mixed": grid.cross}
    assert parted(grid) == [(f"{text.moment(alone.time)} UTC", alone.why)]
    ((when, why),) = parted(fake_comparison(three))
    assert when == f"{text.moment(alone.time)} UTC"
    assert why == alone.why.replace("while cross kept", "while cross and mixed kept") != alone.why
    same = fake_comparison(dict.fromkeys(("isolated", "cross"), grid.isolated))
    assert parted(same) == [("", "Isolated and cross never part: same trades, same cash.")]


def test_without_liquidations_and_differences_there_are_no_reasons():
    market = fake_market(4)
    quiet = {mode: fake_result(market, [1e4] * 4, mode=mode) for mode in ("isolated", "cross")}
    assert reasons(fake_comparison(quiet)) == []
    assert reasons(fake_comparison({"cross": quiet["cross"]})) == []


def test_pairs_are_those_that_differ_most(grid):
    table = pair_table(grid.attribution, grid)
    apart = [abs(number(row.cells[-1])) for row in table.rows]
    assert apart == sorted(apart, reverse=True)
    assert 0 < len(table.rows) <= MOST_ROWS
    assert all(len(row.cells) == len(table.header) for row in table.rows)
    assert apart[0] == pytest.approx(grid.attribution.pairs["difference"].abs().max(), abs=0.005)


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_waterfall_goes_from_one_end_to_the_other(grid, size):
    figure = waterfall_chart(grid, size)
    figure.draw_without_rendering()
    rows = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert all(high.y0 > low.y1 for high, low in pairwise(rows))  # no label meets its neighbour
    assert all(label.get_window_extent().x1 < figure.bbox.x1 for label in figure.axes[0].texts)
    (axes,) = figure.axes
    bars = {bar.get_gid(): bar for bar in axes.patches}
    sums = grid.attribution.sums["difference"]
    assert {name for name in bars if name.startswith("step-")} == {f"step-{name}" for name in sums[sums != 0.0].index}
    for name, step in sums[sums != 0.0].items():
        assert bars[f"step-{name}"].get_width() == pytest.approx(step)
        assert to_hex(bars[f"step-{name}"].get_facecolor()) == (GAIN if step > 0.0 else LOSS)
    for mode in ("isolated", "cross"):
        assert bars[f"end-{mode}"].get_width() == grid.results[mode].equity[-1]
    steps = [bar for name, bar in bars.items() if name.startswith("step-")]
    assert steps[0].get_x() == grid.cross.equity[-1]
    assert steps[-1].get_x() + steps[-1].get_width() == pytest.approx(grid.isolated.equity[-1])
    figure.draw_without_rendering()
    edges = [label.get_window_extent() for label in (*axes.get_yticklabels(), *axes.texts)]
    assert min(edge.x0 for edge in edges) >= 0.0
    assert max(edge.x1 for edge in edges) <= figure.bbox.x1


@pytest.mark.parametrize(("lost", "cut"), [(200.0, True), (5_000.0, False)], ids=["small steps", "large steps"])
def test_small_steps_are_shown_without_the_way_from_0(lost, cut):
    killed = [(0, 0, "fill", 1.0, 100.0, 0.0), (1, 0, "liquidation", -1.0, 100.0 - lost, -lost)]
    book = [(0, "deposit", 1e4), (1, "realised", -lost)]
    market = fake_market(4)
    runs = {
        "isolated": fake_result(market, [1e4, *[1e4 - lost] * 3], events=killed, ledger=book, mode="isolated"),
        "cross": fake_result(market, [1e4] * 4, mode="cross"),
    }
    figure = waterfall_chart(fake_comparison(runs))
    (axes,) = figure.axes
    assert (axes.get_xlim()[0] > 0.0) == cut
    assert ("does not begin at 0" in " ".join(words.get_text() for words in figure.texts)) == cut
    assert axes.get_xlim()[0] < 1e4 - lost < 1e4 <= axes.get_xlim()[1]


@pytest.mark.parametrize("modes", [("isolated", "cross"), ("cross", "isolated")])
def test_its_title_names_the_class_that_did_most(grid, modes):
    found = fake_comparison({mode: grid.results[mode] for mode in modes})
    sums, ahead = found.attribution.sums["difference"], found.attribution.difference > 0
    name = sums.idxmax() if ahead else sums.idxmin()
    sign = "+" if ahead else "\u2212"
    title = findings.attribution(found).replace("\u00a0", " ")
    assert f" USDT {'ahead' if ahead else 'behind'}; most for it: {class_labels(modes)[name]} ({sign}" in title


def test_a_rest_that_no_pair_explains_is_said_on_the_page(grid):
    whole = "the classes add up to the difference in\nfinal equity"
    assert f"{whole}.</p>" in page(grid, [], configuration={}, files=[])
    found = fake_comparison(grid.results)
    found.__dict__["attributions"] = {grid.modes[1]: grid.attribution._replace(rest=12.5)}
    assert f"{whole}, but for 12.50 that no trade explains.</p>" in page(found, [], configuration={}, files=[])


def test_a_ratio_of_1_is_at_the_line():
    runs = {"cross": fake_result(fake_market(3), [1e4] * 3, ratio=[0.5, 1.0, 0.0])}
    assert findings.margin(fake_comparison(runs)) == "Bars in which a pool reached liquidation: cross 1"


def test_accounts_that_end_alike():
    runs = {mode: fake_result(fake_market(3), [1e4] * 3, mode=mode) for mode in ("isolated", "cross")}
    assert findings.attribution(fake_comparison(runs)) == "Isolated and cross ended alike"
    assert "attribution" not in [chart.name for chart in charts_of(fake_comparison(runs))]


def test_who_took_whom_down(contagious):
    (story,) = contagion_stories(contagious)
    assert story.mode == "cross"
    assert story.said == [
        "1 liquidation of a shared pool closed 2 positions.",
        (
            "1 victim would have stood alone; the other account still held 1 of them. "
            "In the 24 bars after, 0 would have gained."
        ),
    ]
    (matrix_said, matrix), (_, closings) = story.tables
    assert matrix_said.startswith("Who took whom down: a row for each culprit, a column for each victim")
    assert (matrix.header, matrix.rows[0].label, matrix.rows[0].cells) == (("COIN0",), "COIN1", ("1.00",))
    assert sorted(row.cells[1] for row in closings.rows) == ["culprit", "victim"]


def test_one_account_alone_has_no_other(contagious):
    (story,) = contagion_stories(fake_comparison({"cross": contagious.cross}))
    assert story.said[-1] == "1 victim would have stood alone. In the 24 bars after, 0 would have gained."


def test_victims_that_would_have_gained_are_counted_and_the_largest_loss_stands_first():
    rises = columns([*[flat(100)] * 3, *[flat(104)] * 2])
    falls = columns([flat(100), flat(100), (100, 100, 60, 60), flat(60), flat(90)])
    run = in_mode(scenario([], BOTH, SLOTS, bars=[rises, falls]), "cross")
    (story,) = contagion_stories(fake_comparison({"cross": run}))
    assert story.said[-1].endswith("In the 24 bars after, 1 would have gained.")
    (*_, (_, closings)) = story.tables
    losses = [number(row.cells[3]) for row in closings.rows]
    assert len(losses) == 2
    assert losses == sorted(losses, reverse=True)


def test_pairs_without_a_difference_are_not_listed(grid):
    apart = grid.attribution.pairs["class"] != "same"
    assert len(pair_table(grid.attribution, grid).rows) == min(apart.sum(), MOST_ROWS)
    same = attribute(grid.cross, grid.cross, ("cross", "mixed"))
    assert pair_table(same, grid).rows == ()


def test_a_liquidation_without_victims_says_so():
    falls = [flat(100), flat(100), (100, 100, 20, 20), flat(20)]
    run = in_mode(scenario(falls, [{"bar": 0, "size": 60}]), "cross")
    (story,) = contagion_stories(fake_comparison({"cross": run}))
    assert story.said[-1] == "None of them was a victim: alone, each would have been liquidated too."
    assert len(story.tables) == 1


def test_nothing_is_said_where_nothing_was_liquidated_or_isolated():
    still = in_mode(scenario([flat(100)] * 3, [{"bar": 0, "size": 1}]), "cross")
    assert contagion_stories(fake_comparison({"cross": still})) == []
    assert isolation_stories(fake_comparison({"cross": still})) == []


def test_what_isolation_cost(contagious, grid):
    (story,) = isolation_stories(contagious)
    assert story.said[0].startswith("1 block ended by liquidation, 0 of them early: the mark was back")
    assert story.tables == []
    (story,) = isolation_stories(grid)
    found = grid.isolation["isolated"]
    assert f"{found.came_back:,} of them early" in story.said[0]
    ((_, table),) = story.tables
    net = [number(row.cells[-1]) for row in table.rows]
    assert net == sorted(net)
    assert len(net) == min(found.came_back, MOST_ROWS)


def test_a_comparison_knows_what_it_has_to_say(grid):
    assert list(grid.contagion) == ["cross"]
    assert list(grid.isolation) == ["isolated"]
    assert grid.attribution.modes == ("isolated", "cross")
    assert np.isclose(grid.attribution.rest, 0.0, atol=1e-5)
    assert fake_comparison({"cross": grid.cross}).attribution is None
