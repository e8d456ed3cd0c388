"""Working orders: when one acts, at what price, and how it ends without a trade (docs/model.md, *Working orders*)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .slot import Slot

if TYPE_CHECKING:
    from .account import Account
    from .orders import Order

STOPS = ("stop", "trailing_stop")


@dataclass(eq=False)
class Working:
    """A working order with the signed change it was sized to; None: a fraction of what the slot holds.

    Its type is the order's own until a stop with a limit becomes a limit. ``best`` is the best trade price since a
    trailing stop acts.
    """

    order: Order
    slot: Slot
    change: float | None
    type: str
    best: float | None = None

    @property
    def side(self) -> float:
        """Return +1 for a buy order, -1 for a sell order, 0 for a fraction of nothing."""
        if self.change is None:
            return -self.slot.side
        return 1.0 if self.change > 0.0 else -1.0

    @property
    def acts(self) -> bool:
        """Return whether it may trade now: a reduce-only order only while its slot holds something it shrinks."""
        return not self.order.reduce_only or (self.slot.is_open and self.side == -self.slot.side)

    @property
    def watch(self) -> str:
        """Return which price it watches: a stop the trade price or the mark, any other the trade price."""
        return self.order.watch if self.type == "stop" else "trade"

    @property
    def direction(self) -> float:
        """Return +1 if it waits for a higher price, -1 for a lower one."""
        return self.side if self.type in STOPS else -self.side

    def level(self) -> float | None:
        """Return the price it waits for; None for a trailing stop that does not act yet."""
        if self.type == "limit":
            return self.order.limit
        if self.type != "trailing_stop":
            return self.order.trigger
        if self.best is None:
            return None
        fraction = self.order.offset_fraction or 0.0
        distance = self.order.offset if self.order.offset is not None else fraction * self.best
        return self.best + self.side * distance

    def holds(self, price: float) -> bool:
        """Return whether the watched price is at its level or beyond."""
        level = self.level()
        return level is not None and self.side != 0.0 and (price - level) * self.direction >= 0.0

    def follow(self, trade_price: float) -> None:
        """Move the best price of a trailing stop that acts: the lowest to buy, the highest to sell."""
        if self.type != "trailing_stop" or not self.acts:
            return
        if self.best is None or (self.best - trade_price) * self.side > 0.0:
            self.best = trade_price

    def wanted(self) -> float:
        """Return the signed change it asks for now."""
        return -self.order.size * self.slot.quantity if self.change is None else self.change


def follow_trade_prices(account: Account) -> None:
    """Let the trailing stops among the working orders follow the trade price."""
    for slot in account.slots:
        if account.has_data(slot.instrument):
            for working in slot.working:
                working.follow(account.trade(slot))


def cancel_resting(account: Account, slot: Slot, reason: str, picks: Callable[[Order], bool]) -> None:
    """Cancel the picked ones of the working orders that rest in a slot: events with their sizes."""
    for working in [each for each in slot.working if picks(each.order)]:
        slot.working.remove(working)
        number = working.order.number
        account.event("cancelled", slot, reason=reason, quantity=working.change or 0.0, order=number)


def cancel_working(account: Account, slot: Slot, reason: str, picks: Callable[[Order], bool]) -> None:
    """Cancel the picked ones of a slot's working orders: those that rest, then those about to arrive, not sized yet."""
    cancel_resting(account, slot, reason, picks)
    for order in [each for each in slot.arriving if picks(each)]:
        slot.arriving.remove(order)
        account.event("cancelled", slot, reason=reason, order=order.number)


def cancel_others(account: Account, traded: Order) -> None:
    """Cancel all other working orders with the same oco number, by slot."""
    if traded.oco is not None:
        for slot in account.slots:
            cancel_working(account, slot, "one_cancels_other", lambda order: order.oco == traded.oco)


def cancel_expired(account: Account) -> None:
    """Cancel what may not trade in this bar any more."""
    for slot in account.slots:
        cancel_resting(account, slot, "expired", lambda order: not order.is_good_in(account.bar))
