"""Orders at the open: sizing and the three passes (section 4 A.3 of the margin model)."""

from __future__ import annotations

from dataclasses import dataclass

from .account import DUST, Account
from .margin_actions import do_margin_actions
from .opening import Opening, increase
from .room import LAST_DIGIT
from .slot import Slot
from .trades import Terms, maker_terms, reduce, round_to_lot, split, taker_terms

TERMS = ("type", "trigger", "offset", "offset_fraction", "post_only", "time_in_force", "expires", "oco")


@dataclass(frozen=True)
class Order:
    """A signed change, or a target, decided at the close of ``bar`` for one slot; ``number`` is its row."""

    bar: int
    slot: int
    size: float
    size_type: str
    target: bool
    margin: float | None
    limit: float | None
    stop: float | None
    take_profit: float | None
    trail: float | None
    trail_fraction: float | None
    watch: str
    number: int
    reduce_only: bool
    type: str | None = None
    trigger: float | None = None
    offset: float | None = None
    offset_fraction: float | None = None
    post_only: bool = False
    time_in_force: str = "gtc"
    expires: int | None = None
    oco: int | None = None

    @property
    def works(self) -> bool:
        """Return whether it is a working order: one with a type, but for market orders."""
        return self.type not in (None, "market")

    def is_good_in(self, bar: int) -> bool:
        """Return whether it may still trade in a bar."""
        return self.expires is None or bar <= self.expires


@dataclass(frozen=True)
class RestingLimit:
    """A limit order with the signed change fixed when it was sized."""

    order: Order
    change: float
    price: float


def read_order(row: dict, number: int) -> Order:
    """Return an order from its scenario row; a fraction of the position is reduce-only."""
    def price(name: str) -> float | None:
        return None if row[name] is None else float(row[name])

    return Order(
        bar=row["bar"], slot=row["slot"], size=float(row["size"]), size_type=row["size_type"], target=row["target"],
        margin=price("margin"), limit=price("limit"), stop=price("stop"), take_profit=price("take_profit"),
        trail=price("trail"), trail_fraction=price("trail_fraction"), watch=row["watch"], number=number,
        reduce_only=row.get("reduce_only", False) or row["size_type"] == "position",
        **{name: row[name] for name in TERMS if name in row},
    )


@dataclass(frozen=True)
class Rest:
    """The opening half of a market order, left for the third pass."""

    slot: Slot
    order: Order
    change: float


def act_on_orders(account: Account, equity: float) -> None:
    """Do the orders that wait for this open (section 4 A.3).

    First every reduction and closing half, by slot; then margin instructions; then every opening, by slot.
    """
    rests = []
    for slot in account.slots:
        order, slot.waiting = slot.waiting, None
        if order is not None:
            account.at_work = order.number
            rests.append(first_pass(account, slot, order, equity))
    account.at_work = None
    do_margin_actions(account)
    for rest in rests:
        if rest is not None:
            account.at_work = rest.order.number
            third_pass(account, rest)
    account.at_work = None


def first_pass(account: Account, slot: Slot, order: Order, equity: float) -> Rest | None:
    """Size an order, do its closing half, and return its opening half; a limit comes to rest."""
    cancel_limit(account, slot, "replaced")
    change = sized_change(account, slot, order, equity)
    if change is None:
        return None
    if change == 0.0 and not order.reduce_only:
        attach_exits(account, slot, order)
        return None
    if order.limit is not None:
        slot.limit = RestingLimit(order, change, order.limit)
        return None
    closing, opening = halves(slot, order, change)
    if order.reduce_only and closing == 0.0:
        account.reject(slot, "no_position", change)
        return None
    if closing != 0.0:
        reduce(account, slot, closing, taker_terms(account, slot, "fill", account.trade(slot)))
    if opening != 0.0:
        return Rest(slot, order, opening)
    attach_exits(account, slot, order)
    return None


def halves(slot: Slot, order: Order, change: float) -> tuple[float, float]:
    """Return the closing and the opening part of a change now; reduce-only: the closing part alone."""
    closing, opening = split(change, slot.quantity)
    return closing, 0.0 if order.reduce_only else opening


def third_pass(account: Account, rest: Rest) -> None:
    """Open or increase; exits are attached if it traded."""
    terms = taker_terms(account, rest.slot, "fill", account.trade(rest.slot))
    opening = Opening(rest.slot, rest.change, terms, account.trade(rest.slot), rest.order.margin)
    if increase(account, opening):
        attach_exits(account, rest.slot, rest.order)


def fill_limit(account: Account, slot: Slot, limit: RestingLimit, price: float) -> None:
    """Fill a resting limit."""
    slot.limit, account.at_work = None, limit.order.number
    trade(account, slot, limit.order, limit.change, maker_terms(slot, "limit", price))
    account.at_work = None


def trade(account: Account, slot: Slot, order: Order, change: float, terms: Terms) -> bool:
    """Do the closing half, then the opening half, with the marks of the moment (section 4 B); return whether it traded.

    The minimum notional is tested with the ``O`` of the bar (section 8).
    """
    closing, opening = halves(slot, order, change)
    if closing != 0.0:
        reduce(account, slot, closing, terms)
    open_price = slot.instrument.bar(account.bar).trade.open
    wanted = Opening(slot, opening, terms, open_price, order.margin, whole=order.time_in_force == "fok")
    opened = opening != 0.0 and increase(account, wanted)
    if closing == 0.0 and not opened:
        return False
    attach_exits(account, slot, order)
    return True


def attach_exits(account: Account, slot: Slot, order: Order) -> None:
    """Attach an order's exits if it left a position (section 8)."""
    if slot.is_open:
        slot.exits.attach(order, account.trade(slot))


def cancel_limit(account: Account, slot: Slot, reason: str) -> None:
    """Cancel the slot's resting limit, if any: an event."""
    if slot.limit is not None:
        account.event("cancelled", slot, reason=reason, quantity=slot.limit.change, order=slot.limit.order.number)
        slot.limit = None


def cancel_waiting(account: Account, slot: Slot, reason: str) -> None:
    """Cancel the order that waits for this open, if any: an event."""
    if slot.waiting is not None:
        account.event("cancelled", slot, reason=reason, order=slot.waiting.number)
        slot.waiting = None


def sized_change(account: Account, slot: Slot, order: Order, equity: float) -> float | None:
    """Return the signed change an order asks for; None when it is rejected or asks for nothing.

    0 means a target that is met: missing at most 1e-9 of the larger of target and position.
    """
    if order.size == 0.0 and not order.target:
        return None
    if not account.has_data(slot.instrument):
        account.reject(slot, "no_data")
        return None
    if order.size_type == "equity_fraction" and equity <= LAST_DIGIT * account.balance and order.size != 0.0:
        account.reject(slot, "available")
        return None
    if order.size_type == "position":
        return -order.size * slot.quantity + 0.0
    size = sized(slot, order, account.trade(slot), equity)
    rounded = round_to_lot(size, slot.instrument.lot)
    if order.target:
        missing = rounded - slot.quantity
        return 0.0 if abs(missing) <= DUST * max(abs(rounded), abs(slot.quantity)) else missing
    if rounded == 0.0:
        account.reject(slot, "minimum", size)
        return None
    return rounded


def sized(slot: Slot, order: Order, open_price: float, equity: float) -> float:
    """Return the signed quantity of an order's size at ``O`` (section 4 A.3).

    ``quantity`` x; ``notional`` x/O; ``equity_fraction`` x*equity/O; ``margin`` x*leverage/O (inverse: times O).
    """
    if order.size_type == "quantity":
        return order.size
    money = {
        "notional": order.size,
        "equity_fraction": order.size * equity,
        "margin": order.size * slot.leverage,
    }[order.size_type]
    return slot.instrument.contract.quantity_worth(money, open_price)
