"""Terms of a trade, and reducing a position (section 4 A of the margin model)."""

from __future__ import annotations

from dataclasses import dataclass

from .account import DUST, Account
from .slot import Slot
from .working import cancel_resting


@dataclass(frozen=True)
class Terms:
    """How a trade is done: event kind, price before slippage, slippage, fee rate, perhaps the worst price."""

    kind: str
    price: float
    slippage: float
    fee_rate: float
    worst: float | None = None

    def fill(self, change: float) -> float:
        """Return ``price * (1 + slippage * sign(dq))``, never beyond the worst price."""
        fill = self.price * (1.0 + (self.slippage if change > 0.0 else -self.slippage))
        if self.worst is None:
            return fill
        return min(fill, self.worst) if change > 0.0 else max(fill, self.worst)


def taker_terms(account: Account, slot: Slot, kind: str, price: float, worst: float | None = None) -> Terms:
    """Return the terms of a market order or a stop: taker fee and slippage."""
    return Terms(kind, price, account.venue.slippage, slot.instrument.taker_fee, worst)


def maker_terms(slot: Slot, kind: str, price: float) -> Terms:
    """Return the terms of a limit or a take-profit: maker fee and no slippage."""
    return Terms(kind, price, 0.0, slot.instrument.maker_fee)


def split(change: float, quantity: float) -> tuple[float, float]:
    """Return the closing and the opening part of a signed change, both signed (sections 4 and 8).

    A remainder of at most 1e-9 of the position is closed with it;
    an opening rest of at most 1e-9 of the order is none.
    """
    if quantity == 0.0 or change == 0.0 or (change > 0.0) == (quantity > 0.0):
        return 0.0, change
    size, position = abs(change), abs(quantity)
    if position - size > DUST * position:
        return change, 0.0
    rest = size - position
    opening = rest if rest > DUST * size else 0.0
    return -quantity, opening if change > 0.0 else -opening


def reduce(account: Account, slot: Slot, change: float, terms: Terms) -> None:
    """Close a part ``change`` of the position at the fill (section 4 A, *Reduce*).

    Standing: ``cash += realised - fee``. On demand, ``pro_rata``: ``net = f * cash + realised - fee`` goes to main
    if it is not negative; ``keep``: nothing moves. Flat: the whole pool returns to main.
    """
    pool = slot.pool
    fraction = abs(change) / abs(slot.quantity)
    fill = terms.fill(change)
    cash_before = pool.cash
    realised, fee = close_part(account, slot, change, fill, terms.fee_rate)
    account.event(terms.kind, slot, fill=fill, quantity=change, amount=realised - fee)
    if not slot.is_open:
        cancel_resting(account, slot, "flat", lambda order: order.reduce_only)
    if not pool.has_position:
        settle_flat(account, slot)
    elif pool.on_demand and account.venue.partial_close == "pro_rata":
        net = fraction * cash_before + realised - fee
        if net > 0.0:
            account.transfer(pool, account.main, net, slot)


def close_part(account: Account, slot: Slot, change: float, fill: float, fee_rate: float) -> tuple[float, float]:
    """Book pnl and trading fee of a closed part; return both."""
    contract = slot.instrument.contract
    realised = contract.unrealized_pnl(-change, slot.entry_price, fill)
    fee = fee_rate * contract.notional(change, fill)
    shrink(slot, change)
    account.book(slot.pool, "realised", realised, slot)
    account.book(slot.pool, "fee", -fee, slot)
    return realised, fee


def shrink(slot: Slot, change: float) -> None:
    """Take a closed part off the position; flat clears entry, exits and what was topped up (section 8)."""
    if change == -slot.quantity:
        slot.quantity = 0.0
        slot.entry_price = float("nan")
        slot.topped_up = 0.0
        slot.funding_paid = 0.0
        slot.exits.clear()
    else:
        slot.quantity += change


def settle_flat(account: Account, slot: Slot) -> None:
    """Return a flat on-demand pool to main; absorb negative cash of any flat pool (section 4 A)."""
    pool = slot.pool
    if pool.cash < 0.0:
        account.absorb(pool)
    elif pool.on_demand:
        account.transfer(pool, account.main, pool.cash, slot)


def round_to_lot(size: float, lot: float) -> float:
    """Return ``floor(|x| / lot + 1e-9) * lot`` with the sign of x; lot 0: x itself (section 4 A)."""
    if lot == 0.0:
        return size
    rounded = float(int(abs(size) / lot + 1e-9)) * lot
    return rounded if size > 0.0 else -rounded
