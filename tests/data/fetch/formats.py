"""Made-up rows in the format of each venue: the public endpoints that the clients ask, with their limits and order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.data.fetch.loopback import Reply, Request
from tests.data.fetch.world import DAY, HOUR, MINUTE, Perpetual

STEPS = {"1m": MINUTE, "1h": HOUR, "1d": DAY, "1": MINUTE, "60": HOUR, "D": DAY, "1D": DAY, "1H": HOUR, "1Dutc": DAY}
MISSING = Reply({"code": 404, "msg": "no such endpoint in this test"}, 404)


class Venue:
    """Answers requests; a subclass for each venue."""

    def __init__(self, perpetuals: list[Perpetual], now: int) -> None:
        self.perpetuals = {one.id: one for one in perpetuals}
        self.now = now

    def __call__(self, request: Request) -> Any:
        for path, answer in self.paths().items():
            if path in request.path:
                return answer(request)
        return MISSING

    def paths(self) -> dict[str, Any]:
        raise NotImplementedError

    def candles(self, symbol: str, first: int, last: int, step: str, kind: str) -> list[Any]:
        return self.perpetuals[symbol].candles(first, last, STEPS[step], kind, self.now)

    def funding(self, symbol: str, first: int, last: int) -> list[Any]:
        return self.perpetuals[symbol].settlements(first, last, self.now)


def iso(time: int) -> str:
    return datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Binance(Venue):
    """Both kinds of contracts: oldest rows first, at most 1,000."""

    inverse = False

    def paths(self) -> dict[str, Any]:
        return {
            "exchangeInfo": self.info,
            "markPriceKlines": lambda request: self.klines(request, "mark"),
            "klines": lambda request: self.klines(request, "trade"),
            "fundingRate": self.rates,
            "leverageBracket": self.brackets,
        }

    def info(self, request: Request) -> Any:
        return {"serverTime": self.now, "symbols": [self._market(one) for one in self.perpetuals.values()]}

    def _market(self, one: Perpetual) -> dict[str, Any]:
        status = "TRADING" if one.active else "SETTLING"
        own = {"contractSize": 100, "contractStatus": status} if self.inverse else {"status": status}
        return own | {
            "symbol": one.id,
            "pair": one.base + one.quote,
            "contractType": "PERPETUAL",
            "deliveryDate": 4133404800000,
            "onboardDate": one.since,
            "baseAsset": one.base,
            "quoteAsset": one.quote,
            "marginAsset": one.settle,
            "pricePrecision": 2,
            "quantityPrecision": 3,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "1000000", "tickSize": "0.1"},
                {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
                {"filterType": "MIN_NOTIONAL", "notional": "5"},
            ],
        }

    def klines(self, request: Request, kind: str) -> Any:
        first, last, limit = request.number("startTime"), request.number("endTime", self.now), request.number("limit", 500)
        if self.inverse and last - first > 200 * DAY:
            return Reply({"code": -4085, "msg": "Invalid time interval"}, 400)
        step = request.parameters["interval"]
        rows = self.candles(request.parameters["symbol"], first, last, step, kind)[: min(limit, 1500)]
        return [
            [time, *map(str, (o, h, low, c, v)), time + STEPS[step] - 1, "0", 60, "0", "0", "0"]
            for time, o, h, low, c, v in rows
        ]

    def rates(self, request: Request) -> Any:
        first, last, limit = request.number("startTime"), request.number("endTime", self.now), request.number("limit", 100)
        symbol = request.parameters["symbol"]
        return [
            {"symbol": symbol, "fundingTime": time, "fundingRate": f"{rate:.8f}", "markPrice": "100.50000000"}
            for time, rate in self.funding(symbol, first, last)[: min(limit, 1000)]
        ]

    def brackets(self, request: Request) -> Any:
        if request.headers.get("X-MBX-APIKEY") != "the-key" or "signature" not in request.parameters:
            return Reply({"code": -2014, "msg": "API-key format invalid."}, 401)
        bounds = ("qtyFloor", "qtyCap") if self.inverse else ("notionalFloor", "notionalCap")
        return [
            {
                "symbol": name,
                "brackets": [
                    {"bracket": 1, "initialLeverage": 50, bounds[0]: 0, bounds[1]: 50, "maintMarginRatio": 0.01, "cum": 0},
                    {"bracket": 2, "initialLeverage": 25, bounds[0]: 50, bounds[1]: 99, "maintMarginRatio": 0.02, "cum": 1},
                ],
            }
            for name in self.perpetuals
        ]


class BinanceCoinM(Binance):
    inverse = True


class Bybit(Venue):
    """Newest rows first: of a window with too many, the oldest are left out."""

    def paths(self) -> dict[str, Any]:
        return {
            "instruments-info": self.info,
            "market/mark-price-kline": lambda request: self.klines(request, "mark"),
            "market/kline": lambda request: self.klines(request, "trade"),
            "funding/history": self.rates,
            "risk-limit": self.limits,
        }

    def _of(self, request: Request, rows: list[Any]) -> Any:
        result = {"category": request.parameters.get("category"), "list": rows}
        return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": self.now}

    def info(self, request: Request) -> Any:
        linear = request.parameters.get("category") == "linear"
        there = [] if request.parameters.get("status") == "PreLaunch" or not linear else self.perpetuals.values()
        return self._of(request, [self._market(one) for one in there])

    def _market(self, one: Perpetual) -> dict[str, Any]:
        return {
            "symbol": one.id,
            "contractType": "LinearPerpetual",
            "status": "Trading" if one.active else "Closed",
            "baseCoin": one.base,
            "quoteCoin": one.quote,
            "settleCoin": one.settle,
            "launchTime": str(one.since),
            "deliveryTime": "0",
            "leverageFilter": {"minLeverage": "1", "maxLeverage": "100", "leverageStep": "0.01"},
            "priceFilter": {"minPrice": "0.1", "maxPrice": "199999.8", "tickSize": "0.1"},
            "lotSizeFilter": {"minOrderQty": "0.001", "maxOrderQty": "100", "qtyStep": "0.001", "minNotionalValue": "5"},
            "fundingInterval": 480,
        }

    def klines(self, request: Request, kind: str) -> Any:
        first, last, limit = request.number("start"), request.number("end", self.now), request.number("limit", 200)
        rows = self.candles(request.parameters["symbol"], first, last, request.parameters["interval"], kind)
        wide = 5 if kind == "mark" else 6
        return self._of(request, [[str(cell) for cell in row[:wide]] for row in rows[::-1][: min(limit, 1000)]])

    def rates(self, request: Request) -> Any:
        first, last, limit = request.number("startTime"), request.number("endTime"), request.number("limit", 200)
        symbol = request.parameters["symbol"]
        rows = self.funding(symbol, first, last)[::-1][: min(limit, 200)]
        listed = [{"symbol": symbol, "fundingRate": str(rate), "fundingRateTimestamp": str(time)} for time, rate in rows]
        return self._of(request, listed)

    def limits(self, request: Request) -> Any:
        symbol = request.parameters["symbol"]
        tiers = [("2000000", "0.005", "0.01", "100.00"), ("4000000", "0.01", "0.02", "50.00")]
        names = ("riskLimitValue", "maintenanceMargin", "initialMargin", "maxLeverage")
        rows = [{"id": k, "symbol": symbol, **dict(zip(names, tier, strict=True))} for k, tier in enumerate(tiers, 1)]
        return self._of(request, rows)


class Okx(Venue):
    """Newest rows first, ``before`` and ``after`` are exclusive; times as texts."""

    def paths(self) -> dict[str, Any]:
        return {
            "public/instruments": self.info,
            "history-mark-price-candles": lambda request: self.klines(request, "mark", 100),
            "mark-price-candles": lambda request: self.klines(request, "mark", 100),
            "history-candles": lambda request: self.klines(request, "trade", 300),
            "candles": lambda request: self.klines(request, "trade", 300),
            "funding-rate-history": self.rates,
            "position-tiers": self.tiers,
        }

    def _of(self, rows: list[Any]) -> Any:
        return {"code": "0", "msg": "", "data": rows}

    def info(self, request: Request) -> Any:
        return self._of([self._market(one) for one in self.perpetuals.values()])

    def _market(self, one: Perpetual) -> dict[str, Any]:
        return {
            "instId": one.id,
            "instType": "SWAP",
            "instFamily": f"{one.base}-{one.quote}",
            "uly": f"{one.base}-{one.quote}",
            "baseCcy": "",
            "quoteCcy": "",
            "settleCcy": one.settle,
            "ctType": "linear",
            "ctVal": "0.01",
            "ctMult": "1",
            "lever": "100",
            "listTime": str(one.since),
            "lotSz": "0.01",
            "minSz": "0.01",
            "tickSz": "0.1",
            "maxLmtSz": "100000000",
            "state": "live" if one.active else "suspend",
        }

    def klines(self, request: Request, kind: str, most: int) -> Any:
        first, last = request.number("before", -1) + 1, request.number("after", self.now + 1) - 1
        rows = self.candles(request.parameters["instId"], first, last, request.parameters["bar"], kind)
        limit = min(request.number("limit", 100), most)
        return self._of([[str(row[0]), *map(str, row[1 : 5 if kind == "mark" else 6]), "1"] for row in rows[::-1][:limit]])

    def rates(self, request: Request) -> Any:
        first, last = request.number("before", -1) + 1, request.number("after", self.now + 1) - 1
        symbol = request.parameters["instId"]
        rows = self.funding(symbol, first, last)[::-1][: min(request.number("limit", 100), 100)]
        return self._of(
            [
                {"instType": "SWAP", "instId": symbol, "fundingRate": "9", "realizedRate": str(rate), "fundingTime": str(time)}
                for time, rate in rows
            ]
        )

    def tiers(self, request: Request) -> Any:
        rows = [("1", "0", "100", "0.004", "100"), ("2", "100", "500", "0.01", "50")]
        names = ("tier", "minSz", "maxSz", "mmr", "maxLever")
        return self._of([dict(zip(names, row, strict=True)) | {"instId": ""} for row in rows])


class Kraken(Venue):
    """Candles by a window; all of the funding at once."""

    def paths(self) -> dict[str, Any]:
        return {"instruments": self.info, "charts": self.klines, "historicalfundingrates": self.rates}

    def info(self, request: Request) -> Any:
        return {"result": "success", "instruments": [self._market(one) for one in self.perpetuals.values()]}

    def _market(self, one: Perpetual) -> dict[str, Any]:
        levels = [("initialMargin", 0.02, 0.04), ("maintenanceMargin", 0.01, 0.02), ("numNonContractUnits", 0, 500_000)]
        return {
            "symbol": one.id,
            "type": "flexible_futures" if one.settle == "EUR" else "futures_vanilla",
            "tickSize": 0.5,
            "contractSize": 1,
            "tradeable": one.active,
            "contractValueTradePrecision": 4,
            "openingDate": iso(one.since),
            "marginLevels": [{name: values[k] for name, *values in levels} for k in range(2)],
        }

    def klines(self, request: Request) -> Any:
        _, kind, symbol, step = request.path.rsplit("/", 3)
        first, last = request.number("from") * 1000, request.number("to", self.now // 1000) * 1000
        rows = self.candles(symbol, first, last, step, kind)
        names = ("open", "high", "low", "close", "volume")
        listed = [{"time": row[0], **{n: str(v) for n, v in zip(names, row[1:], strict=True)}} for row in rows[:2000]]
        return {"candles": listed, "more_candles": len(rows) > 2000}

    def rates(self, request: Request) -> Any:
        rows = self.funding(request.parameters["symbol"], 0, self.now)
        return {
            "result": "success",
            "rates": [{"timestamp": iso(t), "fundingRate": 9.0, "relativeFundingRate": r} for t, r in rows],
        }


class CryptoCom(Venue):
    """At most 300 candles, the newest of a window; its ends count in."""

    def paths(self) -> dict[str, Any]:
        return {
            "get-instruments": self.info,
            "get-candlestick": self.klines,
            "get-valuations": self.rates,
            "get-risk-parameters": self.risk,
        }

    def _of(self, **result: Any) -> Any:
        return {"id": -1, "method": "public", "code": 0, "result": result}

    def info(self, request: Request) -> Any:
        return self._of(data=[self._market(one) for one in self.perpetuals.values()])

    def _market(self, one: Perpetual) -> dict[str, Any]:
        return {
            "symbol": one.id,
            "inst_type": "PERPETUAL_SWAP",
            "base_ccy": one.base,
            "quote_ccy": one.quote,
            "price_tick_size": "0.1",
            "qty_tick_size": "0.0001",
            "max_leverage": "50",
            "tradable": one.active,
            "expiry_timestamp_ms": 0,
            "contract_size": "1",
        }

    def klines(self, request: Request) -> Any:
        first, last, count = request.number("start_ts"), request.number("end_ts"), request.number("count", 25)
        rows = self.candles(request.parameters["instrument_name"], first, last, request.parameters["timeframe"], "trade")
        names = ("t", "o", "h", "l", "c", "v")
        listed = [dict(zip(names, [row[0], *map(str, row[1:])], strict=True)) for row in rows[-min(count, 300) :]]
        return self._of(interval=request.parameters["timeframe"], data=listed)

    def rates(self, request: Request) -> Any:
        first, last, count = request.number("start_ts"), request.number("end_ts", self.now), request.number("count", 25)
        symbol = request.parameters["instrument_name"]
        rows = self.funding(symbol, first, last)[-count:][::-1]
        return self._of(data=[{"v": f"{rate:.8f}", "t": time} for time, rate in rows], instrument_name=symbol)

    def risk(self, request: Request) -> Any:
        return self._of(
            default_max_product_leverage_for_perps="20.0",
            default_unit_margin_rate="0.05",
            base_currency_config=[
                {"instrument_name": "BTC", "max_product_leverage_for_perps": "50.0", "unit_margin_rate": "0.005"}
            ],
        )


class Coinbase(Venue):
    """Columns instead of rows; funding by the hour."""

    def paths(self) -> dict[str, Any]:
        return {
            "get_instruments": self.info,
            "get_tradingview_chart_data": self.klines,
            "get_funding_rate_history": self.rates,
        }

    def info(self, request: Request) -> Any:
        return {"jsonrpc": "2.0", "result": [self._market(one) for one in self.perpetuals.values()]}

    def _market(self, one: Perpetual) -> dict[str, Any]:
        return {
            "instrument_name": one.id,
            "kind": "future",
            "settlement_period": "perpetual",
            "instrument_type": "linear",
            "base_currency": one.base,
            "counter_currency": one.quote,
            "quote_currency": one.quote,
            "settlement_currency": one.settle,
            "is_active": one.active,
            "max_leverage": 50,
            "contract_size": 0.01,
            "min_trade_amount": 0.01,
            "tick_size": 0.01,
            "taker_commission": 3.5e-4,
            "maker_commission": 1.5e-4,
            "creation_timestamp": one.since,
            "expiration_timestamp": 32503708800000,
        }

    def klines(self, request: Request) -> Any:
        first, last = request.number("start_timestamp"), request.number("end_timestamp")
        rows = self.candles(request.parameters["instrument_name"], first, last, request.parameters["resolution"], "trade")
        names = ("ticks", "open", "high", "low", "close", "volume")
        columns = {name: [row[k] for row in rows] for k, name in enumerate(names)}
        return {"jsonrpc": "2.0", "result": columns | {"status": "ok"}}

    def rates(self, request: Request) -> Any:
        first, last = request.number("start_timestamp"), request.number("end_timestamp")
        rows = self.funding(request.parameters["instrument_name"], first, last)
        return {"jsonrpc": "2.0", "result": [{"timestamp": t, "interest_1h": r, "interest_8h": r} for t, r in rows[:744]]}


class Hyperliquid(Venue):
    """One address for all; candles of the last 5,000 bars only; settlements at most 500, the oldest of a window."""

    recent = 5_000

    def paths(self) -> dict[str, Any]:
        return {"info": self.info}

    def info(self, request: Request) -> Any:
        answers = {
            "metaAndAssetCtxs": lambda _: [self.meta(_), [{"markPx": "100.5"} for _ in self.perpetuals]],
            "meta": self.meta,
            "candleSnapshot": self.klines,
            "fundingHistory": self.rates,
        }
        return answers[request.parameters["type"]](request)

    def meta(self, request: Any) -> Any:
        coins = [
            {"name": one.id, "szDecimals": 5, "maxLeverage": 40, "marginTableId": 56, "isDelisted": not one.active}
            for one in self.perpetuals.values()
        ]
        tiers = [{"lowerBound": "0.0", "maxLeverage": 40}, {"lowerBound": "150000000.0", "maxLeverage": 20}]
        return {"universe": coins, "marginTables": [[56, {"description": "tiered 40x", "marginTiers": tiers}]]}

    def klines(self, request: Request) -> Any:
        wanted = request.parameters["req"]
        step = wanted["interval"]
        first = max(wanted["startTime"], self.now - self.recent * STEPS[step])
        rows = self.candles(wanted["coin"], first, wanted["endTime"], step, "trade")[: self.recent]
        names = ("t", "o", "h", "l", "c", "v")
        return [dict(zip(names, [row[0], *map(str, row[1:])], strict=True)) | {"i": step, "n": 1} for row in rows]

    def rates(self, request: Request) -> Any:
        last = request.parameters.get("endTime", self.now)
        rows = self.funding(request.parameters["coin"], request.parameters["startTime"], last)[:500]
        return [{"coin": request.parameters["coin"], "fundingRate": str(r), "premium": "0", "time": t} for t, r in rows]


VENUES: dict[str, tuple[type[Venue], Perpetual]] = {
    "binance": (Binance, Perpetual("BTCUSDT")),
    "binance_coinm": (BinanceCoinM, Perpetual("BTCUSD_PERP", quote="USD", settle="BTC")),
    "bybit": (Bybit, Perpetual("BTCUSDT")),
    "okx": (Okx, Perpetual("BTC-USDT-SWAP")),
    "kraken": (Kraken, Perpetual("PF_XBTUSD", quote="USD", settle="USD")),
    "crypto_com": (CryptoCom, Perpetual("BTCUSD-PERP", quote="USD", settle="USD")),
    "coinbase": (Coinbase, Perpetual("BTC_USDC-PERPETUAL", quote="USDC", settle="USDC")),
    "hyperliquid": (Hyperliquid, Perpetual("BTC", quote="USDC", settle="USDC")),
}
