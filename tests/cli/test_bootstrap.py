"""Does `backtester bootstrap` print and write what it found, and does docs/bootstrap.md run as it stands?"""

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
RUN = ("bootstrap", "breakout", "--market", "synthetic", "--symbols", "FAKE1,FAKE2", "--end", "2024-02-01")
FEW = ("--draws", "6", "--threads", "1", "--block", "24")


def test_the_page_runs_and_its_outputs_are_real(
    backtester: Backtester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = (line for line in command_lines("docs/bootstrap.md") if line[1] == "bootstrap" and len(line) > 2)
    done = backtester(*line[1:], "--threads", "1")
    assert done.returncode == 0, done.stderr
    for block in blocks("docs/bootstrap.md", "text"):
        assert words(block) in words(done.stdout)
    monkeypatch.chdir(tmp_path)
    for listing in blocks("docs/bootstrap.md", "python"):
        exec(compile(listing, "docs/bootstrap.md", "exec"), {"__name__": "page"})


def test_json_and_files_hold_every_draw(backtester: Backtester, tmp_path: Path) -> None:
    done = backtester(*RUN, *FEW, "--json", "--draw-seed", "9")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["draws"], told["seed"], told["block"], told["block_chosen_from_data"]) == (6, 9, 24, False)
    assert told["configuration"]["made_by"] == "backtester bootstrap"
    done = backtester(*RUN, *FEW, "--draw-seed", "9", "--export", "draws.parquet", "--picture", "draws.svg")
    assert done.stdout == "24 rows: draws.parquet\ndraws.svg\n"
    table = pd.read_parquet(tmp_path / "draws.parquet")
    cross = table[(table["mode"] == "cross") & (table["path"] == "adverse")]["final_equity"]
    assert cross.median() == pytest.approx(told["bands"]["cross"]["final_equity"]["median"])
    assert set(table["seed"]) == {9}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["draws.parquet", "draws.svg"]
    assert is_picture(tmp_path / "draws.svg")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--draws", "1"), "error: --draws: is out of range; found 1"),
        (("--block", "0.2"), "error: --block: is out of range; found 0.2"),
        (("--level", "1"), "error: --level: is out of range"),
        (("--floor", "2"), "error: --floor: is out of range"),
        (("--threads", "0"), "error: --threads: is out of range"),
        (("--draw-seed", "-1"), "error: --draw-seed: is out of range; found -1"),
        (("--export", "draws.txt"), "error: --export: has no known ending"),
        (("--picture", "draws.gif"), "error: --picture: is no picture's name"),
        (("--venue", "binance,bybit"), "error: --venue: names several venues, and bootstrap runs at one"),
    ],
)
def test_bad_input_is_one_message(backtester: Backtester, options: tuple[str, ...], said: str) -> None:
    done = backtester(*RUN, *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
