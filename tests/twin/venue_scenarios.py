"""Random scenarios under the rules of real venues: what a venue file says, on random markets with random orders.

``venue_scenario(seed)`` takes the venues in turn. A balance is drawn so that positions are of the size of one of the
venue's tiers, whatever that size is.
"""

from __future__ import annotations

from dataclasses import asdict, replace

from backtester.scenario_parts.rows import instrument_row
from backtester.venue import Venue, load_venue, venue_names
from tests.twin.draws import HOUR, START
from tests.twin.scenarios import Maker

LEVERAGE = 10  # near that of most slots: a balance times this is a position


def venue_scenario(seed: int) -> dict:
    """Return the scenario of a seed."""
    return VenueMaker(seed).scenario()


class VenueMaker(Maker):
    """Draws the parts of a scenario, but for what a venue file states."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        names = venue_names()
        self.at: Venue = load_venue(names[seed % len(names)])
        known = [self.at.default, *self.at.instruments.values()]
        self.inverse = self.rng.choice(sorted({each.contract for each in known})) == "inverse"
        self.known = [each for each in known if (each.contract == "inverse") == self.inverse]
        self.dyadic = self.ties = False

    def scenario(self) -> dict:
        """Return the whole scenario, of one to four of the venue's instruments."""
        self.traded = [self.rng.choice(self.known) for _ in range(self.n_instruments)]
        return super().scenario()

    def first_price(self) -> float:
        """Return a price that is not round: with the round rates of venues, ties are decided by the last digit."""
        return super().first_price() * self.rng.uniform(0.9, 1.1)

    def make_balance(self) -> float:
        """Return what a position of the size of one of the first instrument's tiers takes."""
        instrument = self.traded[0]
        floors = [tier.floor for tier in instrument.tiers[1:]] or [max(instrument.min_notional, 100.0) * 64]
        size = self.rng.choice(floors)
        if instrument.tier_key == "quantity":
            size *= 1 / self.near(0, 0) if self.inverse else self.near(0, 0)
        return round(size / LEVERAGE * self.rng.uniform(0.5, 4.0), 6)

    def make_mode(self) -> str:
        """Return a margin mode that the venue has."""
        modes = ["cross", "isolated", "isolated", "sub_accounts"]
        return self.rng.choice(modes + ["mixed"] * (self.at.coexistence == "per_instrument"))

    def make_venue(self) -> dict:
        """Return the venue's rules, in one of its position modes; now and then what a trader adds to them."""
        self.balance = self.make_balance()  # prices are known by now, and nothing else is
        rules = asdict(self.at.rules) | {"hedge_offset": self.rng.choice([*self.at.position_modes.values()])}
        if self.chance(0.25):
            rules |= self.make_top_up()
        if self.chance(0.25):
            rules |= {name: self.rng.choice([0.0005, 0.004]) for name in ("slippage", "liquidation_slippage")}
        return rules

    def make_instrument(self, i: int) -> dict:
        """Return an instrument of the venue, under a name of its own."""
        own = instrument_row(replace(self.traded[i], symbol=f"COIN{i}"))
        return {"unit_margin_rate": 0.0, "liquidation_fee": None} | own

    def make_slot(self) -> dict:
        """Return a slot, mostly with a leverage that its instrument has."""
        slot = super().make_slot()
        largest = self.traded[slot["instrument"]].tiers[0].max_leverage
        if slot["leverage"] > largest and self.chance(0.8):
            slot["leverage"] = largest
        return slot

    def make_tier_changes(self, i: int) -> list[dict]:
        """Return the last of the venue's dated tables, in their order, at times of the run."""
        tables = self.at.tables(self.traded[i].symbol)[-3:]
        if self.later.random() < 0.4:
            return []
        times = sorted(self.later.sample(range(1, 2 * self.n_bars), len(tables)))
        rows = [[list(tier) for tier in table.tiers] for table in tables]
        return [{"time": START + time * HOUR // 2, "tiers": table} for time, table in zip(times, rows, strict=True)]

    def make_interval(self) -> int:
        """Return the venue's funding interval."""
        return round(self.at.funding_hours * HOUR)
