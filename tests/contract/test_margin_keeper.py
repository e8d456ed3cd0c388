"""What the margin keeper of the gallery does with margin, by hand, and that in cross it keeps its hands off."""

import pytest

import strategies
from backtester.engine import run
from tests.on_bar import account, candles

CALM, RISE, BACK, GAIN = [64.0] * 8, 72.0, 70.5, 80.0


def kept(closes, mode="isolated", **more):
    """Return the run and its margin instructions: bar, kind, amount as a part of the position's quantity."""
    keeper = strategies.load("margin_keeper", window=8, exposure=0.5, leverage=16.0, **more)
    result = run(keeper, candles(*closes), account(mode))
    frame = result.event_frame
    told = frame[frame["kind"].isin(["add_margin", "remove_margin"])]
    amounts = told["amount"] / result.position_changes["quantity"][0]
    return list(zip(told["bar"], told["kind"], amounts, strict=True))


def test_it_feeds_a_position_near_its_line_once_it_is_hungry():
    """72/16 = 4.5 at entry; at 70.5 there is 3 for 70.5/64: a ratio of 0.37. Half of 70.5/16 is added, once."""
    told = kept([*CALM, RISE, RISE, BACK, BACK, BACK])
    assert told == [(11, "add_margin", pytest.approx(0.5 * BACK / 16))]


def test_it_gives_no_more_than_it_may():
    assert kept([*CALM, RISE, RISE, BACK, BACK, BACK], most=0.5) == []


def test_it_takes_out_what_is_not_needed():
    """At 80 there is 4.5 + 8 for an initial margin of 5: all that can be moved is the cash of 4.5."""
    told = kept([*CALM, RISE, RISE, GAIN, GAIN, GAIN])
    assert told == [(11, "remove_margin", pytest.approx(-4.5))]


def test_in_cross_it_keeps_its_hands_off():
    assert kept([*CALM, RISE, RISE, BACK, GAIN, GAIN], mode="cross") == []
