"""Venues as data: what a file says, what an instrument may be, and which words an error uses."""

import configparser
import pickle
import tomllib
from dataclasses import fields
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path

import pytest

from backtester.calculators import Pool, Position, allowed_leverage, maintenance_margin
from backtester.errors import ConfigurationError
from backtester.schema import RULE_AMOUNTS, RULE_CHOICES, RULE_COUNTS, RULE_RATES
from backtester.symbols import parse, same
from backtester.venue import FOLDER, Instrument, Tier, VenueRules, load_venue, venue_names
from backtester.venue_parts.evidence import NOT_STATED
from backtester.venue_parts.file import KNOBS

SMALLEST = """
name = "mine"
[sources]
default = { assumed = "made up" }
[default]
tiers = [[0, 0.01, 50]]
"""
OWN = """
name = "mine"
[sources]
default = { assumed = "made up" }
tiers = { assumed = "made up" }
lot = { assumed = "made up" }
contract = { assumed = "made up" }
[default]
tiers = [[0, 0.01, 50]]
[instruments]
"""


def message(call, *args, **kwargs):
    with pytest.raises(ConfigurationError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


@pytest.fixture
def venue_file(tmp_path):
    def write(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


# --- the files we ship ---


def test_the_venues_are_those_of_the_survey():
    assert venue_names() == sorted(
        ["generic", "crypto_com", "kraken", "coinbase", "binance", "binance_coinm", "bybit", "bybit_legacy"]
        + ["okx", "hyperliquid", "dydx", "bitmex", "deribit"]
    )


@pytest.mark.parametrize("name", venue_names())
def test_a_file_states_every_rule_and_says_what_each_value_rests_on(name):
    data = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    venue = load_venue(name)
    assert set(data["rules"]) == {rule.name for rule in fields(VenueRules)}
    assert {"funding_hours", "coexistence", "isolated_positions", "position_modes"} <= data.keys()
    for symbol in (*venue.instruments, "NEVERHEARDOF"):
        assert venue.evidence("tiers", symbol) is not NOT_STATED
    for key in (*data["rules"], *data["default"], *KNOBS[:-1]):
        assert venue.evidence(key) is not NOT_STATED, key
    assert venue.evidence("tiers", "NEVERHEARDOF").kind == "assumed"
    assert venue.is_assumed("NEVERHEARDOF")
    if name != "generic":
        assert venue.notes
        assert venue.snapshot or all(venue.is_assumed(symbol) for symbol in venue.instruments)
        assert sum(source.address != "" for source in venue.sources.values()) >= 8


@pytest.mark.parametrize("name", venue_names())
def test_the_position_mode_in_use_is_one_of_those_to_choose_from(name):
    venue = load_venue(name)
    assert venue.rules.hedge_offset in venue.position_modes.values()


def test_every_file_of_the_folder_is_packaged():
    setup = configparser.ConfigParser()
    setup.read(FOLDER.parents[1] / "setup.cfg", encoding="utf-8")
    patterns = setup["options.package_data"]["backtester"].split()
    for path in FOLDER.iterdir():
        assert any(fnmatch(f"venues/{path.name}", pattern) for pattern in patterns), path


def test_the_generic_venue_has_the_defaults_of_the_model():
    venue = load_venue("generic")
    assert venue.rules == VenueRules()
    assert venue.is_assumed("BTC/USDT:USDT")
    assert venue.instrument("BTC/USDT:USDT").symbol == "BTC/USDT:USDT"
    assert venue.default.tiers[0] == (0.0, 0.004, 125.0)


def test_the_rules_are_the_words_of_the_schema():
    rules = VenueRules()
    assert [rule.name for rule in fields(rules) if rule.type == "str"] == [*RULE_CHOICES]
    assert {rule.name for rule in fields(rules) if rule.type == "float"} == {*RULE_RATES, *RULE_AMOUNTS}
    assert [rule.name for rule in fields(rules) if rule.type == "int"] == [*RULE_COUNTS]


def test_binance_tiers_give_the_cumulative_amounts_the_venue_publishes():
    tiers = load_venue("binance").instrument("BTC/USDT:USDT").tiers
    assert tiers[0] == Tier(0.0, 0.004, 150.0)
    amounts = [0.0]
    for below, tier in pairwise(tiers):
        amounts.append(amounts[-1] + tier.floor * (tier.maintenance_rate - below.maintenance_rate))
    # published cumulative amounts of the first nine brackets
    assert amounts[:9] == pytest.approx(
        [0, 300, 1_500, 12_000, 132_000, 482_000, 2_982_000, 14_482_000, 26_482_000], abs=1e-6
    )


def test_bybit_and_hyperliquid_tiers_are_those_of_their_sources():
    assert load_venue("bybit").instrument("BTCUSDT").tiers[1] == (2_000_000.0, 0.0056, 90.0)
    hyperliquid = load_venue("hyperliquid")
    assert hyperliquid.instrument("BTC/USDC:USDC").tiers == ((0.0, 0.0125, 40.0), (150_000_000.0, 0.025, 20.0))
    for instrument in hyperliquid.instruments.values():
        for tier in instrument.tiers:
            assert tier.maintenance_rate == pytest.approx(0.5 / tier.max_leverage)


def test_crypto_com_keeps_maintenance_at_half_of_the_margin_rate():
    venue = load_venue("crypto_com")
    assert venue.default.tiers == ((0.0, 0.025, 20.0),)
    bitcoin = venue.instrument("BTC/USD:USD")
    assert bitcoin.tier_key == "quantity"
    for size in (1, 4, 5, 17.5, 199, 250):
        position = Position(bitcoin, size, 60_000)
        margin_rate = min(1.0, max(1 / 50, 0.005 * size))
        assert maintenance_margin(Pool(0, (position,))) == pytest.approx(0.5 * margin_rate * size * 60_000)
        assert allowed_leverage(bitcoin, size, 60_000) == pytest.approx(1 / margin_rate)
    assert venue.rules.close_fee_buffer == venue.rules.initial_margin_buffer == 0.0054
    assert venue.rules.remove_rule == "profit_only"


# --- symbols ---


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC/USDT:USDT", "BTC-USDT-SWAP"])
def test_an_instrument_is_found_in_any_notation_and_keeps_the_symbol_asked_for(symbol):
    venue = load_venue("binance")
    found = venue.instrument(symbol)
    assert found.symbol == symbol
    assert found.tiers == venue.instruments["BTCUSDT"].tiers
    assert not venue.is_assumed(symbol)


@pytest.mark.parametrize("symbol", ["NEWUSDT", "BTC/USDC:USDC", "BTC/USD:BTC"])
def test_an_unknown_instrument_gets_the_default_and_is_assumed(symbol):
    venue = load_venue("binance")
    assert venue.is_assumed(symbol)
    assert venue.instrument(symbol).symbol == symbol
    assert venue.instrument(symbol).tiers[0] == venue.default.tiers[0]


def test_a_coin_settled_default_is_inverse_without_floors_in_quote_currency():
    found = load_venue("binance").instrument("BTC/USD:BTC")
    assert found.contract == "inverse"
    assert len(found.tiers) == 1


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("BTC/USDT:USDT", ("BTC", "USDT", False)),
        ("BTC/USD:BTC", ("BTC", "USD", True)),
        ("1000PEPEUSDT", ("1000PEPE", "USDT", False)),
        ("BTC-USDT-SWAP", ("BTC", "USDT", False)),
        ("BTC-USD-SWAP", ("BTC", "USD", True)),
        ("BTC-PERP", ("BTC", "", False)),
        ("BTCUSD-PERP", ("BTC", "USD", False)),
        ("BTCUSD_PERP", ("BTC", "USD", True)),
        ("PF_XBTUSD", ("BTC", "USD", False)),
        ("PI_XBTUSD", ("BTC", "USD", True)),
        ("BTC", ("BTC", "", False)),
        ("USDT", ("USDT", "", False)),
        ("FAKE1/USDT:USDT", ("FAKE1", "USDT", False)),
    ],
)
def test_what_a_symbol_names(symbol, name):
    assert parse(symbol) == name


def test_symbols_of_one_perpetual():
    assert same("BTC/USDT:USDT", "BTCUSDT")
    assert same("BTC/USDC:USDC", "BTC")
    assert not same("BTC/USDC:USDC", "BTCUSDT")
    assert not same("BTC/USD:BTC", "BTC-PERP")
    assert not same("ETHUSDT", "BTCUSDT")


# --- what is refused ---


def test_an_unknown_venue_names_the_nearest_and_all():
    said = message(load_venue, "binanse")
    assert said.startswith("venue: is an unknown venue")
    assert "nearest: binance" in said
    assert "generic" in said


@pytest.mark.parametrize(
    ("rule", "value", "words"),
    [
        ("reduction", "tier-step", ["venue.reduction", "nearest: tier_step", "to_initial"]),
        ("hedge_offset", None, ["venue.hedge_offset", "larger_side"]),
        ("liquidation_fee", -0.1, ["venue.liquidation_fee", "out of range", "at least 0 and below 1"]),
        ("slippage", "0.1", ["venue.slippage", "not a number"]),
    ],
)
def test_rules_are_checked(rule, value, words):
    said = message(VenueRules, **{rule: value})
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("tiers", "problem"),
    [
        ((), "does not start at floor 0"),
        (((1.0, 0.01, 50.0),), "does not start at floor 0"),
        (((0.0, 0.01, 50.0), (0.0, 0.02, 25.0)), "floors that ascend"),
        (((0.0, 0.02, 50.0), (10.0, 0.01, 25.0)), "rates that do not descend"),
        (((0.0, 0.01, 25.0), (10.0, 0.02, 50.0)), "max_leverage that does not ascend"),
        (((0.0, 1.5, 25.0),), "maintenance_rate in row 0"),
        (((0.0, 0.01),), "rows [floor, maintenance_rate, max_leverage]"),
    ],
)
def test_tiers_are_checked(tiers, problem):
    said = message(Instrument, "X", tiers=tiers)
    assert said.startswith("instruments.X.tiers")
    assert problem in said


def test_equal_rates_and_leverages_of_neighbours_are_allowed():
    rows = ((0.0, 0.01, 50.0), (10.0, 0.01, 50.0))
    assert Instrument("X", tiers=rows).tiers == rows
    assert isinstance(Instrument("X", tiers=rows).tiers[0], Tier)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"contract": "invers"}, ["instruments.X.contract", "nearest: inverse"]),
        ({"tier_key": "size"}, ["instruments.X.tier_key", "quantity"]),
        ({"lot": -1.0}, ["instruments.X.lot", "at least 0"]),
        ({"taker_fee_rate": 5.0}, ["instruments.X.taker_fee_rate", "below 1"]),
        ({"symbol": ""}, ["symbol", "not empty"]),
    ],
)
def test_instruments_are_checked(change, words):
    said = message(Instrument, **({"symbol": "X"} | change))
    for word in words:
        assert word in said


# --- a file of one's own ---


def test_a_file_of_your_own_needs_little(venue_file):
    venue = load_venue(venue_file(SMALLEST))
    assert venue.name == "mine"
    assert venue.rules == VenueRules()
    assert venue.instrument("ABCUSDT").tiers == ((0.0, 0.01, 50.0),)


def test_an_instrument_may_be_rows_or_its_own_keys(venue_file):
    venue = load_venue(venue_file(OWN + 'A = [[0, 0.02, 25]]\nB = { lot = 0.5, contract = "inverse" }\n'))
    assert venue.instrument("A").tiers == ((0.0, 0.02, 25.0),)
    assert venue.instrument("B").lot == 0.5
    assert venue.instrument("B").contract == "inverse"
    assert venue.instrument("B").tiers == ((0.0, 0.01, 50.0),)
    assert venue.evidence("tiers", "A").text == venue.evidence("tiers", "B").text == "made up"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", ["mine.toml", "is not valid TOML"]),
        ('name = "x"\n', ["has no default"]),
        (SMALLEST.replace("name", "nane"), ["nane", "is an unknown key"]),
        (SMALLEST + '[rules]\nleftovers = "fund"\n', ["rules.leftovers", "nearest: leftover"]),
        (OWN + "A = [[0, 0.02]]\n", ["instruments.A", "three numbers"]),
        (OWN + "A = { lots = 1 }\n", ["instruments.A.lots", "nearest: lot"]),
        ('tiers = "none.csv"\n' + SMALLEST, ["none.csv", "cannot be read", "beside the file that names it"]),
        (SMALLEST + '[position_modes]\none_way = "net"\n', ["position_modes", "hedge_offset = 'none'"]),
        (SMALLEST + '[position_modes]\ntwo_way = "net"\n', ["position_modes.two_way", "one_way"]),
        ("isolated_only = [1]\n" + SMALLEST, ["isolated_only", "SPYUSD-PERP"]),
        ('coexistence = "both"\n' + SMALLEST, ["coexistence", "per_instrument"]),
    ],
)
def test_a_wrong_file_names_the_key(venue_file, text, words):
    said = message(load_venue, venue_file(text))
    for word in words:
        assert word in said


def test_a_venue_survives_pickling():
    venue = load_venue("binance")
    assert pickle.loads(pickle.dumps(venue)).instrument("BTCUSDT") == venue.instrument("BTCUSDT")


# --- read again when it was edited ---


def test_an_edit_of_a_venues_file_counts_at_once(venue_file):
    text = (FOLDER / "generic.toml").read_text(encoding="utf-8")
    name = venue_file(text)
    before = load_venue(name)
    assert load_venue(name) is before
    venue_file(text.replace("taker_fee_rate = 0.0005", "taker_fee_rate = 0.00125"))
    assert load_venue(name).default.taker_fee_rate == 0.00125 != before.default.taker_fee_rate
    Path(name).unlink()
    assert "is an unknown venue" in message(load_venue, name)


def test_an_edit_of_its_tiers_counts_too(tmp_path):
    header = "since,symbol,floor,maintenance_rate,max_leverage,maintenance_amount\n"
    (tmp_path / "tiers.csv").write_text(header + "2020-01-01 00:00,AUSDT,0,0.25,2,0\n")
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\ntiers = "tiers.csv"\n[default]\ntiers = [[0, 0.25, 2]]\n'
        '[sources]\ndefault = { assumed = "made up" }\ntiers = { assumed = "made up" }\n'
    )
    assert load_venue(str(tmp_path / "mine.toml")).instrument("AUSDT").tiers[0].maintenance_rate == 0.25
    (tmp_path / "tiers.csv").write_text(header + "2020-01-01 00:00,AUSDT,0,0.125,2,0\n")
    assert load_venue(str(tmp_path / "mine.toml")).instrument("AUSDT").tiers[0].maintenance_rate == 0.125


def test_the_same_name_in_another_folder_is_another_file(tmp_path, monkeypatch):
    text = (FOLDER / "generic.toml").read_text(encoding="utf-8")
    for folder, fee in (("one", "0.0005"), ("two", "0.00125")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.toml").write_text(text.replace("taker_fee_rate = 0.0005", f"taker_fee_rate = {fee}"))
        monkeypatch.chdir(tmp_path / folder)
        assert load_venue("mine.toml").default.taker_fee_rate == float(fee)
