"""What each value of a venue file rests on, and what is refused for want of it."""

import re
from pathlib import Path

import pytest

from backtester.errors import ConfigurationError
from backtester.venue import Evidence, load_venue, venue_names
from backtester.venue_parts.evidence import NOT_STATED

PAGED = """
name = "mine"
funding_hours = 4
[pages]
p = { address = "https://venue.example/rules", date = "2026-01-02" }
[sources]
funding_hours = { sourced = "every 4 hours", page = "p" }
default = { derived = "half of 1 / 50", page = "p" }
slippage = { assumed = "my fills" }
[rules]
slippage = 0.001
[default]
tiers = [[0, 0.01, 50]]
"""


@pytest.fixture
def venue_file(tmp_path):
    def write(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_evidence_says_kind_text_address_and_date(venue_file):
    venue = load_venue(venue_file(PAGED))
    assert venue.evidence("funding_hours") == Evidence(
        "sourced", "every 4 hours", "https://venue.example/rules", "2026-01-02"
    )
    assert str(venue.evidence("tiers", "X")) == "derived: half of 1 / 50 (https://venue.example/rules, 2026-01-02)"
    assert str(venue.evidence("slippage")) == "assumed: my fills"
    assert venue.evidence("leftover") is NOT_STATED
    assert venue.evidence("coexistence") is NOT_STATED


def test_the_file_in_the_docs_loads(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "venues.md").read_text(encoding="utf-8")
    (tmp_path / "my.toml").write_text(re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1], encoding="utf-8")
    header = "since,symbol,floor,maintenance_rate,max_leverage,maintenance_amount\n"
    (tmp_path / "my_tiers.csv").write_text(header + "2022-01-01 00:00,SOLUSDT,0,0.02,25,0\n", encoding="utf-8")
    venue = load_venue(str(tmp_path / "my.toml"))
    assert sorted(venue.instruments) == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    assert venue.instrument("BTCUSDT").maintenance_amounts == pytest.approx((0, 50))


@pytest.mark.parametrize("name", [name for name in venue_names() if name != "generic"])
def test_the_docs_have_a_row_for_every_venue(name):
    page = (Path(__file__).parents[2] / "docs" / "venues.md").read_text(encoding="utf-8")
    venue = load_venue(name)
    (row,) = (line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
    assert ("| yes |" in row) == (venue.coexistence == "per_instrument")
    assert f"`{venue.rules.hedge_offset}`" in row
    assert ("fund" in row) == (venue.rules.leftover == "fund")
    how = {"full": "whole position", "tier_step": "tier by tier", "to_initial": "back to initial margin"}
    how["fraction_first"] = "a fraction first"
    assert how[venue.rules.reduction] in row
    fee = f"{venue.rules.liquidation_fee * 100:.2f}".removesuffix("0")
    assert (fee in row) == (venue.rules.liquidation_fee > 0)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            'slippage = { assumed = "my fills" }\n',
            "",
            ["rules.slippage", "does not say what it rests on", "slippage ="],
        ),
        ("[rules]\nslippage = 0.001\n", "", ["sources.slippage", "is evidence for no value"]),
        ("slippage = { assumed", "slippages = { assumed", ["rules.slippage", "does not say what it rests on"]),
        (
            'default = { derived = "half of 1 / 50", page = "p" }\n',
            "",
            ["default.tiers", "Add to [sources]: default ="],
        ),
        ('{ assumed = "my fills" }', '"my fills"', ["sources.slippage", "is not an object"]),
        ('{ assumed = "my fills" }', "{ }", ["sources.slippage", "does not say what it rests on", "assumed = "]),
        ('{ assumed = "my fills" }', '{ assumed = "a", derived = "b" }', ["sources.slippage", "does not say"]),
        ('{ assumed = "my fills" }', '{ guessed = "a" }', ["sources.slippage.guessed", "unknown key", "assumed"]),
        ('{ assumed = "my fills" }', '{ assumed = "" }', ["sources.slippage.assumed", "not empty"]),
        ('{ assumed = "my fills" }', '{ sourced = "a" }', ["sources.slippage.page", "names no page"]),
        ('"my fills" }', '"my fills", page = "pp" }', ["sources.slippage.page", "no key of [pages]", "nearest: p"]),
        ("https://", "", ["pages.p.address", "is not an address", "https://"]),
        (', date = "2026-01-02"', "", ["pages.p", "has no date"]),
        ("[sources]", '[pages.q]\naddress = "https://a"\ndate = "2026"\n[sources]', ["pages.q", "cited nowhere"]),
    ],
)
def test_a_value_without_evidence_and_evidence_without_a_value_are_refused(venue_file, old, new, words):
    assert old in PAGED
    with pytest.raises(ConfigurationError) as caught:
        load_venue(venue_file(PAGED.replace(old, new)))
    for word in ["mine.toml", *words]:
        assert word in str(caught.value)
