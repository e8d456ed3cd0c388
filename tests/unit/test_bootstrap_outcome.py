"""Are the numbers of a bootstrap what a second, plain way of counting gives, draw by draw?"""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist, median
from typing import Any

import numpy as np
import pytest

from backtester import Account, SlotSpec, Strategy, Targets, run
from backtester.bootstrap import Bootstrap, Resampler, bootstrap
from backtester.bootstrap.outcome import HIGHER, MEASURED, SMALLER
from data import synthetic

N = 240
MODES = ("isolated", "cross", "mixed")
ACCOUNT = Account(balance=10_000.0, leverage=10.0, path="candle")


class Swing(Strategy):
    """A side each day, with exits so near that the path inside the bars decides which one is met."""

    notional: float = 60_000.0

    def slots(self, market: Any) -> list[SlotSpec]:
        return [SlotSpec(symbol, margin_mode="isolated" if i else None) for i, symbol in enumerate(market.symbols)]

    def targets(self, market: Any) -> Targets:
        side = np.where(np.arange(market.n_bars) // 24 % 2, 1.0, -1.0)
        return Targets(notional=self.notional * side, stop=0.006, take_profit=0.006)


@pytest.fixture(scope="module")
def made() -> Any:
    return synthetic(N, 2, seed=5)


@pytest.fixture(scope="module")
def drawn(made: Any) -> Bootstrap:
    return bootstrap(Swing(), made, ACCOUNT, MODES, draws=5, seed=3, block=12, threads=1)


@pytest.fixture(scope="module")
def filled(drawn: Bootstrap) -> Bootstrap:
    """Values of 60 draws in the place of those that were run: random, with ties, ruins and a path that turns."""
    random = np.random.default_rng(1)
    size = [1e4, 0.3, 0.4, 5, 1, 3e3, 0.2, 1e3, 100, 10, 50]
    apart = [1e4, 1, 1, 5, 1, 1e3, 1, 1e3, 100, 10, 50]
    values = np.abs(random.normal(1.0, 0.4, (60, 3, 3, len(MEASURED)))) * size
    values[:, 1] = values[:, 0] + random.normal(0.0, 0.02, values[:, 1].shape) * apart
    values[:20, 1, :, 0] = values[:20, 0, :, 0] + 1e-9  # alike but for rounding
    values[..., 3] = np.rint(values[..., 3])
    values[..., 4] = values[..., 4] < 0.7
    values[:7, 1, 0, 5] = 1_000.0  # at the floor to the bit
    return replace(drawn, values=values)


def test_every_draw_is_run_in_every_mode_and_on_every_path(made: Any, drawn: Bootstrap) -> None:
    assert drawn.paths == ("candle", "adverse", "favourable")
    for draw in range(5):
        market = Resampler(made).draw(12, 3, draw)
        for m, mode in enumerate(MODES):
            for p, path in enumerate(drawn.paths):
                result = run(Swing(), market, ACCOUNT, mode=mode, path=path)
                peak, closes, inside = ACCOUNT.balance, 0.0, 0.0
                for low, close in zip(result.equity_low.tolist(), result.equity.tolist(), strict=True):
                    inside = max(inside, 1.0 - low / peak, 1.0 - close / peak)
                    peak = max(peak, close)
                    closes = max(closes, 1.0 - close / peak)
                lowest = min(*result.equity_low.tolist(), *result.equity.tolist())
                ruined = float((result.equity <= 1e-9 * ACCOUNT.balance).any())
                expected = [result.equity[-1], closes, inside, result.totals["liquidations"], ruined, lowest]
                expected.append(-1.0 if ruined else result.equity[-1] / ACCOUNT.balance - 1.0)
                expected.append(float(result.liquidations["loss"].sum()))
                expected += [result.totals[name] for name in ("fees", "liquidation_fees", "funding")]
                assert drawn.values[draw, m, p].tolist() == pytest.approx(expected, rel=1e-12)
    ends = drawn.values[..., MEASURED.index("final_equity")]
    assert (ends[:, 0] != ends[:, 2]).any()  # modes and paths differ, so that none stands in for another
    assert (ends[:, 1] != ends[:, 2]).any()
    assert all((ends[:, :, a] != ends[:, :, b]).any() for a, b in ((0, 1), (0, 2), (1, 2)))


def wilson(count: int, n: int, level: float) -> tuple[float, float]:
    """The two probabilities at which the count is just at the end of the interval of its normal approximation."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    roots = np.roots([1 + z * z / n, -(2 * count / n + z * z / n), (count / n) ** 2])
    return float(roots.min()), float(roots.max())


def column(filled: Bootstrap, measure: str, mode: str, path: str) -> list[float]:
    k = (MODES.index(mode), filled.paths.index(path), MEASURED.index(measure))
    return [float(draw[k]) for draw in filled.values]


def test_differences_are_of_the_pair_on_the_path_without_what_rounding_leaves(filled: Bootstrap) -> None:
    assert filled.pairs == (("isolated", "cross"), ("isolated", "mixed"))
    for first, second in filled.pairs:
        for path in filled.paths:
            pairs = zip(*(column(filled, "final_equity", mode, path) for mode in (first, second)), strict=True)
            expected = [a - b if abs(a - b) > 1e-5 else 0.0 for a, b in pairs]
            assert filled.difference("final_equity", (first, second), path).tolist() == expected
    assert (filled.difference("final_equity", ("isolated", "cross"))[:20] == 0.0).all()


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_shares_are_counted_and_have_wilsons_interval(filled: Bootstrap, level: float) -> None:
    filled = replace(filled, level=level, floor=0.1)
    pair = ("isolated", "cross")
    ends, falls = (filled.difference(name, pair).tolist() for name in ("final_equity", "max_drawdown_in_bars"))
    counted = {
        filled.ahead(pair): sum(each > 0 for each in ends),
        filled.ahead(pair, HIGHER): sum(each > 0 for each in ends),
        filled.ahead(pair, SMALLER): sum(each < 0 for each in falls),
        filled.alike(pair): sum(each == 0 for each in ends),
        filled.ruin("cross"): sum(column(filled, "ruined", "cross", "candle")),
        filled.fallen("cross"): sum(each <= 1_000.0 for each in column(filled, "lowest_equity", "cross", "candle")),
    }
    for found, count in counted.items():
        assert 0 < count < 60
        assert found.share == count / 60
        assert (found.low, found.high) == pytest.approx(wilson(int(count), 60, level))
    assert filled.alike(pair).share >= 20 / 60


def test_the_paths_inside_the_bars_are_compared_draw_by_draw(filled: Bootstrap) -> None:
    pair, measure = ("isolated", "cross"), "max_drawdown_in_bars"
    ends = [column(filled, measure, "cross", path) for path in ("adverse", "favourable")]
    apart = [abs(a - b) for a, b in zip(*ends, strict=True)]
    assert filled.inside_bars(measure, "cross").median == pytest.approx(median(apart))
    ends = [filled.difference(measure, pair, path).tolist() for path in ("adverse", "favourable")]
    apart = [abs(a - b) for a, b in zip(*ends, strict=True)]
    assert filled.inside_bars_difference(measure, pair).median == pytest.approx(median(apart))
    turned = sum((a < 0 < b) or (b < 0 < a) for a, b in zip(*ends, strict=True))
    assert filled.turned(pair, SMALLER).share == turned / 60 > 0
    ends = [filled.difference("final_equity", pair, path).tolist() for path in ("adverse", "favourable")]
    turned = sum((a < 0 < b) or (b < 0 < a) for a, b in zip(*ends, strict=True))
    assert filled.turned(pair).share == turned / 60


def test_p_values_and_bands_are_counted(filled: Bootstrap) -> None:
    pair = ("isolated", "cross")
    for measure in ("final_equity", "max_drawdown_in_bars", "liquidations"):
        drawn = filled.difference(measure, pair).tolist()
        mean, own = sum(drawn) / 60, abs(filled.observed_difference(measure, pair))
        far = sum(abs(each - mean) >= own for each in drawn)
        assert filled.p_value(measure, pair) == (1 + far) / 61
        ordered, band = sorted(drawn), filled.difference_band(measure, pair)
        assert ordered[1] <= band.low <= ordered[2]
        assert ordered[-3] <= band.high <= ordered[-2]
        assert band.median == pytest.approx(median(drawn))
        assert band.width == band.high - band.low


def test_the_verdict_calls_often_what_chance_does_often(filled: Bootstrap) -> None:
    pair = ("isolated", "cross")
    own = abs(filled.observed_difference("final_equity", pair))
    assert own > 1.0
    for reach, word in ((2.0, "often"), (0.5, "seldom")):
        values = filled.values[[0] * 99].copy()
        values[:, 1, 0, 0] = values[:, 0, 0, 0] - np.linspace(-reach, reach, 99) * own
        result = replace(filled, values=values)
        assert (result.p_value("final_equity", pair) > 0.05) == (word == "often")
        assert f"Chance alone {word} makes a difference like the " in result.verdict


def test_the_verdict_does_not_speak_of_chance_where_nothing_can_be_said_of_it(filled: Bootstrap) -> None:
    few = replace(filled, values=filled.values[:18])
    assert "18 draws are too few to say how often chance alone makes a difference like the " in few.verdict
    assert "draws are too few" not in replace(filled, values=filled.values[:19]).verdict
    frame = filled.observed.metrics.copy()
    frame["cross"] = frame["isolated"]
    alike = replace(filled, observed=replace(filled.observed))
    alike.observed.__dict__["metrics"] = frame
    assert "On the market itself they end alike." in alike.verdict
    assert alike.verdict.count("Chance") == 1  # of isolated and mixed
