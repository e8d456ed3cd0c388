"""What a strategy that is called at every bar needs of an engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from backtester.event_driven.asked import Row
from backtester.schema import View

__all__ = ["Event", "Session"]


class Event(NamedTuple):
    """Something that happened in the account since the last call.

    Parameters
    ----------
    kind : str
        One of ``EVENT_KINDS``: ``fill``, ``limit``, ``stop``, ``liquidation``, ``rejected``, ``bankrupt`` ...
    slot : int
        Number of the slot; -1: the whole account.
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

    index: int  # of the last decision; -1: before the first
    view: View  # of the close at which it is taken

    def decide_at(self, ends: Sequence[int]) -> None:
        """Set the bars of the simulation at whose close each decision is taken, followed by the number of its bars.

        Below 0, or the same as the next: the simulation has no bar for it, and the next decision stands in for it.
        """

    def step(self) -> int:
        """Run to the close of the next decision, and fill the view; returns its number, below 0: there is none."""

    def finish(self) -> None:
        """Run to the end of the simulation."""

    def send(self, bar: int, rows: Sequence[Row], actions: Sequence[tuple[int, int, float]]) -> int:
        """Take the orders, by slot, and instructions (slot, kind, amount) decided at the close of `bar`.

        Returns the number of the first order in the run; the others follow.
        """

    def rests(self, order: int) -> bool:
        """Whether the working order of this number rests."""

    def events(self, first: int) -> list[Event]:
        """Return the events from number `first` on."""
