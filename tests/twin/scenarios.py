"""Random scenarios that reach every knob of the margin model.

``random_scenario(seed)`` returns a complete scenario (all venue keys, all order keys). About half of the seeds use
dyadic numbers only (prices k/8, quantities k/16, rates k/1024), with stops, limits, explicit margins and balances
placed so that exact ties occur: a stop at the liquidation price, a low exactly at the liquidation line or at
bankruptcy, a stop equal to a limit. Ties are exact for linear contracts; reciprocal prices are not dyadic.
"""

from __future__ import annotations

import itertools
import math

from tests.twin.actions import Actions
from tests.twin.draws import HOUR, START

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


class Maker(Actions):
    """Draws the parts of one scenario from one random stream."""

    def scenario(self) -> dict:
        """Return the whole scenario."""
        self.mode = self.make_mode()
        self.bars = [self.make_bars() for _ in range(self.n_instruments)]
        self.venue = self.make_venue()
        self.instruments = [self.make_instrument(i) for i in range(self.n_instruments)]
        self.shares = self.make_shares()
        self.slots = [self.make_slot() for _ in range(self.n_slots)]
        orders = self.make_tie_orders() if self.ties else self.make_orders()
        for i, instrument in enumerate(self.instruments):
            grows = instrument["unit_margin_rate"] > 0.0
            instrument["tier_changes"] = [] if self.ties or grows else self.make_tier_changes(i)
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

    def make_mode(self) -> str:
        """Return a margin mode."""
        return self.rng.choice(["cross", "isolated", "isolated", "mixed", "sub_accounts"])

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

    def make_tier_changes(self, i: int) -> list[dict]:
        """Return up to three tables: the first one's with other floors, rates and leverages, at or between bars."""
        if self.later.random() < 0.8:
            return []
        times = sorted({START + self.later.randint(-2, 2 * self.n_bars) * HOUR // 2 for _ in range(3)})
        changes, rows = [], self.instruments[i]["tiers"]
        for time in times:
            size, rate, most = (self.later.choice([0.25, 0.5, 1.0, 2.0, 4.0]) for _ in range(3))
            table = [[floor * size, min(held * rate, 0.75), leverage * most] for floor, held, leverage in rows]
            changes.append({"time": time, "tiers": table})
        return changes
