"""Does `backtester walk-forward` print, draw and write what it found, and does its page run as it stands?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import pytest

from tests.cli.picture_files import is_picture
from tests.cli.test_compare import in_terminal
from tests.cli.test_data_page import words
from tests.cli.test_readme import blocks, command_lines

Backtester = Callable[..., CompletedProcess[str]]
CHOSEN_FROM = "\nThe runs that were chosen from: backtester results out/walk\n"
PLAN = """
strategy = "breakout"
params.channel = [24, 48]
market = "synthetic"
symbols = "FAKE1,FAKE2"
period = { end = 2024-02-15 }

[walk_forward]
train = "20d"
test = "10d"
"""


@pytest.fixture
def plan(tmp_path: Path) -> str:
    (tmp_path / "plan.toml").write_text(PLAN)
    return "plan.toml"


def test_the_page_runs_and_its_outputs_are_real(
    backtester: Backtester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (listing,) = blocks("docs/walk-forward.md", "toml")
    (tmp_path / "grid.toml").write_text(listing)
    printed = []
    for line in command_lines("docs/walk-forward.md"):
        if "grid.toml" in line or ("results" in line and "DIR" not in line):
            done = backtester(*line[1:])
            assert done.returncode == 0, done.stderr
            printed.append(done.stdout)
    shown, kept, resumed, groups = printed
    assert resumed == kept == shown.removesuffix("grid.png\n") + CHOSEN_FROM
    assert len(groups.splitlines()) == 5 + 3 * 2
    for block in blocks("docs/walk-forward.md", "text"):
        assert words(block) in words(shown)
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.chdir(tmp_path)
    for code in blocks("docs/walk-forward.md", "python"):
        exec(compile(code, "docs/walk-forward.md", "exec"), {"__name__": "page"})


def test_json_and_files_hold_every_window_and_mode(backtester: Backtester, plan: str, tmp_path: Path) -> None:
    done = backtester("walk-forward", plan, "--json", "--picture", "walk.png")
    assert (done.returncode, done.stderr) == (0, "walk.png\n")
    told = json.loads(done.stdout)
    assert [(row["window"], row["mode"]) for row in told["windows"]] == [
        (1, "isolated"), (1, "cross"), (2, "isolated"), (2, "cross"),
    ]  # fmt: skip
    assert told["windows"][0]["test_start"] == "2024-01-21 00:00"
    assert told["windows"][1]["params.channel"] in (24, 48)
    assert told["objectives"]["cross"] == {"measure": "sharpe", "of": "cross", "aim": "most"}
    done = backtester("walk-forward", plan, "--export", "windows.csv", "--picture", "walk.pdf")
    assert done.stdout == "4 rows: windows.csv\nwalk.pdf\n"
    table = pd.read_csv(tmp_path / "windows.csv")
    assert table["final_equity"].tolist() == pytest.approx([row["final_equity"] for row in told["windows"]])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan.toml", "walk.pdf", "walk.png", "windows.csv"]
    assert is_picture(tmp_path / "walk.pdf") and is_picture(tmp_path / "walk.png")


def test_a_terminal_shows_tables(plan: str, tmp_path: Path) -> None:
    shown = in_terminal(tmp_path, "walk-forward", plan)
    assert "walk-forward efficiency" in shown
    assert "channel" in shown and "2024-01-21  isolated" in " ".join(shown.split("\n"))


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ('train = "20d"', (), 'train = "x"'),
        ("", ("--export", "rows.xlsx"), "error: --export: has no known ending"),
        ("", ("--picture", "walk.gif"), "error: --picture: is no picture's name"),
        ("", ("--workers", "0"), "error: --workers: cannot be used"),
        ("", ("--engine", "dusk"), "error: --engine: is no engine"),
        ("", ("--resume",), "error: --resume: there is no folder to go on in"),
        ("[walk_forward]", (), "error: plan.toml: the plan: has no table [walk_forward]"),
    ],
)
def test_bad_input_is_one_message(
    backtester: Backtester, plan: str, tmp_path: Path, change: str, options: tuple[str, ...], said: str
) -> None:
    content = PLAN.partition("[walk_forward]")[0] if change.startswith("[") else PLAN
    if said.startswith("train"):
        content, said = PLAN.replace(change, said), "error: plan.toml: walk_forward.train: is no length of time"
    (tmp_path / plan).write_text(content)
    done = backtester("walk-forward", plan, *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
