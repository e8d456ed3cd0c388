"""Does every bad input come out as one message that says what, where and how to mend it, and exit code 2?"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pandas as pd
import pytest

from backtester.cli import main
from tests.cli import candle_folder as folder

Backtester = Callable[..., CompletedProcess[str]]
Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Return a function that runs `backtester compare` in this process and returns its message."""
    folder.good(tmp_path / "good")
    (tmp_path / "my.py").write_text(folder.STRATEGIES)
    monkeypatch.chdir(tmp_path)

    def run(*options: str, strategy: str = "my.py:Good", market: str = "good", command: str = "compare") -> str:
        chosen = [strategy, "--market", market] if command == "compare" else []
        monkeypatch.setattr("sys.argv", ["backtester", command, *chosen, *options])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert end.value.code == 2
        assert out == ""
        assert "Traceback" not in err
        return err

    return run


# The folder of candles


def test_a_symbol_that_is_not_there(refused: Refused) -> None:
    said = refused("--symbols", "BTC,SOLUSDT")
    assert "SOLUSDT: there is no such symbol in good; there are BTCUSDT, ETHUSDT" in said
    assert "Perhaps you mean BTCUSDT" in refused("--symbols", "BTCUSD")


def test_a_timeframe_that_is_not_there(refused: Refused) -> None:
    said = refused("--symbols", "BTCUSDT", "--timeframe", "5m")
    assert "BTCUSDT: there are no 5m trade candles in good" in said
    assert "there are trade 1h" in said
    assert "Timeframes that are there: 1h" in refused("--timeframe", "5m")
    assert "found 'hourly'. Write it as \"1m\"" in refused("--timeframe", "hourly")


def test_a_folder_that_is_not_there_or_holds_venues(refused: Refused, tmp_path: Path) -> None:
    assert f"goood; the folder {tmp_path} holds good. Perhaps you mean good." in refused(market="goood")
    folder.good(tmp_path / "venues" / "binance")
    said = refused(market="venues")
    assert "holds venues, not symbols: binance" in said
    assert f"Name one of them: {Path('venues') / 'binance'}" in said


def spoilt(row: int, column: str, value: float) -> pd.DataFrame:
    frame = folder.candles()
    frame.loc[row, column] = value
    return frame


def unsorted() -> pd.DataFrame:
    order = np.arange(folder.BARS)
    order[[50, 51]] = 51, 50
    return folder.candles().iloc[order]


BAD_FILES = {
    "unsorted": ({"trade": unsorted()}, ["BTCUSDT: the times are not sorted", "bar 51", "Sort"]),
    "twice": (
        {"trade": pd.concat([folder.candles()[:60], folder.candles()[59:]])},
        ["BTCUSDT: two bars have the same time", "bar 60 (2025-10-03 11:00:00 UTC)", "Keep one"],
    ),
    "nan": ({"trade": spoilt(70, "high", np.nan)}, ["BTCUSDT: NaN inside a trade bar (high)", "bar 70", "Fill"]),
    "negative": (
        {"trade": spoilt(80, "low", -1.0)},
        ["BTCUSDT: the trade low is not a positive", "bar 80", "low -1", "Correct"],
    ),
    "apart": (
        {"mark": folder.candles(start=folder.START + 1_000 * folder.HOUR)},
        ["BTCUSDT: mark and trade do not overlap", "trade 2025-10-01", "mark 2025-11-11", "or leave it out"],
    ),
    "rateless": (
        {"funding": folder.rates("rate")},
        ["BTCUSDT: funding without a rate", "lacks the column funding_rate", "Rename"],
    ),
    "nan rate": (
        {"funding": folder.rates().assign(funding_rate=np.nan)},
        ["BTCUSDT: funding without a rate", "2025-10-01", "Fill the rate in"],
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_candles(refused: Refused, tmp_path: Path, name: str) -> None:
    files, expected = BAD_FILES[name]
    folder.put(tmp_path / "bad", **files)
    said = refused(market="bad")
    assert all(words in said for words in expected), said


def test_a_file_that_is_no_parquet(refused: Refused, tmp_path: Path) -> None:
    folder.put(tmp_path / "bad")
    (tmp_path / "bad" / "BTCUSDT" / "1h-trade.parquet").write_text("hello")
    assert "1h-trade.parquet cannot be read as Parquet" in refused(market="bad")


# The strategy


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Raises", ["strategy Raises(): its method `targets` raised IndexError in", "my.py, line 18: index 5"]),
        ("Shape", ["Targets.notional has the wrong shape; found (3, 3)", "Return (200, 2) (n_bars, n_slots)"]),
        ("NanSize", ["strategy NanSize(): Targets.notional is nan", "Give a number"]),
        ("Peeks", ["strategy Peeks(): it looks into the future", "bar ", "Use only bars up to the one decided on"]),
        ("Godo", ["my.py has no class Godo", "nearest: my.py:Good"]),
    ],
)
def test_a_bad_strategy(refused: Refused, name: str, expected: list[str]) -> None:
    said = refused(strategy=f"my.py:{name}")
    assert all(words in said for words in expected), said


def test_a_strategy_that_is_not_there(refused: Refused) -> None:
    said = refused(strategy="breakuot")
    assert "STRATEGY: no such strategy; found 'breakuot'; nearest: breakout" in said
    assert "path/file.py:Class" in said
    assert "there is no file mine.py" in refused(strategy="mine.py:Good")


# The options


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--leverage", "0"], "--leverage: must be above 0; found 0.0"),
        (["--leverage", "-3"], "--leverage: must be above 0; found -3.0"),
        (["--leverage", "ten"], "Invalid value for '--leverage'"),
        (["--balance", "0"], "--balance: must be above 0; found 0.0"),
        (["--balance", "nan"], "--balance: must be above 0; found nan"),
        (["--modes", "isolated,croos"], "--modes: is an unknown mode; found 'croos'; nearest: cross"),
        (["--modes", "cross,cross"], "--modes: a margin mode is named twice"),
        (["--modes", ","], "--modes: names no margin mode"),
        (["--venue", "binanse"], "--venue: is an unknown venue; found 'binanse'; nearest: binance"),
        (["--path", "worst"], "--path: is an unknown path; found 'worst'; allowed: adverse"),
        (["--set", "evry=3"], "no such parameter; found 'evry'; nearest: every"),
        (["--set", "every=3.5"], "Good.every: does not read as a whole number"),
        (["--set", "every"], "--set: is not of the form name=value"),
        (["--rule", "slipage=1"], "--rule slipage: is an unknown key; found 'slipage'; nearest: slippage"),
        (["--rule", "slippage=3"], "--rule slippage: is out of range; found 3.0"),
        (["--rule", "slippage"], "--rule: is not of the form name=value"),
        (["--require", "marks"], "--require: is not a list of what can be required"),
        (["--seed", "3"], "--seed: real candles have no seed"),
        (["--start", "2030-01-01"], "they are from 2025-10-01 00:00 to 2025-10-09 07:00"),
        (["--start", "2025-10-03", "--end", "2025-10-02"], "the range is empty"),
        (["--start", "yesterday"], "start is not a time; found 'yesterday'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_option(refused: Refused, options: list[str], expected: str) -> None:
    assert expected in refused(*options)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--symbols", "FAKE1,BTCUSDT"], "--symbols: the synthetic market has no such symbol; found 'BTCUSDT'"),
        (["--symbols", "FAKE61"], "allowed: FAKE1 to FAKE60"),
        (["--start", "2024-01-02", "--end", "2024-01-01"], "the range is empty"),
        (["--seed", "-1"], "--seed: cannot be used; found -1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_option_of_the_synthetic_market(refused: Refused, options: list[str], expected: str) -> None:
    assert expected in refused(*options, market="synthetic")


# The output folder is looked at before anything runs


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise AssertionError("candles were read before the output folder was checked")

    monkeypatch.setattr("backtester.cli.setting_up.market_of", fail)


@pytest.mark.usefixtures("nothing_runs")
def test_a_folder_that_holds_another_run(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "report.json").write_text("{}")
    said = refused("--out", "run")
    assert "--out: already holds another run; nothing is overwritten; found 'run'" in said
    assert "Name a new folder, or delete this one first" in said
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["report.json"]
    assert "already holds other files" in refused("--out", "good")


@pytest.mark.usefixtures("nothing_runs")
def test_a_folder_that_cannot_be_written(refused: Refused, tmp_path: Path) -> None:
    assert "--out: is a file; found 'my.py'" in refused("--out", "my.py")
    assert "--out: cannot be written" in refused("--out", "my.py/run")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.geteuid() != 0:  # nothing is closed to root
        assert "--out: cannot be written" in refused("--out", "locked/run")


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write to")
def test_a_folder_that_only_seems_writable(refused: Refused) -> None:
    assert "--out: cannot be written" in refused("--out", "/proc/run")


def test_the_demo_does_not_clobber(refused: Refused, tmp_path: Path) -> None:
    assert "already holds other files; nothing is overwritten" in refused("--out", "good", command="demo")
    assert (tmp_path / "good" / "BTCUSDT").is_dir()


def test_a_real_process_says_the_same(backtester: Backtester, tmp_path: Path) -> None:
    folder.put(tmp_path / "bad", trade=spoilt(80, "low", -1.0))
    done = backtester("compare", "breakout", "--market", "bad")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: BTCUSDT: the trade low is not a positive, finite price; ")
    assert done.stderr.count("\n") == 1
