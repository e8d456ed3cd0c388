"""What `Strategy.on_bar` is given: prices so far, the account, its slots, and what has happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from backtester.errors import nearest
from backtester.event_driven.asked import MARKET, Asked, Order
from backtester.event_driven.followers import Follower
from backtester.event_driven.place import Place
from backtester.event_driven.session import Event, Session
from backtester.event_driven.slot import BarSlot
from backtester.schema import EVENT_KINDS, FILL, LIMIT, LIQUIDATION, TRAILING_STOP, Floats
from backtester.symbols import listed

if TYPE_CHECKING:
    import pandas as pd

    from backtester.market import Market

__all__ = ["AccountView", "Bar"]

_TRADES = frozenset(EVENT_KINDS[kind] for kind in (*range(FILL, TRAILING_STOP + 1), LIMIT) if kind != LIQUIDATION)


class AccountView:
    """The account at the close of the bar.

    All amounts are those of the whole account [settlement currency].
    """

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def equity(self) -> float:
        """Cash and unrealised pnl of all pools at the mark closes."""
        return self._session.equity()

    @property
    def free_margin(self) -> float:
        """What main has free: ``min(cash, equity - initial margin)``, all that isolated positions may draw on."""
        return self._session.available()


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

    def __init__(
        self,
        follower: Follower,
        market: Market,
        session: Session,
        last_bars: Sequence[int],
        groups: Iterator[int],
    ) -> None:
        self.index = -1
        self.account = AccountView(session)
        self.asked = Asked(session.rests, groups)
        self.share = follower.share
        self._name, self._market, self._session = follower.strategy.name, market, session
        self._indicators, self._last_bars = follower.indicators, last_bars
        self._first, self._event, self._events = follower.first_slot, 0, 0
        specs = follower.specs
        self.slots = tuple(BarSlot(self, spec, follower.first_slot + k, session) for k, spec in enumerate(specs))
        self._by_name = {slot.symbol: slot for slot in reversed(self.slots)} | {s.label: s for s in self.slots}

    def __iter__(self) -> Iterator[BarSlot]:
        return iter(self.slots)

    def __len__(self) -> int:
        return len(self.slots)

    def __getitem__(self, name: str | int) -> BarSlot:
        if isinstance(name, int):
            return self.slots[name]
        if name not in self._by_name:
            self.place(None).fail("there is no such slot", name, _there_are(name, self._by_name))
        return self._by_name[name]

    def move(self, index: int) -> None:
        """Go on to the close of another bar."""
        self.index = index
        self._event, self._events = self._events, self._session.n_events

    @property
    def open_time(self) -> int:
        """Start of the bar [ns UTC]."""
        return self._market.open_time.item(self.index)

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
        last = self.index + 1
        first = 0 if n is None else max(0, last - n)
        prices: Floats = getattr(self._market, field)[first:last]
        return prices

    def indicator(self, name: str) -> Floats | float:
        """Return this bar's value of what the strategy's method `indicators` returned under this name."""
        if name not in self._indicators:
            self.place(None).fail("there is no such indicator", name, _there_are(name, self._indicators))
        values = self._indicators[name]
        return values.item(self.index) if values.ndim == 1 else values[self.index]

    @property
    def events(self) -> list[Event]:
        """What has happened in the strategy's slots since the last call, in order; `Event.slot` counts from 0 in it."""
        if self._event == self._events:
            return []
        first, last = self._first, self._first + len(self.slots)
        new = self._session.events(self._event)
        return [event._replace(slot=event.slot - first) for event in new if first <= event.slot < last]

    @property
    def fills(self) -> list[Event]:
        """Trades since the last call, also those of exits, without liquidations."""
        return [event for event in self.events if event.kind in _TRADES]

    @property
    def liquidations(self) -> list[Event]:
        """Liquidations since the last call."""
        return [event for event in self.events if event.kind == "liquidation"]

    def one_cancels_other(self, *orders: Order) -> None:
        """Let each of several orders that were placed in this call cancel the others when it trades."""
        if len(orders) < 2 or any(not isinstance(order, Order) or order.id >= 0 for order in orders):
            cure = "place them in the same call: bar.one_cancels_other(slot.buy(...), slot.sell(...))"
            self.place(None).fail("one-cancels-other takes two or more orders of this call", list(orders), cure)
        if any(order.row.type == MARKET for order in orders):
            cure = "give it a limit or a trigger, or leave it out: the others are for after it has traded"
            self.place(None).fail("a market order trades before any other could", list(orders), cure)
        self.asked.join(orders)

    def place(self, slot: str | None) -> Place:
        """Return what an error about a slot, or about none, names."""
        return Place(self._name, self.index, self.open_time, slot)

    def last_bar(self, n: int) -> int:
        """Return the simulation's bar in which the n-th decision bar from here ends; -1: the run is over by then."""
        at = self.index + n
        return self._last_bars[at] if at < len(self._last_bars) else -1

    def price(self, column: int) -> float:
        """Return the trade close of an instrument; nan: no data."""
        return self._market.close.item(self.index, column)

    def column(self, symbol: str) -> int:
        """Return the column of an instrument."""
        return self._market.symbols.index(symbol)


def _there_are(name: object, known: Iterable[str]) -> str:
    close = nearest(str(name), known)
    return f"did you mean {close[0]}?" if close else f"there are {listed(known)}"
