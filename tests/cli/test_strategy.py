"""`backtester strategy`: check, new and list, in a real process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import strategies
from backtester.checking.run import CHECKS
from backtester.cli.new_strategy import write_strategy
from backtester.errors import ConfigurationError
from tests.cli.candle_folder import STRATEGIES, good

Backtester = Callable[..., CompletedProcess[str]]
SHORT = ("--market", "synthetic", "--end", "2024-01-20")


def test_a_new_strategy_passes_the_check_and_runs(backtester: Backtester, tmp_path: Path) -> None:
    made = backtester("strategy", "new", "my_idea", "--folder", "mine")
    assert made.returncode == 0
    assert "mine/my_idea.py holds the class MyIdea" in made.stdout
    commands = [line.split()[1:] for line in made.stdout.splitlines() if line.startswith("  backtester ")]
    checked, compared = (backtester(*command) for command in commands)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert f"\n{len(CHECKS)} passed\n" in checked.stdout
    assert compared.returncode == 0
    assert "MyIdea(fast=12, slow=48, exposure=2, stop_ranges=3): isolated against cross" in compared.stdout


def test_a_new_strategy_that_is_called_at_every_bar_does_too(backtester: Backtester) -> None:
    made = backtester("strategy", "new", "my_idea", "--on-bar")
    assert made.returncode == 0
    commands = [line.split()[1:] for line in made.stdout.splitlines() if line.startswith("  backtester ")]
    checked, compared = (backtester(*command) for command in commands)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert f"\n{len(CHECKS)} passed\n" in checked.stdout
    assert compared.returncode == 0
    assert "MyIdea(fast=12, slow=48, exposure=2, stop_ranges=3, alarm=0.5): isolated against cross" in compared.stdout


def test_nothing_is_written_over(backtester: Backtester, tmp_path: Path) -> None:
    (tmp_path / "my_idea.py").write_text("precious")
    done = backtester("strategy", "new", "MyIdea")
    assert done.returncode == 2
    assert done.stderr.startswith("error: NAME: there is a file my_idea.py already; found 'MyIdea'. Give another name")
    assert (tmp_path / "my_idea.py").read_text() == "precious"


@pytest.mark.parametrize(
    ("name", "stem", "cls"),
    [
        ("my idea", "my_idea", "MyIdea"),
        ("my-idea", "my_idea", "MyIdea"),
        ("MyIdea", "my_idea", "MyIdea"),
        ("EMACross2", "ema_cross2", "EmaCross2"),
        ("grid", "grid", "Grid"),
    ],
)
def test_names_of_files_and_classes(tmp_path: Path, name: str, stem: str, cls: str) -> None:
    path, made = write_strategy(name, tmp_path / "new" / "folder")
    assert (path.name, made) == (f"{stem}.py", cls)
    assert type(strategies.load(f"{path}:{cls}")).__name__ == cls


@pytest.mark.parametrize("name", ["", "2nd", "a/b", "../up", "class", "data", "strategies", "Strategy", "numéro", "_"])
def test_names_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="NAME: cannot be the name of a strategy; found"):
        write_strategy(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_failed_check_says_where_and_how_to_mend_it(backtester: Backtester, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(STRATEGIES)
    done = backtester("strategy", "check", "mine.py:Peeks", *SHORT)
    assert done.returncode == 1
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("  FAILED  no look-ahead"))
    assert "it looks into the future: notional changes" in line
    words = " ".join(done.stdout.split())
    assert "Cure: use only bars up to the one decided on: shift(1) and not shift(-1)" in words
    assert " failed" in done.stdout.splitlines()[-1]


def test_a_strategy_that_raises(backtester: Backtester, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(STRATEGIES)
    done = backtester("strategy", "check", "mine.py:Raises", *SHORT, "--json")
    assert (done.returncode, done.stderr) == (1, "")
    said = json.loads(done.stdout)
    assert (said["passed"], said["strategy"], said["instruments"]) == (False, "Raises()", 6)
    first, *others = said["checks"]
    assert (first["check"], first["passed"]) == ("runs", False)
    assert "raised IndexError in" in first["said"]
    assert {check["passed"] for check in others} == {None}


def test_a_gallery_strategy_on_candles(backtester: Backtester, tmp_path: Path) -> None:
    good(tmp_path / "candles")
    done = backtester("strategy", "check", "trend", "--market", "candles", "--set", "slow=30", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["passed"] is True
    assert "slow=30" in said["strategy"]
    assert [check["check"] for check in said["checks"]] == list(CHECKS)
    assert (said["instruments"], said["bars"]) == (2, 200)


def test_what_the_author_prints_is_no_report(backtester: Backtester, tmp_path: Path) -> None:
    noisy = STRATEGIES.replace("        on = ", "        print('hello')\n        on = ")
    (tmp_path / "mine.py").write_text(noisy)
    done = backtester("strategy", "check", "mine.py:Good", *SHORT, "--json")
    assert "hello" in done.stderr
    json.loads(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("breakuot",), "STRATEGY: no such strategy; found 'breakuot'; nearest: breakout"),
        (("breakout", "--set", "chanel=3"), "parameters of Breakout: no such parameter; found 'chanel'"),
        (("breakout", "--market", "nowhere"), "nowhere"),
    ],
)
def test_bad_input(backtester: Backtester, arguments: tuple[str, ...], said: str) -> None:
    done = backtester("strategy", "check", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_list_shows_every_strategy_with_its_question(backtester: Backtester) -> None:
    shown = backtester("strategy", "list").stdout
    rows = json.loads(backtester("strategy", "list", "--json").stdout)
    assert [row["name"] for row in rows] == list(strategies.gallery())
    words = " ".join(shown.split())
    for row in rows:
        assert f"\n{row['name']}\n" in f"\n{shown}"
        assert f"Asks: {row['question']}" in words
        for parameter in row["parameters"]:
            assert f" {parameter['name']}=" in words
            assert parameter["meaning"] in words
    (fast,) = (p for row in rows if row["name"] == "trend" for p in row["parameters"] if p["name"] == "fast")
    assert fast == {
        "name": "fast",
        "type": "int",
        "default": 24,
        "unit": "bars",
        "meaning": "length of the fast average",
    }
