"""One random stream, the numbers of a scenario on its grid, and its candles."""

from __future__ import annotations

import math
import random

HOUR = 3_600_000_000_000
START = 1_760_130_000_000_000_000
TRADE = ("open", "high", "low", "close")


class Draws:
    """Draws what a scenario is like as a whole, and its market."""

    bars: list[dict]

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.later = random.Random(f"{seed}, later knobs")  # a stream of its own: older seeds stay what they are
        self.top_ups = random.Random(f"{seed}, top-ups")
        self.steps = random.Random(f"{seed}, steps of liquidations")
        self.dyadic = self.chance(0.5)
        self.inverse = self.chance(0.35)
        self.n_bars = self.rng.randint(5, 60)
        self.n_instruments = self.rng.randint(1, 4)
        self.n_slots = self.rng.randint(1, 6)
        self.volatility = self.rng.choice([0.004, 0.01, 0.02, 0.05])
        self.gap_chance = self.rng.choice([0.0, 0.05, 0.15])
        self.balance = self.round_money(self.rng.choice([8.0, 64.0] if self.inverse else [1024.0, 8192.0]))
        self.busy = self.rng.choice([0.08, 0.2, 0.4])
        self.ties = self.dyadic and not self.inverse and self.chance(0.3)

    def chance(self, share: float) -> bool:
        """Return True with the given share."""
        return self.rng.random() < share

    def round_price(self, price: float) -> float:
        """Return a positive price on the scenario's grid."""
        if self.dyadic:
            return max(round(price * 8), 1) / 8
        return max(round(price, 3), 0.001)

    def round_money(self, money: float) -> float:
        """Return money on the scenario's grid."""
        return round(money * 16) / 16 if self.dyadic else round(money * self.rng.uniform(0.8, 1.2), 4)

    def round_quantity(self, quantity: float) -> float:
        """Return a quantity on the scenario's grid."""
        if self.dyadic:
            return round(quantity * 16) / 16
        return round(quantity, 6)

    # -- the market ------------------------------------------------------------------------------------------------

    def make_bars(self) -> dict:
        """Return the columns of one instrument, with gaps, flat bars, missing bars, perhaps marks."""
        price = self.first_price()
        with_marks = self.chance(0.5)
        columns: dict[str, list] = {name: [] for name in TRADE}
        marks: dict[str, list] = {"mark_" + name: [] for name in TRADE}
        for _ in range(self.n_bars):
            candle = self.make_candle(price)
            price = candle[3]
            mark = self.make_mark(candle)
            for name, value, mark_value in zip(TRADE, candle, mark, strict=True):
                columns[name].append(value)
                marks["mark_" + name].append(mark_value)
        if with_marks:
            columns.update(marks)
        self.drop_bars(columns)
        return columns

    def first_price(self) -> float:
        """Return a price to start from."""
        return self.rng.choice([16.0, 64.0, 100.0, 180.0])

    def make_candle(self, before: float) -> list[float]:
        """Return open, high, low, close after a close."""
        start = before
        if self.chance(self.gap_chance):
            start = before * math.exp(self.rng.choice([-1, 1]) * self.rng.uniform(0.02, 0.4))
        elif self.chance(0.3):
            start = before * (1 + self.rng.gauss(0, self.volatility / 4))
        start = self.round_price(start)
        if self.chance(0.06):
            return [start] * 4
        end = self.round_price(start * math.exp(self.rng.gauss(0, self.volatility)))
        reach = abs(self.rng.gauss(0, self.volatility)), abs(self.rng.gauss(0, self.volatility))
        high = self.round_price(max(start, end) * (1 + reach[0]))
        low = self.round_price(min(start, end) * math.exp(-reach[1]))
        return [start, max(high, start, end), min(low, start, end), end]

    def make_mark(self, candle: list[float]) -> list[float]:
        """Return the mark candle: near the trade candle, with shorter wicks."""
        wobble = self.rng.gauss(0, self.volatility / 8)
        start, end = (self.round_price(price * (1 + wobble)) for price in (candle[0], candle[3]))
        top, bottom = max(start, end), min(start, end)
        high = max(self.round_price(top + self.rng.random() * max(candle[1] - top, 0)), top)
        low = min(self.round_price(bottom - self.rng.random() * max(bottom - candle[2], 0)), bottom)
        return [start, high, low, end]

    def drop_bars(self, columns: dict) -> None:
        """Make bars missing: single ones, single prices, before a listing, after a delisting."""
        missing: set[int] = set()
        if self.chance(0.25):
            missing.update(t for t in range(self.n_bars) if self.chance(0.1))
        if self.chance(0.15):
            missing.update(range(self.rng.randint(1, self.n_bars // 2)))
        if self.chance(0.15):
            missing.update(range(self.rng.randint(self.n_bars // 2, self.n_bars), self.n_bars))
        for t in missing:
            names = [self.rng.choice(list(columns))] if self.chance(0.2) else list(columns)
            for name in names:
                columns[name][t] = None

    def beyond(self, i: int, t: int, price: float, side: int) -> float:
        """Return a level above (+1) or below (-1) a price, mostly."""
        for _ in range(4):
            level = self.level(i, t)
            if (level - price) * side > 0:
                break
        return level

    def level(self, i: int, t: int) -> float:
        """Return a price that a bar from ``t`` on visits exactly, or one near it."""
        end = min(self.n_bars, t + 8)
        later = self.rng.randrange(min(t, self.n_bars - 1), end) if t < end else self.n_bars - 1
        name = self.rng.choice(TRADE)
        if self.bars[i].get("mark_" + name) is not None and self.chance(0.4):
            name = "mark_" + name
        price = self.bars[i][name][later] or self.near(i, t)
        return price if self.chance(0.6) else self.round_price(price * (1 + self.rng.gauss(0, self.volatility / 2)))

    def near(self, i: int, t: int) -> float:
        """Return the last open known at ``t``, or the first one there is."""
        opens = self.bars[i]["open"]
        known = [price for price in opens[: t + 1] if price is not None]
        later = [price for price in opens if price is not None]
        return (known or later or [64.0])[-1]
