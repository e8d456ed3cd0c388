"""One strategy under two margin modes or more: what each earned, where they part, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from backtester import text
from backtester.account import venue_of
from backtester.comparing.assumptions import assumptions
from backtester.comparing.modes import BAND_PATHS, check_modes, checked_modes, paths_of, telling
from backtester.comparing.printing import printed, several_strategies
from backtester.comparing.summary import summarise
from backtester.comparing.verdict import band_frame, band_verdict, name_of, trailing_inside, verdict
from backtester.explaining.parting import Parting, part, traded
from backtester.metrics import difference
from backtester.notebook import ShownInNotebooks
from backtester.provenance import provenance

if TYPE_CHECKING:
    import pandas as pd

    from backtester.account import Account
    from backtester.allocation import Strategies
    from backtester.bootstrap import Bootstrap
    from backtester.engine import Prepared
    from backtester.explaining.attribution import Attribution
    from backtester.explaining.closeup import CloseUps
    from backtester.explaining.contagion import Contagion
    from backtester.explaining.isolation import IsolationPrice
    from backtester.market import Market
    from backtester.result import Result

__all__ = ["BAND_PATHS", "Comparison", "compare"]

DIFFERENCE = "difference"

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(ShownInNotebooks):
    """Runs of the same intents under several margin modes.

    A mode is also an attribute: ``comparison.isolated`` is ``comparison.results["isolated"]``. Printing it prints
    the report; ``reports.write.write_report(comparison, folder)`` writes it as a page with charts and files.

    Parameters
    ----------
    results : mapping of mode to Result
        Full runs on the account's path, in the order asked for.
    bands : mapping of mode to mapping of path to Result
        The same runs under each path inside the bars, the account's own among them; the others have no margin ratios.
    venue : str
        Name of the venue's rules.
    notes : tuple of str
        Assumptions and substitutions to be shown with the result.
    sampling : Bootstrap, optional
        The same modes on markets drawn from this one: from it the differences have their intervals.
    """

    results: Mapping[str, Result]
    bands: Mapping[str, Mapping[str, Result]] = field(default_factory=dict)
    venue: str = ""
    notes: tuple[str, ...] = ()
    sampling: Bootstrap | None = None

    def __getattr__(self, name: str) -> Result:
        results = self.__dict__.get("results", {})
        if name in results:
            return results[name]
        raise AttributeError(f"a Comparison has no attribute {name!r}; its modes are {', '.join(results) or 'none'}")

    def __str__(self) -> str:
        return printed(self)

    def __repr__(self) -> str:
        return f"<Comparison: {self.first.strategy or 'scenario'}, {' | '.join(self.modes)}>"

    @property
    def modes(self) -> tuple[str, ...]:
        """Modes in the order asked for."""
        return tuple(self.results)

    @property
    def first(self) -> Result:
        """Run of the first mode; market, slots and balance are those of all."""
        return next(iter(self.results.values()))

    @property
    def currency(self) -> str:
        """Settlement currency, as far as the symbols tell."""
        return text.currency(self.first.market.symbols)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Metrics by mode, and with two modes ``difference``: the first less the second."""
        import pandas as pd

        table = pd.DataFrame({mode: summarise(run) for mode, run in self.results.items()}, dtype=float)
        table.index.name = "metric"
        if len(self.modes) == 2:
            pairs = zip(table[self.modes[0]], table[self.modes[1]], strict=True)
            table[DIFFERENCE] = [difference(first, second) for first, second in pairs]
        return table

    @cached_property
    def verdict(self) -> str:
        """The outcome in plain words."""
        return verdict(
            self.metrics,
            self.modes,
            balance=self.first.scenario.balance,
            unit=self.currency,
            traded=any(traded(run) for run in self.results.values()),
            trailing={mode: trailing_inside(run) for mode, run in self.results.items()},
        )

    @cached_property
    def partings(self) -> dict[str, Parting]:
        """Where each further mode parts from the first one."""
        head, *others = self.modes
        return {other: part(self.first, self.results[other], (name_of(head), name_of(other))) for other in others}

    @property
    def parting(self) -> Parting | None:
        """Where the first two modes part; None with a single mode."""
        return next(iter(self.partings.values()), None)

    @property
    def attribution(self) -> Attribution | None:
        """Why the first two modes end apart, pair by pair of trades; None with a single mode."""
        return self.attributions[self.modes[1]] if len(self.modes) > 1 else None

    @cached_property
    def attributions(self) -> dict[str, Attribution]:
        """Why the first mode and each other one end apart, by the name of the other."""
        from backtester.explaining.attribution import attribute

        first, *others = self.modes
        return {other: attribute(self.first, self.results[other], (first, other)) for other in others}

    @cached_property
    def contagion(self) -> dict[str, Contagion]:
        """Who took whom down, of each mode in which positions share a pool; held against the first other mode."""
        from backtester.explaining.contagion import contagion

        return {
            mode: contagion(run, self._other(mode))
            for mode, run in self.results.items()
            if "standing" in {run.pool_kind[pool] for pool in run.pool_of_slot}
        }

    @cached_property
    def close_ups(self) -> dict[str, CloseUps]:
        """Every liquidation of each mode, to be looked at closely; held against the first other mode."""
        from backtester.explaining.closeup import CloseUps

        return {mode: CloseUps(run, self._other(mode)) for mode, run in self.results.items()}

    def _other(self, mode: str) -> Result | None:
        return next((other for name, other in self.results.items() if name != mode), None)

    @cached_property
    def isolation(self) -> dict[str, IsolationPrice]:
        """What isolation cost, of each mode with isolated positions."""
        from backtester.explaining.isolation import isolation_price

        return {mode: isolation_price(run) for mode, run in self.results.items() if "on_demand" in run.pool_kind}

    @cached_property
    def band(self) -> pd.DataFrame:
        """Final equity, drawdowns and liquidations by mode and path inside the bars."""
        return band_frame(self.bands or {mode: {run.scenario.path: run} for mode, run in self.results.items()})

    @cached_property
    def band_verdict(self) -> str:
        """Whether the path inside the bars could turn the verdict, and what would settle it."""
        return band_verdict(self.band, balance=self.first.scenario.balance, timeframe=self.first.market.timeframe)

    @property
    def data(self) -> dict[str, Any]:
        """Files with their sha256, substitutions, and coverage by instrument, as JSON values."""
        return provenance(self.first.market)

    @cached_property
    def equity(self) -> pd.DataFrame:
        """Equity, lowest equity and worst margin ratio by mode and time."""
        return self._frame("equity_frame")

    @cached_property
    def positions(self) -> pd.DataFrame:
        """Positions by mode."""
        return self._frame("positions")

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Round trips and partial closes by mode."""
        return self._frame("trades")

    @cached_property
    def liquidations(self) -> pd.DataFrame:
        """Liquidations by mode."""
        return self._frame("liquidations")

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """Movements of cash by mode."""
        return self._frame("ledger_frame")

    @cached_property
    def events(self) -> pd.DataFrame:
        """Events by mode."""
        return self._frame("event_frame")

    @cached_property
    def by_strategy(self) -> pd.DataFrame:
        """What each strategy earned, paid and used, by mode."""
        return self._frame("by_strategy")

    def _frame(self, name: str) -> pd.DataFrame:
        import pandas as pd

        return pd.concat({mode: getattr(run, name) for mode, run in self.results.items()}, names=["mode"])

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON values; undefined and infinite numbers are None."""
        return {
            "strategy": self.first.strategy,
            "modes": list(self.modes),
            "synthetic": self.first.market.synthetic,
            "source": self.first.market.source,
            "venue": self.venue,
            "currency": self.currency,
            "verdict": self.verdict,
            "partings": {
                mode: {"bar": p.bar, "time": p.time or None, "why": p.why} for mode, p in self.partings.items()
            },
            "band_verdict": self.band_verdict,
            "metrics": {key: _json(row) for key, row in self.metrics.to_dict("index").items()},
            "band": [
                {"mode": mode, "path": path, **_json(row)}
                for (mode, path), row in zip(self.band.index.tolist(), self.band.to_dict("records"), strict=True)
            ],
            "by_strategy": {mode: run.by_strategy.to_dict("index") for mode, run in self.results.items()}
            if several_strategies(self)
            else {},
            "sampling": None if self.sampling is None else self.sampling.summary(),
            "attribution": self.attribution and self.attribution.to_dict(),
            "contagion": {mode: found.to_dict() for mode, found in self.contagion.items()},
            "isolation": {mode: found.to_dict() for mode, found in self.isolation.items()},
            "notes": list(self.notes),
            "data": self.data,
        }


def _json(row: Mapping[Any, float]) -> dict[str, float | None]:
    return {str(key): float(number) if math.isfinite(number) else None for key, number in row.items()}


def compare(
    strategy: Strategies,
    market: Market,
    account: Account,
    modes: Iterable[str] = ("isolated", "cross"),
    *,
    check: bool = True,
    progress: Progress | None = None,
) -> Comparison:
    """Run a strategy under several margin modes and under every path that a bar may hide.

    The targets are computed once; each mode receives the same ones, and an `on_bar` is called in each run. Each mode
    runs in full on the account's path, and again without the margin ratios under the other paths of `BAND_PATHS`.

    Parameters
    ----------
    strategy : Strategy, Allocation or sequence of them
        One strategy, or several that share the account.
    market : Market
        Candles, mark prices and funding.
    account : Account
        Balance, leverage, venue and path; its mode is replaced by each of `modes`.
    modes : iterable of str
        Of ``isolated``, ``cross``, ``mixed``, ``sub_accounts``.
    check : bool
        Look for targets that use later bars, and prove that each run's ledger balances.
    progress : callable, optional
        Called as ``progress(done, total, what)`` before each run and once at the end.

    Returns
    -------
    Comparison

    Raises
    ------
    ConfigurationError
        For no mode, an unknown one, or one named twice.
    StrategyError
        If a strategy raises, returns something unusable or (with `check`) looks into the future.
    """
    from backtester.engine import prepare  # numba takes a while: nobody waits for it who only reads

    chosen = checked_modes(modes)
    prepared = prepare(strategy, market, replace(account, mode=telling(chosen)), check=check)
    check_modes(account, chosen, prepared, market)
    return run_modes(strategy, market, account, chosen, prepared, check=check, progress=progress)


def run_modes(
    strategy: Strategies,
    market: Market,
    account: Account,
    modes: Sequence[str],
    prepared: Prepared,
    *,
    check: bool,
    progress: Progress | None,
) -> Comparison:
    """Run prepared targets in every mode and on every path; parameters as in `compare`, all of them checked."""
    from backtester.engine import run

    steps = [(mode, path) for mode in modes for path in paths_of(account)]
    tell = progress or (lambda done, total, what: None)
    bands: dict[str, dict[str, Result]] = {mode: {} for mode in modes}
    for done, (mode, path) in enumerate(steps):
        tell(done, len(steps), f"{mode}, {path}")
        record = "full" if path == account.path else "lows"
        result = run(strategy, market, account, mode=mode, path=path, record=record, prepared=prepared)
        if check:
            result.check_ledger()
        bands[mode][path] = result
    tell(len(steps), len(steps), "done")
    results = {mode: bands[mode][account.path] for mode in modes}
    notes = assumptions(account, market, (result.scenario for result in results.values()))
    if prepared.followers:
        names = text.joined([*dict.fromkeys(type(each.strategy).__name__ for each in prepared.followers)])
        notes = (f"{names} decided bar by bar on what the account was: under each mode and path by itself.", *notes)
    return Comparison(results, bands, venue_of(account).name, notes)


def shifted(progress: Progress | None, name: str, before: int, total: int) -> Progress | None:
    """Return the progress of one comparison of several as part of that of all."""
    if progress is None:
        return None
    tell = progress

    def step(done: int, of_this: int, what: str) -> None:
        if done < of_this:
            tell(before + done, total, f"{name}: {what}")
        elif before + done == total:
            tell(total, total, what)

    return step
