"""Several leverages side by side: each as it is alone, and words that speak of leverages and not of venues."""

import numpy as np
import pandas as pd
import pytest

from backtester import Account, Strategy, Targets, compare, compare_leverages
from backtester.comparing.across_verdict import across_verdict
from backtester.errors import ConfigurationError
from reports.write import write_report
from tests.strategy_market import random_market

ACCOUNT = Account(venue="okx")


class Hold(Strategy):
    """Long both from the first bar on."""

    notional: float = 20_000.0

    def targets(self, market):
        return Targets(notional=np.full(market.close.shape, self.notional))


@pytest.fixture(scope="module")
def result():
    return compare_leverages(Hold(), random_market(200, 2), ACCOUNT, [5, 10.0, 20], check=False)


def test_each_is_what_it_is_alone(result):
    assert list(result) == ["5x", "10x", "20x"]
    alone = compare(Hold(), random_market(200, 2), Account(venue="okx", leverage=10), check=False)
    assert result["10x"].metrics.equals(alone.metrics)
    assert {slot.leverage for slot in result["20x"].first.scenario.slots} == {20.0}
    assert result.to_dict()["leverages"] == ["5x", "10x", "20x"]


def test_its_words_are_about_leverages(result):
    said = str(result)
    assert "isolated against cross at 5x, 10x and 20x" in said.split("\n\n")[0].replace("\n", " ")
    assert "leverage 5x to 20x, rules of okx" in said
    assert "Prices, funding, orders and rules are the same at every leverage" in said
    assert "venue" not in result.verdict
    assert " on " not in result.verdict.replace("on okx", "")


def test_the_verdict_weighs_leverage_against_mode():
    columns = pd.MultiIndex.from_product([("5x", "20x"), ("isolated", "cross")], names=["venue", "mode"])
    rows = [[9_000, 5_000, 9_500, 5_250], [0.25, 0.5, 0.125, 0.5]]
    metrics = pd.DataFrame(rows, index=["final_equity", "max_drawdown_in_bars"], columns=columns)
    band = pd.concat({"adverse": metrics.loc["final_equity"]}, names=["path"]).to_frame("final_equity")
    band = band.reorder_levels(["venue", "mode", "path"])
    words = across_verdict(metrics, band, balance=10_000, unit="USDT", trailing=False, axis="leverage")
    assert words == (
        "Isolated at 20x ended highest, at 9,500.00 USDT; cross at 5x lowest, at 5,000.00. Isolated ends higher at "
        "both leverages. In final equity the mode matters more than the leverage: it moves 4,000.00 to 4,250.00 USDT, "
        "the leverage 250.00 to 500.00. Isolated has the smaller drawdown inside bars at both leverages. In drawdown "
        "inside bars the mode matters more than the leverage: it moves 25.00 to 37.50 pp, the leverage 0.00 to 12.50."
    )


@pytest.mark.parametrize(
    ("leverages", "said"),
    [([], "no leverage to run at"), ([5, 5.0], "a leverage is named twice"), ([5, -1], "must be above 0")],
)
def test_leverages_that_are_none(leverages, said):
    with pytest.raises(ConfigurationError, match=said):
        compare_leverages(Hold(), random_market(20, 2), ACCOUNT, leverages)


def test_nothing_traded_at_any(result):
    idle = compare_leverages(Hold(notional=0.0), random_market(20, 2), ACCOUNT, [5, 10], check=False)
    assert idle.verdict == "No trade at any leverage."


def test_the_page_has_a_folder_for_each_and_a_map_of_all(result, tmp_path):
    page = write_report(result, tmp_path / "run", close_ups=0)
    assert (page.parent / "20x" / "report.html").is_file()
    assert (page.parent / "charts" / "mode-map.svg").is_file()
    html = page.read_text()
    assert '<a href="20x/report.html">20x</a>' in html
    assert f"<td>{result['20x'].metrics.at['final_equity', 'cross']:,.2f}</td>" in html
