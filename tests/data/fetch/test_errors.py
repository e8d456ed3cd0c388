"""What does not pass is said in full: venue, symbol, what was asked for, what came back, what to do."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest

from backtester.errors import ConfigurationError
from data.fetch.download import Wish, download
from data.fetch.failures import DownloadError, one_line
from data.fetch.venues import exchange
from data.store import Store
from tests.data.fetch import loopback as day
from tests.data.fetch.formats import VENUES
from tests.data.fetch.kit import Heard, fetched, session
from tests.data.fetch.world import DAY, HOUR, NOW

Play = Callable[..., Any]

SINCE = NOW - 90 * DAY


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
        "binance BTCUSDT: asked for 1h trade candles from 2024-06-09 01:00 to 2024-07-20 17:00 UTC; "
        "it answered HTTP 503: "
        '{"msg": "down for maintenance"}. Check the network, the proxy and the venue\'s status page; '
        "the same command goes on from here."
    )
    assert len(server.asked("klines")) == 4


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


def test_a_wait_of_hours_is_refused_with_the_cure(play: Play, store: Store) -> None:
    server, one = play("binance")
    server.fail("klines", day.status(418, ("Retry-After", "7200"), body={"code": -1003, "msg": "banned"}))
    with pytest.raises(DownloadError, match=r"HTTP 418: .*banned.*Wait some minutes"):
        fetched(server, "binance", one, store)
    assert len(server.asked("klines")) == 1


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


def test_a_timeframe_that_the_venue_does_not_serve(play: Play, store: Store) -> None:
    server, one = play("kraken")
    with pytest.raises(ConfigurationError, match=r"timeframe: is no timeframe .* kraken serves; found '3m'"):
        download(store, session(server, "kraken"), Wish((one.id,), "3m", SINCE), Heard())


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
