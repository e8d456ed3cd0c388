"""Do the words about a batch count what its rows say?"""

from __future__ import annotations

import pandas as pd
import pytest

from backtester.batch.printing import failures, ran
from backtester.batch.verdict import beside, verdict
from tests.batch.test_results import made_up

EQUITY = {"isolated": [100.0, 90, 80, 80], "cross": [100.0, 120, 130, 10]}


def broken(frame: pd.DataFrame, **where: object) -> pd.DataFrame:
    """Return rows with those that meet all of `where` failed."""
    hit = pd.concat([frame[name] == value for name, value in where.items()], axis=1).all(axis=1)
    return frame.assign(error=frame["error"].mask(hit, "no luck"))


def test_two_modes_are_held_against_each_other_setting_by_setting() -> None:
    frame = made_up(EQUITY)
    frame.loc[frame["mode"] == "cross", "max_drawdown_in_bars"] = [0.5, 0.25, 0.75, 1.0]
    frame.loc[(frame["mode"] == "cross") & (frame["leverage"] == 4), ["liquidations", "time_of_ruin"]] = 3.0
    alike, worst = "and alike in 1 of 4 settings", "at worst 50.00 % in isolated and 100.00 % in cross"
    (said,) = verdict(frame)
    assert said.split(". ") == [
        f"Higher final equity: isolated in 1, cross in 2 {alike}; in the median isolated ended 15.00 below cross",
        f"Smaller drawdown inside bars: isolated in 2, cross in 1 {alike}, {worst}",
        "Liquidated: isolated in 0 of 4 runs and cross in 1 of 4 runs",
        "Lost everything: isolated in 0 and cross in 1.",
    ]


def test_a_median_that_is_no_difference_is_not_told() -> None:
    frame = made_up({"isolated": [100.0, 90, 80, 70], "cross": [100.0, 90 + 1e-9, 60, 90]})
    assert "in the median" not in verdict(frame)[0]


def test_more_modes_have_the_best_of_each_setting() -> None:
    said = verdict(made_up(EQUITY | {"mixed": [200.0, 1, 1, 1]}))[0]
    assert said.startswith("Highest final equity: isolated in 1, cross in 2 and mixed in 1 of 4 settings. Smallest ")
    assert said.endswith("No run lost everything.")


def test_one_mode_is_held_against_nothing() -> None:
    assert verdict(made_up({"cross": [1.0, 2.0]})) == (
        "Liquidated: cross in 0 of 2 runs. No run lost everything.",
    )


def test_failed_runs_count_in_nothing() -> None:
    frame = broken(made_up(EQUITY), leverage=2.0, mode="cross")
    assert len(beside(frame, "final_equity")) == 3
    assert verdict(frame)[0].startswith("Higher final equity: isolated in 1, cross in 1 and alike in 1 of 3 settings")
    assert verdict(frame)[1:] == ("1 of 8 runs failed and count in nothing.",)
    assert verdict(frame.assign(error="no luck")) == ("8 of 8 runs failed and count in nothing.",)
    assert verdict(frame.iloc[:0]) == ("There is no run.",)


def test_what_only_one_mode_knows_does_not_part_the_settings() -> None:
    """Two runs in mixed for one in cross: the median of them counts."""
    mixed = [made_up({"mixed": [value]}).assign(isolated=name) for value, name in ((10.0, "A"), (20.0, "B"))]
    frame = pd.concat([made_up({"cross": [12.0]}).assign(isolated=""), *mixed], ignore_index=True)
    assert beside(frame, "final_equity").to_numpy().tolist() == [[12.0, 15.0]]


def test_each_error_is_told_once_with_its_first_run() -> None:
    frame = broken(made_up(EQUITY), mode="cross")
    (found,) = failures(frame)
    assert found[:2] == ("no luck", 4)
    assert found.first == "leverage=1, mode=cross, strategy=one"


@pytest.mark.parametrize(
    ("values", "words"), [([1.0, 2.5], "1, 2.5"), ([*map(float, range(8))], "0, 1, 2 ... 7 (8 values)")]
)
def test_what_was_run_is_told_by_setting(values: list[float], words: str) -> None:
    frame = made_up({"cross": [1.0] * len(values)}).assign(leverage=values, shock="")
    assert ran(frame) == [("leverage", words), ("mode", "cross"), ("strategy", "one")]
