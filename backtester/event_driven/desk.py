"""Where a strategy works during a run: what stands behind the `Bar` and the slots that its author sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn

from backtester.errors import StrategyError, nearest
from backtester.event_driven.asked import Asked
from backtester.event_driven.followers import Follower
from backtester.event_driven.session import Session
from backtester.market import Market
from backtester.symbols import listed

__all__ = ["Desk", "there_are"]


class Desk:
    """The run of one strategy: the account, the market, and what it asks for.

    Parameters
    ----------
    follower : Follower
    market : Market
        What the strategy sees.
    session : Session
    ends : sequence of int
        As of `Session.decide_at`.
    groups : iterator of int
        As of `Asked`.
    """

    def __init__(
        self, follower: Follower, market: Market, session: Session, ends: Sequence[int], groups: Iterator[int]
    ) -> None:
        self.name = follower.strategy.name  # as it was before any call
        self.market, self.session = market, session
        self.specs, self.first_slot = follower.specs, follower.first_slot
        self.share, self.indicators = follower.share, follower.indicators
        self.asked = Asked(session.rests, groups)
        self._ends = ends

    def time_of(self, index: int) -> int:
        """Return the start of a bar [ns UTC]."""
        return self.market.open_time.item(index)

    def fail(self, problem: str, found: object, cure: str, slot: str | None = None) -> NoReturn:
        """Raise a StrategyError that says what was found where."""
        bar = self.session.index
        raise StrategyError(
            self.name, problem, bar=bar, time=self.time_of(bar), slot=slot, found=found, cure=cure
        )

    def last_bar(self, n: int) -> int:
        """Return the simulation's bar in which the n-th decision bar from here ends; -1: the run is over by then."""
        at = self.session.index + n
        return self._ends[at] if at < len(self._ends) - 1 else -1


def there_are(name: object, known: Iterable[str]) -> str:
    """Return the cure for a name that nothing is known by."""
    close = nearest(str(name), known)
    return f"did you mean {close[0]}?" if close else f"there are {listed(known)}"
