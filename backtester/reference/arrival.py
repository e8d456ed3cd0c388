"""Working orders come in at the open, and trade when their price is there (docs/model.md, *Working orders*)."""

from __future__ import annotations

from .account import Account
from .orders import sized_change, trade
from .trades import Terms, maker_terms, taker_terms
from .working import STOPS, Working, cancel_others, cancel_resting


def let_orders_arrive(account: Account, equity: float) -> None:
    """Let the orders of this open come to rest in their slots, or trade: by slot, then as they were given.

    They are sized by the equity before the passes, and with the leverage after the margin instructions.
    """
    for slot in account.slots:
        while slot.arriving:
            order = slot.arriving.pop(0)
            account.at_work = order.number
            change = sized_change(account, slot, order, equity)
            if change is not None:
                fixed = None if order.size_type == "position" else change
                slot.working.append(Working(order, slot, fixed, order.type or ""))
                arrive(account, slot.working[-1])
    account.at_work = None


def arrive(account: Account, working: Working) -> None:
    """Trade at once what holds already and acts, but for post-only; leave the rest, but for ioc and fok."""
    order, slot = working.order, working.slot
    holds = working.holds(account.mark(slot) if working.watch == "mark" else account.trade(slot))
    if order.post_only and holds:
        cancel_resting(account, slot, "post_only", lambda each: each is order)
    elif holds and working.acts:
        touch(account, working, arriving=True)
    elif order.time_in_force != "gtc":
        cancel_resting(account, slot, "unfilled", lambda each: each is order)


def touch(account: Account, working: Working, arriving: bool = False) -> None:
    """Trade an order whose price is there; a stop with a limit becomes a limit, which trades at once or rests."""
    slot = working.slot
    if working.type == "stop" and working.order.limit is not None:
        working.type, arriving = "limit", True
        if not working.holds(account.trade(slot)):
            return
    slot.working.remove(working)
    if trade(account, slot, working.order, working.wanted(), terms_of(account, working, arriving)):
        cancel_others(account, working.order)


def terms_of(account: Account, working: Working, at_once: bool) -> Terms:
    """Return the terms of a trade now: those of a taker for stops and for what trades at once, a limit never worse."""
    slot, price = working.slot, account.trade(working.slot)
    if not at_once and working.type not in STOPS:
        return maker_terms(slot, working.type, price)
    worst = working.order.limit if working.type == "limit" else None
    return taker_terms(account, slot, working.type, price, worst)
