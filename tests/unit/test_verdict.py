"""The outcome in words, and what the path inside the bars leaves open."""

import math

import numpy as np
import pandas as pd
import pytest

from backtester.comparing.verdict import band_frame, band_verdict, finer_timeframe
from backtester.schema import SEGMENTS
from tests.fake_result import HOUR, fake_comparison, fake_result
from tests.unit.pairs import BUY, FLAT, MARKET, pair

MINUTE = 60_000_000_000


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

    def test_a_loss_that_insurance_bore_in_part(self):
        """After a gap more is lost than there was: not by the account."""
        gap = (4, 1, "liquidation", -5.0, 80.0, -90_000.0)
        first, second = pair([BUY, gap], [BUY], first=[*FLAT[:4], 0, 0, 0, 0])
        first.totals["insurance_absorbed"] = 80_000.0
        said = fake_comparison({"isolated": first, "cross": second}).verdict
        assert "isolated 1 (90,000.00 USDT lost, 80,000.00 absorbed by insurance) and cross 0." in said

    def test_what_is_printed_alike_is_called_alike(self):
        """A third of a cent, and a hundredth of a percent that rounding hides."""
        first, second = pair([BUY], [BUY], first=[*FLAT[:7], 9_999.996], second=[*FLAT[:7], 9_999.999])
        first.equity_low, second.equity_low = (np.array([low, *FLAT[:6], 9_999.0]) for low in (9_500.48, 9_499.51))
        said = fake_comparison({"isolated": first, "cross": second})
        assert said.verdict.startswith(
            "Both modes ended with 10,000.00 USDT. The largest drawdown inside bars was the same: 5.00 %."
        )
        assert said.metrics.at["max_drawdown_in_bars", "difference"] < -5e-5
        both = {"candle": first, "adverse": first}, {"candle": second, "adverse": second}
        band = band_frame(dict(zip(("isolated", "cross"), both, strict=True)))
        assert band_verdict(band, balance=10_000.0, timeframe=HOUR) == (
            "Which mode ends higher: a tie under every path. "
            "Which mode has the smaller drawdown: a tie under every path."
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
            "From the worst close, it would have taken a move of 18.73 % against all positions at once "
            "to liquidate cross."
        )

    def test_automatic_top_ups(self):
        moved = [(2, 1, "auto_top_up", 0.0, math.nan, 300.0), (3, 1, "auto_top_up", 0.0, math.nan, 50.0)]
        first, second = pair([BUY, *moved], [BUY])
        said = fake_comparison({"isolated": first, "cross": second}).verdict
        assert said.endswith(
            "No position was liquidated. Automatic top-ups: isolated 2 (350.00 USDT moved) and cross 0."
        )
        assert fake_comparison({"isolated": first}).metrics.loc["closest_together", "isolated"] == 0
        assert "top-up" not in fake_comparison({"isolated": second, "cross": second}).verdict

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

    def test_a_tie_of_some_says_of_which(self):
        market = {"adverse": FLAT, "candle": FLAT}
        bands = {
            mode: {path: fake_result(MARKET, [*FLAT[:7], end]) for path in market}
            for mode, end in (("isolated", 9_000.0), ("cross", 9_500.0), ("sub_accounts", 9_500.0))
        }
        bands["isolated"]["candle"] = fake_result(MARKET, [*FLAT[:7], 9_800.0])
        said = band_verdict(band_frame(bands), balance=10_000.0, timeframe=HOUR)
        assert said.startswith(
            "Which mode ends highest depends on the path inside the bars: "
            "cross and sub-accounts under adverse; isolated under candle. "
        )
        bands["isolated"]["candle"] = bands["isolated"]["adverse"]
        said = band_verdict(band_frame(bands), balance=10_000.0, timeframe=HOUR)
        assert said.startswith("Which mode ends highest: a tie of cross and sub-accounts under every path. ")

    @pytest.mark.parametrize("middles", [[0.0, 1.0, 9.0], [0.0, 8.0, 9.0]])
    def test_of_three_bands_the_two_nearest_are_parted(self, middles):
        frame = pd.DataFrame({"adverse": middles, "favourable": [middle + 2.0 for middle in middles]})
        assert finer_timeframe([frame], HOUR) == (5 * MINUTE, True)

    def test_no_finer_timeframe_divides(self):
        assert finer_timeframe([pd.DataFrame({"a": [0.0, 1.0]})], 90_000_000_000) == (None, False)
