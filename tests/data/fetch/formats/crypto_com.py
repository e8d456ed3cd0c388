"""Crypto.com's endpoints."""

from __future__ import annotations

from typing import Any

from tests.data.fetch.formats.base import Venue
from tests.data.fetch.loopback import Request
from tests.data.fetch.world import Perpetual


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
        symbol, step = request.parameters["instrument_name"], request.parameters["timeframe"]
        rows = self.candles(symbol, first, last, step, "trade")
        names = ("t", "o", "h", "l", "c", "v")
        listed = [dict(zip(names, [row[0], *map(str, row[1:])], strict=True)) for row in rows[-min(count, 300) :]]
        return self._of(interval=step, data=listed)

    def rates(self, request: Request) -> Any:
        first, last = request.number("start_ts"), request.number("end_ts", self.now)
        count = request.number("count", 25)
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
