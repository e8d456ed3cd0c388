"""Is a look-ahead found whatever parameters it depends on, though only the first of a plan are looked at closely?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from backtester.asking import causality
from backtester.batch import read_runs, run_plan
from tests.batch.small import PLAIN, same_rows

PEEKS = '''
"""Compares a close with an average, and may see some bars more than there are."""

import numpy as np
import pandas as pd

from backtester import Strategy, Targets
from backtester.indicators import sma


class Peeks(Strategy):
    window: int = 10
    ahead: int = 0
    way: str = "shift"
    needs: int = 0  # bars
    log: str = ""

    def targets(self, market):
        if self.log:
            with open(self.log, "a") as file:
                file.write(f"{self.window} {market.n_bars}\\n")
        if market.n_bars < self.needs:
            raise ValueError("so few bars are too few")
        close, average = market.close, sma(market.close, self.window)
        if self.ahead and self.way == "shift":
            close = pd.DataFrame(close).shift(-self.ahead).to_numpy()
        elif self.ahead and self.way == "roll":
            close = np.roll(close, -self.ahead, axis=0)
        elif self.ahead and self.way == "all bars":
            average = close.mean(axis=0)
        elif self.ahead:
            average = pd.DataFrame(close).rolling(2 * self.ahead + 1, center=True).mean().to_numpy()
        return Targets(notional=1_000.0 * np.sign(close - average))
'''
WINDOWS = [5, 8, 13, 21, 34]
PERIOD = {"start": "2024-01-01", "end": "2024-03-01"}
N_BARS = 60 * 24


def plan_of(folder: Path, **params: Any) -> dict[str, Any]:
    (folder / "peeks.py").write_text(PEEKS)
    asked = {"strategy": str(folder / "peeks.py"), "params": {"window": WINDOWS, **params}}
    return {**PLAIN, **asked, "period": PERIOD, "metrics": "plain"}


def rows_of(plan: Mapping[str, Any], folder: Path, workers: int = 1, *, resume: bool = False) -> pd.DataFrame:
    run_plan(plan, folder, workers=workers, resume=resume)
    return read_runs(folder)


def asked(log: Path) -> dict[int, list[int]]:
    """Return on how many bars each window was asked about."""
    found: dict[int, list[int]] = {window: [] for window in WINDOWS}
    for line in log.read_text().splitlines():
        window, n_bars = map(int, line.split())
        found[window].append(n_bars)
    return found


@pytest.mark.parametrize("way", ["shift", "roll", "all bars", "centred"])
def test_it_fails_with_the_parameters_it_peeks_with_and_only_with_them(tmp_path: Path, way: str) -> None:
    rows = rows_of(plan_of(tmp_path, ahead=[0, 1, 3], way=way), tmp_path / "out")
    peeked = rows["params.ahead"] > 0
    assert len(rows) == 2 * 3 * len(WINDOWS)
    assert rows.loc[~peeked, "error"].isna().all()
    assert rows.loc[peeked, "error"].str.contains("it looks into the future: notional changes").all()


def test_the_first_parameters_are_looked_at_closely_and_further_ones_briefly(tmp_path: Path) -> None:
    rows = rows_of(plan_of(tmp_path, log=str(tmp_path / "log")), tmp_path / "out")
    assert rows["error"].isna().all()
    first, *others = asked(tmp_path / "log").values()
    assert len(first) == 1 + 8
    assert sum(n > N_BARS // 10 for n in first) == 1 + 8
    for lengths in others:
        assert lengths[0] == N_BARS
        assert 3 <= len(lengths) - 1 <= causality.EARLY + 1
        assert sum(n > N_BARS // 3 for n in lengths[1:]) <= 1


def test_where_the_first_parameters_peek_all_are_looked_at_closely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(causality, "brief_cuts", lambda author, changed: [])  # a brief look would find nothing
    assert rows_of(plan_of(tmp_path, ahead=1), tmp_path / "all")["error"].notna().all()
    some = rows_of(plan_of(tmp_path, ahead=[0, 1]), tmp_path / "some")
    assert some["error"].isna().all()  # which is why a brief look looks at something


def test_code_that_needs_more_bars_than_a_brief_look_has_is_looked_at_closely(tmp_path: Path) -> None:
    needs = N_BARS // 10
    rows = rows_of(plan_of(tmp_path, needs=needs, log=str(tmp_path / "log")), tmp_path / "out")
    assert rows["error"].isna().all()
    for lengths in asked(tmp_path / "log").values():
        assert sum(n >= needs for n in lengths) >= 1 + 8
    peeking = rows_of(plan_of(tmp_path, needs=needs, ahead=[0, 1]), tmp_path / "peeking")
    assert (peeking["error"].notna() == (peeking["params.ahead"] == 1)).all()


def test_rows_do_not_depend_on_who_is_looked_at_first(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ahead=[0, 2])
    alone, both, later = (tmp_path / name for name in ("alone", "both", "later"))
    rows_of(plan, alone)
    rows_of(plan, both, workers=2)
    rows_of({**plan, "mode": "cross"}, later)
    rows_of(plan, later, workers=2, resume=True)
    same_rows(alone, both)
    same_rows(alone, later)


def test_in_a_batch_that_goes_on_the_first_parameters_of_the_plan_are_still_the_first(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, log=str(tmp_path / "log"))
    few = {**plan, "params": {**plan["params"], "window": WINDOWS[:1]}}
    rows_of(few, tmp_path / "out")
    (tmp_path / "log").unlink()
    assert rows_of(plan, tmp_path / "out", resume=True)["error"].isna().all()
    first, *others = asked(tmp_path / "log").values()
    assert len(first) == 1 + 8
    assert all(sum(n > N_BARS // 3 for n in lengths) <= 2 for lengths in others)


WRITES = '''
"""Two averages, one of them written into."""

from backtester import Strategy, Targets
from backtester.indicators import sma


class Writes(Strategy):
    window: int = 10
    inside: bool = False

    def targets(self, market):
        average = sma(market.close, self.window)
        if self.inside:
            average -= market.close
            average *= -100.0
        else:
            average = -100.0 * (average - market.close)
        return Targets(notional=average)
'''


def test_a_strategy_may_write_into_an_indicator_in_a_sweep(tmp_path):
    """It is lent what others were given too, and asked again with an array of its own when it writes."""
    (tmp_path / "writes.py").write_text(WRITES)
    plan = {**PLAIN, "strategy": str(tmp_path / "writes.py"), "period": PERIOD, "metrics": "plain"}
    plan["params"] = {"window": WINDOWS, "inside": [False, True]}
    rows = rows_of(plan, tmp_path / "runs")
    assert rows["error"].isna().all()
    inside, apart = (
        rows[rows["params.inside"] == is_inside].sort_values(["params.window", "mode"]).reset_index(drop=True)
        for is_inside in (True, False)
    )
    same = [name for name in rows.columns if name not in ("key", "params.inside")]
    pd.testing.assert_frame_equal(inside[same], apart[same], check_exact=True)
    assert inside["final_equity"].nunique() > len(WINDOWS)
