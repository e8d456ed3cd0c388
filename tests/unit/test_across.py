"""One strategy at several venues: the numbers of each venue are its own, and what cannot be compared is refused."""

import json
import re
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from backtester import Account, AccountComparison, Strategy, Targets, compare, compare_venues, load_venue
from backtester.cli.screen import table
from backtester.comparing.across_printing import metrics_blocks, overview_rows
from backtester.errors import ConfigurationError, StrategyError
from backtester.market import Market
from backtester.strategy import SlotSpec
from data import synthetic

VENUES = ("crypto_com", "binance")
FIVE = ("crypto_com", "binance", "okx", "bybit", "kraken")
ACCOUNT = Account(balance=10_000, leverage=20)


class Waves(Strategy):
    """Eight times the equity, turned around with the slope of the last day."""

    exposure: float = 8.0
    asked: ClassVar[list[int]] = []

    def targets(self, market: Market) -> Targets:
        Waves.asked.append(market.n_bars)
        slope = np.sign(market.close - np.roll(market.close, 24, axis=0))
        slope[:24] = 0.0
        return Targets(equity_fraction=self.exposure / market.n_instruments * slope)


@pytest.fixture(scope="module")
def market() -> Market:
    return synthetic(n_bars=400, n_instruments=2, seed=3)


@pytest.fixture(scope="module")
def five(market) -> AccountComparison:
    return compare_venues(Waves(), market, ACCOUNT, FIVE)


def test_the_numbers_of_a_venue_are_those_of_its_own_comparison(five, market):
    for venue in VENUES:
        alone = compare(Waves(), market, replace(ACCOUNT, venue=venue))
        pd.testing.assert_frame_equal(five[venue].metrics, alone.metrics, check_exact=True)
        pd.testing.assert_frame_equal(five[venue].band, alone.band, check_exact=True)
        assert (str(five[venue]), five[venue].to_dict()) == (str(alone), alone.to_dict())
        pd.testing.assert_frame_equal(five[venue].events, alone.events, check_exact=True)
    assert five["crypto_com"].metrics.at["final_equity", "cross"] != five["binance"].metrics.at["final_equity", "cross"]


def test_venues_in_the_order_asked_for_with_a_column_for_each_mode(five):
    assert (five.names, five.modes) == (FIVE, ("isolated", "cross"))
    assert list(five.metrics.columns) == [(venue, mode) for venue in FIVE for mode in ("isolated", "cross")]
    assert five.metrics.at["fees", ("okx", "cross")] == five["okx"].metrics.at["fees", "cross"]
    assert five.band.loc[("okx", "cross", "candle"), "final_equity"] == five["okx"].bands["cross"]["candle"].equity[-1]
    assert dict(five) == five.comparisons


def test_targets_are_asked_for_once(market):
    Waves.asked.clear()
    compare_venues(Waves(), market, ACCOUNT, VENUES, check=False)
    assert Waves.asked == [400]


def test_look_ahead_is_found(market):
    class Peeks(Strategy):
        def targets(self, market: Market) -> Targets:
            return Targets(notional=1_000.0 * np.sign(np.roll(market.close, -1, axis=0) - market.close))

    with pytest.raises(StrategyError, match=r"future|later"):
        compare_venues(Peeks(), market, ACCOUNT, VENUES)


def test_every_ledger_is_checked(market, monkeypatch):
    from backtester.result import Result

    checked = []
    monkeypatch.setattr(Result, "check_ledger", lambda run: checked.append(run.scenario.rules))
    compare_venues(Waves(), market, ACCOUNT, VENUES)
    assert len(checked) == 2 * 2 * 3
    assert {rules.reduction for rules in checked} == {load_venue(venue).rules.reduction for venue in VENUES}


def test_progress_counts_all_runs(market):
    told = []
    compare_venues(Waves(), market, ACCOUNT, VENUES, ["cross"], progress=lambda *step: told.append(step), check=False)
    assert told == [
        (0, 6, "crypto_com: cross, adverse"),
        (1, 6, "crypto_com: cross, candle"),
        (2, 6, "crypto_com: cross, favourable"),
        (3, 6, "binance: cross, adverse"),
        (4, 6, "binance: cross, candle"),
        (5, 6, "binance: cross, favourable"),
        (6, 6, "done"),
    ]


def test_rules_changed_by_hand_hold_at_every_venue(market):
    result = compare_venues(Waves(), market, replace(ACCOUNT, rules={"slippage": 0.001}), VENUES, check=False)
    assert [each.cross.scenario.rules.slippage for each in result.values()] == [0.001, 0.001]
    assert "Rules of binance changed by hand: slippage = 0.001." in str(result)


def test_json_holds_every_venue(five):
    said = json.loads(json.dumps(five.to_dict(), allow_nan=False))
    assert said["venues"] == list(FIVE)
    assert said["comparisons"]["okx"] == five["okx"].to_dict()
    assert said["verdict"] == five.verdict


# The report


def test_the_report_names_every_venue_and_fits(five):
    said = str(five)
    assert max(len(line) for line in said.splitlines()) <= 100
    assert said.count("SYNTHETIC MARKET") == 1
    for venue in FIVE:
        assert re.search(rf"^  {venue}, isolated  .*\n  {venue}, cross  ", said, re.MULTILINE)
    assert said.count("Tiers, fees and lots are assumed") == 1  # what all venues say, once
    assert "  * kraken: funding accrues continuously" in said


def test_the_overview_is_one_table_of_80_columns(five):
    header, rows = overview_rows(five)
    assert [row[0] for row in rows[:3]] == ["crypto_com, isolated", "crypto_com, cross", "binance, isolated"]
    assert [cell.replace("\n", " ") for cell in header[1:3]] == ["final equity [USDT]", "drawdown inside bars"]
    assert printed_width(header, rows) <= 80


@pytest.mark.parametrize(("width", "venues"), [(60, [1, 1, 1, 1, 1]), (78, [2, 2, 1]), (108, [3, 2])])
def test_blocks_hold_whole_venues_and_fit(five, width, venues):
    blocks = metrics_blocks(five, width)
    assert [(len(header) - 1) / 2 for header, _ in blocks] == venues
    assert blocks[0][0][1] == "crypto_com\nisolated"
    assert all(printed_width(header, rows) <= width + 2 for header, rows in blocks)


def printed_width(header, rows):
    from rich.console import Console

    console = Console(width=200)
    with console.capture() as shown:
        console.print(table(header, rows, roomy=True, dense=True))
    return max(len(line) for line in shown.get().splitlines())


# What is refused


@pytest.mark.parametrize(
    ("venues", "words"),
    [
        ((), "venues: no venue to run at; .*Name at least one"),
        (("binanse", "okx"), "unknown venue; found 'binanse'; nearest: binance"),
        (("okx", "okx"), "a venue is named twice; found 'okx'"),
        (("okx", replace(load_venue("okx"), notes=())), "a venue is named twice"),
    ],
)
def test_bad_venues(market, venues, words):
    with pytest.raises(ConfigurationError, match=words):
        compare_venues(Waves(), market, ACCOUNT, venues)


def test_one_venue_may_stand_alone(market):
    result = compare_venues(Waves(), market, ACCOUNT, "okx", check=False)
    assert result.verdict == f"On okx: {result['okx'].verdict}"


class Two(Waves):
    """One slot in isolation, one in cross."""

    def slots(self, market: Market) -> list[SlotSpec]:
        return [SlotSpec(market.symbols[0], margin_mode="isolated"), SlotSpec(market.symbols[1])]


@pytest.mark.parametrize(
    ("venue", "why"), [("bybit", "one margin mode for the whole account"), ("deribit", "no isolated margin")]
)
def test_a_mode_that_a_venue_does_not_have_is_said_before_anything_runs(market, venue, why):
    told = []
    with pytest.raises(ConfigurationError) as caught:
        compare_venues(Two(), market, ACCOUNT, ("okx", venue), ["mixed"], progress=lambda *step: told.append(step))
    assert why in str(caught.value)
    assert str(caught.value).endswith(f". Or leave {venue} out of the venues.")
    assert "Use sub-accounts" in str(caught.value)
    assert not told
    assert compare_venues(Two(), market, ACCOUNT, ("okx", "kraken"), ["mixed"], check=False).modes == ("mixed",)


def test_coin_settled_venue_on_a_market_in_stablecoins(market):
    Waves.asked.clear()
    with pytest.raises(ConfigurationError, match=r"contracts of binance_coinm settle in coin.*leave binance_coinm out"):
        compare_venues(Waves(), market, ACCOUNT, ("binance", "binance_coinm"))
    assert not Waves.asked


def test_linear_beside_inverse(market):
    usd = replace(market, symbols=("BTCUSD", "ETHUSD"))
    with pytest.raises(ConfigurationError, match="contract of BTCUSD is linear at one venue and inverse at another"):
        compare_venues(Waves(), usd, ACCOUNT, ("kraken", "binance_coinm"))
