"""Is a plan read as it is meant, and is a slip said with its key, the nearest name and the cure?"""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from backtester.batch import plan_of, read_plan
from backtester.batch.settings import Period
from backtester.batch.tasks import groups, tasks_of
from backtester.errors import ConfigurationError, StrategyError
from tests.batch.small import SMALL, plan_with


def test_any_list_is_an_axis() -> None:
    plan = plan_of(SMALL)
    runs = list(plan.runs())
    assert plan.n_runs == len(runs) == 2 * 2 * 2 * 3 * 2
    assert len({repr(run) for run in runs}) == len(runs)
    assert runs[0]["period"] == Period("2024-01-01 00:00", "2024-01-11 00:00")
    assert [run["mode"] for run in runs[:4]] == ["isolated", "cross"] * 2
    assert runs[0]["params.exposure"] == 2.0
    assert isinstance(runs[0]["params.exposure"], float)


def test_what_is_left_out_is_what_compare_takes() -> None:
    (first, second) = plan_of({"strategy": "trend", "market": "synthetic"}).runs()
    assert (first["mode"], second["mode"]) == ("isolated", "cross")
    assert (first["leverage"], first["balance"], first["path"], first["timeframe"]) == (10, 10_000, "adverse", "1h")


def test_an_axis_may_be_long() -> None:
    """Values are compared with those before them through their hashes: a million runs are a plan too."""

    class Counted(int):
        compared = 0

        def __eq__(self, other: object) -> bool:
            Counted.compared += 1
            return int(self) == other

        __hash__ = int.__hash__

    plan = plan_of(plan_with(seed=[Counted(seed) for seed in range(1_000)]))
    assert len(plan.axes["seed"]) == 1_000
    assert Counted.compared < 10_000


def test_excluded_runs_are_left_out_and_only_those() -> None:
    plan = plan_of(plan_with(exclude=[{"mode": "cross", "leverage": [20, 50]}, {"seed": 2, "symbols": "FAKE3"}]))
    runs = list(plan.runs())
    assert plan.n_runs == len(runs)
    assert {(run["mode"], run["leverage"]) for run in runs} == {
        ("isolated", 5), ("isolated", 20), ("isolated", 50), ("cross", 5)
    }  # fmt: skip
    assert {(run["seed"], run["symbols"]) for run in runs} == {(1, "FAKE1,FAKE2"), (1, "FAKE3"), (2, "FAKE1,FAKE2")}


def test_an_include_adds_a_product_with_its_own_parameters_and_no_run_twice() -> None:
    plan = plan_of(plan_with(include=[{"strategy": "trend", "seed": 9}, {"leverage": [5, 7]}, {"leverage": 7}]))
    runs = list(plan.runs())
    trend = [run for run in runs if run["strategy"] == "trend"]
    assert len(trend) == 2 * 3 * 2
    assert not any("params.exposure" in run for run in trend)
    assert sum(run["leverage"] == 7 for run in runs) == 2 * 2 * 2 * 2
    assert plan.n_runs == len(runs) == len({repr(run) for run in runs}) == 48 + 12 + 16


def test_an_include_that_says_what_the_plan_leaves_out_adds_nothing() -> None:
    """The venue of the market, and the seed of a synthetic one."""
    plain = {"strategy": "trend", "market": "synthetic"}
    plan = plan_of(plain | {"include": [{"venue": "generic"}, {"seed": 7}]})
    assert list(plan.runs()) == list(plan_of(plain).runs())
    assert [(run["venue"], run["seed"]) for run in plan.runs()] == [("generic", 7)] * 2
    assert plan_of(plain | {"include": [{"venue": "generic", "seed": [7, 8]}]}).n_runs == 4


def test_markets_of_several_venues_keep_each_its_own(tmp_path: Path) -> None:
    folders = [str(tmp_path / name) for name in ("binance", "okx")]
    for folder in folders:
        Path(folder).mkdir()
    plan = plan_of({"strategy": "trend", "market": ["synthetic", *folders]})
    tasks = tasks_of(plan, 1, lambda wanted, strategy: repr, ())
    found = {job.run["market"]: job.run["venue"] for task in tasks for job in task.jobs}
    assert found == {"synthetic": "generic", folders[0]: "binance", folders[1]: "okx"}


def test_an_include_with_a_parameter_is_not_that_without_it() -> None:
    plan = plan_of(plan_with(include=[{"strategy": "trend"}, {"strategy": "trend", "params": {"fast": 12}}]))
    trend = [run.get("params.fast") for run in plan.runs() if run["strategy"] == "trend"]
    assert (trend.count(None), trend.count(12)) == (24, 24)


def test_a_venues_file_that_is_wrong_is_said_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine"\n')
    with pytest.raises(ConfigurationError, match=r"mine\.toml"):
        plan_of(plan_with(venue=str(tmp_path / "mine.toml")))


def test_an_include_brings_back_what_an_exclude_took() -> None:
    plan = plan_of(plan_with(exclude=[{"mode": "cross"}], include=[{"mode": "cross", "leverage": 5}]))
    assert sum(run["mode"] == "cross" for run in plan.runs()) == 8


def test_a_parameter_that_is_whole_for_one_strategy_and_a_fraction_for_another_fits_both(tmp_path: Path) -> None:
    for name, kind in (("whole", "int"), ("part", "float")):
        source = f"from backtester import Strategy\n\nclass One(Strategy):\n    size: {kind} = 1\n"
        (tmp_path / f"{name}.py").write_text(source)
    both = [str(tmp_path / "whole.py"), str(tmp_path / "part.py")]
    for order in (both, both[::-1], [*both, both[1] + ":One"]):
        plan = plan_of({"strategy": order, "params": {"size": [1, 2]}, "market": "synthetic"})
        assert [type(value) for value in plan.axes["params.size"]] == [int, int]
    with pytest.raises(ConfigurationError, match=r"params.size: must be a whole number"):
        plan_of({"strategy": both, "params": {"size": [1, 2.5]}, "market": "synthetic"})


def test_rules_are_axes_too() -> None:
    plan = plan_of(plan_with(rules={"slippage": [0, 0.001], "hedge_offset": "net"}))
    assert {run["rules.slippage"] for run in plan.runs()} == {0, 0.001}
    assert {run["rules.hedge_offset"] for run in plan.runs()} == {"net"}


def test_a_file_gives_the_same_plan(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(
        'strategy = "grid_reversion"\nparams.exposure = [2, 6]\nmarket = "synthetic"\n'
        'symbols = ["FAKE1, FAKE2", "FAKE3"]\nperiod = { start = 2024-01-01, end = "2024-01-11 00:00" }\n'
        "seed = [1, 2]\nleverage = [5, 20, 50]\n"
    )
    assert read_plan(file) == plan_of(SMALL)


def test_tasks_hold_every_run_once_and_one_strategy_on_one_market_each() -> None:
    plan = plan_of(SMALL)
    assert groups(plan) == (4, 8)
    for workers in (1, 2, 50):
        tasks = list(tasks_of(plan, workers, lambda wanted, strategy: repr, ()))
        keys = [job.key for task in tasks for job in task.jobs]
        assert len(keys) == len(set(keys)) == plan.n_runs
        assert len(tasks) >= min(8 * workers, plan.n_runs) or all(len(task.jobs) == 6 for task in tasks)
        for task in tasks:
            assert {(job.run["seed"], job.run["symbols"]) for job in task.jobs} == {
                (task.wanted.seed, ",".join(task.wanted.symbols))
            }
    left = list(tasks_of(plan, 1, lambda wanted, strategy: itemgetter("mode"), {"cross"}))
    assert {job.run["mode"] for task in left for job in task.jobs} == {"isolated"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"levrage": 3}, "levrage: is an unknown key; found 'levrage'; nearest: leverage"),
        ({"leverage": [5, 0]}, "leverage[1]: is out of range; found 0; allowed: a leverage above 0"),
        ({"leverage": []}, "leverage: is a list without a value"),
        ({"leverage": [5, 5.0]}, "leverage[1]: is named twice; found 5.0"),
        ({"mode": ["isolated", "crss"]}, "mode[1]: is not one of the allowed values; found 'crss'; nearest: cross"),
        ({"path": "advers"}, "nearest: adverse"),
        ({"venue": ["generic", "binanse"]}, "venue[1]: is an unknown venue; found 'binanse'; nearest: binance"),
        ({"seed": -1}, "seed: is out of range"),
        ({"timeframe": "1hour"}, "timeframe: is no timeframe"),
        ({"market": "no/such"}, "market: is no folder"),
        ({"symbols": "FAKE1,,FAKE2"}, "symbols: has a name that is empty"),
        ({"require": "marks"}, "require: names what cannot be required"),
        ({"period": "2024"}, "period: is no period"),
        ({"period": {"start": "soon"}}, "period: has a start that is no time"),
        ({"period": {"start": 2024}}, "period: has a start that is no time"),
        ({"period": {"start": "2024-02-01", "end": "2024-01-01"}}, "period: is empty: it ends before it starts"),
        ({"period": {"start": "2024-02-01", "end": "2024-02-01"}}, "period: is empty: it ends before it starts"),
        ({"params": {"expsure": 2}}, "params.expsure: no such parameter; found 'expsure'; nearest: exposure"),
        ({"params": {"exposure": "much"}}, "params.exposure: must be a number"),
        ({"params": {"exposure": 10**20}}, "params.exposure: is too large for a whole number"),
        ({"params": {"exposure": [[1]]}}, "params.exposure[0]: is no value of a parameter"),
        ({"rules": {"slipage": 0}}, "rules.slipage: is an unknown key; found 'slipage'; nearest: slippage"),
        ({"rules": {"slippage": "high"}}, "rules.slippage: is not a number"),
        ({"strategy": "gridreversal"}, "nearest: grid_reversion"),
        ({"metrics": "all"}, "metrics: is not one of the allowed values"),
        ({"curves": 1}, "curves: is not true or false"),
        ({"exclude": [{"levrage": 5}]}, "exclude[0].levrage: is an unknown key"),
        ({"exclude": [{}]}, "exclude[0]: names no setting"),
        ({"exclude": [{"leverage": 7}]}, "exclude[0].leverage: is no value of the plan's; found 7.0; allowed: 5.0"),
        ({"exclude": [{"params": {"rungs": 4}}]}, "exclude[0].params.rungs: is no axis of the plan"),
        ({"include": [{"mode": "corss"}]}, "include[0].mode: is not one of the allowed values"),
        ({"include": [{"strategy": "trend", "params": {"exposures": 1}}]}, "include[0].params.exposures: no such"),
        ({"exclude": [{"mode": ["isolated", "cross"]}]}, "exclude: leaves no run"),
        ({"include": {"mode": "cross"}}, "include: is not a list"),
    ],
)
def test_slips_are_said_with_their_key(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        plan_of(plan_with(**changes))
    assert words in str(error.value)


@pytest.mark.parametrize("name", ["strategy", "market"])
def test_strategy_and_market_have_to_be_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"the plan: has no {name}"):
        plan_of({key: value for key, value in SMALL.items() if key != name})


def test_errors_of_a_file_name_it(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text("strategy = trend")
    with pytest.raises(ConfigurationError, match=r"plan\.toml: is not valid TOML; found 'Invalid value \(at line 1"):
        read_plan(file)
    file.write_text('strategy = "trend"\nmarket = "synthetic"\nsede = 3')
    with pytest.raises(ConfigurationError, match=r"plan\.toml: sede: is an unknown key.*nearest: seed"):
        read_plan(file)
    with pytest.raises(ConfigurationError, match="plan: cannot be read: No such file"):
        read_plan(tmp_path / "none.toml")


def test_a_strategy_file_that_cannot_be_imported_is_said_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import no_such_module")
    with pytest.raises(StrategyError, match="the file cannot be imported: ModuleNotFoundError"):
        plan_of(plan_with(strategy=str(tmp_path / "broken.py"), params={}))
