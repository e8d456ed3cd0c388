"""Dated tiers of a venue in a run: the tables in force, and what a comparison says of them."""

import numpy as np
import pandas as pd
import pytest

from backtester import Account, Market, Strategy, Targets, engine, load_venue
from backtester.comparing.assumptions import assumptions


class Long(Strategy):
    """Always long one equity."""

    def targets(self, market: Market) -> Targets:
        return Targets(equity_fraction=np.ones_like(market.close))


def market(symbols: str, start: str, days: int) -> Market:
    """Return a flat daily market at 1 of one or several symbols."""
    index = pd.date_range(start, periods=days, freq="1D", tz="UTC")
    flat = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), 1.0), index)
    return Market.from_frames(dict.fromkeys(symbols.split(), flat))


def told(symbols: Market, venue: str = "binance") -> str:
    """Return what a comparison would say of the tiers."""
    return " ".join(note for note in assumptions(Account(venue=venue), symbols) if "iers" in note)


def test_a_run_has_the_tables_of_its_time():
    venue, prices = load_venue("binance"), market("BTC/USDT:USDT", "2022-02-01", 400)
    (instrument,) = engine.run(Long(), prices, Account(venue="binance")).scenario.instruments
    first, *later = (table for table in venue.tables("BTCUSDT") if (table.since or 0) <= prices.open_time[-1])
    assert instrument.tiers == first.tiers
    assert list(instrument.tier_changes) == [first, *later]
    assert later


def test_a_run_between_two_tables_has_one():
    tables = load_venue("binance").tables("BTCUSDT")
    gap = next(k for k in range(1, len(tables)) if tables[k].since - tables[k - 1].since > 20 * 86_400 * 10**9)
    start = pd.Timestamp(tables[gap - 1].since, tz="UTC").ceil("D")
    (instrument,) = engine.run(
        Long(), market("BTCUSDT", str(start.date()), 10), Account(venue="binance")
    ).scenario.instruments
    assert (instrument.tiers, instrument.tier_changes) == (tables[gap - 1].tiers, ())


def test_a_venue_without_dates_has_one_table_for_all_time():
    kraken = load_venue("kraken")
    assert kraken.instrument_over("BTC/USD:USD", "2020-01-01", "2026-01-01") == kraken.instrument("BTC/USD:USD")


@pytest.mark.parametrize(
    ("prices", "venue", "words"),
    [
        (
            market("BTCUSDT", "2022-02-01", 60),
            "binance",
            [
                "those in force at each bar; they changed",
                "No tiers of binance are known before 2022-02-13 05:02 for BTCUSDT: the first known table is used",
            ],
        ),
        (market("BTCUSDT", "2026-05-01", 5), "binance", ["those in force at each bar; they did not change"]),
        (market("BTC/USD:USD", "2024-01-01", 5), "kraken", ["Tiers of kraken as of", "of the past are not known"]),
    ],
)
def test_a_comparison_says_of_what_date_the_tiers_are(prices, venue, words):
    said = told(prices, venue)
    for word in words:
        assert word in said


def test_instruments_with_and_without_dates_are_told_apart():
    both = market("BTCUSDT NEVERHEARDOFUSDT", "2024-01-01", 5)
    assert "Tiers of binance of the other instruments as of" in told(both)
