"""Replies as the venues document them, read at run time from beside the project: are they read as they are meant?

Sample candles in documentation often begin between two bars; those must be refused, not put into a store.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.fetch.failures import BadReply, DownloadError
from data.fetch.history import candles, on_the_minute, settlements
from data.fetch.tiers import tier_table
from data.fetch.venues import exchange
from tests.data.fetch.kit import session
from tests.data.fetch.world import DAY, HOUR, MINUTE

GIVEN = os.environ.get("BACKTESTER_EXCHANGE_PAYLOADS")
FOLDER = Path(GIVEN) if GIVEN else Path(__file__).parents[4] / "shared" / "exchange-payloads"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="no documented replies: set BACKTESTER_EXCHANGE_PAYLOADS to the folder above okx"
)
STEPS = {"1m": MINUTE, "5m": 5 * MINUTE, "1h": HOUR, "1d": DAY}
EVER = (0, 1 << 45)  # [ms]

Play = Callable[..., Any]
Rows = Callable[[Any], list[list[Any]]]


def payload(name: str) -> Any:
    """Return a reply; the files ``.txt`` have method, path and whether it is signed on their first lines."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    return json.loads(text.split("\n", 3)[3] if name.endswith(".txt") else text)


def plain(wide: int = 6) -> Rows:
    """Rows are lists."""
    return lambda rows: [row[:wide] for row in rows]


def in_coin(place: int) -> Rows:
    """Rows are lists, whose volume in coin stands in some place."""
    return lambda rows: [[*row[:5], row[place]] for row in rows]


def named(*names: str) -> Rows:
    """Rows are objects."""
    return lambda rows: [[row[name] for name in names] for row in rows]


SHORT = named("t", "o", "h", "l", "c", "v")
MARKS = named("time", "open", "high", "low", "close")
LONG = named("time", "open", "high", "low", "close", "volume")

# file, venue, kind, timeframe, where its rows are, how they are to be read
CANDLES: list[tuple[str, str, str, str, Callable[[Any], Any], Rows]] = [
    ("binance/klines.json", "binance", "trade", "1h", lambda it: it, plain()),
    ("binance/usdm_GetKlines.txt", "binance", "trade", "1h", lambda it: it, plain()),
    ("binance/mark_price_klines.json", "binance", "mark", "1m", lambda it: it, plain(5)),
    ("binance/usdm_GetMarkPriceKlines.txt", "binance", "mark", "1m", lambda it: it, plain(5)),
    ("binance/coinm_GetKlines.txt", "binance_coinm", "trade", "1m", lambda it: it, in_coin(7)),
    ("binance/coinm_GetMarkPriceKlines.txt", "binance_coinm", "mark", "1m", lambda it: it, plain(5)),
    ("bybit/v5_GetKlines.txt", "bybit", "trade", "1h", lambda it: it["result"]["list"], plain()),
    ("bybit/v5_GetMarkPriceKlines.txt", "bybit", "mark", "1h", lambda it: it["result"]["list"], plain(5)),
    ("okx/candlesticks_full.json", "okx", "trade", "1m", lambda it: it["data"], in_coin(6)),
    ("krakenfutures/candles_trade.json", "kraken", "trade", "1h", lambda it: it["candles"], LONG),
    ("krakenfutures/candles_mark.json", "kraken", "mark", "1h", lambda it: it["candles"], MARKS),
    ("cryptocom/GetKlines.txt", "crypto_com", "trade", "5m", lambda it: it["result"]["data"], SHORT),
    ("hyperliquid/GetKlines.txt", "hyperliquid", "trade", "1d", lambda it: it, SHORT),
]
BETWEEN = ["bybit/klines_linear.json", "okx/GetKlines.txt", "okx/GetKlineHistory.txt"]
BYBIT = named("fundingRateTimestamp", "fundingRate")
KRAKEN = named("timestamp", "relativeFundingRate")
FUNDING: list[tuple[str, str, Callable[[Any], Any], Rows]] = [
    ("binance/funding_rate.json", "binance", lambda it: it, named("fundingTime", "fundingRate")),
    ("binance/usdm_GetFundingRates.txt", "binance", lambda it: it, named("fundingTime", "fundingRate")),
    ("binance/coinm_GetFundingRates.txt", "binance_coinm", lambda it: it, named("fundingTime", "fundingRate")),
    ("bybit/funding_history.json", "bybit", lambda it: it["result"]["list"], BYBIT),
    ("okx/funding_rate_history.json", "okx", lambda it: it["data"], named("fundingTime", "realizedRate")),
    ("krakenfutures/historical_funding_rates.json", "kraken", lambda it: it["rates"], KRAKEN),
    ("hyperliquid/funding_history.json", "hyperliquid", lambda it: it, named("time", "fundingRate")),
    ("hyperliquid/GetFundingRateHistory.txt", "hyperliquid", lambda it: it, named("time", "fundingRate")),
    ("cryptocom/GetValuations.txt", "crypto_com", lambda it: it["result"]["data"], named("t", "v")),
]


def named(part: object) -> str:
    """Return what names a case; a function's text is another one in each process."""
    return part if isinstance(part, str) else ""


@pytest.mark.parametrize(("name", "venue", "kind", "timeframe", "place", "rows"), CANDLES, ids=named)
def test_candles(name: str, venue: str, kind: str, timeframe: str, place: Any, rows: Rows, play: Play) -> None:
    server, one = play(venue)
    there = session(server, venue)
    reply = payload(name)
    server.answer = lambda request: reply
    symbol = there.find(one.id).symbol
    feed = exchange(venue).feed(kind)
    assert feed is not None
    frame = candles(there.client, feed, symbol, kind, timeframe, STEPS[timeframe], *EVER)
    expected = sorted([float(cell) for cell in row] for row in rows(place(reply)))
    assert frame.to_numpy().tolist() == expected


@pytest.mark.parametrize("name", BETWEEN)
def test_candles_between_two_bars(name: str, play: Play) -> None:
    venue = name.split("/")[0]
    server, one = play(venue)
    there = session(server, venue)
    server.answer = lambda request: payload(name)
    with pytest.raises(BadReply, match="between two bars"):
        candles(there.client, exchange(venue).trade, there.find(one.id).symbol, "trade", "1m", MINUTE, *EVER)


@pytest.mark.parametrize(("name", "venue", "place", "rows"), FUNDING, ids=named)
def test_funding(name: str, venue: str, place: Any, rows: Rows, play: Play) -> None:
    server, one = play(venue)
    there = session(server, venue)
    reply = payload(name)
    server.answer = lambda request: reply
    frame = settlements(there.client, exchange(venue).funding, there.find(one.id).symbol, *EVER)
    times = [there.client.parse8601(time) if "T" in str(time) else int(time) for time, _ in rows(place(reply))]
    rates = [float(rate) for _, rate in rows(place(reply))]
    expected = sorted(zip(on_the_minute(np.array(times)).tolist(), rates, strict=True))
    assert list(zip(frame["timestamp"], frame["funding_rate"], strict=True)) == expected


def test_tiers_of_okx(play: Play) -> None:
    server, one = play("okx")
    there = session(server, "okx")
    server.answer = lambda request: payload("okx/position_tiers.json")
    (row,) = payload("okx/position_tiers.json")["data"]
    frame = tier_table(there.client, there.exchange, there.find(one.id))
    assert frame.iloc[:, 1:].to_numpy().tolist() == [[float(row[name]) for name in ("minSz", "mmr", "maxLever")]]


def test_tiers_of_bybit_in_per_cent(play: Play) -> None:
    """The documented rate is in per cent, the live one is a fraction: 1/leverage tells."""
    server, one = play("bybit")
    there = session(server, "bybit")
    server.answer = lambda request: payload("bybit/v5_GetRiskLimit.txt")
    (row,) = payload("bybit/v5_GetRiskLimit.txt")["result"]["list"]
    frame = tier_table(there.client, there.exchange, there.find(one.id))
    expected = [0.0, float(row["maintenanceMargin"]) / 100, float(row["maxLeverage"])]
    assert frame.iloc[:, 1:].to_numpy().tolist() == [expected]


def test_tiers_of_crypto_com(play: Play) -> None:
    server, one = play("crypto_com", id="AAVEUSD-PERP", base="AAVE")
    there = session(server, "crypto_com")
    reply = payload("cryptocom/GetRiskParameters.txt")
    server.answer = lambda request: reply
    leverage = float(reply["result"]["default_max_product_leverage_for_perps"])
    frame = tier_table(there.client, there.exchange, there.find(one.id))
    (coin,) = [each for each in reply["result"]["base_currency_config"] if each["instrument_name"] == "AAVE"]
    growth = float(coin["unit_margin_rate"])
    assert frame.iloc[:, 1:].to_numpy().tolist() == [[0.0, 0.5 / leverage, leverage, growth]]


def test_markets_and_tiers_of_kraken(serve: Play) -> None:
    reply = payload("krakenfutures/instruments.json")
    there = session(serve(lambda request: reply), "kraken")
    assert [one.folder for one in there.listed] == sorted(each["symbol"] for each in reply["instruments"])
    facts = there.snapshot()["markets"]
    for each in reply["instruments"]:
        assert facts[each["symbol"]]["contract"] == ("inverse" if each["type"] == "futures_inverse" else "linear")
        frame = tier_table(there.client, there.exchange, there.find(each["symbol"]))
        levels = [
            [float(level.get("numNonContractUnits", level.get("contracts"))), level["maintenanceMargin"]]
            for level in each["marginLevels"]
        ]
        assert frame[["floor", "maintenance_rate"]].to_numpy().tolist() == levels


@pytest.mark.parametrize(
    ("venue", "name", "symbols"),
    [
        ("binance", "binance/usdm_GetExchangeInfo.txt", lambda it: [row["symbol"] for row in it["symbols"]]),
        ("okx", "okx/instruments_swap.json", lambda it: [row["instId"] for row in it["data"]]),
        ("crypto_com", "cryptocom/GetSymbols.txt", lambda it: [row["symbol"] for row in it["result"]["data"]]),
        ("hyperliquid", "hyperliquid/GetExchangeInfoAndTickers.txt", lambda it: [r["name"] for r in it[0]["universe"]]),
    ],
)
def test_markets(venue: str, name: str, symbols: Any, serve: Play) -> None:
    there = session(serve(lambda request: payload(name)), venue)
    assert [one.folder for one in there.listed] == sorted(symbols(payload(name)))
    for facts in there.snapshot()["markets"].values():
        assert facts["lot"] > 0


def test_another_products_replies_are_refused(serve: Play, play: Play) -> None:
    """Coinbase has two markets of futures with interfaces of their own."""
    with pytest.raises(DownloadError, match="coinbase: asked for its list of markets"):
        session(serve(lambda request: payload("coinbase/products_future.json")), "coinbase")
    server, one = play("coinbase")
    there = session(server, "coinbase")
    server.answer = lambda request: payload("coinbase/candles.json")
    with pytest.raises(BadReply, match=r"result\.ticks should be a list of rows"):
        candles(there.client, exchange("coinbase").trade, there.find(one.id).symbol, "trade", "1h", HOUR, *EVER)
