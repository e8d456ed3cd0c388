"""Coinbase's endpoints."""

from __future__ import annotations

from typing import Any

from tests.data.fetch.formats.base import Venue
from tests.data.fetch.loopback import Request
from tests.data.fetch.world import Perpetual


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
        symbol, step = request.parameters["instrument_name"], request.parameters["resolution"]
        rows = self.candles(symbol, first, last, step, "trade")
        names = ("ticks", "open", "high", "low", "close", "volume")
        columns = {name: [row[k] for row in rows] for k, name in enumerate(names)}
        return {"jsonrpc": "2.0", "result": columns | {"status": "ok"}}

    def rates(self, request: Request) -> Any:
        first, last = request.number("start_timestamp"), request.number("end_timestamp")
        rows = self.funding(request.parameters["instrument_name"], first, last)
        listed = [{"timestamp": time, "interest_1h": rate, "interest_8h": rate} for time, rate in rows[:744]]
        return {"jsonrpc": "2.0", "result": listed}
