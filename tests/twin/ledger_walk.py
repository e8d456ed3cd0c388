"""A second implementation of stretches and pairs: one event and one ledger row after the other, as plain objects."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from backtester.explaining.stretches import MONEY
from backtester.result import Result

TRADES = {"fill", "liquidation", "stop", "take_profit", "trailing_stop", "limit"}
BOOKED = ("realised", "fee", "liquidation_fee", "funding")
EXACT = 1e-9  # of the balance, or of a position

Row = dict[str, Any]


@dataclass
class Walked:
    """One stretch: its slot, the bar of the order that opened it, what it holds, its trades and its money."""

    slot: int
    order: int
    quantity: float = 0.0
    entry: float = math.nan
    trades: list[Row] = field(default_factory=list)
    money: dict[str, float] = field(default_factory=lambda: dict.fromkeys(MONEY, 0.0))

    @property
    def liquidated(self) -> bool:
        return any(trade["kind"] == "liquidation" for trade in self.trades)

    def trade(self, event: Row, level: float) -> float:
        """Change the position at a level and return what that realises."""
        self.trades.append(event)
        before, change, realised = self.quantity, event["quantity"], 0.0
        if before * change < 0.0:
            realised = -change * (level - self.entry)
            self.quantity = 0.0 if abs(before + change) <= EXACT * abs(before) else before + change
        else:
            worth = (before * self.entry if before else 0.0) + change * level
            self.quantity, self.entry = before + change, worth / (before + change)
        return realised


class Walk:
    """Goes through a run; `stretches` are those it has met, by slot and in order of time."""

    def __init__(self, run: Result) -> None:
        self.run, self.money = run, EXACT * run.scenario.balance
        self.events: list[Row] = run.event_frame.reset_index(drop=True).to_dict("records")
        self.ledger: list[Row] = run.ledger_frame.reset_index(drop=True).to_dict("records")
        self.to_come: dict[int, list[int]] = defaultdict(list)  # rows of the ledger by slot, the next one last
        for number in reversed(range(len(self.ledger))):
            if self.ledger[number]["kind"] in BOOKED:
                self.to_come[self.ledger[number]["slot"]].append(number)
        self.last_row = -1  # of the ledger, that was taken
        self.held: dict[int, Walked] = {}
        self.closings: list[tuple[int, Row, Walked]] = []  # with the last row of the ledger before each
        met = [stretch for event in self.events if (stretch := self.step(event))]
        assert not any(self.to_come.values())
        for number, row in enumerate(self.ledger):
            if row["kind"] in ("insurance_absorbed", "insurance_taken"):
                self.insure(number, row)
        for stretch in self.held.values():
            stretch.money["price"] += stretch.quantity * (self.last_mark(stretch.slot) - stretch.entry)
        self.stretches = sorted(met, key=lambda stretch: stretch.slot)

    def level(self, slot: int, price: float) -> float:
        instrument = self.run.scenario.instruments[self.run.scenario.slots[slot].instrument]
        return -1.0 / price if instrument.contract == "inverse" else price

    def last_mark(self, slot: int) -> float:
        marks = self.run.market.mark_close[:, self.run.scenario.slots[slot].instrument].tolist()
        return self.level(slot, [mark for mark in marks if not math.isnan(mark)][-1])

    def step(self, event: Row) -> Walked | None:
        """Book an event; returns the stretch if it begins one."""
        slot = event["slot"]
        if event["kind"] == "funding":
            stretch, paid = self.held[slot], 0.0
            while abs(paid - event["amount"]) > 1e-12 * abs(event["amount"]):  # main may have paid a part
                paid += self.take(slot, "funding")
            stretch.money["funding"] += event["amount"]
        if event["kind"] not in TRADES:
            return None
        new = slot not in self.held
        if new:
            decided = int(self.run.scenario.orders.bar[event["order"]])
            self.held[slot] = Walked(slot, decided)
        stretch = self.held[slot]
        before = stretch.quantity
        realised = stretch.trade(event, self.level(slot, event["fill"]))
        fee = "liquidation_fee" if event["kind"] == "liquidation" else "fee"
        stretch.money["price"] += self.take(slot, "realised", realised)
        stretch.money[f"{fee}s"] += self.take(slot, fee, event["amount"] - realised)
        if before * event["quantity"] < 0.0:
            self.closings.append((self.last_row, event, stretch))
        if stretch.quantity == 0.0:
            del self.held[slot]
        return stretch if new else None

    def take(self, slot: int, kind: str, expected: float | None = None) -> float:
        """Take the slot's next row of the ledger if it is this one; one of 0 was not written."""
        rows = self.to_come[slot]
        row = self.ledger[rows[-1]] if rows else None
        if row is None or row["kind"] != kind or (expected is not None and abs(row["amount"] - expected) > self.money):
            assert expected is not None and abs(expected) <= self.money, (slot, kind, expected, row)
            return 0.0
        self.last_row = rows.pop()
        return row["amount"]

    def insure(self, number: int, row: Row) -> None:
        """Give a row of an insurance fund to the closings that it followed."""
        before = [each for each in self.closings if each[0] < number and each[1]["bar"] == row["bar"]]
        if row["slot"] >= 0:
            last = next(stretch for *_, stretch in reversed(before) if stretch.slot == row["slot"])
            last.money["insurance"] += row["amount"]
            return
        own = [each for each in before if (each[1]["kind"], each[1]["pool"]) == ("liquidation", row["pool"])]
        moment = own[-1][1]["segment"], own[-1][1]["s"]
        own = [each for each in own if (each[1]["segment"], each[1]["s"]) == moment]
        worth = [abs(event["quantity"] * self.level(event["slot"], event["price"])) for _, event, _ in own]
        for (_, _, stretch), share in zip(own, worth, strict=True):
            stretch.money["insurance"] += row["amount"] * share / sum(worth)
