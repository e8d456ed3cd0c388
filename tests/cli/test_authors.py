"""Every listing of the pages for authors, run in the order in which it stands, with what it is said to print."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from backtester.cli import main

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = {"authors.md": (11, 10, 2), "bar-by-bar.md": (7, 6, 1)}  # blocks of Python, of what is printed, and of commands
BLOCK = re.compile(r"(?:^<!-- file: (\S+) -->\n)?^```(\w*)\n(.*?)^```$", re.M | re.S)


class Block(NamedTuple):
    """A fenced block: the file it is written to, its language, and what is in it."""

    file: str
    language: str
    text: str


def blocks_of(page: str) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))]


def run_commands(lines: str) -> None:
    """Run each line as a command, in this process."""
    for line in lines.replace("\\\n", " ").splitlines():
        name, *sys.argv[1:] = shlex.split(line)
        assert name == "backtester"
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code, line


def same(shown: str, printed: str) -> bool:
    """Return whether two lines agree; of numbers, the last digits may depend on the machine."""
    words, others = shown.split(), printed.split()
    return len(words) <= len(others) and all(map(close, words, others[: len(words)]))


def close(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        return number(one) == pytest.approx(number(other), rel=0.01, abs=0.02)
    except ValueError:
        return False


def number(word: str) -> float:
    return float(word.strip("(),;:{}[]'").replace(",", ""))


@pytest.mark.parametrize("page", PAGES)
def test_the_listings_run_and_print_what_is_shown(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["backtester"])
    names: dict[str, object] = {"__name__": "authors"}
    printed = ""
    for block in blocks_of(page):
        if block.language == "text":
            for line in block.text.splitlines():
                assert any(same(line, other) for other in printed.splitlines()), f"{line}\n\nis not in\n\n{printed}"
            continue
        if block.file:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        if block.language == "python":
            exec(compile(block.text, f"docs/{page}", "exec"), names)
        else:
            run_commands(block.text)
        printed = capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES)
def test_there_is_something_to_run(page: str) -> None:
    kinds = [block.language for block in blocks_of(page)]
    assert (kinds.count("python"), kinds.count("text"), kinds.count("")) == PAGES[page]


def test_lines_that_differ_are_seen() -> None:
    assert same("{'main': 2000.0, 'a': 7.001}", "{'main': 2000.0, 'a': 7.0}")
    assert not same("{'main': 2100.0}", "{'main': 2000.0}")
    assert not same("isolated 3", "cross 3")
    assert not same("one more", "one")
