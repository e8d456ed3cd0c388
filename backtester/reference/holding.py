"""What a pool holds on one instrument: two sides, and what they require (section 3 of the margin model)."""

from __future__ import annotations

from dataclasses import dataclass

from .instrument import Instrument
from .slot import Slot, Venue


@dataclass(frozen=True)
class Line:
    """A requirement as a line in the contract's unit: ``slope * u + constant``."""

    slope: float
    constant: float

    def at(self, unit: float) -> float:
        """Return the requirement at a unit."""
        return self.slope * unit + self.constant


ZERO_LINE = Line(0.0, 0.0)


@dataclass
class Side:
    """The slots of one pool on one side of one instrument, margined as one position (section 3)."""

    venue: Venue
    instrument: Instrument
    slots: list[Slot]

    @property
    def quantity(self) -> float:
        """Return the side's size, unsigned."""
        return sum((abs(slot.quantity) for slot in self.slots), 0.0)

    @property
    def entry_notional(self) -> float:
        """Return the side's notional at the entry prices."""
        return sum((slot.notional(slot.entry_price) for slot in self.slots), 0.0)

    def key(self, mark_price: float) -> float:
        """Return what the side's tier is looked up by, for its requirement."""
        if self.instrument.tiers.keyed_by == "quantity":
            return self.quantity
        if self.venue.mm_basis == "entry":
            return self.entry_notional
        return self.instrument.contract.notional(self.quantity, mark_price)

    def line(self, mark_price: float) -> Line:
        """Return the side's requirement as a line, in the tier of the mark price."""
        return requirement_line(self.venue, self.instrument, self.quantity, self.entry_notional, self.key(mark_price))

    def initial_margin(self, mark_price: float) -> float:
        """Return the sum of the slots' initial margins at mark."""
        return sum((slot.initial_margin(mark_price) for slot in self.slots), 0.0)


def requirement_line(venue: Venue, instrument: Instrument, quantity: float, entry_notional: float, key: float) -> Line:
    """Return ``rate_k * N - amount_k + F * N`` as a line in the contract's unit (section 3).

    At basis ``mark`` ``N = quantity * u``; at basis ``entry`` ``N`` is the notional at entry and the line is flat.
    """
    tiers = instrument.tiers
    k = tiers.index(key)
    if venue.mm_basis == "entry":
        maintenance = tiers.rate(k, quantity) * entry_notional - tiers.amounts[k]
        return Line(0.0, maintenance + venue.close_fee_buffer * entry_notional)
    return Line(quantity * (tiers.rate(k, quantity) + venue.close_fee_buffer), -tiers.amounts[k])


@dataclass
class Holding:
    """The open slots of one pool on one instrument, the two sides joined by ``hedge_offset``."""

    venue: Venue
    slots: list[Slot]

    @property
    def instrument(self) -> Instrument:
        """Return the instrument the slots are on."""
        return self.slots[0].instrument

    def side(self, sign: float) -> Side:
        """Return the long (+1) or short (-1) side, perhaps empty."""
        return Side(self.venue, self.instrument, [slot for slot in self.slots if slot.side == sign])

    def line(self, mark_price: float) -> Line:
        """Return the joined requirement as a line in the contract's unit, in the tiers of the mark price.

        ``none``: long + short; ``larger_side``: the larger; ``net``: that of the difference (section 3).
        """
        long, short = self.side(1.0), self.side(-1.0)
        if self.venue.hedge_offset == "net":
            return self.net_line(long, short, mark_price)
        long_line = long.line(mark_price) if long.slots else ZERO_LINE
        short_line = short.line(mark_price) if short.slots else ZERO_LINE
        if self.venue.hedge_offset == "larger_side":
            unit = self.instrument.contract.unit(mark_price)
            return long_line if long_line.at(unit) >= short_line.at(unit) else short_line
        return Line(long_line.slope + short_line.slope, long_line.constant + short_line.constant)

    def net_line(self, long: Side, short: Side, mark_price: float) -> Line:
        """Return the requirement of ``|N_long - N_short|`` alone (sections 3 and 8)."""
        quantity = abs(long.quantity - short.quantity)
        entry_notional = abs(long.entry_notional - short.entry_notional)
        if self.instrument.tiers.keyed_by == "quantity":
            key = quantity
        elif self.venue.mm_basis == "entry":
            key = entry_notional
        else:
            key = self.instrument.contract.notional(quantity, mark_price)
        return requirement_line(self.venue, self.instrument, quantity, entry_notional, key)

    def requirement(self, mark_price: float) -> float:
        """Return the joined requirement [settle currency]."""
        return self.line(mark_price).at(self.instrument.contract.unit(mark_price))

    def initial_margin(self, mark_price: float) -> float:
        """Return the joined initial margin; ``net``: the difference of the sides' sums (section 3)."""
        long = self.side(1.0).initial_margin(mark_price)
        short = self.side(-1.0).initial_margin(mark_price)
        return join(self.venue.hedge_offset, long, short)


def join(hedge_offset: str, own: float, other: float) -> float:
    """Return two sides' initial margins as one (section 3)."""
    if hedge_offset == "none":
        return own + other
    if hedge_offset == "larger_side":
        return max(own, other)
    return abs(own - other)


def side_of(slot: Slot, sign: float) -> Side:
    """Return the side of the slot's pool and instrument that a position of this sign belongs to."""
    slots = [other for other in slot.pool.slots if other.instrument is slot.instrument and other.side == sign]
    return Side(slot.pool.venue, slot.instrument, slots)


def own_requirement(slot: Slot, mark_price: float) -> float:
    """Return the slot's share of its side's requirement, before the offset (sections 3 and 8).

    Shares are by notional, at the prices of ``mm_basis``.
    """
    side = side_of(slot, slot.side)
    requirement = side.line(mark_price).at(slot.instrument.contract.unit(mark_price))
    if slot.pool.venue.mm_basis == "entry":
        return requirement * (slot.notional(slot.entry_price) / side.entry_notional)
    return requirement * (abs(slot.quantity) / side.quantity)
