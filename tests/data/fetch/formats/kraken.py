"""Kraken's endpoints for futures."""

from __future__ import annotations

from typing import Any

from tests.data.fetch.formats.base import Venue, iso
from tests.data.fetch.loopback import Request
from tests.data.fetch.world import Perpetual


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
            "type": "flexible_futures",
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
