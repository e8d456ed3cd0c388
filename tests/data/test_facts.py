"""What a store knows of a venue's instruments goes into the venue of a run."""

import json

import numpy as np
import pandas as pd
import pytest

from backtester import Account, Strategy, Targets, compare
from backtester.errors import MarketDataError
from backtester.venue import Tier, load_venue
from data import Series, Store, load
from data.facts import with_facts
from tests.data.rows import START, candles, rates

NS = 1_000_000


def market(**changes):
    """Return what `markets.json` says of one market."""
    return {
        "symbol": "X/USDT:USDT", "contract": "linear", "settled_in": "USDT", "contract_size": 1.0, "lot": 0.01,
        "tick": 0.1, "min_quantity": 0.01, "min_notional": 20.0, "max_leverage": 50.0, "taker_fee_rate": 0.0009,
        "maker_fee_rate": 0.0008, "listed": "2024-01-01 00:00:00 UTC", "active": True,
    } | changes  # fmt: skip


def put_markets(folder, markets, tiers_in="quote"):
    folder.mkdir(parents=True, exist_ok=True)
    about = {"venue": folder.name, "taken": "2025-10-12 10:00:00 UTC", "source": "ccxt x", "tiers_in": tiers_in}
    (folder / "markets.json").write_text(json.dumps({**about, "markets": markets}))
    return folder


def put_tiers(store, venue, symbol, *tables):
    series = Series(venue, symbol, "tiers")
    for time, rows in tables:
        frame = pd.DataFrame(rows, columns=["floor", "maintenance_rate", "max_leverage"]).assign(timestamp=time)
        store.add_page(series, frame, "a test")
    store.merge(series)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_without_facts_the_venue_is_itself(store):
    venue = load_venue("binance")
    assert with_facts(venue, store.root / "binance", ["BTCUSDT"]) is venue


def test_lots_contracts_and_smallest_orders_are_the_stores_and_fees_only_where_they_were_assumed(store):
    folder = put_markets(store.root / "okx", {"SOL-USDT-SWAP": market(contract_size=10.0, lot=0.5)}, "contracts")
    venue = with_facts(load_venue("okx"), folder, ["SOL-USDT-SWAP", "XRP-USDT-SWAP"])
    sol = venue.instrument("SOL/USDT:USDT")
    assert (sol.contract_size, sol.lot, sol.min_notional) == (10.0, 5.0, 20.0)
    assert sol.taker_fee_rate == load_venue("okx").default.taker_fee_rate  # a page of the venue says so
    assert venue.is_assumed("SOL-USDT-SWAP")  # its tiers are still the default's
    assert venue.instrument("XRP-USDT-SWAP") == load_venue("okx").instrument("XRP-USDT-SWAP")
    assert "as the venue gave them (ccxt x, 2025-10-12) for SOL-USDT-SWAP" in venue.notes[-1]
    generic = with_facts(load_venue("generic"), put_markets(store.root / "generic", {"X": market()}), ["X"])
    assert generic.instrument("X").taker_fee_rate == 0.0009  # there they are assumed


def test_tiers_come_into_force_when_they_were_captured(store):
    folder = put_markets(store.root / "binance", {})
    old, new = [[0.0, 0.01, 50.0], [1e5, 0.02, 25.0]], [[0.0, 0.02, 25.0]]
    day = 86_400_000
    put_tiers(store, "binance", "NEWUSDT", (START, old), (START + day, old), (START + 2 * day, new))
    put_tiers(store, "binance", "BTCUSDT", (START + 2_000 * day, new))
    plain = load_venue("binance")
    venue = with_facts(plain, folder, ["NEWUSDT", "BTCUSDT"])
    assert [table.since for table in venue.tables("NEWUSDT")] == [START * NS, (START + 2 * day) * NS]
    assert venue.tiers_at("NEWUSDT", START * NS).tiers == (Tier(0.0, 0.01, 50.0), Tier(1e5, 0.02, 25.0))
    assert venue.instrument("NEWUSDT").tiers == (Tier(0.0, 0.02, 25.0),)
    assert not venue.is_assumed("NEWUSDT")
    assert venue.tables("BTCUSDT")[:-1] == plain.tables("BTCUSDT")
    assert venue.tables("BTCUSDT")[-1].tiers == (Tier(0.0, 0.02, 25.0),)
    assert "tiers as they were captured into the store for NEWUSDT, BTCUSDT" in venue.notes[-1]


def test_tiers_that_the_file_states_without_a_date_stay(store):
    folder = put_markets(store.root / "crypto_com", {"BTCUSD-PERP": market(contract_size=1.0)}, "base")
    put_tiers(store, "crypto_com", "BTCUSD-PERP", (START, [[0.0, 0.01, 50.0]]))
    plain = load_venue("crypto_com")
    venue = with_facts(plain, folder, ["BTCUSD-PERP"])
    assert venue.instrument("BTCUSD-PERP").tiers == plain.instrument("BTCUSD-PERP").tiers
    assert venue.instrument("BTCUSD-PERP").lot == 0.01
    assert not venue.is_assumed("BTCUSD-PERP")


@pytest.mark.parametrize(("tiers_in", "growth"), [("base", 0.01), ("quote", 0.0)])
def test_margin_rates_that_grow_go_with_tiers_by_quantity(store, tiers_in, growth):
    folder = put_markets(store.root / "crypto_com", {"ETHUSD-PERP": market(contract_size=1.0)}, tiers_in)
    series = Series("crypto_com", "ETHUSD-PERP", "tiers")
    row = {"timestamp": START, "floor": 0.0, "maintenance_rate": 0.025, "max_leverage": 20.0, "unit_margin_rate": 0.01}
    store.add_page(series, pd.DataFrame([row]), "a test")
    store.merge(series)
    ether = with_facts(load_venue("crypto_com"), folder, ["ETHUSD-PERP"]).instrument("ETHUSD-PERP")
    assert (ether.unit_margin_rate, ether.tiers) == (growth, ((0.0, 0.025, 20.0),))


@pytest.mark.parametrize(
    ("tiers_in", "contract", "key", "floor"),
    [
        ("quote", "linear", "notional", 100.0),
        ("base", "linear", "quantity", 100.0),
        ("base", "inverse", "notional", 100.0),
        ("contracts", "linear", "quantity", 1_000.0),
        (None, "linear", "notional", 100.0),
    ],
)
def test_floors_count_what_the_venue_counts(store, tiers_in, contract, key, floor):
    folder = put_markets(store.root / "generic", {"X": market(contract_size=10.0, contract=contract)}, tiers_in)
    put_tiers(store, "generic", "X", (START, [[0.0, 0.01, 50.0], [100.0, 0.02, 25.0]]))
    known = with_facts(load_venue("generic"), folder, ["X"]).instrument("X")
    assert known.tier_key == key
    assert known.tiers[1].floor == floor


class Hold(Strategy):
    def targets(self, market):
        return Targets(notional=np.full((market.n_bars, market.n_instruments), 1_005.0))


def test_a_run_uses_them(store):
    trade = Series("generic", "X", "trade", "1h")
    for series, rows in ((trade, candles(48)), (Series("generic", "X", "funding"), rates())):
        store.add_page(series, rows, "a test")
        store.merge(series)
    folder = put_markets(store.root / "generic", {"X": market(lot=1.0)})
    put_tiers(store, "generic", "X", (START, [[0.0, 0.05, 4.0]]))
    venue = with_facts(load_venue("generic"), folder, ["X"])
    result = compare(Hold(), load(folder, "X", "1h"), Account(balance=10_000, leverage=4, venue=venue))
    quantities = result.isolated.quantity[1:]
    assert np.all(quantities == np.round(quantities))
    assert quantities.max() == 9.0  # 1,005 at a price above 100.5, in whole lots
    assert any("tiers as they were captured into the store for X" in note for note in result.notes)
    assert not any("assumed, not the venue's own" in note for note in result.notes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "markets.json cannot be read: JSONDecodeError"),
        ("[]", "markets.json cannot be read: TypeError"),
        ('{"taken": "", "source": "", "tiers_in": "", "markets": {"X": 1}}', "markets.json cannot be read: TypeError"),
        (
            '{"taken": "", "source": "", "tiers_in": "", "markets": {"X": {"lot": "a"}}}',
            "X.lot is not a number; found 'a'",
        ),
        (
            '{"taken": "", "source": "", "tiers_in": "", "markets": {"X": {"contract": "odd"}}}',
            "cannot be used: instruments.X.contract",
        ),
    ],
)
def test_facts_that_cannot_be_used(store, text, said):
    folder = store.root / "generic"
    folder.mkdir()
    (folder / "markets.json").write_text(text)
    with pytest.raises(MarketDataError) as caught:
        with_facts(load_venue("generic"), folder, ["X"])
    assert said in str(caught.value)


def test_tiers_that_cannot_be_used_are_said(store):
    folder = put_markets(store.root / "generic", {})
    put_tiers(store, "generic", "X", (START, [[0.0, 0.02, 50.0], [100.0, 0.01, 25.0]]))
    with pytest.raises(MarketDataError, match=r"what .* says of an instrument cannot be used"):
        with_facts(load_venue("generic"), folder, ["X"])
