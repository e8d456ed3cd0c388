"""`backtester venues`: the list, one venue, one instrument, and what is asked for in vain."""

import json

import pytest

from backtester.venue import load_venue, venue_names


@pytest.fixture
def venues(backtester):
    def run(*arguments):
        process = backtester("venues", *arguments)
        assert process.returncode == 0, process.stderr
        return process.stdout

    return run


@pytest.fixture
def refused(backtester):
    def run(*arguments):
        process = backtester("venues", *arguments)
        assert process.returncode == 2
        assert process.stdout == ""
        return process.stderr

    return run


def test_the_list_has_a_row_for_every_venue_and_fits_a_narrow_terminal(venues, monkeypatch):
    lines = venues().splitlines()
    assert [line.split()[0] for line in lines[2 : 2 + len(venue_names())]] == venue_names()
    (bybit,) = (line for line in lines if line.startswith("bybit "))
    assert bybit.split() == ["bybit", "27", "2024-12-25", "one", "mode", "one-way,", "hedge", "8", "h", "11/12/14"]
    assert max(map(len, lines[: 2 + len(venue_names())])) <= 80


@pytest.mark.parametrize(
    ("venue", "said"), [("okx", "used: hedge; one-way with --rule hedge_offset=net"), ("kraken", ""), ("bybit", "")]
)
def test_how_another_position_mode_is_chosen(venues, venue, said):
    text = " ".join(venues("show", venue).split())
    assert said in text
    assert ("--rule hedge_offset" in text) == bool(said)


def test_the_list_as_json(venues):
    rows = json.loads(venues("--json"))
    assert [row["name"] for row in rows] == venue_names()
    binance = rows[0]
    assert binance["instruments"] == 53
    assert binance["tiers_of"] == "2026-05-07"
    assert binance["coexistence"] == "per_instrument"
    assert binance["position_modes"] == {"hedge": "none", "one_way": "net"}
    assert sum(binance["evidence"].values()) == len(load_venue("binance").sources)


def test_a_venue_says_each_value_its_meaning_and_evidence(venues):
    text = venues("show", "crypto_com")
    said = "\n".join(" ".join(line.split()) for line in text.splitlines())
    for words in (
        "close_fee_buffer 0.0054 (0.54 %): added to the maintenance rate",
        "derived: the fee reserve in the API's isolated sample is 0.5400 % of the",
        "https://exchange-developer.crypto.com/exchange/v1/docs (2026-01-08)",
        "isolated_only SPYUSD-PERP: no cross margin on these",
        "one-way (larger_side): what the trader may choose",
        "Known instruments: 2\nBTC, SPYUSD-PERP\n",
        "backtester venues show crypto_com BTC",
        "Left out\n* maintenance is half of the product's margin rate",
    ):
        assert words in said


@pytest.mark.parametrize("name", venue_names())
def test_every_rule_of_every_venue_is_said_and_is_json(venues, name):
    facts = json.loads(venues("show", name, "--json"))
    for values in (facts["account"], facts["rules"]):
        for row in values.values():
            assert row["meaning"]
            assert row["evidence"]["kind"] in ("sourced", "derived", "assumed")
    assert {name: row["value"] for name, row in facts["rules"].items()} == vars(load_venue(name).rules)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC/USDT:USDT", "BTC-USDT-SWAP"])
def test_an_instrument_in_any_notation(venues, symbol):
    lines = venues("show", "binance", symbol).splitlines()
    assert lines[0] == "BTCUSDT on binance"
    assert "300,000 800,000 0.50 % 300 100x" in [" ".join(line.split()) for line in lines]
    assert "  maintenance margin = rate x notional - amount" in lines


def test_the_tiers_at_a_time(venues):
    said = venues("show", "binance", "LUNA/USDT:USDT", "--at", "2022-05-10")
    assert "Tiers in force at 2022-05-10 00:00, first seen 2022-02-13 05:02 UTC." in said
    facts = json.loads(venues("show", "binance", "BTCUSDT", "--at", "2022-05-10", "--json"))
    assert facts["at"] == "2022-05-10 00:00"
    assert facts["in_force_since"] == facts["dated_tables"][0] == "2022-02-13 05:02"
    assert facts["tiers"][1] == {
        "floor": 50_000.0,
        "cap": 250_000.0,
        "maintenance_rate": 0.005,
        "maintenance_amount": 50.0,
        "max_leverage": 100.0,
    }


def test_tiers_before_the_first_table_are_said_to_be_unknown(venues):
    said = " ".join(venues("show", "binance", "BTCUSDT", "--at", "2021-01-01").split())
    assert "Tiers at 2021-01-01 00:00 are not known; these are the first ones, seen 2022-02-13 05:02 UTC." in said
    assert json.loads(venues("show", "binance", "BTCUSDT", "--at", "2021-01-01", "--json"))["in_force_since"] is None


def test_tiers_of_one_date_say_so(venues):
    assert "The latest tiers, first seen 2024-12-25 12:17 UTC. Here no other table is known." in venues(
        "show", "bybit", "BTCUSDT"
    )
    said = " ".join(venues("show", "kraken", "BTC", "--at", "2022-01-01").split())
    assert "Tiers of 2026-11: nothing says that they were in force at 2022-01-01 00:00." in said


def test_an_instrument_that_must_be_isolated_says_so(venues):
    said = venues("show", "crypto_com", "SPY/USD:USD")
    assert "In isolation only: the venue has no cross margin for it." in said
    assert "assumed: product leverage 20" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "binanse"], ["NAME: is an unknown venue", "nearest: binance"]),
        (["show", "binance", "BTCUSDC"], ["SYMBOL: binance has no such instrument here", "Did you mean BTCUSDT?"]),
        (["show", "generic", "BTC"], ["SYMBOL: generic has no such instrument", "every symbol the assumed default"]),
        (["show", "binance", "BTCUSDT", "--at", "x"], ["--at is not a time; found 'x'", "2025-10-10 21:00"]),
        (["show", "binance", "--at", "2022-05-10"], ["--at: needs a SYMBOL"]),
        (["show", "nowhere.toml"], ["NAME: is an unknown venue; found 'nowhere.toml'"]),
    ],
)
def test_what_is_asked_for_in_vain(refused, arguments, words):
    said = refused(*arguments)
    for word in words:
        assert word in said


def test_a_file_of_your_own(venues, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[sources]\ndefault = { assumed = "made up" }\n[default]\ntiers = [[0, 0.01, 50]]\n')
    said = venues("show", str(path))
    assert said.startswith("mine: rules\n")
    assert "assumed: made up" in said
    assert "assumed: the file does not state it; the default of the margin model" in said
    assert "Known instruments: 0" in said


def test_a_margin_rate_that_grows_is_said(venues):
    said = venues("show", "crypto_com", "BTC/USD:USD")
    assert "1 / max leverage, is at least 0.005 x quantity" in " ".join(said.split())
    assert "0.005 (0.5 %)" not in said
    assert "is at least" not in venues("show", "binance", "BTCUSDT")
