"""What the workers of one process share: markets, venues and what the strategies want of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from backtester._foreign import import_ours
from backtester._modes import telling
from backtester.account import Account
from backtester.across import NEUTRAL
from backtester.batch.once import Once
from backtester.batch.plan import Plan, Run
from backtester.batch.settings import RULES
from backtester.batch.tasks import Task
from backtester.batch.variants import AS_IT_IS, Variant, Variants
from backtester.errors import BacktesterError
from backtester.venue import Venue, load_venue
from backtester.wanted import Wanted, market_of, venue_of_store

if TYPE_CHECKING:
    from backtester.engine import Prepared
    from backtester.market import Market
    from backtester.strategy import Strategy

__all__ = ["Shared", "Wishes"]


class Shared:
    """Markets, venues and wishes, each made once and kept while somebody may need it again.

    Parameters
    ----------
    plan : Plan
    workers : int
        How many may be at different markets at once.
    """

    def __init__(self, plan: Plan, workers: int) -> None:
        self._plan = plan
        self._modes = tuple(dict.fromkeys(mode for axes in (plan.axes, *plan.include) for mode in axes["mode"]))
        self._markets = Once(workers + 1)
        self._variants = Variants(self._read, workers)
        self._wishes = Once(workers + 1)
        self._venues = Once(1_000)

    def market(self, wanted: Wanted, variant: Variant = AS_IT_IS) -> Market:
        """Return a market, read or made up once, or a variant of it."""
        return self._variants.of(wanted, variant)

    def _read(self, wanted: Wanted) -> Market:
        found: Market = self._markets.get(repr(wanted), lambda: market_of(wanted))
        return found

    def lend(self, wanted: Wanted, market: Market) -> None:
        """Take a market that somebody has already."""
        self._markets.get(repr(wanted), lambda: market)

    def venue(self, name: str, wanted: Wanted) -> Venue:
        """Return a venue with what the store of the candles knows of it; as it is where they cannot be read."""
        found: Venue = self._venues.get((name, repr(wanted)), lambda: self._venue(name, wanted))
        return found

    def _venue(self, name: str, wanted: Wanted) -> Venue:
        venue = load_venue(name)
        if not self._plan.store_facts:
            return venue
        try:
            return venue_of_store(wanted, venue, self.market(wanted))
        except BacktesterError:  # each run of this market will say so
            return venue

    def account(self, run: Run, wanted: Wanted) -> Account:
        """Return the account of a run."""
        rules = {name.partition(".")[2]: run[name] for name in run if name.startswith(f"{RULES}.")}
        venue = self.venue(run["venue"], wanted)
        return Account(run["balance"], run["leverage"], venue, run["mode"], run["path"], rules=rules)

    def wishes(self, task: Task) -> Wishes:
        """Return what the strategy of a task wants."""
        key = (task.strategy, repr(task.parameters), repr(task.wanted), task.variant)
        found: Wishes = self._wishes.get(key, lambda: self._ask(task))
        return found

    def _ask(self, task: Task) -> Wishes:
        cls = import_ours("strategies").load_class(task.strategy)
        market = self.market(task.wanted, task.variant)
        return Wishes(cls(**task.parameters), market, self._modes, check=self._plan.check)


class Wishes:
    """What a strategy wants on a market, at any leverage and under any margin mode: it is asked once.

    Parameters
    ----------
    strategy : Strategy
    market : Market
    modes : iterable of str
        The margin modes of all runs: slots say the most in the one of them that tells them apart.
    check : bool
        Look for targets that use later bars.
    """

    def __init__(self, strategy: Strategy, market: Market, modes: Iterable[str], *, check: bool) -> None:
        self.strategy, self.market = strategy, market
        self._mode = telling(tuple(modes))
        self._prepared = Once(2)
        self._check = Once(1)
        self._looks = check

    def at(self, leverage: float) -> Prepared:
        """Return the wishes of an account with a leverage."""
        self._check.get(0, self._first)
        found: Prepared = self._prepared.get(leverage, lambda: self._prepare(leverage, check=False))
        return found

    def _first(self) -> None:
        """Look for look-ahead, and let the strategy remember what it wanted on the whole market."""
        if self._looks:
            self._prepare(1.0, check=True)
        remember: Any = self.strategy
        remember.targets = cache(self.strategy.targets)

    def _prepare(self, leverage: float, *, check: bool) -> Prepared:
        from backtester.engine import prepare

        account = Account(leverage=leverage, venue=NEUTRAL, mode=self._mode)
        return prepare(self.strategy, self.market, account, check=check)

    def of(self, account: Account) -> Prepared:
        """Return the wishes for an account.

        Raises
        ------
        ConfigurationError
            If its venue has no such account.
        """
        from backtester._modes import check_modes

        prepared = self.at(account.leverage)
        check_modes(account, (account.mode,), prepared, self.market)
        return prepared
