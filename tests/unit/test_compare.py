"""What a comparison says of results put together by hand."""

import json
import math
import pickle
import sys
import types

import numpy as np
import pandas as pd
import pytest

from backtester.account import Account
from backtester.compare import Comparison, compare
from backtester.errors import ConfigurationError
from backtester.parting import part
from backtester.schema import SEGMENTS
from backtester.summary import MEASURES, formatted, summarise
from backtester.verdict import band_frame, band_verdict, finer_timeframe
from tests.fake_result import HOUR, START, fake_comparison, fake_market, fake_result, story

MARKET = fake_market(8)
FLAT = [10_000.0] * 8
BUY = (1, 1, "fill", 5.0, 100.0, -1.0)
MINUTE = 60_000_000_000


def pair(first_events=(), second_events=(), *, first=FLAT, second=FLAT, market=MARKET, **more):
    return (
        fake_result(market, first, events=first_events, mode="isolated", **more),
        fake_result(market, second, events=second_events, mode="cross", **more),
    )


def parted(first_events, second_events, **more):
    return part(*pair(first_events, second_events, **more), ("isolated", "cross"))


class TestParting:
    def test_never(self):
        parting = parted([BUY], [BUY])
        assert parting.bar == -1
        assert str(parting) == "isolated and cross never part: same trades, same cash."

    def test_liquidated_in_one_and_kept_in_the_other(self):
        parting = parted([BUY, (4, 1, "liquidation", -5.0, 80.0, -812.4)], [BUY])
        assert parting.bar == 4
        assert parting.time == START + 4 * HOUR
        assert str(parting) == (
            "2025-10-01 04:00: isolated was liquidated on SOLUSDT (loss 812.40 USDT) while cross kept the position."
        )

    def test_the_other_way_round(self):
        parting = parted([BUY], [BUY, (4, 1, "liquidation", -5.0, 80.0, -812.4)])
        assert parting.why == "cross was liquidated on SOLUSDT (loss 812.40 USDT) while isolated kept the position."

    def test_the_other_closed_by_its_stop_in_the_same_bar(self):
        parting = parted([BUY, (4, 1, "liquidation", -5.0, 80.0, -812.4)], [BUY, (4, 1, "stop", -5.0, 90.0, -50.0)])
        assert parting.why.endswith("while cross closed it by its stop.")

    def test_several_slots_liquidated_at_once(self):
        both = [BUY, (1, 0, "fill", 1.0, 100.0, -1.0)]
        dead = [(4, 1, "liquidation", -5.0, 80.0, -100.0), (4, 0, "liquidation", -1.0, 80.0, -20.0)]
        parting = parted(both, [*both, *dead])
        assert parting.why == (
            "cross was liquidated on SOLUSDT and 1 more slot (loss 120.00 USDT) while isolated kept all 2 positions."
        )

    def test_both_liquidated_at_other_prices(self):
        parting = parted(
            [BUY, (4, 1, "liquidation", -5.0, 80.0, -100.0)], [BUY, (4, 1, "liquidation", -5.0, 70.0, -150.0)]
        )
        assert parting.why == (
            "both were liquidated on SOLUSDT, but not alike: isolated at a mark of 80 (loss 100.00) "
            "and cross at a mark of 70 (loss 150.00)."
        )

    def test_an_order_cut_for_want_of_margin(self):
        cut = [(1, 1, "cut", 0.0, np.nan, 0.0, "available"), (1, 1, "fill", 3.0, 100.0, -1.0)]
        parting = parted(cut, [BUY])
        assert parting.bar == 1
        assert parting.why == (
            "isolated cut the order for SOLUSDT to +3 (not enough free margin) while cross traded +5."
        )

    def test_an_order_rejected(self):
        parting = parted([(1, 1, "rejected", 0.0, np.nan, 0.0, "would_liquidate")], [BUY])
        assert parting.why == (
            "isolated rejected the order for SOLUSDT (it would have been liquidated at once) while cross traded +5."
        )

    def test_margin_instructions_that_only_isolated_follows_are_no_parting(self):
        parting = parted([BUY, (2, 1, "add_margin", 0.0, np.nan, 5.0)], [BUY, (2, 1, "rejected", 0, 0, 0, "refused")])
        assert parting.bar == -1

    def test_other_sizes(self):
        parting = parted([BUY], [(1, 1, "fill", 5.5, 100.0, -1.0)])
        assert parting.why == "on SOLUSDT isolated traded +5 (fill) while cross traded +5.5 (fill)."

    def test_a_trade_in_one_only(self):
        parting = parted([BUY, (3, 1, "stop", -5.0, 90.0, -50.0)], [BUY])
        assert parting.bar == 3
        assert parting.why == "on SOLUSDT isolated traded -5 (stop) while cross traded nothing."

    def test_a_difference_within_rounding_is_none(self):
        assert parted([BUY], [(1, 1, "fill", 5.0 * (1 + 1e-12), 100.0, -1.0)]).bar == -1

    def test_the_order_of_slots_in_the_log_does_not_matter(self):
        other = (1, 0, "fill", 2.0, 100.0, -1.0)
        assert parted([BUY, other], [other, BUY]).bar == -1

    def test_cash_that_differs_in_more_than_transfers(self):
        first, second = pair([BUY], [BUY])
        first.ledger = fake_result(MARKET, FLAT, ledger=[(0, "deposit", 1e4), (2, "transfer", 500.0)]).ledger
        second.ledger = fake_result(MARKET, FLAT, ledger=[(0, "deposit", 1e4)]).ledger
        assert part(first, second, ("isolated", "cross")).bar == -1
        second.ledger = fake_result(MARKET, FLAT, ledger=[(0, "deposit", 1e4), (5, "funding", -2.5)]).ledger
        parting = part(first, second, ("isolated", "cross"))
        assert parting.bar == 5
        assert parting.why == "same trades, but other cash through funding: isolated 0.00 against cross -2.50 USDT."

    def test_the_first_difference_counts(self):
        dead = (4, 1, "liquidation", -5.0, 80.0, -812.4)
        again = (6, 1, "fill", 5.0, 100.0, -1.0)
        assert parted([BUY, dead, again], [BUY, again]).bar == 4


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


class TestVerdict:
    def test_words(self):
        comparison = fake_comparison(
            dict(
                zip(
                    ("isolated", "cross"),
                    pair(
                        [BUY, (4, 1, "liquidation", -5.0, 80.0, -500.0)],
                        [BUY],
                        first=[10_000] * 4 + [9_500] * 4,
                        second=[10_000, 10_000, 5_000, 0, 0, 0, 0, 0],
                    ),
                    strict=True,
                )
            )
        )
        assert comparison.verdict == (
            "Isolated ended higher: 9,500.00 USDT, against 0.00 in cross. "
            "Isolated had the smaller drawdown inside bars: 5.00 %, against 100.00 % in cross. "
            "Liquidations: isolated 1 (500.00 USDT lost) and cross 0. "
            "Cross was ruined on 2025-10-01 04:00."
        )

    def test_closes_can_tell_another_story(self):
        first, second = pair([BUY], [BUY], first=[9_500.0] * 8, second=FLAT)
        second.equity_low = np.array([*FLAT[:7], 4_000.0])
        said = fake_comparison({"isolated": first, "cross": second}).verdict
        assert "Isolated had the smaller drawdown inside bars: 5.00 %, against 60.00 % in cross. " in said
        assert "On closes it was cross: 0.00 %, against 5.00 % in isolated." in said

    def test_how_near_a_mode_came_that_was_never_liquidated(self):
        first, second = pair([BUY, (4, 1, "liquidation", -5.0, 80.0, -500.0)], [BUY])
        second.cash = np.full((8, 1), 100.0)  # 100 - 500 d = 500 (1 - d) / 64
        said = fake_comparison({"isolated": first, "cross": second}).verdict
        assert said.endswith(
            "cross 0. "
            "From the worst close, a move against all positions at once would have liquidated cross at 18.73 %."
        )

    def test_a_tie(self):
        comparison = fake_comparison(dict(zip(("isolated", "cross"), pair([BUY], [BUY]), strict=True)))
        assert comparison.verdict == (
            "Both modes ended with 10,000.00 USDT. The largest drawdown inside bars was the same: 0.00 %. "
            "No position was liquidated."
        )

    def test_drawdowns_that_print_alike_are_the_same(self):
        runs = pair([BUY], [BUY], first=[*FLAT[:7], 9_000.0], second=[*FLAT[:7], 9_000.1])
        said = fake_comparison(dict(zip(("isolated", "cross"), runs, strict=True))).verdict
        assert "The largest drawdown inside bars was the same: 10.00 %." in said
        assert said.startswith("Cross ended higher: 9,000.10 USDT, against 9,000.00 in isolated.")

    def test_more_than_two_modes(self):
        ends = {"isolated": 9_000.0, "cross": 8_000.0, "mixed": 9_500.0}
        runs = {mode: fake_result(MARKET, [*FLAT[:7], end], events=[BUY], mode=mode) for mode, end in ends.items()}
        assert fake_comparison(runs).verdict.startswith(
            "Mixed ended highest: 9,500.00 USDT, against 9,000.00 in isolated and 8,000.00 in cross. "
            "Mixed had the smallest drawdown inside bars: 5.00 %, against 10.00 % in isolated and 20.00 % in cross."
        )

    def test_two_of_three_modes_can_be_alike(self):
        ends = {"isolated": 9_500.0, "cross": 8_000.0, "mixed": 9_500.0}
        runs = {mode: fake_result(MARKET, [*FLAT[:7], end], events=[BUY], mode=mode) for mode, end in ends.items()}
        assert fake_comparison(runs).verdict.startswith(
            "Isolated and mixed ended highest: 9,500.00 USDT, against 8,000.00 in cross. "
            "Isolated and mixed had the smallest drawdown inside bars: 5.00 %, against 20.00 % in cross."
        )

    def test_trailing_stops_inside_bars_are_not_bounded_by_the_paths(self):
        first, second = pair([BUY, (4, 1, "trailing_stop", -5.0, 101.0, 4.0)], [BUY])
        said = {}
        for segment in ("open", "0", "2"):
            first.events["segment"][1] = SEGMENTS.index(segment)
            said[segment] = fake_comparison({"isolated": first, "cross": second}).verdict
        assert "railing" not in said["open"]
        assert said["0"] == said["2"]
        assert said["0"].endswith(
            "Trailing stops were filled inside bars (isolated 1 and cross 0), where they follow a path that nobody "
            "knows: the paths adverse and favourable do not bound this outcome."
        )

    def test_no_trade(self):
        comparison = fake_comparison(dict(zip(("isolated", "cross"), pair(), strict=True)))
        assert comparison.verdict == "No trade in either mode."
        assert "never part" in str(comparison)


def bands(isolated, cross, paths=("adverse", "candle", "favourable")):
    """Final equities by path; the equity falls to its end in the last bar, so drawdowns follow."""
    return band_frame(
        {
            mode: {
                path: fake_result(MARKET, [*FLAT[:7], end], path=path) for path, end in zip(paths, ends, strict=True)
            }
            for mode, ends in (("isolated", isolated), ("cross", cross))
        }
    )


class TestBand:
    def test_frame(self):
        band = bands((9_000, 9_500, 9_600), (8_000, 8_100, 8_200))
        assert band.loc[("cross", "candle"), "final_equity"] == 8_100
        assert band.loc[("isolated", "adverse"), "max_drawdown"] == pytest.approx(0.1)

    def test_a_verdict_that_holds(self):
        said = band_verdict(bands((9_300, 9_500, 9_600), (8_000, 8_100, 8_200)), balance=1e4, timeframe=HOUR)
        assert said == (
            "Isolated ends higher whatever the path inside the bars: the bands do not meet. "
            "Isolated has the smaller drawdown whatever the path inside the bars: the bands do not meet."
        )  # and no word on the width: it is small

    def test_a_verdict_that_turns(self):
        said = band_verdict(bands((9_000, 9_500, 9_600), (8_000, 9_600, 9_900)), balance=1e4, timeframe=HOUR)
        assert said.startswith(
            "Which mode ends higher depends on the path inside the bars: "
            "isolated under adverse; cross under candle and favourable. "
        )
        assert "bars" in said.split(". ")[-1]

    def test_a_wide_band_is_said_even_if_the_verdict_holds(self):
        said = band_verdict(bands((9_000, 9_500, 9_600), (3_000, 8_100, 8_200)), balance=1e4, timeframe=HOUR)
        assert "whatever the path" in said
        assert "The path alone moves isolated's final equity from 9,000.00 to 9,600.00" in said
        assert "and cross's drawdown inside bars from 18.00 % to 70.00 %." in said

    def test_bands_that_overlap(self):
        said = band_verdict(bands((9_000, 9_500, 9_600), (8_000, 9_200, 9_300)), balance=1e4, timeframe=HOUR)
        assert "Isolated ends higher under each path, but the bands overlap." in said
        assert "Simulating on 5m bars should settle it" in said

    def test_a_tie_under_every_path(self):
        said = band_verdict(bands((9_000,) * 3, (9_000,) * 3), balance=1e4, timeframe=HOUR)
        assert said.startswith("Which mode ends higher: a tie under every path.")
        assert "settle" not in said

    def test_minutes_are_the_end(self):
        said = band_verdict(bands((9_000, 9_500, 9_600), (8_000, 9_600, 9_900)), balance=1e4, timeframe=MINUTE)
        assert said.endswith("The bars are as fine as candles get: only single trades would settle it.")

    def test_one_path_says_nothing(self):
        assert band_verdict(bands((9_000,), (8_000,), ("adverse",)), balance=1e4, timeframe=HOUR) == ""

    @pytest.mark.parametrize(
        ("gap", "width", "finer", "sure"),
        [
            (1.0, 1.0, 30, True),  # the longest that is shorter
            (1.0, 2.0, 5, True),  # below a quarter of the length
            (1.0, 10.0, 1, False),  # below a hundredth: under a minute
            (0.0, 1.0, 1, False),
        ],
    )
    def test_finer_timeframe(self, gap, width, finer, sure):
        frame = pd.DataFrame({"adverse": [0.0, gap], "favourable": [width, gap + width]})
        assert finer_timeframe([frame], HOUR) == (finer * MINUTE, sure)

    def test_no_finer_timeframe_divides(self):
        assert finer_timeframe([pd.DataFrame({"a": [0.0, 1.0]})], 90_000_000_000) == (None, False)


class TestRunning:
    @pytest.fixture
    def engine(self, monkeypatch):
        calls = []
        module = types.ModuleType("backtester.engine")
        module.prepare = lambda strategy, market, account, **more: calls.append(("prepare", more)) or "prepared"

        def run(strategy, market, account, *, mode, path, record, prepared):
            assert prepared == "prepared"
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
            ("isolated", "candle", "equity"),
            ("isolated", "favourable", "equity"),
            ("cross", "adverse", "full"),
            ("cross", "candle", "equity"),
            ("cross", "favourable", "equity"),
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
            ("adverse", "equity"),
            ("candle", "equity"),
            ("favourable", "equity"),
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
