"""Does a bootstrap run every draw in every mode by itself, and say what came of it?"""

import json
import math

import numpy as np
import pytest

from backtester import Account, Strategy, Targets, compare, run
from backtester.bootstrap import Resampler, bootstrap, bootstrap_accounts, draw_rows, market_block_length
from backtester.comparing.across import compare_leverages, leverage_accounts
from backtester.engine import prepare
from backtester.errors import ConfigurationError, StrategyError
from backtester.stress import Gap
from data import synthetic
from tests.strategy_market import market

N = 480
ACCOUNT = Account(balance=10_000.0, leverage=10.0)


class Follow(Strategy):
    """Long above the close of a day before, short below."""

    notional: float = 25_000.0

    def targets(self, market):
        before = np.roll(market.close, 24, axis=0)
        before[:24] = market.close[:24]
        return Targets(notional=self.notional * np.sign(np.nan_to_num(market.close - before)))


class Held(Strategy):
    """Long from the first bar on."""

    def targets(self, market):
        return Targets(notional=30_000.0)


@pytest.fixture(scope="module")
def made():
    return synthetic(N, 3, seed=5, crash=False)


@pytest.fixture(scope="module")
def outcome(made):
    return bootstrap(Follow(), made, ACCOUNT, draws=12, seed=3, block=30, threads=1)


def test_the_number_of_threads_and_of_draws_changes_nothing(made, outcome):
    again = bootstrap(Follow(), made, ACCOUNT, draws=5, seed=3, block=30, threads=3)
    assert np.array_equal(again.values, outcome.values[:5])
    assert not np.array_equal(
        bootstrap(Follow(), made, ACCOUNT, draws=5, seed=4, block=30, threads=1).values, again.values
    )


def test_accounts_are_compared_draw_by_draw(made):
    accounts = leverage_accounts(ACCOUNT, [10, 20])
    observed = compare_leverages(Follow(), made, ACCOUNT, [10, 20], check=False)
    assert observed.intervals == {} and observed.to_dict()["intervals"] == []
    sampled = bootstrap_accounts(observed, Follow(), made, accounts, draws=12, seed=3)
    alone = {name: bootstrap(Follow(), made, each, draws=12, seed=3, check=False) for name, each in accounts.items()}
    for name, mode in (("10x", "cross"), ("20x", "isolated"), ("20x", "cross")):
        for measure, found in sampled.intervals[name, mode].items():
            gaps = alone[name].of(measure, mode) - alone["10x"].of(measure, "isolated")
            assert found == pytest.approx(tuple(np.quantile(gaps, [0.5, 0.025, 0.975])), abs=1e-9)
    assert sampled.intervals["20x", "isolated"]["final_equity"].width > 0.0
    assert sampled["20x"].metrics.equals(observed["20x"].metrics)
    ends = sampled.to_dict()["intervals"][0]
    assert (ends["account"], ends["less"]) == (["10x", "cross"], ["10x", "isolated"])
    assert "less 10x," in str(sampled) and "less 10x," not in str(observed)


def test_a_draw_can_be_made_again_from_its_row(made, outcome):
    row = outcome.draws.query("draw == 7 and mode == 'cross' and path == 'favourable'").iloc[0]
    drawn = Resampler(made).draw(row.block, row.seed, row.draw)
    result = run(Follow(), drawn, ACCOUNT, mode="cross", path="favourable")
    assert row.final_equity == result.equity[-1]
    assert row.liquidations == result.totals["liquidations"]
    assert row.lowest_equity == result.equity_low.min()


def test_the_observed_runs_are_those_of_compare(made, outcome):
    alone = compare(Follow(), made, ACCOUNT)
    assert outcome.observed.metrics.equals(alone.metrics)
    pair = ("isolated", "cross")
    own = alone.metrics["difference"]["final_equity"]
    assert outcome.observed_difference("final_equity", pair) == pytest.approx(own, abs=1e-5)
    difference = outcome.difference("final_equity", pair)
    ends = outcome.of("final_equity", "isolated") - outcome.of("final_equity", "cross")
    np.testing.assert_allclose(difference, ends, atol=1e-5)
    assert np.count_nonzero(difference) > 3
    assert outcome.ahead(pair).share == np.mean(difference > 0)


def test_modes_that_do_the_same_are_alike_and_not_a_rounding_apart(made):
    small = bootstrap(Follow(notional=100.0), made, ACCOUNT, draws=4, threads=1)
    pair = ("isolated", "cross")
    assert (small.difference("final_equity", pair) == 0.0).all()
    assert small.p_value("final_equity", pair) == 1.0
    assert small.turned(pair).share == 0.0
    assert small.verdict.startswith("Isolated and cross ended alike on all of 4 draws. Probability of falling to 10 %")
    assert small.chosen
    assert small.block == market_block_length(made)


def test_ruin_and_the_floor_are_counted():
    """Prices that open 60 % lower once, and a long of nine times the equity, filled in the second bar."""
    flat = market(np.full(120, 100.0))
    falling = Gap(-0.6, at=flat.open_time[60]).on(flat)

    class Long(Strategy):
        def targets(self, market):
            return Targets(equity_fraction=9.0)

    result = bootstrap(Long(), falling, ACCOUNT, ["cross"], draws=30, block=20, threads=1)
    fell = np.array([(draw_rows(120, 20.0, 0, k)[2:] == 60).any() for k in range(30)])
    assert 0 < fell.sum() < 30
    assert np.array_equal(result.of("ruined", "cross") > 0, fell)
    assert result.fallen("cross").share == result.ruin("cross").share == fell.mean()
    assert result.verdict.startswith("Cross ended with ")
    assert "and cross" not in result.verdict
    higher = bootstrap(Long(), falling, ACCOUNT, ["cross"], draws=30, block=20, threads=1, floor=0.9999)
    assert higher.fallen("cross").share == 1.0  # fees alone


def test_it_prints_and_goes_into_json(outcome):
    said = str(outcome)
    assert "12 of seed 3, blocks of 30 bars on average, given" in said
    assert "12 draws are few" in said
    assert max(map(len, said.splitlines())) <= 100
    told = json.loads(json.dumps(outcome.to_dict(), allow_nan=False))
    (pair,) = told["differences"]
    assert pair["measures"]["final_equity"]["p_value"] == outcome.p_value("final_equity", ("isolated", "cross"))
    assert len(outcome.draws) == 12 * 2 * 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"draws": 1}, "draws: is out of range; found 1; allowed: 2 to 10000000, markets to draw"),
        ({"seed": -1}, "draw_seed: is out of range; found -1"),
        ({"block": 0.5}, "block: is out of range; found 0.5; allowed: bars from 1 to the 480 of the market"),
        ({"block": math.nan}, "block: is not a finite number; found nan"),
        ({"block": 481}, "block: is out of range; found 481"),
        ({"level": 1}, "level: is out of range; found 1"),
        ({"floor": -0.1}, "floor: is out of range; found -0.1"),
        ({"threads": 0}, "threads: is out of range; found 0"),
        ({"modes": ["crossed"]}, "modes: unknown margin mode; found 'crossed'"),
    ],
)
def test_numbers_that_cannot_be_used(made, settings, said):
    with pytest.raises(ConfigurationError) as caught:
        bootstrap(Follow(), made, ACCOUNT, **settings)
    assert said in str(caught.value)


def test_a_strategy_that_fails_on_a_draw_names_it(made):
    first = made.close[0, 0]

    class Picky(Strategy):
        def targets(self, market):
            if market.close[0, 0] != first:
                raise ValueError("another market")
            return Targets(notional=1_000.0)

    with pytest.raises(StrategyError, match="another market, on draw 0 of seed 0 with blocks of 10 bars"):
        bootstrap(Picky(), made, ACCOUNT, draws=3, block=10, threads=1)


def test_what_a_strategy_keeps_does_not_reach_other_draws(made):
    class Keeps(Strategy):
        def targets(self, market):
            self.calls = getattr(self, "calls", 0) + 1
            return Targets(notional=1_000.0 * self.calls)

    mine = Keeps()
    result = bootstrap(mine, made, ACCOUNT, ["cross"], draws=4, block=10, threads=1, check=False)
    drawn = Resampler(made).draw(10.0, 0, 3)
    fresh = Keeps()
    alone = run(fresh, drawn, ACCOUNT, mode="cross", prepared=prepare(fresh, drawn, ACCOUNT, check=False))
    assert result.of("final_equity", "cross")[3] == alone.equity[-1]
    assert not hasattr(mine, "calls")




def test_an_interrupt_ends_it_before_all_draws_are_run(made):
    asked = []

    class Counts(Strategy):
        def targets(self, market):
            asked.append(1)
            return Targets(notional=1_000.0)

        def __deepcopy__(self, memo):
            return Counts()

    def interrupt(done, total, what):
        if what == "draws":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bootstrap(Counts(), made, ACCOUNT, draws=500, block=10, threads=2, check=False, progress=interrupt)
    assert 1 < len(asked) < 100


def test_a_strategy_that_is_called_at_every_bar_runs_on_every_draw(made):
    class Once(Strategy):
        def on_bar(self, bar):
            if not getattr(self, "done", False):
                self.done = True
                bar[0].buy(notional=50_000.0)

    result = bootstrap(Once(), made, ACCOUNT, draws=3, block=10, threads=2)
    for k in range(3):
        for mode in ("isolated", "cross"):
            alone = run(Once(), Resampler(made).draw(10.0, 0, k), ACCOUNT, mode=mode)
            assert result.of("final_equity", mode)[k] == alone.equity[-1]
            assert len(alone.events)


def test_finer_bars_are_drawn_with_theirs():
    fine = synthetic(240, 2, seed=5, detail="15m")
    outcome = bootstrap(Follow(), fine, ACCOUNT, draws=2, threads=1, block=30)
    assert len(outcome.observed.first.equity) == 960
    own = compare(Follow(), Resampler(fine).draw(30.0, 0, 1), ACCOUNT).metrics
    for mode in ("isolated", "cross"):
        assert outcome.of("final_equity", mode)[1] == own.at["final_equity", mode]


def test_ruin_is_counted_on_the_same_draws():
    """On a market that falls by two fifths cross loses what isolated has not posted."""
    fall = market(np.r_[np.full(60, 100.0), 100 - np.arange(1.0, 41)])
    outcome = bootstrap(Held(), fall, ACCOUNT, draws=30, seed=1, block=20, threads=1, check=False)
    ruined = {mode: outcome.of("ruined", mode) > 0 for mode in outcome.modes}
    first, second = (outcome.ruined_alone(pair).share for pair in (("isolated", "cross"), ("cross", "isolated")))
    assert first == np.mean(ruined["isolated"] & ~ruined["cross"])
    assert second == np.mean(ruined["cross"] & ~ruined["isolated"])
    assert second - first == pytest.approx(outcome.ruin("cross").share - outcome.ruin("isolated").share)
    fallen = outcome.fallen_alone(("cross", "isolated"))
    assert fallen.share - outcome.fallen_alone(("isolated", "cross")).share == pytest.approx(
        outcome.fallen("cross").share - outcome.fallen("isolated").share
    )
    assert 0 < fallen.share < 1
    assert "; of ruin: isolated" in outcome.verdict
    assert "  and isolated does not" in str(outcome)
    assert outcome.to_dict()["differences"][0]["floor_reached_by_second_alone"]["share"] == fallen.share
