"""What several tests of reports look at."""

import pytest

from backtester.account import Account
from backtester.compare import compare
from strategies import load_class
from tests.strategy_market import random_market


@pytest.fixture(scope="session")
def grid():
    """Return a grid at 20x on a random market: liquidations in both modes."""
    strategy = load_class("grid_reversion").from_text(("exposure=8",))
    return compare(strategy, random_market(600, 3), Account(leverage=20), check=False)
