"""Are several strategies in one account, their parameters and what each is allotted, in a plan as in `compare`?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backtester import Account, Allocation, compare
from backtester.batch import plan_of, read_runs, run_plan
from backtester.errors import ConfigurationError
from data import synthetic
from strategies import Trend, load
from tests.batch.small import PERIOD, fragile, plan_with

TEAM: dict[str, Any] = {
    "strategy": "core=trend, carry=funding_carry",
    "market": "synthetic",
    "symbols": "FAKE1,FAKE2,FAKE3",
    "period": PERIOD,
    "leverage": 10,
}
MODES = ("isolated", "cross", "mixed", "sub_accounts")


def test_a_team_has_the_numbers_of_compare(tmp_path: Path) -> None:
    allotted = {"core": {"share": [0.25, 0.5], "leverage": 5}, "carry": {"share": 0.5, "margin_mode": "isolated"}}
    plan = TEAM | {"params": {"core": {"fast": [8, 12]}}, "allocate": allotted, "mode": list(MODES)}
    outcome = run_plan(plan, tmp_path, workers=2)
    assert (outcome.done, outcome.failed) == (2 * 2 * 4, 0)
    rows = read_runs(tmp_path).set_index(["params.core.fast", "allocate.core.share", "mode"])
    assert set(rows["strategy"]) == {"core=trend,carry=funding_carry"}
    market = synthetic(240, 6).select(["FAKE1/USDT:USDT", "FAKE2/USDT:USDT", "FAKE3/USDT:USDT"])
    for fast, share in ((8, 0.5), (12, 0.25)):
        core = Allocation(load("trend", fast=fast), share=share, leverage=5, name="core")
        carry = Allocation(load("funding_carry"), share=0.5, margin_mode="isolated", name="carry")
        found = compare([core, carry], market, Account(leverage=10), MODES).metrics
        for mode in MODES:
            row = rows.loc[(fast, share, mode)]
            for measure in ("final_equity", "max_drawdown_in_bars", "liquidations", "fees"):
                assert row[measure] == found.at[measure, mode]
    assert rows["final_equity"].nunique() > 8


def test_a_single_strategy_is_allotted_without_a_name(tmp_path: Path) -> None:
    plan = TEAM | {"strategy": "trend", "allocate": {"share": [0.25, 0.5]}, "mode": "cross"}
    run_plan(plan, tmp_path, workers=1)
    rows = read_runs(tmp_path).set_index("allocate.share")["final_equity"]
    market = synthetic(240, 6).select(["FAKE1/USDT:USDT", "FAKE2/USDT:USDT", "FAKE3/USDT:USDT"])
    for share in (0.25, 0.5):
        own = compare(Allocation(Trend(), share=share), market, Account(leverage=10), ["cross"]).metrics
        assert rows[share] == own.at["final_equity", "cross"]


def test_an_edited_member_is_another_run(tmp_path: Path) -> None:
    plan = TEAM | {"strategy": f"core=trend,own={fragile(tmp_path)}", "mode": "cross"}
    run_plan(plan, tmp_path / "out", workers=1)
    file = tmp_path / "fragile.py"
    file.write_text(file.read_text() + "# edited\n")
    again = run_plan(plan, tmp_path / "out", workers=1, resume=True)
    assert (again.skipped, again.set_aside) == (0, 1)


def test_an_error_names_the_file_of_its_strategy(tmp_path: Path) -> None:
    plan = TEAM | {"strategy": f"core=trend,own={fragile(tmp_path)}", "params": {"own": {"trouble": "error"}}}
    assert run_plan(plan, tmp_path / "out", workers=1).failed == 2
    assert read_runs(tmp_path / "out")["error"].str.contains("fragile.py, line 20: no such luck").all()


def test_an_include_of_another_strategy_has_its_own_parameters_and_allotments() -> None:
    of_core = {"params": {"core": {"fast": 8}}, "allocate": {"core": {"share": 0.5}}}
    plan = TEAM | of_core | {"include": [{"strategy": "trend"}]}
    runs = list(plan_of(plan).runs())
    assert len(runs) == 4
    assert not any(name.startswith(("params", "allocate")) for name in runs[-1])
    assert runs[0]["allocate.core.share"] == 0.5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strategy": "trend,funding_carry"}, "strategy: is no strategy, or several without a name for each"),
        ({"strategy": "a=trend,a=funding_carry"}, "strategy: is no strategy, or several without a name for each"),
        ({"strategy": "a=trend,b=fundingcary"}, "nearest: funding_carry"),
        ({"params": {"core": {"fats": 8}}}, "params.core.fats: no such parameter; found 'fats'; nearest: fast"),
        ({"params": {"cor": {"fast": 8}}}, "params.cor.fast: is of no strategy of the plan; found 'params.cor.fast'"),
        ({"params": {"fast": 8}}, "allowed: params.core.fast, params.carry.fast"),
        ({"params": {"core": {"fast": {"a": 1}}}}, "params.core.fast: is no value of a parameter"),
        ({"allocate": {"core": {"shares": 0.5}}}, "allocate.shares: is an unknown key; found 'shares'; nearest: share"),
        ({"allocate": {"core": {"share": [0.5, 2]}}}, "allocate.core.share[1]: is out of range; found 2"),
        ({"allocate": {"carry": {"margin_mode": "crss"}}}, "nearest: cross"),
        ({"allocate": {"carry": {"margin_mode": "cross"}}}, "margin_mode: has no effect in isolated and cross, where"),
        ({"allocate": {"share": 0.5}}, "allowed: allocate.core.share, allocate.carry.share"),
        ({"strategy": "trend", "allocate": {"core": {"share": 0.5}}}, "allowed: allocate.share"),
    ],
)
def test_slips_are_said_with_their_key(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        plan_of(plan_with(**({"params": {}} | TEAM | changes)))
    assert words in str(error.value)
