"""A slot as `Strategy.on_bar` sees it: what it holds, and the orders it takes."""

from __future__ import annotations

import math
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
    Order,
    Row,
)
from backtester.event_driven.building import WATCH, Ground, OpeningTerms, TargetTerms, opening, target
from backtester.event_driven.place import Place
from backtester.event_driven.session import Session
from backtester.schema import TIMES_IN_FORCE
from backtester.strategy import SlotSpec

if TYPE_CHECKING:
    from backtester.event_driven.bar import Bar

__all__ = ["BarSlot"]


class BarSlot:
    """A slot at the close of a bar.

    Attributes
    ----------
    symbol, label : str
        Its instrument, and its name within the strategy.
    """

    __slots__ = ("_bar", "_column", "_j", "_session", "label", "symbol")

    def __init__(self, bar: Bar, spec: SlotSpec, number: int, session: Session) -> None:
        self.symbol, self.label = spec.symbol, spec.label
        self._bar, self._j, self._session = bar, number, session
        self._column = bar.column(spec.symbol)

    def __repr__(self) -> str:
        return f"<slot {self.label}: {self.quantity:+g}>"

    # What it holds.

    @property
    def price(self) -> float:
        """Trade close of its instrument; nan: no data in this bar."""
        return self._bar.price(self._column)

    @property
    def mark(self) -> float:
        """Mark close, or the last one known."""
        return self._session.mark(self._j)

    @property
    def quantity(self) -> float:
        """Signed position; 0: flat."""
        return self._session.quantity(self._j)

    @property
    def is_open(self) -> bool:
        """Whether it holds a position."""
        return self._session.quantity(self._j) != 0.0

    @property
    def entry(self) -> float:
        """Average entry price; nan: flat."""
        return self._session.entry(self._j)

    @property
    def leverage(self) -> float:
        """Leverage setting."""
        return self._session.leverage(self._j)

    @property
    def pnl(self) -> float:
        """Unrealised pnl at the mark [settlement currency]: ``q*(m - e)``, inverse ``q*(1/e - 1/m)``."""
        return self._session.pnl(self._j)

    @property
    def funding_paid(self) -> float:
        """Funding that the position has paid since it was opened; below 0: received."""
        return self._session.funding(self._j)

    @property
    def is_isolated(self) -> bool:
        """Whether a position here has a pool of its own."""
        return self._session.is_isolated(self._j)

    @property
    def isolated_margin(self) -> float:
        """Cash in the pool of an isolated position, 0 when flat; nan where a shared pool backs it."""
        return self._session.pool(self._j).cash if self.is_isolated else math.nan

    @property
    def equity(self) -> float:
        """Equity of the pool that backs it: cash and unrealised pnl."""
        return self._session.pool(self._j).equity

    @property
    def requirement(self) -> float:
        """Maintenance requirement of the pool that backs it."""
        return self._session.pool(self._j).requirement

    @property
    def margin_ratio(self) -> float:
        """``requirement / equity`` of the pool that backs it; 1 liquidates, inf: no equity, 0: no position."""
        pool = self._session.pool(self._j)
        if pool.requirement == 0.0 and pool.equity > 0.0:
            return 0.0
        return pool.requirement / pool.equity if pool.equity > 0.0 else math.inf

    @property
    def liquidation_price(self) -> float:
        """Mark price at which its pool is liquidated if its instrument moves alone; nan: there is none."""
        return self._session.liquidation_price(self._j)

    @property
    def distance(self) -> float:
        """Distance to the liquidation price as a fraction of the mark; nan: there is none."""
        return abs(self.liquidation_price / self.mark - 1.0)

    def indicator(self, name: str) -> float:
        """Return this bar's value of an indicator for its instrument."""
        value = self._bar.indicator(name)
        return value if isinstance(value, float) else value.item(self._column)

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
            Exits of the position, as fractions of this bar's close.
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
