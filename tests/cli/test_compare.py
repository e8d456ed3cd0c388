"""Does `backtester compare` show, print and write the comparison, in a real process?"""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pandas as pd
import pytest

from backtester import Account, compare
from backtester.asking.loading import load_class
from data import load
from tests.cli import candle_folder as folder

ROOT = Path(__file__).resolve().parents[2]
Backtester = Callable[..., CompletedProcess[str]]
HEAVY = {"numpy", "pandas", "numba", "matplotlib", "pyarrow", "rich", "jinja2"}
CODE = "import sys; sys.argv[0] = 'backtester'; from backtester.cli import main; main()"


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with candles and strategies."""
    place = tmp_path_factory.mktemp("compare")
    folder.good(place / "candles")
    (place / "my.py").write_text(folder.STRATEGIES)
    return place


OPTIONS = ("--symbols", "BTC/USDT:USDT,ETHUSDT", "--leverage", "20", "--start", "2025-10-02", "--set", "every=12")


@pytest.fixture(scope="session")
def written(place: Path) -> CompletedProcess[str]:
    """Return a run that wrote the folder ``run`` and printed plain text."""
    arguments = (
        "compare",
        "my.py:Good",
        "--market",
        "candles",
        *OPTIONS,
        "--out",
        "out/run",
        "--rule",
        "slippage=0.001",
    )
    command = [sys.executable, "-c", CODE, *arguments]
    return subprocess.run(command, cwd=place, env=environment(), capture_output=True, text=True, timeout=180)


def expected(place: Path) -> Any:
    """Return the same comparison made in Python."""
    market = load(place / "candles", ["BTC/USDT:USDT", "ETHUSDT"], "1h", start="2025-10-02")
    account = Account(balance=10_000, leverage=20, rules={"slippage": 0.001})
    return compare(load_class(f"{place / 'my.py'}:Good")(every=12), market, account)


def test_it_prints_the_report_and_the_page(written: CompletedProcess[str], place: Path) -> None:
    assert written.returncode == 0
    assert written.stderr == ""  # no progress where there is no terminal
    report, _, page = written.stdout.rstrip("\n").rpartition("\n\nThe report is in\n")
    assert report == str(expected(place))
    assert page == os.path.join("out", "run", "report.html")
    assert "SYNTHETIC" not in report


def test_it_writes_what_was_run(written: CompletedProcess[str], place: Path) -> None:
    configuration = json.loads((place / "out" / "run" / "configuration.json").read_text())
    assert configuration["strategy"] == {
        "name": "my.py:Good",
        "class": "Good",
        "parameters": {"every": 12, "notional": 4_000.0},
    }
    market, account = configuration["market"], configuration["account"]
    assert market["symbols"] == ["BTC/USDT:USDT", "ETHUSDT"]
    assert (market["start"], market["end"]) == ("2025-10-02 00:00", "2025-10-09 08:00")
    assert (market["bars"], market["timeframe"], market["synthetic"], market["seed"]) == (176, "1h", False, None)
    assert market["trade_price_as_mark"] == []
    assert (account["balance"], account["leverage"], account["venue"]) == (10_000.0, 20.0, "generic")
    assert account["modes"] == ["isolated", "cross"]
    assert account["rules"]["slippage"] == 0.001
    assert account["rules"]["mm_basis"] == "mark"  # also what was left at its default
    assert configuration["command"].startswith("backtester compare my.py:Good --market candles --symbols ")


def test_the_command_at_the_end_of_the_report_gives_the_same_numbers(
    written: CompletedProcess[str], place: Path
) -> None:
    report = json.loads((place / "out" / "run" / "report.json").read_text())
    assert html.escape(report["repeat"]) in (place / "out" / "run" / "report.html").read_text()
    assert report["repeat"] in (place / "out" / "run" / "report.md").read_text()
    command = [sys.executable, "-c", CODE, *shlex.split(report["repeat"])[1:], "--json"]
    done = subprocess.run(command, cwd=place, env=environment(), capture_output=True, text=True, timeout=180)
    again = json.loads(done.stdout)
    same = ("metrics", "band", "attribution", "contagion", "isolation", "partings", "verdict", "notes", "data")
    assert {key: again[key] for key in same} == {key: report[key] for key in same}


def test_it_writes_results_charts_and_a_page(written: CompletedProcess[str], place: Path) -> None:
    run = place / "out" / "run"
    charts = {file.name for file in (run / "charts").iterdir()}
    for name in ("equity", "underwater", "liquidations", "margin-ratio"):
        assert {f"{name}.png", f"{name}.svg"} <= charts
    frame = pd.read_parquet(run / "equity.parquet")
    assert frame.groupby("mode", observed=True).size().to_dict() == {"isolated": 176, "cross": 176}
    metrics = json.loads((run / "report.json").read_text())
    assert metrics["metrics"]["final_equity"]["cross"] == frame[frame["mode"] == "cross"]["equity"].iloc[-1]
    page = (run / "report.html").read_text()
    assert "charts/equity.svg" in page
    assert "configuration.json" in page


def test_the_same_folder_is_refused(written: CompletedProcess[str], place: Path, backtester: Backtester) -> None:
    assert written.returncode == 0
    before = sorted(place.rglob("*"))
    out = place / "out" / "run"
    done = backtester("compare", f"{place / 'my.py'}:Good", "--market", place / "candles", "--out", out)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--out: already holds another run" in done.stderr
    assert sorted(place.rglob("*")) == before


def test_json_alone_is_printed(backtester: Backtester) -> None:
    options = ("--symbols", "FAKE2,fake1usdt", "--end", "2024-01-20", "--modes", "cross", "--seed", "3")
    done = backtester("compare", "HedgedPair", "--market", "synthetic", *options, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert said["synthetic"] is True
    assert said["modes"] == ["cross"]
    assert said["report"] is None
    assert list(said["metrics"]["final_equity"]) == ["cross"]
    assert said["configuration"]["market"]["symbols"] == ["FAKE2/USDT:USDT", "FAKE1/USDT:USDT"]
    assert (said["configuration"]["market"]["seed"], said["configuration"]["market"]["bars"]) == (3, 19 * 24)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_gets_progress_and_tables(place: Path) -> None:
    shown = in_terminal(place, "compare", "my.py:Good", "--market", "candles", "--leverage", "20")
    assert "reading candles" in shown
    assert re.search(r"isolated, adverse|cross, adverse", shown)
    assert "final equity [USDT]" in shown
    assert "\u2500" * 20 in shown  # rich's rules, not the dashes of plain text
    assert "Traceback" not in shown


def in_terminal(place: Path, *arguments: str) -> str:
    """Run a command whose outputs are a terminal, and return all it wrote there, without colours."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    settings = environment() | {"TERM": "xterm"}
    for name in ("COLUMNS", "CI", "PYTEST_VERSION"):
        settings.pop(name, None)
    command = [sys.executable, "-c", CODE, *arguments]
    process = subprocess.Popen(command, cwd=place, env=settings, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # Linux says that the other side is closed like this
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())


# The help


@pytest.mark.parametrize("command", ["compare", "demo"])
def test_help_imports_nothing_heavy(backtester: Backtester, command: str) -> None:
    done = backtester(command, "--help", python=("-X", "importtime"))
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert not imported & HEAVY


def test_help_names_the_options(backtester: Backtester) -> None:
    said = backtester("compare", "--help").stdout
    plain = "--symbols --timeframe --start --end --balance --leverage --venue --modes --path --simulation-timeframe"
    for option in [
        *plain.split(),
        "--json",
        "--leverages A,B",
        "--draws N",
        "--draw-seed N",
        "--close-ups N",
        "--market FOLDER|synthetic",
        "--set name=value",
        "--rule name=value",
        "--out DIR",
    ]:
        assert option in said


def test_an_infinite_parameter_is_json_too(backtester: Backtester) -> None:
    options = ("--end", "2024-01-05", "--symbols", "FAKE1,FAKE2", "--set", "enter=inf")
    done = backtester("compare", "hedged_pair", "--market", "synthetic", *options, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["configuration"]["strategy"]["parameters"]["enter"] == "inf"


def test_a_parameter_that_is_no_number_is_refused(backtester: Backtester) -> None:
    done = backtester("compare", "hedged_pair", "--market", "synthetic", "--set", "enter=nan")
    assert done.returncode == 2
    assert done.stderr.startswith("error: HedgedPair.enter: must be a number (float); found nan.")


def test_what_a_strategy_prints_does_not_spoil_the_json(backtester: Backtester, tmp_path: Path) -> None:
    talks = "from backtester import Strategy, Targets\nclass Talks(Strategy):\n    def targets(self, market):\n"
    (tmp_path / "talks.py").write_text(talks + "        print('hello')\n        return Targets(notional=1000)\n")
    options = ("--market", "synthetic", "--end", "2024-01-05", "--symbols", "FAKE1", "--json")
    done = backtester("compare", "talks.py", *options)
    assert json.loads(done.stdout)["strategy"] == "Talks()"
    assert "hello" in done.stderr


def test_draws_give_the_differences_intervals(backtester: Backtester, tmp_path: Path) -> None:
    options = ("--market", "synthetic", "--end", "2024-01-12", "--symbols", "FAKE1,FAKE2", "--draws", "6")
    done = backtester("compare", "grid_reversion", *options, "--draw-seed", "4", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)["sampling"]
    assert (said["draws"], said["seed"]) == (6, 4)
    assert said["intervals"]["final_equity"]["low"] <= said["intervals"]["final_equity"]["high"]
    out = tmp_path / "run"
    plain = backtester("compare", "grid_reversion", *options, "--close-ups", "1", "--out", out)
    assert "6 draws" in plain.stdout
    assert (out / "charts" / "ruin.svg").is_file()
    assert len(list(out.glob("charts/close-up-*.png"))) <= 2


@pytest.mark.parametrize("accounts", [("--venue", "okx,kraken"), ("--leverages", "5,20")])
def test_draws_give_the_differences_of_accounts_intervals(
    backtester: Backtester, tmp_path: Path, accounts: tuple[str, str]
) -> None:
    options = ("--market", "synthetic", "--end", "2024-01-12", "--symbols", "FAKE1,FAKE2", "--draws", "6", *accounts)
    done = backtester("compare", "grid_reversion", *options, "--close-ups", "0", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "Each account less the first" in done.stdout
    assert "--draws says" not in done.stdout
    page = (tmp_path / "run" / "report.html").read_text()
    said = json.loads((tmp_path / "run" / "report.json").read_text())
    band = next(each for each in said["intervals"] if each["account"][1] == "cross")["final_equity"]
    assert band["low"] <= band["median"] <= band["high"]
    assert page.count("inner 95 % of 6 draws") == 1
    assert "Each account less the first" in (tmp_path / "run" / "report.md").read_text()


def test_one_draw_is_too_few(backtester: Backtester) -> None:
    done = backtester("compare", "grid_reversion", "--market", "synthetic", "--end", "2024-01-05", "--draws", "1")
    assert done.returncode == 2
    assert done.stderr == "error: --draws: is out of range; found 1; allowed: 2 to 10000000, markets to draw\n"


def test_several_leverages_are_compared_in_one_table(backtester: Backtester) -> None:
    options = ("--market", "synthetic", "--end", "2024-01-08", "--symbols", "FAKE1,FAKE2", "--leverages", "5, 20")
    done = backtester("compare", "grid_reversion", *options, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["leverages"] == ["5x", "20x"]
    assert said["configuration"]["account"]["leverage"] == [5.0, 20.0]
    alone = json.loads(backtester("compare", "grid_reversion", *options[:-2], "--leverage", "5", "--json").stdout)
    assert said["comparisons"]["5x"]["metrics"] == alone["metrics"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--leverages", "5,x"), "error: --leverages: is no list of numbers; found '5,x'. Write --leverages 5,10"),
        (("--leverages", "5,5.0"), "error: --leverages: a leverage is named twice; found '5x'. Name each once.\n"),
        (("--leverages", "5,10", "--venue", "okx,kraken"), "error: --venue: names several venues, and compare --lever"),
    ],
)
def test_leverages_that_cannot_be_compared(backtester: Backtester, options: tuple[str, ...], said: str) -> None:
    done = backtester("compare", "grid_reversion", "--market", "synthetic", "--end", "2024-01-05", *options)
    assert done.returncode == 2
    assert done.stderr.startswith(said)
