"""Compile the kernels ahead of their first use: `python -m backtester.warmup`.

They stay in the disk cache until a kernel is edited; run.py does this once after an installation.
"""

import gc

from backtester.engine import simulate
from backtester.indicators import sma
from backtester.result import Result
from backtester.running import engine_input
from backtester.running.common_input import common_of
from backtester.running.tallied import NO_CURVES
from backtester.scenario import Scenario
from backtester.schema import Logs

HOUR = 3_600_000_000_000  # [ns]

SMALLEST = {
    "open_time": [0, HOUR],
    "instruments": [{"symbol": "A", "tiers": [[0, 0.005, 100]]}],
    "bars": [{name: [100.0, 100.0] for name in ("open", "high", "low", "close")}],
    "account": {"balance": 1000, "mode": "isolated"},
    "slots": [{"instrument": 0, "leverage": 10}],
    "orders": [{"bar": 0, "slot": 0, "size": 1}],
}


def warm_up() -> None:
    """Run the smallest scenario, which compiles every kernel that is not in the cache yet."""
    sma([1.0], 1)
    _read(simulate(Scenario.from_dict(SMALLEST)))


def warm_up_reading() -> None:
    """Compile only what reads a run: a tenth of all, which another process can do while the engine is compiled."""
    scenario = Scenario.from_dict(SMALLEST)
    run = engine_input.run_of(scenario, 0, 0, 0, common=common_of(scenario))
    _read(Result(scenario, Logs(*run[-3:]), run.sums, NO_CURVES, bankrupt=False))


def _read(result: Result) -> None:
    result.to_dict()
    result.curve  # noqa: B018  (it is worked out when it is asked for)


if __name__ == "__main__":
    gc.disable()  # nearly all that a compiler makes it keeps, and looking through it takes a while
    warm_up()
