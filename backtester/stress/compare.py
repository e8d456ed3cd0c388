"""A strategy under each margin mode, without and with shocks laid on its market."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from backtester.compare import Comparison, Progress, compare, shifted
from backtester.comparing.comparisons import Comparisons
from backtester.comparing.modes import BAND_PATHS, checked_modes
from backtester.errors import ConfigurationError
from backtester.stress.printing import printed
from backtester.stress.reading import read_shocks
from backtester.stress.shock import Shock, shocked
from backtester.stress.verdict import stress_verdict

if TYPE_CHECKING:
    import pandas as pd

    from backtester.account import Account
    from backtester.allocation import Strategies
    from backtester.market import Market

__all__ = ["StressComparison", "stress"]

NONE = "none"  # what the market as it is is called beside its shocks
Shocks = str | Shock | Sequence[Shock]


@dataclass(frozen=True, eq=False, repr=False)
class StressComparison(Comparisons):
    """The comparison under each shock, by its text, and that without one as ``"none"``, which is the first.

    Printing it prints the report.

    Parameters
    ----------
    comparisons : mapping of str to Comparison
        Of the same strategy in the same modes.
    shocks : mapping of str to tuple of Shock
        What each text stands for.
    """

    shocks: Mapping[str, tuple[Shock, ...]]

    def __str__(self) -> str:
        return printed(self)

    def __repr__(self) -> str:
        return f"<StressComparison: {self.calm.first.strategy}, {' | '.join(self)}>"

    @property
    def calm(self) -> Comparison:
        """The comparison without a shock."""
        return self.comparisons[NONE]

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Metrics of each run, one row for each shock and mode."""
        import pandas as pd

        frames = {name: each.metrics[list(each.modes)].T for name, each in self.items()}
        return pd.concat(frames, names=["shock", "mode"])

    @cached_property
    def verdict(self) -> str:
        """What the shocks turn, in plain words."""
        return stress_verdict(
            self.metrics, self.modes, balance=self.calm.first.scenario.balance, currency=self.calm.currency
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON values; undefined and infinite numbers are None."""
        return {
            "strategy": self.calm.first.strategy,
            "modes": list(self.modes),
            "verdict": self.verdict,
            "shocks": {name: [str(shock) for shock in self.shocks[name]] for name in self},
            "comparisons": {name: each.to_dict() for name, each in self.items()},
        }


def stress(
    strategy: Strategies,
    market: Market,
    account: Account,
    shocks: Iterable[Shocks],
    modes: Iterable[str] = ("isolated", "cross"),
    *,
    check: bool = True,
    progress: Progress | None = None,
) -> StressComparison:
    """Run a strategy under several margin modes on a market, and on the market with each of some shocks.

    The strategy sees the shocked prices and decides anew on them. Everything before a shock is as without it.

    Parameters
    ----------
    strategy : Strategy, Allocation or sequence of them
    market : Market
    account : Account
    shocks : iterable of str, Shock or sequence of Shock
        Each is one run of its own; a text, or a sequence, may join several shocks.
    modes : iterable of str
        Of ``isolated``, ``cross``, ``mixed``, ``sub_accounts``.
    check : bool
        As for `compare`.
    progress : callable, optional
        Called as ``progress(done, total, what)``.

    Returns
    -------
    StressComparison

    Raises
    ------
    ConfigurationError
        Before anything runs: for no shock, one that cannot be read, is given twice or has no place in the market.
    MarketDataError
        If shocks make prices or rates that no market has.
    StrategyError
        As for `compare`.
    """
    chosen = checked_modes(modes)
    laid = _named(shocks)
    markets = {name: shocked(market, each) for name, each in laid.items()}
    steps = len(chosen) * len({account.path, *BAND_PATHS})
    done: dict[str, Comparison] = {}
    for name, each in markets.items():
        told = shifted(progress, name, steps * len(done), steps * len(markets))
        done[name] = compare(strategy, each, account, chosen, check=check, progress=told)
    return StressComparison(done, laid)


def _named(shocks: Iterable[Shocks]) -> dict[str, tuple[Shock, ...]]:
    """Return shocks by their text, after none at all."""
    given = [shocks] if isinstance(shocks, str | Shock) else list(shocks)
    if not given:
        raise ConfigurationError("shock", None, "there is none", cure="Give at least one, such as gap:-0.2@50%")
    out: dict[str, tuple[Shock, ...]] = {NONE: ()}
    for each in given:
        read = read_shocks(each) if isinstance(each, str) else (each,) if isinstance(each, Shock) else tuple(each)
        if not read:
            raise ConfigurationError("shock", each, "holds no shock", cure="The market without one is run in any case")
        name = " + ".join(map(str, read))
        if name in out:
            raise ConfigurationError("shock", name, "is given twice", cure="Give each once")
        out[name] = read
    return out
