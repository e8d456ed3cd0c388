"""Does docs/batch.md run as it stands, and come out like that?"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from backtester.batch import plan_of, read_plan
from backtester.batch.settings import SETTINGS
from tests.cli.test_readme import blocks, command_lines, text


def words(said: str) -> str:
    """Return a text without what depends on the machine and the moment."""
    return re.sub(r"About .*? GiB|tried in [^)]*", "About", " ".join(said.split()))


def test_the_page_runs_and_its_outputs_are_real(
    backtester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("duckdb", reason="duckdb is not installed")
    monkeypatch.chdir(tmp_path)
    plan, more, shocks, allotted, team = blocks("docs/batch.md", "toml")
    (tmp_path / "frontier.toml").write_text(plan)
    (tmp_path / "more.toml").write_text(plan + more)
    assert read_plan("frontier.toml").n_runs == 80
    assert read_plan("more.toml").n_runs == 80 - 2 * 4 * 2 + 2 * 4 * 5 * 2
    bare = 'strategy = "grid_reversion"\nmarket = "synthetic"\n'
    assert [plan_of(tomllib.loads(bare + block)).n_runs for block in (shocks, allotted)] == [120, 7]
    assert plan_of(tomllib.loads('market = "synthetic"\n' + team)).n_runs == 8
    printed = []
    for line in command_lines("docs/batch.md"):
        if line[1:2] in (["batch"], ["results"]):
            done = backtester(*line[1:])
            assert (done.returncode, done.stderr) == (0, ""), line
            printed.append(done.stdout)
    assert len(printed) == 9
    assert (tmp_path / "cross.csv").is_file()
    for name in ("frontier.png", "heat.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert "Higher final equity: " in (tmp_path / "frontier.html").read_text()
    whole = words("\n".join(printed))
    for block in blocks("docs/batch.md", "text"):
        assert words(block) in whole, block
    for listing in blocks("docs/batch.md", "python"):
        exec(compile(listing, "docs/batch.md", "exec"), {"__name__": "page"})


def test_the_page_names_every_setting_and_column() -> None:
    page = text("docs/batch.md")
    for name in SETTINGS:
        assert f"`{name}`" in page, name
