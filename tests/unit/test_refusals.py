"""Does a result say why its orders were rejected or cut?"""

from types import SimpleNamespace

import numpy as np
import pytest

from backtester.account import Account
from backtester.compare import compare
from backtester.comparing.printing import all_notes
from backtester.explaining.refusals import refusals
from backtester.schema import CUT, EVENT, FILL, REASONS, REJECTED
from backtester.venue import Instrument
from tests.strategy_market import fixed, market

TIERS = ((0.0, 0.01, 20.0), (50_000.0, 0.1, 5.0))


def run(*events, leverages=(10.0,)):
    """A run with events of slot 0, 1 ... in turn, each on its own instrument: 20x up to 50,000 and 5x above."""
    table = np.zeros(len(events), EVENT)
    for n, (row, (kind, reason)) in enumerate(zip(table, events, strict=True)):
        row["kind"], row["reason"], row["slot"] = kind, REASONS.index(reason), n % len(leverages)
    scenario = SimpleNamespace(
        slots=[SimpleNamespace(instrument=n, leverage=leverage) for n, leverage in enumerate(leverages)],
        instruments=[Instrument(f"{letter}USDT", tiers=TIERS) for letter in "ABCDE"],
    )
    return SimpleNamespace(events=table, scenario=scenario)


def test_nothing_refused_is_nothing_said():
    assert refusals(run(), "cross") == []
    assert refusals(run((FILL, "")), "cross") == []


def test_the_reasons_are_counted_the_most_frequent_first():
    said = refusals(run((REJECTED, "no_data"), (REJECTED, "tier"), (REJECTED, "tier"), (CUT, "available")), "cross")
    tier = "2 for more leverage than the venue's tiers allow for the size"
    assert said == [
        f"Cross rejected 3 orders: {tier}; 1 for no price in that bar.",
        "Cross cut 1 order: 1 for not enough free margin.",
        "What the tiers allow: up to 50,000 of AUSDT at 10x.",
    ]


@pytest.mark.parametrize(
    "reason", ["no_data", "minimum", "tier", "available", "would_liquidate", "refused", "no_position"]
)
def test_every_reason_has_words(reason):
    said = refusals(run((REJECTED, reason)), "isolated")[0]
    assert reason == "available" or f"for {reason}." not in said
    assert "_" not in said


def test_what_the_tiers_allow_at_the_leverage_asked_for():
    events = [(REJECTED, "tier"), (CUT, "tier"), (REJECTED, "available")]
    (*_, said) = refusals(run(*events, leverages=(25.0, 10.0, 3.0)), "cross")
    assert said == "What the tiers allow: at most 20x on AUSDT, at any size and up to 50,000 of BUSDT at 10x."


def test_tiers_by_quantity_limit_a_quantity():
    met = run((CUT, "tier"))
    met.scenario.instruments[0] = Instrument("BTC", tiers=TIERS, tier_key="quantity")
    assert refusals(met, "cross")[-1] == "What the tiers allow: up to a quantity of 50,000 of BTC at 10x."


def test_the_limits_of_many_instruments_are_counted():
    (_, said) = refusals(run(*[(REJECTED, "tier")] * 5, leverages=(10.0,) * 5), "cross")
    assert said.endswith("of CUSDT at 10x and 2 more likewise.")
    assert "DUSDT" not in said


def test_too_much_leverage_is_said_in_the_report():
    comparison = compare(fixed(quantity=1.0), market([64.0] * 4), Account(leverage=1_000, venue="binance"))
    assert comparison.verdict == "No trade in either mode."
    notes = all_notes(comparison)
    assert "Isolated rejected 1 order: 1 for more leverage than the venue's tiers allow for the size." in notes
    assert "What the tiers allow: at most 75x on AUSDT, at any size." in notes
    assert "Cross rejected 1 order: 1 for more leverage than the venue's tiers allow for the size." in notes


def test_notes_of_the_market_are_sentences():
    notes = compare(fixed(quantity=1.0), market([64.0] * 4), Account()).notes
    assert notes[0] == "Mark = trade for AUSDT: no mark data."
    assert all(note.endswith(".") and not note[0].islower() for note in notes)
