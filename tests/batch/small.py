"""A small plan on the synthetic market, and a strategy that can be made to fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from backtester.batch import read_runs

PERIOD = {"start": "2024-01-01", "end": "2024-01-11"}
SMALL: dict[str, Any] = {
    "strategy": "grid_reversion",
    "params": {"exposure": [2, 6]},
    "market": "synthetic",
    "symbols": ["FAKE1,FAKE2", "FAKE3"],
    "period": PERIOD,
    "seed": [1, 2],
    "leverage": [5, 20, 50],
}
FRAGILE = '''
"""Fails, hangs or dies when it is told to."""

import os
import signal
import time
from pathlib import Path

from backtester import Strategy, Targets


class Fragile(Strategy):
    size: float = 1_000.0
    trouble: str = ""
    once: str = ""  # a file: where it exists there is no trouble any more
    slow: float = 0.0  # [s]

    def targets(self, market):
        if self.trouble == "error":
            raise ValueError("no such luck")
        if self.trouble == "kill" and not Path(self.once).exists():
            Path(self.once).write_text("")
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.slow)
        return Targets(notional=self.size)
'''
PLAIN = {"strategy": "trend", "market": "synthetic", "symbols": "FAKE1", "period": PERIOD}
BOTH = """
from backtester import SlotSpec, Strategy, Targets

class Both(Strategy):
    def slots(self, market):
        return [SlotSpec(market.symbols[0], margin_mode="isolated"), SlotSpec(market.symbols[1])]

    def targets(self, market):
        return Targets(notional=1_000.0)
"""
NAMED = """
from backtester import Strategy, Targets

class One(Strategy):
    named: {kind} = {usual}

    def targets(self, market):
        return Targets(notional=1_000.0)
"""


def fragile(folder: Path) -> str:
    """Return the name of a strategy that can be made to fail."""
    (folder / "fragile.py").write_text(FRAGILE)
    return f"{folder / 'fragile.py'}:Fragile"


def plan_with(**changes: Any) -> dict[str, Any]:
    return SMALL | changes


def same_rows(first: Path, second: Path) -> None:
    """Fail unless two folders have the same rows, to the bit."""
    left, right = read_runs(first), read_runs(second)
    assert len(left) == left["key"].nunique()
    pd.testing.assert_frame_equal(left, right, check_exact=True)
