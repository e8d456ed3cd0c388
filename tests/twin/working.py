"""Working orders in random scenarios: those of ``scenarios`` and ``venue_scenarios``, with working orders added.

They come from a random stream of their own, so that a seed is the same market, venue and plain orders with and without.
"""

from __future__ import annotations

import random

from tests.twin.actions import Actions
from tests.twin.scenarios import Maker
from tests.twin.venue_scenarios import VenueMaker

NONE = {
    "type": None, "trigger": None, "offset": None, "offset_fraction": None, "reduce_only": False, "post_only": False,
    "time_in_force": "gtc", "expires": None, "oco": None,
}  # fmt: skip


def working_scenario(seed: int) -> dict:
    """Return the scenario of a seed with working orders in it."""
    return WorkingMaker(seed).scenario()


def working_venue_scenario(seed: int) -> dict:
    """Return the scenario of a seed under the rules of a venue with working orders in it."""
    return WorkingVenueMaker(seed).scenario()


class WorkingOrders(Actions):
    """Adds working orders of all types and their cancellation to a scenario."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.working = random.Random(f"{seed}, working orders")

    def scenario(self) -> dict:
        """Return the whole scenario; what is drawn from here on is of the stream of working orders."""
        scene = super().scenario()
        self.rng = self.working
        self.many = self.rng.choice([0.05, 0.15, 0.4])
        self.last_group = self.rng.choice([0, 1, 5])
        self.used = self.prices_in_use(scene["orders"])
        orders = [self.changed(order) for order in scene["orders"]]
        for bar in range(-1, self.n_bars - 1):
            for j in range(self.n_slots):
                while self.chance(self.many):
                    orders.append(self.make_working(bar, j))
        if self.chance(0.3):
            self.rng.shuffle(orders)
        scene["orders"] = orders
        scene["margin_actions"] = self.with_cancels(scene["margin_actions"], orders)
        return scene

    def prices_in_use(self, orders: list[dict]) -> list[list[float]]:
        """Return the prices that orders wait for, by instrument: with ties, a stop of these is at the liquidation."""
        used: list[list[float]] = [[] for _ in range(self.n_instruments)]
        for order in orders:
            prices = [order[name] for name in ("limit", "stop", "take_profit") if order[name] is not None]
            used[self.slots[order["slot"]]["instrument"]] += prices
        return used

    def changed(self, order: dict) -> dict:
        """Return a plain order, or now and then the market order that only reduces."""
        order = order | NONE
        if order["limit"] is None and self.chance(0.1):
            order |= {"size_type": "position", "size": self.fraction(), "target": False, "margin": None}
            order["type"] = self.rng.choice([None, "market"])
        elif order["limit"] is None and order["size"] != 0.0 and self.chance(0.1):
            order |= {"type": "market", "reduce_only": True, "target": False}
        return order

    def fraction(self) -> float:
        """Return a part of a position."""
        return self.rng.choice([0.25, 0.5, 1.0, 1.0])

    def make_working(self, bar: int, j: int) -> dict:
        """Return one working order; its own exits are those that any order may have."""
        order = self.make_order(bar, j)
        while order["size"] == 0.0:
            order = self.make_order(bar, j)
        kind = self.rng.choice(["limit", "limit", "stop", "take_profit", "trailing_stop"])
        order |= NONE | {"type": kind, "target": False, "limit": None, "reduce_only": self.chance(0.4)}
        if self.chance(0.25):
            order |= {"size_type": "position", "size": self.fraction(), "margin": None}
        if self.chance(0.5):
            order |= {"stop": None, "take_profit": None, "trail": None, "trail_fraction": None}
        self.set_price(order, self.slots[j]["instrument"])
        if kind == "limit":
            self.set_force(order)
        if self.chance(0.25):
            order["expires"] = bar + 1 + self.rng.choice([0, 0, 1, 2, 5])
        if self.chance(0.35):
            order["oco"] = self.rng.randint(0, self.last_group)
        return order

    def set_price(self, order: dict, i: int) -> None:
        """Set what the order waits for: mostly beyond the price of the moment, often where something else waits."""
        t = order["bar"] + 1
        now = self.near(i, t)
        if order["type"] == "trailing_stop":
            if self.chance(0.5):
                order["offset"] = self.round_price(now * self.rng.choice([0.005, 0.02, 0.06]))
            else:
                fractions = [8 / 1024, 16 / 1024, 64 / 1024] if self.dyadic else [0.01, 0.03]
                order["offset_fraction"] = self.rng.choice(fractions)
            return
        away = 1 if (order["size"] > 0) == (order["type"] == "stop") else -1
        level = self.beyond(i, t, now, away)
        if self.used[i] and self.chance(0.3):
            level = self.rng.choice(self.used[i])
        self.used[i].append(level)
        order["limit" if order["type"] == "limit" else "trigger"] = level
        if order["type"] == "stop" and self.chance(0.3):
            order["limit"] = level if self.chance(0.3) else self.level(i, t)

    def set_force(self, order: dict) -> None:
        """Make a limit post-only, immediate-or-cancel or fill-or-kill, or none of these."""
        if self.chance(0.15):
            order["post_only"] = True
        elif self.chance(0.2):
            order["time_in_force"] = self.rng.choice(["ioc", "fok"])

    def with_cancels(self, actions: list[dict], orders: list[dict]) -> list[dict]:
        """Return the margin instructions with cancellations among them, also of what is done or just decided."""
        out = list(actions)
        for n, order in enumerate(orders):
            if order["type"] not in (None, "market") and self.chance(0.15):
                bar = min(order["bar"] + self.rng.choice([0, 1, 1, 2, 4]), self.n_bars - 1)
                place = self.rng.randint(0, len(out))
                out.insert(place, {"bar": bar, "slot": order["slot"], "cancel": n})
        return out


class WorkingMaker(WorkingOrders, Maker):
    """Draws a scenario with working orders."""


class WorkingVenueMaker(WorkingOrders, VenueMaker):
    """Draws a scenario under the rules of a venue with working orders."""
