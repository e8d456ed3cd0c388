"""Prices and levels: the coordinate in which linear and inverse contracts are one (see `backtester.schema`)."""

import numpy as np

from backtester.kernels._jit import kernel


@kernel
def level_of(price, inverse):
    """Level of a price: ``p`` (linear) or ``-1/p`` (inverse); nan stays nan."""
    return -1.0 / price if inverse else price


@kernel
def price_of(level, inverse):
    """Price of a level, the inverse function of `level_of`."""
    return -1.0 / level if inverse else level


@kernel
def slipped(level, inverse, rate):
    """Level after the price moved by the fraction `rate`: price * (1 + rate)."""
    return level / (1.0 + rate) if inverse else level * (1.0 + rate)


@kernel
def between(start, end, s):
    """Point `s` of a straight segment; its ends are exact."""
    if s <= 0.0:
        return start
    if s >= 1.0:
        return end
    return start + s * (end - start)


@kernel
def mark_at(quote, s):
    """Mark level of an instrument at `s` of the present segment."""
    return between(quote.mark_from, quote.mark_to, s)


@kernel
def trade_at(quote, s):
    """Trade level of an instrument at `s` of the present segment."""
    return between(quote.trade_from, quote.trade_to, s)


@kernel
def trade_price_at(instrument, s):
    """Trade price of an instrument at `s` of the present segment; the segment's ends are exact."""
    if s <= 0.0:
        return instrument.price_from
    if s >= 1.0:
        return instrument.price_to
    return price_of(trade_at(instrument, s), instrument.inverse)


@kernel
def crossing(start, end, target):
    """The ``s`` at which the straight line from `start` to `end` meets `target`: (target - start)/(end - start)."""
    return (target - start) / (end - start)


@kernel
def to_lot(quantity, lot):
    """Round a size towards zero to the lot: ``floor(|x|/lot + 1e-9)*lot``; lot 0 leaves it."""
    if lot <= 0.0:
        return quantity
    return np.sign(quantity) * np.floor(abs(quantity) / lot + 1e-9) * lot
