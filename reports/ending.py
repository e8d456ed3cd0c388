"""What every report ends with: what was run, on which data, with which versions, and the command that repeats it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from backtester.compare import Comparison
from backtester.comparing.across import AccountComparison
from backtester.provenance import provenance

__all__ = ["Ending", "ending", "versions"]

PACKAGES = ("perp-margin-backtester", "numba", "numpy", "pandas", "plotly")  # that the numbers may depend on
IN_PYTHON = "compare(strategy, market, account)  # with the configuration below"


class Ending(NamedTuple):
    """The end of a report.

    Parameters
    ----------
    command : str
        What repeats the comparison.
    versions : tuple of (str, str)
        Of Python and of the packages that the numbers may depend on.
    data : str
        Files with their sha256, substitutions and coverage, as JSON; empty where runs are of many.
    configuration : str
        Everything that the runs depended on, as JSON, or the plan of many runs; empty if it is not known.
    """

    command: str
    versions: tuple[tuple[str, str], ...]
    data: str
    configuration: str


def ending(
    comparison: Comparison | AccountComparison, configuration: Mapping[str, object], files: Iterable[str] = ()
) -> Ending:
    """Return the end of a report.

    Parameters
    ----------
    comparison : Comparison or AccountComparison
    configuration : mapping
        The resolved configuration, JSON values; its ``command`` is the one that made the comparison.
    files : iterable of str
        Names of the files beside the report; where no command is known, scenarios among them repeat the runs.
    """
    said = configuration.get("command")
    command = str(said) if said else _runs(files)
    return Ending(command, tuple(versions()), _pretty(provenance(comparison.first.market)), _pretty(configuration))


def _runs(files: Iterable[str]) -> str:
    scenarios = [name for name in files if name.startswith("scenario-")]
    return " && ".join(shlex.join(["backtester", "scenario", "run", name]) for name in scenarios) or IN_PYTHON


def _pretty(content: object) -> str:
    return json.dumps(content, indent=2, default=str, ensure_ascii=False)


def versions() -> list[tuple[str, str]]:
    """Return the versions of Python and of the packages that numbers may depend on."""
    found = [("python", sys.version.split()[0])]
    for name in PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:  # run from its folder, it is not installed
            continue
    return found
