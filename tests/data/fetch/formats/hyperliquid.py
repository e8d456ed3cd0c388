"""Hyperliquid's one endpoint."""

from __future__ import annotations

from typing import Any

from tests.data.fetch.formats.base import STEPS, Venue
from tests.data.fetch.loopback import Request


class Hyperliquid(Venue):
    """One address for all; candles of the last 5,000 bars only; settlements at most 500, the oldest of a window."""

    recent = 5_000
    most = 2_000  # candles in a reply

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
        rows = self.candles(wanted["coin"], first, wanted["endTime"], step, "trade")[: self.most]
        names = ("t", "o", "h", "l", "c", "v")
        return [dict(zip(names, [row[0], *map(str, row[1:])], strict=True)) | {"i": step, "n": 1} for row in rows]

    def rates(self, request: Request) -> Any:
        last = request.parameters.get("endTime", self.now)
        rows = self.funding(request.parameters["coin"], request.parameters["startTime"], last)[:500]
        return [{"coin": request.parameters["coin"], "fundingRate": str(r), "premium": "0", "time": t} for t, r in rows]
