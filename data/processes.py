"""The random processes behind the synthetic market; see data/synthetic.py."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
YEAR = 365 * 24.0  # [h]
DIGITS = 6  # of the first price
FIRST_PRICES = (40_000.0, 2_500.0, 150.0, 20.0, 3.0, 0.4, 0.05)

MARKET_VOLATILITY = 0.5  # [1/sqrt(year)]
OWN_VOLATILITY = 0.35
JUMPS_PER_HOUR = 1 / 240
JUMP_SIZE = 0.02
MARK_SHARE = 0.4  # of the premium that the mark follows

CRASH_AT = 0.65  # of the time
FALL_HOURS, FALL, RECOVERED, RECOVERY_HOURS = 1.5, 0.28, 0.45, 8.0


class Character(NamedTuple):
    """What sets an instrument apart: it moves with the market by beta, and thin ones overshoot."""

    beta: float
    own_volatility: float
    thinness: float
    first_price: float


class Clock(NamedTuple):
    """The ends of all steps, (n + 1,), in hours since the start, and the crash on them."""

    hours: Floats
    step: float
    fall: Floats  # log price of the market because of the crash
    stress: Floats  # 0 to 1: how much the crash shows


def generator(stream: np.random.SeedSequence) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(stream))


def character_of(i: int) -> Character:
    """Return the character of instrument i: the first is the heaviest."""
    weight = i / (i + 2.0)  # 0, 1/3, 1/2, ... towards 1
    return Character(
        beta=0.85 + 1.1 * weight,
        own_volatility=OWN_VOLATILITY * (0.4 + 1.6 * weight),
        thinness=0.2 + 1.3 * weight,
        first_price=FIRST_PRICES[i % len(FIRST_PRICES)],
    )


def clock_of(n_steps: int, hours: float, crash: bool) -> Clock:
    """Return the ends of the steps, and the crash on them."""
    time: Floats = np.arange(n_steps + 1, dtype=np.float64) * hours
    if not crash:
        return Clock(time, hours, np.zeros_like(time), np.zeros_like(time))
    since = time - time[int(CRASH_AT * n_steps)]
    falling = np.clip(since / FALL_HOURS, 0.0, 1.0)
    after = np.maximum(since - FALL_HOURS, 0.0)
    recovering = RECOVERED * -np.expm1(-after / RECOVERY_HOURS)
    return Clock(time, hours, -FALL * (falling - recovering), falling * np.exp(-after / RECOVERY_HOURS))


def _reverting(noise: Floats, hours: float, step_hours: float) -> Floats:
    """Return the stationary AR(1) process of unit variance that forgets in so many hours.

    ``x_t = a x_{t-1} + sqrt(1 - a^2) noise_t`` with ``a = exp(-step / hours)``, solved in blocks that
    are short enough for ``a^-t`` to stay in range.
    """
    a = np.exp(-step_hours / hours)
    block = int(min(len(noise), max(1, 200 * hours / step_hours)))
    powers = a ** np.arange(1, block + 1)
    out = np.sqrt(1.0 - a * a) * noise
    out[0] = last = noise[0]
    for begin in range(1, len(noise), block):
        part = out[begin : begin + block]
        power = powers[: len(part)]
        part[:] = power * (last + np.cumsum(part / power))
        last = part[-1]
    return out


def _clustered(random: np.random.Generator, clock: Clock, strength: float) -> Floats:
    """Return what a volatility is multiplied by in each step: days and hours of calm and of storm."""
    n = len(clock.hours) - 1
    slow = _reverting(random.standard_normal(n), 120.0, clock.step)
    fast = _reverting(random.standard_normal(n), 12.0, clock.step)
    scale = strength * (0.8 * slow + 0.6 * fast)
    factor: Floats = np.exp(scale - strength**2) * (1.0 + 3.0 * clock.stress[1:])
    return factor


def _jumps(random: np.random.Generator, clock: Clock, per_hour: float, size: float) -> Floats:
    """Return the jumps of a log price, mostly zero."""
    n = len(clock.hours) - 1
    count = random.poisson(per_hour * clock.hours[-1])
    out = np.zeros(n)
    np.add.at(out, random.integers(0, n, count), size * random.standard_t(4, count) / np.sqrt(2.0))
    return out


def market_factor(random: np.random.Generator, clock: Clock) -> tuple[Floats, Floats]:
    """Return the market's log returns, (n,), and its volatility per step, (n,)."""
    volatility = MARKET_VOLATILITY * np.sqrt(clock.step / YEAR) * _clustered(random, clock, 0.45)
    returns = volatility * random.standard_normal(len(volatility))
    return returns + _jumps(random, clock, JUMPS_PER_HOUR / 3, JUMP_SIZE) + np.diff(clock.fall), volatility


def instrument_prices(
    random: np.random.Generator, clock: Clock, common: tuple[Floats, Floats], character: Character
) -> tuple[Floats, Floats]:
    """Return the eight prices, (8, n), trade then mark, and the premium at the ends, (n + 1,)."""
    market, market_volatility = common
    own = character.own_volatility * np.sqrt(clock.step / YEAR) * _clustered(random, clock, 0.35)
    returns = character.beta * market + own * random.standard_normal(len(own))
    returns += _jumps(random, clock, JUMPS_PER_HOUR, JUMP_SIZE * (0.5 + character.thinness))
    fair = np.log(character.first_price) + np.concatenate(([0.0], np.cumsum(returns)))
    volatility = np.hypot(character.beta * market_volatility, own)
    # the extremes of a Brownian bridge between the ends of each step
    move = np.diff(fair)
    reach = [np.sqrt(move**2 + 2.0 * volatility**2 * random.standard_exponential(len(move))) for _ in range(2)]
    middle = fair[:-1] + fair[1:]
    extremes = (middle + reach[0]) / 2, (middle - reach[1]) / 2
    premium = _premium(random, clock, market, character)
    beyond = character.thinness * (0.1 * volatility + np.outer((0.01, 0.05), clock.stress[1:]))
    beyond *= random.standard_exponential(beyond.shape)  # up, down
    trade = _candles(fair + premium, extremes, premium, beyond)
    mark = _candles(fair + MARK_SHARE * premium, extremes, MARK_SHARE * premium, np.zeros_like(beyond))
    decimals = DIGITS - 1 - int(np.floor(np.log10(character.first_price)))
    tick = 10.0**-decimals
    return np.maximum(np.round(np.exp(np.concatenate((trade, mark))), decimals), tick), premium


def _premium(random: np.random.Generator, clock: Clock, market: Floats, character: Character) -> Floats:
    """Return the log of trade over fair price at the ends: it follows the trend, and noise."""
    noise = _reverting(random.standard_normal(len(clock.hours)), 10.0, clock.step)
    daily = MARKET_VOLATILITY / np.sqrt(365.0)
    trend = _reverting(
        np.concatenate(([0.0], market / (MARKET_VOLATILITY * np.sqrt(clock.step / YEAR)))), 24.0, clock.step
    )
    quiet = (0.3 + character.thinness) * (0.0004 * noise + 0.02 * daily * trend)
    premium: Floats = 0.0001 + quiet - 0.012 * character.thinness * clock.stress
    return premium


def _candles(ends: Floats, extremes: tuple[Floats, Floats], premium: Floats, beyond: Floats) -> Floats:
    """Return log open, high, low, close, (4, n), of a path with the given ends."""
    opens, closes = ends[:-1], ends[1:]
    high = extremes[0] + np.maximum(premium[:-1], premium[1:]) + beyond[0]
    low = extremes[1] + np.minimum(premium[:-1], premium[1:]) - beyond[1]
    return np.stack(
        (opens, np.maximum(high, np.maximum(opens, closes)), np.minimum(low, np.minimum(opens, closes)), closes)
    )
