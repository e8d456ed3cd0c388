"""Are isolated positions and the shares of sub-accounts axes of a plan, with the numbers of `compare`?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backtester import Account, compare
from backtester.batch import plan_of, read_runs, run_plan
from backtester.errors import ConfigurationError
from data import synthetic
from strategies import load
from tests.batch.small import PERIOD, plan_with
from tests.cli.candle_folder import put

PLAIN: dict[str, Any] = {
    "strategy": "grid_reversion",
    "params": {"exposure": 6},
    "market": "synthetic",
    "symbols": "FAKE1,FAKE2,FAKE3",
    "period": PERIOD,
    "leverage": 20,
}
FAKE1, FAKE2, FAKE3 = "FAKE1/USDT:USDT", "FAKE2/USDT:USDT", "FAKE3/USDT:USDT"


def compared(mode: str, **account: Any) -> float:
    market = synthetic(240, 6).select([FAKE1, FAKE2, FAKE3])
    strategy = load("grid_reversion", exposure=6)
    found = compare(strategy, market, Account(leverage=20, **account), [mode]).metrics
    return float(found.at["final_equity", mode])


def test_which_positions_are_isolated_is_an_axis(tmp_path: Path) -> None:
    plan = PLAIN | {"mode": ["isolated", "cross", "mixed"], "isolated": ["FAKE1", "FAKE2USDT, FAKE3"]}
    assert run_plan(plan, tmp_path, workers=1).done == 2 + 2  # isolated and cross come once
    rows = read_runs(tmp_path).set_index(["isolated", "mode"])["final_equity"]
    assert rows["FAKE1", "mixed"] == compared("mixed", isolated=(FAKE1,))
    assert rows["FAKE2USDT,FAKE3", "mixed"] == compared("mixed", isolated=(FAKE2, FAKE3))
    assert [rows["", mode] for mode in ("isolated", "cross")] == [compared("isolated"), compared("cross")]
    assert rows.nunique() == 4


def test_what_each_position_is_allotted_is_an_axis(tmp_path: Path) -> None:
    one, two = {"FAKE1": 0.25, "FAKE2": 0.25, "FAKE3": 0.5}, {"FAKE1": 0.5, "FAKE2": 0.125}
    plan = PLAIN | {"mode": ["cross", "sub_accounts"], "shares": [one, two], "isolated": ["", "FAKE3"]}
    outcome = run_plan(plan, tmp_path, workers=2)
    assert (outcome.done, outcome.failed) == (5, 0)
    rows = read_runs(tmp_path).set_index(["isolated", "shares", "mode"])["final_equity"]
    known = {FAKE1: 0.5, FAKE2: 0.125}
    second = "FAKE1=0.5,FAKE2=0.125"
    assert rows["", second, "sub_accounts"] == compared("sub_accounts", shares=known)
    assert rows["FAKE3", second, "sub_accounts"] == compared("sub_accounts", shares=known, isolated=(FAKE3,))
    assert rows["", "", "cross"] == compared("cross")
    assert rows.nunique() >= 4


def test_a_strategy_of_such_a_plan_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from strategies.grid_reversion import GridReversion

    asked = []
    real = GridReversion.targets
    monkeypatch.setattr(GridReversion, "targets", lambda self, market: asked.append(1) or real(self, market))
    plan = PLAIN | {"mode": ["isolated", "cross", "mixed"], "isolated": ["FAKE1", "FAKE2"], "check": False}
    assert run_plan(plan, tmp_path, workers=1).done == 4
    assert len(asked) == 1


def test_names_that_nothing_has_are_rows_with_their_error(tmp_path: Path) -> None:
    plan = PLAIN | {"mode": ["mixed", "sub_accounts"], "isolated": ["FAKE9", "FAKE1"], "shares": {"GridReversion": 0.5}}
    assert run_plan(plan, tmp_path, workers=1).failed == 2
    error = read_runs(tmp_path).set_index(["isolated", "mode"])["error"]
    assert error["FAKE9"].str.contains("account.isolated: names no slot, strategy or symbol; found 'FAKE9'").all()
    assert error["FAKE1"].isna().all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"isolated": "FAKE1"}, "isolated: acts on modes mixed and sub_accounts only; found 'FAKE1'. Add mode mixed"),
        ({"isolated": "FAKE1,,FAKE2", "mode": "mixed"}, "isolated: has a name that is empty"),
        ({"shares": {"FAKE1": 0.5}, "mode": "mixed"}, "shares: acts on mode sub_accounts only"),
        ({"shares": "FAKE1", "mode": "sub_accounts"}, "shares: is no table of shares; found 'FAKE1'"),
        ({"shares": [{"FAKE1": 2}]}, "shares[0]: account.shares.FAKE1: is not a share; found 2"),
        ({"shares": [{"A": 0.75, "B": 0.5}]}, "shares[0]: account.shares: sum to more than 1"),
        ({"shares": [{"A": 0.5}, {"A": 0.5}]}, "shares[1]: is named twice"),
    ],
)
def test_slips_are_said_with_their_key(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        plan_of(plan_with(**changes))
    assert words in str(error.value)


def test_a_strict_plan_refuses_data_with_gaps(tmp_path: Path) -> None:
    put(tmp_path / "candles", "BTCUSDT")  # without mark prices and funding
    plan = {"strategy": "trend", "market": str(tmp_path / "candles"), "leverage": 2, "mode": "cross"}
    assert run_plan(plan, tmp_path / "out", workers=1).failed == 0
    again = run_plan(plan | {"strict": True}, tmp_path / "out", workers=1, resume=True)
    assert (again.set_aside, again.done, again.failed) == (1, 1, 1)
    (error,) = read_runs(tmp_path / "out")["error"]
    assert "the data are not complete" in error
