"""The state of one run: pools, prices of the moment, ledger and events."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass, field

from .instrument import NAN, Instrument
from .pool import Pool
from .slot import Slot, Venue

LEDGER_KINDS = ("realised", "fee", "funding", "liquidation_fee", "insurance_absorbed", "insurance_taken")
SECOND = 1_000_000_000
"""In nanoseconds, the unit of times."""
DUST = 1e-9
"""What counts as nothing: of a position, an order, a wanted size, the balance (sections 4 and 5)."""


@dataclass
class Samples:
    """The lowest equity and the worst margin ratio of a bar (section 4 C)."""

    equity_low: float = math.inf
    worst_margin_ratio: float = 0.0


@dataclass
class Account:
    """Everything that changes during a run."""

    venue: Venue
    balance: float
    path: str
    instruments: list[Instrument]
    slots: list[Slot]
    pools: list[Pool]
    open_time: list[int]
    funding: list[dict] = field(default_factory=list)
    margin_actions: list[dict] = field(default_factory=list)
    ledger: list[dict] = field(default_factory=list)
    events: list[dict] = field(default_factory=list)
    booked: dict[str, float] = field(default_factory=lambda: dict.fromkeys(LEDGER_KINDS, 0.0))
    samples: Samples = field(default_factory=Samples)
    bankrupt: bool = False
    bar: int = 0
    segment: str | int = "open"
    s: float = 0.0
    cool_from: float = -1.0
    at_work: int | None = None
    marks: list[float] = field(default_factory=list)
    trades: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.marks = [NAN] * len(self.instruments)
        self.trades = [NAN] * len(self.instruments)

    @property
    def main(self) -> Pool:
        """Return pool 0."""
        return self.pools[0]

    @property
    def moment(self) -> float:
        """Return the moment in bars: the path takes as long on each of its segments."""
        if self.segment == "open":
            return float(self.bar)
        return self.bar + (float(self.segment) + self.s) / (1 if self.path == "close" else 3)

    @property
    def cooldown(self) -> float:
        """Return ``liquidation_cooldown`` in bars, of the step between bars that is the most frequent one."""
        if self.venue.liquidation_cooldown == 0.0:
            return 0.0
        steps = Counter(later - time for time, later in itertools.pairwise(self.open_time))
        if not steps:
            return math.inf
        most = max(steps.values())
        step = min(step for step, count in steps.items() if count == most)
        return self.venue.liquidation_cooldown * SECOND / step

    def mark(self, slot: Slot) -> float:
        """Return the slot's mark price of the moment; the last known one without data."""
        return self.marks[slot.instrument.index]

    def trade(self, slot: Slot) -> float:
        """Return the slot's trade price of the moment."""
        return self.trades[slot.instrument.index]

    def has_data(self, instrument: Instrument) -> bool:
        """Return whether the instrument has a bar now (section 2)."""
        return instrument.bars[self.bar] is not None

    def equity(self) -> float:
        """Return the total equity over pools at the marks of the moment."""
        return sum(pool.equity(self.marks) for pool in self.pools)

    def available(self) -> float:
        """Return what main may hand to on-demand pools: ``min(cash_0, free_0)`` (section 3).

        Nothing once the account is bankrupt: the run goes on flat (section 5).
        """
        if self.bankrupt:
            return 0.0
        return min(self.main.cash, self.main.free(self.marks))

    def free(self, pool: Pool) -> float:
        """Return ``free_p``; nothing once the account is bankrupt."""
        return 0.0 if self.bankrupt else pool.free(self.marks)

    def book(self, pool: Pool, kind: str, amount: float, slot: Slot | None = None) -> None:
        """Change a pool's cash by a signed amount and write the ledger row (law 1)."""
        if amount == 0.0:
            return
        pool.cash += amount
        if kind in self.booked:
            self.booked[kind] += amount
        slot_index = None if slot is None else slot.index
        row = {"bar": self.bar, "pool": pool.index, "kind": kind, "slot": slot_index, "amount": amount}
        self.ledger.append(row)

    def transfer(self, source: Pool, target: Pool, amount: float, slot: Slot, kind: str = "transfer") -> None:
        """Move cash between pools: two ledger rows."""
        self.book(source, kind, -amount, slot)
        self.book(target, kind, amount, slot)

    def absorb(self, pool: Pool) -> None:
        """Set the negative cash of a flat pool to 0, booked as ``insurance_absorbed`` (sections 4 and 5)."""
        if pool.cash < 0.0:
            self.book(pool, "insurance_absorbed", -pool.cash)

    def event(self, kind: str, slot: Slot, **values: object) -> dict:
        """Append an event of a slot at this moment and return it."""
        mark = self.mark(slot)
        row: dict = {
            "bar": self.bar,
            "kind": kind,
            "slot": slot.index,
            "pool": slot.pool.index,
            "segment": self.segment,
            "s": self.s,
            "price": None if math.isnan(mark) else mark,
            "fill": None,
            "quantity": 0.0,
            "amount": 0.0,
            "reason": "",
            "order": self.at_work,
        }
        row.update(values)
        self.events.append(row)
        return row

    def cut(self, slot: Slot, reason: str, quantity: float, amount: float) -> None:
        """Record that less was done than was asked."""
        self.event("cut", slot, reason=reason, quantity=quantity, amount=amount)

    def reject(self, slot: Slot, reason: str, quantity: float = 0.0) -> None:
        """Record that nothing was done."""
        self.event("rejected", slot, reason=reason, quantity=quantity)

    def sample_ratio(self) -> None:
        """Take the worst margin ratio of the pools at this moment (section 4 C)."""
        worst = max(pool.margin_ratio(self.marks) for pool in self.pools)
        self.samples.worst_margin_ratio = max(self.samples.worst_margin_ratio, worst)

    def sample(self) -> None:
        """Take the total equity and the worst margin ratio at this moment (section 4 C)."""
        self.samples.equity_low = min(self.samples.equity_low, self.equity())
        self.sample_ratio()
