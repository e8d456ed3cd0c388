"""A run that records less takes a shorter way through quiet bars; it must write the same curves to the bit."""

import numpy as np
import pytest

from backtester import Account, engine
from backtester.comparing.summary import plain
from backtester.engine import simulate
from backtester.scenario import Scenario, validate
from backtester.schema import CURVE_PART
from data import synthetic
from strategies import load
from tests.twin.scenarios import random_scenario


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_the_curves_do_not_depend_on_what_is_recorded(first):
    for seed in range(first, first + 100):
        scenario = Scenario.from_dict(validate(random_scenario(seed)))
        full, lows, equity = (simulate(scenario, record=record) for record in ("full", "lows", "equity"))
        for run in (lows, equity):
            np.testing.assert_array_equal(full.equity, run.equity, err_msg=f"seed {seed}")
            assert full.totals == run.totals
            assert np.isnan(run.worst_margin_ratio).all()
        np.testing.assert_array_equal(full.equity_low, lows.equity_low, err_msg=f"seed {seed}")
        assert np.isnan(equity.equity_low).all()
        assert np.isfinite(full.worst_margin_ratio).any()
        none = simulate(scenario, record="none")
        assert (none.curve, none.totals) == (lows.curve, full.totals), f"seed {seed}"
        np.testing.assert_array_equal(none.ledger, full.ledger, err_msg=f"seed {seed}")
        assert np.isnan(none.equity).all()


def test_states_from_a_bar_on_are_those_of_the_whole_run():
    for seed in range(100):
        result = simulate(Scenario.from_dict(validate(random_scenario(seed))))
        whole, n = result.records(), len(result.equity)
        for first in (n // 2, n - 1):
            for state, part in zip(whole, result.records(first), strict=True):
                np.testing.assert_array_equal(state[:, first:], part, err_msg=f"seed {seed}")


@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize("name", ["breakout", "grid_reversion", "hedged_pair"])
def test_a_curve_that_is_tallied_in_parts_comes_to_the_same_as_one_that_is_kept(name, mode):
    market = synthetic(2 * CURVE_PART + 1_000, 2, "15m")
    account = Account(10_000, leverage=20, mode=mode)
    strategy = load(name)
    kept, tallied = (engine.run(strategy, market, account, record=record) for record in ("lows", "none"))
    assert len(kept.events) > 20
    assert plain(kept) | {"worst_margin_ratio": 0} == plain(tallied) | {"worst_margin_ratio": 0}
    assert tallied.curve.n_returns > 0
    kept.check_ledger(), tallied.check_ledger()


def test_the_worst_ratio_is_that_of_a_pool():
    """Per bar, also where a pool is flat after it was looked at ahead."""
    for seed in range(200):
        result = simulate(Scenario.from_dict(validate(random_scenario(seed))))
        worst = result.pool_margin_ratio.max(axis=1)
        np.testing.assert_array_equal(worst, result.worst_margin_ratio, err_msg=f"seed {seed}")
