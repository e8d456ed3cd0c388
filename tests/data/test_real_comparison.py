"""The crash of 2025-10-10 on real candles: it runs, its ledger balances, and the docs say what it found.

The candles are no part of this project; without them these tests are skipped.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from backtester import Account, compare
from data import load
from strategies import load_class
from tests.real_candles import BINANCE, needs_real_candles

ROOT = Path(__file__).parents[2]
RUNS = {
    "breakout": ("breakout", ()),
    "grid": ("grid_reversion", ()),
    "pair": ("hedged_pair", ()),
    "pair of majors": ("hedged_pair", ("first=ETHUSDT", "second=BTCUSDT")),
    "larger grid": ("grid_reversion", ("exposure=2.5",)),
}
KEPT = {
    "breakout": "`breakout`",
    "grid": "`grid_reversion`",
    "pair": "`hedged_pair` (1000PEPE",
    "pair of majors": "(ETH, BTC)",
}

pytestmark = needs_real_candles


@pytest.fixture(scope="module")
def market():
    return load(BINANCE, "all", "1h", start="2025-10-01", end="2025-10-20", require=("mark", "funding"))


@pytest.fixture(scope="module")
def comparisons(market):
    account = Account(balance=10_000, leverage=10, venue="binance")
    return {
        name: compare(load_class(strategy).from_text(settings), market, account)
        for name, (strategy, settings) in RUNS.items()
    }


def test_the_market_is_the_one_of_the_docs(market):
    assert (market.n_instruments, market.n_bars) == (34, 456)
    assert not market.mark_is_trade.any()
    crash = int(np.flatnonzero(market.index == "2025-10-10 21:00")[0])
    fall = market.mark_low[crash] / market.mark_open[crash] - 1
    assert fall.mean() == pytest.approx(-0.502, abs=0.001)
    assert (market.low[crash] / market.open[crash] - 1).mean() == pytest.approx(-0.509, abs=0.001)


@pytest.mark.parametrize("name", RUNS)
def test_the_ledger_balances(comparisons, name):
    """By plain sums of the logs: cash per pool and bar, and equity in total. All runs of the band were checked."""
    for run in comparisons[name].results.values():
        ledger = run.ledger
        flow = np.zeros((run.market.n_bars, len(run.pool_kind)))
        np.add.at(flow, (ledger["bar"], ledger["pool"]), ledger["amount"])
        cash = np.cumsum(flow, axis=0)
        np.testing.assert_allclose(run.cash, cash, rtol=0, atol=1e-5)
        np.testing.assert_allclose(run.equity, (cash + run.pool_pnl).sum(axis=1), rtol=0, atol=1e-5)
        totals = run.totals
        assert run.equity[-1] == pytest.approx(
            10_000 + totals["realised"] + run.pool_pnl[-1].sum()
            - totals["fees"] - totals["funding"] - totals["liquidation_fees"]
            + totals["insurance_absorbed"] - totals["insurance_taken"],
            abs=1e-5,
        )  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_no_pool_is_left_in_debt(comparisons, name):
    for run in comparisons[name].results.values():
        assert (run.cash + run.pool_pnl).min() > -1e-6
        assert run.equity_low.min() > -1e-6


def test_an_isolated_leg_loses_at_most_its_margin(comparisons):
    killed = comparisons["pair of majors"].isolated.liquidations
    assert killed["symbol"].tolist() == ["ETHUSDT"]
    assert 900 < killed["loss"].iloc[0] < 1_000


@pytest.mark.parametrize("name", KEPT)
def test_the_docs_say_what_it_found(comparisons, name):
    metrics = comparisons[name].metrics
    rows = [
        line for line in (ROOT / "docs" / "real-data.md").read_text(encoding="utf-8").splitlines() if line[:1] == "|"
    ]
    at = next(k for k, row in enumerate(rows) if KEPT[name] in row)
    for row, mode in zip(rows[at : at + 2], ("isolated", "cross"), strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1] == mode
        said = [float(re.sub(r"[ ,%]", "", cell) or 0) for cell in cells[2:]]
        keys = ("final_equity", "max_drawdown_in_bars", "max_drawdown", "liquidations", "liquidation_loss")
        found = [metrics.at[key, mode] * (100 if key.startswith("max") else 1) for key in keys]
        assert said == pytest.approx(found, abs=0.0051)


def test_closes_hide_what_the_larger_grid_shows(comparisons):
    grid, larger = comparisons["grid"], comparisons["larger grid"]
    assert grid.metrics.at["max_drawdown", "cross"] < 0.3 < 0.8 < grid.metrics.at["max_drawdown_in_bars", "cross"]
    assert larger.cross.equity[-1] == pytest.approx(0.0, abs=1e-6)
    assert larger.isolated.equity[-1] == pytest.approx(7_956, abs=1)
    assert str(larger.first.market.index[np.argmin(larger.cross.equity_low)]).startswith("2025-10-10 21:00")
