"""Tiers as the venues have them today, in one form: floor, maintenance rate, highest leverage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backtester.errors import ConfigurationError
from data.fetch.download import Wish, download
from data.fetch.failures import DownloadError
from data.store import Series, Store
from tests.data.fetch.kit import Heard, fetched, session
from tests.data.fetch.loopback import Request
from tests.data.fetch.test_venues import TIERS
from tests.data.fetch.world import DAY, NOW

Play = Callable[..., Any]

SERIES = Series("bybit", "BTCUSDT", "tiers")


def rows(store: Store, venue: str, symbol: str) -> list[list[float]]:
    return store.read(Series(venue, symbol, "tiers")).iloc[:, 1:].to_numpy().tolist()  # type: ignore[no-any-return]


def bybit_limits(*tiers: tuple[str, str, str]) -> Callable[[Request], Any]:
    names = ("riskLimitValue", "maintenanceMargin", "maxLeverage")
    listed = [{"id": k, "symbol": "BTCUSDT", **dict(zip(names, tier, strict=True))} for k, tier in enumerate(tiers)]
    return lambda request: {"retCode": 0, "result": {"list": listed}}


def test_rates_in_per_cent_are_told_by_the_leverage(play: Play, store: Store) -> None:
    """A maintenance rate above the initial one, 1/leverage, cannot be a fraction."""
    server, one = play("bybit")
    there = session(server, "bybit")
    server.answer = bybit_limits(("150", "0.5", "100.00"), ("300", "1.0", "50.00"))
    download(store, there, Wish((one.id,), "1h", NOW, None, ("tiers",)), Heard())
    assert rows(store, "bybit", one.id) == [[0, 0.005, 100], [150, 0.01, 50]]


def test_the_same_tiers_are_kept_once_and_others_under_their_day(play: Play, store: Store) -> None:
    server, one = play("bybit")
    there = session(server, "bybit")
    wish = Wish((one.id,), "1h", NOW, None, ("tiers",))
    assert download(store, there, wish, Heard()).rows == 2
    assert download(store, there, wish, Heard()).rows == 0
    there.client.skew += DAY
    assert download(store, there, wish, Heard()).rows == 0
    server.answer = bybit_limits(("2000000", "0.006", "75"))
    assert download(store, there, wish, Heard()).rows == 1
    held = store.read(SERIES)
    today = NOW // DAY * DAY
    assert held["timestamp"].tolist() == [today, today, today + DAY]
    assert held["maintenance_rate"].tolist() == [0.005, 0.01, 0.006]


def test_a_coin_without_a_margin_table_has_one_tier(play: Play, store: Store) -> None:
    server, one = play("hyperliquid")
    there = session(server, "hyperliquid")
    server.answer = lambda request: {"universe": [{"name": "BTC", "maxLeverage": 5, "szDecimals": 1}]}
    download(store, there, Wish((one.id,), "1h", NOW, None, ("tiers",)), Heard())
    assert rows(store, "hyperliquid", one.id) == [[0, 0.1, 5]]


def test_a_coin_without_parameters_has_the_default(play: Play, store: Store) -> None:
    server, one = play("crypto_com", id="XYZUSD-PERP", base="XYZ")
    fetched(server, "crypto_com", one, store, "tiers")
    assert rows(store, "crypto_com", one.id) == [[0, 0.025, 20, 0.05]]


@pytest.mark.parametrize("venue", TIERS)
def test_a_wrong_container_is_our_own_error(venue: str, play: Play, store: Store) -> None:
    server, one = play(venue)
    there = session(server, venue, key=True)
    for value in ({}, [], {"result": {"list": {}}}, {"code": "0", "data": [{}]}, {"code": 0, "result": []}):
        server.answer = lambda request, value=value: value
        outcome = download(store, there, Wish((one.id,), "1h", NOW, None, ("tiers",)), Heard())
        (error,) = outcome.failures.values()
        assert isinstance(error, DownloadError)
        assert str(error).startswith(f"{venue} {one.id}: asked for tiers; ")
    assert store.series() == []


@pytest.mark.parametrize("venue", ["binance", "binance_coinm"])
def test_without_a_key_nothing_is_asked_at_all(venue: str, play: Play) -> None:
    server, _ = play(venue)
    with pytest.raises(ConfigurationError, match="Set BINANCE_API_KEY and BINANCE_API_SECRET"):
        session(server, venue, kinds=("trade", "tiers"))
    assert server.requests == []


def test_a_wrong_key_is_said_at_once_for_all(play: Play, store: Store) -> None:
    server, one = play("binance")
    there = session(server, "binance", key=True)
    there.client.apiKey = "another"
    outcome = download(store, there, Wish((one.id,), "1h", NOW, None, ("tiers",)), Heard())
    assert len(server.asked("leverageBracket")) == 1
    (error,) = outcome.failures.values()
    assert "HTTP 401" in str(error)
    assert "another" not in str(error)
    assert "signature" not in str(error)


def test_tiers_that_do_not_tell_how_rates_grow_are_asked_for_again(play: Play, store: Store) -> None:
    """As those that an older store holds; then there are both tables, and the later one counts."""
    server, one = play("crypto_com")
    there = session(server, "crypto_com")
    series = Series("crypto_com", one.id, "tiers")
    plain = there.tiers(there.find(one.id)).drop(columns="unit_margin_rate").assign(timestamp=NOW // DAY * DAY - DAY)
    store.add_page(series, plain, "a test")
    wish = Wish((one.id,), "1h", NOW, None, ("tiers",))
    assert download(store, there, wish, Heard()).rows == 1
    assert download(store, there, wish, Heard()).rows == 0
    assert store.read(series)["unit_margin_rate"].iloc[-1] == 0.005
