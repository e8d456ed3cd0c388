"""A sweep of parameters beside vectorbt's, in turn in one run: prints JSON with seconds, rates and ratios.

    python benchmarks/sweep.py [--bars 525600] [--pairs 10] [--workers 2] [--repeats 3]

pairs x pairs windows of a crossing of averages on one made-up market of one-minute bars. Ours is `run_plan` with plain
metrics under both margin modes, from asking the strategy to rows on the disk, without the making of the market.
vectorbt's is its own averages, signals, `Portfolio.from_signals` without margin, and three measures of each column,
once. Both trade the same: the fees of all pairs have to agree. A bar-slot is one bar of one position of one run, of
which ours does two for each of theirs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from batch import DAY, HERE, warm
from cases import BALANCE_PER_SLOT, FEE_RATE, MODES, NOTIONAL, market_of
from peers import VECTORBT, Peer
from timing import machine, ratio, spread

from backtester.batch import plan_of, read_runs, run_plan
from backtester.batch import shared as shared_of_batch
from backtester.market import Market

COLUMNS = 10  # of vectorbt's portfolios at a time
AGREE = 1e-4  # of the fees: where two averages are equal, vectorbt's differ in the last digits, and it trades
PEER_DOES = ("from_signals", "with_metrics")


def main(bars: int, pairs: int, workers: int, repeats: int) -> None:
    market = market_of(bars, 1, "1m")
    windows = {"fast": [10 + 2 * k for k in range(pairs)], "slow": [60 + 10 * k for k in range(pairs)]}
    warm(market)
    with tempfile.TemporaryDirectory() as folder, peer_of(market, windows, Path(folder)) as peer:
        fees = ours(market, windows, workers, check=False)[1]
        if abs(fees - peer.about["fees"]) > AGREE * fees:
            raise RuntimeError(f"fees differ: {fees} and {peer.about['fees']} of vectorbt")
        seconds = in_turn(market, windows, workers, repeats, peer)
        about = peer.about
    runs = pairs * pairs
    rates = {
        name: round(runs * bars * (1 if name in PEER_DOES else len(MODES)) / sorted(taken)[len(taken) // 2] / 1e6, 2)
        for name, taken in seconds.items()
    }
    out: dict[str, Any] = {
        **machine(),
        "bars": bars,
        "pairs": runs,
        "workers": workers,
        "fees_of_a_mode": {"ours": fees, "vectorbt": about["fees"]},
        "vectorbt": about["versions"],
        "seconds": {name: spread(taken) for name, taken in seconds.items()},
        "million_bar_slots_per_second": rates,
        "times_as_fast_per_bar_slot": {
            f"{mine} / {theirs}": {
                name: round(len(MODES) * value, 2) for name, value in ratio(seconds[mine], seconds[theirs]).items()
            }
            for mine in ("without checks", "with checks")
            for theirs in PEER_DOES
        },
    }
    print(json.dumps(out, indent=2))


def in_turn(
    market: Market, windows: dict[str, list[int]], workers: int, repeats: int, peer: Peer
) -> dict[str, list[float]]:
    """Return the seconds of each kind of sweep, all in turn: a machine that is slow for a while is slow for all."""
    seconds: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, check in (("without checks", False), ("with checks", True)):
            seconds.setdefault(name, []).append(ours(market, windows, workers, check=check)[0])
        for what in PEER_DOES:
            seconds.setdefault(what, []).append(peer.turn(what))
    return seconds


def ours(market: Market, windows: dict[str, list[int]], workers: int, *, check: bool) -> tuple[float, float]:
    """Return the seconds of a sweep, and the fees that all pairs paid in one mode."""
    plan = plan_of(
        {
            "strategy": f"{HERE / 'sma_cross.py'}:SmaCross",
            "params": windows,
            "market": "synthetic",
            "symbols": "FAKE1",
            "timeframe": "1m",
            "balance": BALANCE_PER_SLOT,
            "metrics": "plain",
            "check": check,
        }
    )
    lent = mock.patch.object(shared_of_batch, "market_of", lambda wanted: market)
    with lent, tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        outcome = run_plan(plan, folder, workers=workers)
        taken = time.perf_counter() - start
        if outcome.failed:
            raise RuntimeError("runs of the sweep failed")
        rows = read_runs(folder)
    return taken, float(rows[rows["mode"] == "cross"]["fees"].sum())


def peer_of(market: Market, windows: dict[str, list[int]], folder: Path) -> Peer:
    """Return a peer that was given the same prices and windows."""
    for name in ("open", "close"):
        np.save(folder / f"{name}.npy", np.ascontiguousarray(getattr(market, name)))
    settings = {"fee_rate": FEE_RATE, "notional": NOTIONAL, "balance": BALANCE_PER_SLOT, "columns": COLUMNS}
    return Peer(VECTORBT, "peer_vectorbt_sweep.py", folder, settings | windows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bars", type=int, default=365 * DAY)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    main(**vars(parser.parse_args()))
