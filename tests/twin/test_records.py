"""A run that records less takes a shorter way through quiet bars; it must write the same curves to the bit."""

import numpy as np
import pytest

from backtester.engine import simulate
from backtester.scenario import Scenario, validate
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


def test_the_worst_ratio_is_that_of_a_pool():
    """Per bar, also where a pool is flat after it was looked at ahead."""
    for seed in range(200):
        result = simulate(Scenario.from_dict(validate(random_scenario(seed))))
        worst = result.pool_margin_ratio.max(axis=1)
        np.testing.assert_array_equal(worst, result.worst_margin_ratio, err_msg=f"seed {seed}")
