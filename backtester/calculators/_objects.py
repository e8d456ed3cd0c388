"""The pool as objects of the reference engine, whose rules the calculators are made of."""

from __future__ import annotations

from dataclasses import asdict

from backtester.calculators.pool import Pool
from backtester.errors import ConfigurationError
from backtester.reference.account import Account
from backtester.reference.holding import Holding
from backtester.reference.pool import Pool as RulePool
from backtester.reference.slot import Slot
from backtester.reference.start import build_account, read_venue
from backtester.reference.tiers import TierTable, build_tiers
from backtester.scenario_parts.rows import instrument_row
from backtester.scenario_parts.schema import validate
from backtester.venue import Instrument

__all__ = ["Built", "account_of", "build", "slot_of", "tier_table"]


class Built:
    """A pool of the reference engine, its slots in the order of the positions, and the marks it stands at."""

    def __init__(self, pool: RulePool, marks: list[float]) -> None:
        self.pool = pool
        self.marks = marks
        self.slots: list[Slot] = pool.slots

    @property
    def excess(self) -> float:
        """Return ``equity - requirement``: liquidated at 0 and below."""
        return self.pool.equity(self.marks) - self.pool.requirement(self.marks)

    def holding(self, slot: Slot) -> Holding:
        """Return what the pool holds on the slot's instrument."""
        return next(held for held in self.pool.holdings() if held.instrument is slot.instrument)


def build(pool: Pool) -> Built:
    """Return the objects of a pool; one without positions has no slots."""
    if not pool.positions:
        return Built(RulePool(0, "standing", read_venue(asdict(pool.rules)), pool.cash), [])
    account = account_of(pool, "cross")
    account.main.cash = pool.cash
    return Built(account.main, account.marks)


def account_of(pool: Pool, mode: str) -> Account:
    """Return an account with the positions of a pool at their marks, in a margin mode; its cash is still to be set."""
    symbols = list(pool.marks)
    rows = {position.symbol: instrument_row(position.instrument) for position in pool.positions}
    slots = [{"instrument": symbols.index(each.symbol), "leverage": each.leverage} for each in pool.positions]
    columns = [{key: [mark] for key in ("open", "high", "low", "close")} for mark in pool.marks.values()]
    scenario = {
        "open_time": [0],
        "instruments": [rows[symbol] for symbol in symbols],
        "bars": columns,
        "venue": asdict(pool.rules),
        "account": {"balance": 1.0, "mode": mode},
        "slots": slots,
    }
    account = build_account(validate(scenario))
    account.marks = list(pool.marks.values())
    for slot, position in zip(account.slots, pool.positions, strict=True):
        slot.quantity, slot.entry_price = position.quantity, position.entry_price
    return account


def slot_of(built: Built, position: int) -> Slot:
    """Return the slot of a position by its place in the pool."""
    if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position < len(built.slots):
        allowed = f"0 to {len(built.slots) - 1}" if built.slots else "nothing: the pool has no position"
        raise ConfigurationError("position", position, "is no place among the pool's positions", allowed=allowed)
    return built.slots[position]


def tier_table(instrument: Instrument) -> TierTable:
    """Return the tiers of an instrument with their amounts."""
    return build_tiers([list(tier) for tier in instrument.tiers], instrument.tier_key, instrument.unit_margin_rate)
