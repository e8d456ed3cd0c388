"""One strategy in accounts at several venues or leverages, under one margin mode or more: the same prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from backtester import text
from backtester.account import venue_of
from backtester.compare import Comparison, Progress, compare, run_modes, shifted
from backtester.comparing.across_printing import printed
from backtester.comparing.across_verdict import AT, across_verdict
from backtester.comparing.comparisons import Comparisons
from backtester.comparing.modes import check_modes, checked_modes, paths_of, telling
from backtester.comparing.verdict import trailing_inside
from backtester.errors import ConfigurationError
from backtester.explaining.parting import traded
from backtester.venue import venue_names

if TYPE_CHECKING:
    import pandas as pd

    from backtester.account import Account
    from backtester.allocation import Strategies
    from backtester.bootstrap.statistics import Band
    from backtester.engine import Prepared
    from backtester.explaining.attribution import Attribution
    from backtester.market import Market
    from backtester.result import Result
    from backtester.venue import Venue

__all__ = ["AccountComparison", "compare_leverages", "compare_venues", "leverage_accounts", "venue_accounts"]

APART = ("final_equity", "max_drawdown_in_bars", "liquidations")  # measures whose differences get intervals
NEUTRAL = "generic"  # a venue without rules of its own on who may stand beside whom


@dataclass(frozen=True, eq=False, repr=False)
class AccountComparison(Comparisons):
    """The comparison at each venue or leverage, by its name: ``result["binance"].isolated`` is a run.

    Printing it prints the report; ``reports.write.write_report(result, folder)`` writes it as a page, with the pages
    of each venue or leverage in a folder of its own.

    Parameters
    ----------
    comparisons : mapping of str to Comparison
        Of the same targets on the same market in the same modes, in the order asked for.
    axis : str
        What differs: ``venue``, or ``leverage``, whose names are ``5x``, ``10x``, and all are at one venue.
    """

    axis: str = "venue"

    def __str__(self) -> str:
        return printed(self)

    def __repr__(self) -> str:
        return f"<AccountComparison: {self.first.strategy}, {' | '.join(self.names)}, {' | '.join(self.modes)}>"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the venues, or of the leverages, in the order asked for."""
        return tuple(self.comparisons)

    @property
    def venue(self) -> str:
        """All venues, in words."""
        names = dict.fromkeys(each.venue for each in self.values()) if self.axis != "venue" else self.names
        return text.joined([*names])

    @property
    def first(self) -> Result:
        """Run of the first venue and mode; market, slots and balance are those of all."""
        return next(iter(self.comparisons.values())).first

    @cached_property
    def traded(self) -> tuple[str, ...]:
        """Names of the venues at which anything was traded."""
        return tuple(venue for venue, each in self.items() if any(map(traded, each.results.values())))

    @property
    def currency(self) -> str:
        """Settlement currency, as far as the symbols tell."""
        return text.currency(self.first.market.symbols)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Metrics by venue and mode: a column for each pair."""
        return self._joined({venue: each.metrics[list(each.modes)] for venue, each in self.items()}, axis=1)

    @cached_property
    def band(self) -> pd.DataFrame:
        """Final equity, drawdowns and liquidations by venue, mode and path inside the bars."""
        return self._joined({venue: each.band for venue, each in self.items()}, axis=0)

    @cached_property
    def by_strategy(self) -> pd.DataFrame:
        """What each strategy earned, paid and used, by venue and mode."""
        return self._joined({venue: each.by_strategy for venue, each in self.items()}, axis=0)

    @staticmethod
    def _joined(frames: Mapping[str, pd.DataFrame], axis: Any) -> pd.DataFrame:
        import pandas as pd

        return pd.concat(frames, axis=axis, names=["venue", "mode"][: 2 if axis else 1])

    @cached_property
    def verdict(self) -> str:
        """The outcome in plain words: which ended highest, and whether the venue or the mode matters more.

        A venue at which nothing was traded is said, and not compared.
        """
        at = list(self.traded)
        idle = [venue for venue in self.names if venue not in at]
        if not at:
            return f"No trade at any {self.axis}."
        word = AT[self.axis]
        said = [f"No trade {word} {text.joined(idle)}: not compared."] if idle else []
        if len(at) == 1:
            return " ".join([*said, f"{word.capitalize()} {at[0]}: {self[at[0]].verdict}"])
        compared = across_verdict(
            self.metrics[at],
            self.band.loc[at],
            balance=self.first.scenario.balance,
            unit=self.currency,
            trailing=any(trailing_inside(run) for venue in at for run in self[venue].results.values()),
            axis=self.axis,
        )
        return " ".join([*said, compared])

    @property
    def accounts(self) -> list[tuple[str, str]]:
        """Each venue, or leverage, with each mode."""
        return [(venue, mode) for venue in self for mode in self.modes]

    @cached_property
    def intervals(self) -> dict[tuple[str, str], dict[str, Band]]:
        """Bands over the draws of each account's difference to the first, by measure; empty without draws."""
        (first, mode), *others = self.accounts
        base = self[first].sampling
        found = {account: self[account[0]].sampling for account in others}
        return {
            (name, each): {measure: of.apart(measure, each, base, mode) for measure in APART}
            for (name, each), of in found.items()
            if of is not None and base is not None
        }

    def attribution(self, first: tuple[str, str], second: tuple[str, str]) -> Attribution:
        """Return why two accounts end apart, pair by pair of trades; a difference is the first less the second.

        Parameters
        ----------
        first, second : (str, str)
            Of `accounts`: a venue or a leverage, and a mode.

        Raises
        ------
        ConfigurationError
            For an account that is none of them.
        """
        from backtester.explaining.attribution import attribute

        for account in (first, second):
            if account not in self.accounts:
                allowed = [", ".join(each) for each in self.accounts]
                raise ConfigurationError("account", account, "is none of this comparison", allowed=allowed)
        one, other = (self[venue].results[mode] for venue, mode in (first, second))
        return attribute(one, other, (" ".join(first), " ".join(second)))

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON values; undefined and infinite numbers are None."""
        return {
            "strategy": self.first.strategy,
            "axis": self.axis,
            f"{self.axis}s": list(self.names),
            "modes": list(self.modes),
            "synthetic": self.first.market.synthetic,
            "source": self.first.market.source,
            "currency": self.currency,
            "verdict": self.verdict,
            "intervals": [
                {"account": list(account), "less": list(self.accounts[0])}
                | {measure: band._asdict() for measure, band in bands.items()}
                for account, bands in self.intervals.items()
            ],
            "comparisons": {venue: each.to_dict() for venue, each in self.items()},
        }


def compare_venues(
    strategy: Strategies,
    market: Market,
    account: Account,
    venues: Iterable[str | Venue],
    modes: Iterable[str] = ("isolated", "cross"),
    *,
    check: bool = True,
    progress: Progress | None = None,
) -> AccountComparison:
    """Run a strategy at several venues, under each margin mode and every path that a bar may hide.

    The targets are computed once; each venue and mode receives the same ones, and the same prices and funding. What
    differs is the venues' rules, tiers, fees and lots. The numbers of each venue are those of `compare` at it alone.

    Parameters
    ----------
    strategy : Strategy, Allocation or sequence of them
        One strategy, or several that share the account.
    market : Market
        Candles, mark prices and funding, the same at every venue.
    account : Account
        Balance, leverage, path and rules to override, at every venue; its venue is replaced by each of `venues`, its
        mode by each of `modes`.
    venues : iterable of str or Venue
        Names of venue files, or venues.
    modes : iterable of str
        Of ``isolated``, ``cross``, ``mixed``, ``sub_accounts``.
    check : bool
        Look for targets that use later bars, and prove that each run's ledger balances.
    progress : callable, optional
        Called as ``progress(done, total, what)`` before each run and once at the end.

    Returns
    -------
    AccountComparison

    Raises
    ------
    ConfigurationError
        Before anything runs: for no venue or mode, an unknown one, one named twice, one that a venue does not have,
        and for contracts that settle in coin at one venue and in money at another.
    StrategyError
        If a strategy raises, returns something unusable or (with `check`) looks into the future.
    """
    chosen = checked_modes(modes)
    accounts = venue_accounts(account, venues)
    _check_contracts(accounts, market)
    from backtester.engine import prepare  # numba takes a while: nobody waits for it who only reads

    prepared = prepare(strategy, market, replace(account, venue=NEUTRAL, mode=telling(chosen)), check=check)
    _check_modes(accounts, chosen, prepared, market)
    each, out = len(chosen) * len(paths_of(account)), dict[str, Comparison]()
    for name, at_venue in accounts.items():
        told = shifted(progress, name, each * len(out), each * len(accounts))
        out[name] = run_modes(strategy, market, at_venue, chosen, prepared, check=check, progress=told)
    return AccountComparison(out)


def compare_leverages(
    strategy: Strategies,
    market: Market,
    account: Account,
    leverages: Iterable[float],
    modes: Iterable[str] = ("isolated", "cross"),
    *,
    check: bool = True,
    progress: Progress | None = None,
) -> AccountComparison:
    """Run a strategy at several leverages of the account, under each margin mode and every path that a bar may hide.

    The numbers of each leverage are those of `compare` at it alone. A position that asks for a leverage of its own
    keeps it.

    Parameters
    ----------
    strategy, market, account, modes, check, progress
        As for `compare`; the account's leverage is replaced by each of `leverages`.
    leverages : iterable of float
        Each above 0, and named once.

    Returns
    -------
    AccountComparison
        With the leverages, ``5x`` and so on, in place of venues.

    Raises
    ------
    ConfigurationError
        For no leverage, one that is none, and one named twice; and as for `compare`.
    StrategyError
        As for `compare`.
    """
    chosen = checked_modes(modes)
    accounts = leverage_accounts(account, leverages)
    each, out = len(chosen) * len(paths_of(account)), dict[str, Comparison]()
    for name, at in accounts.items():
        told = shifted(progress, name, each * len(out), each * len(accounts))
        out[name] = compare(strategy, market, at, chosen, check=check, progress=told)
    return AccountComparison(out, "leverage")


def leverage_accounts(account: Account, leverages: Iterable[float]) -> dict[str, Account]:
    """Return the account at each leverage, by names such as ``5x``."""
    out: dict[str, Account] = {}
    for leverage in leverages:
        at = replace(account, leverage=leverage)
        if (name := f"{at.leverage:g}x") in out:
            raise ConfigurationError("leverages", name, "a leverage is named twice", cure="Name each once")
        out[name] = at
    if not out:
        raise ConfigurationError("leverages", [], "no leverage to run at", cure="Name at least one, such as 5")
    return out


def venue_accounts(account: Account, venues: Iterable[str | Venue]) -> dict[str, Account]:
    """Return the account at each venue, by the venue's name."""
    given = [venues] if isinstance(venues, str) else list(venues or ())
    if not given:
        cure = "Name at least one"
        raise ConfigurationError("venues", given, "no venue to run at", allowed=venue_names(), cure=cure)
    out: dict[str, Account] = {}
    for venue in given:
        found = venue_of(replace(account, venue=venue))
        if found.name in out:
            cure = "name each venue once; a file of your own says what it is called in its `name`"
            raise ConfigurationError("venues", found.name, "a venue is named twice", cure=cure)
        out[found.name] = replace(account, venue=found)
    return out


def _check_contracts(accounts: Mapping[str, Account], market: Market) -> None:
    """Fail if a venue has no such contracts, or contracts settle in coin at one venue and in money at another."""
    kinds: dict[str, dict[str, str]] = {symbol: {} for symbol in market.symbols}
    for name, account in accounts.items():
        for symbol in market.symbols:
            try:
                kinds[symbol][name] = venue_of(account).instrument(symbol).contract
            except ConfigurationError as error:
                raise _or_without(error, name) from error
    for symbol, of in kinds.items():
        if len(set(of.values())) > 1:
            raise ConfigurationError(
                "venues",
                of,
                f"the contract of {symbol} is linear at one venue and inverse at another: "
                "profits in money and in coin cannot be compared",
                cure="Compare venues with the same kind of contract, or name the market's symbols in ccxt's notation, "
                "which says what they settle in",
            )


def _check_modes(accounts: Mapping[str, Account], modes: Sequence[str], prepared: Prepared, market: Market) -> None:
    for name, account in accounts.items():
        try:
            check_modes(account, modes, prepared, market)
        except ConfigurationError as error:
            raise _or_without(error, name) from error


def _or_without(error: ConfigurationError, venue: str) -> ConfigurationError:
    """Return a venue's error with one more way out: to compare the others."""
    cure = f"{error.cure}. Or leave {venue} out of the venues"
    return ConfigurationError(error.key, error.value, error.problem, allowed=error.allowed, cure=cure)
