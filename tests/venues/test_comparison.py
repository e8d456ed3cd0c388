"""Every venue runs a comparison, in every margin mode and kind of contract that it has, and both engines agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backtester import Account, Comparison, Market, compare, load_venue
from backtester.explaining.parting import traded
from backtester.result import Result
from backtester.venue import venue_names
from data import load, synthetic
from strategies import GridReversion
from tests.laws.engines import run
from tests.real_candles import BINANCE, needs_real_candles
from tests.twin.agreement import differences

COINS = ("BTC", "ETH", "SOL")  # of the last one some venues know no tiers: those of the default
KEPT = "GridReversion {symbol} long 1"  # the slot that is isolated in a mixed account
BALANCE = 8_192.0


def contracts() -> list[tuple[str, str]]:
    """Return each venue with each kind of contract that it has."""
    venues = [load_venue(name) for name in venue_names()]
    kinds = [{each.contract for each in (venue.default, *venue.instruments.values())} for venue in venues]
    return [(venue.name, kind) for venue, found in zip(venues, kinds, strict=True) for kind in sorted(found)]


at_every_venue = pytest.mark.parametrize(("venue", "contract"), contracts())


def modes_of(venue: str) -> list[str]:
    """Return the margin modes that a venue has; sub-accounts are accounts of their own, with either mode."""
    return ["isolated", "cross", *(["mixed"] if load_venue(venue).coexistence == "per_instrument" else [])]


def named(market: Market, contract: str) -> Market:
    """Return a market under the names of contracts of that kind."""
    ending = "/USD:{}" if contract == "inverse" else "/USDT:USDT"
    return replace(market, symbols=tuple(coin + ending.format(coin) for coin in COINS))


def compared(venue: str, market: Market) -> Comparison:
    """Run the grid at ten times leverage, up to six times the equity, in every mode of the venue."""
    kept = KEPT.format(symbol=market.symbols[0])
    account = Account(balance=BALANCE, leverage=10, venue=venue, isolated=(kept,))
    return compare(GridReversion(exposure=6.0), market, account, modes_of(venue))


@pytest.fixture(scope="module")
def made_up() -> Market:
    return synthetic(n_bars=400, n_instruments=len(COINS), seed=3, start="2025-10-01")


@pytest.fixture(scope="module")
def real() -> Market:
    """Return the crash of 2025-10-10 and the days around it."""
    return load(BINANCE, [f"{coin}USDT" for coin in COINS], "1h", start="2025-10-03", end="2025-10-14")


@at_every_venue
def test_on_the_synthetic_market(made_up: Market, venue: str, contract: str) -> None:
    found = compared(venue, named(made_up, contract))
    check_comparison(found, venue)
    assert found.isolated.totals["liquidations"] > 0


@needs_real_candles
@at_every_venue
def test_on_a_real_market(real: Market, venue: str, contract: str) -> None:
    check_comparison(compared(venue, named(real, contract)), venue)


@at_every_venue
def test_both_engines_agree(made_up: Market, venue: str, contract: str) -> None:
    """In the crash, which is at two thirds of the market, and in the days before it.

    Rungs of one size have the same requirement: which of them is the largest, only the last digit would say.
    """
    found = compared(venue, named(made_up.slice(200, 290), contract))
    assert found.isolated.totals["liquidations"] > 0
    for result in found.results.values():
        scene = result.to_scenario()
        for order in scene["orders"]:
            order["size"] *= 1 + order["slot"] / 1024
        assert differences(scene, run("kernel", scene), run("reference", scene)) == []


def check_comparison(found: Comparison, venue: str) -> None:
    """Hold what anybody may expect of a comparison against it."""
    assert (found.venue, list(found.modes)) == (venue, modes_of(venue))
    for mode, result in found.results.items():
        assert traded(result), mode
        check_books(result)
    assert np.isfinite(found.metrics.loc[["final_equity", "max_drawdown", "fees"]].to_numpy()).all()
    assert np.isfinite(found.band.to_numpy(float)).all()
    said = str(found)
    assert all(note in " ".join(said.split()) for note in found.notes)
    assert all(mode in said for mode in found.modes)


def check_books(result: Result) -> None:
    """Add up the ledger by hand: cash per pool and bar, and equity, which never falls below zero."""
    flow = np.zeros_like(result.cash)
    np.add.at(flow, (result.ledger["bar"], result.ledger["pool"]), result.ledger["amount"])
    cash = np.cumsum(flow, axis=0)
    np.testing.assert_allclose(result.cash, cash, rtol=0, atol=1e-9 * BALANCE)
    np.testing.assert_allclose(result.equity, (cash + result.pool_pnl).sum(axis=1), rtol=0, atol=1e-9 * BALANCE)
    assert np.isfinite(result.equity).all()
    assert result.equity_low.min() > -1e-9 * BALANCE
