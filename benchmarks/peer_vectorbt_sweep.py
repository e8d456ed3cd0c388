"""Plays vectorbt in a sweep of parameters: run by `peers.py` in vectorbt's own environment, imports nothing of ours.

    python peer_vectorbt_sweep.py FOLDER

reads prices and settings of the folder, sweeps once for nothing, says what it is and what it paid in one line of JSON,
then sweeps once for every line of input and prints the seconds. A line says how far: ``from_signals`` ends with the
portfolios, ``with_metrics`` takes from each what a sweep is made for.
"""

import gc
import json
import os
import sys
import time
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
import vectorbt as vbt


def main(folder: Path) -> None:
    answers = os.fdopen(os.dup(1), "w")  # what a library prints goes to stderr and is no answer
    os.dup2(2, 1)
    settings = json.loads((folder / "settings.json").read_text())
    price = {name: np.load(folder / f"{name}.npy") for name in ("open", "close")}
    say(answers, about(sweep(price, settings, with_metrics=True)))
    for line in sys.stdin:
        start = time.perf_counter()
        sweep(price, settings, with_metrics=line.strip() == "with_metrics")
        say(answers, time.perf_counter() - start)


def sweep(price: dict, settings: dict, *, with_metrics: bool) -> list:
    """Run every pair of windows, some columns at a time so that memory suffices; return fees and measures."""
    averages = {
        window: np.asarray(vbt.MA.run(price["close"][:, 0], window).ma)
        for window in sorted({*settings["fast"], *settings["slow"]})
    }
    pairs = list(product(settings["fast"], settings["slow"]))
    out = []
    for k in range(0, len(pairs), settings["columns"]):
        signals = signals_of([averages[fast] - averages[slow] for fast, slow in pairs[k : k + settings["columns"]]])
        portfolio = vbt.Portfolio.from_signals(
            price["close"],
            **signals,
            price=price["open"],
            size=settings["notional"],
            size_type="value",
            fees=settings["fee_rate"],
            init_cash=settings["balance"],
            freq="1min",
        )
        gc.collect()  # portfolios refer to themselves: without this the last ones would stay
        if with_metrics:
            measures = [portfolio.total_return(), portfolio.max_drawdown(), portfolio.sharpe_ratio()]
            orders = portfolio.orders.values
            out.append((float(orders["fees"].sum()), [np.asarray(each) for each in measures]))
    return out


def signals_of(trends: list) -> dict:
    """Return entries and exits at the bars that execute what the bar before decided, ``(n_bars, n_columns)``."""
    side = np.sign(np.column_stack(trends))
    before = np.vstack((np.full((1, side.shape[1]), np.nan), side[:-1]))
    changed = ~np.isnan(side) & (side != np.where(np.isnan(before), 0.0, before))
    acts = {"entries": side > 0, "short_entries": side < 0, "exits": side == 0}
    first = np.zeros((1, side.shape[1]), bool)
    out = {name: np.vstack((first, (changed & wanted)[:-1])) for name, wanted in acts.items()}
    return out | {"short_exits": out["exits"]}


def about(chunks: list) -> dict:
    """Return versions, and what to compare with our runs."""
    packages = ("vectorbt", "numba", "numpy", "pandas")
    return {
        "versions": {name: version(name) for name in packages},
        "fees": sum(fees for fees, _ in chunks),
    }


def say(answers, value) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


main(Path(sys.argv[1]))
