"""Does a scenario file come back whole, and does every fault of the file itself name its place?"""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from backtester.errors import ConfigurationError
from backtester.scenario import ADDED, Scenario, load_json, read_scenario, validate
from backtester.schema import RULE_AMOUNTS, RULE_CHOICES, RULE_COUNTS, RULE_RATES
from tests.unit.scenario_file import HOUR, START, scenario

# What comes back


def test_defaults_are_filled_in() -> None:
    out = validate(scenario())
    first = {name: words[0] for name, words in RULE_CHOICES.items()}
    numbers = dict.fromkeys((*RULE_RATES, *RULE_AMOUNTS), 0.0) | dict.fromkeys(RULE_COUNTS, 1)
    assert out["venue"] == first | numbers
    assert out["account"]["path"] == "adverse"
    assert out["sub_account_shares"] == []
    assert out["instruments"][0]["contract"] == "linear"
    assert out["instruments"][0]["tier_key"] == "notional"
    assert (out["instruments"][0]["lot"], out["instruments"][0]["taker_fee"]) == (0.0, 0.0)
    assert out["slots"][1] == {"instrument": 1, "leverage": 2.0, "mode": "cross", "group": None}
    assert out["funding"][0]["mark"] is None
    order = out["orders"][0]
    assert (order["size_type"], order["target"], order["watch"], order["stop"]) == ("quantity", False, "trade", None)
    assert out["margin_actions"] == [{"bar": 0, "slot": 0, "add": 100.0}, {"bar": 0, "slot": 0, "set_leverage": 5.0}]


def test_defaults_are_those_of_the_format_page() -> None:
    venue = validate(scenario())["venue"]
    assert {name: rule for name, rule in venue.items() if name not in ADDED} == {
        "mm_basis": "mark",
        "close_fee_buffer": 0,
        "liquidation_fee": 0,
        "liquidation_slippage": 0,
        "slippage": 0,
        "reduction": "full",
        "liquidation_order": "all",
        "leftover": "trader",
        "funding_source": "pool",
        "partial_close": "pro_rata",
        "opening_fee_from": "main",
        "remove_rule": "standard",
        "leverage_rule": "topup",
        "on_insufficient": "reduce",
        "hedge_offset": "none",
    }
    assert {name: venue[name] for name in ADDED} == ADDED


def test_validating_again_changes_nothing_and_the_input_stays() -> None:
    data = scenario()
    before = copy.deepcopy(data)
    once = validate(data)
    assert data == before
    assert validate(once) == once


def test_numbers_become_floats() -> None:
    out = validate(scenario())
    assert all(isinstance(price, float) for price in out["bars"][0]["open"])
    assert isinstance(out["account"]["balance"], float)
    assert isinstance(out["orders"][0]["size"], float)


def test_a_mark_of_four_nulls_is_no_mark() -> None:
    data = scenario()
    data["bars"][0] |= dict.fromkeys(("mark_open", "mark_high", "mark_low", "mark_close"))
    assert set(validate(data)["bars"][0]) == {"open", "high", "low", "close"}


def test_scenario_arrays() -> None:
    run = Scenario.from_dict(scenario())
    assert run.market.symbols == ("A", "B")
    assert run.market.mark_is_trade.tolist() == [True, False]
    assert run.market.mark_high[:, 0].tolist() == [10.0, 11.0, 12.0, 13.0]
    assert run.orders.bar.tolist() == [0, 1]
    assert run.orders.target.tolist() == [False, True]
    assert np.isnan(run.orders.stop).all()
    assert run.orders.trail.tolist()[1] == 2.0
    assert run.actions.kind.tolist() == [0, 2]
    assert run.actions.amount.tolist() == [100.0, 5.0]
    assert [slot.name for slot in run.slots] == ["A", "B"]
    assert run.instruments[1].contract == "linear"


@pytest.mark.parametrize("column", ["high", "mark_close"])
def test_one_null_makes_the_whole_bar_no_data(column: str) -> None:
    data = scenario()
    data["bars"][1][column][2] = None
    market = Scenario.from_dict(data).market
    for name in ("open", "high", "low", "close", "mark_open", "mark_high", "mark_low", "mark_close"):
        assert np.isnan(getattr(market, name)[:, 1]).tolist() == [False, False, True, False]
        assert np.isfinite(getattr(market, name)[:, 0]).all()


def test_funding_is_sorted_and_twins_are_kept() -> None:
    data = scenario()
    twin = {"time": START, "instrument": 1, "rate": 1.5, "mark": 9}
    data["funding"] = [data["funding"][0], twin, dict(twin, rate=-1.5)]
    funding = Scenario.from_dict(data).market.funding
    assert funding.time.tolist() == [START, START, START + HOUR]
    assert funding.rate.tolist() == [1.5, -1.5, 0.0001]
    assert funding.mark_price.tolist()[:2] == [9.0, 9.0]
    assert np.isnan(funding.mark_price[2])


@pytest.mark.parametrize(
    ("mode", "isolated", "groups"),
    [
        ("isolated", [True, True, True], [-1, -1, -1]),
        ("cross", [False, False, False], [-1, -1, -1]),
        ("mixed", [True, False, True], [-1, -1, -1]),
        ("sub_accounts", [False, False, True], [1, -1, -1]),
    ],
)
def test_slots_know_their_pool(mode: str, isolated: list[bool], groups: list[int]) -> None:
    data = scenario()
    data["account"]["mode"] = mode
    data["sub_account_shares"] = [0.5, 0.25]
    data["slots"][0]["group"] = 1
    data["slots"].append({"instrument": 0, "leverage": 3, "mode": "isolated"})
    run = Scenario.from_dict(data)
    assert [slot.isolated for slot in run.slots] == isolated
    assert [slot.group for slot in run.slots] == groups
    assert run.shares == ((0.5, 0.25) if mode == "sub_accounts" else ())
    assert run.slots[2].name == "A #2"


def test_round_trip_is_exact() -> None:
    data = scenario()
    data["bars"][1]["low"][3] = None
    data["orders"][0] |= {"limit": 0.1 + 0.2, "margin": 7, "watch": "mark", "size_type": "margin"}
    data["orders"][1] |= {"trail": None, "trail_fraction": 0.1}
    once = Scenario.from_dict(data).to_dict()
    again = Scenario.from_dict(json.loads(json.dumps(once, allow_nan=False))).to_dict()
    assert again == once
    assert once["orders"][0]["limit"] == 0.1 + 0.2
    assert once["bars"][1]["open"][3] is None
    assert set(once["bars"][0]) == {"open", "high", "low", "close"}
    assert once["margin_actions"] == [{"bar": 0, "slot": 0, "add": 100.0}, {"bar": 0, "slot": 0, "set_leverage": 5.0}]


def test_a_slot_without_a_mode_of_its_own() -> None:
    data = scenario()
    data["slots"][0] |= {"mode": None, "group": None}
    assert validate(data)["slots"][0] == {"instrument": 0, "leverage": 10.0, "mode": "cross", "group": None}


def test_the_smallest_scenario() -> None:
    data = {
        "open_time": [0],
        "instruments": [{"symbol": "A", "tiers": [[0, 0, 1]]}],
        "bars": [{"open": [1], "high": [1], "low": [1], "close": [1]}],
        "account": {"balance": 1, "mode": "cross"},
        "slots": [],
    }
    assert Scenario.from_dict(data).market.n_bars == 1


# Files


def test_read_scenario(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(scenario()))
    assert read_scenario(file) == validate(scenario())
    assert read_scenario(str(file)) == validate(scenario())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"slots": [}', "line 1 column 12: is not JSON (Expecting value); found '{\"slots\": [}'"),
        (b"", "line 1 column 1: is not JSON"),
        (b'{"slots": [], "slots": []}', "slots: occurs twice in one object"),
        (b'"Z\xfcrich"', "byte 2: is not text in UTF-8; found b'\"Z\\xfcrich\"'"),
        (b"[" * 100_000, "the file: is nested too deeply"),
        (b'{"bar": ' + b"1" * 5_000 + b"}", "the file: holds a number with too many digits"),
        (b"[" + b"1, " * 500 + b"x]", f"line 1 column 1502: is not JSON (Expecting value); found ' {'1, ' * 13}x]'"),
    ],
    ids=["syntax", "empty", "twice", "bytes", "deep", "digits", "long"],
)
def test_broken_files(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        load_json(file)
    assert str(caught.value).startswith(message)
    with pytest.raises(ConfigurationError) as caught:
        read_scenario(file)
    assert str(caught.value).startswith(f"{file}: {message}")


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_literals_that_are_not_numbers_are_named(tmp_path: Path, literal: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(scenario()).replace('"high": [10', f'"high": [{literal}', 1))
    with pytest.raises(ConfigurationError, match=r"bars\[0\].high\[0\]: is not a finite number"):
        read_scenario(file)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.json: the file: cannot be read; found 'No such file"):
        read_scenario(tmp_path / "nowhere.json")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_json(tmp_path)
