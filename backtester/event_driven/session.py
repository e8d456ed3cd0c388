"""What a strategy that is called at every bar needs of an engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from backtester.event_driven.asked import Order

__all__ = ["AccountValues", "Event", "Session", "SlotValues"]


class Event(NamedTuple):
    """Something that happened in the account since the last call.

    Parameters
    ----------
    kind : str
        One of ``EVENT_KINDS``: ``fill``, ``limit``, ``stop``, ``liquidation``, ``rejected`` ...
    slot : int
    order : int
        Number of the order whose it is; -1: none.
    quantity : float
        Signed change of the position, or what was asked for.
    price : float [quote/base]
        What was traded at; nan: nothing was.
    amount : float [settlement currency]
        Change of cash: realised pnl less fees, funding received, margin moved.
    reason : str
        One of ``REASONS``.
    mark : float [quote/base]
    """

    kind: str
    slot: int
    order: int
    quantity: float
    price: float
    amount: float
    reason: str
    mark: float


class AccountValues(Protocol):
    """The account at the last close [settlement currency]."""

    @property
    def equity(self) -> float:
        """Total equity at the mark closes."""

    @property
    def free_margin(self) -> float:
        """What main may hand to isolated positions."""


class SlotValues(Protocol):
    """A slot at the last close."""

    @property
    def mark(self) -> float:
        """Mark price, or the last known one."""

    @property
    def quantity(self) -> float:
        """Signed position."""

    @property
    def entry(self) -> float:
        """Average entry price; nan when flat."""

    @property
    def leverage(self) -> float:
        """Leverage setting."""

    @property
    def pnl(self) -> float:
        """Unrealised pnl at the mark."""

    @property
    def funding_paid(self) -> float:
        """Funding that the position has paid since it was opened."""

    @property
    def isolated_margin(self) -> float:
        """Cash of the slot's own pool; nan where a shared one backs it."""

    @property
    def equity(self) -> float:
        """Equity of the pool that backs it."""

    @property
    def requirement(self) -> float:
        """Maintenance requirement of that pool."""

    @property
    def margin_ratio(self) -> float:
        """``requirement / equity``; inf: no equity, 0: no requirement."""


class Session(Protocol):
    """An account that stands between two bars. Slots are numbers."""

    account: AccountValues

    @property
    def n_events(self) -> int:
        """How many events there have been."""

    def advance(self, until: int) -> None:
        """Run to the open of bar `until` of the simulation."""

    def send(self, bar: int, orders: Sequence[Order], actions: Sequence[tuple[int, int, float]]) -> None:
        """Take the orders, by slot, and instructions (slot, kind, amount) decided at the close of `bar`."""

    def rests(self, order: int) -> bool:
        """Whether the working order of this number rests."""

    def events(self, first: int) -> list[Event]:
        """Return the events from number `first` on."""

    def slot(self, slot: int) -> SlotValues:
        """Return what is seen of a slot, at any time the values of the last close."""

    def liquidation_price(self, slot: int) -> float:
        """Price that liquidates the slot's pool if its instrument moves alone; nan: none."""
