"""Random scenarios that reach every knob of the margin model.

``random_scenario(seed)`` returns a complete scenario (all venue keys, all order keys). About half of the seeds use
dyadic numbers only (prices k/8, quantities k/16, rates k/1024), with stops, limits, explicit margins and balances
placed so that exact ties occur: a stop at the liquidation price, a low exactly at the liquidation line or at
bankruptcy, a stop equal to a limit. Ties are exact for linear contracts; reciprocal prices are not dyadic.
"""

from __future__ import annotations

import itertools
import math
import random

HOUR = 3_600_000_000_000
START = 1_760_130_000_000_000_000
TRADE = ("open", "high", "low", "close")

CHOICES = {
    "mm_basis": ["mark", "mark", "entry"],
    "reduction": ["full", "tier_step", "to_initial"],
    "liquidation_order": ["all", "largest_requirement", "largest_loss"],
    "leftover": ["trader", "trader", "fund"],
    "funding_source": ["pool", "main_first"],
    "partial_close": ["pro_rata", "keep"],
    "opening_fee_from": ["main", "pool"],
    "remove_rule": ["standard", "profit_only"],
    "leverage_rule": ["topup", "topup", "rejected"],
    "on_insufficient": ["reduce", "reduce", "reject"],
    "hedge_offset": ["none", "larger_side", "net"],
}
RATES = {
    "close_fee_buffer": [0.0, 0.0, 0.0005, 0.0054],
    "liquidation_fee": [0.0, 0.0, 0.005, 0.0125, 0.03],
    "liquidation_slippage": [0.0, 0.0, 0.001, 0.01],
    "slippage": [0.0, 0.0, 0.0005, 0.004],
}
STEPS = {
    "initial_margin_buffer": [0.0, 0.0, 4 / 1024, 0.0054],
    "remove_floor": [0.0, 0.0, 1 / 8],
    "backstop_rate": [0.0, 0.0, 0.5, 0.97],
    "first_fraction": [0.0, 1 / 4, 0.2],
    "first_fraction_above": [0.0, 0.25, 1.0],  # of the balance
    "liquidation_cooldown": [0.0, 30.0, 600.0, 5_000.0],
    "tier_steps": [1, 1, 2, 3],
}
DYADIC_RATES = {
    "close_fee_buffer": [0.0, 0.0, 1 / 1024],
    "liquidation_fee": [0.0, 0.0, 8 / 1024, 16 / 1024],
    "liquidation_slippage": [0.0, 0.0, 4 / 1024],
    "slippage": [0.0, 0.0, 0.0, 1 / 1024],
}


def random_scenario(seed: int) -> dict:
    """Return the scenario of a seed."""
    return Maker(seed).scenario()


class Maker:
    """Draws the parts of one scenario from one random stream."""

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

    def make_tier_changes(self, tiers: list[list[float]]) -> list[dict]:
        """Return up to three tables: the first one's with other floors, rates and leverages, at or between bars."""
        if self.later.random() < 0.8:
            return []
        times = sorted({START + self.later.randint(-2, 2 * self.n_bars) * HOUR // 2 for _ in range(3)})
        changes = []
        for time in times:
            size, rate, most = (self.later.choice([0.25, 0.5, 1.0, 2.0, 4.0]) for _ in range(3))
            rows = [[floor * size, min(held * rate, 0.75), leverage * most] for floor, held, leverage in tiers]
            changes.append({"time": time, "tiers": rows})
        return changes

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

    def scenario(self) -> dict:
        """Return the whole scenario."""
        self.mode = self.rng.choice(["cross", "isolated", "isolated", "mixed", "sub_accounts"])
        self.bars = [self.make_bars() for _ in range(self.n_instruments)]
        self.venue = self.make_venue()
        self.instruments = [self.make_instrument(i) for i in range(self.n_instruments)]
        self.shares = self.make_shares()
        self.slots = [self.make_slot() for _ in range(self.n_slots)]
        orders = self.make_tie_orders() if self.ties else self.make_orders()
        for instrument in self.instruments:
            grows = instrument["unit_margin_rate"] > 0.0
            instrument["tier_changes"] = [] if self.ties or grows else self.make_tier_changes(instrument["tiers"])
        return {
            "open_time": [START + t * HOUR for t in range(self.n_bars)],
            "instruments": self.instruments,
            "bars": self.bars,
            "funding": [] if self.ties else self.make_funding(),
            "venue": self.venue,
            "account": {
                "balance": self.balance,
                "mode": self.mode,
                "path": self.rng.choice(["adverse", "adverse", "favourable", "candle", "close"]),
            },
            "slots": self.slots,
            "sub_account_shares": self.shares,
            "orders": orders,
            "margin_actions": [] if self.ties else self.make_margin_actions(),
        }

    # -- the market ------------------------------------------------------------------------------------------------

    def make_bars(self) -> dict:
        """Return the columns of one instrument, with gaps, flat bars, missing bars, perhaps marks."""
        price = self.rng.choice([16.0, 64.0, 100.0, 180.0])
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

    # -- rules and places ------------------------------------------------------------------------------------------

    def make_venue(self) -> dict:
        """Return all venue keys."""
        rates = DYADIC_RATES if self.dyadic else RATES
        rules = {name: self.rng.choice(values) for name, values in {**CHOICES, **rates}.items()}
        if self.chance(0.35):
            rules.update(liquidation_slippage=0.0, slippage=0.0, close_fee_buffer=0.0)
        return rules | self.make_top_up() | self.make_steps()

    def make_top_up(self) -> dict:
        """Return the rules of automatic top-ups, mostly none."""
        rule = self.top_ups.choice(["none", "none", "none", "initial_margin", "initial_margin", "all_free"])
        cap = self.balance * self.top_ups.choice([0.0, 0.0, 1 / 32, 1 / 4])
        return {"auto_top_up": rule, "top_up_cap": cap}

    def make_steps(self) -> dict:
        """Return the rules of liquidations in steps, of the backstop and of reserves, mostly none."""
        if self.ties or self.steps.random() < 0.5:
            return {name: values[0] for name, values in STEPS.items()}
        rules = {name: self.steps.choice(values) for name, values in STEPS.items()}
        rules["first_fraction_above"] *= self.balance
        return rules | ({"reduction": "fraction_first"} if self.steps.random() < 0.4 else {})

    def make_growth(self, row: dict, price: float) -> dict:
        """Return a margin rate that grows with the size of an instrument with tiers by quantity, and its own fee."""
        own: dict = {"unit_margin_rate": 0.0, "liquidation_fee": None}
        if self.steps.random() < 0.2:
            own["liquidation_fee"] = self.steps.choice([0.0, 8 / 1024, 0.009])
        if row["tier_key"] == "quantity" and not self.ties and self.steps.random() < 0.5:
            full = self.balance * price if self.inverse else self.balance / price
            own["unit_margin_rate"] = 1.0 / (full * self.steps.choice([4.0, 16.0, 100.0]))
            row["tiers"] = [[floor, min(rate, 0.75 / most), most] for floor, rate, most in row["tiers"]]
            for k, (before, tier) in enumerate(itertools.pairwise(row["tiers"]), start=1):
                row["tiers"][k][1] = max(tier[1], before[1])
        return own

    def make_instrument(self, i: int) -> dict:
        """Return an instrument with one to five tiers."""
        price = self.near(i, 0)
        keyed_by = self.rng.choice(["notional", "notional", "quantity"])
        unit = self.balance
        if keyed_by == "quantity":
            unit = self.balance * price if self.inverse else self.balance / price
        rows, floor = [], 0.0
        rate = self.rng.choice([0, 4, 8, 16]) / 1024 if self.dyadic else self.rng.choice([0.0, 0.004, 0.0055, 0.011])
        leverage = self.rng.choice([50.0, 64.0, 100.0, 128.0])
        for _ in range(self.rng.randint(1, 5)):
            rows.append([floor, rate, leverage])
            step = unit * self.rng.choice([0.5, 1.0, 2.0, 4.0])
            if self.dyadic:
                floor += max(round(step * 16), 1) / 16
                rate += self.rng.choice([0, 4, 8, 16]) / 1024
            else:
                floor = round(floor + step * self.rng.uniform(0.7, 1.3), 4)
                rate = round(rate * 1.5 + 0.002, 5)
            leverage = self.rng.choice([leverage, max(1.0, leverage / 2), max(1.0, leverage - 20.0)])
        free = self.chance(0.35)
        fee = 1 / 1024 if self.dyadic else 0.0006
        one = self.balance * price if self.inverse else self.balance / price
        row = {
            "symbol": f"COIN{i}",
            "contract": "inverse" if self.inverse else "linear",
            "tiers": rows,
            "tier_key": keyed_by,
            "taker_fee": 0.0 if free else fee,
            "maker_fee": 0.0 if free else self.rng.choice([fee / 2, 0.0, -fee / 4]),
            "lot": self.make_lot(one),
            "min_notional": self.rng.choice([0.0, 0.0, self.balance / 64, self.balance / 8]),
        }
        return row | self.make_growth(row, price)

    def make_lot(self, one: float) -> float:
        """Return a lot: none, small, or coarse against what the balance buys."""
        kind = self.rng.choice(["none", "none", "small", "coarse"])
        if kind == "none":
            return 0.0
        if self.dyadic:
            return 1 / 16 if kind == "small" else 2.0 ** round(math.log2(max(one / 4, 1 / 16)))
        return 0.001 if kind == "small" else 10.0 ** round(math.log10(max(one / 4, 0.001)))

    def make_shares(self) -> list[float]:
        """Return the shares of the sub-accounts."""
        if self.mode != "sub_accounts":
            return []
        return self.rng.choice([[0.5], [0.5, 0.25], [0.25, 0.25, 0.5], [0.0, 0.5], [1.0]])

    def make_slot(self) -> dict:
        """Return a slot; several slots often share an instrument."""
        i = self.rng.randrange(self.n_instruments) if self.chance(0.6) else 0
        largest = self.instruments[i]["tiers"][0][2]
        leverage = self.rng.choice([2.0, 4.0, 8.0, 10.0, 16.0, 20.0, 32.0, 50.0])
        if self.chance(0.1):
            leverage = largest
        if self.chance(0.02):
            leverage = largest + 8.0
        slot: dict = {"instrument": i, "leverage": leverage}
        if self.mode == "mixed":
            slot["mode"] = self.rng.choice(["isolated", "cross"])
        if self.mode == "sub_accounts":
            group = self.rng.choice([None, *range(len(self.shares))])
            if group is not None:
                slot["group"] = group
            elif self.chance(0.6):
                slot["mode"] = "isolated"
        return slot

    # -- what is done ----------------------------------------------------------------------------------------------

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
            interval = self.rng.choice([HOUR // 2, HOUR, 4 * HOUR, 8 * HOUR])
            offset = self.rng.choice([0, 0, 1_000_000, HOUR // 3])
            time = START - HOUR + offset
            while time < START + self.n_bars * HOUR:
                events.append(self.make_funding_event(i, time))
                time += interval
        events.sort(key=lambda event: event["time"])
        return events

    def make_funding_event(self, i: int, time: int) -> dict:
        """Return one event; the mark is sometimes far off and sometimes missing."""
        jitter = self.rng.choice([0, 0, self.rng.randint(0, 20_000_000)])
        rate = self.rng.gauss(0, self.rng.choice([0.0003, 0.002, 0.02]))
        rate = round(rate * 1024) / 1024 if self.dyadic else round(rate, 6)
        t = min(max((time - START) // HOUR, 0), self.n_bars - 1)
        mark = self.round_price(self.near(i, t) * (1 + self.rng.gauss(0, 0.01)))
        return {"time": time + jitter, "instrument": i, "rate": rate, "mark": mark if self.chance(0.5) else None}
