"""The runs of a bootstrap: every draw of the market under every margin mode, on threads, numbers kept and no curves."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backtester import metrics
from backtester._fields import Field, integer, number, record
from backtester._hurry import LOOK, hurry
from backtester.allocation import allocations
from backtester.bootstrap.blocks import block_within, market_block_length
from backtester.bootstrap.keeping import Kept, kept_in, key_of
from backtester.bootstrap.outcome import MEASURED, Bootstrap
from backtester.bootstrap.resampling import Resampler
from backtester.compare import Comparison, Progress, compare
from backtester.comparing.modes import checked_modes, telling
from backtester.comparing.summary import liquidation_loss
from backtester.errors import StrategyError

if TYPE_CHECKING:
    from backtester.account import Account
    from backtester.allocation import Allocation, Strategies
    from backtester.market import Market
    from backtester.result import Result

__all__ = ["bootstrap"]

MOST_DRAWS, LARGEST_SEED = 10_000_000, 2**63 - 1
EXTREMES = ("adverse", "favourable")
AHEAD = 4  # draws for each thread: so many wait to be taken up, or to be counted in their order
Floats = NDArray[np.float64]


def bootstrap(
    strategy: Strategies,
    market: Market,
    account: Account,
    modes: Iterable[str] = ("isolated", "cross"),
    *,
    draws: int = 1_000,
    seed: int = 0,
    block: float | None = None,
    level: float = 0.95,
    floor: float = 0.1,
    threads: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    check: bool = True,
    progress: Progress | None = None,
    observed: Comparison | None = None,
) -> Bootstrap:
    """Run a strategy under several margin modes on a market and on many markets drawn from it.

    A draw is a market of as many bars, made of blocks of the market's: see `Resampler` and docs/bootstrap.md. The
    strategy is asked anew on each, and all modes run on the same draws, under the account's path inside the bars and
    under both extremes. Memory does not grow with the draws beyond some numbers for each.

    Parameters
    ----------
    strategy : Strategy, Allocation or sequence of them
    market : Market
    account : Account
    modes : iterable of str
        Of ``isolated``, ``cross``, ``mixed``, ``sub_accounts``; the first is compared with each other one.
    draws : int
    seed : int
        Draw k of a seed is the same whatever the number of draws and threads.
    block : float, optional [bars]
        Mean length of a block; chosen by `market_block_length` if it is left out.
    level : float
        Of the intervals.
    floor : float
        A part of the balance: how often the equity falls to it is told.
    threads : int, optional
        Draws at a time; one for each processor if it is left out.
    out : str or Path, optional
        Folder in which draws are kept as they are done, as Parquet files.
    resume : bool
        Go on in a folder that has draws: those of the same market, strategies, account, seed and engine are not done
        again, whatever their number; others are set aside in ``earlier``.
    check : bool
        Look for targets that use later bars and prove the ledger, on the market itself.
    progress : callable, optional
        Called as ``progress(done, total, what)``.
    observed : Comparison, optional
        Of the same modes on the market itself, where it is there already.

    Returns
    -------
    Bootstrap

    Raises
    ------
    ConfigurationError
        For a number that cannot be used, for an `out` that has draws if `resume` is False or if the class of a strategy
        is in no file, and as for `compare`.
    StrategyError
        As for `compare`; on a draw with its number and seed.
    """
    chosen = checked_modes(modes)
    asked = {"draws": draws, "draw_seed": seed, "block": block, "level": level, "floor": floor, "threads": threads}
    settings = record({key: value for key, value in asked.items() if value is not None}, _fields(market.n_bars))
    resampler = Resampler(market)
    mean = market_block_length(market) if block is None else settings["block"]
    team = allocations(strategy)
    runner = _Runner(team, account, chosen, resampler, mean, settings["draw_seed"])
    about = (chosen, runner.paths, mean, settings["draw_seed"])
    key = "" if out is None else key_of(team, market, account, about)
    with kept_in(out, key, about[:2], resume=resume) as kept:
        if observed is None:
            observed = compare(strategy, market, account, chosen, check=check, progress=progress)
        values = _values(runner, kept, settings["draws"], settings["threads"], progress)
    return Bootstrap(
        observed, values, runner.paths, settings["draw_seed"], mean, settings["level"], settings["floor"], block is None
    )


def _values(runner: _Runner, kept: Kept, draws: int, threads: int, progress: Progress | None) -> Floats:
    """Return what all draws come to, (n_draws, n_modes, n_paths, n_measures): those kept, and the others done now."""
    values = np.empty((draws, *runner.shape))
    done = np.zeros(draws, dtype=np.bool_)
    for numbers, rows in kept.parts():
        mine = numbers < draws
        values[numbers[mine]], done[numbers[mine]] = rows[mine], True
    n = int(done.sum())
    pool = ThreadPoolExecutor(threads)
    left = (number for number in range(draws) if not done[number])
    try:
        with closing(in_turn(pool, runner.row, left, AHEAD * threads)) as coming:
            for number, row in coming:
                values[number] = row
                kept.add(number, row)
                n += 1
                if progress is not None:
                    progress(n, draws, "draws")
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return values


def in_turn(
    pool: Executor, call: Callable[[int], Floats], numbers: Iterable[int], ahead: int
) -> Generator[tuple[int, Floats]]:
    """Yield each number with what comes of it, in their order, of which only so many are in hand or wait at a time.

    Closed early, or interrupted, it lets those in hand end, and the others do not begin.
    """
    waiting: deque[tuple[int, Future[Floats]]] = deque()
    try:
        for each in numbers:
            waiting.append((each, pool.submit(call, each)))
            if len(waiting) == ahead:
                yield waiting[0][0], waiting[0][1].result()
                waiting.popleft()
        for each, coming in waiting:
            yield each, coming.result()
    finally:
        left = {coming for _, coming in waiting if not coming.cancel()}
        while left and not hurry.is_set():
            left = wait(left, LOOK).not_done


def _fields(n_bars: int) -> dict[str, Field]:
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "draws": Field(integer(2, MOST_DRAWS, "markets to draw")),
        "draw_seed": Field(integer(0, LARGEST_SEED, "a seed of the draws")),
        "block": Field(block_within(n_bars), 0.0),
        "level": Field(number("a fraction above 0 and below 1", lambda value: 0 < value < 1)),
        "floor": Field(number("a fraction of the balance, from 0 to below 1", lambda value: 0 <= value < 1)),
        "threads": Field(integer(1, 1_000, "draws at a time"), processors),
    }


class _Runner:
    """Makes a draw and runs it, on whatever thread it is called."""

    def __init__(
        self,
        team: list[Allocation],
        account: Account,
        modes: tuple[str, ...],
        resampler: Resampler,
        block: float,
        seed: int,
    ) -> None:
        self._team, self._account, self._modes = team, replace(account, mode=telling(modes)), modes
        self._resampler, self._block, self._seed = resampler, block, seed
        self.paths = tuple(dict.fromkeys((account.path, *EXTREMES)))
        self.shape = (len(modes), len(self.paths), len(MEASURED))

    def row(self, number: int) -> Floats:
        """Return what a draw comes to, (n_modes, n_paths, n_measures)."""
        from backtester.engine import prepare, run

        market = self._resampler.draw(self._block, self._seed, number)
        out = np.empty(self.shape)
        try:
            ready = prepare(self._team, market, self._account, check=False)
            for m, mode in enumerate(self._modes):
                for p, path in enumerate(self.paths):
                    result = run(self._team, market, self._account, mode=mode, path=path, record="lows", prepared=ready)
                    out[m, p] = _measures(result)
        except StrategyError as error:
            where = f", on draw {number} of seed {self._seed} with blocks of {self._block:.6g} bars"
            problem = f"{error.problem}{where}"
            raise StrategyError(
                error.strategy, problem, bar=error.bar, slot=error.slot, found=error.found, cure=error.cure
            ) from error
        return out


def _measures(result: Result) -> list[float]:
    """Return the numbers of `MEASURED` of one run."""
    curve = result.curve
    return [
        curve.final,
        metrics.max_drawdown(curve),
        metrics.max_drawdown_in_bars(curve),
        float(result.totals["liquidations"]),
        float(curve.ruin is not None),
        float(min(result.equity_low.min(), result.equity.min())),
        metrics.total_return(curve),
        liquidation_loss(result),
        *(float(result.totals[key]) for key in ("fees", "liquidation_fees", "funding")),
    ]
