"""What a bootstrap comes to: numbers of each draw, their bands, probabilities and p-values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backtester.bootstrap.statistics import Band, Share, band, p_value, share
from backtester.comparing.summary import MEASURE, value
from backtester.comparing.verdict import TIE
from backtester.notebook import ShownInNotebooks

if TYPE_CHECKING:
    import pandas as pd

    from backtester.compare import Comparison

__all__ = ["BANDED", "MEASURED", "Bootstrap"]

Floats = NDArray[np.float64]

MEASURED = (
    "final_equity",
    "max_drawdown",
    "max_drawdown_in_bars",
    "liquidations",
    "ruined",
    "lowest_equity",
    "total_return",
    "liquidation_loss",
    "fees",
    "liquidation_fees",
    "funding",
)
NOT_METRICS = ("ruined", "lowest_equity")  # of these, all others are measures of a comparison too
BANDED = ("final_equity", "max_drawdown_in_bars", "liquidations")  # what reports show
HIGHER, SMALLER = ("final_equity", 1.0), ("max_drawdown_in_bars", -1.0)  # which mode is ahead, and in what sense


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap(ShownInNotebooks):
    """Runs of the same draws under several margin modes. Printing it prints the report.

    Parameters
    ----------
    observed : Comparison
        Of the modes on the market itself.
    values : float64 array, (n_draws, n_modes, n_paths, n_measures)
        The measures of `MEASURED`: money in the settlement currency, fractions, counts; ``ruined`` is 0 or 1.
    paths : tuple of str
        Paths inside the bars; the first is the account's.
    seed : int
    block : float [bars]
        Mean length of a block.
    level : float
        Of the intervals.
    floor : float
        Part of the balance.
    chosen : bool
        Whether the block length was chosen from the data.
    """

    observed: Comparison
    values: Floats
    paths: tuple[str, ...]
    seed: int
    block: float
    level: float
    floor: float
    chosen: bool

    def __str__(self) -> str:
        from backtester.bootstrap.printing import printed

        return printed(self)

    @cached_property
    def comparison(self) -> Comparison:
        """The comparison of the market itself, with the intervals of its differences."""
        return replace(self.observed, sampling=self)

    @cached_property
    def intervals(self) -> dict[str, Band]:
        """Bands over the draws of the difference of the first two modes, by measure; empty with a single mode."""
        return self.intervals_of(self.pairs[0]) if self.pairs else {}

    def intervals_of(self, pair: tuple[str, str]) -> dict[str, Band]:
        """Return the bands over the draws of the difference of two modes, for every measure of a comparison."""
        return {key: self.difference_band(key, pair) for key in MEASURED if key not in NOT_METRICS}

    def __repr__(self) -> str:
        return f"<Bootstrap: {self.observed.first.strategy}, {self.n_draws:,} draws of seed {self.seed}>"

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return len(self.values)

    @property
    def modes(self) -> tuple[str, ...]:
        """Modes in the order asked for."""
        return self.observed.modes

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The first mode with each other one."""
        return tuple((self.modes[0], other) for other in self.modes[1:])

    def of(self, measure: str, mode: str, path: str | None = None) -> Floats:
        """Return a measure of each draw under a mode, on the account's path inside the bars or another one."""
        p = self.paths.index(path) if path else 0
        return self.values[:, self.modes.index(mode), p, MEASURED.index(measure)]

    def difference(self, measure: str, pair: tuple[str, str], path: str | None = None) -> Floats:
        """Return the first mode less the second, draw by draw; what only rounding leaves is 0."""
        return _whole(self.of(measure, pair[0], path) - self.of(measure, pair[1], path), self._tie(measure))

    def _tie(self, measure: str) -> float:
        money = measure in ("lowest_equity", *(key for key, each in MEASURE.items() if each.kind == "money"))
        return TIE * (self.observed.first.scenario.balance if money else 1.0)

    def band(self, measure: str, mode: str) -> Band:
        """Return the band of a measure over the draws."""
        return band(self.of(measure, mode), self.level)

    def difference_band(self, measure: str, pair: tuple[str, str]) -> Band:
        """Return the band of a difference over the draws."""
        return band(self.difference(measure, pair), self.level)

    def apart(self, measure: str, mode: str, other: Bootstrap, mode_of_other: str) -> Band:
        """Return the band of the difference to another account on the same draws, draw by draw."""
        gaps = self.of(measure, mode) - other.of(measure, mode_of_other)
        return band(_whole(gaps, self._tie(measure)), self.level)

    def observed_difference(self, measure: str, pair: tuple[str, str]) -> float:
        """Return the difference on the market itself."""
        first, second = (value(self.observed.metrics, measure, mode) for mode in pair)
        return float(_whole(np.array(first - second), self._tie(measure)))

    def p_value(self, measure: str, pair: tuple[str, str]) -> float:
        """Return how often chance alone makes as large a difference as the market's; see `statistics.p_value`."""
        return p_value(self.observed_difference(measure, pair), self.difference(measure, pair))

    def ahead(self, pair: tuple[str, str], what: tuple[str, float] = HIGHER) -> Share:
        """Return how often the first mode of a pair ends higher, or has the smaller drawdown."""
        measure, sign = what
        return self._share(sign * self.difference(measure, pair) > 0.0)

    def alike(self, pair: tuple[str, str]) -> Share:
        """Return how often both modes of a pair end with the same equity."""
        return self._share(self.difference("final_equity", pair) == 0.0)

    def ruin(self, mode: str) -> Share:
        """Return how often a mode is ruined: an equity of at most 1e-9 of the balance at a close."""
        return self._share(self.of("ruined", mode) > 0.0)

    def ruined_alone(self, pair: tuple[str, str]) -> Share:
        """Return how often the first mode of a pair is ruined and the second is not, on the same draw."""
        first, second = (self.of("ruined", mode) > 0.0 for mode in pair)
        return self._share(first & ~second)

    def fallen(self, mode: str) -> Share:
        """Return how often the equity falls to the floor or below, inside bars too."""
        return self._share(self._falls(mode))

    def fallen_alone(self, pair: tuple[str, str]) -> Share:
        """Return how often the first mode of a pair falls to the floor and the second does not, on the same draw."""
        return self._share(self._falls(pair[0]) & ~self._falls(pair[1]))

    def _falls(self, mode: str) -> NDArray[np.bool_]:
        return self.of("lowest_equity", mode) <= self.floor * self.observed.first.scenario.balance

    def _share(self, which: NDArray[np.bool_]) -> Share:
        return share(int(np.count_nonzero(which)), self.n_draws, self.level)

    def inside_bars(self, measure: str, mode: str) -> Band:
        """Return the band over the draws of how far the path inside the bars alone moves a measure."""
        moved = np.abs(self.of(measure, mode, "adverse") - self.of(measure, mode, "favourable"))
        return band(_whole(moved, self._tie(measure)), self.level)

    def inside_bars_difference(self, measure: str, pair: tuple[str, str]) -> Band:
        """Return the band of how far the path inside the bars alone moves a difference."""
        ends = [self.difference(measure, pair, path) for path in ("adverse", "favourable")]
        return band(_whole(np.abs(ends[0] - ends[1]), self._tie(measure)), self.level)

    def turned(self, pair: tuple[str, str], what: tuple[str, float] = HIGHER) -> Share:
        """Return how often the path inside the bars turns which mode of a pair is ahead."""
        ends = [np.sign(self.difference(what[0], pair, path)) for path in ("adverse", "favourable")]
        return self._share(ends[0] * ends[1] < 0.0)

    @cached_property
    def verdict(self) -> str:
        """The outcome in plain words."""
        from backtester.bootstrap.verdict import bootstrap_verdict

        return bootstrap_verdict(self)

    @cached_property
    def draws(self) -> pd.DataFrame:
        """One row for each draw, mode and path inside the bars; seed and block make each draw again."""
        import pandas as pd

        names = [range(self.n_draws), self.modes, self.paths]
        index = pd.MultiIndex.from_product(names, names=["draw", "mode", "path"])
        frame = pd.DataFrame(self.values.reshape(-1, len(MEASURED)), index=index, columns=list(MEASURED)).reset_index()
        frame.insert(0, "seed", self.seed)
        frame.insert(1, "block", self.block)
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON values, without the single draws."""
        return {
            "strategy": self.observed.first.strategy,
            **self.summary(),
            "observed": self.observed.to_dict(),
        }

    def summary(self) -> dict[str, Any]:
        """Return what `to_dict` does, without what is about the market itself."""
        return {
            "modes": list(self.modes),
            "draws": self.n_draws,
            "seed": self.seed,
            "block": self.block,
            "block_chosen_from_data": self.chosen,
            "level": self.level,
            "floor": self.floor,
            "verdict": self.verdict,
            "bands": {mode: {each: self.band(each, mode)._asdict() for each in BANDED} for mode in self.modes},
            "inside_bars": {
                mode: {each: self.inside_bars(each, mode)._asdict() for each in BANDED} for mode in self.modes
            },
            "ruin": {mode: self.ruin(mode)._asdict() for mode in self.modes},
            "floor_reached": {mode: self.fallen(mode)._asdict() for mode in self.modes},
            "intervals": {key: each._asdict() for key, each in self.intervals.items()},
            "differences": [self._pair(pair) for pair in self.pairs],
        }

    def _pair(self, pair: tuple[str, str]) -> dict[str, Any]:
        measures = {
            each: {
                **self.difference_band(each, pair)._asdict(),
                "observed": self.observed_difference(each, pair),
                "p_value": self.p_value(each, pair),
                "inside_bars": self.inside_bars_difference(each, pair)._asdict(),
            }
            for each in BANDED
        }
        return {
            "first": pair[0],
            "second": pair[1],
            "measures": measures,
            "intervals": {key: each._asdict() for key, each in self.intervals_of(pair).items()},
            "ends_higher": self.ahead(pair)._asdict(),
            "ends_alike": self.alike(pair)._asdict(),
            "smaller_drawdown": self.ahead(pair, SMALLER)._asdict(),
            "path_inside_bars_turns_it": self.turned(pair)._asdict(),
            "ruin_of_first_alone": self.ruined_alone(pair)._asdict(),
            "ruin_of_second_alone": self.ruined_alone(pair[::-1])._asdict(),
            "floor_reached_by_first_alone": self.fallen_alone(pair)._asdict(),
            "floor_reached_by_second_alone": self.fallen_alone(pair[::-1])._asdict(),
        }


def _whole(difference: Floats, tie: float) -> Floats:
    return np.where(np.abs(difference) <= tie, 0.0, difference)
