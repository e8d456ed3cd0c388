"""Does `backtester optimise` find and show, go on after a kill as if nothing had been, and does its page run?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import pytest

from backtester.batch import read_runs
from backtester.batch.store import parts_of
from tests.cli.conftest import ROOT
from tests.cli.test_data_page import words
from tests.cli.test_readme import blocks, command_lines

pytest.importorskip("optuna", reason="optuna is not installed")

Backtester = Callable[..., CompletedProcess[str]]
PLAN = """
strategy = "breakout"
market = "synthetic"
symbols = "FAKE1,FAKE2"
period = { end = 2024-02-01 }

[optimise]
of = "difference"
measure = "max_drawdown_in_bars"
trials = 6

[optimise.space]
params.channel = { from = 12, to = 72 }
leverage = { from = 2, to = 20 }
"""


@pytest.fixture
def plan(tmp_path: Path) -> str:
    (tmp_path / "plan.toml").write_text(PLAN)
    return "plan.toml"


def test_the_page_runs_and_its_outputs_are_real(
    backtester: Backtester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (listing,) = blocks("docs/optimise.md", "toml")
    (tmp_path / "search.toml").write_text(listing)
    lines = [line for line in command_lines("docs/optimise.md") if "search.toml" in line]
    printed = []
    for line in lines:
        done = backtester(*line[1:])
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    assert len(printed) == 2
    for block in blocks("docs/optimise.md", "text"):
        assert words(block) in words("\n".join(printed))
    monkeypatch.chdir(tmp_path)
    for code in blocks("docs/optimise.md", "python"):
        exec(compile(code, "docs/optimise.md", "exec"), {"__name__": "page"})


def test_json_and_files_hold_every_trial(backtester: Backtester, plan: str, tmp_path: Path) -> None:
    done = backtester("optimise", plan, "--json", "--seed", 5)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (len(told["trials"]), told["seed"]) == (6, 5)
    assert told["best"]["value"] == min(trial["objective"] for trial in told["trials"])
    assert told["objective"] == {"measure": "max_drawdown_in_bars", "of": "difference", "aim": "least"}
    done = backtester("optimise", plan, "--resume", "--seed", 5, "--export", "trials.csv")
    assert done.stdout == "6 rows: trials.csv\n"
    assert pd.read_csv(tmp_path / "trials.csv")["objective"].min() == pytest.approx(told["best"]["value"])


def test_a_search_that_was_killed_goes_on_to_the_same_rows(backtester: Backtester, plan: str, tmp_path: Path) -> None:
    (tmp_path / plan).write_text(PLAN.replace("trials = 6", "trials = 150"))
    code = "from backtester.cli import main; main()"
    command = [sys.executable, "-c", code, "optimise", plan, "--out", "killed"]
    process = subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)})
    while not parts_of(tmp_path / "killed") and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = len(read_runs(tmp_path / "killed"))
    assert 0 < before < 300
    assert backtester("optimise", plan, "--out", "killed", "--resume").returncode == 0
    assert backtester("optimise", plan, "--out", "whole").returncode == 0
    pd.testing.assert_frame_equal(read_runs(tmp_path / "killed"), read_runs(tmp_path / "whole"), check_exact=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--trials", "0"), "error: --trials: is out of range; found 0"),
        (("--seed", "-1"), "error: --seed: is out of range; found -1"),
        (("--export", "rows.xlsx"), "error: --export: has no known ending"),
        (("--out", "plan.toml"), "error: --out: is a file"),
    ],
)
def test_bad_input_is_one_message(backtester: Backtester, plan: str, options: tuple[str, ...], said: str) -> None:
    done = backtester("optimise", plan, *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
