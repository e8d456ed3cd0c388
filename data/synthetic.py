"""A made-up market: several correlated perpetuals from a seed, for demos and tests.

Each instrument follows a common market with its own beta, on top of which it has moves and jumps of
its own. Volatility clusters (slow and fast mean-reverting factors), and a market-wide crash with a
partial recovery may be put in. The trade price stands at a premium over the fair price, the mark
follows only a part of it, and thin instruments trade far beyond the mark in the crash. Funding
follows the premium of the eight hours before it.

All random numbers come from PCG64 streams, one per instrument, and prices are rounded to a tick, so
that a seed means the same market on every machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtester.errors import ConfigurationError, MarketDataError
from backtester.market import PRICES, Funding, Market
from backtester.text import moment
from backtester.times import instant, step
from data.processes import character_of, clock_of, generator, instrument_prices, market_factor

Floats = NDArray[np.float64]
HOUR = 3_600_000_000_000  # [ns]

FUNDING_HOURS = 8
INTEREST, CLAMP, CAP = 0.0001, 0.0003, 0.03  # of a funding rate


def synthetic(
    n_bars: int = 8_760,
    n_instruments: int = 6,
    timeframe: str = "1h",
    *,
    seed: int = 7,
    crash: bool = True,
    detail: str | None = None,
    start: object = "2024-01-01",
) -> Market:
    """Return a made-up market; the same arguments give the same market.

    Parameters
    ----------
    n_bars : int
        Bars of `timeframe`.
    n_instruments : int
        Named ``FAKE1/USDT:USDT`` and so on; the later ones are thinner and wilder.
    timeframe : str
        Of the bars, such as ``1h``.
    seed : int
        At least 0.
    crash : bool
        Put a market-wide crash with a partial recovery at two thirds of the time.
    detail : str, optional
        A finer timeframe: the bars are then made of its bars, exactly, and the market has them as
        its `detail`.
    start : str, datetime or int [ns UTC]
        Start of the first bar.

    Raises
    ------
    ConfigurationError, MarketDataError
        If a number is too small, or the timeframes do not fit.
    """
    _check(n_bars, n_instruments, seed)
    size = step(timeframe)
    parts = 1 if detail is None else _parts(timeframe, detail)
    first = instant(start, "start") or 0
    clock = clock_of(n_bars * parts, size / parts / HOUR, crash)
    streams = np.random.SeedSequence(seed).spawn(n_instruments + 1)
    common = market_factor(generator(streams[0]), clock)
    symbols = tuple(f"FAKE{i + 1}/USDT:USDT" for i in range(n_instruments))
    prices = np.empty((8, n_instruments, n_bars * parts))
    premiums = []
    for i, stream in enumerate(streams[1:]):
        prices[:, i], premium = instrument_prices(generator(stream), clock, common, character_of(i))
        premiums.append(premium)
    fine_time = first + np.arange(n_bars * parts, dtype=np.int64) * (size // parts)
    funding = _funding(premiums, fine_time, size // parts, prices[4])
    said = f"synthetic market, seed {seed}: {timeframe}, {moment(first)[:10]}"
    market = _build(symbols, fine_time[::parts], _aggregated(prices, parts), funding, said)
    if detail is None:
        return market
    return market.with_detail(_build(symbols, fine_time, prices, funding, said.replace(timeframe, detail)))


def _check(n_bars: int, n_instruments: int, seed: int) -> None:
    """Refuse numbers that make no market."""
    for key, value, least in (("n_bars", n_bars, 1), ("n_instruments", n_instruments, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise ConfigurationError(key, value, "cannot be used", allowed=f"a whole number of at least {least}")


def _parts(timeframe: str, detail: str) -> int:
    """Return how many bars of the detail make a bar."""
    size, fine = step(timeframe), step(detail)
    if fine >= size or size % fine:
        raise MarketDataError(
            f"a detail of {detail} does not divide {timeframe}", cure=f"Choose a finer one that fits into {timeframe}"
        )
    return size // fine


def _aggregated(prices: Floats, parts: int) -> Floats:
    """Return bars made of so many finer bars each."""
    if parts == 1:
        return prices
    n = prices.shape[2] // parts
    grouped = prices.reshape(2, 4, prices.shape[1], n, parts)
    out = np.empty((8, prices.shape[1], n))
    joined = out.reshape(2, 4, prices.shape[1], n)  # a view
    joined[:, 0] = grouped[:, 0, :, :, 0]
    joined[:, 1] = grouped[:, 1].max(axis=-1)
    joined[:, 2] = grouped[:, 2].min(axis=-1)
    joined[:, 3] = grouped[:, 3, :, :, -1]
    return out


def _funding(premiums: list[Floats], time: NDArray[np.int64], size: int, mark_open: Floats) -> Funding:
    """Return settlements every eight hours: the mean premium before, damped, plus interest."""
    ends = np.append(time, time[-1] + size)
    interval = FUNDING_HOURS * HOUR
    due = np.arange(-(-int(time[0] + 1) // interval) * interval, int(time[-1]) + 1, interval)
    last = np.searchsorted(ends, due, side="right")
    first = np.minimum(np.searchsorted(ends, due - interval, side="right"), last - 1)
    rates = []
    for premium in premiums:
        total = np.concatenate(([0.0], np.cumsum(premium)))
        mean = (total[last] - total[first]) / (last - first)
        rates.append(np.clip(mean + np.clip(INTEREST - mean, -CLAMP, CLAMP), -CAP, CAP))
    n = len(premiums)
    exact = time[last - 1] == due
    price = np.where(exact[:, None], mark_open[:, last - 1].T, np.nan)
    return Funding(
        np.repeat(due, n),
        np.tile(np.arange(n), len(due)),
        np.round(np.array(rates).T.ravel(), 8),
        price.ravel(),
    )


def _build(symbols: tuple[str, ...], time: NDArray[np.int64], prices: Floats, funding: Funding, said: str) -> Market:
    """Return the market of some arrays, (8, n_instruments, n_bars)."""
    prices.flags.writeable = False  # the owner of the market's arrays: nobody can make those writeable again
    columns: dict[str, Any] = {name: row.T for name, row in zip(PRICES, prices, strict=True)}
    mark_is_trade = np.zeros(len(symbols), np.bool_)
    return Market(symbols, time, **columns, mark_is_trade=mark_is_trade, funding=funding, synthetic=True, source=said)
