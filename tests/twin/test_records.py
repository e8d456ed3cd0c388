"""A run that records less takes a shorter way through quiet bars; it must write the same curves to the bit."""

import numpy as np
import pytest

from backtester import Account, Strategy, Targets, engine
from backtester.comparing.summary import plain
from backtester.engine import simulate
from backtester.errors import ConfigurationError
from backtester.scenario import Scenario, validate
from backtester.schema import CURVE_PART, LEDGER_KINDS, N_SUMS
from data import synthetic
from strategies import load
from tests.laws.engines import flat, scenario
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
        measures = simulate(scenario, record="measures")
        assert (measures.curve, measures.totals) == (none.curve, none.totals), f"seed {seed}"
        check_sums(measures, none)


def check_sums(measures, kept):
    """What the kernels counted is what the logs of the same run have."""
    assert measures.event_counts == kept.event_counts == np.bincount(kept.event_kinds, minlength=N_SUMS).tolist()
    amounts = np.bincount(kept.event_kinds, kept.events["amount"], minlength=N_SUMS)
    assert measures.event_amounts == kept.event_amounts == amounts.tolist()
    paid = np.bincount(kept.ledger["kind"], kept.ledger["amount"], minlength=N_SUMS)
    names = {"realised": 1.0, "fee": -1.0, "funding": -1.0, "liquidation_fee": -1.0, "insurance_absorbed": 1.0}
    totals = [measures.totals[f"{name}s" if name.endswith("fee") else name] for name in names]
    assert totals == [sign * paid[LEDGER_KINDS.index(name)] + 0.0 for name, sign in names.items()]


def test_logs_that_a_run_did_not_keep_are_asked_for_in_vain():
    result = simulate(Scenario.from_dict(validate(random_scenario(1))), record="measures")
    for name in ("events", "ledger", "position_changes", "trades"):
        with pytest.raises(ConfigurationError, match=r"record: keeps no logs; found 'measures'.*record='none'"):
            getattr(result, name)


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


@pytest.mark.parametrize("path", ["adverse", "close"])
@pytest.mark.parametrize("drift", [-2e-6, 0.0, 2e-6])
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_lows_that_are_told_by_stretches_come_to_the_same_as_those_that_are_written(mode, drift, path):
    """One slot, of which no low is written: it gains and reaches new peaks, or it loses, and is flat now and then."""
    market = synthetic(3 * CURVE_PART + 777, 1, "1m")
    walk = np.cumsum(np.random.default_rng(5).choice([-1.0, 0.0, 1.0], market.n_bars, p=[0.01, 0.98, 0.01]))
    held = Wanted(np.sign(np.sin(walk)) * (np.abs(np.sin(walk)) > 0.3) + drift * np.arange(market.n_bars) * 20.0)
    account = Account(10_000, leverage=20, mode=mode, path=path)
    kept, tallied, least = (engine.run(held, market, account, record=each) for each in ("lows", "none", "measures"))
    assert len(kept.events) > 200
    assert kept.curve == tallied.curve == least.curve
    assert kept.curve.drawdown_in_bars > kept.curve.drawdown > 0.0 or path == "close"


def test_the_lowest_of_a_run_may_be_what_an_open_saw_before_its_orders():
    """1 at 128; the mark opens at 65.5 in the bar in which it is sold, and trades never left 128."""
    orders = [{"bar": 0, "size": 1}, {"bar": 1, "size": -1}]
    scene = scenario([flat(128)] * 4, orders, [{"instrument": 0, "leverage": 1}])
    marks = {"open": [128, 128, 65.5, 128], "high": [128] * 4, "low": [128, 128, 65.5, 128], "close": [128] * 4}
    scene["bars"][0] |= {f"mark_{name}": column for name, column in marks.items()}
    kept, none = (simulate(Scenario.from_dict(validate(scene)), record=record) for record in ("lows", "none"))
    assert kept.equity_low.tolist() == [1000, 1000, 1000 - 62.5, 1000]
    assert none.curve == kept.curve
    assert none.curve.drawdown_in_bars == 0.0625


class Wanted(Strategy):
    """Notionals in thousands, as they are given."""

    def __init__(self, wanted):
        super().__init__()
        self._wanted = wanted

    def targets(self, market):
        return Targets(notional=1_000.0 * self._wanted[: market.n_bars])


def test_the_worst_ratio_is_that_of_a_pool():
    """Per bar, also where a pool is flat after it was looked at ahead."""
    for seed in range(200):
        result = simulate(Scenario.from_dict(validate(random_scenario(seed))))
        worst = result.pool_margin_ratio.max(axis=1)
        np.testing.assert_array_equal(worst, result.worst_margin_ratio, err_msg=f"seed {seed}")
