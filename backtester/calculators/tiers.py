"""The tiers of an instrument: what a size must hold, and what a leverage allows."""

from __future__ import annotations

import math
from typing import NamedTuple

from backtester.calculators._objects import tier_table
from backtester.calculators.pool import finite, positive
from backtester.reference.contract import CONTRACTS
from backtester.venue import Instrument

__all__ = [
    "MaintenanceTier",
    "allowed_leverage",
    "allowed_size",
    "leverage_of_margin",
    "maintenance_tier",
]


class MaintenanceTier(NamedTuple):
    """The tier of a position: its maintenance margin is ``rate * N - amount``.

    Parameters
    ----------
    floor : float
        The tier holds ``floor < key <= next floor``; the key is the notional or the quantity.
    rate : float
    amount : float [settle currency]
        0 where the key is the quantity.
    max_leverage : float
    """

    floor: float
    rate: float
    amount: float
    max_leverage: float


def maintenance_tier(instrument: Instrument, quantity: float, price: float) -> MaintenanceTier:
    """Return the tier that a position of this size falls in at a price, its rate and leverage those of the size.

    Parameters
    ----------
    instrument : Instrument
    quantity : float [base; inverse: quote-currency contracts]
        Of either sign.
    price : float [quote/base]
    """
    table = tier_table(instrument)
    k = table.index(_key(instrument, quantity, price))
    size = abs(quantity)
    return MaintenanceTier(table.floors[k], table.rate(k, size), table.amounts[k], table.largest_leverage(k, size))


def allowed_leverage(instrument: Instrument, quantity: float, price: float) -> float:
    """Return the largest leverage that a position of this size may have; see `maintenance_tier`."""
    return maintenance_tier(instrument, quantity, price).max_leverage


def allowed_size(instrument: Instrument, leverage: float, price: float) -> float:
    """Return the largest size that may have this leverage, unsigned; 0 if none, inf without a limit."""
    largest = tier_table(instrument).largest_key(positive("leverage", leverage))
    return largest / _key(instrument, 1.0, price)


def leverage_of_margin(instrument: Instrument, margin: float, price: float) -> float:
    """Return the largest leverage at which this margin can be posted: more of it makes a position too large for it.

    ``max over tiers of min(max_leverage_k, floor_{k+1} / margin)``, the tiers that the position reaches. Where the
    margin rate grows, the leverage L of a position of L times as much is at most its reciprocal, too.

    Parameters
    ----------
    instrument : Instrument
    margin : float [settle currency]
    price : float [quote/base]
    """
    table = tier_table(instrument)
    of_one = CONTRACTS[instrument.contract].notional(1.0, price)
    key = positive("margin", margin) / of_one * _key(instrument, 1.0, price)
    ends = [*table.floors[1:], math.inf]
    rows = zip(table.floors, ends, table.max_leverages, strict=True)
    grown = math.inf
    if table.unit_margin_rate > 0.0:
        grown = max(1.0, math.sqrt(1.0 / (table.unit_margin_rate * key)))
    return max(min(most, end / key, grown) for floor, end, most in rows if key * most > floor)


def _key(instrument: Instrument, quantity: float, price: float) -> float:
    """Return what the tier of a position is looked up by."""
    size = abs(finite("quantity", quantity))
    if instrument.tier_key == "quantity":
        return size
    return CONTRACTS[instrument.contract].notional(size, positive("price", price))
