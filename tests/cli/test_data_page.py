"""Does docs/data.md run as it stands, and come out like that?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.test_readme import blocks, command_lines

OFFLINE = ("import", "list", "show", "check", "export")


def words(said: str) -> str:
    """Return a text without line breaks, and without what depends on the version of the Parquet library."""
    return re.sub(r"fingerprint \w+", "fingerprint", " ".join(said.split()))


def test_the_page_runs_and_its_outputs_are_real(
    backtester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made, frame = blocks("docs/data.md", "python")
    names: dict[str, object] = {"__name__": "page"}
    exec(compile(made, "docs/data.md", "exec"), names)
    printed = []
    for line in command_lines("docs/data.md"):
        runs = line[1] == "compare" or line[2] in OFFLINE or "--offline" in line
        if line[0] == "backtester" and runs:
            done = backtester(*line[1:])
            assert done.returncode == 0 or "--strict" in line, (line, done.stderr)
            printed.append(done.stdout + done.stderr)
    assert len(printed) >= 12
    exec(compile(frame, "docs/data.md", "exec"), names)
    whole = words("\n".join(printed))
    for block in blocks("docs/data.md", "text"):
        for part in re.split(r"\n(?=\S)", block.strip("\n")):
            assert words(part) in whole, part
    assert (tmp_path / "example-FAKE1USDT-1h.png").is_file()
    assert (tmp_path / "user_data/data/example/futures/FAKE1_USDT_USDT-1h-mark.feather").is_file()
