"""A strategy that trades at random through everything `on_bar` offers, and accounts for it to trade in."""

from __future__ import annotations

import math
import random
from typing import Any, ClassVar

from backtester.event_driven.asked import Order
from backtester.event_driven.bar import Bar
from backtester.event_driven.followers import Follower
from backtester.event_driven.slot import BarSlot
from backtester.scenario import Scenario, validate
from backtester.strategy import SlotSpec, Strategy
from tests.twin.scenarios import random_scenario

SIZES = ("quantity", "notional", "equity_fraction", "margin")
ASKS = ("open", "open", "target", "limit", "stop", "exits", "close", "margin", "leverage", "cancel")
VIEWS = (
    "price", "mark", "quantity", "entry", "leverage", "pnl", "funding_paid", "isolated_margin", "equity",
    "requirement", "initial_margin", "free_margin", "margin_ratio", "liquidation_price",
)  # fmt: skip
ACCOUNT = ("equity", "free_margin", "available_margin", "is_bankrupt")


class Trader(Strategy):
    """Draws what it asks for; every view of the account that it saw is in `seen`, from bar to bar."""

    seed: int = 0
    seen: ClassVar[list[Any]] = []
    _draw: random.Random | None = None

    def on_bar(self, bar: Bar) -> None:
        """Ask for something in about half of the slots."""
        if self._draw is None:
            self._draw, self._orders = random.Random(self.seed), []
            Trader.seen.clear()
        views = [[getattr(slot, name) for name in VIEWS] for slot in bar]
        said = [[event.kind, event.reason, event.slot, event.order] for event in bar.events]
        Trader.seen.append((bar.index, [getattr(bar.account, name) for name in ACCOUNT], views, said))
        before = len(self._orders)
        for slot in bar:
            if self._draw.random() < 0.5 and not math.isnan(slot.price):
                placed = self.ask(slot, self._draw)
                self._orders += [] if placed is None else [placed]
        working = [order for order in self._orders[before:] if order.type != "market" and order.is_working]
        if len(working) > 1 and self._draw.random() < 0.5:
            bar.one_cancels_other(*self._draw.sample(working, 2))

    def ask(self, slot: BarSlot, draw: random.Random) -> Order | None:
        """Ask for one thing, drawn; returns the order if it is one."""
        what = draw.choice(ASKS)
        if what == "target":
            return slot.target(**{draw.choice(SIZES[:3]): draw.choice((0.0, 1.0, -1.0)) * self.size(draw)})
        if what in ("open", "limit", "stop"):
            return self.order(slot, draw, what)
        if what == "exits":
            return self.exit(slot, draw)
        if what == "close":
            return slot.close(draw.choice((0.25, 0.5, 1.0)))
        if what == "cancel" and self._orders:
            draw.choice(self._orders).cancel()
        if what == "leverage":
            slot.set_leverage(draw.choice((1.0, 2.0, 5.0, 10.0)))
        if what == "margin":
            draw.choice((slot.add_margin, slot.remove_margin))(draw.choice((1.0, 10.0, 100.0)))
        return None

    def size(self, draw: random.Random) -> float:
        """Return a size that is much for some accounts and little for others, in whichever unit."""
        return draw.choice((0.25, 0.5, 1.0, 4.0, 32.0))

    def order(self, slot: BarSlot, draw: random.Random, what: str) -> Order:
        """Place an order that opens or turns."""
        terms: dict[str, Any] = {draw.choice(SIZES): self.size(draw)}
        near = slot.price * draw.choice((0.9, 0.97, 1.0, 1.03, 1.1))
        if what == "limit":
            terms |= {"limit": near, "time_in_force": draw.choice(("gtc", "gtc", "ioc", "fok"))}
            terms["post_only"] = terms["time_in_force"] == "gtc" and draw.random() < 0.3
        if what == "stop":
            terms |= {"trigger": near, "watch": draw.choice(("trade", "mark"))}
            terms |= {"limit": near * draw.choice((0.99, 1.0, 1.01))} if draw.random() < 0.3 else {}
        if what != "open":
            terms["expires"] = draw.choice((None, 1, 3))
        terms |= draw.choice(({}, {"stop": 0.05}, {"take_profit": 0.03}, {"trailing": 0.04}, {"collateral": 20.0}))
        terms["reduce_only"] = draw.random() < 0.2
        return draw.choice((slot.buy, slot.sell))(**terms)

    def exit(self, slot: BarSlot, draw: random.Random) -> Order:
        """Place an order that closes."""
        part, away = draw.choice((0.5, 1.0)), draw.choice((0.9, 0.98, 1.02, 1.1))
        kind = draw.choice(("stop", "profit", "trailing"))
        if kind == "stop":
            return slot.stop_loss(slot.price * away, fraction=part, watch=draw.choice(("trade", "mark")))
        if kind == "profit":
            return slot.take_profit(slot.price * away, fraction=part, expires=draw.choice((None, 2)))
        if draw.random() < 0.5:
            return slot.trailing_stop(0.03, fraction=part)
        return slot.trailing_stop(distance=slot.price * 0.02, fraction=part)


def account(seed: int) -> tuple[Scenario, list[Follower], dict[str, Any]]:
    """Return a random scenario without its orders, who trades in it, and its JSON form."""
    data = validate(random_scenario(seed) | {"orders": [], "margin_actions": []})
    scenario = Scenario.from_dict(data)
    specs = [SlotSpec(scenario.market.symbols[slot.instrument], str(j)) for j, slot in enumerate(scenario.slots)]
    return scenario, [Follower(Trader(seed=seed), specs, 0, 1.0, {})], data
