"""Plays vectorbt: run by `peers.py` in vectorbt's own environment, imports nothing of ours.

    python peer_vectorbt.py FOLDER

reads the arrays of the folder, says what it is and what it traded in one line of JSON, then for every line of input
does what it names once and prints the seconds.
"""

import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import vectorbt as vbt


def main(folder: Path) -> None:
    answers = os.fdopen(os.dup(1), "w")  # what a library prints goes to stderr and is no answer
    os.dup2(2, 1)
    arrays = {path.stem: np.load(path) for path in folder.glob("*.npy")}
    settings = json.loads((folder / "settings.json").read_text())
    shared = settings["n_slots"] > 1  # one account for all columns

    def from_signals() -> vbt.Portfolio:
        return vbt.Portfolio.from_signals(
            arrays["close"],
            entries=arrays["entries"],
            exits=arrays["exits"],
            short_entries=arrays["short_entries"],
            short_exits=arrays["exits"],
            price=arrays["open"],
            size=settings["notional"],
            size_type="value",
            fees=settings["fee_rate"],
            init_cash=settings["balance"],
            cash_sharing=shared,
            group_by=True if shared else None,
            freq="1min",
        )

    def from_signals_and_value() -> np.ndarray:
        return from_signals().value()

    actions = {"from_signals": from_signals, "from_signals_and_value": from_signals_and_value}
    portfolio = from_signals()
    say(answers, about(portfolio))
    for line in sys.stdin:
        start = time.perf_counter()
        actions[line.strip()]()
        say(answers, time.perf_counter() - start)


def about(portfolio: vbt.Portfolio) -> dict:
    """Return versions, and what to compare with our run."""
    records = portfolio.orders.values
    packages = ("vectorbt", "numba", "numpy", "pandas")
    return {
        "versions": {name: version(name) for name in packages},
        "orders": len(records),
        "fees": float(records["fees"].sum()),
        "final": float(np.asarray(portfolio.final_value()).sum()),
    }


def say(answers, value) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


main(Path(sys.argv[1]))
