"""The folder of several venues: a page of all with the chart, and each venue's own folder as its comparison has it."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtester import Account, Strategy, Targets, Venue, compare_venues, load_venue
from backtester.comparing.summary import formatted, value
from backtester.errors import ConfigurationError
from backtester.market import Market
from reports.across import finding, folders, venue_equity_chart, why_table
from reports.canvas import NARROW, WIDE
from reports.palette import dark_of_venues, look, look_of_venue
from reports.write import write_report
from tests.strategy_market import random_market

ACCOUNT = Account(leverage=10)


class Hold(Strategy):
    """Long both from the first bar on."""

    notional: float = 40_000.0

    def targets(self, market: Market) -> Targets:
        return Targets(notional=np.full(market.close.shape, self.notional))


@pytest.fixture(scope="module")
def result():
    return compare_venues(Hold(), random_market(200, 2), ACCOUNT, ["okx", "kraken", "hyperliquid"], check=False)


@pytest.fixture(scope="module")
def written(result, tmp_path_factory):
    return write_report(result, tmp_path_factory.mktemp("out") / "run", configuration={"venues": ["okx"]})


def test_every_venue_has_its_own_folder(result, written):
    assert {each.name for each in written.parent.iterdir()} == {
        "report.html", "report.md", "report.json", "configuration.json", "charts",
        "okx", "kraken", "hyperliquid",
    }  # fmt: skip
    alone = write_report(result["okx"], written.parent.parent / "alone", configuration={"venues": ["okx"]}).parent
    for name in ("report.html", "report.json", "configuration.json", "charts/equity.svg", "scenario-cross.json"):
        assert (written.parent / "okx" / name).read_bytes() == (alone / name).read_bytes()
    assert {each.name for each in (written.parent / "charts").iterdir()} == {
        "equity.svg", "equity.png", "mode-map.svg", "mode-map.png",
    }  # fmt: skip


def test_the_files_hold_all_venues(result, written):
    assert json.loads((written.parent / "report.json").read_text()).items() >= result.to_dict().items()
    for venue in result:
        equity = pd.read_parquet(written.parent / venue / "equity.parquet")
        assert (equity[equity["mode"] == "cross"]["equity"].to_numpy() == result[venue].cross.equity).all()


def test_the_page_links_and_shows_each_venue(result, written):
    page = written.read_text()
    for venue in result:
        assert f'<a href="{venue}/report.html">{venue}</a>' in page
        assert f"<td>{result[venue].metrics.at['final_equity', 'cross']:,.2f}</td>" in page
    assert 'href="charts/equity.svg"' in page
    assert 'src="data:image/svg+xml;base64,' in page
    assert result.verdict.split(".")[0].replace(" %", "\u00a0%") in page


def test_a_row_of_the_page_is_one_measure_at_every_venue(tmp_path):
    """Automatic top-ups at the first or the second only: the rows below stay where they are."""
    okx = load_venue("okx")
    topped = replace(okx, name="topped", rules=replace(okx.rules, auto_top_up="all_free"))
    for place, venues in enumerate(([topped, "okx"], ["okx", topped])):
        both = compare_venues(Hold(), random_market(200, 2), ACCOUNT, venues, check=False)
        page = write_report(both, tmp_path / str(place)).read_text()
        for key in ("auto_top_ups", "worst_margin_ratio", "time_of_ruin"):
            cells = re.findall(r"<td>(.*?)</td>", page.split(f'<tr id="{key}">')[1].split("</tr>")[0])
            expected = [formatted(key, value(each.metrics, key, mode)) for each in both.values() for mode in both.modes]
            assert cells == expected, key


def test_a_notebook_needs_no_configuration(result, tmp_path):
    page = write_report(result, tmp_path / "run")
    known = json.loads((page.parent / "configuration.json").read_text())
    assert known["account"] == "10,000.00 USDT, leverage 10x, rules of okx, kraken and hyperliquid"
    assert {venue: rules["reduction"] for venue, rules in known["rules"].items()} == {
        "okx": "tier_step", "kraken": "full", "hyperliquid": "fraction_first",
    }  # fmt: skip


def test_what_a_venue_file_calls_itself_is_escaped_and_stays_in_the_folder(tmp_path):
    def named(name: str) -> Venue:
        return replace(load_venue("okx"), name=name)

    names = ["../<b>x", "charts", "___b_x"]
    odd = compare_venues(Hold(), random_market(60, 2), ACCOUNT, list(map(named, names)), ["cross"], check=False)
    page = write_report(odd, tmp_path / "run")
    assert [each.name for each in tmp_path.iterdir()] == ["run"]
    assert folders(names) == {"../<b>x": "_b_x", "charts": "charts_", "___b_x": "___b_x"}
    assert folders(["a b", "a?b"]) == {"a b": "a_b", "a?b": "a_b_"}
    assert "<b>x" not in page.read_text()
    assert (page.parent / "charts_" / "report.html").is_file()


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_a_line_for_each_venue_in_the_panel_of_each_mode_on_one_scale(result, size):
    figure = venue_equity_chart(result, size)
    for axes, mode in zip(figure.axes, ("isolated", "cross"), strict=True):
        lines = {line.get_gid(): line for line in axes.lines}
        for place, venue in enumerate(result.names):
            line = lines[f"equity-{mode}-{venue}"]
            assert line.get_ydata()[-1] == result[venue].results[mode].equity[-1]
            assert line.get_color() == look_of_venue(place).colour
        assert axes.get_ylim() == figure.axes[0].get_ylim()
        assert {words.get_text().split("\n")[0] for words in axes.texts} >= set(result.names)
    figure.draw_without_rendering()
    edge = figure.bbox.x1
    assert all(words.get_window_extent().x1 <= edge for axes in figure.axes for words in axes.texts)


def test_ten_venues_can_be_told_apart():
    looks = [look_of_venue(place) for place in range(12)]
    assert len({(each.colour, str(each.line)) for each in looks}) == 12
    assert {each.colour for each in looks}.isdisjoint(look(mode).colour for mode in ("isolated", "cross", "mixed"))
    assert all(dark_of_venues()[each.colour] == each.dark for each in looks)


def test_the_title_leaves_out_where_nothing_was_traded():
    market = random_market(60, 2)
    high = compare_venues(Hold(), market, Account(leverage=50), ["okx", "hyperliquid"], check=False)  # at most 5x there
    assert high.traded == ("okx",)
    assert "hyperliquid" not in finding(high)
    assert high.verdict.startswith("No trade on hyperliquid: not compared. On okx: ")
    idle = compare_venues(Hold(), market, Account(leverage=50), ["hyperliquid"], check=False)
    assert (idle.verdict, finding(idle)) == ("No trade at any venue.", "No trade at any venue")


def test_each_account_is_held_against_the_first(result, written):
    first, *others = result.accounts
    table = why_table(result)
    assert first == ("okx", "isolated")
    assert len(table.rows) == len(others)
    for account, row in zip(others, table.rows, strict=True):
        numbers = [float(cell.replace(",", "")) for cell in row.cells]
        ends = [result[venue].results[mode].equity[-1] for venue, mode in (account, first)]
        assert numbers[0] == pytest.approx(ends[0] - ends[1], abs=0.005)
        assert sum(numbers[1:]) == pytest.approx(numbers[0], abs=0.005 * len(numbers))
        found = result.attribution(account, first)
        assert found.pairs["difference"].sum() == pytest.approx(ends[0] - ends[1], abs=1e-5)
    assert "less that of okx, isolated" in written.read_text()
    with pytest.raises(ConfigurationError, match=r"is none of this comparison.*okx, isolated"):
        result.attribution(first, ("okx", "mixed"))
