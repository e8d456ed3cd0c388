"""Does a result say why its orders were rejected or cut?"""

from types import SimpleNamespace

import numpy as np
import pytest

from backtester.account import Account
from backtester.compare import compare
from backtester.printing import all_notes
from backtester.refusals import refusals
from backtester.schema import CUT, EVENT, FILL, REASONS, REJECTED
from tests.strategy_market import fixed, market


def run(*events):
    table = np.zeros(len(events), EVENT)
    for row, (kind, reason) in zip(table, events, strict=True):
        row["kind"], row["reason"] = kind, REASONS.index(reason)
    return SimpleNamespace(events=table)


def test_nothing_refused_is_nothing_said():
    assert refusals(run(), "cross") == []
    assert refusals(run((FILL, "")), "cross") == []


def test_the_reasons_are_counted_the_most_frequent_first():
    said = refusals(run((REJECTED, "no_data"), (REJECTED, "tier"), (REJECTED, "tier"), (CUT, "available")), "cross")
    tier = "2 for more leverage than the venue's tiers allow for the size"
    assert said == [
        f"Cross rejected 3 orders: {tier}; 1 for no price in that bar.",
        "Cross cut 1 order: 1 for not enough free margin.",
    ]


@pytest.mark.parametrize("reason", ["no_data", "minimum", "tier", "available", "would_liquidate", "refused"])
def test_every_reason_has_words(reason):
    (said,) = refusals(run((REJECTED, reason)), "isolated")
    assert reason == "available" or f"for {reason}." not in said
    assert "_" not in said


def test_too_much_leverage_is_said_in_the_report():
    comparison = compare(fixed(quantity=1.0), market([64.0] * 4), Account(leverage=1_000, venue="binance"))
    assert comparison.verdict == "No trade in either mode."
    notes = all_notes(comparison)
    assert "Isolated rejected 1 order: 1 for more leverage than the venue's tiers allow for the size." in notes
    assert "Cross rejected 1 order: 1 for more leverage than the venue's tiers allow for the size." in notes


def test_notes_of_the_market_are_sentences():
    notes = compare(fixed(quantity=1.0), market([64.0] * 4), Account()).notes
    assert notes[0] == "Mark = trade for AUSDT: no mark data."
    assert all(note.endswith(".") and not note[0].islower() for note in notes)
