"""The listing of docs/compiled.md, run: compiled, and without the decorator."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from backtester.account import Account
from backtester.asking.loading import load_class
from backtester.cli import main
from backtester.engine import run
from data import synthetic
from tests.compiled import in_python

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "compiled.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    name, text = re.search(r"<!-- file: (\S+) -->\n```python\n(.*?)```", PAGE, re.S).groups()
    (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_run(folder, monkeypatch, capsys):
    commands = re.findall(r"^backtester .*$", PAGE, re.MULTILINE)
    assert len(commands) == 2
    for line in commands:
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code, line
    printed = capsys.readouterr().out
    assert "9 passed" in printed
    assert "additions of margin by hand" in printed


@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_it_does_what_the_same_method_does_in_python(folder, mode):
    keeper = load_class("keeper.py:Keeper")
    market, account = synthetic(4_000, 4, "1h", seed=7), Account(balance=10_000, leverage=20, mode=mode)
    mine, theirs = run(keeper(), market, account), run(in_python(keeper)(), market, account)
    assert mine.events.tobytes() == theirs.events.tobytes()
    assert mine.ledger.tobytes() == theirs.ledger.tobytes()
    assert len(mine.scenario.orders.bar) > 20
    assert (len(mine.scenario.actions.bar) > 0) == (mode == "isolated")
