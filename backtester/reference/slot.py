"""Venue rules and slots (sections 1 and 7 of the margin model)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .instrument import NAN, Instrument

if TYPE_CHECKING:
    from .exits import Exits
    from .orders import Order, RestingLimit
    from .pool import Pool
    from .working import Working


@dataclass(frozen=True)
class Venue:
    """The venue's rules (section 7)."""

    mm_basis: str
    close_fee_buffer: float
    liquidation_fee: float
    liquidation_slippage: float
    slippage: float
    reduction: str
    liquidation_order: str
    leftover: str
    funding_source: str
    partial_close: str
    opening_fee_from: str
    remove_rule: str
    leverage_rule: str
    on_insufficient: str
    hedge_offset: str
    auto_top_up: str
    top_up_cap: float
    initial_margin_buffer: float
    remove_floor: float
    backstop_rate: float
    first_fraction: float
    first_fraction_above: float
    liquidation_cooldown: float
    tier_steps: float


@dataclass
class Slot:
    """A place for at most one position: instrument, strategy leg, leverage."""

    index: int
    instrument: Instrument
    leverage: float
    exits: Exits
    quantity: float = 0.0
    entry_price: float = NAN
    pool: Pool = field(init=False, repr=False)
    waiting: Order | None = None
    limit: RestingLimit | None = None
    arriving: list[Order] = field(default_factory=list)
    working: list[Working] = field(default_factory=list)
    topped_up: float = 0.0
    funding_paid: float = 0.0

    @property
    def is_open(self) -> bool:
        """Return whether the slot holds a position."""
        return self.quantity != 0.0

    @property
    def side(self) -> float:
        """Return +1 for a long position, -1 for a short one, 0 when flat."""
        return float((self.quantity > 0.0) - (self.quantity < 0.0))

    def unrealized_pnl(self, mark_price: float) -> float:
        """Return the position's pnl at a mark price, 0 when flat [settle currency]."""
        if not self.is_open:
            return 0.0
        return self.instrument.contract.unrealized_pnl(self.quantity, self.entry_price, mark_price)

    def notional(self, price: float) -> float:
        """Return the position's notional at a price, 0 when flat [settle currency]."""
        if not self.is_open:
            return 0.0
        return self.instrument.contract.notional(self.quantity, price)

    def initial_margin(self, price: float) -> float:
        """Return the initial margin at a price (section 3)."""
        return self.margin_of(self.notional(price))

    def margin_of(self, notional: float) -> float:
        """Return ``N / leverage + G * N``, G the venue's initial-margin buffer."""
        return notional / self.leverage + self.pool.venue.initial_margin_buffer * notional
