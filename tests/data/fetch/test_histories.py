"""Histories as they are: listings, halts, delistings, changing intervals, and what a venue no longer keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

from data.fetch.download import Wish, download
from data.store import Series, Store
from tests.data.fetch.formats import VENUES
from tests.data.fetch.kit import Heard, candles, fetched, funding, session
from tests.data.fetch.test_venues import PATHS
from tests.data.fetch.world import DAY, HOUR, NOW

Play = Callable[..., Any]

SINCE = NOW - 90 * DAY


def test_a_delisted_symbol_gives_what_is_left_and_says_so(play: Play, store: Store) -> None:
    end = NOW - 30 * DAY
    server, one = play("bybit", active=False, holes=[(end, NOW + DAY)])
    heard = fetched(server, "bybit", one, store)
    assert heard.notes == ["BTCUSDT is not traded at bybit now: its history may end early"]
    last = store.read(Series("bybit", one.id, "trade", "1h"))["timestamp"].iloc[-1]
    assert last == end // HOUR * HOUR  # it began before the end


def test_funding_with_changing_intervals_jitter_and_a_halt(play: Play, store: Store) -> None:
    middle = (NOW - 45 * DAY) // DAY * DAY
    halt = (NOW - 20 * DAY, NOW - 17 * DAY)
    intervals = [(0, 8), (middle, 4), (middle + 5 * DAY, 1), (middle + 15 * DAY, 8)]
    for venue in VENUES:
        server, one = play(venue, interval=intervals, jitter=40, holes=[halt])
        fetched(server, venue, one, store, "funding")
        held = store.read(Series(venue, one.id, "funding"))
        assert_frame_equal(held[["timestamp", "funding_rate"]], funding(one, SINCE, NOW))
        assert (held["timestamp"] % HOUR == 0).all()


@pytest.mark.parametrize("venue", VENUES)
def test_listing_gaps_within_a_history(venue: str, play: Play, store: Store) -> None:
    listing = NOW - 80 * DAY
    holes = [(NOW - 60 * DAY, NOW - 25 * DAY), (NOW - 10 * DAY, NOW - 10 * DAY + 3 * HOUR)]
    server, one = play(venue, since=listing, holes=holes)
    fetched(server, venue, one, store)
    series = Series(venue, one.id, "trade", "1h")
    assert_frame_equal(store.read(series), candles(one, SINCE, NOW))
    entry = store.entry(series)
    assert entry is not None
    assert [gap.missing for gap in entry.gaps] == [35 * 24, 3]
    asked = len(server.requests)
    fetched(server, venue, one, store)
    again = [r for r in server.requests[asked:] if PATHS[venue][0] in r.path]
    assert [r for r in again if venue != "hyperliquid" or r.parameters["type"] == "candleSnapshot"] == []


def test_a_history_that_the_venue_no_longer_keeps(play: Play, store: Store) -> None:
    server, one = play("hyperliquid")
    heard = Heard()
    wish = Wish((one.id,), "1h", NOW - 240 * DAY, None, ("trade",))
    outcome = download(store, session(server, "hyperliquid"), wish, heard)
    assert outcome.rows == 4_999  # the last 5,000 bars, less the open one
    assert heard.notes == ["hyperliquid keeps the last 5,000 candles of each timeframe"]
    assert fetched(server, "hyperliquid", one, store, "funding").notes == []


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx"])
def test_funding_is_not_asked_for_before_the_listing(venue: str, play: Play, store: Store) -> None:
    """But some weeks before it: the date a venue tells may be late."""
    server, one = play(venue, since=NOW - 40 * DAY)
    there = session(server, venue)
    asked = len(server.requests)
    wish = Wish((one.id,), "1h", NOW - 3_000 * DAY, None, ("funding",))
    download(store, there, wish, Heard())
    held = store.read(Series(venue, one.id, "funding"))
    assert_frame_equal(held[["timestamp", "funding_rate"]], funding(one, one.since, NOW))
    assert len(server.requests) - asked <= 5
