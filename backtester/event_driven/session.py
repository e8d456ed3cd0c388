"""What a strategy that is called at every bar needs of an engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from backtester.event_driven.asked import Order

__all__ = ["Event", "PoolValues", "Session"]


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


class PoolValues(NamedTuple):
    """What backs a position, at the mark closes [settlement currency]."""

    equity: float
    requirement: float
    initial_margin: float
    cash: float


class Session(Protocol):
    """An account that stands between two bars. Slots and pools are numbers."""

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

    def equity(self) -> float:
        """Total equity at the last close."""

    def available(self) -> float:
        """Return what main may hand to isolated positions."""

    def quantity(self, slot: int) -> float:
        """Signed position."""

    def entry(self, slot: int) -> float:
        """Average entry price; nan when flat."""

    def leverage(self, slot: int) -> float:
        """Leverage setting."""

    def funding(self, slot: int) -> float:
        """Funding that the position has paid since it was opened."""

    def mark(self, slot: int) -> float:
        """Mark price at the last close, or the last known one."""

    def pnl(self, slot: int) -> float:
        """Unrealised pnl at the mark."""

    def is_isolated(self, slot: int) -> bool:
        """Whether the slot has a pool of its own."""

    def pool(self, slot: int) -> PoolValues:
        """Values of the pool that backs the slot."""

    def liquidation_price(self, slot: int) -> float:
        """Price that liquidates the slot's pool if its instrument moves alone; nan: none."""
