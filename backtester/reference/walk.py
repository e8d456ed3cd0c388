"""Walking a bar from trigger to trigger (section 4 B of the margin model)."""

from __future__ import annotations

from .account import Account
from .arrival import touch
from .liquidation import liquidate
from .orders import fill_limit
from .path import Segment, segments
from .trades import maker_terms, reduce, taker_terms
from .triggers import Trigger, next_trigger
from .working import follow_trade_prices


def walk_bar(account: Account) -> None:
    """Walk the bar from open to close; way points are sampled."""
    for segment in segments(account):
        account.segment = segment.index
        set_prices(account, segment, 0.0)
        walk_segment(account, segment)
        account.sample()


def walk_segment(account: Account, segment: Segment) -> None:
    """Take the smallest ``s`` at which a trigger holds, process it, go on from there, to the end."""
    trigger = next_trigger(account, segment)
    while trigger is not None:
        if trigger.s != account.s:
            set_prices(account, segment, trigger.s)
        hold_level(account, trigger)
        act(account, trigger)
        follow_trade_prices(account)
        account.sample()
        trigger = next_trigger(account, segment)
    set_prices(account, segment, 1.0)


def act(account: Account, trigger: Trigger) -> None:
    """Do what a trigger asks for. Stops pay taker fee and slippage, take-profits and limits the maker fee."""
    slot = trigger.slot
    if slot is None:
        liquidate(account, trigger.pool)
        return
    price = account.trade(slot)
    if trigger.working is not None:
        account.at_work = trigger.working.order.number
        touch(account, trigger.working)
        account.at_work = None
    elif trigger.kind == "limit" and slot.limit is not None:
        fill_limit(account, slot, slot.limit, price)
    elif trigger.kind == "take_profit":
        reduce(account, slot, -slot.quantity, maker_terms(slot, trigger.kind, price))
    else:
        reduce(account, slot, -slot.quantity, taker_terms(account, slot, trigger.kind, price))


def set_prices(account: Account, segment: Segment, s: float) -> None:
    """Take all prices to ``s``; trailing stops follow the trade price."""
    account.s = s
    for instrument in account.instruments:
        if account.has_data(instrument):
            account.trades[instrument.index] = segment.trade(instrument, s)
            account.marks[instrument.index] = segment.mark(instrument, s)
    for slot in account.slots:
        if slot.exits.trails and account.has_data(slot.instrument):
            slot.exits.follow(slot.side, account.trade(slot))
    follow_trade_prices(account)


def hold_level(account: Account, trigger: Trigger) -> None:
    """Set the watched price to the trigger's own level exactly: no last digit from the interpolation."""
    if trigger.level is None or trigger.slot is None:
        return
    instrument = trigger.slot.instrument
    if trigger.watch == "trade" or instrument.mark_is_trade:
        account.trades[instrument.index] = trigger.level
    if trigger.watch == "mark" or instrument.mark_is_trade:
        account.marks[instrument.index] = trigger.level
