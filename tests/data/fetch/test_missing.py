"""A further call asks for what is missing and for nothing else: after, before and between what is held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pandas.testing import assert_frame_equal

from data.fetch.download import Wish, download
from data.fetch.ranges import joined
from data.store import Series, Store
from tests.data.fetch.kit import Heard, candles, funding, session
from tests.data.fetch.loopback import Server
from tests.data.fetch.world import DAY, HOUR, NOW

Play = Callable[..., Any]

EVEN = NOW // HOUR * HOUR
TRADE = Series("bybit", "BTCUSDT", "trade", "1h")
FUNDING = Series("bybit", "BTCUSDT", "funding")


def asked(server: Server, path: str = "market/kline") -> list[tuple[int, int]]:
    """Return the ranges of time that were asked for, and forget them."""
    names = ("start", "end") if "kline" in path else ("startTime", "endTime")
    hourly = [request for request in server.asked(path) if request.parameters.get("interval", "60") == "60"]
    ranges = [(request.number(names[0]), request.number(names[1]) + 1) for request in hourly]
    server.requests.clear()
    return joined(ranges)


def call(server: Server, store: Store, first: int, last: int | None, kind: str = "trade") -> int:
    wish = Wish(("BTCUSDT",), "1h", first, last, (kind,))
    outcome = download(store, session(server, "bybit"), wish, Heard())
    assert not outcome.failures
    return outcome.rows


def test_after_before_and_between(play: Play, store: Store) -> None:
    server, one = play("bybit")
    first, last = EVEN - 60 * DAY, EVEN - 30 * DAY
    rows = candles(one, first, last)
    hole = (first + 10 * DAY, first + 12 * DAY)
    lost = (rows["timestamp"] >= hole[0]) & (rows["timestamp"] < hole[1])
    store.add_page(TRADE, rows[~lost], "an import")
    store.merge(TRADE)

    assert call(server, store, first, last) == 48
    assert asked(server) == [hole]
    assert call(server, store, first - 20 * DAY, last) == 20 * 24
    assert asked(server) == [(first - 20 * DAY, first)]
    assert call(server, store, first, EVEN - 5 * DAY) == 25 * 24
    assert asked(server) == [(last, EVEN - 5 * DAY)]
    assert call(server, store, first, None) == 5 * 24
    assert asked(server) == [(EVEN - 5 * DAY, EVEN)]
    assert call(server, store, first, None) == 0
    assert asked(server) == []
    assert_frame_equal(store.read(TRADE), candles(one, first - 20 * DAY, NOW))


def test_what_the_venue_has_nothing_of_is_asked_for_once(play: Play, store: Store) -> None:
    halt = (EVEN - 40 * DAY, EVEN - 35 * DAY)
    server, one = play("bybit", since=EVEN - 60 * DAY, holes=[halt])
    call(server, store, EVEN - 80 * DAY, EVEN - 10 * DAY)
    server.requests.clear()
    assert call(server, store, EVEN - 80 * DAY, EVEN - 10 * DAY) == 0
    assert asked(server) == []
    assert call(server, store, EVEN - 90 * DAY, EVEN - 10 * DAY) == 0
    assert asked(server) == [(EVEN - 90 * DAY, EVEN - 80 * DAY)]
    assert_frame_equal(store.read(TRADE), candles(one, EVEN - 80 * DAY, EVEN - 10 * DAY))


def test_the_last_day_may_yet_come(play: Play, store: Store) -> None:
    """What a venue does not have yet is asked for again."""
    late = [(EVEN - 3 * HOUR, EVEN)]
    server, one = play("bybit", holes=late)
    assert call(server, store, EVEN - 10 * DAY, None) == 10 * 24 - 3
    server.requests.clear()
    one.holes.clear()
    server.answer.perpetuals["BTCUSDT"].holes = []
    assert call(server, store, EVEN - 10 * DAY, None) == 3
    assert asked(server) == [(EVEN - 3 * HOUR, EVEN)]


def test_a_file_that_was_removed_comes_anew(play: Play, store: Store) -> None:
    server, _ = play("bybit", since=EVEN - 30 * DAY)
    call(server, store, EVEN - 40 * DAY, EVEN - 20 * DAY)
    store.path(TRADE).unlink()
    assert call(server, store, EVEN - 40 * DAY, EVEN - 20 * DAY) == 10 * 24


def test_funding_whose_interval_changed(play: Play, store: Store) -> None:
    server, one = play("bybit", interval=[(0, 8), (EVEN - 20 * DAY, 1)])
    first, middle, last = EVEN - 40 * DAY, EVEN - 15 * DAY, EVEN - 10 * DAY
    call(server, store, first, middle, "funding")
    server.requests.clear()
    call(server, store, first, last, "funding")
    ((begins, _),) = asked(server, "funding/history")
    assert begins > middle - HOUR - 10_000
    call(server, store, first, last, "funding")
    assert asked(server, "funding/history") == []
    assert_frame_equal(store.read(FUNDING)[["timestamp", "funding_rate"]], funding(one, first, last))
