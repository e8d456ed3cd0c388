"""What each value of a venue file rests on, and what is refused for want of it."""

import pytest

from backtester._evidence import NOT_STATED
from backtester.errors import ConfigurationError
from backtester.venue import Evidence, load_venue

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
        load_venue.cache_clear()
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
