"""OKX's endpoints."""

from __future__ import annotations

from typing import Any

from tests.data.fetch.formats.base import Venue
from tests.data.fetch.loopback import Request
from tests.data.fetch.world import Perpetual


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
        volumes = [] if kind == "mark" else [5]  # in contracts, in coin, in quote currency
        wide = [[*map(str, row[:5]), *(str(row[k] * n) for k in volumes for n in (100, 1, 50)), "1"] for row in rows]
        return self._of(wide[::-1][:limit])

    def rates(self, request: Request) -> Any:
        first, last = request.number("before", -1) + 1, request.number("after", self.now + 1) - 1
        symbol = request.parameters["instId"]
        rows = self.funding(symbol, first, last)[::-1][: min(request.number("limit", 100), 100)]
        names = ("fundingTime", "realizedRate")
        same = {"instId": symbol, "fundingRate": "9"}
        return self._of([same | dict(zip(names, map(str, row), strict=True)) for row in rows])

    def tiers(self, request: Request) -> Any:
        rows = [("1", "0", "100", "0.004", "100"), ("2", "100", "500", "0.01", "50")]
        names = ("tier", "minSz", "maxSz", "mmr", "maxLever")
        return self._of([dict(zip(names, row, strict=True)) | {"instId": ""} for row in rows])
