"""What `Strategy.on_bar` is given: prices so far, the account, its slots, and what has happened."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import TYPE_CHECKING

from backtester.event_driven.asked import Order
from backtester.event_driven.desk import Desk, there_are
from backtester.event_driven.place import Place
from backtester.event_driven.session import Event
from backtester.event_driven.slot import BarSlot, slots_of
from backtester.event_driven.views import AccountView
from backtester.market import PRICES
from backtester.schema import EVENT_KINDS, FILL, LIMIT, LIQUIDATION, TRAILING_STOP, Floats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TRADES", "Bar"]

TRADES = frozenset(EVENT_KINDS[kind] for kind in (*range(FILL, TRAILING_STOP + 1), LIMIT) if kind != LIQUIDATION)


class Bar:
    """A decision bar at its close.

    ``bar["BTCUSDT"]`` or ``bar["BTCUSDT long"]`` is a slot, ``for slot in bar`` goes through all of the strategy's.
    What is asked for takes effect at the open of the next bar.

    Attributes
    ----------
    index : int
        Number of the bar.
    account : AccountView
    slots : tuple of BarSlot
        Those of the strategy, in its order.
    share : float
        Part of the account that the strategy is allotted; its equity fractions count it.
    """

    def __init__(self, desk: Desk) -> None:
        self.index = -1
        self.account = AccountView.from_buffer(desk.session.view.account)
        self.share = desk.share
        self.slots = slots_of(self, desk)
        self._desk, self._market, self._place = desk, desk.market, Place(desk)
        self._by_name = {slot.label: slot for slot in self.slots}
        for slot in self.slots:
            self._by_name.setdefault(slot.symbol, slot)

    def __iter__(self) -> Iterator[BarSlot]:
        return iter(self.slots)

    def __len__(self) -> int:
        return len(self.slots)

    def __getitem__(self, name: str | int) -> BarSlot:
        if isinstance(name, Integral) and -len(self.slots) <= name < len(self.slots):
            return self.slots[name]
        if name not in self._by_name:
            self._place.fail("there is no such slot", name, there_are(name, self._by_name))
        return self._by_name[str(name)]

    @property
    def open_time(self) -> int:
        """Start of the bar [ns UTC]."""
        return self._desk.time_of(self.index)

    @property
    def time(self) -> pd.Timestamp:
        """Close of the bar: the moment of the decision."""
        import pandas as pd

        return pd.Timestamp(self._market.close_time[self.index], tz="UTC")

    @property
    def symbols(self) -> tuple[str, ...]:
        """Instruments of the market, in the order of the columns of prices."""
        return self._market.symbols

    @property
    def open(self) -> Floats:
        """Trade opens of all instruments, ``(n_instruments,)``; nan: no data."""
        return self._market.open[self.index]

    @property
    def high(self) -> Floats:
        """Trade highs."""
        return self._market.high[self.index]

    @property
    def low(self) -> Floats:
        """Trade lows."""
        return self._market.low[self.index]

    @property
    def close(self) -> Floats:
        """Trade closes."""
        return self._market.close[self.index]

    @property
    def mark(self) -> Floats:
        """Mark closes."""
        return self._market.mark_close[self.index]

    def history(self, field: str = "close", n: int | None = None) -> Floats:
        """Return the last `n` bars of a price up to this one, all if left out: ``(n, n_instruments)``, read-only.

        Parameters
        ----------
        field : str
            ``open``, ``high``, ``low``, ``close``, ``mark_open`` ... ``mark_close``.
        n : int, optional
        """
        if field not in PRICES:
            self._place.fail("there is no such price", field, there_are(field, PRICES))
        last = self.index + 1
        first = 0 if n is None else max(0, last - self._place.bars("n", n))
        prices: Floats = getattr(self._market, field)[first:last]
        return prices

    def indicator(self, name: str) -> Floats | float:
        """Return this bar's value of what the strategy's method `indicators` returned under this name."""
        indicators = self._desk.indicators
        if name not in indicators:
            known = indicators or ("none: return it from `indicators` by its name",)
            self._place.fail("there is no such indicator", name, there_are(name, known))
        values = indicators[name]
        return values.item(self.index) if values.ndim == 1 else values[self.index]

    @property
    def events(self) -> list[Event]:
        """What has happened to the strategy's slots and to the account since the last call, in order.

        `Event.slot` counts the strategy's slots from 0; -1: the account, which is ``bankrupt``.
        """
        if self.account._seen_events == self.account.n_events:
            return []
        first, last = self._desk.first_slot, self._desk.first_slot + len(self.slots)
        new = self._desk.session.events(self.account._seen_events)
        return [
            event if event.slot < 0 else event._replace(slot=event.slot - first)
            for event in new
            if event.slot < 0 or first <= event.slot < last
        ]

    @property
    def fills(self) -> list[Event]:
        """Trades since the last call, also those of exits, without liquidations."""
        return [event for event in self.events if event.kind in TRADES]

    @property
    def liquidations(self) -> list[Event]:
        """Liquidations since the last call."""
        return [event for event in self.events if event.kind == "liquidation"]

    def one_cancels_other(self, *orders: Order) -> None:
        """Let each of several orders that were placed in this call cancel the others when it trades.

        An order belongs to one such group. A market order belongs to none: it does not rest.
        """
        asked = self._desk.asked
        if len(orders) < 2 or any(not asked.may_join(order) for order in orders):
            cure = "place them in this call and join all of them at once, market orders left out"
            self._place.fail("one-cancels-other takes two or more new working orders", list(orders), cure)
        asked.join(orders)
