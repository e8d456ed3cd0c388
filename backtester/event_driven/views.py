"""The account and a slot as `Strategy.on_bar` sees them: the rows that an engine fills in at every close."""

from __future__ import annotations

import ctypes
import math
from typing import TYPE_CHECKING

from backtester.event_driven.structures import fields_of
from backtester.schema import ACCOUNT_VIEW, SLOT_VIEW, Floats

if TYPE_CHECKING:
    from backtester.event_driven.bar import Bar

__all__ = ["AccountView", "SlotView"]


class AccountView(ctypes.Structure):
    """The account at the close of the bar: what is not in pools of single slots or sub-accounts is main's.

    Attributes
    ----------
    equity : float
        Cash and unrealised pnl of all pools at the mark closes [settlement currency].
    free_margin : float
        ``equity - initial margin`` of main: what new cross positions may draw on. Below 0: nothing.
    available_margin : float
        ``min(cash, free margin)`` of main: what isolated positions may draw on, as profit that is not realised
        cannot be moved.
    is_bankrupt : bool
        Whether no pool has a position or cash any more; nothing trades from here on.
    n_events : int
        How many events there have been.
    """

    equity: float
    free_margin: float
    available_margin: float
    is_bankrupt: bool
    n_events: int
    _seen_events: int
    _fields_ = fields_of(ACCOUNT_VIEW, hidden=("seen_events",))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} can only be read")


class SlotView(ctypes.Structure):
    """A slot at the close of a bar: the account's own row of it, which changes from bar to bar.

    Attributes
    ----------
    symbol, label : str
        Its instrument, and its name within the strategy.
    price : float
        Trade close of its instrument; nan: no data in this bar.
    mark : float
        Mark close, or the last one known.
    quantity : float
        Signed position; 0: flat.
    entry : float
        Average entry price; nan: flat.
    leverage : float
        Leverage setting.
    pnl : float
        Unrealised pnl at the mark [settlement currency]: ``q*(m - e)``, inverse ``q*(1/e - 1/m)``.
    funding_paid : float
        Funding that the position has paid since it was opened; below 0: received, 0: flat.
    isolated_margin : float
        Cash in the pool of an isolated position, 0 when flat; nan where a shared pool backs it.
    equity, requirement, initial_margin : float
        Cash and unrealised pnl of the pool that backs it, what that must hold, and the initial margin of its positions.
    free_margin : float
        ``equity - initial margin`` of the pool that backs it: what new positions of a shared pool may draw on.
    margin_ratio : float
        ``requirement / equity`` of the pool that backs it; 1 liquidates, inf: no equity, 0: no position.
    liquidation_price : float
        Mark price at which its pool is liquidated if its instrument moves alone; nan: there is none.
    """

    price: float
    mark: float
    quantity: float
    entry: float
    leverage: float
    pnl: float
    funding_paid: float
    isolated_margin: float
    equity: float
    requirement: float
    initial_margin: float
    free_margin: float
    margin_ratio: float
    liquidation_price: float
    _fields_ = fields_of(SLOT_VIEW)

    symbol: str
    label: str
    _bar: Bar
    _column: int

    def __setattr__(self, name: str, value: object) -> None:
        cure = "slot.target(quantity=0) or slot.set_leverage(5) ask for a change"
        raise AttributeError(f"{name} can only be read: {cure}")

    def __repr__(self) -> str:
        return f"<slot {self.label}: {self.quantity:+g}>"

    # What it holds.

    @property
    def is_open(self) -> bool:
        """Whether it holds a position."""
        return self.quantity != 0.0

    @property
    def is_isolated(self) -> bool:
        """Whether a position here has a pool of its own."""
        return not math.isnan(self.isolated_margin)

    @property
    def distance(self) -> float:
        """Distance to the liquidation price as a fraction of the mark; nan: there is none."""
        return abs(self.liquidation_price / self.mark - 1.0)

    def indicator(self, name: str) -> float:
        """Return this bar's value of an indicator for its instrument."""
        value = self._bar.indicator(name)
        return value if isinstance(value, float) else value.item(self._column)

    def history(self, field: str = "close", n: int | None = None) -> Floats:
        """Return the last `n` bars of a price of its instrument up to this one, as `Bar.history`: ``(n,)``."""
        return self._bar.history(field, n)[:, self._column]
