"""Does a search try what its space allows, find what is best, and go on as if it had never stopped?"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtester.batch import read_runs, run_plan
from backtester.batch.objective import Objective, aim_of
from backtester.comparing.summary import MEASURES
from backtester.errors import ConfigurationError
from backtester.optimise import optimise, read_optimise

pytest.importorskip("optuna", reason="optuna is not installed")

SMALL: dict[str, Any] = {
    "strategy": "grid_reversion",
    "market": "synthetic",
    "symbols": "FAKE1",
    "period": {"start": "2024-01-01", "end": "2024-01-21"},
    "params": {"rungs": [2, 4]},
    "optimise": {
        "of": "cross", "measure": "total_return", "trials": 12, "seed": 3,
        "space": {
            "params": {
                "step": {"from": 0.005, "to": 0.08, "log": True},
                "window": {"from": 12, "to": 48, "by": 12},
                "exposure": {"from": 1, "to": 3, "by": 0.5},
            },
            "leverage": {"from": 2, "to": 10},
        },
    },
}  # fmt: skip


def changed(**table: Any) -> dict[str, Any]:
    return SMALL | {"optimise": SMALL["optimise"] | table}


def test_every_trial_is_in_the_space_and_a_row_for_each_mode(tmp_path: Path) -> None:
    found = optimise(changed(trials=40, sampler="random"), tmp_path)
    table = found.table
    assert set(table["params.rungs"]) == {2, 4}
    assert set(table["params.window"]) == {12, 24, 36, 48}
    assert set(table["params.exposure"]) == {1.0, 1.5, 2.0, 2.5, 3.0}
    assert table["params.step"].between(0.005, 0.08).all() and table["leverage"].between(2, 10).all()
    assert table["params.step"].median() < 0.03  # of equal factors half are below the geometric mean, 0.02
    rows = read_runs(tmp_path)
    assert len(rows) == found.done == 80
    assert rows["params.window"].dtype == np.int64 and rows["leverage"].dtype == np.float64
    assert rows.groupby("mode").size().to_dict() == {"isolated": 40, "cross": 40}
    best = found.best
    assert best is not None and best.value == rows[rows["mode"] == "cross"]["total_return"].max()


def test_the_rows_are_those_of_a_batch(tmp_path: Path) -> None:
    best = optimise(SMALL, tmp_path / "search").best
    assert best is not None
    params = {name.removeprefix("params."): value for name, value in best.settings.items() if name != "leverage"}
    plan = {name: value for name, value in SMALL.items() if name != "optimise"}
    run_plan(plan | {"params": params, "leverage": best.settings["leverage"]}, tmp_path / "batch", workers=1)
    for row in read_runs(tmp_path / "batch").to_dict("records"):
        for measure in MEASURES:
            ours = best.rows[row["mode"]][measure.key]
            assert ours == row[measure.key] or (ours is None and math.isnan(row[measure.key]))
        assert best.rows[row["mode"]]["key"] == row["key"]


def test_a_search_that_goes_on_is_one_that_never_stopped(tmp_path: Path) -> None:
    whole = optimise(SMALL, tmp_path / "whole")
    first = optimise(changed(trials=5), tmp_path / "parts")
    rest = optimise(SMALL, tmp_path / "parts", resume=True)
    pd.testing.assert_frame_equal(first.table, whole.table[:5], check_exact=True)
    pd.testing.assert_frame_equal(rest.table, whole.table, check_exact=True)
    assert (first.done + rest.done, rest.others) == (whole.done, 0)
    pd.testing.assert_frame_equal(read_runs(tmp_path / "parts"), read_runs(tmp_path / "whole"), check_exact=True)
    assert optimise(SMALL, tmp_path / "parts", resume=True).done == 0
    other = optimise(changed(seed=4), tmp_path / "parts", resume=True)
    assert other.others > 0 and "rows of other plans, data or versions" in str(other)


def test_a_folder_with_rows_is_refused_without_resume(tmp_path: Path) -> None:
    optimise(changed(trials=1), tmp_path)
    with pytest.raises(ConfigurationError, match="out: has runs of a batch"):
        optimise(SMALL, tmp_path)


def test_the_search_learns_from_its_trials(tmp_path: Path) -> None:
    """The strategy earns the more the nearer its parameter is to 3: half of the later trials are near it."""
    (tmp_path / "hill.py").write_text(
        "from backtester import Strategy, Targets\n\n\n"
        "class Hill(Strategy):\n    x: float = 0.0\n\n"
        "    def targets(self, market):\n        return Targets(notional=1_000.0 * (5.0 - (self.x - 3.0) ** 2) / 5.0)\n"
    )
    plan = {
        "strategy": f"{tmp_path / 'hill.py'}:Hill", "market": "synthetic", "symbols": "FAKE1", "mode": "cross",
        "period": {"start": "2024-01-01", "end": "2024-01-06"},
        "optimise": {"of": "cross", "measure": "fees", "aim": "most", "trials": 60, "space": {
            "params": {"x": {"from": 1.0, "to": 5.0}},
        }},
    }  # fmt: skip
    found = optimise(plan, tmp_path / "out")
    assert found.best is not None and found.best.settings["params.x"] == pytest.approx(3.0, abs=0.1)
    late = found.table["params.x"][40:]
    assert (abs(late - 3.0) < 0.5).mean() > 0.5
    least = optimise(plan | {"optimise": plan["optimise"] | {"aim": "least"}}, tmp_path / "least")
    assert least.best is not None and least.best.value < found.best.value


def test_a_trial_that_fails_is_a_row_and_the_search_goes_on(tmp_path: Path) -> None:
    (tmp_path / "frail.py").write_text(
        "from backtester import Strategy, Targets\n\n\n"
        "class Frail(Strategy):\n    x: int = 0\n\n"
        "    def targets(self, market):\n        return Targets(notional=1_000.0 * (1 // (self.x - 2) or 1))\n"
    )
    plan = changed(trials=12, space={"params": {"x": {"from": 1, "to": 4}}})
    plan = plan | {"strategy": f"{tmp_path / 'frail.py'}:Frail", "params": {}}
    found = optimise(plan, tmp_path / "out")
    failed = found.table["params.x"] == 2
    assert failed.any() and found.table["objective"].isna().equals(failed)
    assert f"{failed.sum()} trial" in found.verdict
    assert read_runs(tmp_path / "out")["error"].notna().sum() == 2
    again = optimise(plan, tmp_path / "out", resume=True)
    pd.testing.assert_frame_equal(again.table, found.table, check_exact=True)
    assert again.verdict == found.verdict


def test_the_difference_of_the_modes_can_be_sought(tmp_path: Path) -> None:
    space = {"leverage": {"from": 20, "to": 80}, "params": {"exposure": {"from": 4, "to": 8}}}
    found = optimise(changed(of="difference", measure="liquidations", aim="most", space=space), tmp_path)
    table = found.table
    assert table["objective"].equals(table["liquidations.isolated"] - table["liquidations.cross"])
    assert "most liquidations of the difference of the modes among 12 trials: +" in " ".join(str(found).split())


def test_what_needs_positions_gets_full_metrics(tmp_path: Path) -> None:
    plan = changed(measure="closest_together", trials=2) | {"metrics": "plain"}
    assert optimise(plan, tmp_path).table["objective"].notna().all()


def test_which_end_is_better() -> None:
    assert [aim_of(name) for name in ("sharpe", "final_equity", "max_drawdown", "fees", "liquidations")] == [
        "most", "most", "least", "least", "least",
    ]  # fmt: skip
    objective = Objective("sharpe", "cross", "most")
    assert objective.best([1.0, math.nan, 3.0, 3.0]) == 2
    assert objective._replace(aim="least").best([2.0, 1.0, math.nan, 1.0]) == 1
    assert objective.best([math.nan]) is None
    assert objective._replace(of="difference").value({"isolated": 1.0, "cross": 3.0}, ("isolated", "cross")) == -2.0


def test_without_optuna_the_cure_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigurationError, match=r"optimise: is not installed; .* Install the extra `optimise`"):
        optimise(SMALL, tmp_path / "out")
    assert not (tmp_path / "out").exists()


SPACE = SMALL["optimise"]["space"]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"strategy": "trend", "market": "synthetic"}, r"the plan: has no table \[optimise\]"),
        (SMALL | {"optimise": {"measure": "sharpe"}}, "optimise: has no of"),
        (changed(of="mixed"), "optimise.of: is no mode of the plan"),
        (changed(trials=0), "optimise.trials: is out of range"),
        (changed(sampler="grid"), "optimise.sampler: is not one of the allowed values"),
        (changed(space={"seed": {"from": 1, "to": 2}}), "optimise.space.seed: cannot be chosen"),
        (changed(space={"leverage": {"from": 5, "to": 5}}), "optimise.space.leverage: is empty"),
        (changed(space={"leverage": {"from": 1}}), "optimise.space.leverage: has no to"),
        (changed(space={"leverage": {"from": 1, "to": 6, "by": 2}}), "has steps that do not lead to its end"),
        (changed(space={"leverage": {"from": 1, "to": 3, "by": 1, "log": True}}), "has steps and is logarithmic"),
        (changed(space={"params": {"step": {"from": 0, "to": 3, "log": True}}}), "begins at or below 0"),
        (changed(space={"params": {"windw": {"from": 1, "to": 3}}}), "nearest: window"),
        (changed(space={"params": {"window": {"from": 1.5, "to": 3}}}), "params.window: must be a whole number"),
        (changed(space={"params": {"window": {"from": 1, "to": 3, "by": 0.5}}}), "is no whole number"),
        (changed(space={"params": {"rungs": {"from": 1, "to": 3}}}), "params.rungs: is in the plan too"),
        (changed(space=SPACE) | {"seed": [1, 2]}, "seed: has several values, and a search goes over one market"),
        (changed(space=SPACE) | {"exclude": [{"params": {"rungs": 2}}]}, "exclude: is for batches"),
        (changed(space={}) | {"params": {}}, "optimise.space: leaves nothing to choose"),
    ],
)
def test_what_cannot_be_sought_is_said(plan: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_optimise(plan)
