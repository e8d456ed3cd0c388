"""What a comparison holds, and how it is run, on results put together by hand."""

import json
import math
import pickle
import sys
import types

import pytest

from backtester.account import Account
from backtester.compare import Comparison, compare
from backtester.comparing.summary import MEASURES, formatted, summarise
from backtester.errors import ConfigurationError
from tests.fake_result import HOUR, START, fake_comparison, fake_result, story
from tests.unit.pairs import BUY, FLAT, MARKET, pair


class TestSummary:
    def test_has_every_measure_and_nothing_else(self):
        assert list(summarise(pair()[0])) == [measure.key for measure in MEASURES]

    def test_values(self):
        run = fake_result(
            MARKET,
            [10_000, 12_000, 9_000, 9_000, 9_600, 9_000, 9_000, 11_000],
            low=[9_900, 10_000, 6_000, 9_000, 9_000, 9_000, 9_000, 9_000],
            events=[BUY, (4, 1, "liquidation", -5.0, 80.0, -812.4)],
            margin=[0, 400, 400, 0, 0, 0, 0, 0],
            ratio=[0, 0.5, math.inf, 0, 0, 0, 0, 0],
            fees=12.5,
            funding=-3.0,
            cut=2,
            rejected=1,
        )
        values = summarise(run)
        assert values["final_equity"] == 11_000
        assert values["total_return"] == pytest.approx(0.1)
        assert values["max_drawdown"] == 0.25
        assert values["max_drawdown_in_bars"] == 0.5
        assert (values["drawdown_bars"], values["drawdown_time"]) == (6, 6 * HOUR)
        assert (values["liquidations"], values["liquidation_loss"]) == (1, 812.4)
        assert values["worst_margin_ratio"] == math.inf
        assert values["closest_to_liquidation"] == 0.0
        assert (values["peak_margin"], values["mean_margin"]) == (400, 100)
        assert values["return_on_margin"] == pytest.approx(10.0)
        assert (values["fees"], values["funding"], values["cut"], values["rejected"]) == (12.5, -3.0, 2, 1)
        assert math.isnan(values["time_of_ruin"])

    def test_ruin(self):
        values = summarise(fake_result(MARKET, [10_000, 5_000, 0, 0, 0, 0, 0, 0]))
        assert values["time_of_ruin"] == START + 3 * HOUR  # the close of bar 2
        assert values["total_return"] == -1.0

    def test_closest_to_liquidation_over_slots(self):
        run = fake_result(MARKET, FLAT, events=[BUY, (2, 0, "fill", -1.0, 100.0, 0.0)])
        assert math.isnan(summarise(run)["closest_to_liquidation"])
        run.liquidation_price[2:, 0] = 125.0
        run.liquidation_price[3, 1] = 90.0
        assert summarise(run)["closest_to_liquidation"] == 0.1

    def test_undefined_is_a_dash(self):
        assert formatted("sharpe", math.nan) == "-"
        assert formatted("time_of_ruin", math.nan) == "-"
        assert formatted("total_return", 0.125) == "12.50 %"
        assert formatted("total_return", 0.125, difference=True) == "+12.50 pp"


class TestComparison:
    def test_modes_are_attributes(self):
        comparison = fake_comparison(dict(zip(("isolated", "cross"), pair(), strict=True)))
        assert comparison.isolated is comparison.results["isolated"]
        with pytest.raises(AttributeError, match="its modes are isolated, cross"):
            _ = comparison.mixed

    def test_metrics_and_their_difference(self):
        first, second = pair(first=[*FLAT[:7], 10_500], second=[*FLAT[:7], 9_000])
        table = fake_comparison({"isolated": first, "cross": second}).metrics
        assert list(table.columns) == ["isolated", "cross", "difference"]
        assert table.at["final_equity", "difference"] == 1_500
        assert math.isnan(table.at["sortino", "difference"])

    def test_a_parting_names_modes_as_words(self):
        dead = [BUY, (4, 1, "liquidation", -5.0, 80.0, -812.4)]
        first, second = pair(dead, [BUY])
        said = fake_comparison({"sub_accounts": first, "cross": second}).parting.why
        assert said.startswith("sub-accounts was liquidated on SOLUSDT")

    def test_one_mode_or_three_have_no_difference(self):
        run = pair()[0]
        assert list(fake_comparison({"isolated": run}).metrics) == ["isolated"]
        assert fake_comparison({"isolated": run}).parting is None
        three = fake_comparison({"isolated": run, "cross": run, "mixed": run})
        assert "difference" not in three.metrics
        assert list(three.partings) == ["cross", "mixed"]
        assert "never part" in str(three)

    def test_frames_are_by_mode(self):
        comparison = story(48, 4)
        for name in ("equity", "positions", "trades", "liquidations", "ledger", "events"):
            frame = getattr(comparison, name)
            assert frame.index.names[0] == "mode", name
        assert comparison.equity.loc["cross"].equals(comparison.cross.equity_frame)
        assert len(comparison.liquidations.loc["isolated"]) == 4

    def test_report_is_plain_and_fits(self):
        said = str(story(synthetic=True, source="synthetic seed 3"))
        assert max(len(line) for line in said.splitlines()) <= 100
        assert said.isprintable() is False  # line ends
        assert all(ord(letter) < 128 for letter in said)
        for part_of_it in (
            "SYNTHETIC MARKET: made-up prices",
            "final equity [USDT]",
            "isolated - cross",
            "They part at 2025-10-",
            "isolated, favourable",
            "whatever the path inside the bars",
            "mark = trade for SOLUSDT",
            "extrapolate",
        ):
            assert part_of_it in said

    def test_real_data_are_not_called_synthetic(self):
        assert "SYNTHETIC" not in str(story(source="binance 1h"))

    def test_json_has_no_undefined_numbers(self):
        data = story(48).to_dict()
        again = json.loads(json.dumps(data, allow_nan=False))
        assert again["metrics"]["time_of_ruin"] == {"isolated": None, "cross": None, "difference": None}
        assert [(row["mode"], row["path"]) for row in again["band"]] == [
            (mode, path) for mode in ("isolated", "cross") for path in ("adverse", "candle", "favourable")
        ]
        assert again["partings"]["cross"]["bar"] >= 0

    def test_pickles(self):
        comparison = fake_comparison({})
        assert isinstance(pickle.loads(pickle.dumps(comparison)), Comparison)


class TestRunning:
    @pytest.fixture
    def engine(self, monkeypatch):
        calls = []
        module = types.ModuleType("backtester.engine")
        planned = types.SimpleNamespace(followers=(), plan=types.SimpleNamespace(slots=()))
        module.prepare = lambda strategy, market, account, **more: calls.append(("prepare", more)) or planned

        def run(strategy, market, account, *, mode, path, record, prepared):
            assert prepared is planned
            calls.append((mode, path, record))
            made = fake_result(market, FLAT, mode=mode, path=path)
            made.check_ledger = lambda: calls.append("ledger checked")
            return made

        module.run = run
        monkeypatch.setitem(sys.modules, "backtester.engine", module)
        return calls

    def test_targets_once_then_each_mode_on_each_path(self, engine):
        told = []
        comparison = compare(None, MARKET, Account(), progress=lambda *step: told.append(step), check=False)
        assert engine[0][0] == "prepare"
        assert engine[1:] == [
            ("isolated", "adverse", "full"),
            ("isolated", "candle", "lows"),
            ("isolated", "favourable", "lows"),
            ("cross", "adverse", "full"),
            ("cross", "candle", "lows"),
            ("cross", "favourable", "lows"),
        ]
        assert told[0] == (0, 6, "isolated, adverse")
        assert told[-1] == (6, 6, "done")
        assert comparison.modes == ("isolated", "cross")
        assert comparison.cross.scenario.path == "adverse"
        assert len(comparison.band) == 6
        assert comparison.venue == "generic"

    def test_checks_look_ahead_and_every_ledger(self, engine):
        compare(None, MARKET, Account(), ["cross"])
        assert engine[0] == ("prepare", {"check": True})
        assert engine.count("ledger checked") == 3

    def test_an_account_path_of_its_own_is_the_main_one(self, engine):
        comparison = compare(None, MARKET, Account(path="close"), ["cross"], check=False)
        assert [call[1:] for call in engine[1:]] == [
            ("close", "full"),
            ("adverse", "lows"),
            ("candle", "lows"),
            ("favourable", "lows"),
        ]
        assert comparison.cross.scenario.path == "close"

    def test_changed_rules_and_assumed_tiers_are_said(self, engine):
        comparison = compare(None, MARKET, Account(rules={"slippage": 0.001}), check=False)
        said = str(comparison)
        assert "slippage = 0.001" in said
        assert "assumed" in said

    @pytest.mark.parametrize(
        ("modes", "words"),
        [((), "no margin mode"), (("crossed",), "cross"), (("cross", "cross"), "twice"), ("isolatet", "isolated")],
    )
    def test_bad_modes(self, engine, modes, words):
        with pytest.raises(ConfigurationError, match=words):
            compare(None, MARKET, Account(), modes)
        assert not engine
