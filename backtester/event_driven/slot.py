"""A slot as `Strategy.on_bar` sees it: what it holds, and the orders it takes."""

from __future__ import annotations

import ctypes
import math
from typing import TYPE_CHECKING, Self, Unpack

from backtester.event_driven.asked import (
    ADD,
    LIMIT,
    MARKET,
    NONE,
    POSITION,
    REMOVE,
    SET_LEVERAGE,
    STOP,
    TAKE_PROFIT,
    TRAILING_STOP,
    Order,
    Row,
)
from backtester.event_driven.building import WATCH, Ground, OpeningTerms, TargetTerms, opening, target
from backtester.event_driven.place import Place
from backtester.event_driven.session import Session
from backtester.event_driven.structures import fields_of
from backtester.schema import SLOT_VIEW, TIMES_IN_FORCE, Floats
from backtester.strategy import SlotSpec

if TYPE_CHECKING:
    from backtester.event_driven.bar import Bar

__all__ = ["BarSlot"]

NOT_YET = math.inf  # a liquidation price that nobody has asked for in this bar


class BarSlot(ctypes.Structure):
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
    equity, requirement : float
        Cash and unrealised pnl of the pool that backs it, and what that must hold.
    margin_ratio : float
        ``requirement / equity`` of the pool that backs it; 1 liquidates, inf: no equity, 0: no position.
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
    margin_ratio: float
    _liquidation_price: float
    _fields_ = [(f"_{name}" if name == "liquidation_price" else name, kind) for name, kind in fields_of(SLOT_VIEW)]

    @classmethod
    def of(cls, bar: Bar, spec: SlotSpec, number: int, session: Session) -> Self:
        """Return the slot of this number of an account."""
        slot = cls.from_buffer(session.view.slots, number * SLOT_VIEW.itemsize)
        slot.__dict__.update(symbol=spec.symbol, label=spec.label, _bar=bar, _j=number)
        slot.__dict__.update(_column=bar.column(spec.symbol), _look_closer=session.look_closer)
        return slot

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
    def liquidation_price(self) -> float:
        """Mark price at which its pool is liquidated if its instrument moves alone; nan: there is none."""
        price = self._liquidation_price
        if price == NOT_YET:
            self._look_closer()
            price = self._liquidation_price
        return price

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

    # Orders that open or turn.

    def buy(self, quantity: float | None = None, **terms: Unpack[OpeningTerms]) -> Order:
        """Buy: a market order, or with `limit` or `trigger` a working one.

        Parameters
        ----------
        quantity : float [base; contracts of an inverse instrument]
        notional, equity_fraction, margin : float
            In place of the quantity: quote, fraction of the account's equity, or initial margin.
        limit : float, optional [quote/base]
            Buys at this price or below.
        trigger : float, optional [quote/base]
            Buys once the price has risen to it (a sale: fallen); with `limit` as a limit order from there.
        stop, take_profit, trailing : float, optional
            Exits of the position, as fractions of the order's own price: `limit`, `trigger` or this bar's close.
        stop_price, take_profit_price : float, optional [quote/base]
        collateral : float, optional [quote]
            What moves into an isolated position, if more than its initial margin.
        watch : str
            What a stop watches: ``"trade"`` or ``"mark"``.
        reduce_only, post_only : bool
        time_in_force : str
            ``"gtc"``, ``"ioc"`` or ``"fok"``.
        expires : int, optional
            How many bars it may work.

        Returns
        -------
        Order

        Raises
        ------
        StrategyError
            For a size or price that is none, terms that contradict each other, or a second market order.
        """
        return self._take(opening(self._ground(), 1.0, quantity, terms))

    def sell(self, quantity: float | None = None, **terms: Unpack[OpeningTerms]) -> Order:
        """Sell; parameters as in `buy`."""
        return self._take(opening(self._ground(), -1.0, quantity, terms))

    def target(self, quantity: float | None = None, **terms: Unpack[TargetTerms]) -> Order:
        """Trade at the next open what is missing to a position; its size is signed, 0 is flat.

        Parameters
        ----------
        quantity, notional, equity_fraction, margin : float
            One of them.
        stop, take_profit, trailing, stop_price, take_profit_price, collateral, watch
            As in `buy`.
        """
        return self._take(target(self._ground(), quantity, terms))

    # Orders that close.

    def close(
        self,
        fraction: float = 1.0,
        *,
        limit: float | None = None,
        post_only: bool = False,
        time_in_force: str = "gtc",
        expires: int | None = None,
    ) -> Order:
        """Close a fraction of the position: at the next open, or with `limit` at that price or better."""
        place = self._place()
        price = place.optional("limit", limit)
        force = place.choice("time_in_force", time_in_force, TIMES_IN_FORCE)
        if limit is None and (post_only or force or expires is not None):
            place.fail("a market order rests for nothing", "no limit", "give a limit, or none of the other terms")
        row = self._closing(fraction, MARKET if limit is None else LIMIT, expires)
        return self._take(row._replace(limit=price, post_only=bool(post_only), time_in_force=force))

    def stop_loss(
        self,
        price: float,
        *,
        fraction: float = 1.0,
        limit: float | None = None,
        watch: str = "trade",
        expires: int | None = None,
    ) -> Order:
        """Close a fraction of the position once the price has gone against it to `price`; it may wait for one to open.

        With `limit` it is a limit order from there; with ``watch="mark"`` the mark price triggers it.
        """
        place = self._place()
        trigger, worst = place.number("price", price), place.optional("limit", limit)
        marked = bool(place.choice("watch", watch, WATCH))
        row = self._closing(fraction, STOP, expires)
        return self._take(row._replace(trigger=trigger, limit=worst, watch_mark=marked))

    def take_profit(self, price: float, *, fraction: float = 1.0, expires: int | None = None) -> Order:
        """Close a fraction of the position once the price has gone in its favour to `price`; it may wait for one."""
        trigger = self._place().number("price", price)
        return self._take(self._closing(fraction, TAKE_PROFIT, expires)._replace(trigger=trigger))

    def trailing_stop(
        self,
        callback: float | None = None,
        *,
        distance: float | None = None,
        fraction: float = 1.0,
        expires: int | None = None,
    ) -> Order:
        """Close a fraction of the position once the price has come back from its best.

        Parameters
        ----------
        callback : float
            By this fraction of the best price since the order is active, or
        distance : float [quote/base]
            by this much.
        """
        place = self._place()
        if (callback is None) == (distance is None):
            place.fail("a trailing stop needs a callback or a distance", [callback, distance], "give one of the two")
        offset = place.optional("distance", distance)
        share = NONE if callback is None else place.number("callback", callback, most=1.0 - 1e-12)
        row = self._closing(fraction, TRAILING_STOP, expires)
        return self._take(row._replace(offset=offset, offset_fraction=share))

    # Margin.

    def add_margin(self, amount: float) -> None:
        """Move collateral from main into the isolated position, at most what main has free [settlement currency]."""
        self._bar.asked.instruct(self._j, ADD, self._place().number("amount", amount))

    def remove_margin(self, amount: float) -> None:
        """Move collateral out of the isolated position, at most what it has to spare."""
        self._bar.asked.instruct(self._j, REMOVE, self._place().number("amount", amount))

    def set_leverage(self, leverage: float) -> None:
        """Change the leverage; lowering that of an isolated position tops it up."""
        self._bar.asked.instruct(self._j, SET_LEVERAGE, self._place().number("leverage", leverage))

    # Orders that work.

    def cancel_all(self) -> None:
        """Take away all working orders of the slot at the next open; those of this call, at once."""
        self._bar.asked.cancel_all(self._j)

    def _closing(self, fraction: float, kind: int, expires: int | None) -> Row:
        ground = self._ground()
        size = ground.place.number("fraction", fraction, most=1.0)
        return Row(slot=self._j, size=size, size_type=POSITION, type=kind, expires=ground.expires(expires))

    def _take(self, row: Row) -> Order:
        asked = self._bar.asked
        if row.type == MARKET and asked.has_market_order(self._j):
            cure = "join the two: one market order trades the sum"
            self._place().fail("a second market order for one slot at one bar", row.size, cure)
        return asked.place(row)

    def _place(self) -> Place:
        return self._bar.place(self.label)

    def _ground(self) -> Ground:
        return Ground(self._place(), self._j, self.price, self._bar.share, self._bar.last_bar)
