"""The bootstrap of a year of hourly bars with four instruments: its rate, its peak of memory, where the time goes.

    python benchmarks/bootstrap.py [--draws 10000] [--threads 1]

Each draw is run in both margin modes and under both extreme paths inside the bars: four runs. The market and the runs
on it are made first; the peak is what the draws take above that. A twentieth of the draws is made once more, one after
another, with a clock around each part.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

from cases import MODES, SmaCross, account_of, market_of
from memory import forget_peak, now_in_use, peak_in_use
from timing import machine

from backtester import engine
from backtester.bootstrap import Resampler, bootstrap
from backtester.running import recorded

HOURS, INSTRUMENTS, RUNS = 8_760, 4, 4
BLOCK = 100.0  # [bars]


def main(draws: int, threads: int) -> None:
    market, account = market_of(HOURS, INSTRUMENTS, "1h"), account_of(INSTRUMENTS, "cross")
    strategy = SmaCross()
    bootstrap(strategy, market, account, MODES, draws=2, block=BLOCK, threads=threads)  # compiles, or loads what is
    forget_peak()
    before, start = now_in_use(), time.perf_counter()
    bootstrap(strategy, market, account, MODES, draws=draws, block=BLOCK, threads=threads)
    seconds = time.perf_counter() - start
    bars = HOURS * INSTRUMENTS * RUNS
    out = {
        **machine(),
        "draws": draws,
        "threads": threads,
        "seconds": round(seconds, 1),
        "draws_per_second": round(draws / seconds, 1),
        "million_bar_slots_per_second": round(draws * bars / seconds / 1e6, 2),
        "peak_above_start_mib": round((peak_in_use() - before) / 2**20, 1),
        "milliseconds_per_draw": parts(max(draws // 20, 1)),
    }
    print(json.dumps(out, indent=2))


def parts(draws: int) -> dict[str, float]:
    """Return the time of each part of a draw, one after another on one core [ms]."""
    market, strategy = market_of(HOURS, INSTRUMENTS, "1h"), SmaCross()
    account, resampler = account_of(INSTRUMENTS, "cross"), Resampler(market)
    clock = Clock()
    with mock.patch.object(recorded, "advance", clock.around("compiled runs", recorded.advance)):
        for k in range(draws):
            drawn = clock.around("making the market", resampler.draw)(BLOCK, 1, k)
            ready = clock.around("asking the strategy", engine.prepare)(strategy, drawn, account, check=False)
            for mode in MODES:
                for path in ("adverse", "favourable"):
                    clock.around("runs", engine.run)(
                        strategy, drawn, account, mode=mode, path=path, record="lows", prepared=ready
                    )
    clock.spent["preparing the runs"] = clock.spent.pop("runs") - clock.spent["compiled runs"]
    return {name: round(1e3 * spent / draws, 2) for name, spent in clock.spent.items()}


class Clock:
    """Adds up what calls take."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self.spent[name] = self.spent.get(name, 0.0) + time.perf_counter() - start

        return timed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=1)
    main(**vars(parser.parse_args()))
