"""Margin modes that a venue does not have, and that every venue can be run."""

from dataclasses import replace

import numpy as np
import pytest

from backtester.account import Account, position_modes, rules_of
from backtester.compare import compare
from backtester.comparing.across import compare_venues
from backtester.engine import run
from backtester.errors import ConfigurationError
from backtester.market import Market
from backtester.strategy import SlotSpec
from backtester.venue import load_venue, venue_names
from tests.strategy_market import fixed, frame, market

FLAT = [64.0] * 4


def message(*arguments):
    with pytest.raises(ConfigurationError) as caught:
        compare(*arguments)
    return str(caught.value)


def two_legs(*modes):
    return fixed([SlotSpec("AUSDT", leg=f"{mode} {n}", margin_mode=mode) for n, mode in enumerate(modes)], quantity=1.0)


def test_bybit_has_no_cross_beside_isolated_and_says_what_to_use():
    said = message(two_legs("cross", "isolated"), market(FLAT), Account(venue="bybit"), ["mixed"])
    assert said.startswith("account.mode: bybit has one margin mode for the whole account: cross and isolated")
    assert "allowed: isolated, cross, sub_accounts" in said
    assert "shares={'Fixed AUSDT cross 0': 0.5}; those that are isolated stay in the main account" in said


def test_the_way_out_of_a_mixed_account_works():
    account = Account(venue="bybit", mode="sub_accounts", shares={"Fixed AUSDT cross 0": 0.5})
    found = compare(two_legs("cross", "isolated"), market(FLAT), account, ["sub_accounts"])
    assert [(slot.group, slot.isolated) for slot in found.first.scenario.slots] == [(0, False), (-1, True)]


@pytest.mark.parametrize("modes", [("cross", "cross"), ("isolated", "isolated")])
def test_a_mixed_account_that_mixes_nothing_is_allowed(modes):
    found = compare(two_legs(*modes), market(FLAT), Account(venue="bybit"), ["mixed"])
    assert [slot.isolated for slot in found.first.scenario.slots] == [mode == "isolated" for mode in modes]


def test_deribit_has_no_isolated_margin_beside_cross():
    said = message(two_legs("cross", "isolated"), market(FLAT), Account(venue="deribit"), ["mixed"])
    assert said.startswith("account.mode: deribit has no isolated margin: cross and isolated")


def test_an_instrument_that_must_be_isolated_is_refused_in_cross():
    symbols = {"SPYUSD-PERP": frame(FLAT)}
    said = message(fixed(quantity=1.0), Market.from_frames(symbols), Account(venue="crypto_com"), ["cross"])
    assert said.startswith("account.mode: crypto_com margins SPYUSD-PERP in isolation only, so Fixed SPY")
    assert "mode='isolated', or mode='mixed' with isolated=('SPYUSD-PERP',)" in said
    assert compare(fixed(quantity=1.0), Market.from_frames(symbols), Account(venue="crypto_com"), ["isolated"])
    assert load_venue("crypto_com").must_be_isolated("SPY/USD:USD")
    assert not load_venue("crypto_com").must_be_isolated("BTC/USD:USD")


@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_the_mode_of_the_account_decides_nothing_in_a_comparison(mode):
    found = compare(two_legs("cross", "isolated"), market(FLAT), Account(mode=mode), ["isolated", "mixed"])
    assert found.isolated.scenario.slots == found.mixed.scenario.slots
    assert [slot.isolated for slot in found.mixed.scenario.slots] == [False, True]


@pytest.mark.parametrize(
    ("venue", "offset", "has"),
    [
        ("hyperliquid", "none", "net (one-way)"),
        ("kraken", "net", "larger_side (one-way)"),
        ("okx", "larger_side", "none (hedge), net (one-way)"),
        ("bybit", "none", "net (one-way or hedge)"),
    ],
)
def test_a_position_mode_that_a_venue_does_not_have_is_refused_with_those_it_has(venue, offset, has):
    said = message(fixed(quantity=1.0), market(FLAT), Account(venue=venue, rules={"hedge_offset": offset}))
    assert said.startswith(f"account.rules.hedge_offset: belongs to a position mode that {venue} does not have")
    assert f"found {offset!r}; allowed: {has}." in said


def test_a_position_mode_is_refused_before_anything_runs(monkeypatch):
    monkeypatch.setattr("backtester.engine.run", lambda *_, **__: pytest.fail("it ran"))
    account = Account(rules={"hedge_offset": "none"})
    with pytest.raises(ConfigurationError, match="Or leave dydx out of the venues"):
        compare_venues(fixed(quantity=1.0), market(FLAT), account, ["binance", "dydx"])


@pytest.mark.parametrize("name", venue_names())
def test_each_position_mode_of_a_venue_can_be_taken(name):
    venue = load_venue(name)
    assert next(iter(position_modes(venue))) == venue.rules.hedge_offset
    for offset in venue.position_modes.values():
        assert rules_of(Account(venue=name, rules={"hedge_offset": offset})).hedge_offset == offset


def test_a_venue_that_states_no_position_modes_takes_any():
    own = replace(load_venue("hyperliquid"), position_modes={})
    assert rules_of(Account(venue=own, rules={"hedge_offset": "larger_side"})).hedge_offset == "larger_side"
    assert position_modes(own) == {}


@pytest.mark.parametrize("name", venue_names())
def test_every_venue_runs_a_comparison(name):
    inverse = load_venue(name).default.contract == "inverse"
    falling = Market.from_frames({"A/USD:A" if inverse else "A/USDT:USDT": frame([64.0, 64.0, 16.0, 64.0])})
    found = compare(fixed(notional=1_000.0), falling, Account(leverage=2, venue=name))
    assert found.venue == name
    steps = 2 if found.isolated.scenario.rules.reduction == "to_initial" else 1
    assert len(found.isolated.liquidations) == steps


@pytest.mark.parametrize("symbol", ["AUSDT", "A/USDC:USDC"])
def test_a_symbol_settled_in_dollars_is_refused_where_contracts_settle_in_coin(symbol):
    said = message(fixed(quantity=1.0), Market.from_frames({symbol: frame(FLAT)}), Account(venue="binance_coinm"))
    assert said.startswith("symbol: settles in USD")
    assert "and contracts of binance_coinm settle in coin" in said
    assert "Use another venue, or a market of A/USD:A" in said


@pytest.mark.parametrize(
    ("venue", "rules", "keeps"),
    [
        ("crypto_com", {}, "one isolated position on an instrument"),
        ("binance", {}, ""),
        ("binance", {"hedge_offset": "net"}, "one isolated position on an instrument"),
        ("dydx", {}, ""),
    ],
)
def test_slots_that_the_venue_would_join_are_said(venue, rules, keeps):
    account = Account(leverage=2, venue=venue, rules=rules)
    notes = [note for note in compare(two_legs(None, None), market(FLAT), account).notes if "isolated from" in note]
    assert len(notes) == bool(keeps)
    assert all(f"{venue} keeps {keeps}" in note and "AUSDT" in note for note in notes)
    cross = compare(two_legs(None, None), market(FLAT), account, ["cross"])
    assert not any("isolated from" in note for note in cross.notes)


def test_a_mode_in_place_of_the_accounts_is_the_accounts_own():
    """What slots say of themselves counts in mixed, whichever of both said mixed."""
    falling = market(np.linspace(100.0, 60.0, 50))
    both = fixed([SlotSpec("AUSDT", leg=mode, margin_mode=mode) for mode in ("isolated", "cross")], notional=20_000.0)
    named = run(both, falling, Account(mode="mixed"))
    placed = run(both, falling, Account(mode="cross"), mode="mixed")
    assert np.array_equal(placed.equity, named.equity)
    assert not np.array_equal(placed.equity, run(both, falling, Account(mode="cross")).equity)
