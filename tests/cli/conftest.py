"""A real process for every test of the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).resolve().parents[2]

Process = subprocess.CompletedProcess[str]


@pytest.fixture
def backtester(tmp_path: Path) -> Callable[..., Process]:
    """Return a function that runs `backtester` with arguments, in an empty folder."""

    def run(*arguments: object, python: tuple[str, ...] = (), stdout: IO[str] | int = subprocess.PIPE) -> Process:
        code = "from backtester.cli import main; main()"
        command = [sys.executable, *python, "-c", code, *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "100"}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=120
        )

    return run
