"""What a person sees while a download goes on: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from backtester.cli.data import watch
from data.store import Entry, Series

HOUR = 3_600_000
TRADE = Series("bybit", "BTCUSDT", "trade", "1h")
FUNDING = Series("bybit", "BTCUSDT", "funding")
ENTRY = Entry("a test", 1_704_067_200_000, 1_704_110_400_000, 13, (), "0" * 64, "2024-01-02T00:00:00+00:00")


def test_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.0, 5.0, 10.0, 10.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    plain = watch.Plain()
    plain.plan([TRADE, FUNDING])
    plain.begin(TRADE, 100 * HOUR)
    plain.page(TRADE, 20, 20 * HOUR)  # 5 s: not yet worth a line
    monkeypatch.setattr("time.monotonic", lambda: 10.0)
    plain.page(TRADE, 20, 40 * HOUR)
    plain.end(TRADE, 40, ENTRY)
    plain.end(FUNDING, 0, None)
    plain.note("something")
    assert capsys.readouterr().err.splitlines() == [
        "BTCUSDT 1h trade: 40 %, 4 rows/s, 15 s left",
        "BTCUSDT 1h trade: 13 rows, 2024-01-01 00:00 to 2024-01-01 12:00 (40 new)",
        "BTCUSDT funding: the venue has none in this range",
        "note: something",
    ]


def test_bars() -> None:
    out = io.StringIO()
    columns = (TextColumn("{task.description}", markup=False), TextColumn("{task.fields[pace]}"))
    with Progress(*columns, console=Console(file=out, force_terminal=True, width=80)) as progress:
        bars = watch.Bars(progress)
        bars.plan([TRADE, FUNDING])
        bars.begin(TRADE, 100 * HOUR)
        bars.begin(FUNDING, 0)
        bars.page(TRADE, 20, 50 * HOUR)
        assert [task.description for task in progress.tasks] == ["all", "BTCUSDT 1h trade"]
        assert progress.tasks[1].percentage == 50
        assert progress.tasks[1].fields["pace"].endswith(" left")
        bars.end(TRADE, 20, ENTRY)
        bars.fail(FUNDING, ValueError("no"))
        assert [task.description for task in progress.tasks] == ["all"]
        assert progress.tasks[0].fields["pace"].startswith("2 of 2 series")
    assert "BTCUSDT 1h trade: 13 rows" in out.getvalue()
    assert "BTCUSDT funding: given up" in out.getvalue()
