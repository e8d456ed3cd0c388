"""How fast a sweep is and where its time goes: prints one line per figure.

    python benchmarks/batch.py [--bars 525600] [--pairs 10] [--workers 2]

A sweep of pairs x pairs parameters of a crossing of averages under both margin modes, plain metrics, on a made-up
market of one-minute bars. A bar-slot is one bar of one position of one run. The parts are those of one pair of
parameters, each timed alone on one thread; the sweep is `run_plan` with everything but the making of the market.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cases import SmaCross, account_of, market_of

from backtester import engine
from backtester.account import Account
from backtester.asking.causality import look_briefly, look_closely
from backtester.asking.intents import intents_of
from backtester.asking.remembering import Memory, remembering
from backtester.batch import plan_of, run_plan
from backtester.batch import shared as shared_of_batch
from backtester.comparing.summary import plain
from backtester.market import Market
from backtester.result import Result
from backtester.running import common_input, engine_input

HERE = Path(__file__).resolve().parent
REPEATS = 3
DAY = 1_440  # bars


def main(n_bars: int, pairs: int, workers: int) -> None:
    market = market_of(n_bars, 1, "1m")
    warm(market)
    parts(market)
    for check in (True, False):
        sweep(market, pairs, workers, check=check)


def warm(market: Market) -> None:
    """Load what is compiled."""
    few = market.slice(0, DAY)
    for mode in ("isolated", "cross"):
        plain(engine.run(SmaCross(), few, account_of(1, mode), record="none"))


def parts(market: Market) -> None:
    """Print the milliseconds of each step of two runs, both margin modes, of one pair of parameters."""
    strategy, account = SmaCross(), account_of(1, "cross")
    prepared = engine.prepare(strategy, market, account, check=False)
    runs, logged = both(strategy, market, account, prepared), both(strategy, market, account, prepared, "none")
    scenario = runs[-1].scenario
    common = common_input.common_of(scenario)
    with remembering(Memory(1 << 28)):
        asking, wanted, brief = (
            seconds(call)
            for call in (
                lambda: strategy.targets(market),
                lambda: intents_of(strategy, market),
                lambda: intents_of(strategy, market, look=look_briefly),
            )
        )
    anew = seconds(lambda: strategy.targets(market))
    closely = seconds(lambda: intents_of(strategy, market, look=look_closely)) - (wanted - asking) - anew
    figures = {
        "asking the strategy, averages known": asking,
        "two averages": anew - asking,
        "orders of its targets": wanted - asking,
        "look-ahead check, first parameters": closely,
        "look-ahead check, further parameters": brief - wanted,
        "arrays in common": seconds(lambda: common_input.common_of(scenario)),
        "arrays of the account, both modes": 2 * seconds(lambda: engine_input.run_of(scenario, 0, 0, 0, common=common)),
        "both modes, arrays of the account and all": seconds(lambda: both(strategy, market, account, prepared)),
        "plain metrics, both modes": seconds(lambda: [summed(result) for result in runs]),
        "proof of the ledger, both modes": seconds(lambda: [result.check_ledger() for result in logged]),
    }
    for what, taken in figures.items():
        print(f"{what:42} {1e3 * taken:8.1f} ms")


def both(
    strategy: SmaCross, market: Market, account: Account, prepared: engine.Prepared, record: str = "measures"
) -> list[Result]:
    """Run both margin modes."""
    return [
        engine.run(strategy, market, account, mode=mode, record=record, prepared=prepared)
        for mode in ("isolated", "cross")
    ]


def summed(result: Result) -> dict[str, float]:
    """Return the measures of a run, worked out anew."""
    for name in ("totals", "event_counts"):
        vars(result).pop(name, None)
    return plain(result)


def sweep(market: Market, pairs: int, workers: int, *, check: bool) -> None:
    """Print the rate of a whole sweep."""
    plan = plan_of(
        {
            "strategy": f"{HERE / 'sma_cross.py'}:SmaCross",
            "params": {"fast": [10 + 2 * k for k in range(pairs)], "slow": [60 + 10 * k for k in range(pairs)]},
            "market": "synthetic",
            "symbols": "FAKE1",
            "timeframe": "1m",
            "balance": 100_000,
            "metrics": "plain",
            "check": check,
        }
    )
    made, shared_of_batch.market_of = shared_of_batch.market_of, lambda wanted: market
    try:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            outcome = run_plan(plan, folder, workers=workers)
            taken = time.perf_counter() - start
    finally:
        shared_of_batch.market_of = made
    if outcome.failed:
        raise RuntimeError("runs of the sweep failed")
    rate = outcome.done * market.n_bars / taken / 1e6
    checks = "with" if check else "without"
    what = f"{outcome.done} runs of {market.n_bars:,} bars, {workers} threads, {checks} checks"
    print(f"{what}: {taken:.1f} s, {rate:.1f} million bar-slots/s")


def seconds(call: Callable[[], object]) -> float:
    """Return the median time of some calls."""
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bars", type=int, default=365 * DAY)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    main(given.bars, given.pairs, given.workers)
