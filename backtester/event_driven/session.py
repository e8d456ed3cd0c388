"""What a strategy that is called at every bar needs of an engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from backtester.event_driven.asked import Order
from backtester.schema import View

__all__ = ["Event", "Session"]


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


class Session(Protocol):
    """An account that stands between two bars. Slots are numbers."""

    view: View  # of the last close, once the account has advanced

    def advance(self, until: int, index: int) -> None:
        """Run to the open of bar `until` of the simulation, and fill the view but for the liquidation prices.

        Decision `index` is taken there: prices are those of this bar of the market that strategies see.
        """

    def look_closer(self) -> object:
        """Fill in the liquidation prices: they take longer than all the rest."""

    def send(self, bar: int, orders: Sequence[Order], actions: Sequence[tuple[int, int, float]]) -> None:
        """Take the orders, by slot, and instructions (slot, kind, amount) decided at the close of `bar`."""

    def rests(self, order: int) -> bool:
        """Whether the working order of this number rests."""

    def events(self, first: int) -> list[Event]:
        """Return the events from number `first` on."""
