"""A venue on a bad day: what passes is asked for again, nothing false is kept, and the clock is the venue's."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from pandas.testing import assert_frame_equal

from data.fetch.download import Wish, download
from data.fetch.patience import Patience
from data.store import Series, Store
from tests.data.fetch import loopback as day
from tests.data.fetch.formats import VENUES
from tests.data.fetch.kit import Heard, candles, fetched, session
from tests.data.fetch.world import DAY, HOUR, NOW

Play = Callable[..., Any]

SINCE = NOW - 90 * DAY
LATELY = NOW // HOUR * HOUR - 20 * DAY
PASSING = {
    "too many requests": day.status(429, ("Retry-After", "0"), body={"msg": "slow down"}),
    "server error": day.status(500, body={"msg": "oops"}),
    "bad gateway": day.status(502, body=b"<html>bad gateway</html>"),
    "unavailable": day.status(503),
    "dropped connection": day.dropped,
    "half a body": day.half_a_body,
    "truncated JSON": day.truncated_json,
    "a web page": day.web_page,
    "an empty body": day.status(200),
    "null": day.another(None),
}


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("venue", ["binance", "bybit", "kraken", "hyperliquid"])
def test_what_passes_is_asked_for_again(venue: str, fault: str, play: Play, store: Store) -> None:
    server, one = play(venue)
    there = session(server, venue)
    server.fail("", PASSING[fault], PASSING[fault])
    heard = Heard()
    there.on_pause = heard.pause
    outcome = download(store, there, Wish((one.id,), "1h", LATELY, None, ("trade",)), heard)
    assert not outcome.failures
    assert heard.pauses == [f"{one.id} 1h trade candles from 2024-08-18 00:00 to 2024-09-07 00:00 UTC"] * 2
    assert_frame_equal(store.read(Series(venue, one.id, "trade", "1h")), candles(one, LATELY, NOW))


@pytest.mark.parametrize("venue", VENUES)
def test_a_bad_moment_while_the_markets_are_loaded(venue: str, play: Play) -> None:
    server, one = play(venue)
    server.fail("", day.status(503), day.truncated_json, day.dropped)
    assert session(server, venue).find(one.id).folder == one.id


def test_what_came_before_a_failure_is_kept(play: Play, store: Store) -> None:
    server, one = play("binance")
    there = session(server, "binance")
    answer = server.answer
    server.answer = lambda request: day.Reply({}, 500) if len(server.asked("klines")) > 1 else answer(request)
    outcome = download(store, there, Wish((one.id,), "1h", SINCE, None, ("trade",)), Heard())
    assert len(outcome.failures) == 1
    assert len(store.read(Series("binance", one.id, "trade", "1h"))) == 1_000
    server.answer = answer
    asked = len(server.requests)
    fetched(server, "binance", one, store)
    assert_frame_equal(store.read(Series("binance", one.id, "trade", "1h")), candles(one, SINCE + 30 * 60_000, NOW))
    assert len(server.requests) - asked == 3  # the markets and the two pages that were missing


def test_one_symbol_that_fails_does_not_stop_the_others(play: Play, store: Store) -> None:
    other = type(VENUES["bybit"][1])("ETHUSDT", "ETH")
    server, one = play("bybit", other)
    there = session(server, "bybit")
    answer = server.answer
    broken = {"retCode": 0, "result": {"list": {}}}
    server.answer = lambda request: broken if request.parameters.get("symbol") == "BTCUSDT" else answer(request)
    outcome = download(store, there, Wish((one.id, "ETHUSDT"), "1h", SINCE, None, ("trade",)), Heard(), parallel=1)
    assert [series.symbol for series in outcome.failures] == ["BTCUSDT"]
    assert [series.symbol for series in outcome.entries] == ["ETHUSDT"]


def test_a_venue_out_of_reach_stops_all_at_once(play: Play, store: Store) -> None:
    others = [type(VENUES["bybit"][1])(f"A{k}USDT", f"A{k}") for k in range(20)]
    server, _ = play("bybit", *others)
    there = session(server, "bybit")
    server.answer = lambda request: day.Reply(b"", dropped=True)
    outcome = download(store, there, Wish((), "1h", SINCE, None, ("trade",)), Heard(), parallel=2)
    assert 1 <= len(outcome.failures) <= 2
    assert "Check the network" in str(next(iter(outcome.failures.values())))


def test_a_venue_that_asks_to_wait_is_obeyed(play: Play, store: Store) -> None:
    server, one = play("bybit")
    server.fail("market/kline", day.status(429, ("Retry-After", "0.3")))
    begun = time.monotonic()
    fetched(server, "bybit", one, store)
    assert time.monotonic() - begun > 0.3


def test_pauses_double_up_to_the_longest() -> None:
    patience = Patience(attempts=20, first=1.0, longest=8.0)
    pauses = [patience.pause(requests.ConnectionError(), attempt) for attempt in range(1, 8)]
    for pause, own in zip(pauses, [1, 2, 4, 8, 8, 8, 8], strict=True):
        assert pause is not None
        assert own / 2 <= pause <= own
    assert patience.pause(requests.ConnectionError(), 20) is None
    assert patience.pause(KeyError("ours"), 1) is None


@pytest.mark.parametrize("hours", [-30, 30])
def test_the_clock_is_the_venues(hours: int, serve: Play, store: Store) -> None:
    """The machine is off by years from the venue of these tests; here by hours, in both directions."""
    now = int(time.time() * 1000) + hours * HOUR
    make, one = VENUES["kraken"]
    server = serve(make([one], now), now)
    there = session(server, "kraken")
    assert abs(there.skew - hours * HOUR) < 5_000
    download(store, there, Wish((one.id,), "1h", now - 50 * HOUR, None, ("trade", "funding")), Heard())
    last = store.read(Series("kraken", one.id, "trade", "1h"))["timestamp"].iloc[-1]
    assert last == now // HOUR * HOUR - HOUR


def test_a_clock_that_agrees_is_left_alone(serve: Play) -> None:
    make, one = VENUES["okx"]
    assert session(serve(make([one], NOW), None), "okx").skew == 0
