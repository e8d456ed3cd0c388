"""Does Ctrl-C end a command with a word and without a trace?"""

from __future__ import annotations

from pathlib import Path

import pytest

from backtester import cli
from backtester.cli import setting_up


def test_an_interrupted_comparison_says_so_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(setting_up, "market_of", interrupt)
    monkeypatch.setattr("sys.argv", ["backtester", "compare", "breakout", "--market", "synthetic", "--out", "new"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert list(tmp_path.iterdir()) == []
