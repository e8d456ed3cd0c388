"""Does `backtester stress` show, print and write what shocks do, and does docs/stress.md run as it stands?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import pytest

from tests.cli.picture_files import is_picture
from tests.cli.test_data_page import words
from tests.cli.test_readme import blocks, command_lines

Backtester = Callable[..., CompletedProcess[str]]
RUN = ("stress", "breakout", "--market", "synthetic", "--symbols", "FAKE1,FAKE2", "--end", "2024-02-01")


def test_the_page_runs_and_its_outputs_are_real(
    backtester: Backtester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line for line in command_lines("docs/stress.md") if line[1] == "stress" and len(line) > 2]
    assert len(lines) == 2
    printed = []
    for line in lines:
        done = backtester(*line[1:])
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    for block in blocks("docs/stress.md", "text"):
        assert words(block) in words("\n".join(printed))
    monkeypatch.chdir(tmp_path)
    for listing in blocks("docs/stress.md", "python"):
        exec(compile(listing, "docs/stress.md", "exec"), {"__name__": "page"})


def test_json_and_files_hold_every_shock_and_mode(backtester: Backtester, tmp_path: Path) -> None:
    shocks = ("--shock", "gap:-0.2@50%", "--shock", "outage:3@2024-01-20")
    done = backtester(*RUN, *shocks, "--json", "--modes", "cross")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert list(told["comparisons"]) == ["none", "gap:-0.2@50%", "outage:3@2024-01-20T00:00"]
    assert told["configuration"]["made_by"] == "backtester stress"
    assert told["configuration"]["account"]["modes"] == ["cross"]
    done = backtester(*RUN, *shocks, "--export", "stress.csv", "--picture", "stress.pdf")
    assert done.stdout == "6 rows: stress.csv\nstress.pdf\n"
    table = pd.read_csv(tmp_path / "stress.csv")
    cross = table[(table["shock"] == "gap:-0.2@50%") & (table["mode"] == "cross")]["final_equity"].item()
    assert cross == pytest.approx(told["comparisons"]["gap:-0.2@50%"]["metrics"]["final_equity"]["cross"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stress.csv", "stress.pdf"]
    assert is_picture(tmp_path / "stress.pdf")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--shock", "gap:-2@50%"), "error: --shock gap.change: is out of range; found -2"),
        (("--shock", "gap:-0.2@1999-01-01"), "error: --shock gap.at: is not inside the market"),
        (("--shock", "gap:-0.2@50%", "--export", "rows.xlsx"), "error: --export: has no known ending"),
        (("--shock", "gap:-0.2@50%", "--picture", "ends.gif"), "error: --picture: is no picture's name"),
        (("--shock", "gap:-0.2@50%", "--venue", "binance,bybit"), "error: --venue: names several venues"),
        ((), "Missing option '--shock'"),
    ],
)
def test_bad_input_is_one_message(backtester: Backtester, options: tuple[str, ...], said: str) -> None:
    done = backtester(*RUN, *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
