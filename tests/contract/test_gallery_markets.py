"""The gallery on a synthetic market and on real candles: it runs in isolated, cross and mixed, and passes the check."""

import pytest

import strategies
from backtester import Account, run
from backtester.checking.run import check_strategy
from tests.contract.strategies_page import CASES, REAL, SYNTHETIC, market_of
from tests.real_candles import needs_real_candles

NAMES = list(strategies.gallery())


def runs_in_every_mode(name, market, venue, settings):
    strategy = strategies.load_class(name).from_text(settings)
    last = strategy.slots(market)[-1].symbol
    for mode in ("isolated", "cross", "mixed"):
        account = Account(leverage=10, mode=mode, venue=venue, isolated=(last,) if mode == "mixed" else ())
        result = run(strategy, market, account)
        result.check_ledger()
        assert len(result.position_changes) > 0
        kinds = {result.pool_kind[pool] for pool in result.pool_of_slot}
        assert kinds == {"isolated": {"on_demand"}, "cross": {"standing"}, "mixed": {"on_demand", "standing"}}[mode]


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_on_the_synthetic_market(name):
    runs_in_every_mode(name, market_of(SYNTHETIC), "generic", CASES[name].synthetic)


@needs_real_candles
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_on_real_candles(name):
    runs_in_every_mode(name, market_of(REAL), "binance", CASES[name].real)


@needs_real_candles
@pytest.mark.parametrize("name", NAMES)
def test_it_passes_the_check_on_real_candles(name):
    """With its defaults, and with another instrument alone than the settings would name."""
    for finding in check_strategy(strategies.load(name), market_of(REAL)):
        assert finding.passed, finding
