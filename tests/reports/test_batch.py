"""Does the page of a batch show what its rows say, and nothing that they do not?"""

from __future__ import annotations

import re
from base64 import b64decode

import pandas as pd
import pytest

from backtester.batch.reading import by_group
from backtester.batch.verdict import verdict
from backtester.errors import ConfigurationError
from reports.batch import BatchPage, batch_page, mode_table
from tests.batch.test_results import made_up

EQUITY = {"isolated": [100.0, 90, 80, 80], "cross": [100.0, 120, 130, 10]}
SYNTHETIC = "Synthetic market"


def batch(market="candles/binance"):
    """Return the runs of two modes at four leverages, each with two sizes and a key."""
    rows = [made_up(EQUITY).assign(**{"params.size": size}) for size in (1.0, 2.0)]
    frame = pd.concat(rows, ignore_index=True).assign(market=market)
    return frame.assign(key=[f"k{place}" for place in range(len(frame))])


def drawings(html):
    """Return the charts of a page as SVG, each once."""
    return [b64decode(each).decode() for each in re.findall(r'<img src="data:image/svg\+xml;base64,([^"]*)"', html)]


@pytest.fixture(scope="module")
def html():
    return batch_page(BatchPage(batch(), "sizes"), "leverage = [1, 2]", "backtester batch again")


def test_verdict_and_numbers_are_those_of_the_rows(html):
    frame = batch()
    assert verdict(frame)[0] in html.replace("\u00a0", " ")
    groups = by_group(frame, ["mode"]).set_index("mode")
    rows = {row.label: row.cells for row in mode_table(BatchPage(frame, "sizes")).rows}
    assert rows["final equity, median"] == tuple(
        f"{groups.at[mode, 'median_final_equity']:,.2f}" for mode in ("isolated", "cross")
    )
    for label, cells in rows.items():
        assert re.search(rf'{label}\s*</th>\s*<td>{cells[0]}</td>\s*<td>{cells[1]}</td>', html), label
    assert "isolated, best by final equity" in html
    assert html.count(" worst by final equity") >= 2
    worst = html[html.index("<p class=\"muted\">cross, worst by final equity") :]
    assert re.search(r"1\.\s*</th>(\s*<td>[^<]*</td>){2}\s*<td>10\.00</td>", worst)


def test_it_has_frontiers_maps_and_what_repeats_it(html):
    shown = drawings(html)
    assert len(shown) == 2 + 3  # along leverage and size; three measures over both
    assert [each.count("isolated \u2212 cross") for each in shown] == [0, 0, 1, 1, 1]
    assert "backtester batch again" in html
    assert "leverage = [1, 2]" in html
    assert "sha256 " in html
    assert "http:" not in html and "https:" not in html
    assert "<script" not in html


@pytest.mark.parametrize(("market", "made_up"), [("synthetic", True), ("candles/binance", False)])
def test_page_and_charts_say_whether_prices_are_made_up(market, made_up):
    page = batch_page(BatchPage(batch(market), "sizes"))
    assert (SYNTHETIC in page) == made_up
    assert {SYNTHETIC in each for each in drawings(page)} == {made_up}


def test_what_is_asked_for_is_shown():
    page = batch_page(
        BatchPage(batch(), "sizes", along="params.size", heat=("params.size", "leverage"), measures=("liquidations",))
    )
    assert len(drawings(page)) == 2
    assert "along params.size" in page
    with pytest.raises(ConfigurationError, match="heat: is no column of these runs; found 'siez'"):
        batch_page(BatchPage(batch(), "sizes", heat=("siez", "leverage")))


def test_failures_are_told_and_all_failed_is_a_page():
    frame = batch()
    frame.loc[3, "error"] = "<b>no</b> luck"
    page = batch_page(BatchPage(frame, "sizes"))
    assert "1 run: &lt;b&gt;no&lt;/b&gt; luck (it: leverage=4, mode=isolated" in page
    assert "16 runs, 1 failed" in page
    page = batch_page(BatchPage(frame.assign(error="no luck"), "sizes"))
    assert not drawings(page)
    assert "16 of 16 runs failed and count in nothing." in page
    assert "There is no run." in batch_page(BatchPage(frame.iloc[:0], "sizes"))


def test_one_run_of_each_mode_has_no_frontier_and_no_map():
    page = batch_page(BatchPage(batch().iloc[[0, 4]], "one"))
    assert not drawings(page)
    assert "alike in 1 of 1 setting" in page
