"""A venue on a bad day: what passes is asked for again, what does not is said in full, and nothing false is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

from backtester.errors import ConfigurationError
from data.fetch.download import Wish, download
from data.fetch.failures import DownloadError, one_line
from data.fetch.patience import Patience
from data.fetch.venues import exchange
from data.store import Series, Store
from tests.data.fetch import loopback as day
from tests.data.fetch.formats import VENUES
from tests.data.fetch.kit import Heard, candles, funding, session
from tests.data.fetch.test_venues import PATHS
from tests.data.fetch.world import DAY, HOUR, NOW

Play = Callable[..., Any]

SINCE = NOW - 90 * DAY
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


def fetched(server: Any, venue: str, one: Any, store: Store, kind: str = "trade", **options: Any) -> Heard:
    """Download one kind of one symbol, and raise what went wrong."""
    heard = Heard()
    outcome = download(store, session(server, venue, **options), Wish((one.id,), "1h", SINCE, None, (kind,)), heard)
    for error in outcome.failures.values():
        raise error
    return heard


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("venue", ["binance", "bybit", "kraken", "hyperliquid"])
def test_what_passes_is_asked_for_again(venue: str, fault: str, play: Play, store: Store) -> None:
    server, one = play(venue)
    there = session(server, venue)
    server.fail("", PASSING[fault], PASSING[fault])
    heard = Heard()
    there.on_pause = heard.pause
    outcome = download(store, there, Wish((one.id,), "1h", SINCE, None, ("trade",)), heard)
    assert not outcome.failures
    assert heard.pauses == [f"{one.id} 1h trade candles"] * 2
    assert_frame_equal(store.read(Series(venue, one.id, "trade", "1h")), candles(one, SINCE + 30 * 60_000, NOW))


@pytest.mark.parametrize("venue", VENUES)
def test_a_bad_moment_while_the_markets_are_loaded(venue: str, play: Play) -> None:
    server, one = play(venue)
    server.fail("", day.status(503), day.truncated_json, day.dropped)
    assert session(server, venue).find(one.id).folder == one.id


@pytest.mark.parametrize("venue", VENUES)
def test_a_wrong_container_is_our_own_error_and_never_an_empty_history(venue: str, play: Play, store: Store) -> None:
    """A bare KeyError out of the client, or, worse, no error and no rows."""
    server, one = play(venue)
    there = session(server, venue)
    values: list[Any] = [{}, {"result": [{}]}, {"data": {}}, {"candles": {"a": 1}}, {"rates": 3}, [[]], [{}], [7]]
    for value in values:
        server.answer = lambda request, value=value: value
        outcome = download(store, there, Wish((one.id,), "1h", SINCE, None, ("trade", "funding")), Heard())
        assert len(outcome.failures) == 2
        for error in outcome.failures.values():
            assert isinstance(error, DownloadError)
            assert str(error).startswith(f"{venue} {one.id}: asked for ")
    assert store.series() == []


@pytest.mark.parametrize("venue", VENUES)
def test_markets_in_a_wrong_container(venue: str, serve: Play) -> None:
    for value in ({}, [], {"result": 3}, [[]]):
        with pytest.raises(DownloadError, match=f"^{venue}: asked for its list of markets; "):
            session(serve(lambda request, value=value: value), venue)


def test_a_row_without_a_price(play: Play, store: Store) -> None:
    server, one = play("bybit")
    there = session(server, "bybit")
    broken = {"retCode": 0, "result": {"list": [[str(NOW // HOUR * HOUR - HOUR), "1", "2", "", "1", "5"]]}}
    server.answer = lambda request: broken
    outcome = download(store, there, Wish((one.id,), "1h", NOW - DAY, None, ("trade",)), Heard())
    (error,) = outcome.failures.values()
    assert "the row of 2024-09-06 23:00:00 UTC has no low: None" in str(error)


def test_a_candle_between_two_bars(play: Play, store: Store) -> None:
    server, one = play("bybit")
    there = session(server, "bybit")
    odd = {"retCode": 0, "result": {"list": [[str(NOW - DAY), "1", "2", "1", "1", "5"]]}}
    server.answer = lambda request: odd
    outcome = download(store, there, Wish((one.id,), "1h", NOW - 2 * DAY, None, ("trade",)), Heard())
    (error,) = outcome.failures.values()
    assert "a 1h candle begins at 2024-09-06 00:30:00 UTC, between two bars" in str(error)


def test_what_does_not_pass_is_said_in_full(play: Play, store: Store) -> None:
    server, one = play("binance")
    server.fail("klines", *[day.status(503, body={"msg": "down for maintenance"})] * 4)
    with pytest.raises(DownloadError) as raised:
        fetched(server, "binance", one, store)
    assert str(raised.value) == (
        "binance BTCUSDT: asked for 1h trade candles; it answered HTTP 503: "
        '{"msg": "down for maintenance"}. Check the network, the proxy and the venue\'s status page; '
        "the same command goes on from here."
    )
    assert len(server.asked("klines")) == 4


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


@pytest.mark.parametrize(
    ("code", "body", "cure"),
    [
        (403, b"<html>forbidden</html>", "through a proxy"),
        (451, {"msg": "restricted location"}, "through a proxy"),
        (400, {"code": -1121, "msg": "Invalid symbol."}, "Look the symbol up"),
        (404, b"", "Read what the venue says"),
    ],
)
def test_what_waiting_does_not_mend_is_asked_for_once(
    code: int, body: Any, cure: str, play: Play, store: Store
) -> None:
    server, one = play("binance")
    server.fail("klines", day.status(code, body=body))
    with pytest.raises(DownloadError, match=cure):
        fetched(server, "binance", one, store)
    assert len(server.asked("klines")) == 1


def test_a_venue_that_asks_to_wait_is_obeyed(play: Play, store: Store) -> None:
    server, one = play("bybit")
    server.fail("market/kline", day.status(429, ("Retry-After", "0.3")))
    begun = time.monotonic()
    fetched(server, "bybit", one, store)
    assert time.monotonic() - begun > 0.3


def test_a_wait_of_hours_is_refused_with_the_cure(play: Play, store: Store) -> None:
    server, one = play("binance")
    server.fail("klines", day.status(418, ("Retry-After", "7200"), body={"code": -1003, "msg": "banned"}))
    with pytest.raises(DownloadError, match=r"HTTP 418: .*banned.*Wait some minutes"):
        fetched(server, "binance", one, store)
    assert len(server.asked("klines")) == 1


def test_pauses_double_up_to_the_longest() -> None:
    patience = Patience(attempts=20, first=1.0, longest=8.0)
    pauses = [patience.pause(ConnectionErrorOfRequests(), attempt) for attempt in range(1, 8)]
    for pause, own in zip(pauses, [1, 2, 4, 8, 8, 8, 8], strict=True):
        assert pause is not None
        assert own / 2 <= pause <= own
    assert patience.pause(ConnectionErrorOfRequests(), 20) is None
    assert patience.pause(KeyError("ours"), 1) is None


def test_an_unknown_symbol_fails_at_once_with_the_nearest(play: Play, store: Store) -> None:
    server, one = play("binance")
    with pytest.raises(DownloadError, match=r"binance BTCUSTD: .* Perhaps you mean BTCUSDT"):
        download(store, session(server, "binance"), Wish((one.id, "BTCUSTD"), "1h", SINCE), Heard())
    assert server.asked("klines") == []
    assert store.series() == []


def test_a_symbol_that_fits_two(play: Play, store: Store) -> None:
    other = type(VENUES["binance"][1])("BTCUSDC", quote="USDC", settle="USDC")
    server, _ = play("binance", other)
    with pytest.raises(DownloadError, match=r"more than one fits: BTCUSDC and BTCUSDT\. Name one"):
        session(server, "binance").find("BTC")


@pytest.mark.parametrize("asked", ["BTCUSDT", "btcusdt", "BTC/USDT:USDT", "BTC-USDT-SWAP", "BTC"])
def test_symbols_in_any_notation(asked: str, play: Play) -> None:
    server, one = play("bybit")
    assert session(server, "bybit").find(asked).folder == one.id


def test_a_delisted_symbol_gives_what_is_left_and_says_so(play: Play, store: Store) -> None:
    end = NOW - 30 * DAY
    server, one = play("bybit", active=False, holes=[(end, NOW + DAY)])
    heard = fetched(server, "bybit", one, store)
    assert heard.notes == ["BTCUSDT is not traded at bybit now: its history may end early"]
    last = store.read(Series("bybit", one.id, "trade", "1h"))["timestamp"].iloc[-1]
    assert last == end // HOUR * HOUR  # it began before the end


def test_a_timeframe_that_the_venue_does_not_serve(play: Play, store: Store) -> None:
    server, one = play("kraken")
    with pytest.raises(ConfigurationError, match=r"timeframe: is no timeframe .* kraken serves; found '3m'"):
        download(store, session(server, "kraken"), Wish((one.id,), "3m", SINCE), Heard())


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


@pytest.mark.skipif(find_spec("socks") is not None, reason="what SOCKS proxies need is installed here")
def test_a_proxy_that_needs_more_than_is_installed(play: Play) -> None:
    server, _ = play("bybit")
    with pytest.raises(DownloadError, match="pip install pysocks"):
        session(server, "bybit", proxy="socks5://127.0.0.1:9")


def test_what_is_shown_of_a_reply_is_one_line_without_secrets() -> None:
    text = one_line('GET /x?signature=abc123&apiKey=k9\n\n {"secret": "s3cr3t", "msg": "no"}' + "x" * 500)
    assert "abc123" not in text
    assert "s3cr3t" not in text
    assert "k9" not in text
    assert "\n" not in text
    assert len(text) <= 160


def test_names_of_venues() -> None:
    for name in ("binanceusdm", "Binance", "binance_usdm"):
        assert exchange(name).name == "binance"
    assert exchange("Crypto.com").client == exchange("cryptocom").client == "cryptocom"
    assert exchange("krakenfutures") is exchange("kraken")
    with pytest.raises(ConfigurationError, match="nearest: hyperliquid"):
        exchange("hyperliqid")


class ConnectionErrorOfRequests(__import__("requests").ConnectionError):  # type: ignore[misc]
    """A failure that passes."""
