"""One run in a process of its own, so that its peak of memory is its own: prints one line of JSON.

    python memory.py N_BARS N_INSTRUMENTS TIMEFRAME MODE

The market is made first. What the run takes above it is the peak from then on: strategy, orders, engine, and the
records of every bar, pool and slot.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from cases import SmaCross, account_of, market_of

from backtester import engine


def main(n_bars: int, n_instruments: int, timeframe: str, mode: str) -> None:
    full_run(200, 2, timeframe, mode)  # compiles, or loads what is compiled
    market = market_of(n_bars, n_instruments, timeframe)
    account = account_of(n_instruments, mode)
    forget_peak()
    before = now_in_use()
    start = time.perf_counter()
    result = engine.run(SmaCross(), market, account)
    ran = time.perf_counter() - start
    result.records()
    result.check_ledger()
    seconds = time.perf_counter() - start
    peak = peak_in_use()
    out = {
        "run_seconds": ran,
        "seconds": seconds,
        "peak_bytes": peak,
        "bytes_per_bar_and_slot": (peak - before) / (n_bars * n_instruments),
        "orders": len(result.scenario.orders.bar),
        "events": len(result.events),
        "liquidations": result.totals["liquidations"],
    }
    print(json.dumps(out))


def full_run(n_bars: int, n_instruments: int, timeframe: str, mode: str) -> None:
    result = engine.run(SmaCross(), market_of(n_bars, n_instruments, timeframe), account_of(n_instruments, mode))
    result.records()
    result.check_ledger()


def forget_peak() -> None:
    """Let the peak begin anew (Linux); elsewhere it is that of the whole process."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        print("the peak includes the making of the market", file=sys.stderr)


def now_in_use() -> int:
    return _status("VmRSS") or peak_in_use()


def peak_in_use() -> int:
    """Return the most memory in use since `forget_peak` [bytes]."""
    unit = 1 if sys.platform == "darwin" else 1024
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(key: str) -> int:
    """Return a line of the process's status [bytes]; 0 where the system has none."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key + ":"))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
