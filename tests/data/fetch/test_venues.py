"""Does each venue's history come whole: over many pages, from its own endpoints, through the real client?"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

from data.fetch.client import Connection, make_client
from data.fetch.download import KINDS, Wish, download
from data.fetch.venues import EXCHANGES, exchange
from data.store import Series, Store
from tests.data.fetch.formats import VENUES
from tests.data.fetch.kit import Heard, candles, funding, session
from tests.data.fetch.world import DAY, HOUR, NOW

# where trade candles, mark candles and settlements are asked for, and since when three pages and more come of them
PATHS = {
    "binance": ("/fapi/v1/klines", "/fapi/v1/markPriceKlines", "/fapi/v1/fundingRate", 3_200),
    "binance_coinm": ("/dapi/v1/klines", "/dapi/v1/markPriceKlines", "/dapi/v1/fundingRate", 3_200),
    "bybit": ("/v5/market/kline", "/v5/market/mark-price-kline", "/v5/market/funding/history", 3_200),
    "okx": ("/candles", "mark-price-candles", "/funding-rate-history", 1_700),
    "kraken": ("/charts/v1/trade", "/charts/v1/mark", "historicalfundingrates", 5_000),
    "crypto_com": ("get-candlestick", None, "get-valuations", 2_000),
    "coinbase": ("get_tradingview_chart_data", None, "get_funding_rate_history", 3_200),
    "hyperliquid": ("/info", None, "/info", 4_900),
}
TIERS = {
    "binance": [[0, 0.01, 50], [50, 0.02, 25]],
    "binance_coinm": [[0, 0.01, 50], [50, 0.02, 25]],
    "bybit": [[0, 0.005, 100], [2_000_000, 0.01, 50]],
    "okx": [[0, 0.004, 100], [100, 0.01, 50]],
    "kraken": [[0, 0.01, 50], [500_000, 0.02, 25]],
    "crypto_com": [[0, 0.01, 50, 0.005]],  # the last is the unit margin rate
    "hyperliquid": [[0, 0.0125, 40], [150_000_000, 0.025, 20]],
}
WITHOUT_MARK = {"crypto_com", "coinbase", "hyperliquid"}

Play = Callable[..., Any]


def test_every_venue_is_tested() -> None:
    assert set(PATHS) == set(VENUES) == {each.name for each in EXCHANGES}


@pytest.mark.parametrize("venue", PATHS)
def test_a_venue_gives_all_there_is(venue: str, play: Play, store: Store) -> None:
    trade, mark, rates, hours = PATHS[venue]
    server, one = play(venue, interval=[(0, 1)], jitter=700)
    since = (NOW - hours * HOUR) // HOUR * HOUR
    heard = Heard()
    outcome = download(store, session(server, venue, key=True), Wish((one.id,), "1h", since, None, KINDS), heard)

    assert not outcome.failures
    held = {series.kind: store.read(series) for series in outcome.entries}
    assert_frame_equal(held["trade"], candles(one, since, NOW))
    assert held["trade"]["timestamp"].iloc[-1] == NOW // HOUR * HOUR - HOUR  # the open candle is left out
    assert_frame_equal(held["funding"][["timestamp", "funding_rate"]], funding(one, since, NOW))
    if venue.startswith("binance"):
        assert set(held["funding"]["mark_price"]) == {100.5}
    if venue == "hyperliquid":
        assert pages(server, "candleSnapshot") >= 3
        assert pages(server, "fundingHistory") >= 3
    else:
        assert len(server.asked(trade)) >= 3
        assert len(server.asked(rates)) >= (1 if venue == "kraken" else 3)  # kraken gives all of it at once
    if mark is None:
        assert "mark" not in held
        assert any("serves no mark candles" in note for note in heard.notes)
    else:
        assert_frame_equal(held["mark"], candles(one, since, NOW, "mark"))
        assert len(server.asked(mark)) >= 3
    if venue in TIERS:
        assert held["tiers"].iloc[:, 1:].to_numpy().tolist() == TIERS[venue]
        assert set(held["tiers"]["timestamp"]) == {NOW // DAY * DAY}
    else:
        assert "tiers" not in held
        assert any("serves no tiers" in note for note in heard.notes)
    assert outcome.rows == sum(map(len, held.values()))


@pytest.mark.parametrize("venue", PATHS)
def test_a_second_call_asks_for_next_to_nothing(venue: str, play: Play, store: Store) -> None:
    server, one = play(venue)
    there = session(server, venue, key=True)
    wish = Wish((one.id,), "1h", NOW - 40 * DAY, NOW - 20 * DAY, KINDS[:3])
    assert download(store, there, wish, Heard()).rows > 480
    before = {path: path.read_bytes() for path in store.root.rglob("*.parquet")}
    asked = len(server.requests)
    assert download(store, there, wish, Heard()).rows == 0
    assert len(server.requests) == asked
    assert {path: path.read_bytes() for path in store.root.rglob("*.parquet")} == before


@pytest.mark.parametrize("venue", PATHS)
def test_what_a_venue_says_of_its_markets_is_kept(venue: str, play: Play, store: Store) -> None:
    server, one = play(venue)
    download(store, session(server, venue), Wish((one.id,), "1h", NOW - DAY, None, ("funding",)), Heard())
    facts = json.loads((store.root / venue / "markets.json").read_text())
    assert facts["taken"][:14] == "2024-09-07 00:"
    assert facts["tiers_in"] == (exchange(venue).tiers_in if venue in TIERS else None)
    market = facts["markets"][one.id]
    assert market["contract"] == ("inverse" if venue == "binance_coinm" else "linear")
    assert market["settled_in"] == one.settle
    assert market["contract_size"] == {"okx": 0.01, "coinbase": 0.01, "binance_coinm": 100}.get(venue, 1)
    assert market["lot"] > 0
    assert market["tick"] > 0
    assert market["taker_fee_rate"] is None or 0 < market["taker_fee_rate"] < 0.01
    untold = {"crypto_com", "hyperliquid"}
    assert market["listed"] == (None if venue in untold else "2024-01-01 00:00:00 UTC")


@pytest.mark.parametrize("venue", sorted(WITHOUT_MARK))
def test_trade_candles_never_pass_for_mark_candles(venue: str, play: Play, store: Store) -> None:
    """The client of these venues answers ``price: mark`` with trade candles."""
    server, one = play(venue)
    outcome = download(store, session(server, venue), Wish((one.id,), "1h", NOW - DAY, None, ("mark",)), Heard())
    assert outcome.entries == {}
    assert not store.path(Series(venue, one.id, "mark", "1h")).exists()


def test_every_perpetual_that_is_traded(play: Play, store: Store) -> None:
    others = [
        type(VENUES["bybit"][1])(f"{base}USDT", base, active=base != "LUNA", price=number + 1.0)
        for number, base in enumerate(["ETH", "LUNA", *(f"A{k}" for k in range(20))])
    ]
    server, _ = play("bybit", *others)
    wish = Wish((), "1h", NOW - 5 * HOUR, None, ("trade", "mark"))
    outcome = download(store, session(server, "bybit"), wish, Heard(), parallel=8)
    assert {series.symbol for series in outcome.entries} == {"BTCUSDT"} | {one.id for one in others if one.active}
    for one in others[2:]:
        series = Series("bybit", one.id, "trade", "1h")
        assert_frame_equal(store.read(series), candles(one, NOW - 5 * HOUR, NOW))


def test_requests_of_several_threads_keep_their_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands still, so each request waits for all that came before it."""
    client = make_client(exchange("bybit"), Connection(pause=100))
    waited: list[float] = []
    monkeypatch.setattr("data.fetch.client.time.monotonic", lambda: 5.0)
    monkeypatch.setattr("data.fetch.client.time.sleep", waited.append)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(client.throttle, [1, 1, 1, 1, 1, 1, 1, 1]))
    assert sorted(waited) == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    waited.clear()
    for cost in (None, 5, 1):  # a request may weigh more than one
        client.throttle(cost)
    assert waited == pytest.approx([0.8, 0.9, 1.4])


def pages(server: Any, kind: str) -> int:
    """Return how many requests of a kind came to Hyperliquid's one address."""
    return sum(request.parameters.get("type") == kind for request in server.requests)


def test_the_page_says_what_each_venue_serves() -> None:
    lines = (Path(__file__).parents[3] / "docs" / "download.md").read_text(encoding="utf-8").splitlines()
    table = {line.split("`")[1]: line for line in lines if line.startswith("| `")}
    assert set(table) == {each.name for each in EXCHANGES}
    for each in EXCHANGES:
        _, _, client, candle, mark, rates, tiers, floors, _ = (cell.strip() for cell in table[each.name].split("|"))
        assert client == each.client
        assert candle.startswith(f"{each.trade.limit:,}")
        assert mark == ("yes" if each.mark else "no")
        assert rates.startswith("all at once" if each.funding.whole else f"{each.funding.limit:,}")
        assert tiers == ("no" if not each.tiers else "with a key" if each.private_tiers else "yes")
        assert floors == (each.tiers_in if each.tiers else "")
