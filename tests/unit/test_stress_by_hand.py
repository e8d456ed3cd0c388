"""Are shocked markets, betas and the verdict what a second, plain way of reckoning gives, bar by bar?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtester import Funding, Market
from backtester.errors import ConfigurationError
from backtester.market import PRICES
from backtester.stress import Drop, read_shock
from backtester.stress.betas import betas_before
from backtester.stress.verdict import stress_verdict
from data import synthetic
from tests.strategy_market import market, random_market

N, BAR = 72, 40  # the shock begins at a settlement of funding
HOUR = 3_600_000_000_000
AT = "2024-01-02T16:00"


@pytest.fixture(scope="module")
def calm() -> Market:
    """A market whose settlements stand at opens, inside of bars, and in the last bar."""
    made = synthetic(N, 2, seed=3, crash=False, detail="15m")
    hours = np.array([*range(8, N, 8), BAR + 1.25, N - 0.5])
    time = np.repeat(made.open_time[0] + (np.sort(hours) * HOUR).astype(np.int64), 2)
    n = len(time)
    funding = Funding(time, np.arange(n) % 2, np.full(n, 1e-4), 50.0 + np.arange(n))
    return replace(made, funding=funding, detail=replace(made.detail, funding=funding))


def straight(*nodes: float) -> Callable[[float], float]:
    """Return a factor that is 1 before, goes from node to node a bar each, and stays at the last [bars since]."""

    def at(bars: float) -> float:
        if bars < 0:
            return 1.0
        k = int(bars)
        return nodes[-1] if k >= len(nodes) - 1 else nodes[k] + (bars - k) * (nodes[k + 1] - nodes[k])

    return at


COURSES: dict[str, Callable[[float], float]] = {
    f"gap:-0.25,symbols=FAKE2@{AT}": straight(0.75),
    f"flash_crash:0.3,down=2,up=3@{AT}": straight(1.0, 0.85, 0.7, 0.8, 0.9, 1.0),
    f"flash_crash:-0.5,down=1,up=2,recovery=0.5@{AT}": straight(1.0, 1.5, 1.375, 1.25),
    f"flash_crash:0.4,down=40,up=1@{AT}": straight(*np.linspace(1.0, 0.6, 41), 1.0),  # the market ends before
    f"drop:0.2,bars=2,betas=FAKE1*1+FAKE2*1@{AT}": straight(1.0, 0.9, 0.8),
}


def ends(course: Callable[[float], float], opens: Any, closes: Any) -> list[tuple[float, float]]:
    """Return the factors at the opens and just before the closes [bars since the shock], each pair of one piece."""
    return [(course(a), course(b) if b > 0 or a >= 0 else 1.0) for a, b in zip(opens, closes, strict=True)]


@pytest.mark.parametrize("text", COURSES)
def test_prices_go_with_the_factor_of_their_moment(calm: Market, text: str) -> None:
    other, course = read_shock(text).on(calm), COURSES[text]
    columns = [1] if "symbols" in text else [0, 1]
    assert calm.detail is not None and other.detail is not None
    for before, after in ((calm, other), (calm.detail, other.detail)):
        opens = (before.open_time - calm.open_time[BAR]) / HOUR
        closes = (before.close_time - calm.open_time[BAR]) / HOUR
        for t, (a, b) in enumerate(ends(course, opens, closes)):
            for name in PRICES:
                edge = name.rpartition("_")[2]
                factor = {"open": a, "close": b, "high": max(a, b), "low": min(a, b)}[edge]
                expected = getattr(before, name)[t].copy()
                expected[columns] *= factor
                np.testing.assert_allclose(getattr(after, name)[t], expected, rtol=1e-13, err_msg=f"{name} of bar {t}")
        for k, since in enumerate((calm.funding.time - calm.open_time[BAR]) / HOUR):
            factor = course(since) if calm.funding.instrument[k] in columns else 1.0
            assert after.funding.mark_price[k] == pytest.approx(calm.funding.mark_price[k] * factor, rel=1e-13)


@pytest.mark.parametrize(("of", "moved"), [("mark", True), ("trade", False)])
def test_a_dislocation_moves_one_price_and_funding_only_with_the_mark(calm: Market, of: str, moved: bool) -> None:
    other = read_shock(f"dislocation:0.1,bars=2,of={of}@{AT}").on(calm)
    since = (calm.funding.time - calm.open_time[BAR]) / HOUR
    inside = (since >= 0) & (since < 2)
    assert inside.sum() == 4
    factors = np.where(inside & moved, 1.1, 1.0)
    np.testing.assert_allclose(other.funding.mark_price, calm.funding.mark_price * factors, rtol=1e-14)
    for name in PRICES:
        hit = np.zeros((N, 2), bool)
        hit[BAR : BAR + 2] = name.startswith("mark_") == moved
        np.testing.assert_allclose(getattr(other, name), getattr(calm, name) * np.where(hit, 1.1, 1.0), rtol=1e-14)
    assert other.mark_is_trade.tolist() == [False, False]


def test_a_funding_spike_hits_the_settlement_at_its_time_and_not_that_at_its_end(calm: Market) -> None:
    for hours, expected in ((1, 2), (2, 4), (8, 4), (9, 6)):  # at its open, inside of its second bar, after 8 hours
        rate = read_shock(f"funding:0.01,hours={hours}@{AT}").on(calm).funding.rate
        assert np.count_nonzero(rate != calm.funding.rate) == expected


def test_an_outage_may_last_to_the_end(calm: Market) -> None:
    for bars in (3, 5):
        other = read_shock(f"outage:{bars}@2024-01-03T21:00").on(calm)  # three bars before the end
        assert np.isnan(other.close).all(axis=1).tolist() == [False] * (N - 3) + [True] * 3


def test_a_part_of_the_bars_leaves_one_before_it() -> None:
    flat = market(np.full(10, 64.0))
    for share, bar in (("0.1%", 1), ("9%", 1), ("10%", 1), ("25%", 2), ("99.9%", 9)):
        assert (read_shock(f"gap:0.5@{share}").on(flat).close == 96.0).argmax() == bar


# Betas


def beta_by_hand(close: Any, bar: int, column: int) -> float:
    """By sums over the bars that have a return of the instrument."""
    pairs = []
    for t in range(1, bar):
        moves = [math.log(b / a) if a == a and b == b else None for a, b in zip(close[t - 1], close[t], strict=True)]
        known = [move for move in moves if move is not None]
        if moves[column] is not None:
            pairs.append((moves[column], sum(known) / len(known)))
    mean_r, mean_m = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
    covariance = sum((r - mean_r) * (m - mean_m) for r, m in pairs)
    return covariance / sum((m - mean_m) ** 2 for _, m in pairs)


@pytest.mark.parametrize("seed", range(4))
def test_betas_are_those_of_the_sums_also_with_bars_missing(seed: int) -> None:
    steps = np.random.default_rng(seed).normal(0.01, 0.02, (120, 4))
    drift = market(*(100.0 * np.exp(np.cumsum(steps, axis=0))).T, gaps=((1, 0, 30 + seed), (2, 50, 60)))
    found = betas_before(drift, 100, [0, 1, 2, 3], "betas")
    for column in range(4):
        assert found[column] == pytest.approx(beta_by_hand(drift.close, 100, column), rel=1e-9)


def test_a_beta_takes_thirty_returns_and_a_market_of_one_has_one() -> None:
    two = random_market(60, 2)
    assert len(betas_before(two, 31, [0, 1], "betas")) == 2
    with pytest.raises(ConfigurationError, match="cannot be estimated from 29 returns before the shock"):
        betas_before(two, 30, [0, 1], "betas")
    one = random_market(60, 1)
    assert betas_before(one, 2, [0], "betas") == {0: 1.0}
    assert (Drop(0.5, at=one.open_time[2]).on(one).close / one.close)[2:, 0] == pytest.approx(0.5)


# The verdict


def verdict(calm: tuple[float, float], shocked: tuple[float, float], ruins: tuple[float, ...] = (math.nan,) * 4) -> str:
    """Return what is said of one shock of isolated and cross; `ruins` are times without and with it."""
    index = pd.MultiIndex.from_product([["none", "gap"], ["isolated", "cross"]], names=["shock", "mode"])
    frame = pd.DataFrame({"final_equity": [*calm, *shocked], "time_of_ruin": ruins}, index=index)
    said = stress_verdict(frame, ["isolated", "cross"], balance=10_000.0, currency="USDT")
    return said.partition(" USDT. ")[2]


def test_the_verdict_says_who_loses_who_gains_who_leads_and_who_is_ruined() -> None:
    none, now = math.nan, 1.0
    both = "A costs isolated 1,000.00 and cross 1,000.00"
    assert verdict((9e3, 8e3), (8e3, 7e3)) == f"{both}: still isolated ends higher."
    assert verdict((9e3, 8e3), (7e3, 8.5e3)) == (
        "A costs isolated 2,000.00 and gives cross 500.00: now cross ends higher."
    )
    assert verdict((9e3, 8e3), (9e3, 8e3)) == "A changes no mode's end: still isolated ends higher."
    assert verdict((9e3, 8e3), (9e3, 9e3)) == "A gives cross 1,000.00: now the modes end alike."
    assert verdict((9e3, 9e3), (8e3, 8e3)).endswith(": still the modes end alike.")
    assert verdict((9e3, 8e3), (8e3, 0.0), (none, none, none, now)).endswith(" It ruins cross.")
    assert "ruins" not in verdict((9e3, 0.0), (8e3, 0.0), (none, now, none, now))
    assert verdict((9e3, 8e3), (0.0, 0.0), (none, none, now, now)).endswith(" It ruins isolated and cross.")
