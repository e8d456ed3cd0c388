"""Does a bootstrap that was stopped or killed come to the same numbers, and only with draws that are its own?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtester import Account, Strategy
from backtester.bootstrap import Bootstrap, bootstrap
from backtester.errors import ConfigurationError, MarketDataError
from data import synthetic
from data.locks import locked
from strategies import load

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = Account(leverage=10)


def drawn(folder: Path | None, *, draws: int = 6, **changes: Any) -> Bootstrap:
    account = changes.pop("account", ACCOUNT)
    given: dict[str, Any] = {"seed": 2, "block": 24, "threads": 1, "check": False, "out": folder} | changes
    strategy = given.pop("strategy", None) or load("trend")
    market = given.pop("market", None) or synthetic(240, 2, seed=5)
    return bootstrap(strategy, market, account, draws=draws, **given)


def numbers(folder: Path) -> list[int]:
    """Return the draws in a folder, in the order they were written."""
    parts = sorted((folder / "draws").glob("*.parquet"))
    return pd.concat(map(pd.read_parquet, parts))["draw"].iloc[::4].tolist()  # two modes, two paths


class Stop(Exception):
    pass


def stop_at(most: int) -> Any:
    def progress(done: int, total: int, what: str) -> None:
        if what == "draws" and done == most:
            raise Stop

    return progress


def test_stopped_and_resumed_it_has_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = drawn(None)
    with pytest.raises(Stop):
        drawn(tmp_path, progress=stop_at(3))
    assert numbers(tmp_path) == [0, 1, 2]
    done = []
    from backtester.bootstrap.running import _Runner

    real = _Runner.row
    monkeypatch.setattr(_Runner, "row", lambda self, number: done.append(number) or real(self, number))
    resumed = drawn(tmp_path, resume=True)
    assert done == [3, 4, 5]
    np.testing.assert_array_equal(resumed.values, whole.values)
    assert str(resumed) == str(whole)
    assert sorted(numbers(tmp_path)) == list(range(6))


def test_fewer_and_more_draws_take_what_is_there(tmp_path: Path) -> None:
    drawn(tmp_path, draws=4)
    more, fewer = drawn(tmp_path, draws=6, resume=True), drawn(tmp_path, draws=3, resume=True)
    np.testing.assert_array_equal(more.values, drawn(None, draws=6).values)
    np.testing.assert_array_equal(fewer.values, more.values[:3])
    assert numbers(tmp_path) == list(range(6))
    level = drawn(tmp_path, draws=6, resume=True, level=0.5)  # no draw depends on it
    assert numbers(tmp_path) == list(range(6))
    assert level.band("final_equity", "cross").width < more.band("final_equity", "cross").width


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 3},
        {"block": 12},
        {"account": Account(leverage=20)},
        {"account": Account(leverage=10, rules={"slippage": 0.01})},
        {"account": Account(leverage=10, path="candle")},
        {"market": synthetic(240, 2, seed=6)},
        {"strategy": load("trend", fast=8)},
        {"modes": ("cross",)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_draws_of_something_else_are_set_aside(tmp_path: Path, changes: dict[str, Any]) -> None:
    drawn(tmp_path, draws=2)
    other = drawn(tmp_path, draws=2, resume=True, **changes)
    np.testing.assert_array_equal(other.values, drawn(None, draws=2, **changes).values)
    assert len(list((tmp_path / "earlier").glob("part-*.parquet"))) == 1
    assert len(list((tmp_path / "draws").glob("part-*.parquet"))) == 1


def test_a_folder_is_not_written_to_by_accident(tmp_path: Path) -> None:
    drawn(tmp_path, draws=2)
    with pytest.raises(ConfigurationError, match=r"out: has draws of a bootstrap.*--resume"):
        drawn(tmp_path)
    with locked(tmp_path), pytest.raises(MarketDataError, match="another process"):
        drawn(tmp_path, resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"resume: there is no folder to go on in.*--out DIR"):
        drawn(None, resume=True)
    with pytest.raises(ConfigurationError, match="out: is a file"):
        drawn(tmp_path / "file")


def test_a_strategy_without_a_file_is_refused(tmp_path: Path) -> None:
    names: dict[str, Any] = {"Strategy": Strategy, "__name__": "__nowhere__"}
    sys.modules["__nowhere__"] = type(sys)("__nowhere__")
    exec("class Own(Strategy):\n    def targets(self, market): ...", names)
    with pytest.raises(ConfigurationError, match=r"strategy: its source is in no file; found 'Own'"):
        drawn(tmp_path, strategy=names["Own"]())
    del sys.modules["__nowhere__"]


def test_few_draws_wait_at_a_time_whatever_their_number() -> None:
    """What is handed out is a few for each thread, and each thing is given on when it was its turn."""
    from backtester.bootstrap.running import in_turn

    handed: list[int] = []

    class Pool(ThreadPoolExecutor):
        def submit(self, *arguments: Any, **options: Any) -> Any:
            handed.append(arguments[1])
            return super().submit(*arguments, **options)

    with Pool(2) as pool:
        coming = in_turn(pool, lambda number: np.full(1, 2.0 * number), iter(range(1_000)), ahead=8)
        for number in range(1_000):
            first, row = next(coming)
            assert (first, row[0]) == (number, 2.0 * number)
            assert len(handed) <= number + 8
    assert handed == list(range(1_000))
    assert drawn(None, draws=20, threads=2).values.tobytes() == drawn(None, draws=20, threads=1).values.tobytes()


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
def test_killed_in_the_middle_and_resumed_it_says_the_same(tmp_path: Path) -> None:
    options = ["grid_reversion", "--market", "synthetic", "--symbols", "FAKE1,FAKE2", "--end", "2024-02-01"]
    options += ["--draws", "150", "--threads", "1", "--json"]

    def started(*more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", "from backtester.cli import main; main()", "bootstrap", *options, *more]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True)

    killed = started("--out", "kept")
    while not list((tmp_path / "kept" / "draws").glob("part-*.parquet")):
        assert killed.poll() is None, killed.communicate()
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert 0 < len(numbers(tmp_path / "kept")) < 150
    resumed, whole = started("--out", "kept", "--resume").communicate(), started().communicate()
    assert resumed[0].partition('"strategy"')[2] == whole[0].partition('"strategy"')[2] != ""
    assert sorted(numbers(tmp_path / "kept")) == list(range(150))
    assert not list((tmp_path / "kept" / "draws").glob(".*"))
