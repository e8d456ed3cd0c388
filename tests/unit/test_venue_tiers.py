"""Tables of tiers: what follows from their rows, dated tables, and the figures that venues publish."""

import itertools
import json
import os
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from backtester._fields import Unfit
from backtester.errors import ConfigurationError, MarketDataError
from backtester.venue import FOLDER, Instrument, load_venue
from backtester.venue_parts.tiers import DatedTiers, Tier, _is_sound, check_table, maintenance_amounts, read_schedule

GIVEN = os.environ.get("BACKTESTER_VENUE_DATA")
PUBLISHED = Path(GIVEN) if GIVEN else Path(__file__).parents[3] / "shared" / "venues"
published = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="no published tiers: set BACKTESTER_VENUE_DATA to the folder of leverage_tiers.json"
)
HEADER = "since,symbol,floor,maintenance_rate,max_leverage,maintenance_amount\n"
OLD = "2022-01-01 00:00,A,0,0.01,50,0\n2022-01-01 00:00,A,100,0.02,25,1\n"
NEW = "2023-06-01 12:30,A,0,0.02,25,0\n"


def ns(text):
    return pd.Timestamp(text, tz="UTC").value


@pytest.fixture
def csv(tmp_path):
    def write(text):
        path = tmp_path / "tiers.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def venue(tmp_path, csv):
    csv("# made up\n" + HEADER + OLD + NEW + "2022-05-01 00:00,BUSDT,0,0.5,1,0\n")
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\ntiers = "tiers.csv"\n[default]\ntiers = [[0, 0.25, 2]]\n'
        '[sources]\ndefault = { assumed = "made up" }\ntiers = { assumed = "made up" }\n'
    )
    return load_venue(str(path))


# --- amounts ---


def test_amounts_keep_the_requirement_from_jumping():
    tiers = [Tier(0.0, 0.25, 4.0), Tier(8.0, 0.5, 2.0), Tier(32.0, 0.75, 1.0)]
    assert maintenance_amounts(tiers) == (0.0, 2.0, 10.0)
    for below, above, amount, more in zip(tiers, tiers[1:], (0.0, 2.0), (2.0, 10.0), strict=False):
        at = above.floor
        assert below.maintenance_rate * at - amount == above.maintenance_rate * at - more
    assert Instrument("X", tiers=tuple(tiers)).maintenance_amounts == (0.0, 2.0, 10.0)


def test_tiers_by_quantity_have_no_amounts():
    tiers = (Tier(0.0, 0.25, 4.0), Tier(8.0, 0.5, 2.0))
    assert Instrument("X", tiers=tiers, tier_key="quantity").maintenance_amounts == (0.0, 0.0)


def test_a_published_amount_is_checked_and_not_kept():
    assert check_table([[0, 0.01, 50, 0], [100, 0.02, 25, 1]]) == [[0.0, 0.01, 50.0], [100.0, 0.02, 25.0]]
    with pytest.raises(Unfit) as caught:
        check_table([[0, 0.01, 50, 0], [100, 0.02, 25, 1], [200, 0.05, 10, 6]])
    assert str(caught.value) == "has the maintenance amount 6 in row 2: the requirement jumps there"
    assert caught.value.allowed == "7 = 1 + 200 x 0.03"


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([[0, 0.01, 50, 5]], "amount 5 in row 0"),
        ([[0, 0.01, 50, 0], [100, 0.02, 25, "1"]], "amount '1' in row 1"),
        ([[0, 0.01, 50, 0], [100, 0.02, 25]], "row 1 without the fourth number"),
        ([[0, 0.01, 50, 0], [0, 0.02, 25, 0]], "floor 0 in row 1 after 0"),
    ],
)
def test_amounts_that_do_not_fit_name_the_row(rows, problem):
    with pytest.raises(Unfit, match=problem):
        check_table(rows)


# --- a file of dated tables ---


def test_a_file_of_dated_tables(csv):
    tables = read_schedule(csv("# a comment\n" + HEADER + OLD + NEW))
    assert tables == {
        "A": (
            DatedTiers(ns("2022-01-01"), (Tier(0.0, 0.01, 50.0), Tier(100.0, 0.02, 25.0))),
            DatedTiers(ns("2023-06-01 12:30"), (Tier(0.0, 0.02, 25.0),)),
        )
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["has no header", "since,symbol,floor"]),
        (OLD, ["has no header"]),
        (
            HEADER + OLD.replace(",25,1", ",25,1.5"),
            ["A since 2022-01-01 00:00, lines 2 to 3", "1.5 in row 1", "1 = 0 + 100"],
        ),
        (
            HEADER + OLD.replace("100,0.02", "0,0.02"),
            ["lines 2 to 3", "floor 0 in row 1 after 0", "floors that ascend"],
        ),
        (HEADER + OLD.replace("0.02", "0.001"), ["rate 0.001 in row 1", "rates that do not descend"]),
        (HEADER + NEW + OLD, ["A since 2022-01-01 00:00, lines 3 to 4", "dates that ascend"]),
        (HEADER + OLD + OLD, ["has floor 0 in row 2 after 100"]),
        (HEADER + OLD.replace("2022-01-01", "2022-13-01"), ["is not a time", "2022-02-13 05:02"]),
        (HEADER + OLD.replace("50", "fifty"), ["line 2", "is no number"]),
        (HEADER + OLD.replace(",50", ""), ["line 2", "has 5 columns"]),
    ],
)
def test_a_wrong_file_of_tables_names_the_lines(csv, text, words):
    with pytest.raises(ConfigurationError) as caught:
        read_schedule(csv(text))
    for word in ["tiers.csv", *words]:
        assert word in str(caught.value)


# --- tiers in force ---


SOUND = [[0.0, 0.004, 125.0, 0.0], [50_000.0, 0.005, 100.0, 50.0], [250_000.0, 0.01, 50.0, 1_300.0]]


def test_the_quick_look_at_a_table_lets_nothing_pass_that_is_wrong():
    """Each number of a sound table changed: what passes quickly passes the checks as well; what does not is told."""
    values = [-1.0, 0.0, 1e-9, 0.0045, 0.01, 1.0, 50.0, 1_300.0, 1e61, float("inf"), float("nan")]
    quick = slow = 0
    for n, column, value in itertools.product(range(3), range(4), values):
        table = [[*row] for row in SOUND]
        table[n][column] = value
        try:
            check_table(table)
        except Unfit:
            assert not _is_sound(table), (n, column, value)
            slow += 1
        else:
            quick += _is_sound(table)
    assert _is_sound(SOUND)
    assert min(quick, slow) > 5


def test_the_tiers_in_force_at_a_time(venue):
    first, second = venue.schedule["A"]
    assert venue.tiers_at("A", "2022-01-01") == first
    assert venue.tiers_at("A", "2023-06-01 12:29:59") == first
    assert venue.tiers_at("A", ns("2023-06-01 12:30")) == second
    assert venue.tiers_at("A", pd.Timestamp("2030-01-01")) == second
    assert venue.instrument("A").tiers == second.tiers


def test_before_the_first_table_the_first_one_applies_and_nothing_says_since_when(venue):
    first = venue.schedule["A"][0]
    assert venue.tiers_at("A", "2021-12-31") == DatedTiers(None, first.tiers)


def test_a_symbol_without_dated_tables_has_those_of_its_instrument(venue):
    assert venue.tiers_at("UNKNOWN", "2022-01-01") == DatedTiers(None, venue.default.tiers)
    assert venue.tier_changes("UNKNOWN", "2000-01-01", "2030-01-01") == ()


def test_the_changes_between_two_times(venue):
    first, second = venue.schedule["A"]
    assert venue.tier_changes("A", "2021-01-01", "2024-01-01") == (first, second)
    assert venue.tier_changes("A", "2022-01-01", "2023-06-01 12:30") == (second,)
    assert venue.tier_changes("A", "2023-06-01 12:30", "2024-01-01") == ()
    assert venue.tiers_at("B/USDT:USDT", "2022-06-01").tiers == ((0.0, 0.5, 1.0),)


def test_a_time_that_is_none_is_refused(venue):
    with pytest.raises(MarketDataError, match="time is not a time"):
        venue.tiers_at("A", "yesterday noon")
    with pytest.raises(MarketDataError, match="time is not a time"):
        venue.tier_changes("A", "2022-01-01", 3.5)


def test_luna_in_may_2022():
    found = load_venue("binance").tiers_at("LUNA/USDT:USDT", "2022-05-10")
    assert found.since == ns("2022-02-13 05:02")
    assert found.tiers[0] == (0.0, 0.01, 50.0)


# --- against what the venues publish ---


def rows(table):
    return tuple(Tier(row["min_notional"], row["mmr"], row["max_leverage"]) for row in table)


@published
@pytest.mark.parametrize(("venue", "of"), [("binance", "binance"), ("bybit", "bybit"), ("bybit_legacy", "bybit")])
def test_tiers_and_amounts_are_the_published_ones(venue, of):
    tables = json.loads((PUBLISHED / "leverage_tiers.json").read_text())[of]
    ours = load_venue(venue)
    assert set(tables) <= set(ours.instruments)
    for symbol, table in tables.items():
        instrument = ours.instruments[symbol]
        assert instrument.tiers == rows(table), symbol
        assert instrument.maintenance_amounts == pytest.approx([row["maint_amount"] for row in table], rel=1e-9)
        for below, above in pairwise(table):
            assert below["max_notional"] == above["min_notional"]


@published
def test_every_dated_table_is_in_the_schedule():
    history = json.loads((PUBLISHED / "leverage_tiers_history_binance.json").read_text())
    schedule = load_venue("binance").schedule
    assert set(schedule) == set(history)
    assert sum(map(len, schedule.values())) == sum(map(len, history.values())) == 410
    for symbol, tables in history.items():
        for ours, table in zip(schedule[symbol], tables, strict=True):
            seen = pd.Timestamp(table["commit_date"]).tz_convert("UTC").floor("min")
            assert ours == DatedTiers(seen.value, rows(table["tiers"])), (symbol, seen)
            amounts = [row["maint_amount"] for row in table["tiers"]]
            assert maintenance_amounts(ours.tiers) == pytest.approx(amounts, rel=1e-9), (symbol, seen)


def test_the_files_of_tables_are_small_and_say_where_they_come_from():
    for path in FOLDER.glob("*.csv"):
        text = path.read_text(encoding="utf-8")
        assert len(text) < 400 * 1024
        assert "github.com/" in text.partition(HEADER)[0]
        assert "licence" in text.partition(HEADER)[0] or "GPL" in text.partition(HEADER)[0]
