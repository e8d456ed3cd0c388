"""`backtester margin`: its numbers, whole accounts, what it refuses, and the listings of docs/calculators.md."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from backtester.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "calculators.md").read_text(encoding="utf-8")
LONG = ("--venue", "binance", "--symbol", "BTC/USDT:USDT", "--size", "0.5", "--entry", "60000")
WITH = ("--mode", "cross", "--balance", "1", "--other")
CROSS = (*LONG, "--mode", "cross", "--balance", "10000")

Say = Callable[..., str]


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Return a function that runs `backtester margin` in this process and returns what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*options: str, code: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["backtester", "margin", *options])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert (end.value.code or 0) == code, err
        assert "Traceback" not in err
        return err if code else out

    return run


@pytest.fixture
def answers(said: Say) -> Callable[..., dict[str, Any]]:
    return lambda *options: json.loads(said(*options, "--json"))


def value(text: str, label: str) -> str:
    """Return the first value beside a label."""
    return re.search(rf"^ +{re.escape(label)}  +(.*?)(  |$)", text, re.M)[1]


# --- the numbers ---


def test_an_isolated_position(said: Say) -> None:
    text = said(*LONG, "--leverage", "20")
    # 1,500 posted, rate 0.4 %: (1,500 - 30,000) / (0.5 * 0.004 - 0.5)
    assert value(text, "liquidation price") == "57,228.92"
    assert value(text, "bankruptcy price") == "57,000.00"
    assert value(text, "margin ratio (liquidated at 100 %)") == "8.00 %"
    # at 54,000: 3,000 lost and 108 required
    assert value(text, "margin to add to survive") == "1,608.00"
    assert value(text, "largest leverage") == "9.65x"  # 30,000 / 3,108
    assert value(text, "largest size") == "none"


def test_the_venues_own_symbol_and_the_unified_one_are_the_same(answers) -> None:
    own = answers("--venue", "binance", "--symbol", "BTCUSDT", *LONG[4:], "--leverage", "20")
    unified = answers(*LONG, "--leverage", "20")
    (one,), (two,) = own["pools"][0].pop("positions"), unified["pools"][0].pop("positions")
    assert own["pools"] == unified["pools"]
    assert {name for name in one if one[name] != two[name]} == {"symbol"}


def test_cross_beside_another_position(answers) -> None:
    (pool,) = answers(*CROSS, "--other", "ETH/USDT:USDT:short:3:3000:3100")["pools"]
    # 10,000 - 300 - 9,300 * 0.004 behind the long
    price = (10_000 - 300 - 37.2 - 30_000) / (0.5 * 0.004 - 0.5)
    assert pool["positions"][0]["liquidation_price"] == pytest.approx(price, rel=1e-12)
    assert pool["positions"][1]["side"] == "short"


def test_a_hedge_is_one_symbol_whatever_its_spelling(answers, said: Say) -> None:
    (pool,) = answers(*CROSS, "--mark", "61000", "--other", "BTCUSDT:short:0.2:62000")["pools"]
    one, two = pool["positions"]
    assert one["symbol"] == two["symbol"] == "BTC/USDT:USDT"
    assert one["liquidation_price"] == two["liquidation_price"]
    assert one["mark_price"] == two["mark_price"] == 61_000
    rows = said(*CROSS, "--balance", "300", "--other", "BTCUSDT:short:0.499:60000")
    assert "and on the other side" not in rows


def test_the_other_end_of_a_hedge(said: Say, tmp_path: Path) -> None:
    file = {"symbol": "A/USDT:USDT", "entry": 100}
    venue = 'name = "steep"\n[default]\ntiers = [[0, 0.015625, 64], [960, 0.5, 64]]\n'
    venue += '[sources]\ndefault = { assumed = "steep on purpose" }\n'
    (tmp_path / "steep.toml").write_text(venue)
    account = {"venue": "steep.toml", "balance": 64, "positions": [
        file | {"side": "long", "size": 8}, file | {"side": "short", "size": 6}]}  # fmt: skip
    (tmp_path / "hedge.json").write_text(json.dumps(account))
    text = said("--account", "hedge.json")
    assert value(text, "liquidation price") == "76.3509"  # 136 / 1.78125
    assert value(text, "and on the other side") == "157.134"  # 329 / 2.09375


def test_stop_move_and_fundings(answers) -> None:
    stop = answers(*LONG, "--leverage", "20", "--stop", "58000")["pools"][0]
    assert stop["margin_to_add"] == 0
    assert stop["positions"][0]["largest_leverage"] == pytest.approx(30_000 / (1_000 + 116), rel=1e-12)
    up = answers(*LONG, "--leverage", "20", "--side", "short")["pools"][0]["positions"][0]
    assert up["price_to_survive"] == pytest.approx(66_000, rel=1e-12)  # left out: against the position
    down = answers(*LONG, "--move", "-12.5%")["pools"][0]["positions"][0]
    assert down["price_to_survive"] == 52_500
    paid = answers(*LONG, "--leverage", "20", "--fundings", "10", "--funding-rate", "0.001")["pools"][0]
    assert paid["funding_paid"] == pytest.approx(300)
    price = (1_200 - 30_000) / (0.5 * 0.004 - 0.5)
    assert paid["positions"][0]["liquidation_price_after_fundings"] == pytest.approx(price, rel=1e-12)


def test_margin_rules_and_money_in_coin(answers, said: Say) -> None:
    pool = answers(*LONG, "--leverage", "20", "--margin", "4000", "--rule", "mm_basis=entry")["pools"][0]
    assert pool["positions"][0]["liquidation_price"] == pytest.approx(60_000 - (4_000 - 120) / 0.5, rel=1e-12)
    text = said("--symbol", "BTC/USD:BTC", "--size", "1000", "--entry", "60000", "--leverage", "5")
    assert "money in BTC" in text
    assert value(text, "bankruptcy price") == "50,000.00"


TOPPED_UP = ("--venue", "bybit_legacy", "--symbol", "BTCUSDT", "--size", "5", "--entry", "8000", "--leverage", "10")
TOPPED_UP += ("--rule", "auto_top_up=initial_margin")


def test_an_automatic_top_up(answers, said: Say) -> None:
    """The example of Bybit's page: 10,000, of which 4,000 are posted."""
    text = said(*TOPPED_UP, "--balance", "6000")
    assert value(text, "liquidation price") == "7,240.00"
    assert value(text, "topped up at 7,240.00 with") == "4,000.00"
    assert value(text, "liquidation price then") == "6,440.00"
    assert "automatic top-ups have 6,000.00 to move" in text
    (pool,) = answers(*TOPPED_UP, "--balance", "6000")["pools"]
    assert pool["positions"][0]["top_up"] == {"price": 7240, "amount": 4000, "liquidation_price": 6440}
    assert "It is topped up at these marks." in said(*TOPPED_UP, "--balance", "6000", "--mark", "7200")


def test_an_automatic_top_up_needs_money(answers, said: Say, tmp_path: Path) -> None:
    text = said(*TOPPED_UP)
    assert "topped up" not in text
    assert "it is not said what they can move" in " ".join(text.split())
    long = {"symbol": "BTCUSDT", "side": "long", "size": 5, "entry": 8000, "leverage": 10}
    shared = {"symbol": "ETHUSDT", "side": "long", "size": 10, "entry": 500, "leverage": 5}
    account = {"venue": "bybit_legacy", "balance": 3000, "rules": {"auto_top_up": "all_free"}}
    account["positions"] = [long | {"mode": "isolated"}, shared]
    (tmp_path / "account.json").write_text(json.dumps(account))
    cross, alone = answers("--account", "account.json")["pools"]
    assert cross["positions"][0]["top_up"] is None
    assert alone["positions"][0]["top_up"]["amount"] == 2000  # 3,000 less the initial margin of the cross position


def test_nothing_is_null_in_json(answers) -> None:
    (pool,) = answers(*LONG)["pools"]  # a long at 1x
    assert pool["positions"][0]["bankruptcy_price"] is None
    assert pool["positions"][0]["safe_to"] is None


def test_what_is_shown_is_not_rounded_to_the_wrong_side(said: Say, answers) -> None:
    options = shlex.split("--symbol X/USDT:USDT --size 7 --entry 3 --mode cross --balance 10 --stop 2.3")
    shown = float(value(said(*options), "largest size"))
    exact = answers(*options)["pools"][0]["positions"][0]["largest_size"]
    assert 0 <= exact - shown < 1e-4


def test_a_liquidated_pool_says_so(said: Say) -> None:
    assert "It is liquidated at these marks." in said(*LONG, "--leverage", "20", "--mark", "57000")
    assert "It is liquidated" not in said(*LONG, "--leverage", "20")


# --- bad input ---


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--symbol", "BTCX/USDT:USDT"], "--symbol: the file of binance has no tiers for it; found 'BTCX/USDT:USDT'"),
        (["--symbol", "BTCX/USDT:USDT"], "Perhaps you mean BTCUSDT; or take what the file assumes"),
        (["--symbol", "ZZZ"], "allowed: 1000LUNCUSDT"),
        (["--venue", "binanse"], "--venue: is an unknown venue; found 'binanse'; nearest: binance"),
        (["--leverage", "200"], "allowed: at most 150x for a size of 0.5"),
        (["--size", "100", "--leverage", "60"], "at most 50x for a size of 100, or a size of at most 50 for 60x"),
        (["--leverage", "0"], "--leverage: is out of range; found 0.0"),
        (["--side", "up"], "--side: is not one of the allowed values; found 'up'; allowed: long, short"),
        (["--size", "-1"], "--size: is out of range; found -1.0; allowed: a number above 0"),
        (["--entry", "0"], "--entry: is out of range; found 0.0"),
        (["--mode", "both"], "--mode: is not one of the allowed values; found 'both'; allowed: isolated, cross"),
        (["--mode", "cross"], "--balance: cross margin needs the wallet balance"),
        (["--mode", "cross", "--balance", "1", "--margin", "5"], "--margin: is posted for isolated positions only"),
        (["--other", "ETHUSDT:long:1:3000"], "--other: has nothing to do with an isolated position"),
        ([*WITH, "ETHUSDT:long"], "--other: is not of the form SYMBOL:SIDE:SIZE:ENTRY[:MARK]"),
        ([*WITH, "ETHUSDT:long:1:x"], "Write --other ETH/USDT:USDT:short:10:3000"),
        ([*WITH, "ETHUSDT:long:0:3000"], "--other: is out of range; found 0.0"),
        (
            [*WITH, "BTCUSDT:long:1:2:3", "--mark", "1"],
            "--other: differs from that of another position on BTC/USDT:USDT",
        ),
        (["--move", "10"], "--move: is not a percentage above -100; found '10'. Write --move -10%"),
        (["--move", "-100%"], "--move: is not a percentage above -100"),
        (["--move", "1.2.3%"], "--move: is not a percentage above -100"),
        (["--stop", "0"], "--stop: must be above 0; found 0"),
        (["--stop", "1", "--move", "-1%"], "--stop: is given together with --move"),
        (["--fundings", "-1"], "--fundings: is not a number of fundings; found -1"),
        (["--funding-rate", "nan"], "--funding-rate: is not finite"),
        (["--rule", "mm_bass=entry"], "--rule mm_bass: is an unknown key; found 'mm_bass'; nearest: mm_basis"),
        (["--rule", "hedge_offset=larger_side"], "hedge_offset: belongs to a position mode that binance does not have"),
        (["--account", "a.toml"], "--symbol: is given together with --account a.toml"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_bad_options(said: Say, options: list[str], expected: str) -> None:
    assert expected in said(*LONG, *options, code=2)


def test_missing_options(said: Say) -> None:
    assert "--symbol: is missing" in said(code=2)
    assert "--entry: is missing" in said("--symbol", "BTCUSDT", "--size", "1", code=2)


POSITION = {"symbol": "BTCUSDT", "side": "long", "size": 1, "entry": 60_000}


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ({}, "the file: has no positions"),
        ({"positions": []}, "positions: is empty"),
        ({"positions": [{"symbol": "BTCUSDT"}]}, "positions[0]: has no side"),
        ({"positions": [POSITION]}, "balance: cross margin needs the wallet balance"),
        ({"positions": [POSITION | {"sise": 1}]}, "positions[0].sise: is an unknown key; found 'sise'; nearest: size"),
        ({"positions": [POSITION], "rules": {"mm_bass": 1}}, "account.rules.mm_bass: is an unknown key"),
        (
            {"venue": "bybit", "balance": 1, "positions": [POSITION, POSITION | {"mode": "isolated"}]},
            "bybit has one margin mode for the whole account, not one for each position; found ['cross', 'isolated']",
        ),
        (
            {"balance": 1, "positions": [POSITION | {"margin": 5}]},
            "positions[0].margin: is posted for isolated positions",
        ),
    ],
)
def test_bad_accounts(said: Say, tmp_path: Path, account: dict[str, Any], expected: str) -> None:
    (tmp_path / "account.json").write_text(json.dumps(account))
    words = said("--account", "account.json", code=2)
    assert words.startswith("error: account.json: ")
    assert expected in words


def test_account_files_that_cannot_be_read(said: Say, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("venue = ")
    assert "bad.toml: is not valid TOML; found" in said("--account", "bad.toml", code=2)
    assert "--account: cannot be read: No such file" in said("--account", "none.toml", code=2)
    assert "--account: cannot be read: No such file" in said("--account", "none.json", code=2)
    (tmp_path / "bad.json").write_text("{")
    assert "bad.json: line 1 column 2: is not JSON" in said("--account", "bad.json", code=2)


def test_assumed_tiers_are_said(said: Say, tmp_path: Path) -> None:
    options = ("--venue", "kraken", "--symbol", "SOL", "--size", "1", "--entry", "100", "--assumed")
    assert "tiers and fees of SOL are assumed" in said(*options)
    account = {"venue": "kraken", "balance": 1_000, "assumed": True, "positions": [POSITION | {"symbol": "SOL"}]}
    (tmp_path / "account.json").write_text(json.dumps(account))
    assert "tiers and fees of SOL are assumed" in said("--account", "account.json")


def test_main_pays_funding_first_is_said(said: Say) -> None:
    options = ("--venue", "bybit", "--symbol", "BTCUSDT", "--size", "1", "--entry", "60000")
    assert "funding of an isolated position is taken from the free balance first" in said(*options)
    assert "free balance first" not in said(*options, "--mode", "cross", "--balance", "10")


# --- the page ---


def block(mark: str, language: str) -> str:
    return re.search(rf"<!-- {mark} -->\n```{language}\n(.*?)```", PAGE, re.S)[1]


def commands() -> list[list[str]]:
    lines = "\n".join(re.findall(r"^```\n(backtester.*?)```", PAGE, re.M | re.S)).replace("\\\n", " ").splitlines()
    return [shlex.split(line)[2:] for line in lines if line]


@pytest.mark.parametrize("options", commands(), ids=" ".join)
def test_the_commands_of_the_page_run(said: Say, tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "account.toml").write_text(block("file: account.toml", "toml"))
    assert "liquidation price" in said(*options)


def test_the_output_of_the_page_is_real(said: Say) -> None:
    (shown,) = re.findall(r"^```\n(Margin under.*?)```", PAGE, re.M | re.S)
    printed = said(*commands()[0])
    assert printed.startswith(shown.rstrip("\n"))
    assert printed[len(shown.rstrip("\n")) :].lstrip().startswith("Notes")


def test_the_listing_of_the_page_prints_what_it_says() -> None:
    listing = block("run", "python")
    expected = re.findall(r"^print\(.*# (\S+)$", listing, re.M)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(listing, "calculators.md", "exec"), {})
    assert out.getvalue().split() == expected
    assert len(expected) == 8


def test_help_imports_nothing_heavy(backtester: Callable[..., CompletedProcess[str]]) -> None:
    done = backtester("margin", "--help", python=("-X", "importtime"))
    assert "SYMBOL:SIDE:SIZE:ENTRY[:MARK]" in done.stdout
    assert "numpy" not in done.stderr


def test_a_real_process(backtester: Callable[..., CompletedProcess[str]]) -> None:
    done = backtester("margin", *LONG, "--leverage", "20")
    assert (done.returncode, done.stderr) == (0, "")
    assert "57,228.92" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
