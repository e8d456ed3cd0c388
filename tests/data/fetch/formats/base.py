"""What the formats of all venues share."""

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
