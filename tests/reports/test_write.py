"""The folder of a report: whole or not at all, never over another run, nothing injected."""

import copy
import json
import os
import re
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

from backtester.errors import ConfigurationError
from reports import write
from reports.program import packed_plotly
from reports.tables import band_table, metrics_table
from reports.write import check_folder, write_report
from tests.fake_result import fake_comparison, fake_market, fake_result, story

CONFIGURATION = {"strategy": "EmaCross", "leverage": 10, "params": {"fast": 8}}
FILES = {
    "report.html",
    "configuration.json",
    "report.json",
    "report.md",
    "report.pdf",
    "equity.parquet",
    "positions.parquet",
    "trades.parquet",
    "liquidations.parquet",
    "ledger.parquet",
    "events.parquet",
    "attribution.parquet",
    "contagion.parquet",
    "scenario-isolated.json",
    "scenario-cross.json",
    "charts",
}


def without_plotly(html):
    """Return a page without the program that draws its panels."""
    whole = packed_plotly()
    assert html.count(whole) == 1
    return html.replace(whole, "")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    comparison = story(96, 6, synthetic=True, source="synthetic, seed 3")
    place = tmp_path_factory.mktemp("out") / "deep" / "run"
    page = write_report(comparison, place, configuration=CONFIGURATION, paper=True)
    return comparison, page


def test_every_file_is_there_and_nothing_else(written):
    _, page = written
    assert {path.name for path in page.parent.iterdir()} == FILES
    assert [path.name for path in page.parent.parent.iterdir()] == ["run"]  # no draft is left
    charts = {path.name for path in (page.parent / "charts").iterdir()}
    for name in ("equity", "underwater", "liquidations", "margin-ratio"):
        assert {f"{name}.svg", f"{name}.png", f"{name}.pdf"} <= charts
    assert os.access(page.parent, os.X_OK)
    assert page.parent.stat().st_mode & 0o777 == 0o777 & ~write._umask()


def test_data_are_those_of_the_comparison(written):
    comparison, page = written
    folder = page.parent
    assert json.loads((folder / "configuration.json").read_text()) == CONFIGURATION
    assert json.loads((folder / "report.json").read_text()).items() >= comparison.to_dict().items()
    equity = pd.read_parquet(folder / "equity.parquet")
    assert list(equity.columns[:2]) == ["mode", "time"]
    assert (equity[equity["mode"] == "cross"]["equity"].to_numpy() == comparison.cross.equity).all()
    liquidations = pd.read_parquet(folder / "liquidations.parquet")
    assert liquidations["mode"].value_counts().to_dict() == {"isolated": 6, "cross": 4}
    for name in ("positions", "trades", "ledger", "events"):
        assert "mode" in pd.read_parquet(folder / f"{name}.parquet").columns
    assert json.loads((folder / "scenario-cross.json").read_text()) == comparison.cross.to_scenario()


def test_a_notebook_needs_no_configuration(tmp_path):
    page = write_report(story(24, 2), tmp_path / "run")
    known = json.loads((page.parent / "configuration.json").read_text())
    assert (known["strategy"], known["modes"]) == ("EmaCross(fast=8, slow=48)", ["isolated", "cross"])
    assert known["market"]["symbols"] == ["BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT"]
    assert known["account"] == "10,000.00 USDT, leverage 10x, rules of binance"
    assert known["rules"]["mm_basis"] == "mark"
    assert "EmaCross(fast=8, slow=48)" in page.read_text()


def test_page_shows_the_tables_numbers(written):
    comparison, page = written
    html = without_plotly(page.read_text())
    expected = metrics_table(comparison).rows
    rows = re.findall(r'<tr id="(\w+)">(.*?)</tr>', html, re.S)[: len(expected)]
    assert [(key, re.findall(r"<td>(.*?)</td>", cells)) for key, cells in rows] == [
        (row.key, [cell.replace("'", "&#39;") for cell in row.cells]) for row in expected
    ]
    assert comparison.verdict in html.replace("\u00a0", " ")
    assert all(cell.replace("'", "&#39;") in html for row in band_table(comparison).rows for cell in row.cells)
    assert "Synthetic market" in html
    assert "mark = trade for SOLUSDT" in html


def test_page_holds_all_it_shows_and_links_to_the_files_beside_it(written):
    _, page = written
    html = without_plotly(page.read_text())
    for address in re.findall(r'href="([^"]*)"', html):
        assert f'id="{address[1:]}"' in html if address[0] == "#" else (page.parent / address).is_file(), address
    shown = re.findall(r'(?:src|srcset)="([^"]*)"', html)
    assert len(shown) == 2 * (6 + 4)  # and four liquidations close up: three of isolated, one of cross
    assert all(address.startswith("data:image/svg+xml;base64,") for address in shown)
    assert "http:" not in html
    assert "https:" not in html
    assert "default-src 'none'" in html  # a browser refuses whatever a page might ask of the network
    assert html.count("<script") == 4
    assert html.count("<img") == html.count(' alt="') == 10


def test_names_cannot_inject_markup(tmp_path):
    evil = '<script>alert("x")</script>'
    market = fake_market(12, (evil,), notes=(evil,), source=evil)
    killed = [(3, 0, "liquidation", -1.0, 90.0, -10.0)]
    comparison = fake_comparison(
        {
            "isolated": fake_result(market, [1e4] * 12, events=killed, mode="isolated", strategy=evil),
            "cross": fake_result(market, [1e4] * 12, mode="cross", strategy=evil),
        },
        notes=(evil,),
        venue=evil,
    )
    page = write_report(comparison, tmp_path / "run", configuration={evil: evil})
    html = without_plotly(page.read_text())
    assert evil not in html
    scripts = ("the numbers", "plotly", "what unpacks it", "what draws the panels")
    assert html.count("<script") == html.count("</script") == len(scripts)
    assert "&lt;script&gt;" in html
    assert "\\u003cscript>" in html  # among the numbers
    for drawing in (tmp_path / "run" / "charts").glob("*.svg"):
        assert "<script" not in drawing.read_text(), drawing.name


def test_a_folder_with_another_run_is_refused_and_left_alone(written):
    comparison, page = written
    before = {path: path.stat().st_mtime_ns for path in page.parent.rglob("*")}
    with pytest.raises(ConfigurationError, match=r"already holds another run; nothing is overwritten.*new folder"):
        write_report(comparison, page.parent, configuration={})
    assert {path: path.stat().st_mtime_ns for path in page.parent.rglob("*")} == before


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ConfigurationError, match="already holds other files"):
        check_folder(tmp_path)
    with pytest.raises(ConfigurationError, match="is a file"):
        check_folder(tmp_path / "letter.txt")


def test_an_empty_folder_is_used(tmp_path):
    (tmp_path / "run").mkdir()
    assert write_report(story(24, 2), tmp_path / "run", configuration={}).is_file()


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot be written.*may write"):
        write_report(story(24, 2), tmp_path / "file" / "below" / "run", configuration={})


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), PermissionError(13, "Permission denied")])
def test_a_folder_is_tried_and_not_only_asked_for_its_rights(tmp_path, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(tempfile, "mkdtemp", fail)  # root has every right, and a full disk denies none
    with pytest.raises(ConfigurationError, match=f"cannot be written: {error.strerror}"):
        check_folder(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write to")
def test_a_folder_that_only_seems_writable():
    with pytest.raises(ConfigurationError, match="cannot be written"):
        check_folder("/proc/run")


def test_a_failure_half_way_leaves_nothing(tmp_path, monkeypatch):
    comparison = story(24, 2)
    for error in (OSError(28, "No space left on device"), ValueError("a bug")):

        def fail(*_, error=error):
            raise error

        monkeypatch.setattr(write, "_other_forms", fail)
        expected = ConfigurationError if isinstance(error, OSError) else ValueError
        with pytest.raises(expected, match=r"No space left|a bug"):
            write_report(comparison, tmp_path / "run", configuration={})
        assert list(tmp_path.iterdir()) == []


def test_someone_who_was_faster_is_not_overwritten(tmp_path, monkeypatch):
    place = tmp_path / "run"
    whole = write._write_all

    def meanwhile(*args):
        whole(*args)
        place.mkdir()
        (place / "report.json").write_text("theirs")

    monkeypatch.setattr(write, "_write_all", meanwhile)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_report(story(24, 2), place, configuration={})
    assert (place / "report.json").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_scenarios_are_compact_and_each_mode_has_its_own(tmp_path):
    comparison = story(24, 2)
    three = {**comparison.results, "mixed": copy.copy(comparison.isolated)}
    for mode, run in three.items():
        run.to_scenario = lambda mode=mode: {"bars": [{"open": [1.0, 2.0]}], "mode": mode[:3], "odd": mode == "cross"}
    page = write_report(fake_comparison(three), tmp_path / "run", configuration={})
    for mode in ("isolated", "cross", "mixed"):
        said = (page.parent / f"scenario-{mode}.json").read_text()
        assert json.loads(said) == three[mode].to_scenario()
        assert " " not in said


def test_scenarios_only_when_they_are_small(tmp_path):
    write_report(story(5_001, 2), tmp_path / "long", configuration={})
    assert not list((tmp_path / "long").glob("scenario-*.json"))
    assert "scenario-" not in (tmp_path / "long" / "report.html").read_text()


@pytest.mark.parametrize("equity", [[1e4], [9e3, 0.0, 0.0], [1e4] * 5], ids=["one bar", "ruin in bar 1", "no trade"])
def test_odd_runs_give_a_page(tmp_path, equity):
    market = fake_market(len(equity))
    runs = {mode: fake_result(market, np.array(equity), mode=mode) for mode in ("isolated", "cross")}
    assert write_report(fake_comparison(runs), tmp_path / "run", configuration={}).is_file()


def test_a_slot_named_like_a_column_of_ours(tmp_path):
    market = fake_market(4, ("mode", "time"))
    page = write_report(fake_comparison({"cross": fake_result(market, [1e4] * 4)}), tmp_path / "r", configuration={})
    assert list(pd.read_parquet(page.parent / "positions.parquet").columns) == ["mode", "time", "mode_", "time_"]


def test_relative_and_home_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert check_folder("a/b") == tmp_path / "a" / "b"
    assert check_folder("~/c") == tmp_path / "c"
    assert check_folder(Path("d")) == tmp_path / "d"


def test_progress_names_what_is_written(tmp_path):
    said = []
    write_report(story(24, 2), tmp_path / "run", configuration={}, progress=said.append, paper=True)
    assert said[0] == "equity.parquet"
    assert said[-2:] == ["report.html", "report.pdf"]


def test_a_page_ends_with_what_repeats_it(written, tmp_path):
    _, page = written
    said = page.read_text()
    runs = "backtester scenario run scenario-isolated.json &amp;&amp; backtester scenario run scenario-cross.json"
    assert f">{runs}</pre>" in said
    assert said.count("<pre") == 3  # the command, the data, the configuration
    for package in ("numpy", "pandas", "plotly"):
        assert f"<dt>{package}</dt><dd>{version(package)}</dd>" in said
    command = "backtester compare grid --set 'name=<b>'"
    page = write_report(story(24, 2), tmp_path / "run", configuration={"command": command})
    assert f">{escape(command)}</pre>" in page.read_text()


def test_the_difference_under_each_path_is_told(written):
    comparison, _ = written
    rows = {row.label: row.cells for row in band_table(comparison).rows}
    for path in ("adverse", "candle", "favourable"):
        ends = [float(comparison.bands[mode][path].equity[-1]) for mode in ("isolated", "cross")]
        assert rows[f"isolated \u2212 cross, {path}"][0] == f"{ends[0] - ends[1]:+,.2f}"
    alone = fake_comparison({"cross": comparison.cross}, bands={"cross": comparison.bands["cross"]})
    assert len(band_table(alone).rows) == 3


def test_a_page_names_its_data(tmp_path):
    files = {"BTCUSDT": {"1h-trade.parquet": "ab12" * 16}}
    market = replace(fake_market(4), files=files)
    page = write_report(fake_comparison({"cross": fake_result(market, [1e4] * 4)}), tmp_path / "run")
    assert "ab12" * 16 in page.read_text()
