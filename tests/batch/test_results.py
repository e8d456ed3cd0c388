"""Are rows filtered, grouped, ranked and compared as the words say?"""

from __future__ import annotations

import math
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pytest

from backtester.batch import read_runs, run_plan
from backtester.batch.along import along, crossings, said
from backtester.batch.reading import by_group, extremes, filtered, varying
from backtester.errors import ConfigurationError
from tests.batch.small import SMALL

FLAGGED = """
from backtester import Strategy, Targets

class Flagged(Strategy):
    short: bool = False

    def targets(self, market):
        return Targets(notional=1_000.0)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("batch")
    run_plan(SMALL, place, workers=1)
    return place


@pytest.fixture(scope="module")
def rows(folder: Path) -> pd.DataFrame:
    return read_runs(folder)


def made_up(equities: dict[str, list[float]]) -> pd.DataFrame:
    """Return rows with the final equity of each mode at leverage 1, 2, ... over half a year."""
    return pd.DataFrame(
        [
            {"leverage": float(k + 1), "mode": mode, "final_equity": equity, "total_return": equity / 100 - 1}
            for mode, values in equities.items()
            for k, equity in enumerate(values)
        ]
    ).assign(
        error=None, days=365.25 / 2, max_drawdown_in_bars=0.5, liquidations=0.0, time_of_ruin=math.nan, strategy="one"
    )


def test_duckdb_reads_the_parts_as_they_are(folder: Path, rows: pd.DataFrame) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    query = f"""
        select mode, "params.exposure" as exposure, count(*) as runs, max(final_equity) as best
        from '{folder}/runs/*.parquet' where error is null group by all order by all
    """
    found = duckdb.sql(query).fetchall()
    expected = rows.groupby(["mode", "params.exposure"])["final_equity"].agg(["count", "max"]).reset_index()
    assert found == list(expected.itertuples(index=False, name=None))


def test_conditions_keep_the_rows_that_meet_all(rows: pd.DataFrame) -> None:
    assert set(filtered(rows, ["leverage>=20", "mode=cross"])["leverage"]) == {20, 50}
    assert len(filtered(rows, ["leverage >= 20", "mode = cross", "seed!=1"])) == len(rows) // 6
    assert filtered(rows, ["params.exposure<6"])["params.exposure"].unique().tolist() == [2]
    assert len(filtered(rows, [])) == len(rows)
    for sign, kept in (("<", {5}), ("<=", {5, 20}), ("=", {20}), ("!=", {5, 50}), (">=", {20, 50}), (">", {50})):
        assert set(filtered(rows, [f"leverage{sign}20"])["leverage"]) == kept


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("leverage", "where: is no condition; found 'leverage'"),
        ("levrage=5", "where: is no column of these runs; found 'levrage'; nearest: leverage"),
        ("leverage>high", "where: compares a number with a text"),
    ],
)
def test_what_is_no_condition_is_said(rows: pd.DataFrame, condition: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        filtered(rows, [condition])
    assert words in str(error.value)


def test_truth_values_are_compared_as_such() -> None:
    frame = pd.DataFrame({"params.short": [True, False, True]})
    assert filtered(frame, ["params.short=true"]).index.tolist() == [0, 2]
    with pytest.raises(ConfigurationError, match="compares with no truth value"):
        filtered(frame, ["params.short=1"])


def test_truth_values_that_some_runs_do_not_have_are_compared_as_such(tmp_path: Path) -> None:
    (tmp_path / "flagged.py").write_text(FLAGGED)
    plan = {"strategy": str(tmp_path / "flagged.py"), "params": {"short": [True, False]}, "market": "synthetic"}
    run_plan(plan | {"include": [{"strategy": "trend"}], "period": SMALL["period"]}, tmp_path / "out", workers=1)
    some = read_runs(tmp_path / "out")
    assert len(some) == 6
    assert filtered(some, ["params.short=true"])["params.short"].tolist() == [True, True]
    assert filtered(some, ["params.short=false"])["params.short"].tolist() == [False, False]
    with pytest.raises(ConfigurationError, match="compares with no truth value"):
        filtered(some, ["params.short=1"])


def test_a_row_has_its_period(rows: pd.DataFrame) -> None:
    assert set(rows["start"]) == {"2024-01-01 00:00"}
    assert set(rows["end"]) == {"2024-01-11 00:00"}


def test_the_settings_that_differ_are_those_of_the_axes(rows: pd.DataFrame) -> None:
    assert set(varying(rows)) == {"symbols", "seed", "params.exposure", "leverage", "mode"}


def test_best_and_worst_of_each_mode(rows: pd.DataFrame) -> None:
    found = extremes(rows, "final_equity", 3, ascending=False)
    assert list(found) == ["isolated", "cross"]
    for mode, (best, worst) in found.items():
        ranked = rows[rows["mode"] == mode]["final_equity"].sort_values(ascending=False)
        assert best["final_equity"].tolist() == ranked.head(3).tolist()
        assert worst["final_equity"].tolist() == ranked.tail(3).tolist()
    few = extremes(rows[:3], "final_equity", 3, ascending=True)
    assert sum(len(best) + len(worst) for best, worst in few.values()) == 3
    for n, expected in ((1, (1, 0)), (2, (1, 1)), (5, (3, 2)), (7, (3, 3))):
        ((best, worst),) = extremes(rows[rows["mode"] == "cross"][:n], "final_equity", 3, ascending=False).values()
        assert (len(best), len(worst)) == expected
        assert not set(best["key"]) & set(worst["key"])
    some = rows[rows["mode"] == "cross"].assign(sortino=[1.0, *[math.nan] * (len(rows) // 2 - 1)])
    ((best, worst),) = extremes(some, "sortino", 3, ascending=False).values()
    assert (best["sortino"].tolist(), len(worst)) == ([1.0], 0)


def test_groups_count_and_average_what_was_done(rows: pd.DataFrame) -> None:
    table = by_group(rows, ["leverage", "mode"])
    assert table["runs"].tolist() == [8] * 6
    assert table["mode"].tolist() == ["isolated", "cross"] * 3
    one = rows[(rows["leverage"] == 50) & (rows["mode"] == "isolated")]
    line = table.set_index(["leverage", "mode"]).loc[(50, "isolated")]
    assert line["median_final_equity"] == one["final_equity"].median()
    assert line["liquidated"] == (one["liquidations"] > 0).mean() > 0
    assert line["worst_drawdown_in_bars"] == one["max_drawdown_in_bars"].max()
    broken = rows.assign(error=["no luck", *[None] * (len(rows) - 1)])
    assert by_group(broken, ["market"])["failed"].tolist() == [1]
    with pytest.raises(ConfigurationError, match="group: is no column"):
        by_group(rows, ["levrage"])


def test_every_column_of_groups_is_counted() -> None:
    random = np.random.default_rng(1)
    rows = pd.DataFrame(
        {
            "strategy": "one",
            "leverage": np.repeat([2.0, 5.0, 9.0], 10),
            "mode": ["isolated", "cross"] * 15,
            "final_equity": random.normal(100.0, 30.0, 30),
            "total_return": random.normal(0.0, 0.3, 30) ** 3,
            "max_drawdown_in_bars": random.random(30),
            "liquidations": random.integers(0, 3, 30) ** 3.0,
            "time_of_ruin": np.where(random.random(30) < 0.3, 1e18, math.nan),
            "days": 100.0,
            "error": np.where(random.random(30) < 0.2, "no luck", None),  # type: ignore[arg-type]
        }
    )
    table, growths = by_group(rows, ["leverage", "mode"]), along(rows, "leverage")
    assert table["failed"].sum() == rows["error"].notna().sum() > 0
    for k, line in table.iterrows():
        here = [r for r in rows.to_dict("records") if (r["leverage"], r["mode"]) == (line["leverage"], line["mode"])]
        done = [r for r in here if r["error"] != "no luck"]
        equity, returns = [r["final_equity"] for r in done], [r["total_return"] for r in done]
        falls, counts = [r["max_drawdown_in_bars"] for r in done], [r["liquidations"] for r in done]
        assert (line["runs"], line["failed"]) == (len(here), len(here) - len(done))
        assert line["median_final_equity"] == pytest.approx(median(equity))
        assert (line["least_final_equity"], line["most_final_equity"]) == (min(equity), max(equity))
        assert line["median_return"] == pytest.approx(median(returns))
        assert line["median_drawdown_in_bars"] == pytest.approx(median(falls))
        assert line["worst_drawdown_in_bars"] == max(falls)
        assert line["mean_liquidations"] == pytest.approx(sum(counts) / len(done))
        assert line["liquidated"] == pytest.approx(sum(each > 0 for each in counts) / len(done))
        assert line["ruined"] == pytest.approx(sum(r["time_of_ruin"] > 0 for r in done) / len(done))
        yearly = median(math.log(1 + each) * 365.25 / 100 for each in returns)
        assert growths["median_growth"][k] == pytest.approx(yearly)


def test_growth_is_the_log_of_the_wealth_a_year_and_ruin_is_without_bottom() -> None:
    table = along(made_up({"isolated": [200.0, 100.0], "cross": [50.0, 0.0]}), "leverage")
    growth = table.set_index(["leverage", "mode"])["median_growth"]
    assert growth[1.0, "isolated"] == pytest.approx(2 * math.log(2))
    assert growth[1.0, "cross"] == pytest.approx(-2 * math.log(2))
    assert (growth[2.0, "isolated"], growth[2.0, "cross"]) == (0.0, -math.inf)


def test_where_the_modes_cross_over() -> None:
    table = along(made_up({"isolated": [100.0, 90, 80, 80], "cross": [100.0, 120, 130, 10]}), "leverage")
    equity, pair = "median_final_equity", ("isolated", "cross")
    assert crossings(table, "leverage", equity, pair) == [("", 1, 1), ("cross", 2, 3), ("isolated", 4, 4)]
    assert said(table, "leverage") == [
        "Higher median final equity, along leverage: neither at 1, cross from 2 to 3 and isolated at 4.",
        "Smaller worst drawdown, along leverage: neither from 1 to 4.",
    ]
    close = table.assign(median_final_equity=[1e4, 1e4 + 1e-6, 1e4, 1e4 + 1e-4, 1e-6, 2e-6, 0.0, 0.0])
    assert crossings(close, "leverage", equity, pair) == [("", 1, 1), ("cross", 2, 3), ("", 4, 4)]
    deep = table.assign(worst_drawdown_in_bars=[0.1, 0.2] * 4)
    assert said(deep, "leverage")[1] == "Smaller worst drawdown, along leverage: isolated from 1 to 4."
    short = table.drop(table.index[-1])
    assert crossings(short, "leverage", equity, pair) == [("", 1, 1), ("cross", 2, 3)]
    assert said(along(made_up({"cross": [1.0]}), "leverage"), "leverage") == []
    unfair = table[((table["mode"] == "cross") == (table["leverage"] > 2))]
    assert said(unfair, "leverage") == ["At no leverage have both modes as many runs: nothing to compare."]


def test_runs_without_the_setting_and_failed_ones_are_not_along_it() -> None:
    rows = made_up({"isolated": [100.0, 90], "cross": [100.0, 120]}).rename(columns={"leverage": "params.fast"})
    more = pd.concat([rows, rows.assign(**{"params.fast": math.nan})], ignore_index=True)
    pd.testing.assert_frame_equal(along(more, "params.fast"), along(rows, "params.fast"))
    with pytest.raises(ConfigurationError, match=r"along: has no run that did not fail; found 'params\.fast'"):
        along(rows.assign(error="no luck"), "params.fast")


def test_along_wants_numbers(rows: pd.DataFrame) -> None:
    with pytest.raises(ConfigurationError, match="along: holds no numbers; found 'symbols'"):
        along(rows, "symbols")
    with pytest.raises(ConfigurationError, match=r"along: is no column.*nearest: leverage"):
        along(rows, "levrage")


def test_a_folder_without_runs_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="folder: holds no runs of a batch"):
        read_runs(tmp_path)
    with pytest.raises(ConfigurationError, match="folder: is no folder"):
        read_runs(tmp_path / "none")


def test_a_part_that_was_spoilt_is_named_with_the_cure(tmp_path: Path) -> None:
    plan = {"strategy": "trend", "market": "synthetic", "symbols": "FAKE1", "period": SMALL["period"]}
    run_plan(plan, tmp_path, workers=1)
    spoilt = tmp_path / "runs" / "part-000007.parquet"
    spoilt.write_text("no Parquet at all")
    for call in (lambda: read_runs(tmp_path), lambda: run_plan(plan, tmp_path, workers=1, resume=True)):
        with pytest.raises(ConfigurationError, match=r"part-000007.parquet'. Remove it: --resume does its runs again"):
            call()
    spoilt.unlink()
    assert run_plan(plan, tmp_path, workers=1, resume=True).skipped == 2
