"""What is done in a random scenario: orders, exact ties, margin instructions and funding."""

from __future__ import annotations

from tests.twin.draws import HOUR, START, Draws


class Actions(Draws):
    """Draws orders, margin instructions and funding for the slots, instruments and rules of a scenario."""

    instruments: list[dict]
    slots: list[dict]
    venue: dict
    mode: str

    def make_orders(self) -> list[dict]:
        """Return at most one order per slot and bar, by bar."""
        orders = []
        for bar in range(-1, self.n_bars - 1):
            for j in range(self.n_slots):
                if self.chance(0.5 if bar in (-1, 0) else self.busy):
                    orders += [self.make_order(bar, j)]
        return orders

    def make_order(self, bar: int, j: int) -> dict:
        """Return one order."""
        slot = self.slots[j]
        i = slot["instrument"]
        price = self.near(i, bar + 1)
        sign = self.rng.choice([-1, 1])
        order = {
            "bar": bar, "slot": j, "size": 0.0, "size_type": "quantity", "target": self.chance(0.4), "margin": None,
            "limit": None, "stop": None, "take_profit": None, "trail": None, "trail_fraction": None,
            "watch": self.rng.choice(["trade", "trade", "mark"]),
        }
        self.set_size(order, slot, price, sign)
        if self.chance(0.25):
            order["limit"] = self.beyond(i, bar + 1, price, -sign)
        if self.chance(0.35):
            same = order["limit"] is not None and self.chance(0.2)
            order["stop"] = order["limit"] if same else self.beyond(i, bar + 1, price, -sign)
        if self.chance(0.3):
            same = order["stop"] is not None and self.chance(0.1)
            order["take_profit"] = order["stop"] if same else self.beyond(i, bar + 1, price, sign)
        if self.chance(0.15):
            order["trail"] = self.round_price(price * self.rng.choice([0.005, 0.02, 0.06]))
        elif self.chance(0.12):
            order["trail_fraction"] = self.rng.choice([8 / 1024, 16 / 1024, 64 / 1024] if self.dyadic else [0.01, 0.03])
        if self.chance(0.15):
            order["margin"] = self.round_money(self.balance * self.rng.choice([0.05, 0.2, 0.6]))
        return order

    def set_size(self, order: dict, slot: dict, price: float, sign: int) -> None:
        """Set size and size type: mostly a part of what the balance can carry, sometimes more."""
        share = self.rng.choice([0.03, 0.1, 0.3, 0.6, 1.0, 2.0])
        if self.chance(0.07):
            order["size"] = 0.0
            order["size_type"] = self.rng.choice(["quantity", "notional", "equity_fraction", "margin"])
            return
        if self.chance(0.03):
            share = 1e-5
        kind = self.rng.choice(["quantity", "notional", "equity_fraction", "margin"])
        carried = share * self.balance * slot["leverage"]
        size = {
            "quantity": carried * price if self.inverse else carried / price,
            "notional": carried,
            "equity_fraction": share * slot["leverage"],
            "margin": share * self.balance,
        }[kind]
        order["size_type"] = kind
        order["size"] = sign * (max(self.round_quantity(size), 1 / 16) if self.dyadic else round(size, 8))

    # -- exact ties ------------------------------------------------------------------------------------------------

    def make_tie_orders(self) -> list[dict]:
        """Return one order per slot whose liquidation, or bankruptcy, is exactly at a price that is visited.

        An isolated slot asks for that margin; with all slots in main, one order is left and the balance is chosen.
        """
        if self.mode == "cross":
            self.slots = self.slots[:1]
            self.n_slots = 1
        orders = [self.make_tie_order(j) for j in range(self.n_slots)]
        if self.mode == "cross":
            self.balance = orders[0]["margin"] or self.balance
        else:
            self.balance = max(self.balance, 2 * sum(order["margin"] or 0.0 for order in orders))
        return orders

    def make_tie_order(self, j: int) -> dict:
        """Return an order with ``W = q * (e - P) + |q| * P * (r + F)`` and, often, exits at P.

        The fee is added where it is paid out of the same cash; the slot's leverage is high enough for that margin.
        """
        slot = self.slots[j]
        instrument = self.instruments[slot["instrument"]]
        instrument.update(lot=0.0, min_notional=0.0)
        bar = self.rng.choice([-1, -1, 0, 1])
        order = {**self.make_order(bar, j), "limit": None, "target": False, "size_type": "quantity", "trail": None}
        order.update(trail_fraction=None, stop=None, take_profit=None)
        first = self.bars[slot["instrument"]]["open"][bar + 1]
        sign = self.rng.choice([-1, 1])
        quantity = self.rng.choice([1.0, 2.0, 4.0])
        level = self.extreme(slot["instrument"], bar + 1, sign)
        if first is None or level is None:
            return order
        entry = first * (1 + sign * self.venue["slippage"])
        rate = instrument["tiers"][0][1] + self.venue["close_fee_buffer"]
        rate = self.rng.choice([0.0, rate, rate, rate])
        money = quantity * (sign * (entry - level) + level * rate)
        if money <= 0.0:
            return order
        instrument["tiers"] = [[floor, tier_rate, 1024.0] for floor, tier_rate, _ in instrument["tiers"][:1]]
        slot["leverage"] = 1024.0
        if self.mode == "cross" or self.venue["opening_fee_from"] == "pool":
            money += instrument["taker_fee"] * quantity * entry
        order.update(size=sign * quantity, margin=money, stop=level if self.chance(0.5) else None)
        order["take_profit"] = level if self.chance(0.1) else None
        return order

    def extreme(self, i: int, t: int, sign: int) -> float | None:
        """Return a mark price from ``t`` on that is the worst so far for a position of this sign."""
        prefix = "" if self.bars[i].get("mark_open") is None else "mark_"
        worst, records = None, []
        for bar in range(t, self.n_bars):
            for name in ("open", "low" if sign > 0 else "high"):
                price = self.bars[i][prefix + name][bar]
                if price is not None and (worst is None or (price - worst) * sign < 0):
                    worst = price
                    records.append(price)
        if len(records) < 2:
            return None
        k = self.rng.randrange(1, len(records))
        return records[k] if self.chance(0.6) else 0.5 * (records[k - 1] + records[k])

    def make_margin_actions(self) -> list[dict]:
        """Return margin instructions, several per bar possible."""
        actions = []
        if self.chance(0.5):
            return actions
        for bar in range(-1, self.n_bars - 1):
            for _ in range(2):
                if self.chance(0.12):
                    actions += [self.make_margin_action(bar)]
        return actions

    def make_margin_action(self, bar: int) -> dict:
        """Return one instruction to add, remove or set the leverage."""
        row: dict = {"bar": bar, "slot": self.rng.randrange(self.n_slots)}
        kind = self.rng.choice(["add", "remove", "set_leverage"])
        if kind == "set_leverage":
            row[kind] = self.rng.choice([1.0, 2.0, 5.0, 8.0, 16.0, 25.0, 50.0, 100.0])
        else:
            share = self.rng.choice([0.01, 0.1, 0.5, 2.0])
            row[kind] = max(self.round_money(self.balance * share), 1 / 16)
        return row

    def make_funding(self) -> list[dict]:
        """Return funding events: on and off the grid, with jitter, with and without mark."""
        events = []
        for i in range(self.n_instruments):
            if self.chance(0.3):
                continue
            interval = self.make_interval()
            offset = self.rng.choice([0, 0, 1_000_000, HOUR // 3])
            time = START - HOUR + offset
            while time < START + self.n_bars * HOUR:
                events.append(self.make_funding_event(i, time))
                time += interval
        events.sort(key=lambda event: event["time"])
        return events

    def make_interval(self) -> int:
        """Return the time between two settlements."""
        return self.rng.choice([HOUR // 2, HOUR, 4 * HOUR, 8 * HOUR])

    def make_funding_event(self, i: int, time: int) -> dict:
        """Return one event; the mark is sometimes far off and sometimes missing."""
        jitter = self.rng.choice([0, 0, self.rng.randint(0, 20_000_000)])
        rate = self.rng.gauss(0, self.rng.choice([0.0003, 0.002, 0.02]))
        rate = round(rate * 1024) / 1024 if self.dyadic else round(rate, 6)
        t = min(max((time - START) // HOUR, 0), self.n_bars - 1)
        mark = self.round_price(self.near(i, t) * (1 + self.rng.gauss(0, 0.01)))
        return {"time": time + jitter, "instrument": i, "rate": rate, "mark": mark if self.chance(0.5) else None}
