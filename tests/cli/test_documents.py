"""Do the documents name what there is: options, modules, calculators, rules, reasons, and each parameter of the API?"""

from __future__ import annotations

import inspect
import re
from dataclasses import fields

import pytest
import typer.main

import backtester
from backtester import Order, VenueRules, calculators
from backtester.batch.objective import POSITIONS
from backtester.cli import app
from backtester.event_driven.bar import Bar
from backtester.event_driven.slot import BarSlot
from backtester.event_driven.views import AccountView
from backtester.schema import EVENT_KINDS, LEDGER_KINDS, REASONS
from tests.cli.test_readme import PAGES, ROOT, text

THEIRS = {"--port", "--nworkers", "--nthreads", "--repeats", "--write-readme"}  # options of dask and of the benchmarks
MODULES = {  # first words of a paragraph of CONTRIBUTING.md, and the folder whose modules it goes through
    "The kernels, from": "backtester/kernels",
    "`event_driven`, from": "backtester/event_driven",
    "A batch, in": "backtester/batch",
    "`data/fetch`, from": "data/fetch",
}
MADE_WITH_A_BAR = {"index", "account", "slots", "share"}  # so its class does not have them


def options_of(command) -> set[str]:
    found = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return found.union(*map(options_of, getattr(command, "commands", {}).values()))


def unknown_options(page: str) -> set[str]:
    known = options_of(typer.main.get_command(app)) | THEIRS | {"--help"}
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page)) - known


@pytest.mark.parametrize("page", PAGES)
def test_every_option_that_is_named_exists(page: str) -> None:
    assert unknown_options(text(page)) == set()


def test_an_option_that_is_not_there_is_seen() -> None:
    assert unknown_options("`--draws`, `--no-store-facts`, `--png FILE`") == {"--png"}


def missing_modules(page: str, opening: str, folder: str) -> set[str]:
    (paragraph,) = (part for part in page.split("\n\n") if part.startswith(opening))
    named = set(re.findall(r"`(\w+)`", paragraph)) - {folder.rpartition("/")[2]}
    return {name for name in named if not (ROOT / folder / f"{name}.py").is_file()}


@pytest.mark.parametrize("opening", MODULES)
def test_every_module_that_is_named_exists(opening: str) -> None:
    assert missing_modules(text("CONTRIBUTING.md"), opening, MODULES[opening]) == set()


def test_a_module_that_is_not_there_is_seen() -> None:
    assert missing_modules("A batch, in `plan` and `planning`", "A batch, in", "backtester/batch") == {"planning"}


def unnamed(names, page: str) -> list[str]:
    return [name for name in names if not re.search(rf"`{name}\b", page)]


@pytest.mark.parametrize(
    ("names", "page"),
    [
        ([rule.name for rule in fields(VenueRules)], "docs/model.md"),
        ([reason for reason in REASONS if reason], "docs/model.md"),
        (LEDGER_KINDS, "docs/model.md"),
        (EVENT_KINDS, "docs/scenario-format.md"),
        (sorted(POSITIONS), "docs/batch.md"),
        ([name for name in calculators.__all__ if name.islower() and name != "isolated"], "docs/calculators.md"),
    ],
    ids=["rules", "reasons", "ledger", "events", "positions", "calculators"],
)
def test_the_page_names_each_of_them(names, page: str) -> None:
    assert unnamed(names, text(page)) == []


def test_a_name_that_is_left_out_is_seen() -> None:
    assert unnamed(["slippage", "leftover"], "`slippage_rate`, `leftover`") == ["slippage"]


def unknown_attributes(page: str) -> list[str]:
    """Return what the tables of a slot and a bar name and neither has."""
    owners, table, unknown = {"slot": BarSlot, "bar": Bar, "account": AccountView, "order": Order}, "", []
    for line in page.splitlines():
        if heading := re.match(r"\| `(slot|bar)\.` \|", line):
            table = heading[1]
        elif line.startswith("| `"):
            for name in re.findall(r"`([\w.]+)", line.split("|")[1]):
                of, _, last = name.rpartition(".")
                if not hasattr(owners[of or table], last) and not (table == "bar" and last in MADE_WITH_A_BAR):
                    unknown.append(name)
    return unknown


def test_what_the_tables_of_on_bar_name_exists() -> None:
    page = text("docs/bar-by-bar.md")
    assert unknown_attributes(page) == []
    assert unknown_attributes(page.replace("`pnl`", "`profit`").replace("`account.equity`", "`account.worth`")) == [
        "profit", "account.worth",
    ]  # fmt: skip


def described(docstring: str) -> list[str]:
    """Return the names under `Parameters` of a numpy docstring."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", docstring, re.M | re.S)
    heads = [line.partition(" : ")[0] for line in section[1].splitlines() if re.match(r"\S", line)] if section else []
    return sorted(name.strip().lstrip("*") for head in heads for name in head.split(","))


@pytest.mark.parametrize("name", backtester.__all__)
def test_docstrings_have_the_parameters_that_there_are(name: str) -> None:
    named = described(inspect.getdoc(getattr(backtester, name)) or "")
    if named or name.islower():  # what the program alone makes, such as a Result, has attributes instead
        there = inspect.signature(getattr(backtester, name)).parameters
        assert named == sorted(each for each in there if not each.startswith("_"))


def test_a_parameter_is_found_in_a_docstring() -> None:
    assert described("Do.\n\nParameters\n----------\na, b : int\n    Two.\n**more\n\nReturns\n-------\nint\n") == [
        "a", "b", "more",
    ]  # fmt: skip
