"""Do we get the figures that venues publish and other projects test? A case passes or is a documented difference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backtester.venue import load_venue
from tests.conformance import page
from tests.conformance.cases import agrees, cases, differences, ours_of

SHARED = Path(__file__).parents[3] / "shared" / "conformance"


@pytest.mark.parametrize("name", cases())
def test_a_case(name: str) -> None:
    case, ours = cases()[name], ours_of(cases()[name])
    if name not in differences():
        assert agrees(ours, case.expected, case.tolerance), (ours, case.expected)
        return
    known = differences()[name].ours
    assert agrees(ours, known), (ours, known)
    assert not agrees(ours, case.expected, case.tolerance), "it agrees: take it out of differences.toml"


def test_every_difference_is_of_a_case_and_has_a_reason() -> None:
    assert set(differences()) <= set(cases())
    assert all(len(difference.why.split()) > 5 for difference in differences().values())


def test_the_page_is_not_stale() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.written(text) == text, "write it anew: python -m tests.conformance.page"


RULES = {  # by formula: basis of the maintenance margin, and whether the closing fee is in the trigger
    "cross_with_others": ("mark", False),
    "kraken_inverse": ("mark", False),
    "liquidation_mark": ("mark", False),
    "liquidation_mark_close_fee": ("mark", True),
    "sheet_entry": ("entry", False),
    "sustainable_loss": ("entry", False),
}


@pytest.mark.parametrize("name", [case.id for case in cases().values() if case.venue and case.formula in RULES])
def test_our_file_of_the_venue_has_the_rules_of_its_figures(name: str) -> None:
    rules = load_venue(cases()[name].venue).rules
    assert (rules.mm_basis, rules.close_fee_buffer > 0) == RULES[cases()[name].formula]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the tables that the cases were taken from are not beside the project")
def test_no_case_of_the_collection_is_missing_or_changed() -> None:
    files = [SHARED / name for name in ("venue_examples.json", "peer_cases.json")]
    rows = {row["id"]: row for file in files for row in json.loads(file.read_text(encoding="utf-8"))}
    assert rows.keys() == cases().keys()
    for name, row in rows.items():
        ours = cases()[name]
        for key in ("inputs", "expected", "tolerance"):
            assert getattr(ours, key) == row[key], name


def test_the_table_counts_every_case() -> None:
    *rows, total = [line.split("|")[4:6] for line in page.generated().split("\n\n")[0].splitlines()[2:]]
    passed, differ = (sum(int(row[n]) for row in rows if row[n].strip()) for n in (0, 1))
    assert (passed + differ, differ) == (len(cases()), len(differences()))
    assert [cell.strip(" *") for cell in total] == [str(passed), str(differ)]


# --- the comparison itself: can it fail? ---


@pytest.mark.parametrize(
    ("ours", "expected", "tolerance", "agree"),
    [
        (1.0, 1.004, 0.005, True),
        (1.0, 1.006, 0.005, False),
        ({"a": 1.0, "b": 2.0}, {"a": 1.0}, {"a": 0.0}, True),
        ({"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 2.1}, {"a": 0.0, "b": 0.01}, False),
        (7.0, {"price": 7.0}, 0, True),
        (100.0, 100.01, {"rel": 1e-3, "abs": 0}, True),
        (100.0, 100.01, {"rel": 1e-6, "abs": 1e-9}, False),
        ([1.0, 2.0], [1.0], 0, False),
        ([], [3], 0, False),
        (float("nan"), None, 0, True),
        (float("nan"), 0.0, 1e9, False),
        (0.0, "NaN", 1e9, False),
        (float("inf"), "Infinity", 0, True),
        (1.0, float("inf"), 0, False),
        (True, False, 1e9, False),
        (1, True, 0, False),
        ("5000*margin_init", "5000*margin_init", 0, True),
    ],
)
def test_the_comparison(ours: object, expected: object, tolerance: object, agree: bool) -> None:
    assert agrees(ours, expected, tolerance) == agree


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError):
        agrees({"a": 1.0}, {"a": 1.0, "b": 2.0}, 0)
