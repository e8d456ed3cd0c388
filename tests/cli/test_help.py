"""Is the help there and complete, and does it import nothing that would make it slow?"""

from __future__ import annotations

import re
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

Backtester = Callable[..., CompletedProcess[str]]
HEAVY = ("numpy", "pandas", "numba", "matplotlib", "pyarrow", "rich", "jinja2", "ccxt", "pydantic")
COMMANDS = [
    (),
    ("bootstrap",),
    ("batch",),
    ("compare",),
    ("data",),
    ("data", "archive"),
    ("data", "download"),
    ("data", "import"),
    ("data", "repair"),
    ("demo",),
    ("margin",),
    ("optimise",),
    ("results",),
    ("scenario",),
    ("scenario", "run"),
    ("strategy",),
    ("strategy", "check"),
    ("strategy", "list"),
    ("strategy", "new"),
    ("stress",),
    ("venues",),
    ("venues", "show"),
    ("walk-forward",),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_help_imports_nothing_heavy(backtester: Backtester, arguments: tuple[str, ...]) -> None:
    done = backtester(*arguments, "--help", python=("-X", "importtime"))
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "typer" in imported
    assert not imported & set(HEAVY)


def test_help_names_the_commands(backtester: Backtester) -> None:
    assert "scenario" in backtester("--help").stdout
    run = backtester("scenario", "run", "--help").stdout
    assert "FILE..." in run
    assert "FILE|FOLDER" in run
    assert re.search(r"kernel\|reference", run)


def test_an_unknown_command_is_a_clear_error(backtester: Backtester) -> None:
    done = backtester("scenarios")
    assert done.returncode == 2
    assert "No such command" in done.stderr
    assert "Traceback" not in done.stderr
