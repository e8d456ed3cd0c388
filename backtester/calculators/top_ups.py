"""What an isolated position is given before it is liquidated: docs/model.md, "Auto top-up"."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

from backtester.calculators._objects import account_of
from backtester.calculators.margins import is_liquidated
from backtester.calculators.pool import Pool, finite, marked
from backtester.calculators.prices import liquidation_price
from backtester.errors import ConfigurationError
from backtester.reference.top_up import is_saved_by_top_up

__all__ = ["TopUp", "next_top_up"]


class TopUp(NamedTuple):
    """Money that an isolated position is given at its line.

    Parameters
    ----------
    price : float [quote/base]
        Mark at which it happens: the liquidation price without it, or the present mark if that is beyond.
    amount : float [settle currency]
        What moves from the balance.
    pool : Pool
        The position at that mark with the money: its `liquidation_price` is the next line.
    """

    price: float
    amount: float
    pool: Pool


def next_top_up(pool: Pool, free: float, *, moved_before: float = 0.0) -> TopUp | None:
    """Return what the rule `auto_top_up` gives an isolated position when its mark comes to its line.

    The least of: the initial margin (as many as it takes), or all there is, as the rule says; what is free; what makes
    the effective leverage 1; what the rule `top_up_cap` leaves.

    Parameters
    ----------
    pool : Pool
        Isolated.
    free : float [settle currency]
        What the account could move to it: the balance beside the margins posted, less the margin of cross positions.
    moved_before : float [settle currency]
        What it was topped up with before, which counts against the cap.

    Returns
    -------
    TopUp or None
        None if nothing is moved, or not enough: the position is liquidated at its line.

    Raises
    ------
    ConfigurationError
        If the pool is not isolated, or a number is not finite.
    """
    if not pool.isolated:
        cure = "Make it with isolated(position, rules, margin=...)"
        raise ConfigurationError("pool.isolated", False, "only isolated positions are topped up", cure=cure)
    (held,) = pool.positions
    price = held.mark_price if is_liquidated(pool) else liquidation_price(pool)
    if math.isnan(price):
        return None
    there = marked(pool, {held.symbol: price})
    account = account_of(there, "isolated")
    account.main.cash = finite("free", free)
    (slot,) = account.slots
    slot.pool.cash, slot.topped_up = pool.cash, finite("moved_before", moved_before)
    if not is_saved_by_top_up(account, slot.pool):
        return None
    return TopUp(price, slot.topped_up - moved_before, replace(there, cash=slot.pool.cash))
