"""The one pass over an equity curve against numpy over all of it, and against a pass in parts."""

import math

import numpy as np
import pytest

from backtester.kernels.tally import tally
from backtester.running.curve import NO_BARS, RUIN, empty_tally, summary_of, summary_of_tally
from backtester.schema import NO_STRETCHES, TALLY_BLOCK, Curves

LENGTHS = (1, 2, 3, TALLY_BLOCK - 1, TALLY_BLOCK, TALLY_BLOCK + 1, 5 * TALLY_BLOCK + 77)
START = 1_000.0


def whole(equity, start, low):
    """Return what `summary_of` should, from definitions over the whole curve."""
    path = np.concatenate(([start], equity))
    ruined = np.flatnonzero(equity <= RUIN * start)
    ruin = int(ruined[0]) if len(ruined) else None
    if ruin is not None:
        path[ruin + 1 :] = 0.0
    kept = path if ruin is None else path[: ruin + 2]
    returns = kept[1:] / kept[:-1] - 1.0
    peaks = np.maximum.accumulate(path)
    depth = path[1:] / peaks[1:] - 1.0
    inside = np.minimum(depth, low / peaks[:-1] - 1.0)
    tops = np.flatnonzero(path >= peaks)
    ends = np.append(tops[1:], len(path) - 1)
    lengths = ends - tops
    lengths[:-1][lengths[:-1] == 1] = 0
    longest = int(np.argmax(lengths))
    span = (int(tops[longest]) - 1, int(ends[longest]) - 1) if lengths[longest] else None
    return {
        "ruin": ruin,
        "drawdown": -max(depth.min(), -1.0) + 0.0,
        "drawdown_in_bars": max(-max(inside.min(), -1.0), 0.0),
        "span": span,
        "recovered": longest + 1 < len(tops) or span is None,
        "n_returns": len(returns),
        "mean": returns.mean(),
        "squares": ((returns - returns.mean()) ** 2).sum(),
        "downside_squares": (np.minimum(returns, 0.0) ** 2).sum(),
    }


def curves(seed, n):
    """Return an equity curve and its lows: some rise, some fall, some stand still, some are ruined."""
    random = np.random.default_rng(seed)
    drift = random.choice([-2e-4, 0.0, 2e-4])
    steps = random.normal(drift, random.choice([1e-6, 1e-3, 0.03]), n)
    steps[random.random(n) < random.choice([0.0, 0.3, 0.97])] = 0.0
    equity = START * np.exp(np.cumsum(steps))
    if random.random() < 0.3:
        equity[random.integers(n) :] *= random.choice([0.0, -0.5, 1e-12])
    return equity, equity * (1.0 - np.abs(random.normal(0.0, 0.01, n)))


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("seed", range(20))
def test_one_pass_is_what_numpy_makes_of_the_whole_curve(n, seed):
    equity, low = curves(seed, n)
    seen, right = summary_of(equity, START, low), whole(equity, START, low)
    exact = ("ruin", "drawdown", "drawdown_in_bars", "n_returns", "recovered")
    assert {name: getattr(seen, name) for name in exact} == {name: right[name] for name in exact}
    assert (seen.peak, seen.end) == (right["span"] or (seen.peak, seen.peak))
    assert (seen.start, seen.n_bars, seen.final) == (START, n, equity[-1])
    for name in ("mean", "squares", "downside_squares"):
        assert getattr(seen, name) == pytest.approx(right[name], rel=1e-10, abs=1e-17)


def by_halves(values):
    """Return the sum of numbers by halves, in the order in which it is defined."""
    row = values.copy()
    while len(row) > 1:
        half = len(row) - len(row) // 2
        row[: len(row) - half] += row[half:]
        row = row[:half]
    return row[0]


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("seed", range(6))
def test_sums_are_those_by_halves_of_each_block_to_the_last_digit(n, seed):
    equity, _ = curves(seed, n)
    equity = np.maximum(equity, 1.0)  # no ruin
    returns = equity / np.concatenate(([START], equity[:-1])) - 1.0
    count, mean, squares, losses = 0, 0.0, 0.0, 0.0
    for first in range(0, n, TALLY_BLOCK):
        block = returns[first : first + TALLY_BLOCK]
        middle = by_halves(block) / len(block)
        losses += by_halves(np.minimum(block, 0.0) ** 2)
        apart, before, count = middle - mean, count, count + len(block)
        mean += apart * len(block) / count
        squares += by_halves((block - middle) ** 2) + apart * apart * before * len(block) / count
    seen = summary_of(equity, START)
    assert (seen.mean, seen.squares, seen.downside_squares) == (mean, squares, losses)


@pytest.mark.parametrize("seed", range(12))
def test_parts_that_are_whole_blocks_come_to_the_same_digit_for_digit(seed):
    n = 7 * TALLY_BLOCK + 13
    equity, low = curves(seed, n)
    tallied, kept = empty_tally(START), Curves(equity, low, np.empty(0), np.empty((0, 0)), NO_STRETCHES)
    for first in range(0, n, 2 * TALLY_BLOCK):
        tally(kept, NO_BARS, tallied, first, min(2 * TALLY_BLOCK, n - first))
    assert summary_of_tally(tallied, equity[-1], has_lows=True) == summary_of(equity, START, low)


def test_without_lows_the_drawdown_inside_bars_is_unknown():
    curve = summary_of(np.array([900.0, 950.0]), START)
    assert curve.drawdown == pytest.approx(0.1)
    assert math.isnan(curve.drawdown_in_bars)


def test_a_deep_wick_in_a_block_with_and_without_a_new_high_is_seen():
    for rise in (1.0, 1.5):
        equity = np.full(3 * TALLY_BLOCK, 0.9 * START)
        equity[TALLY_BLOCK + 20] = rise * START
        low = equity.copy()
        low[TALLY_BLOCK + 10] = 0.25 * START
        assert summary_of(equity, START, low).drawdown_in_bars == 0.75
