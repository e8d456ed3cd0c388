"""Are windows cut, parameters chosen on the past only, and tests put together as worked out by hand?"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtester import Account, engine
from backtester.batch import shared
from backtester.errors import ConfigurationError, MarketDataError
from backtester.indicators import latest
from backtester.market import PRICES, Market
from backtester.walk_forward import WalkForward, Window, read_walk, walk_forward, windows_of
from backtester.walk_forward.outcome import efficiency
from strategies import load
from tests.strategy_market import fixed, frame, market, random_market

HOUR = 3_600_000_000_000  # [ns]
FEE = 0.0005  # taker fee of the generic venue
SIDE = '''
"""Always in the market."""

from backtester import Strategy, Targets


class Side(Strategy):
    side: float = 1.0

    def targets(self, market):
        return Targets(quantity=8.0 * self.side)
'''
UP_AND_DOWN = [100 + t for t in range(8)] + [106 - t for t in range(8)]  # closes; each bar opens at the one before
WINDOWS = {"train": "4h", "test": "4h", "measure": "total_return"}


def walked(monkeypatch: pytest.MonkeyPatch, on: Market, plan: dict[str, Any], workers: int = 1) -> WalkForward:
    """Return the walk-forward of a plan on a given market."""
    monkeypatch.setattr(shared, "market_of", lambda wanted: on)
    return walk_forward({"market": "synthetic"} | plan, workers=workers)


@pytest.fixture
def sides(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "side.py").write_text(SIDE)
    strategy = f"{tmp_path / 'side.py'}:Side"
    return {"strategy": strategy, "params": {"side": [-1.0, 1.0]}, "leverage": 2, "walk_forward": WINDOWS}


def test_rolling_windows_move_by_their_tests() -> None:
    on = market(np.full(100, 100.0))
    assert windows_of(on, 40 * HOUR, 20 * HOUR) == [
        Window(0, 40, 40, 60),
        Window(20, 60, 60, 80),
        Window(40, 80, 80, 100),
    ]
    assert windows_of(on, 40 * HOUR, 25 * HOUR, 5 * HOUR) == [Window(0, 40, 45, 70), Window(25, 65, 70, 95)]


def test_anchored_windows_begin_with_the_market() -> None:
    on = market(np.full(100, 100.0))
    found = windows_of(on, 40 * HOUR, 30 * HOUR, HOUR, anchored=True)
    assert found == [Window(0, 40, 41, 71)]
    found = windows_of(on, 40 * HOUR, 20 * HOUR, 0, anchored=True)
    assert [window.train for window in found] == [(0, 40), (0, 60), (0, 80)]


def test_windows_are_cut_by_time_and_not_by_bars() -> None:
    on = market(np.full(100, 100.0), np.full(100, 50.0), gaps=[(0, 10, 19), (1, 10, 19)])
    assert windows_of(on, 40 * HOUR, 60 * HOUR) == [Window(0, 30, 30, 90)]


def test_too_short_a_market_and_a_hole_are_said() -> None:
    on = market(np.full(100, 100.0), gaps=[(0, 40, 59)])
    with pytest.raises(ConfigurationError, match="train, gap and test take 6 d, and the market has 4 d 4 h"):
        windows_of(on, 120 * HOUR, 24 * HOUR)
    with pytest.raises(MarketDataError, match="from 2025-01-02 16:00 has fewer than two bars to test on"):
        windows_of(on, 40 * HOUR, 20 * HOUR)


def test_the_side_of_the_past_is_taken_and_the_tests_add_up(monkeypatch: pytest.MonkeyPatch, sides) -> None:
    """Up, up and down to choose on; up, down and down to test: 8 coins gain or lose 4 each."""
    result = walked(monkeypatch, market(UP_AND_DOWN), sides)
    table = result.table.set_index(["mode", "window"])
    fees = [FEE * 8 * price for price in (103, 107, 103)]  # of the position that each test opens
    ends = 10_000 + np.cumsum([32 - fees[0], -32 - fees[1], 32 - fees[2]])
    for mode in ("isolated", "cross"):
        assert table.loc[mode, "params.side"].tolist() == [1.0, 1.0, -1.0]
        assert table.loc[mode, "final_equity"].tolist() == pytest.approx(ends.tolist(), abs=1e-9)
        inside = [(24 - FEE * 800) / 10_000, (32 - fees[0]) / 10_000, (32 - fees[1]) / 10_000]
        assert table.loc[mode, "in_sample"].tolist() == pytest.approx(inside, abs=1e-12)
        outside = [ends[0] / 10_000 - 1, ends[1] / ends[0] - 1, ends[2] / ends[1] - 1]
        assert table.loc[mode, "out_of_sample"].tolist() == pytest.approx(outside, abs=1e-12)
        assert result.summary.at[mode, "efficiency"] == pytest.approx(sum(outside) / sum(inside))
        assert result.summary.at[mode, "windows_with_gain"] == 2
        peak, valley = ends[0], ends[1]
        assert result.summary.at[mode, "max_drawdown"] == pytest.approx(1 - valley / peak)
        curve = result.equity.loc[mode, "equity"]
        assert curve.index[0] == pd.Timestamp("2025-01-01 04:00", tz="UTC")
        assert curve.tolist() == pytest.approx(
            [10_000 - fees[0] + 8 * k for k in (1, 2, 3, 4)]
            + [ends[0] - fees[1] - 8 * k for k in (1, 2, 3, 4)]
            + [ends[1] - fees[2] + 8 * k for k in (1, 2, 3, 4)]
        )


def test_on_finer_bars_the_curve_is_one_of_the_bars_that_decide(monkeypatch: pytest.MonkeyPatch, sides) -> None:
    closes = 100.0 + np.cumsum(np.resize([1.0, -2.0, 0.5, 1.0], 64))
    fine = frame(closes)
    coarse = fine.resample("4h").agg({"open": "first", "high": "max", "low": "min", "close": "last"})
    on = Market.from_frames({"AUSDT": coarse}).with_detail(Market.from_frames({"AUSDT": fine}))
    plan = sides | {"params": {"side": 1.0}, "mode": "cross", "walk_forward": {"train": "32h", "test": "16h"}}
    result = walked(monkeypatch, on, plan)
    equity, low = result.curve("cross")
    entry = coarse["open"].iloc[8]
    start = 10_000 - FEE * 8 * entry
    assert equity[:4].tolist() == pytest.approx((start + 8 * (coarse["close"].iloc[8:12] - entry)).tolist())
    assert low[:4].tolist() == pytest.approx((start + 8 * (coarse["low"].iloc[8:12] - entry)).tolist())
    assert len(equity) == len(result.equity.loc["cross"]) == 8


def test_least_chooses_the_other_side(monkeypatch: pytest.MonkeyPatch, sides) -> None:
    result = walked(monkeypatch, market(UP_AND_DOWN), sides | {"walk_forward": WINDOWS | {"aim": "least"}})
    assert result.table["params.side"].tolist() == [-1.0, -1.0, -1.0, -1.0, 1.0, 1.0]


def test_the_difference_of_the_modes_decides_for_both(monkeypatch: pytest.MonkeyPatch, sides) -> None:
    """A short of twice the equity at 2x: isolated loses its margin in the spike, cross is bankrupt."""
    closes = [100.0] * 8 + [100.0, 160.0, 100.0, 100.0] + [100.0] * 4
    plan = sides | {"params": {"side": [-1.0, 1.0]}, "balance": 450.0, "leverage": 4}
    plan["walk_forward"] = WINDOWS | {"of": "difference"}
    result = walked(monkeypatch, market(closes), plan)
    last = result.table[result.table["window"] == 3].set_index("mode")
    assert last["params.side"].tolist() == [-1.0, -1.0]  # isolated less cross is largest where the spike hurts
    assert last.at["isolated", "in_sample"] > last.at["cross", "in_sample"]
    result = walked(monkeypatch, market(closes), plan | {"walk_forward": WINDOWS | {"of": "cross"}})
    last = result.table[result.table["window"] == 3]
    assert last["params.side"].tolist() == [1.0, 1.0]


def test_nothing_that_comes_later_changes_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = random_market(900, 2, seed=3)
    changed = {name: getattr(whole, name).copy() for name in PRICES}
    for values in changed.values():
        values[600:] *= 3.0
    other = replace(whole, **changed)
    plan = {
        "strategy": "grid_reversion", "params": {"step": [0.01, 0.04], "exposure": [2, 12]}, "leverage": [5, 20],
        "walk_forward": {"train": "200h", "test": "100h", "gap": "1h"},
    }  # fmt: skip
    first, second, short = (walked(monkeypatch, on, plan) for on in (whole, other, whole.slice(0, 602)))
    before = first.table["window"] <= 3  # tested on bars 201 to 500
    assert before.sum() == 6 < len(first.table)
    pd.testing.assert_frame_equal(first.table[before], second.table[before], check_exact=True)
    pd.testing.assert_frame_equal(first.table[:8], short.table, check_exact=True)
    np.testing.assert_array_equal(first.curve("cross")[0][:399], second.curve("cross")[0][:399])
    assert not np.array_equal(first.curve("cross")[0][:500], second.curve("cross")[0][:500])


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = {
        "strategy": "hedged_pair", "params": {"window": [24, 48]}, "leverage": [5, 25],
        "walk_forward": {"train": "200h", "test": "100h", "anchored": True, "measure": "closest_together"},
    }  # fmt: skip
    one, two = (walked(monkeypatch, random_market(700, 2, seed=5), plan, n) for n in (1, 2))
    pd.testing.assert_frame_equal(one.table, two.table, check_exact=True)
    assert one.table["in_sample"].notna().all()


def test_a_test_is_the_run_of_a_strategy_that_was_warmed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on the whole market, with no instruction before the bar whose close decides the first open of the test."""
    on = random_market(400, 2, seed=8)
    plan = {"strategy": "trend", "params": {"fast": 12, "slow": 48}, "walk_forward": {"train": "200h", "test": "200h"}}
    result = walked(monkeypatch, on, plan)
    strategy = load("trend", fast=12, slow=48)
    size = latest(strategy.targets(on).equity_fraction)
    size[:199] = np.nan
    late = fixed(strategy.slots(on), equity_fraction=size)
    for mode in ("isolated", "cross"):
        account = Account(leverage=10, mode=mode)
        run = engine.run(late, on, account, prepared=engine.prepare(late, on, account, check=False))
        assert (run.equity[:200] == 10_000.0).all() and run.quantity[200].any()
        np.testing.assert_array_equal(result.curve(mode)[0], run.equity[200:])
        np.testing.assert_array_equal(result.curve(mode)[1], run.equity_low[200:])


def test_an_account_that_is_gone_stays_gone(monkeypatch: pytest.MonkeyPatch, sides) -> None:
    candles = frame([100.0] * 16)
    candles.iloc[5] = 200.0  # it opens there: past the line of cross, with nothing left
    on = Market.from_frames({"AUSDT": candles})
    result = walked(monkeypatch, on, sides | {"params": {"side": -1.0}, "balance": 450.0, "leverage": 4})
    cross = result.summary.loc["cross"]
    assert (cross["final_equity"], cross["total_return"]) == (0.0, -1.0)
    assert math.isnan(result.summary.at["isolated", "time_of_fall"])
    assert result.verdict.startswith("Isolated survived all 3 windows; cross fell to 10 % of the balance, first at")
    assert result.table.set_index(["mode", "window"]).loc[("cross", 2), "final_equity"] == 0.0


def test_without_a_measure_nothing_is_traded(monkeypatch: pytest.MonkeyPatch, sides) -> None:
    plan = sides | {"params": {"side": 0.0}, "leverage": [2, 3]}
    result = walked(monkeypatch, market(UP_AND_DOWN), plan | {"walk_forward": WINDOWS | {"measure": "sharpe"}})
    assert result.table["leverage"].isna().all()
    assert (result.table["final_equity"] == 10_000.0).all()
    assert str(result).count(" nothing  ") == 6
    assert math.isnan(result.summary.at["cross", "efficiency"])


def test_one_combination_is_walked_too(monkeypatch: pytest.MonkeyPatch, sides) -> None:
    result = walked(monkeypatch, market(UP_AND_DOWN), sides | {"params": {"side": 1.0}})
    assert str(result).count(" the only one ") == 6


def test_without_a_gain_in_sample_there_is_no_promise_to_keep(monkeypatch: pytest.MonkeyPatch, sides) -> None:
    plan = sides | {"params": {"side": [-1.0, 1.0]}, "walk_forward": WINDOWS | {"aim": "least"}}
    result = walked(monkeypatch, market(UP_AND_DOWN[:12]), plan)
    assert result.verdict.startswith("Isolated and cross survived both windows.")
    assert result.verdict.endswith("had no gain in sample: there is no promise to hold the tests against.")


def test_efficiency_is_the_return_a_year_kept() -> None:
    assert efficiency([0.2, 0.2], [0.1, -0.05], 1.0, 0.5) == pytest.approx(0.25)
    assert math.isnan(efficiency([0.1, -0.2], [0.1, 0.1], 1.0, 1.0))


WALK = {"train": "30d", "test": "10d"}
PLAN = {"strategy": "trend", "market": "synthetic", "walk_forward": WALK}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"walk_forward": {"train": "30d"}}, "walk_forward: has no test"),
        ({"walk_forward": {"train": "a month", "test": "10d"}}, "walk_forward.train: is no length of time"),
        ({"walk_forward": WALK | {"measur": ""}}, "measur: is an unknown key; .*nearest: measure"),
        ({"walk_forward": WALK | {"measure": "sharp"}}, "measure: .*nearest: sharpe"),
        ({"walk_forward": WALK | {"of": "mixed"}}, "walk_forward.of: is no mode of the plan"),
        ({"mode": "cross", "walk_forward": WALK | {"of": "difference"}}, "is of two modes, and 1 are run"),
        ({"seed": [1, 2]}, "seed: has several values, and a walk-forward goes over one market"),
        ({"leverage": [2, 5], "exclude": [{"mode": "cross", "leverage": 5}]}, "mode: has not every combination"),
        ({"params": {"fasst": 3}}, "nearest: fast"),
    ],
)  # fmt: skip
def test_what_cannot_be_walked_is_said(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_walk(PLAN | change)


def test_a_plan_without_the_table_is_said(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text('strategy = "trend"\nmarket = "synthetic"\n')
    with pytest.raises(ConfigurationError, match=r"plan.toml: the plan: has no table \[walk_forward\].*Add one"):
        read_walk(tmp_path / "plan.toml")
    with pytest.raises(ConfigurationError, match=r"plan: cannot be read: No such file"):
        read_walk(tmp_path / "none.toml")
