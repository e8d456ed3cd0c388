"""What the workers of one process share: markets, venues and what the strategies want of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import TYPE_CHECKING

from backtester._foreign import import_ours
from backtester.account import Account
from backtester.allocation import Allocation, named
from backtester.asking.causality import look_briefly, look_closely
from backtester.asking.copies import own_copies
from backtester.asking.intents import Intents, Look, intents_of
from backtester.asking.remembering import Memory, remembering
from backtester.batch.effects import SLOT_WISE
from backtester.batch.once import Once
from backtester.batch.plan import Plan, Run
from backtester.batch.settings import RULES, shares_of
from backtester.batch.tasks import Task
from backtester.batch.teams import team_of
from backtester.batch.variants import AS_IT_IS, Variant, Variants
from backtester.comparing.across import NEUTRAL
from backtester.errors import BacktesterError, StrategyError
from backtester.provenance import check_complete
from backtester.running.kept import Kept
from backtester.strategy import Strategy
from backtester.venue import Venue, load_venue
from backtester.wanted import Wanted, market_of, venue_of_store

if TYPE_CHECKING:
    from backtester.engine import Prepared
    from backtester.market import Market

__all__ = ["Shared", "Wishes"]

OF_ACCOUNT = "balance", "leverage", "venue", "mode", "path", "isolated", "shares"
OF_RULES = f"{RULES}."
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
        self._plan, self._workers = plan, workers
        self._markets = Once(workers + 1)
        self._variants = Variants(self._read, workers)
        self._wishes = Once(workers + 1)
        self._kept = Once(workers + 1)
        self._venues, self._accounts = Once(1_000), Once(1_000)
        self._classes = Once(1_000)
        self._held = Once(1_000)
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
        """Return the account of a run, which runs with the same settings share."""
        given = *(run[name] for name in OF_ACCOUNT), *((name, run[name]) for name in run if name.startswith(OF_RULES))
        found: Account = self._accounts.get((given, repr(wanted)), lambda: self._account(run, wanted))
        return found

    def _account(self, run: Run, wanted: Wanted) -> Account:
        rules = {name.removeprefix(OF_RULES): run[name] for name in run if name.startswith(OF_RULES)}
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
        found: Wishes = self._wishes.get(_asked_of(task), lambda: self._ask(task))
        return found

    def further_wishes(self, task: Task) -> Wishes:
        """Return what the strategy of a task wants, asked again as one with further parameters of a plan is."""
        return self._wishes_of(task, lambda: look_briefly if self._plan.check else None, Memory(INDICATORS))

    def _ask(self, task: Task) -> Wishes:
        return self._wishes_of(task, lambda: self._look(task), self._memory)

    def _wishes_of(self, task: Task, look: Callable[[], Look | None], memory: Memory) -> Wishes:
        team = team_of(task.strategy, task.parameters, self._class_of)
        kept = self._kept.get((repr(task.wanted), task.variant), lambda: Kept(self._workers))
        return Wishes(team, self.market(task.wanted, task.variant), look=look, memory=memory, kept=kept)

    def _class_of(self, place: str) -> type[Strategy]:
        """Return the class of a strategy: its file is run once, and each run works on an object of its own."""
        found: type[Strategy] = self._classes.get(place, lambda: import_ours("strategies").load_class(place))
        return found

    def _look(self, task: Task) -> Look | None:
        """Return how closely a task's strategy is looked at: briefly, if that of the first of its parameters held."""
        if not self._plan.check:
            return None
        if task.first in (None, task.parameters):
            return look_closely
        first = task._replace(parameters=task.first, first=None, jobs=())
        holds = self._held.get(_asked_of(first), lambda: self._holds(first))
        return look_briefly if holds else look_closely

    def _holds(self, task: Task) -> bool:
        try:
            self.wishes(task).intents()
        except (Exception, SystemExit):  # its own runs say so
            return False
        return True


def _asked_of(task: Task) -> Hashable:
    return task.strategy, repr(task.parameters), repr(task.wanted), task.variant


class Wishes:
    """What a strategy, or several in one account, want on a market, in any account: they are asked once.

    Parameters
    ----------
    team : list of Allocation
    market : Market
    look : callable
        Returns how to look for targets that use later bars, or None.
    memory : Memory
        Of indicators.
    kept : Kept
        Inputs of runs on the market.
    """

    def __init__(
        self, team: list[Allocation], market: Market, *, look: Callable[[], Look | None], memory: Memory, kept: Kept
    ) -> None:
        self.team, self.market, self._memory, self._kept = team, market, memory, kept
        self._look = look
        self._intents, self._prepared = Once(1), Once(4)

    def intents(self) -> Intents:
        """Return what the strategies want, asked at the first call.

        Raises
        ------
        StrategyError
            If one raises, returns something unusable or looks into the future.
        """
        found: Intents = self._intents.get(0, self._ask)
        return found

    def _ask(self) -> Intents:
        from backtester.event_driven.followers import followers_of

        look = self._look()
        if look is not None:
            followers_of(own_copies(self.team), self.market, check=True)
        if look is look_closely:
            return intents_of(own_copies(self.team), self.market, look=look)
        try:
            with remembering(self._memory, lent=True):
                return intents_of(own_copies(self.team), self.market, look=look)
        except StrategyError:  # it may write into an indicator, which takes an array of its own
            with remembering(self._memory):
                return intents_of(own_copies(self.team), self.market, look=look)

    def of(self, account: Account) -> Prepared:
        """Return the wishes for an account: those of others with the same slots, if there are.

        Raises
        ------
        ConfigurationError
            If its venue has no such account, or it names slots or sub-accounts that do not exist.
        """
        from backtester.comparing.modes import check_modes

        account = named(account, self.team, self.market.symbols)
        mode = account.mode if account.mode in SLOT_WISE else "isolated"  # which in cross makes no other slots
        slots = (account.leverage, account.isolated, tuple(account.shares.items()), mode)
        prepared: Prepared = self._prepared.get(slots, lambda: self._prepare(replace(account, mode=mode)))
        check_modes(account, (account.mode,), prepared, self.market)
        return prepared

    def _prepare(self, account: Account) -> Prepared:
        from backtester.engine import prepare

        neutral, intents = replace(account, venue=NEUTRAL, rules={}), self.intents()
        with remembering(self._memory):
            return prepare(self.team, self.market, neutral, check=False, intents=intents, kept=self._kept)
