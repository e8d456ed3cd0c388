"""Are shocks and draws axes of a plan, with the numbers of `stress` and `bootstrap`, and is each market made once?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backtester import Account
from backtester.batch import plan_of, read_runs, run_plan
from backtester.batch.shared import Shared
from backtester.batch.tasks import jobs_of, tasks_of
from backtester.batch.variants import Variant
from backtester.bootstrap import Resampler, bootstrap, market_block_length
from backtester.errors import ConfigurationError
from backtester.stress import read_shocks, shocked, stress
from backtester.wanted import Wanted
from data import synthetic
from strategies import load
from tests.batch.small import PERIOD, plan_with, same_rows

GAP, CRASH = "gap:-0.2@50%", "flash_crash:0.3,down=2,up=6@2024-01-06"
PLAIN: dict[str, Any] = {
    "strategy": "grid_reversion",
    "params": {"exposure": 6},
    "market": "synthetic",
    "period": PERIOD,
    "leverage": 20,
    "metrics": "plain",
}
MODES = ("isolated", "cross")


def test_shocks_of_a_plan_are_those_of_stress(tmp_path: Path) -> None:
    both = f"{GAP} + {CRASH}"
    run_plan(PLAIN | {"shock": ["", GAP, both]}, tmp_path, workers=2)
    rows = read_runs(tmp_path).set_index(["shock", "mode"])
    market, account = synthetic(240, 6), Account(leverage=20)
    found = stress(load("grid_reversion", exposure=6), market, account, [GAP, both])
    for name, comparison in found.items():
        for mode in MODES:
            row = rows.loc[("" if name == "none" else name, mode)]
            for measure in ("final_equity", "max_drawdown_in_bars", "liquidations", "funding"):
                assert row[measure] == comparison.metrics.at[measure, mode]
    assert rows["final_equity"].nunique() > 3


def test_draws_of_a_plan_are_those_of_bootstrap(tmp_path: Path) -> None:
    run_plan(PLAIN | {"draw": ["", 0, 1, 2], "block": [24, 60], "draw_seed": 3}, tmp_path, workers=2)
    rows = read_runs(tmp_path)
    assert len(rows) == (1 + 2 * 3) * 2  # the market itself comes once, whatever the block
    market, strategy = synthetic(240, 6), load("grid_reversion", exposure=6)
    for block in (24.0, 60.0):
        result = bootstrap(strategy, market, Account(leverage=20), draws=3, seed=3, block=block, threads=1)
        for mode in MODES:
            mine = rows[(rows["block"] == block) & (rows["mode"] == mode)].sort_values("draw")
            assert mine["final_equity"].tolist() == result.of("final_equity", mode).tolist()
            assert mine["liquidations"].tolist() == result.of("liquidations", mode).tolist()
            itself = rows[rows["draw"].isna() & (rows["mode"] == mode)]
            assert itself["final_equity"].tolist() == [result.observed.metrics.at["final_equity", mode]]


def test_a_block_that_is_left_out_is_chosen_from_the_market(tmp_path: Path) -> None:
    run_plan(PLAIN | {"draw": 4}, tmp_path, workers=1)
    market = synthetic(240, 6)
    own = bootstrap(load("grid_reversion", exposure=6), market, Account(leverage=20), draws=5, threads=1)
    assert own.block == market_block_length(market)
    found = read_runs(tmp_path).set_index("mode")["final_equity"]
    assert [found[mode] for mode in MODES] == [own.of("final_equity", mode)[4] for mode in MODES]


def test_a_shock_is_laid_on_the_draw() -> None:
    wanted = Wanted("synthetic", [], "1h", "2024-01-01", "2024-01-11", "", "", [], 7)
    shared = Shared(plan_of(PLAIN), 1)
    found = shared.market(wanted, Variant(draw=2, draw_seed=5, block=30.0, shock=GAP))
    expected = shocked(Resampler(synthetic(240, 6)).draw(30.0, 5, 2), read_shocks(GAP))
    assert (found.close == expected.close).all()


def test_a_market_is_read_once_and_each_shock_is_laid_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backtester.batch import shared, variants

    read, laid = [], []
    real_read, real_laid = shared.market_of, variants.shocked
    monkeypatch.setattr(shared, "market_of", lambda wanted: read.append(wanted) or real_read(wanted))
    monkeypatch.setattr(variants, "shocked", lambda market, shocks: laid.append(shocks) or real_laid(market, shocks))
    plan = PLAIN | {"params": {"exposure": [2, 6]}, "leverage": [5, 20], "shock": ["", GAP, CRASH], "draw": ["", 0]}
    assert run_plan(plan, tmp_path, workers=1).done == 48
    assert (len(read), len(laid)) == (1, 4)


def test_the_same_rows_with_one_worker_two_and_processes(tmp_path: Path) -> None:
    plan = PLAIN | {"shock": ["", GAP], "draw": "0..2", "check": False}
    for name, workers, processes in (("one", 1, False), ("two", 2, False), ("processes", 2, True)):
        assert run_plan(plan | {"processes": processes}, tmp_path / name, workers=workers).done == 12
    same_rows(tmp_path / "one", tmp_path / "two")
    same_rows(tmp_path / "one", tmp_path / "processes")


def test_every_variant_has_a_key_of_its_own_and_a_second_call_skips_it(tmp_path: Path) -> None:
    plan = PLAIN | {"shock": ["", GAP], "draw": ["", 0], "draw_seed": [0, 1]}
    first = run_plan(plan, tmp_path, workers=1)
    assert (first.total, first.done, read_runs(tmp_path)["key"].nunique()) == (12, 12, 12)
    again = run_plan(plan | {"shock": [GAP, CRASH]}, tmp_path, workers=1, resume=True)
    assert (again.skipped, again.done, again.set_aside) == (6, 6, 6)


def test_shocks_without_a_place_are_rows_with_their_error(tmp_path: Path) -> None:
    plan = PLAIN | {"shock": ["gap:-0.1@2025-01-01", GAP], "draw": ["", 0], "block": 500}
    outcome = run_plan(plan, tmp_path, workers=1)
    assert (outcome.done, outcome.failed) == (8, 6)
    rows = read_runs(tmp_path).set_index(["shock", "mode"])
    error = rows["error"].dropna()
    assert error.str.contains("shock gap.at: is not inside the market").sum() == 2
    assert error.str.contains("block: is out of range; found 500.0; allowed: bars from 1 to the 240").sum() == 4


def test_a_range_is_a_list_of_whole_numbers() -> None:
    plan = plan_of(plan_with(seed="3..5", draw="0..99"))
    assert plan.axes["seed"] == (3, 4, 5)
    assert plan.axes["draw"] == tuple(range(100))
    assert plan.n_runs == 2 * 2 * 3 * 100 * 3 * 2 == sum(1 for _ in plan.runs())


def test_runs_in_which_a_setting_has_no_effect_come_once() -> None:
    plan = plan_of(plan_with(draw=["", 0, 1], block=[24, 48], draw_seed=[1, 2], include=[{"draw": [1, 2]}]))
    runs = list(plan.runs())
    assert plan.n_runs == len(runs) == len({repr(run) for run in runs}) == 48 * (1 + 4 * 2 + 4)
    itself = [run for run in runs if run["draw"] is None]
    assert {(run["block"], run["draw_seed"]) for run in itself} == {(None, 0)}
    assert len(list(tasks_of(plan, 1, lambda wanted, strategy: repr, ()))) >= 8 * 13
    assert sum(1 for _, jobs in jobs_of(plan, lambda wanted, strategy: repr) for _ in jobs) == len(runs)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shock": ["", "gapp:-0.2@50%"]}, "shock[1]: shock: there is no such shock; found 'gapp'; nearest: gap"),
        ({"shock": "gap:-2@50%"}, "shock: shock gap.change: is out of range; found -2"),
        ({"shock": "gap -0.2"}, "shock: is not of the form kind:value@time"),
        ({"shock": [GAP, " gap:-0.2@50% "]}, "shock[1]: is named twice"),
        ({"shock": 5}, "shock: is no shock"),
        ({"draw": -1}, "draw: is out of range; found -1"),
        ({"draw": "some"}, "draw: is not a whole number; found 'some'; allowed: the number of a draw"),
        ({"draw": [0, 1, 0]}, "draw[2]: is named twice"),
        ({"draw": "9..3"}, "draw: is no range; found '9..3'; allowed: first..last"),
        ({"seed": "0..99999999"}, "seed: is no range"),
        ({"draw": 0, "block": 0.5}, "block: is out of range"),
        ({"block": 24}, "block: acts on draws only; found 24.0. Name draws"),
        ({"draw": "", "draw_seed": [1, 2]}, "draw_seed: acts on draws only; found [1, 2]"),
        ({"include": [{"block": 24}]}, "include[0].block: acts on draws only"),
        ({"exclude": [{"shock": GAP}]}, "exclude[0].shock: is no value of the plan's"),
    ],
)
def test_slips_are_said_with_their_key(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        plan_of(plan_with(**changes))
    assert words in str(error.value)
