"""A slot as `Strategy.on_bar` sees it: what it holds, and the orders it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

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
    Asked,
    Order,
    Row,
)
from backtester.event_driven.building import WATCH, OpeningTerms, TargetTerms, opening, target
from backtester.event_driven.desk import Desk
from backtester.event_driven.place import BELOW_ONE, Place
from backtester.event_driven.views import SlotView
from backtester.schema import SLOT_VIEW, TIMES_IN_FORCE

if TYPE_CHECKING:
    from backtester.event_driven.bar import Bar

__all__ = ["BarSlot", "slots_of"]


class BarSlot(SlotView):
    """A slot at the close of a bar, and what may be asked for it.

    `SlotView` says what it shows: ``price``, ``quantity``, ``margin_ratio``, ``liquidation_price`` ...
    """

    _asked: Asked
    _place: Place
    _j: int

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
        return self._take(opening(self._place, self.price, 1.0, quantity, terms))

    def sell(self, quantity: float | None = None, **terms: Unpack[OpeningTerms]) -> Order:
        """Sell; parameters as in `buy`."""
        return self._take(opening(self._place, self.price, -1.0, quantity, terms))

    def target(self, quantity: float | None = None, **terms: Unpack[TargetTerms]) -> Order:
        """Trade at the next open what is missing to a position; its size is signed, 0 is flat.

        Parameters
        ----------
        quantity, notional, equity_fraction, margin : float
            One of them.
        stop, take_profit, trailing, stop_price, take_profit_price, collateral, watch
            As in `buy`.
        """
        return self._take(target(self._place, self.price, quantity, terms))

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
        place = self._place
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
        place = self._place
        trigger, worst = place.number("price", price), place.optional("limit", limit)
        marked = bool(place.choice("watch", watch, WATCH))
        row = self._closing(fraction, STOP, expires)
        return self._take(row._replace(trigger=trigger, limit=worst, watch_mark=marked))

    def take_profit(self, price: float, *, fraction: float = 1.0, expires: int | None = None) -> Order:
        """Close a fraction of the position once the price has gone in its favour to `price`; it may wait for one."""
        trigger = self._place.number("price", price)
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
        place = self._place
        if (callback is None) == (distance is None):
            place.fail("a trailing stop needs a callback or a distance", [callback, distance], "give one of the two")
        offset = place.optional("distance", distance)
        share = NONE if callback is None else place.number("callback", callback, most=BELOW_ONE)
        row = self._closing(fraction, TRAILING_STOP, expires)
        return self._take(row._replace(offset=offset, offset_fraction=share))

    # Margin.

    def add_margin(self, amount: float) -> None:
        """Move collateral from main into the isolated position, at most what main has free [settlement currency]."""
        self._asked.instruct(self._j, ADD, self._place.number("amount", amount))

    def remove_margin(self, amount: float) -> None:
        """Move collateral out of the isolated position, at most what it has to spare."""
        self._asked.instruct(self._j, REMOVE, self._place.number("amount", amount))

    def set_leverage(self, leverage: float) -> None:
        """Change the leverage; lowering that of an isolated position tops it up."""
        self._asked.instruct(self._j, SET_LEVERAGE, self._place.number("leverage", leverage))

    # Orders that work.

    def cancel_all(self) -> None:
        """Take away all working orders of the slot at the next open; those of this call, at once."""
        self._asked.cancel_all(self._j)

    def _closing(self, fraction: float, kind: int, expires: int | None) -> Row:
        size = self._place.number("fraction", fraction, most=1.0)
        return Row(slot=self._j, size=size, size_type=POSITION, type=kind, expires=self._place.expires(expires))

    def _take(self, row: Row) -> Order:
        if row.type == MARKET and self._asked.has_market_order(self._j):
            cure = "join the two: one market order trades the sum"
            self._place.fail("a second market order for one slot at one bar", row.size, cure)
        return self._asked.place(row)


def slots_of(bar: Bar, desk: Desk) -> tuple[BarSlot, ...]:
    """Return the slots of a strategy, which change as its account does."""
    found = []
    for number, spec in enumerate(desk.specs, desk.first_slot):
        slot = BarSlot.from_buffer(desk.session.view.slots, number * SLOT_VIEW.itemsize)
        slot.__dict__.update(symbol=spec.symbol, label=spec.label, _bar=bar, _asked=desk.asked, _j=number)
        slot.__dict__.update(_place=Place(desk, spec.label, number), _column=desk.market.symbols.index(spec.symbol))
        found.append(slot)
    return tuple(found)
