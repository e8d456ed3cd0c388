"""Does `backtester demo` run, say that it is synthetic, and never clobber anything?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from backtester.cli import demo, main

ROOT = Path(__file__).resolve().parents[2]
PAGE = os.path.join("out", "demo", "report.html")
CODE = "from backtester.cli import main; main()"


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="session")
def twice(place: Path) -> tuple[CompletedProcess[str], CompletedProcess[str]]:
    """Return two calls in the same folder."""
    settings = os.environ | {"PYTHONPATH": str(ROOT)}

    def call() -> CompletedProcess[str]:
        command = [sys.executable, "-c", CODE, "demo"]
        return subprocess.run(command, cwd=place, env=settings, capture_output=True, text=True, timeout=180)

    return call(), call()


def test_it_runs_and_says_synthetic(twice: tuple[CompletedProcess[str], CompletedProcess[str]]) -> None:
    first, second = twice
    assert (first.returncode, first.stderr) == (0, "")
    assert "SYNTHETIC MARKET: made-up prices" in first.stdout
    assert second.stdout == first.stdout  # the same market, the same runs
    assert first.stdout.splitlines()[-1] == PAGE
    assert first.stdout.endswith(PAGE + "\n")


def test_the_story_is_there(twice: tuple[CompletedProcess[str], CompletedProcess[str]], place: Path) -> None:
    """Both accounts live until the crash; then cross loses nearly everything, isolated a part."""
    assert twice[0].returncode == 0
    said = json.loads((place / "out" / "demo" / "report.json").read_text())
    metrics = said["metrics"]
    assert said["synthetic"] is True
    assert metrics["liquidations"]["isolated"] > metrics["liquidations"]["cross"] > 0
    assert metrics["max_drawdown_in_bars"]["isolated"] < 0.7 < 0.9 < metrics["max_drawdown_in_bars"]["cross"]
    page = (place / "out" / "demo" / "report.html").read_text()
    assert "Synthetic market" in page


def test_it_leaves_nothing_but_the_report(
    twice: tuple[CompletedProcess[str], CompletedProcess[str]], place: Path
) -> None:
    assert twice[1].returncode == 0
    assert [file.name for file in place.iterdir()] == ["out"]
    assert [file.name for file in (place / "out").iterdir()] == ["demo"]


# What may be replaced


@pytest.fixture
def earlier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that looks like an earlier demo, in the folder of this process."""
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out" / "demo"
    (out / "charts").mkdir(parents=True)
    (out / "report.html").write_text("earlier")
    (out / "charts" / "equity.svg").write_text("earlier")
    demo._sign(out)
    return out


def test_an_earlier_demo_is_known(earlier: Path) -> None:
    assert demo._is_earlier_demo(earlier)
    (earlier / "charts" / "equity.svg").unlink()
    assert demo._is_earlier_demo(earlier)  # a part of it
    (earlier / "my-notes.txt").write_text("mine")
    assert not demo._is_earlier_demo(earlier)


@pytest.mark.parametrize("content", ["", "{}", "[]"])
def test_something_else_is_not(tmp_path: Path, content: str) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert not demo._is_earlier_demo(tmp_path)
    (tmp_path / demo.CONTENT).write_text(content)
    assert not demo._is_earlier_demo(tmp_path)
    assert not demo._is_earlier_demo(tmp_path / "absent")


def test_a_file_of_somebody_is_kept(
    earlier: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (earlier / "my-notes.txt").write_text("mine")
    monkeypatch.setattr("sys.argv", ["backtester", "demo"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "nothing is overwritten" in capsys.readouterr().err
    assert (earlier / "my-notes.txt").read_text() == "mine"
    assert (earlier / "report.html").read_text() == "earlier"


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError])
def test_a_demo_that_fails_leaves_the_earlier_one(earlier: Path, failure: type[BaseException]) -> None:
    with pytest.raises(failure), demo._moved_away(earlier, earlier=True):
        assert not earlier.exists()
        raise failure
    assert (earlier / "report.html").read_text() == "earlier"
    assert [file.name for file in earlier.parent.iterdir()] == ["demo"]
