"""Binance's endpoints, for both kinds of contracts."""

from __future__ import annotations

from typing import Any

from tests.data.fetch.formats.base import STEPS, Venue
from tests.data.fetch.loopback import Reply, Request
from tests.data.fetch.world import DAY, Perpetual


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
        first, last = request.number("startTime"), request.number("endTime", self.now)
        limit = request.number("limit", 500)
        if self.inverse and last - first > 200 * DAY:
            return Reply({"code": -4085, "msg": "Invalid time interval"}, 400)
        step = request.parameters["interval"]
        rows = self.candles(request.parameters["symbol"], first, last, step, kind)[: min(limit, 1500)]
        return [
            # coin-margined: the volume in contracts, two cells further on in coin
            [time, *map(str, prices), str(9 * v if self.inverse else v), time + STEPS[step] - 1, str(v), 60, "0", "0"]
            for time, *prices, v in rows
        ]

    def rates(self, request: Request) -> Any:
        first, last = request.number("startTime"), request.number("endTime", self.now)
        limit = request.number("limit", 100)
        symbol = request.parameters["symbol"]
        return [
            {"symbol": symbol, "fundingTime": time, "fundingRate": f"{rate:.8f}", "markPrice": "100.50000000"}
            for time, rate in self.funding(symbol, first, last)[: min(limit, 1000)]
        ]

    def brackets(self, request: Request) -> Any:
        if request.headers.get("X-MBX-APIKEY") != "the-key" or "signature" not in request.parameters:
            return Reply({"code": -2014, "msg": "API-key format invalid."}, 401)
        bounds = ("qtyFloor", "qtyCap") if self.inverse else ("notionalFloor", "notionalCap")
        names = ("bracket", "initialLeverage", *bounds, "maintMarginRatio", "cum")
        rows = [(1, 50, 0, 50, 0.01, 0), (2, 25, 50, 99, 0.02, 1)]
        brackets = [dict(zip(names, row, strict=True)) for row in rows]
        return [{"symbol": name, "brackets": brackets} for name in self.perpetuals]


class BinanceCoinM(Binance):
    inverse = True
