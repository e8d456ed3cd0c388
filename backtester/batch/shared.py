"""What the workers of one process share: markets, venues and what the strategies want of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from backtester.account import Account
from backtester.across import NEUTRAL
from backtester.allocation import Allocation, named
from backtester.batch.effects import SLOT_WISE
from backtester.batch.once import Once
from backtester.batch.plan import Plan, Run
from backtester.batch.settings import RULES, shares_of
from backtester.batch.tasks import Task
from backtester.batch.teams import team_of
from backtester.batch.variants import AS_IT_IS, Variant, Variants
from backtester.errors import BacktesterError
from backtester.provenance import check_complete
from backtester.remembering import Memory, remembering
from backtester.venue import Venue, load_venue
from backtester.wanted import Wanted, market_of, venue_of_store

if TYPE_CHECKING:
    from backtester.engine import Prepared
    from backtester.market import Market

__all__ = ["Shared", "Wishes"]

INDICATORS = 256 << 20  # bytes of them that are kept


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
        self._markets = Once(workers + 1)
        self._variants = Variants(self._read, workers)
        self._wishes = Once(workers + 1)
        self._venues = Once(1_000)
        self._memory = Memory(INDICATORS)

    def market(self, wanted: Wanted, variant: Variant = AS_IT_IS) -> Market:
        """Return a market, read or made up once, or a variant of it."""
        return self._variants.of(wanted, variant)

    def _read(self, wanted: Wanted) -> Market:
        found: Market = self._markets.get(repr(wanted), lambda: self._whole(market_of(wanted)))
        return found

    def _whole(self, market: Market) -> Market:
        if self._plan.strict:
            check_complete(market)
        return market

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
        return Account(
            run["balance"],
            run["leverage"],
            venue,
            run["mode"],
            run["path"],
            isolated=tuple(filter(None, run["isolated"].split(","))),
            shares=shares_of(run["shares"]),
            rules=rules,
        )

    def wishes(self, task: Task) -> Wishes:
        """Return what the strategy of a task wants."""
        key = (task.strategy, repr(task.parameters), repr(task.wanted), task.variant)
        found: Wishes = self._wishes.get(key, lambda: self._ask(task))
        return found

    def _ask(self, task: Task) -> Wishes:
        team, market = team_of(task.strategy, task.parameters), self.market(task.wanted, task.variant)
        return Wishes(team, market, check=self._plan.check, memory=self._memory)


class Wishes:
    """What a strategy, or several in one account, want on a market, in any account: they are asked once.

    Parameters
    ----------
    team : list of Allocation
    market : Market
    check : bool
        Look for targets that use later bars.
    memory : Memory
        Of indicators.
    """

    def __init__(self, team: list[Allocation], market: Market, *, check: bool, memory: Memory) -> None:
        self.team, self.market, self._memory = team, market, memory
        self._prepared = Once(4)
        self._check = Once(1)
        self._looks = check

    def _first(self) -> None:
        """Look for look-ahead, and let each strategy remember what it wanted on the whole market."""
        if self._looks:
            self._prepare(Account(), check=True)
        for each in self.team:
            remember: Any = each.strategy
            remember.targets = cache(each.strategy.targets)

    def _prepare(self, account: Account, *, check: bool) -> Prepared:
        from backtester.engine import prepare

        return prepare(self.team, self.market, replace(account, venue=NEUTRAL, rules={}), check=check)

    def of(self, account: Account) -> Prepared:
        """Return the wishes for an account: those of others with the same slots, if there are.

        Raises
        ------
        ConfigurationError
            If its venue has no such account, or it names slots or sub-accounts that do not exist.
        """
        from backtester._modes import check_modes

        self._check.get(0, self._first)
        account = named(account, self.team, self.market.symbols)
        mode = account.mode if account.mode in SLOT_WISE else "isolated"  # which in cross makes no other slots
        slots = (account.leverage, account.isolated, tuple(account.shares.items()), mode)
        with remembering(self._memory):
            prepared: Prepared = self._prepared.get(
                slots, lambda: self._prepare(replace(account, mode=mode), check=False)
            )
        check_modes(account, (account.mode,), prepared, self.market)
        return prepared
