"""Run some tests of laws and traps against a copy of the package, in this process, and say how they end.

``python probe.py COPY`` reads ``[{"test": "laws.test_law_1_ledger:test_x", "engine": ..., "only": {...}}, ...]`` from
its standard input and writes one outcome each: ``passed``, ``failed: why`` when the test says so, or ``broken: why``
when the package itself raises.
"""

from __future__ import annotations

import itertools
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main(copy: str) -> None:
    """Run the checks that standard input asks for."""
    sys.path[:0] = [copy, str(ROOT)]
    import numpy as np

    import backtester

    np.seterr(all="ignore")  # as compiled: a division by zero is infinite and says nothing
    if not Path(backtester.__file__).is_relative_to(copy):
        raise SystemExit(f"probes {backtester.__file__} and not the copy")
    print(json.dumps([outcome(**check) for check in json.load(sys.stdin)]))


def outcome(test: str, engine: str, only: dict) -> str:
    """Run one test function with all its parameters, up to the first that does not pass."""
    module, name = test.split(":")
    function = getattr(import_module(f"tests.{module}"), name)
    count = 0
    for arguments in cases(function):
        if arguments.get("engine") != engine or any(arguments[key] != value for key, value in only.items()):
            continue
        count += 1
        try:
            function(**arguments)
        except Exception as error:  # what a test raises is its verdict
            last = traceback.extract_tb(error.__traceback__)[-1]
            ours = Path(last.filename).is_relative_to(ROOT / "tests")
            return f"{'failed' if ours else 'broken'}: {error!r} in {last.name}, {last.filename}:{last.lineno}"
    return "passed" if count else "broken: no such case"


def cases(function: Callable) -> Iterator[dict]:
    """Yield the arguments of every case that the marks of a test function, and of its module, make."""
    axes = []
    whole = getattr(import_module(function.__module__), "pytestmark", [])
    for mark in [*getattr(function, "pytestmark", []), *(whole if isinstance(whole, list) else [whole])]:
        names = mark.args[0].split(",") if isinstance(mark.args[0], str) else list(mark.args[0])
        rows = [(value,) if len(names) == 1 else value for value in mark.args[1]]
        axes.append([dict(zip((name.strip() for name in names), row, strict=True)) for row in rows])
    for parts in itertools.product(*axes):
        yield {name: value for part in parts for name, value in part.items()}


if __name__ == "__main__":
    main(sys.argv[1])
