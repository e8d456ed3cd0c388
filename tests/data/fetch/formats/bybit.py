"""Bybit's endpoints."""

from __future__ import annotations

from typing import Any

from tests.data.fetch.formats.base import Venue
from tests.data.fetch.loopback import Request
from tests.data.fetch.world import Perpetual


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
            "lotSizeFilter": {"minOrderQty": "0.001", "qtyStep": "0.001", "minNotionalValue": "5"},
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
        names = ("fundingRateTimestamp", "fundingRate")
        return self._of(request, [{"symbol": symbol, **dict(zip(names, map(str, row), strict=True))} for row in rows])

    def limits(self, request: Request) -> Any:
        symbol = request.parameters["symbol"]
        tiers = [("2000000", "0.005", "0.01", "100.00"), ("4000000", "0.01", "0.02", "50.00")]
        names = ("riskLimitValue", "maintenanceMargin", "initialMargin", "maxLeverage")
        rows = [{"id": k, "symbol": symbol, **dict(zip(names, tier, strict=True))} for k, tier in enumerate(tiers, 1)]
        return self._of(request, rows)
