"""Does `backtester compare --venue A,B` show, print and write all venues, in a real process?"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from backtester import Account, compare, load_venue
from data import synthetic
from strategies.grid_reversion import GridReversion
from tests.cli.test_compare import in_terminal

ROOT = Path(__file__).resolve().parents[2]
Backtester = Callable[..., CompletedProcess[str]]
MARKET = ("compare", "grid_reversion", "--market", "synthetic", "--symbols", "FAKE1,FAKE2", "--end", "2024-01-20")
MIXED = """
import numpy as np
from backtester import SlotSpec, Strategy, Targets

class Both(Strategy):
    def slots(self, market):
        return [SlotSpec(market.symbols[0], margin_mode="isolated"), SlotSpec(market.symbols[1])]

    def targets(self, market):
        return Targets(notional=np.full((market.n_bars, 2), 1_000.0))
"""


def test_json_and_folder_hold_all_venues(backtester: Backtester, tmp_path: Path) -> None:
    options = (*MARKET, "--venue", "crypto_com, binance", "--leverage", "20", "--rule", "slippage=0.001")
    done = backtester(*options, "--out", "out", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert list(said["comparisons"]) == said["venues"] == ["crypto_com", "binance"]
    account = said["configuration"]["account"]
    assert [each["venue"] for each in account["venues"]] == ["crypto_com", "binance"]
    assert [each["rules"]["slippage"] for each in account["venues"]] == [0.001, 0.001]
    assert account["venues"][1]["rules"]["hedge_offset"] == load_venue("binance").rules.hedge_offset
    assert [each["tiers_of"] for each in account["venues"]] == [load_venue(v).snapshot for v in said["venues"]]
    assert shlex.split(said["configuration"]["command"])[1:] == list(options)  # without where the output goes
    assert "crypto_com, binance" in shlex.split(said["configuration"]["command"])
    assert json.loads((tmp_path / "out" / "configuration.json").read_text()) == said["configuration"]
    for venue in said["venues"]:
        held = json.loads((tmp_path / "out" / venue / "report.json").read_text())
        assert held.items() >= said["comparisons"][venue].items()
        assert (tmp_path / "out" / venue / "report.html").is_file()
    assert said["report"] == str(Path("out") / "report.html")


def test_the_numbers_are_those_of_each_venue_alone(backtester: Backtester) -> None:
    together = json.loads(backtester(*MARKET, "--venue", "okx,kraken", "--json").stdout)
    market = synthetic(19 * 24, 6, seed=7)
    market = market.select(market.symbols[:2])
    for venue in ("okx", "kraken"):
        alone = compare(GridReversion(), market, Account(leverage=10, venue=venue))
        assert together["comparisons"][venue]["metrics"] == alone.to_dict()["metrics"]


def test_a_file_of_your_own_beside_a_venue(backtester: Backtester, tmp_path: Path) -> None:
    text = (ROOT / "backtester" / "venues" / "generic.toml").read_text()
    (tmp_path / "my, own.toml").write_text(text.replace('name = "generic"', 'name = "mine"'))
    (tmp_path / "own.toml").write_text(text.replace('name = "generic"', 'name = "mine"'))
    done = backtester(*MARKET, "--venue", "own.toml,okx", "--json")
    assert json.loads(done.stdout)["venues"] == ["mine", "okx"]
    alone = json.loads(backtester(*MARKET, "--venue", "my, own.toml", "--json").stdout)
    assert alone["venue"] == "mine"  # a file's name may hold a comma


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--venue", "okx,binanse"), "--venue: is an unknown venue; found 'binanse'; nearest: binance"),
        (("--venue", "okx,okx"), "--venue: a venue is named twice; found 'okx'"),
        (("--venue", "okx,binance_coinm"), "Or leave binance_coinm out of the venues."),
        (("--venue", "okx,bybit", "--modes", "mixed"), "--modes: bybit has one margin mode for the whole account"),
    ],
)
def test_what_is_refused(backtester: Backtester, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    (tmp_path / "both.py").write_text(MIXED)
    done = backtester("compare", "both.py:Both", *MARKET[2:], *options, "--out", "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_terminal_gets_tables_and_progress(tmp_path: Path) -> None:
    shown = in_terminal(tmp_path, *MARKET, "--venue", "okx,kraken")
    assert re.search("okx: isolated, adverse|kraken: cross, adverse", shown)
    assert re.search(r"okx, isolated +[\d,.]+ +[\d.]+ %", shown)
    assert "All numbers" in shown
    assert "\u2500" * 20 in shown


def test_the_output_in_the_docs_still_comes_out(backtester: Backtester) -> None:
    page = (ROOT / "docs" / "venues.md").read_text(encoding="utf-8").partition("## Compare venues")[2]
    command, output = re.findall(r"```\n(.*?)```", page, re.DOTALL)[:2]
    said = backtester(*shlex.split(command)[1:]).stdout
    for part in output.strip("\n").split("\n\n"):
        assert part in said
