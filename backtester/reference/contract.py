"""Arithmetic of the two kinds of contract (section 2 of the margin model)."""

from __future__ import annotations


class Linear:
    """Settled in the currency of its price: pnl is linear in the price.

    ``unrealized_pnl = q * (m - e)``, ``notional = |q| * m``, unit ``u = m``, so that
    ``unrealized_pnl = sense * (q * u - entry_sum)`` and ``notional = |q| * u``.
    """

    name = "linear"
    sense = 1.0

    def unit(self, price: float) -> float:
        """Return the unit in which pnl is linear: the price itself [quote/base]."""
        return price

    def price(self, unit: float) -> float:
        """Return the price of a unit [quote/base]."""
        return unit

    def unrealized_pnl(self, quantity: float, entry_price: float, mark_price: float) -> float:
        """Return ``q * (m - e)`` [quote]."""
        return quantity * (mark_price - entry_price)

    def notional(self, quantity: float, price: float) -> float:
        """Return ``|q| * price`` [quote]."""
        return abs(quantity) * price

    def quantity_worth(self, money: float, price: float) -> float:
        """Return the signed quantity whose notional is ``money``: ``money / price`` [base]."""
        return money / price

    def entry_sum(self, quantity: float, entry_price: float) -> float:
        """Return ``q * e``, the term ``A`` of the closed forms [quote]."""
        return quantity * entry_price

    def average(self, quantity: float, entry_price: float, change: float, fill: float) -> float:
        """Return the entry price after an increase, averaged by quantity [quote/base]."""
        if quantity == 0.0:
            return fill
        return (quantity * entry_price + change * fill) / (quantity + change)


class Inverse:
    """Quantity in quote currency, settled in coin: pnl is linear in the reciprocal price.

    ``unrealized_pnl = q * (1/e - 1/m)``, ``notional = |q| / m``, unit ``u = 1/m``, so that
    ``unrealized_pnl = sense * (q * u - entry_sum)`` and ``notional = |q| * u``.
    """

    name = "inverse"
    sense = -1.0

    def unit(self, price: float) -> float:
        """Return the unit in which pnl is linear: the reciprocal price [coin/quote]."""
        return 1.0 / price

    def price(self, unit: float) -> float:
        """Return the price of a unit [quote/coin]."""
        return 1.0 / unit

    def unrealized_pnl(self, quantity: float, entry_price: float, mark_price: float) -> float:
        """Return ``q * (1/e - 1/m)`` [coin]."""
        return quantity * (1.0 / entry_price - 1.0 / mark_price)

    def notional(self, quantity: float, price: float) -> float:
        """Return ``|q| / price`` [coin]."""
        return abs(quantity) / price

    def quantity_worth(self, money: float, price: float) -> float:
        """Return the signed quantity whose notional is ``money``: ``money * price`` [quote]."""
        return money * price

    def entry_sum(self, quantity: float, entry_price: float) -> float:
        """Return ``q / e``, the term ``A`` of the closed forms [coin]."""
        return quantity / entry_price

    def average(self, quantity: float, entry_price: float, change: float, fill: float) -> float:
        """Return the entry price after an increase, averaged by reciprocal price [quote/coin]."""
        if quantity == 0.0:
            return fill
        return (quantity + change) / (quantity / entry_price + change / fill)


Contract = Linear | Inverse
CONTRACTS: dict[str, Contract] = {"linear": Linear(), "inverse": Inverse()}


def between(contract: Contract, start: float, end: float, s: float) -> float:
    """Return the price at ``s`` of a straight line in the contract's unit (section 3).

    ``u(s) = u_0 + s * (u_1 - u_0)``; the ends are the given prices exactly.
    """
    if s <= 0.0 or start == end:
        return start
    if s >= 1.0:
        return end
    first, last = contract.unit(start), contract.unit(end)
    return contract.price(first + s * (last - first))


def crossing(contract: Contract, start: float, end: float, level: float) -> float:
    """Return the ``s`` at which the line from ``start`` to ``end`` is at ``level`` (section 4 B)."""
    first, last = contract.unit(start), contract.unit(end)
    return (first - contract.unit(level)) / (first - last) if first != last else 1.0
