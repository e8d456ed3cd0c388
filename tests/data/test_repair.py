"""Repair: what can be fetched again is, the rest is marked, and no price is made up."""

import pandas as pd
import pytest

from backtester.errors import ConfigurationError, MarketDataError
from data import Series, Store
from data.repair import repair
from tests.data.rows import HOUR, START, candles, rates

TRADE = Series("binance", "BTCUSDT", "trade", "1h")
FUNDING = Series("binance", "BTCUSDT", "funding")
WHOLE = candles(48)


class Venue:
    """Answers from the rows that it has, and keeps what it was asked."""

    def __init__(self, rows):
        self.rows = rows
        self.asked = []

    def __call__(self, series, first, last):
        self.asked.append((series, (first - START) / HOUR, (last - START) / HOUR))
        return self.rows[(self.rows["timestamp"] >= first) & (self.rows["timestamp"] < last)]


@pytest.fixture
def store(tmp_path):
    """Return a store whose candles lack the bars 10 to 14 and 30."""
    store = Store(tmp_path)
    store.add_page(TRADE, WHOLE.drop(index=[*range(10, 15), 30]), "a test")
    store.merge(TRADE)
    return store


def test_what_can_be_fetched_again_is(store):
    venue = Venue(WHOLE)
    (done,) = repair(store, [TRADE], venue, "the venue")
    assert (done.rows, done.left, done.failure) == (6, (), None)
    assert [asked[0] for asked in venue.asked] == [TRADE, TRADE]
    assert [round(asked[1]) for asked in venue.asked] == [9, 29]
    pd.testing.assert_frame_equal(store.read(TRADE), WHOLE)
    assert store.entry(TRADE).source == "a test; the venue"
    assert repair(store, [TRADE], venue, "the venue")[0].rows == 0
    assert len(venue.asked) == 2


def test_what_is_left_is_marked_and_not_asked_for_again(store):
    venue = Venue(WHOLE.drop(index=[12, 13, 30]))
    (done,) = repair(store, [TRADE], venue, "the venue")
    assert done.rows == 3
    assert [(gap.missing, gap.note.replace(gap.note[20:30], "DAY")) for gap in store.entry(TRADE).gaps] == [
        (2, "the venue was asked DAY and had only 3 rows"),
        (1, "the venue was asked DAY and had nothing"),
    ]
    repair(store, [TRADE], venue, "the venue")
    assert len(venue.asked) == 2
    repair(store, [TRADE], Venue(WHOLE), "another", again=True)
    pd.testing.assert_frame_equal(store.read(TRADE), WHOLE)


def test_no_row_outside_of_the_gap_is_taken_and_none_is_made_up(store):
    before = store.read(TRADE)
    (done,) = repair(store, [TRADE], lambda *asked: candles(48, price=500.0).drop(index=[11, 30]), "the venue")
    after = store.read(TRADE)
    assert done.rows == 4
    kept = after[after["timestamp"].isin(before["timestamp"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before)
    assert len(after) == len(before) + 4


def test_a_failure_that_may_pass_leaves_no_mark_and_what_came_is_kept(store):
    def failing(series, first, last):
        if first > START + 20 * HOUR:
            raise MarketDataError("the network is down")
        return WHOLE

    (done,) = repair(store, [TRADE], failing, "the venue")
    assert done.rows == 5
    assert "the network is down" in str(done.failure)
    assert [(gap.missing, gap.note) for gap in store.entry(TRADE).gaps] == [(1, "")]


def test_where_nobody_can_be_asked_the_gap_says_so(store):
    def nobody(series, first, last):
        raise ConfigurationError("venue", series.venue, "there is no such venue any more")

    (done,) = repair(store, [TRADE], nobody, "the venue")
    assert done.failure is None
    said = "cannot be fetched again: venue binance: there is no such venue any more"
    assert {gap.note for gap in store.entry(TRADE).gaps} == {said}


def test_without_anybody_to_ask_pages_are_merged_and_manifests_written(store):
    store.add_page(TRADE, WHOLE[10:15], "later")
    (store.path(TRADE).parent / "manifest.json").unlink()
    (done,) = repair(store, [TRADE], None, "")
    assert (done.rows, len(done.left)) == (0, 1)
    assert store.unmerged(TRADE) == 0
    assert store.entry(TRADE).rows == 47


def test_a_series_that_cannot_be_repaired_does_not_stop_the_others(store):
    store.add_page(FUNDING, rates([0, 8, 24]), "a test")
    store.merge(FUNDING)
    candles(3).to_parquet(store.path(TRADE))
    funding, trade = repair(store, [FUNDING, TRADE], Venue(rates(range(0, 32, 8))), "the venue")
    assert (funding.rows, funding.failure) == (1, None)
    assert "is not the file that was written" in str(trade.failure)
