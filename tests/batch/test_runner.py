"""Does every run get its row, the same whoever does it, and are they kept and found again?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtester import Account, Market, compare
from backtester.batch import plan_of, read_runs, run_plan
from backtester.batch.runner import Outcome
from backtester.batch.store import Rows, parts_of
from backtester.comparing.summary import MEASURES
from backtester.errors import ConfigurationError, MarketDataError
from backtester.venue import Venue, load_venue
from backtester.wanted import Wanted
from data import synthetic
from data.locks import locked
from strategies import load
from tests.batch.small import BOTH, NAMED, PLAIN, SMALL, fragile, plan_with, same_rows
from tests.cli.candle_folder import candles, put

PEEKS = """
import numpy as np
from backtester import Strategy, Targets

class Peeks(Strategy):
    def targets(self, market):
        return Targets(notional=1_000.0 * np.sign(np.roll(market.close, -1, axis=0) - market.close))
"""
OTHERS = (("counted", 5), ("chosen", True))


def test_rows_are_the_numbers_of_compare(tmp_path: Path) -> None:
    outcome = run_plan(plan_with(seed=2, symbols="FAKE1,FAKE2", params={"exposure": 6}), tmp_path, workers=1)
    assert outcome == Outcome(tmp_path, total=6, done=6)
    market = synthetic(240, 6, seed=2).select(["FAKE1/USDT:USDT", "FAKE2/USDT:USDT"])
    rows = read_runs(tmp_path).set_index(["leverage", "mode"])
    for leverage in (5, 20, 50):
        table = compare(load("grid_reversion", exposure=6), market, Account(leverage=leverage)).metrics
        for mode in ("isolated", "cross"):
            found = rows.loc[(leverage, mode), [measure.key for measure in MEASURES]].astype(float)
            pd.testing.assert_series_equal(found, table[mode], check_names=False, check_exact=True)
            assert rows.loc[(leverage, mode), ["bars", "days"]].tolist() == [240, 10.0]


def test_every_row_is_of_its_own_market_parameters_and_leverage(tmp_path: Path) -> None:
    run_plan(plan_with(leverage=[5, 50]), tmp_path, workers=2)
    settings = ["seed", "symbols", "params.exposure", "leverage", "mode"]
    rows = read_runs(tmp_path).set_index(settings)["final_equity"]
    assert rows.nunique() > len(rows) // 2
    for seed in (1, 2):
        whole = synthetic(240, 6, seed=seed)
        for symbols in ("FAKE1,FAKE2", "FAKE3"):
            market = whole.select([f"{name}/USDT:USDT" for name in symbols.split(",")])
            for exposure, leverage in ((2, 5), (2, 50), (6, 5), (6, 50)):
                table = compare(load("grid_reversion", exposure=exposure), market, Account(leverage=leverage)).metrics
                for mode in ("isolated", "cross"):
                    assert rows[seed, symbols, exposure, leverage, mode] == table.at["final_equity", mode]


def test_a_strategy_that_looks_ahead_fails_if_that_is_checked(tmp_path: Path) -> None:
    (tmp_path / "peeks.py").write_text(PEEKS)
    plan = PLAIN | {"strategy": str(tmp_path / "peeks.py")}
    assert run_plan(plan, tmp_path / "checked", workers=1).failed == 2
    assert read_runs(tmp_path / "checked")["error"].str.contains("it looks into the future").all()
    assert run_plan(plan | {"check": False}, tmp_path / "unchecked", workers=1).failed == 0


def test_slots_keep_what_they_say_for_a_mode_that_only_an_include_has(tmp_path: Path) -> None:
    (tmp_path / "both.py").write_text(BOTH)
    strategy = str(tmp_path / "both.py")
    plan = PLAIN | {"strategy": strategy, "symbols": "FAKE1,FAKE2", "mode": "cross", "include": [{"mode": "mixed"}]}
    run_plan(plan, tmp_path / "out", workers=1)
    rows = read_runs(tmp_path / "out").set_index("mode")["final_equity"]
    market = synthetic(240, 6).select(["FAKE1/USDT:USDT", "FAKE2/USDT:USDT"])
    table = compare(load(strategy), market, Account(leverage=10), ["cross", "mixed"]).metrics.loc["final_equity"]
    assert [rows["cross"], rows["mixed"]] == [table["cross"], table["mixed"]]
    assert rows["cross"] != rows["mixed"]


def test_the_same_rows_with_one_worker_two_and_processes(tmp_path: Path) -> None:
    for name, workers, processes in (("one", 1, False), ("two", 2, False), ("processes", 2, True)):
        outcome = run_plan(plan_with(processes=processes), tmp_path / name, workers=workers)
        assert (outcome.done, outcome.failed) == (48, 0)
    same_rows(tmp_path / "one", tmp_path / "two")
    same_rows(tmp_path / "one", tmp_path / "processes")


def test_a_leverage_that_the_strategy_sets_itself_is_kept(tmp_path: Path) -> None:
    """`trend` asks for its own leverage: asked once, it still has to act at each leverage of the account."""
    run_plan(PLAIN | {"leverage": [5, 20]}, tmp_path, workers=1)
    market = synthetic(240, 6).select(["FAKE1/USDT:USDT"])
    rows = read_runs(tmp_path).set_index(["leverage", "mode"])["final_equity"]
    for leverage in (5.0, 20.0):
        equity = compare(load("trend"), market, Account(leverage=leverage)).metrics.loc["final_equity"]
        assert [rows[leverage, mode] for mode in ("isolated", "cross")] == equity[["isolated", "cross"]].tolist()


def test_venues_and_rules_change_what_they_should(tmp_path: Path) -> None:
    run_plan(PLAIN | {"venue": ["binance", "kraken"], "rules": {"slippage": [0, 0.01]}}, tmp_path, workers=1)
    rows = read_runs(tmp_path).set_index(["venue", "rules.slippage", "mode"])["final_equity"]
    market = synthetic(240, 6).select(["FAKE1/USDT:USDT"])
    for venue in ("binance", "kraken"):
        account = Account(leverage=10, venue=venue, rules={"slippage": 0.01})
        assert rows[venue, 0.01, "cross"] == compare(load("trend"), market, account).metrics.at["final_equity", "cross"]
        assert rows[venue, 0.0, "cross"] > rows[venue, 0.01, "cross"]


def test_a_strategy_is_asked_once_for_all_leverages_modes_and_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from strategies.trend import Trend

    asked = []
    real = Trend.targets
    monkeypatch.setattr(Trend, "targets", lambda self, market: asked.append(market.n_bars) or real(self, market))
    plan = PLAIN | {"leverage": [2, 5, 10], "path": ["adverse", "candle"], "check": False}
    assert run_plan(plan, tmp_path, workers=2).done == 12
    assert asked == [240]


def test_plain_metrics_are_the_same_numbers_and_the_others_are_missing(tmp_path: Path) -> None:
    run_plan(PLAIN, tmp_path / "full", workers=1)
    run_plan(PLAIN | {"metrics": "plain"}, tmp_path / "plain", workers=1)
    full, some = read_runs(tmp_path / "full"), read_runs(tmp_path / "plain")
    missing = {"worst_margin_ratio", "closest_to_liquidation", "closest_together"}
    missing |= {"peak_margin", "mean_margin", "return_on_margin"}
    for measure in MEASURES:
        if measure.key in missing:
            assert some[measure.key].isna().all()
            assert full[measure.key].notna().all()
        else:
            np.testing.assert_array_equal(some[measure.key], full[measure.key])


def test_curves_are_kept_on_request_and_brought_later(tmp_path: Path) -> None:
    run_plan(PLAIN, tmp_path, workers=1)
    assert not (tmp_path / "curves").exists()
    again = run_plan(PLAIN | {"curves": True}, tmp_path, workers=1, resume=True)
    assert (again.skipped, again.done) == (0, 2)
    rows = read_runs(tmp_path)
    assert len(rows) == 2
    for _, row in rows.iterrows():
        curve = pd.read_parquet(tmp_path / "curves" / f"{row['key']}.parquet")
        assert (len(curve), curve["equity"].iloc[-1]) == (240, row["final_equity"])
    assert run_plan(PLAIN | {"curves": True}, tmp_path, workers=1, resume=True).skipped == 2


def test_parameters_of_one_name_and_two_kinds_are_texts(tmp_path: Path) -> None:
    (tmp_path / "said.py").write_text(NAMED.format(kind="str", usual='"a"'))
    (tmp_path / "counted.py").write_text(NAMED.format(kind="int", usual="3"))
    (tmp_path / "chosen.py").write_text(NAMED.format(kind="bool", usual="False"))
    others = [{"strategy": str(tmp_path / f"{name}.py"), "params": {"named": value}} for name, value in OTHERS]
    plan = PLAIN | {"strategy": str(tmp_path / "said.py"), "params": {"named": "b"}, "include": others}
    assert run_plan(plan, tmp_path / "out", workers=1).failed == 0
    assert set(read_runs(tmp_path / "out")["params.named"]) == {"b", "5", "true"}
    (one, two) = others
    plan = PLAIN | one | {"include": [two]}
    assert run_plan(plan, tmp_path / "numbers", workers=1).failed == 0
    assert set(read_runs(tmp_path / "numbers")["params.named"]) == {"5", "true"}


@pytest.mark.parametrize("asked", [True, False])
def test_a_store_is_asked_for_its_facts_if_the_plan_wants_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    def dearer(wanted: Wanted, venue: Venue, market: Market) -> Venue:
        """Each market has facts of its own."""
        rate = 0.01 if "FAKE1" in wanted.symbols else 0.02
        return replace(venue, default=replace(venue.default, taker_fee_rate=rate))

    monkeypatch.setattr("backtester.batch.shared.venue_of_store", dearer)
    run_plan(PLAIN | {"store_facts": asked, "symbols": ["FAKE1", "FAKE2"]}, tmp_path, workers=1)
    found = read_runs(tmp_path).set_index(["symbols", "mode"])["fees"]
    for name, rate in (("FAKE1", 0.01), ("FAKE2", 0.02)):
        market = synthetic(240, 6).select([f"{name}/USDT:USDT"])
        usual = load_venue("generic")
        venue = replace(usual, default=replace(usual.default, taker_fee_rate=rate)) if asked else usual
        fees = compare(load("trend"), market, Account(leverage=10, venue=venue)).metrics.loc["fees"]
        assert [found[name, mode] for mode in ("isolated", "cross")] == [fees["isolated"], fees["cross"]]


def test_a_longer_axis_runs_what_is_new_and_a_shorter_one_sets_rows_aside(tmp_path: Path) -> None:
    run_plan(PLAIN | {"leverage": [5, 10]}, tmp_path, workers=1)
    longer = run_plan(PLAIN | {"leverage": [5, 10, 20]}, tmp_path, workers=1, resume=True)
    assert (longer.skipped, longer.done, longer.set_aside) == (4, 2, 0)
    shorter = run_plan(PLAIN | {"leverage": 20}, tmp_path, workers=1, resume=True)
    assert (shorter.skipped, shorter.done, shorter.set_aside) == (2, 0, 4)
    assert read_runs(tmp_path)["leverage"].unique().tolist() == [20]
    aside = pd.concat(map(pd.read_parquet, sorted((tmp_path / "earlier").glob("*.parquet"))))
    assert sorted(aside["leverage"]) == [5, 5, 10, 10]


def test_an_edited_strategy_is_run_again(tmp_path: Path) -> None:
    plan = PLAIN | {"strategy": fragile(tmp_path)}
    run_plan(plan, tmp_path / "out", workers=1)
    file = tmp_path / "fragile.py"
    file.write_text(file.read_text().replace("notional=self.size", "notional=-self.size"))
    again = run_plan(plan, tmp_path / "out", workers=1, resume=True)
    assert (again.skipped, again.done, again.set_aside) == (0, 2, 2)


def test_a_folder_with_rows_is_not_written_to_by_accident(tmp_path: Path) -> None:
    run_plan(PLAIN, tmp_path / "out", workers=1)
    with pytest.raises(ConfigurationError, match=r"out: has runs of a batch.*--resume"):
        run_plan(PLAIN, tmp_path / "out", workers=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="out: is a file"):
        run_plan(PLAIN, tmp_path / "file")
    for workers in (0, True, 1.5):
        with pytest.raises(ConfigurationError, match="workers: cannot be used"):
            run_plan(PLAIN, tmp_path / "other", workers=workers)  # type: ignore[arg-type]


def test_two_batches_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(MarketDataError, match=f"another process is writing to {tmp_path}. Wait"):
        run_plan(PLAIN, tmp_path, workers=1)


def test_rows_are_written_soon_and_not_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second after the last part, later a hundredth of the time so far, and never more than fit in memory."""
    now = [0.0]
    monkeypatch.setattr("backtester._parts.time.monotonic", lambda: now[0])
    monkeypatch.setattr("backtester.batch.store.MOST", 5)
    rows = Rows(tmp_path, plan_of(PLAIN))
    written = []
    for moment in (0.1, 0.4, 0.6, 0.7, 1.0, 1.2, 1000.0, 1000.6, 1009.0, 1010.5, *[1010.6] * 6):
        now[0] = moment
        rows.add({"key": str(moment), "error": None})
        written.append(len(parts_of(tmp_path)))
    assert written == [0, 0, 1, 1, 1, 2, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5]
    rows.flush()
    assert sum(len(pd.read_parquet(part)) for part in parts_of(tmp_path)) == len(written)


def test_what_killed_writers_left_is_swept_by_the_next_batch(tmp_path: Path) -> None:
    left = [tmp_path / folder / ".part-000001.parquet.77.tmp" for folder in ("runs", "earlier", "curves")]
    for file in left:
        file.parent.mkdir()
        file.write_text("half a")
    run_plan(PLAIN, tmp_path, workers=1)
    assert not [file for file in left if file.exists()]


def test_a_ledger_that_does_not_balance_is_an_error_of_its_run_if_that_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backtester import Result
    from backtester.errors import InvariantError

    def off(self: Result) -> None:
        raise InvariantError("ledger", "1", "2")

    monkeypatch.setattr(Result, "check_ledger", off)
    assert run_plan(PLAIN, tmp_path / "checked", workers=1).failed == 2
    assert run_plan(PLAIN | {"check": False}, tmp_path / "unchecked", workers=1).failed == 0


def test_an_undefined_number_is_null(tmp_path: Path) -> None:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    run_plan(PLAIN, tmp_path, workers=1)
    for part in parts_of(tmp_path):
        table = pq.ParquetFile(part).read()
        assert table["time_of_ruin"].null_count == 2
        for measure in MEASURES:
            assert not pc.any(pc.is_nan(table[measure.key])).as_py(), measure.key


def test_a_made_up_market_has_a_seed_and_a_folder_has_none(tmp_path: Path) -> None:
    folder = str(put(tmp_path / "candles", trade=candles()))
    plan = {"strategy": "trend", "market": ["synthetic", folder], "metrics": "plain"}
    assert run_plan(plan, tmp_path / "out", workers=1).failed == 0
    seeds = read_runs(tmp_path / "out").set_index("market")["seed"]
    assert (seeds["synthetic"] == 7).all()
    assert seeds[folder].isna().all()


def test_progress_counts_up(tmp_path: Path) -> None:
    seen: list[Outcome] = []
    run_plan(SMALL, tmp_path, workers=2, progress=seen.append)
    assert [now.done for now in seen] == list(range(49))
    assert {now.total for now in seen} == {48}
