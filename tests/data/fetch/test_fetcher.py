"""Ranges fetched anew, whatever is held: what a repair asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

from backtester.errors import ConfigurationError
from data.fetch import Fetcher
from data.fetch.failures import DownloadError
from data.fetch.venues import exchange
from data.series import Series, rows_of
from tests.data.fetch.formats import VENUES
from tests.data.fetch.kit import candles, connection, funding
from tests.data.fetch.world import DAY, HOUR, NOW

Play = Callable[..., Any]


@pytest.mark.parametrize("venue", VENUES)
def test_candles_and_funding_of_a_range(venue: str, play: Play) -> None:
    server, one = play(venue)
    fetch = Fetcher(connection(server))
    first, last = NOW - 30 * DAY + 12_345, NOW - 10 * DAY
    assert_frame_equal(fetch(Series(venue, one.id, "trade", "1h"), first, last), candles(one, first, last))
    assert fetch.source(Series(venue, one.id, "trade", "1h")) == f"ccxt {exchange(venue).client} at {server.url}"
    rates = fetch(Series(venue, one.id, "funding"), first, last)
    assert_frame_equal(rates[["timestamp", "funding_rate"]], funding(one, first, last))


def test_the_open_candle_is_never_fetched(play: Play) -> None:
    server, one = play("bybit")
    frame = Fetcher(connection(server))(Series("bybit", one.id, "mark", "1h"), NOW - 3 * HOUR, NOW + DAY)
    assert frame["timestamp"].iloc[-1] == NOW // HOUR * HOUR - HOUR
    assert list(frame.columns) == ["timestamp", "open", "high", "low", "close"]


def test_a_range_in_which_the_venue_has_nothing(play: Play) -> None:
    server, one = play("okx", holes=[(NOW - 30 * DAY, NOW - 20 * DAY)])
    series = Series("okx", one.id, "trade", "1h")
    frame = Fetcher(connection(server))(series, NOW - 29 * DAY, NOW - 21 * DAY)
    assert len(frame) == 0
    assert tuple(frame.columns) == series.columns
    assert len(rows_of(series, frame)) == 0  # it is one that a store takes


def test_one_session_serves_all_series(play: Play) -> None:
    server, one = play("bybit")
    fetch = Fetcher(connection(server))
    for kind in ("trade", "mark"):
        fetch(Series("bybit", one.id, kind, "1h"), NOW - DAY, NOW)
    asked = [request for request in server.asked("instruments-info") if request.parameters["category"] == "linear"]
    assert len(asked) == 2  # what is traded, and what is not yet


def test_what_cannot_be_fetched(play: Play) -> None:
    server, one = play("coinbase")
    fetch = Fetcher(connection(server))
    with pytest.raises(ConfigurationError, match="coinbase serves no mark history"):
        fetch(Series("coinbase", one.id, "mark", "1h"), NOW - DAY, NOW)
    with pytest.raises(ConfigurationError, match="coinbase serves no tiers history"):
        fetch(Series("coinbase", one.id, "tiers"), NOW - DAY, NOW)
    with pytest.raises(ConfigurationError, match="is no venue that can be downloaded from; found 'ftx'"):
        fetch(Series("ftx", "BTC-PERP", "trade", "1h"), NOW - DAY, NOW)
    with pytest.raises(DownloadError, match="none fits"):
        fetch(Series("coinbase", "NOPE", "trade", "1h"), NOW - DAY, NOW)
